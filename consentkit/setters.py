"""What an application says in its own code: which cookies it sets, where it sets them."""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from consentkit.policy.coded import Declared

logger = logging.getLogger("consentkit")

Target = TypeVar("Target", bound=Callable[..., object])


class _Declarations:
    """Everything declared in this process so far; `opened` once a kit has read it."""

    def __init__(self) -> None:
        self.listed: list[Declared] = []
        self.opened = False


_declarations = _Declarations()


def sets_cookie(
    name: str,
    *,
    category: str,
    lifetime: str = "session",
    purpose: str = "site-operation",
    why: str = "",
    path: str = "/",
) -> Callable[[Target], Target]:
    """Declare a cookie that the application itself sets: on the function or class that does, or called alone.

    The arguments are what a policy file says of a cookie: `category` is one of the policy's, `lifetime` is
    "session" or one ISO 8601 period such as P14D, `purpose` one of the registry's, `why` the reason a
    necessary one is kept beyond the session. It joins the policy when the middleware opens, as a service of
    the site itself, so the notice tells it and its category decides about it. Where the policy file or a
    known service claims the same name, what needs consent comes first, then the file; the log and `consentkit
    check --app` tell of it. Mistakes are raised then, as PolicyError with all others, each naming the
    function. The function is returned as it was.
    """
    caller = sys._getframe(1)
    where = f"{caller.f_globals.get('__name__', '?')}, line {caller.f_lineno}"
    declared = Declared(name, category, lifetime, purpose, why, path, _place(where))
    if _declarations.opened:
        if any(declared.facts == each.facts for each in _declarations.listed):
            return _unchanged
        told = "%s (%r) comes after consentkit opened: it counts from the next start"
        logger.warning(told, declared.place, declared.name)
    _declarations.listed.append(declared)
    at = len(_declarations.listed) - 1

    def named(target: Target) -> Target:
        module = getattr(target, "__module__", "?")
        place = f"{module}.{getattr(target, '__qualname__', type(target).__qualname__)}"
        _declarations.listed[at] = replace(declared, place=_place(place))
        return target

    return named


def declared_cookies() -> tuple[Declared, ...]:
    """Return what has been declared so far, for a kit that opens; what comes later is warned of."""
    _declarations.opened = True
    return tuple(_declarations.listed)


def _unchanged(target: Target) -> Target:
    return target


def _place(where: str) -> str:
    return f"@sets_cookie on {where}"
