"""Cookie consent that the server enforces and an auditor can verify."""

from consentkit.middleware import ConsentMiddleware, consent_of

__all__ = ["ConsentMiddleware", "consent_of"]
__version__ = "0.1.0"
