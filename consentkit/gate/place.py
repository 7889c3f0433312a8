"""Which regime a visitor is under, as far as the application or the network tells."""

from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from typing import Any

from starlette.types import Scope

from consentkit.errors import ConfigurationError
from consentkit.gate.told import Tell
from consentkit.policy.places import WIDER
from consentkit.policy.regimes import REGIMES, UNKNOWN
from consentkit.policy.version import Policy

Place = Callable[[Scope], str | None]
"""Tells a regime's id from a request's scope, None for a visitor it can't place."""


def check_teller(option: str, teller: Any) -> None:
    """Raise ConfigurationError for what can't tell at once: a coroutine function, or no function.

    `option` is the keyword that it was given by.
    """
    if not callable(teller):
        raise ConfigurationError(f"{option}= takes a function of the ASGI scope, not {teller!r}")
    if iscoroutinefunction(teller) or iscoroutinefunction(type(teller).__call__):
        raise ConfigurationError(
            f"{option}= takes a plain function, and {teller!r} is async: it is asked at every request,"
            " before anything can be awaited"
        )


def idle(policy: Policy, *, telling: bool, header: bool) -> Iterator[str]:
    """Yield what an operator is told of regimes that nobody is ever under, and of places that change nothing.

    `telling`: whether anything tells visitors apart; `header`: whether a header with a place is configured.
    """
    if policy.apart and not telling:
        tables = ", ".join(f"[regimes.{each}]" for each in policy.apart)
        yield (
            f"nothing tells where visitors are, so nobody is under {tables}:"
            " give country_header=, geo= or regime="
        )
    if header and not policy.apart:
        yield (
            "country_header and region_header tell no visitors apart: the policy has no table such as"
            " [regimes.us], so its one regime holds for everybody"
        )


def regime_at(place: Place, scope: Scope, policy: Policy, tell: Tell) -> str:
    """Return the regime that counts for a request's visitor; UNKNOWN on any doubt.

    So it is for one that the policy has no table for, nor for the wider one around it, as visitors are told
    what it says; for what is no regime at all, and where `place` raises an Exception, the operator is told,
    once. What is none stops the request or the server, as a cancellation does, and passes.
    """
    try:
        told = place(scope)
        if told is not None and told in policy.answers:
            return told
        if told is not None and WIDER.get(told) in policy.answers:
            return WIDER[told]
    except Exception as error:  # noqa: BLE001 - the site's own code; a page is worth more than a place
        tell("regime= fails, so the strictest counts: %r", error, of=type(error).__name__)
        return UNKNOWN
    if told is not None and told not in REGIMES:
        of = told if isinstance(told, str) else type(told).__name__
        tell("regime= tells %r, which is no regime that is known, so the strictest counts", told, of=of)
    return UNKNOWN
