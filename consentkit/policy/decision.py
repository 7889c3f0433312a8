"""What may happen for this visitor now: the one decision everything else obeys."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from consentkit.policy.change import still_counts
from consentkit.policy.months import add_months
from consentkit.policy.regimes import UNKNOWN, Kind
from consentkit.policy.version import Policy

CLOCK_SKEW = timedelta(seconds=5)
"""How far ahead a colleague machine's clock may be before its choice counts as made in the future."""


class Reason(StrEnum):
    """Why a category is allowed or not; the last two: as the regime has it on until its visitor says no."""

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
    OPT_OUT = "opt-out"
    EXEMPT = "exempt"


SETTLED = frozenset({Reason.GRANTED, Reason.REFUSED})
"""The reasons under which a visitor has answered and must not be asked again yet (A2, §2.3)."""
ALLOWING = frozenset({Reason.NECESSARY, Reason.GRANTED, Reason.OPT_OUT, Reason.EXEMPT})
ON: Mapping[Kind, Reason] = {"opt-out": Reason.OPT_OUT, "exempt-with-objection": Reason.EXEMPT}
"""Why a category is on that nobody has answered, by its kind."""
BASES: Mapping[Kind, str] = {"opt-out": "opt_out_model", "exempt-with-objection": "exempt"}
OPEN = frozenset({Reason.UNKNOWN, Reason.EXPIRED, Reason.CHANGED})
"""The reasons that say no more than that there is no answer that counts: never those of a doubt."""


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
    """A visitor's answers: an id (16 bytes), the last entry's index, a choice per category.

    `account`: they are an account's, on every device where it is signed in, and no terminal's own (L11).
    """

    id: bytes
    index: int
    choices: Mapping[str, Choice]
    account: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a regime's visitor is allowed, whether to ask, why, until when a settled answer counts (UTC)."""

    allowed: frozenset[str]
    ask: bool
    reasons: Mapping[str, Reason]
    until: Mapping[str, datetime]
    regime: str = UNKNOWN
    stands: bool = False
    """Whether a no is to be kept beyond its end: it is all that keeps off what the regime has on."""


def decide(
    policy: Policy,
    history: Mapping[str, Policy],
    consent: Consent | None,
    now: datetime,
    regime: str = UNKNOWN,
) -> Decision:
    """Return what `policy` allows a visitor under `regime` at `now` (UTC).

    `history` holds every version the log holds, by id. Absent, expired, future, changed or unproven answers
    all mean denied (§2.6 item 7), and that the visitor is asked; but what the regime has on until its visitor
    says no is on without an answer, as long as nothing is doubtful. A no stands there until they change it,
    also when they may be asked anew (§2.3). Nothing but the decision's own instant moves an end (A2).
    """
    reasons = {"necessary": Reason.NECESSARY}
    until: dict[str, datetime] = {}
    for category in policy.categories:
        choice = consent.choices.get(category) if consent else None
        reason = _reason(policy, history, category, choice, now, regime)
        no = choice is not None and not choice.granted
        reasons[category] = reason if no or reason not in OPEN else _without(policy, category, regime, reason)
        if choice is not None and reason in SETTLED:
            until[category] = valid_until(history[choice.version], choice, regime)
    allowed = frozenset(c for c, r in reasons.items() if r in ALLOWING)
    ask = any(reasons[category] not in SETTLED for category in policy.categories)
    on = policy.kinds.get(regime, {})
    stands = any(
        category in on and not each.granted for category, each in (consent.choices if consent else {}).items()
    )
    return Decision(allowed, ask, reasons, until, regime, stands)


def _without(policy: Policy, category: str, regime: str, reason: Reason) -> Reason:
    return ON.get(policy.kind_of(regime, category), reason)


def valid_until(policy: Policy, choice: Choice, regime: str) -> datetime:
    """Return the instant from which `choice`, made under `policy`, no longer counts under `regime` (A1, L3).

    Of two regimes a yes has the fewer months: who moves gains nothing (A2). A no has those that it was made
    with: who moves isn't asked any sooner either.
    """
    made = policy.months_of(choice.regime)
    granted = min(made.granted, policy.months_of(regime).granted)
    return add_months(choice.decided, granted if choice.granted else made.refused)


def bases(history: Mapping[str, Policy], choices: Mapping[str, Choice]) -> dict[str, str]:
    """Return what an answer rests on, for each category that was on without one (requirements §5.2)."""
    kinds = {c: history[each.version].kind_of(each.regime, c) for c, each in choices.items()}
    return {category: BASES[kind] for category, kind in kinds.items() if kind in BASES}


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
    if choice.granted and _only_noticed(policy, history[choice.version], category, choice.regime, regime):
        return Reason.UNKNOWN
    return Reason.GRANTED if choice.granted else Reason.REFUSED


def _only_noticed(policy: Policy, shown: Policy, category: str, made: str, regime: str) -> bool:
    """Whether a yes was said where the category was on anyway: no consent where one is asked for (L16)."""
    return policy.kind_of(regime, category) == "opt-in" != shown.kind_of(made, category)
