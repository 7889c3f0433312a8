"""Who the visitor is, as far as the application tells."""

from collections.abc import Callable
from typing import Any

from starlette.types import Scope

from consentkit.gate.told import Tell

UnderAge = Callable[[Scope], Any]
"""Tells from a request's scope whether its visitor is too young to be asked; any true value says so."""


def is_minor(under_age: UnderAge, scope: Scope, tell: Tell) -> bool:
    """Return whether a request's visitor is under age (I1); on any doubt they are.

    Where `under_age` raises an Exception, the operator is told, once; what is none passes, as a cancellation
    does.
    """
    try:
        return bool(under_age(scope))
    except Exception as error:  # noqa: BLE001 - the site's own code; a page is worth more than an age
        tell("under_age= fails, so the visitor counts as under age: %r", error, of=type(error).__name__)
        return True
