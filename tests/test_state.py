"""The consent cookie: opens only as sealed, says only what it must (§2.6 item 7, L20, H4)."""

import string
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import BadSignature, Signer
from sample import SECRET, policy
from samples import samples

from consentkit.errors import ConfigurationError
from consentkit.gate.anchors import Seen, key_of
from consentkit.gate.seal import KeyedBlake2
from consentkit.gate.sightings import Sighting, observed
from consentkit.gate.state import Home, Seal, State, hint, home_of, issued_in
from consentkit.policy.decision import Choice, Consent, Decision, Reason
from consentkit.policy.months import day_of
from consentkit.policy.version import resolve

NOW = datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)
END = datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC)
CONSENT = Consent(
    b"0123456789abcdef",
    42,
    {"analytics": Choice(True, NOW, "ab" * 32), "marketing": Choice(False, NOW, "cd" * 32)},
)
SEAL = Seal(SECRET, "shop/consent")
VALUE = SEAL.seal(CONSENT)
HERE = Home("", secure=True)


def test_what_is_sealed_opens_again() -> None:
    assert SEAL.unseal(VALUE) == CONSENT
    assert SEAL.unseal(VALUE.encode()) == CONSENT


def test_it_is_compact() -> None:
    assert len(VALUE) < 250


@given(st.integers(0, len(VALUE) - 1), st.integers(1, 127))
@samples(300, derandomize=True)
def test_a_changed_character_opens_nothing(place: int, shift: int) -> None:
    changed = VALUE[:place] + chr((ord(VALUE[place]) + shift) % 128) + VALUE[place + 1 :]
    assert SEAL.unseal(changed) in (None, CONSENT)  # the last base64 digit has bits that mean nothing
    if place < len(VALUE) - 1:
        assert SEAL.unseal(changed) is None


@given(st.binary(max_size=80))
@example(b"")
@example(b".")
@example(b"null.x")
@samples(300, derandomize=True)
def test_any_bytes_open_nothing_and_raise_nothing(value: bytes) -> None:
    assert SEAL.unseal(value) is None


@pytest.mark.parametrize("cut", range(1, len(VALUE), 7))
def test_a_truncated_value_opens_nothing(cut: int) -> None:
    assert SEAL.unseal(VALUE[:-cut]) is None


def test_another_key_or_another_site_opens_nothing() -> None:
    anchors = SEAL.seal_seen(Seen(TODAY)).encode()
    assert SEAL.open_seen(anchors) is not None
    for other in (Seal("another secret of enough length", "shop/consent"), Seal(SECRET, "other/consent")):
        assert other.unseal(VALUE) is None
        assert other.open_seen(anchors) is None


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
    plain = Signer(
        SECRET,
        "consentkit/state/3/shop/consent",
        key_derivation="hmac",
        digest_method=sha256,
        algorithm=KeyedBlake2(),
    )
    assert plain.unsign(VALUE).startswith(b"3.")
    with pytest.raises(BadSignature):
        plain.unsign(VALUE[1:])


def test_a_cookie_holds_nothing_that_ends_it_early() -> None:
    """RFC 6265, 4.1.1: no space, quote, comma, semicolon or backslash."""
    assert set(VALUE) <= set(string.ascii_letters + string.digits + "-_.:+")


def decision(**until: datetime) -> Decision:
    reasons = {"analytics": Reason.GRANTED, "marketing": Reason.REFUSED}
    return Decision(frozenset({"necessary", "analytics"}), False, reasons, until)


TODAY = day_of(NOW)


def cookies(until: dict[str, datetime], seen: Seen | None = None, home: Home = HERE) -> dict[str, str]:
    """The attributes and value of each cookie that keeps a state, by its name."""
    state = State(CONSENT, decision(**until), seen)
    return {line.partition("=")[0]: line for line in state.cookies(SEAL, "ab" * 32, NOW, home)}


def test_the_hint_names_answers_and_ends_but_nobody() -> None:
    text = hint("ab" * 32, decision(analytics=END, marketing=END), "AAB")
    seconds = int(END.timestamp())
    assert text == f"abababababababab.analytics+{seconds}.marketing-{seconds}.~AAB"


def test_the_day_of_the_hint_is_read_back() -> None:
    """Ours are set again after five days (L30): the hint says when they were."""
    line = cookies({"analytics": END})["consentkit_allows"]
    sent = line.partition(";")[0].encode()
    assert issued_in(b"a=1; " + sent) == issued_in(sent) == TODAY


@pytest.mark.parametrize(
    "header",
    [b"", b"consentkit_allows=ab.analytics+1", b"consentkit_allows=ab.~", b"x_consentkit_allows=ab.~AAB"],
)
def test_a_hint_without_a_day_tells_none(header: bytes) -> None:
    assert issued_in(header) is None


def test_both_cookies_end_with_the_last_answer() -> None:
    lines = cookies({"analytics": END})
    assert lines.keys() == {"consentkit", "consentkit_allows"}
    assert all("; Max-Age=15638400; SameSite=Lax" in line and "; Secure" in line for line in lines.values())
    assert "HttpOnly" in lines["consentkit"]
    assert "HttpOnly" not in lines["consentkit_allows"]


def test_without_a_settled_answer_the_choice_goes_and_the_anchors_stay() -> None:
    """A tracker isn't younger because its visitor has to be asked again (B6)."""
    gone = cookies({})
    assert gone.keys() == {"consentkit", "consentkit_allows"}
    assert all("Max-Age=0" in line for line in gone.values())
    lines = cookies({}, observed(None, [Sighting("_ga", b"GA1.1.1.1", 13)], TODAY))
    assert {name for name, line in lines.items() if "Max-Age=0" not in line} == {"consentkit_seen"}


def test_anchors_are_kept_where_no_script_reads_or_writes_them() -> None:
    """Thirteen months at most, which 400 days allow; the hint repeats each end, for scripts (A17, B6)."""
    seen = observed(None, [Sighting("_ga", b"GA1.1.1.1", 13)], TODAY)
    lines = cookies({"analytics": END}, seen)
    assert "HttpOnly" in lines["consentkit_seen"]
    value, *attributes = lines["consentkit_seen"].split("; ")
    life = next(int(each.removeprefix("Max-Age=")) for each in attributes if each.startswith("Max-Age="))
    assert 390 * 86400 < life <= 400 * 86400
    payload = SEAL.open_seen(value.removeprefix("consentkit_seen=").encode())
    assert payload is not None
    assert Seen.from_payload(payload) == seen
    assert key_of("_ga") in lines["consentkit_allows"]


def test_a_script_s_anchors_open_nothing() -> None:
    seen = observed(None, [Sighting("_ga", b"1", 13)], TODAY)
    assert SEAL.open_seen(seen.payload().encode()) is None
    assert SEAL.open_seen(SEAL.seal(CONSENT).encode()) is None
    assert SEAL.open(SEAL.seal_seen(seen).encode()) is None


def test_without_any_tracker_no_anchors_are_set() -> None:
    """Nor taken away: another answer under way may have brought the first."""
    assert "consentkit_seen" not in cookies({"analytics": END}, Seen(TODAY))


def test_a_choice_holds_on_the_domain_it_is_told() -> None:
    """E13: each of the site's hosts sees it."""
    lines = cookies({"analytics": END}, home=Home("shop.example", secure=True))
    assert all("; Domain=shop.example; " in line for line in lines.values() if "consentkit=" not in line[:9])
    assert "Domain" not in cookies({"analytics": END})["consentkit"]


@pytest.mark.parametrize(
    ("host", "wanted", "domain"),
    [
        ("www.shop.example", "site", "shop.example"),
        ("shop.co.uk", "site", "shop.co.uk"),
        ("me.github.io", "site", "me.github.io"),
        ("github.io", "site", ""),
        ("127.0.0.1", "site", ""),
        ("localhost", "site", ""),
        ("www.shop.example", "host", ""),
        ("www.shop.example", ["shop.example", "shop.fr"], "shop.example"),
        ("www.other.example", ["shop.example"], ""),
    ],
)
def test_where_a_choice_holds_is_the_policy_s_to_say(host: str, wanted: object, domain: str) -> None:
    current = resolve(policy(cookies={"domain": wanted}))
    scope = {"scheme": "https", "headers": [(b"host", host.encode())]}
    assert home_of(scope, current) == Home(domain, secure=True)


def test_a_longer_cookie_than_browsers_keep_is_not_ours() -> None:
    assert SEAL.unseal(VALUE + "x" * 5000) is None
