"""Who may look: a short-lived link, exchanged for a short-lived session (H2, H5)."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "consentkit_desk"
LINK_SECONDS = 15 * 60
SESSION_SECONDS = 8 * 3600

Purpose = Literal["link", "session"]


class Auth:
    """Makes and checks the desk's tokens, under the site's own secret keys."""

    def __init__(self, secret_key: str | Sequence[str]) -> None:
        keys = [secret_key] if isinstance(secret_key, str) else list(secret_key)
        signer = {"key_derivation": "hmac", "digest_method": sha256}
        self._tokens = {
            purpose: URLSafeTimedSerializer(keys, salt=f"consentkit/desk/{purpose}", signer_kwargs=signer)
            for purpose in ("link", "session")
        }

    def token(self, purpose: Purpose, role: str = "auditor") -> str:
        """Return a token that lets `role` in: by a link for 15 minutes, by a session for 8 hours."""
        value = self._tokens[purpose].dumps(role)
        return value if isinstance(value, str) else value.decode("ascii")

    def role(self, purpose: Purpose, token: str) -> str | None:
        """Return the role a token stands for, or None if it is forged, of another purpose or too old."""
        age = LINK_SECONDS if purpose == "link" else SESSION_SECONDS
        try:
            role = self._tokens[purpose].loads(token, max_age=age)
        except BadData:
            return None
        return role if isinstance(role, str) else None


def link(secret_key: str | Sequence[str], base: str, prefix: str = "/consent") -> str:
    """Return an address that opens the audit desk of the site at `base` for the next 15 minutes."""
    return f"{base.rstrip('/')}{prefix}/audit/?token={Auth(secret_key).token('link')}"
