"""How a page's own Content-Security-Policy lets the starter in."""

import pytest

from consentkit.gate.csp import Admission, admission


@pytest.mark.parametrize(
    ("policies", "way"),
    [
        ([], Admission(inline=True, nonce=None, file=True)),
        (["default-src 'self'; script-src 'self' 'nonce-r4nd0m=='"], Admission(True, "r4nd0m==", True)),
        (["default-src 'nonce-abc'"], Admission(True, "abc", True)),
        (["script-src 'NONCE-abc'"], Admission(True, "abc", True)),
        (["style-src 'nonce-abc'"], Admission(True, None, True)),
        (["script-src 'self'"], Admission(False, None, True)),
        (["frame-ancestors 'none'"], Admission(True, None, True)),
        # The most specific directive governs, in whatever order they stand.
        (
            ["default-src 'nonce-d'; script-src 'nonce-s'; script-src-elem 'nonce-e'"],
            Admission(True, "e", True),
        ),
        (["default-src 'nonce-d'; script-src 'self'"], Admission(False, None, True)),
        (["script-src 'nonce-a'; script-src 'self'"], Admission(True, "a", True)),
        # Every policy has to agree.
        (["script-src 'nonce-a'", "script-src 'self'"], Admission(False, "a", True)),
        (["script-src 'nonce-a' 'nonce-b', script-src 'nonce-b'"], Admission(True, "b", True)),
        (["script-src 'nonce-a'", "img-src *"], Admission(True, "a", True)),
        (["script-src 'unsafe-inline' 'self'"], Admission(True, None, True)),
        (["script-src 'unsafe-inline' 'self' 'sha256-abc'"], Admission(False, None, True)),
        # By its hash, in either alphabet of base64; beside a nonce that another policy asks for.
        (["script-src 'sha256-own+/='"], Admission(True, None, False)),
        (["script-src 'SHA256-own-_=' 'strict-dynamic'"], Admission(True, None, False)),
        (["script-src 'sha256-own+/='", "script-src 'nonce-a'"], Admission(True, "a", False)),
        # Nothing lets it in.
        (["script-src 'strict-dynamic' 'sha256-abc' 'self'"], Admission(False, None, False)),
        (["script-src 'sha256-abc'"], Admission(False, None, False)),
        (["script-src"], Admission(False, None, False)),
        (["script-src https:"], Admission(False, None, True)),
    ],
)
def test_what_a_policy_lets_in(policies: list[str], way: Admission) -> None:
    found = admission(
        [(b"content-security-policy", policy.encode()) for policy in policies], {"'sha256-own+/='"}
    )
    assert found == way
    assert found.refused is not (way.inline or way.file)
