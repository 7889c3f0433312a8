"""Cookie consent that the server enforces and an auditor can verify."""

from importlib import import_module
from typing import TYPE_CHECKING

from consentkit.release import __version__

if TYPE_CHECKING:
    from consentkit.middleware import ConsentMiddleware, consent_of
    from consentkit.setters import sets_cookie

__all__ = ["ConsentMiddleware", "__version__", "consent_of", "sets_cookie"]

# Read when they are asked for: commands, and processes that only read or write the log, do without the gate.
_ROOMS = {"ConsentMiddleware": "middleware", "consent_of": "middleware", "sets_cookie": "setters"}


def __getattr__(name: str) -> object:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
