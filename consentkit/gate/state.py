"""The consent cookie, sealed and compact, and the readable hint beside it (design §3.2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from consentkit.errors import ConfigurationError
from consentkit.policy.decision import Choice, Consent, Decision
from consentkit.policy.months import seconds_left

CONSENT_COOKIE = "consentkit"
HINT_COOKIE = "consentkit_allows"
FORMAT = 1
SECRET_MIN = 16
LONGEST = 4096
"""Bytes; browsers keep no longer cookie, so a longer one isn't ours."""


class Seal:
    """Turns a visitor's consent into a cookie value and back, for one log and the site's secret keys.

    `site` is the log's verifier key: what another log recorded is no consent here. `secret_key` is one
    key or a list, newest last; all of them open a seal, the newest makes it.
    """

    def __init__(self, secret_key: str | Sequence[str], site: str) -> None:
        keys = check_secret(secret_key)
        self._site = site
        self._serializer = URLSafeSerializer(
            keys,
            salt="consentkit/state",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )

    def seal(self, consent: Consent) -> str:
        """Return the cookie value that holds `consent`."""
        versions = sorted({choice.version for choice in consent.choices.values()})
        choices = {
            category: [int(c.granted), int(c.decided.timestamp()), versions.index(c.version)]
            for category, c in consent.choices.items()
        }
        packed = [_pack(bytes.fromhex(version)) for version in versions]
        value: str | bytes = self._serializer.dumps(
            [FORMAT, self._site, _pack(consent.id), consent.index, packed, choices]
        )
        return value if isinstance(value, str) else value.decode("ascii")

    def unseal(self, value: str | bytes) -> Consent | None:
        """Return the consent in a cookie value, or None for anything forged, cut, foreign or odd."""
        if len(value) > LONGEST:
            return None
        try:
            format_, site, cid, index, packed, choices = self._serializer.loads(value)
            if format_ != FORMAT or site != self._site:
                return None
            versions = [_unpack(version).hex() for version in packed]
            return Consent(_unpack(cid), index, {k: _choice(raw, versions) for k, raw in choices.items()})
        except (BadData, ValueError, TypeError, AttributeError, IndexError, OverflowError, OSError):
            return None


def check_secret(secret_key: str | Sequence[str]) -> list[str]:
    """Return the secret keys as a list; raises ConfigurationError if there are none or one is too short."""
    keys = [secret_key] if isinstance(secret_key, str) else list(secret_key)
    if not keys or any(len(key) < SECRET_MIN for key in keys):
        raise ConfigurationError(
            f"secret_key needs at least {SECRET_MIN} characters; make one with: consentkit keygen"
        )
    return keys


def _choice(raw: Sequence[Any], versions: Sequence[str]) -> Choice:
    granted, decided, version = raw
    return Choice(bool(granted), datetime.fromtimestamp(decided, UTC), versions[version])


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpack(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hint(version: str, decision: Decision) -> str:
    """Return the readable hint: policy version, and each settled answer with the second it ends.

    Only for the page's script; the server never trusts it. `+` is allowed, `-` refused.
    """
    parts = [version[:16]]
    for category, until in decision.until.items():
        sign = "+" if category in decision.allowed else "-"
        parts.append(f"{category}{sign}{int(until.timestamp())}")
    return ".".join(parts)


def state_cookies(
    seal: Seal, consent: Consent | None, decision: Decision, version: str, now: datetime, *, secure: bool
) -> list[str]:
    """Return the Set-Cookie values for a visitor's state; both go when the last answer ends."""
    if consent is None or not decision.until:
        return [set_cookie(name, "", 0, secure=secure) for name in (CONSENT_COOKIE, HINT_COOKIE)]
    life = seconds_left(max(decision.until.values()), now)
    return [
        set_cookie(CONSENT_COOKIE, seal.seal(consent), life, secure=secure, http_only=True),
        set_cookie(HINT_COOKIE, hint(version, decision), life, secure=secure),
    ]


def set_cookie(name: str, value: str, max_age: int, *, secure: bool, http_only: bool = False) -> str:
    """Return one Set-Cookie value; `max_age` in seconds, 0 removes the cookie."""
    flags = ("; HttpOnly" if http_only else "") + ("; Secure" if secure else "")
    return f"{name}={value}; Path=/; Max-Age={max_age}; SameSite=Lax{flags}"
