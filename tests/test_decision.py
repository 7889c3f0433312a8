"""The decision: six calendar months to the second, and denied on any doubt (A1, A2, A13, §2.6)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sample import policy

from consentkit.policy.decision import Choice, Consent, Decision, Reason, decide
from consentkit.policy.version import Policy, resolve

DECIDED = datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)
END = datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def current() -> Policy:
    return resolve(policy())


def answered(version: str, *, decided: datetime = DECIDED, **choices: bool) -> Consent:
    return Consent(b"x" * 16, 5, {c: Choice(yes, decided, version) for c, yes in choices.items()})


def at(current: Policy, consent: Consent | None, now: datetime) -> Decision:
    return decide(current, {current.version: current}, consent, now)


def test_without_an_answer_only_the_necessary_is_allowed(current: Policy) -> None:
    decision = at(current, None, DECIDED)
    assert decision.allowed == {"necessary"}
    assert decision.ask
    assert decision.reasons["marketing"] == Reason.UNKNOWN


def test_each_category_is_decided_by_its_own_answer(current: Policy) -> None:
    consent = answered(current.version, analytics=True, marketing=False, preferences=False)
    decision = at(current, consent, DECIDED)
    assert decision.allowed == {"necessary", "analytics"}
    assert not decision.ask
    assert decision.reasons["marketing"] == Reason.REFUSED
    assert decision.until == dict.fromkeys(("preferences", "analytics", "marketing"), END)


def test_an_answer_ends_after_six_calendar_months_to_the_second(current: Policy) -> None:
    """A1, L29: 31 August plus six months is 28 February."""
    consent = answered(current.version, analytics=True, marketing=False, preferences=False)
    assert at(current, consent, END - timedelta(seconds=1)).allowed == {"necessary", "analytics"}
    ended = at(current, consent, END)
    assert ended.allowed == {"necessary"}
    assert ended.ask
    assert set(ended.reasons.values()) == {Reason.NECESSARY, Reason.EXPIRED}


def test_a_refusal_lasts_as_long_and_is_not_asked_again_earlier(current: Policy) -> None:
    """L3, §2.3: consent and refusal alike."""
    consent = answered(current.version, analytics=False, marketing=False, preferences=False)
    assert not at(current, consent, END - timedelta(seconds=1)).ask
    assert at(current, consent, END).ask


def test_a_refusal_may_count_for_longer_than_a_consent() -> None:
    """L3, §2.3: who refused isn't asked again when the others' consent ends."""
    current = resolve(policy(lifetimes={"consent_months": 3, "refusal_months": 9}))
    consent = answered(current.version, analytics=True, marketing=False, preferences=False)
    accepted, refused = datetime(2026, 11, 30, 12, tzinfo=UTC), datetime(2027, 5, 31, 12, tzinfo=UTC)
    assert at(current, consent, DECIDED).until == {
        "analytics": accepted,
        "marketing": refused,
        "preferences": refused,
    }
    later = at(current, consent, accepted)
    assert later.ask
    assert later.reasons["analytics"] == Reason.EXPIRED
    assert later.reasons["marketing"] == Reason.REFUSED
    only_no = answered(current.version, analytics=False, marketing=False, preferences=False)
    assert not at(current, only_no, refused - timedelta(seconds=1)).ask
    assert at(current, only_no, refused).ask


def test_one_category_ends_by_itself(current: Policy) -> None:
    early = answered(current.version, analytics=True, marketing=True, preferences=True)
    later = {**early.choices, "marketing": Choice(True, DECIDED + timedelta(days=30), current.version)}
    decision = at(current, replace(early, choices=later), END)
    assert decision.allowed == {"necessary", "marketing"}
    assert decision.ask


def test_an_answer_from_the_future_does_not_count(current: Policy) -> None:
    consent = answered(current.version, analytics=True, decided=DECIDED + timedelta(minutes=1))
    assert at(current, consent, DECIDED).reasons["analytics"] == Reason.FUTURE


def test_an_answer_under_a_version_the_log_does_not_hold_does_not_count(current: Policy) -> None:
    consent = answered("f" * 64, analytics=True)
    assert at(current, consent, DECIDED).reasons["analytics"] == Reason.UNPROVEN


def test_only_a_materially_changed_category_is_asked_again(current: Policy) -> None:
    """E9: a new vendor in marketing leaves the analytics answer its remaining life."""
    new = resolve(policy(services=["google-analytics", "meta-pixel", "youtube", "tiktok-pixel"]))
    history = {current.version: current, new.version: new}
    consent = answered(current.version, analytics=True, marketing=True, preferences=True)
    decision = decide(new, history, consent, DECIDED)
    assert decision.allowed == {"necessary", "analytics", "preferences"}
    assert decision.reasons["marketing"] == Reason.CHANGED
    assert decision.until["analytics"] == END


def test_a_longer_life_asks_those_who_said_yes_to_less_about_that_category_alone() -> None:
    """L20: the duration is part of what they were told; who refused it needs no second question (L3)."""
    short, long = (resolve(policy(lifetimes={"analytics_months": months})) for months in (6, 13))
    history = {short.version: short, long.version: long}
    yes, no = (
        answered(short.version, analytics=said, marketing=True, preferences=True) for said in (True, False)
    )
    decision = decide(long, history, yes, DECIDED)
    assert decision.reasons["analytics"] == Reason.CHANGED
    assert decision.allowed == {"necessary", "marketing", "preferences"}
    assert not decide(long, history, no, DECIDED).ask
    back = answered(long.version, analytics=True, marketing=True, preferences=True)
    assert not decide(short, history, back, DECIDED).ask


def test_the_life_told_when_the_answer_was_given_is_the_one_that_counts(current: Policy) -> None:
    """A1: the end is fixed by the notice that was shown, not by a later policy."""
    short = resolve(policy(lifetimes={"consent_months": 1}))
    history = {current.version: current, short.version: short}
    consent = answered(short.version, analytics=True, marketing=False, preferences=False)
    decision = decide(current, history, consent, DECIDED)
    assert decision.until["analytics"] == datetime(2026, 9, 30, 12, 0, 0, tzinfo=UTC)
