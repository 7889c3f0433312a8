"""Policy versions: named by the hash of their bytes, readable again from those bytes alone."""

from hashlib import sha256

import orjson
import pytest
from sample import policy

from consentkit.errors import PolicyError
from consentkit.policy.document import Pages
from consentkit.policy.notice import stored_notice
from consentkit.policy.tables import Cookies, Lifetimes
from consentkit.policy.version import CATEGORIES, from_bytes, resolve
from consentkit.policy.words import texts


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
        resolve(policy(lifetimes={"refusal_months": 7})).version,
        resolve(policy(lifetimes={"analytics_months": 12})).version,
        resolve(policy(cookies={"undeclared": "strict"})).version,
        resolve(policy(cookies={"domain": "host"})).version,
        resolve(policy(cookies={"domain": ["shop.example"]})).version,
        resolve(policy(pages={"third_parties": "strict"})).version,
        resolve(policy(pages={"allow": ["cdn.example.com"]})).version,
    }
    assert len(versions) == 11


def test_the_order_of_hosts_and_tools_changes_nothing() -> None:
    one = resolve(policy(pages={"allow": ["a.example", "b.example"], "aliases": ["onetrust", "cookiebot"]}))
    other = resolve(policy(pages={"allow": ["b.example", "a.example"], "aliases": ["cookiebot", "onetrust"]}))
    assert one.version == other.version
    assert one.pages.allow == ["a.example", "b.example"]
    domains = ["shop.fr", "shop.example"]
    both = [resolve(policy(cookies={"domain": each})) for each in (domains, domains[::-1])]
    assert both[0].version == both[1].version


def test_a_policy_published_before_pages_had_a_table_still_opens() -> None:
    stored = orjson.loads(resolve(policy()).body)
    del stored["pages"]
    stored["rewriter"] = 1
    body = orjson.dumps(stored, option=orjson.OPT_SORT_KEYS)
    old = from_bytes(body)
    assert old.pages == Pages()
    assert old.version == sha256(body).hexdigest()


def test_a_policy_published_before_texts_were_added_has_ours_for_those() -> None:
    own = {"fr": {"title": "Biscuits", "embed": {"once": "Une fois"}}}
    stored = orjson.loads(resolve(policy(texts=own)).body)
    french = stored["texts"]["fr"]
    del french["plural"], french["dates"], french["embed"]["always"]
    french["labels"]["blocked"] = "a text since forgotten"
    stored["texts"]["xx"] = {"title": "Of a language since forgotten"}
    old = from_bytes(orjson.dumps(stored))
    known = texts("fr", own["fr"])
    assert old.texts["fr"] == known | {"labels": known["labels"] | {"blocked": "a text since forgotten"}}
    assert old.texts["xx"] == stored["texts"]["xx"]


def test_a_policy_published_before_a_refusal_had_months_of_its_own_keeps_what_it_told() -> None:
    stored = orjson.loads(resolve(policy(lifetimes={"consent_months": 3})).body)
    stored["lifetimes"] = {"consent_months": 3}
    del stored["cookies"]
    body = orjson.dumps(stored, option=orjson.OPT_SORT_KEYS)
    old = from_bytes(body)
    assert old.lifetimes == Lifetimes(consent_months=3, refusal_months=3)
    assert [old.lifetimes.cap(each) for each in CATEGORIES] == [12, 12, 13, 13]
    assert old.cookies == Cookies()
    assert old.version == sha256(body).hexdigest()


def test_each_category_has_a_cap_that_only_the_policy_lowers() -> None:
    caps = {"preferences_months": 1, "analytics_months": 6, "marketing_months": 3}
    lifetimes = from_bytes(resolve(policy(lifetimes=caps)).body).lifetimes
    assert [lifetimes.cap(each) for each in (*CATEGORIES, "", "else")] == [12, 1, 6, 3, 1, 1]


def test_a_stored_mode_or_tool_of_another_time_is_read_or_refused_never_guessed() -> None:
    stored = orjson.loads(resolve(policy()).body)
    stored["pages"]["aliases"] = ["a tool since forgotten"]
    assert from_bytes(orjson.dumps(stored)).pages.aliases == ["a tool since forgotten"]
    for scope in ("wide", 7, []):
        with pytest.raises(PolicyError):
            from_bytes(orjson.dumps(stored | {"cookies": {"domain": scope}}))
    stored["pages"]["third_parties"] = "off"
    with pytest.raises(PolicyError):
        from_bytes(orjson.dumps(stored))


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
