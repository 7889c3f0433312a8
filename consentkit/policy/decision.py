"""What may happen for this visitor now: the one decision everything else obeys."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from consentkit.policy.change import still_counts
from consentkit.policy.months import add_months
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.version import Policy

CLOCK_SKEW = timedelta(seconds=5)
"""How far ahead a colleague machine's clock may be before its choice counts as made in the future."""


class Reason(StrEnum):
    """Why a category is allowed or not."""

    NECESSARY = "necessary"
    GRANTED = "granted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CHANGED = "changed"
    FUTURE = "future"
    UNPROVEN = "unproven"
    SIGNAL = "signal"
    UNDER_AGE = "under_age"


SETTLED = frozenset({Reason.GRANTED, Reason.REFUSED})
"""The reasons under which a visitor has answered and must not be asked again yet (A2, §2.3)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One category's answer: yes or no, when (UTC), under which policy version (64 hex).

    `regime` is the one whose months count: UNKNOWN wherever they are the same as that one's.
    """

    granted: bool
    decided: datetime
    version: str
    regime: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Consent:
    """A visitor's answers: a random id (16 bytes), the last entry's index, a choice per category."""

    id: bytes
    index: int
    choices: Mapping[str, Choice]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a regime's visitor is allowed, whether to ask, why, until when a settled answer counts (UTC)."""

    allowed: frozenset[str]
    ask: bool
    reasons: Mapping[str, Reason]
    until: Mapping[str, datetime]
    regime: str = UNKNOWN


def decide(
    policy: Policy,
    history: Mapping[str, Policy],
    consent: Consent | None,
    now: datetime,
    regime: str = UNKNOWN,
) -> Decision:
    """Return what `policy` allows a visitor under `regime` at `now` (UTC).

    Every category waits for a yes, whatever the regime would allow without one. `history` holds every
    version the log holds, by id. Absent, expired, future, changed or unproven answers all mean denied (§2.6
    item 7); nothing but the decision's own instant moves an end (A2).
    """
    reasons = {"necessary": Reason.NECESSARY}
    until: dict[str, datetime] = {}
    for category in policy.categories:
        choice = consent.choices.get(category) if consent else None
        reason = _reason(policy, history, category, choice, now, regime)
        reasons[category] = reason
        if choice is not None and reason in SETTLED:
            until[category] = valid_until(history[choice.version], choice, regime)
    allowed = frozenset(c for c, r in reasons.items() if r in (Reason.NECESSARY, Reason.GRANTED))
    ask = any(reasons[category] not in SETTLED for category in policy.categories)
    return Decision(allowed, ask, reasons, until, regime)


def valid_until(policy: Policy, choice: Choice, regime: str) -> datetime:
    """Return the instant from which `choice`, made under `policy`, no longer counts under `regime` (A1, L3).

    Of two regimes a yes has the fewer months: who moves gains nothing (A2). A no has those that it was made
    with: who moves isn't asked any sooner either.
    """
    made = policy.months_of(choice.regime)
    granted = min(made.granted, policy.months_of(regime).granted)
    return add_months(choice.decided, granted if choice.granted else made.refused)


def confirmed(policy: Policy, choice: Choice, regime: str) -> Choice:
    """Return `choice`, made under `policy`, as it stands once it was said again under `regime`.

    Its instant stays (A2), and of a yes the fewer months: the end that the log then has doesn't move back.
    """
    fewer = policy.months_of(regime).granted < policy.months_of(choice.regime).granted
    return replace(choice, regime=policy.basis(regime)) if choice.granted and fewer else choice


def _reason(
    policy: Policy,
    history: Mapping[str, Policy],
    category: str,
    choice: Choice | None,
    now: datetime,
    regime: str,
) -> Reason:
    if choice is None:
        return Reason.UNKNOWN
    if choice.version not in history:
        return Reason.UNPROVEN
    if choice.decided > now + CLOCK_SKEW:
        return Reason.FUTURE
    if now >= valid_until(history[choice.version], choice, regime):
        return Reason.EXPIRED
    if not still_counts(history[choice.version], policy, category, granted=choice.granted):
        return Reason.CHANGED
    return Reason.GRANTED if choice.granted else Reason.REFUSED
