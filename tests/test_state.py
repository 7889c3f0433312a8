"""The consent cookie: opens only as sealed, says only what it must (§2.6 item 7, L20, H4)."""

import string
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from itsdangerous import BadSignature, Signer
from sample import SECRET

from consentkit.errors import ConfigurationError
from consentkit.gate.state import Seal, hint, set_cookie, state_cookies
from consentkit.policy.decision import Choice, Consent, Decision, Reason

NOW = datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)
END = datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC)
CONSENT = Consent(
    b"0123456789abcdef",
    42,
    {"analytics": Choice(True, NOW, "ab" * 32), "marketing": Choice(False, NOW, "cd" * 32)},
)
SEAL = Seal(SECRET, "shop/consent")
VALUE = SEAL.seal(CONSENT)


def test_what_is_sealed_opens_again() -> None:
    assert SEAL.unseal(VALUE) == CONSENT
    assert SEAL.unseal(VALUE.encode()) == CONSENT


def test_it_is_compact() -> None:
    assert len(VALUE) < 250


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 127))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_a_changed_character_opens_nothing(place: int, shift: int) -> None:
    changed = VALUE[:place] + chr((ord(VALUE[place]) + shift) % 128) + VALUE[place + 1 :]
    assert SEAL.unseal(changed) in (None, CONSENT)  # the last base64 digit has bits that mean nothing
    if place < len(VALUE) - 1:
        assert SEAL.unseal(changed) is None


@given(st.binary(max_size=80))
@example(b"")
@example(b".")
@example(b"null.x")
@settings(max_examples=300, derandomize=True, deadline=None)
def test_any_bytes_open_nothing_and_raise_nothing(value: bytes) -> None:
    assert SEAL.unseal(value) is None


@pytest.mark.parametrize("cut", range(1, len(VALUE), 7))
def test_a_truncated_value_opens_nothing(cut: int) -> None:
    assert SEAL.unseal(VALUE[:-cut]) is None


def test_another_key_or_another_site_opens_nothing() -> None:
    assert Seal("another secret of enough length", "shop/consent").unseal(VALUE) is None
    assert Seal(SECRET, "other/consent").unseal(VALUE) is None


def test_keys_rotate_newest_last() -> None:
    rotated = Seal([SECRET, "a newer secret that is long enough"], "shop/consent")
    assert rotated.unseal(VALUE) == CONSENT
    assert SEAL.unseal(rotated.seal(CONSENT)) is None


@pytest.mark.parametrize("secret", ["", "short", [], ["long enough to be a good key", "short"]])
def test_a_weak_secret_is_refused(secret: str | list[str]) -> None:
    with pytest.raises(ConfigurationError, match="16 characters"):
        Seal(secret, "shop/consent")


@pytest.mark.parametrize(
    "payload",
    [
        b"3",
        b"3.AA.1.eA:0:analytics",
        b"3.AA.1.eA:1e3:analytics:",
        b"3.AA.1.eA:99999999999999999999:analytics:",
        b"3.A.1.eA:0:analytics:",
        b"3.AA.x.eA:0:analytics:",
        b"3.AA.1.eA:0:\xff:",
        b"3.AA.1.5",
        b"2.AA.1.eA:0:analytics:",
        b"",
    ],
)
def test_a_rightly_sealed_oddity_opens_nothing(payload: bytes) -> None:
    assert SEAL.unseal(SEAL._signature._signer.sign(payload)) is None


def test_it_is_sealed_as_itsdangerous_seals() -> None:
    plain = Signer(SECRET, "consentkit/state/3/shop/consent", key_derivation="hmac", digest_method=sha256)
    assert plain.unsign(VALUE).startswith(b"3.")
    with pytest.raises(BadSignature):
        plain.unsign(VALUE[1:])


def test_a_cookie_holds_nothing_that_ends_it_early() -> None:
    """RFC 6265, 4.1.1: no space, quote, comma, semicolon or backslash."""
    assert set(VALUE) <= set(string.ascii_letters + string.digits + "-_.:+")


def decision(**until: datetime) -> Decision:
    reasons = {"analytics": Reason.GRANTED, "marketing": Reason.REFUSED}
    return Decision(frozenset({"necessary", "analytics"}), False, reasons, until)


def test_the_hint_names_answers_and_ends_but_nobody() -> None:
    text = hint("ab" * 32, decision(analytics=END, marketing=END))
    seconds = int(END.timestamp())
    assert text == f"abababababababab.analytics+{seconds}.marketing-{seconds}"


def test_both_cookies_end_with_the_last_answer() -> None:
    values = state_cookies(SEAL, CONSENT, decision(analytics=END), "ab" * 32, NOW, secure=True)
    assert all("; Max-Age=15638400; SameSite=Lax" in value and "; Secure" in value for value in values)
    assert "HttpOnly" in values[0]
    assert "HttpOnly" not in values[1]


def test_without_a_settled_answer_both_cookies_go() -> None:
    for value in state_cookies(SEAL, CONSENT, decision(), "ab" * 32, NOW, secure=True):
        assert "Max-Age=0" in value


def test_a_set_cookie_value_is_whole() -> None:
    assert set_cookie("a", "b", 5, secure=False) == "a=b; Path=/; Max-Age=5; SameSite=Lax"


def test_a_longer_cookie_than_browsers_keep_is_not_ours() -> None:
    assert SEAL.unseal(VALUE + "x" * 5000) is None
