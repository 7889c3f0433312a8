"""Cookie consent that the server enforces and an auditor can verify."""

from consentkit.middleware import ConsentMiddleware, consent_of
from consentkit.release import __version__
from consentkit.setters import sets_cookie

__all__ = ["ConsentMiddleware", "__version__", "consent_of", "sets_cookie"]
