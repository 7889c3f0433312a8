"""Cookie consent that the server enforces and an auditor can verify."""

from consentkit.middleware import ConsentMiddleware, consent_of
from consentkit.setters import sets_cookie

__all__ = ["ConsentMiddleware", "consent_of", "sets_cookie"]
__version__ = "0.1.0"
