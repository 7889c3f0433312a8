"""What a consent cookie allows at a glance is what a whole decision allows (§2.6 item 7, A1, A2)."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sample import SECRET, policy

from consentkit.gate.grants import LONGEST, MOST, Grants
from consentkit.gate.state import Seal
from consentkit.policy.decision import Choice, Consent, decide
from consentkit.policy.months import add_months
from consentkit.policy.version import resolve

NOW = datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)


def test_a_glance_never_allows_what_the_decision_doesn_t() -> None:
    """Every consent, at every instant around its ends; under this policy, another one, or two of them."""
    seal = Seal(SECRET, "shop/consent")
    current, older = resolve(policy()), resolve(policy(services=["youtube"]))
    history = {each.version: each for each in (current, older)}
    grants = Grants(seal, current)
    known = 0
    for place in range(2000):
        dice = Random(place)  # noqa: S311
        decided = NOW + timedelta(seconds=dice.randrange(-(10**8), 10**8))
        versions = [current.version] if dice.random() < 0.7 else [current.version, older.version, "ef" * 32]
        chosen = dice.sample([*current.categories, "own"], dice.randrange(1, 4))
        choices = {each: Choice(dice.random() < 0.6, decided, dice.choice(versions)) for each in chosen}
        consent = Consent(b"0" * 16, 1, choices)
        value = seal.seal(consent).encode()
        end = add_months(decided, current.lifetimes.consent_months)
        for base in (decided, end):
            for seconds in (-86400, -6, -5, -4, -1, -0.5, 0, 0.5, 1, 86400):
                now = base + timedelta(seconds=seconds)
                found = grants.allowed(value, now.timestamp())
                wanted = decide(current, history, consent, now).allowed
                assert found is None or found == wanted
                known += found is not None
    assert known > 10_000


@pytest.mark.parametrize("consent_months", [1, 3, 6])
@pytest.mark.parametrize("refusal_months", [6, 12])
@pytest.mark.parametrize("granted", [(), ("analytics",), ("preferences", "analytics", "marketing")])
def test_lives_of_their_own_end_at_a_glance_as_they_do_in_a_decision(
    consent_months: int, refusal_months: int, granted: tuple[str, ...]
) -> None:
    lifetimes = {"consent_months": consent_months, "refusal_months": refusal_months}
    current = resolve(policy(lifetimes=lifetimes))
    choices = {each: Choice(each in granted, NOW, current.version) for each in current.categories}
    consent = Consent(b"0" * 16, 1, choices)
    seal = Seal(SECRET, "shop/consent")
    grants, value = Grants(seal, current), seal.seal(consent).encode()
    settled = 0
    for days in (-1, 0, 1, 27, 31, 32, 88, 92, 93, 180, 181, 185, 360, 366, 400):
        for seconds in (-6, -1, 0, 1):
            now = NOW + timedelta(days=days, seconds=seconds)
            quick = grants.allowed(value, now.timestamp())
            settled += quick is not None
            assert quick is None or quick == decide(current, {current.version: current}, consent, now).allowed
    assert settled > 8


@pytest.mark.parametrize("value", [b"", b".", b"3.AA.1.eA:0:analytics:.AAAA", b"x" * 5000])
def test_a_forged_cookie_allows_nothing_at_a_glance(value: bytes) -> None:
    assert Grants(Seal(SECRET, "shop/consent"), resolve(policy())).allowed(value, NOW.timestamp()) is None


def test_what_is_remembered_ends_all_the_same() -> None:
    """A cookie that comes back is not opened again; its end counts at each request (A2)."""
    seal, current = Seal(SECRET, "shop/consent"), resolve(policy())
    choices = {each: Choice(True, NOW, current.version) for each in current.categories}
    value = seal.seal(Consent(b"0" * 16, 1, choices)).encode()
    grants, end = Grants(seal, current), add_months(NOW, current.lifetimes.consent_months).timestamp()
    assert grants.allowed(value, end - 1) == {"necessary", *current.categories}
    assert grants.allowed(value, end) is None
    assert grants.allowed(value, end - 1) == {"necessary", *current.categories}


def test_visitors_who_don_t_come_back_are_forgotten() -> None:
    grants = Grants(Seal(SECRET, "shop/consent"), resolve(policy()))
    for place in range(2 * MOST):
        grants.allowed(b"%d" % place, 0)
    assert len(grants._known) <= MOST


def test_no_value_is_kept_that_is_longer_than_any_cookie() -> None:
    grants = Grants(Seal(SECRET, "shop/consent"), resolve(policy()))
    for length in (LONGEST, LONGEST + 1):
        grants.allowed(b"x" * length, 0)
        grants.anchors(b"consentkit_seen=" + b"x" * length)
    for known in (grants._known, grants._payloads):
        assert [*map(len, known)] == [LONGEST]
