"""Policy versions: named by the hash of their bytes, readable again from those bytes alone."""

from hashlib import sha256

import pytest
from sample import policy

from consentkit.errors import PolicyError
from consentkit.policy.notice import stored_notice
from consentkit.policy.version import from_bytes, resolve


def test_the_version_is_the_hash_of_the_stored_bytes() -> None:
    resolved = resolve(policy())
    assert resolved.version == sha256(resolved.body).hexdigest()
    assert len(resolved.version) == 64


def test_the_bytes_alone_give_the_same_policy_back() -> None:
    resolved = resolve(policy())
    again = from_bytes(resolved.body)
    assert again == resolved
    assert stored_notice(again, "fr", "/consent") == stored_notice(resolved, "fr", "/consent")


def test_any_change_is_another_version() -> None:
    versions = {
        resolve(policy()).version,
        resolve(policy(services=["google-analytics"])).version,
        resolve(policy(texts={"en": {"title": "Biscuits"}})).version,
        resolve(policy(lifetimes={"consent_months": 3})).version,
    }
    assert len(versions) == 4


def test_the_order_of_members_changes_nothing() -> None:
    assert resolve(dict(reversed(policy().items()))).version == resolve(policy()).version


def test_known_services_the_site_does_not_declare_are_kept_apart() -> None:
    resolved = resolve(policy(services=["google-analytics"]))
    assert resolved.category_of("google-analytics") == "analytics"
    assert resolved.category_of("meta-pixel") is None
    assert "meta-pixel" in resolved.known


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"format":"other/1"}', b"\xff"])
def test_bytes_that_are_no_policy_are_refused(body: bytes) -> None:
    with pytest.raises(PolicyError):
        from_bytes(body)
