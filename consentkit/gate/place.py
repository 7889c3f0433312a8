"""Which regime a visitor is under, as far as the application tells."""

from collections.abc import Callable

from starlette.types import Scope

from consentkit.gate.told import Tell
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.version import Policy

Place = Callable[[Scope], str | None]
"""Tells a regime's id from a request's scope, None for a visitor it can't place."""


def regime_at(place: Place, scope: Scope, policy: Policy, tell: Tell) -> str:
    """Return the regime that counts for a request's visitor; UNKNOWN on any doubt.

    So it is for one that the policy has no table for: what visitors are told is what it says. Never raises.
    """
    try:
        told = place(scope)
        if told is not None and told in policy.answers:
            return told
    except Exception as error:  # noqa: BLE001 - the site's own code; a page is worth more than a place
        tell("regime= fails, so every visitor has the strictest regime: %r", error, of=type(error).__name__)
        return UNKNOWN
    if told is not None:
        tell("regime=: the policy has no table [regimes.%s], so the strictest counts there", told, of=told)
    return UNKNOWN
