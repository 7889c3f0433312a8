"""What counts before a visitor's own answers: their age, then what their browser objects to (§5.2).

Of what may contradict, the first that speaks counts: the visitor's age, as the application tells it; a
signal; their own answer; what the law of the place says without one. The first two only ever deny.
"""

from collections.abc import Iterable
from dataclasses import replace

from consentkit.policy.decision import SETTLED, Decision, Reason
from consentkit.policy.signals import objections
from consentkit.policy.version import Policy


def under_age(decision: Decision) -> Decision:
    """Return a decision on somebody under age: nothing optional, and no question about it (I1)."""
    reasons = {
        category: reason if reason is Reason.NECESSARY else Reason.UNDER_AGE
        for category, reason in decision.reasons.items()
    }
    return replace(decision, allowed=decision.allowed & {"necessary"}, ask=False, reasons=reasons)


def obeyed(policy: Policy, decision: Decision, signals: Iterable[str]) -> Decision:
    """Return a decision under `policy` without what the signals deny.

    Who has answered nothing is asked as ever; who has, isn't asked again about what the signals keep off
    alone: no answer would change that, and to accept all leaves it open.
    """
    objected = objections(policy, signals)
    if not objected:
        return decision
    asked = {c for c, why in decision.reasons.items() if c in policy.categories and why not in SETTLED}
    if decision.until and asked <= objected:
        decision = replace(decision, ask=False)
    off = objected & decision.allowed
    if not off:
        return decision
    reasons = {**decision.reasons, **dict.fromkeys(off, Reason.SIGNAL)}
    return replace(decision, allowed=decision.allowed - off, reasons=reasons)
