"""Seals for what a visitor's browser keeps for us: made by itsdangerous, opened in the time a request has."""

import hmac
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import sha256

from itsdangerous import Signer

from consentkit.errors import ConfigurationError

SECRET_MIN = 16
LONGEST = 4096
"""Bytes; browsers keep no longer cookie, so a longer one isn't ours."""
URLSAFE = bytes.maketrans(b"+/", b"-_")
_INNER, _OUTER = bytes(each ^ 0x36 for each in range(256)), bytes(each ^ 0x5C for each in range(256))


class Signature:
    """Signs texts for one purpose with the newest of a site's secret keys; any of them opens one.

    The signatures are those of itsdangerous with `digest_method=sha256, key_derivation="hmac"`. Each request
    whose visitor has answered pays for checking one if anything depends on it, so that is done here: the
    blocks that HMAC-SHA-256 (RFC 2104) makes of a key are hashed once.
    """

    __slots__ = ("_keys", "_signer")

    def __init__(self, secret_key: str | Sequence[str], purpose: str) -> None:
        self._signer = Signer(check_secret(secret_key), purpose, key_derivation="hmac", digest_method=sha256)
        blocks = [self._signer.derive_key(key).ljust(64, b"\0") for key in reversed(self._signer.secret_keys)]
        self._keys = [(sha256(each.translate(_INNER)), sha256(each.translate(_OUTER))) for each in blocks]

    def sign(self, text: str | bytes) -> str:
        """Return a text with its signature behind it."""
        return self._signer.sign(text).decode("ascii")

    def open(self, signed: bytes) -> bytes | None:
        """Return the text that was signed, or None for anything forged, cut, foreign or odd."""
        text, _, told = signed.rpartition(b".")
        for inner, outer in self._keys:
            first, second = inner.copy(), outer.copy()
            first.update(text)
            second.update(first.digest())
            made = b2a_base64(second.digest(), newline=False).translate(URLSAFE, b"=")
            if hmac.compare_digest(made, told):
                return text if len(signed) <= LONGEST else None
        return None


def check_secret(secret_key: str | Sequence[str]) -> list[str]:
    """Return the secret keys as a list; raises ConfigurationError if there are none or one is too short."""
    keys = [secret_key] if isinstance(secret_key, str) else list(secret_key)
    if not keys or any(len(key) < SECRET_MIN for key in keys):
        raise ConfigurationError(
            f"secret_key needs at least {SECRET_MIN} characters; make one with: consentkit keygen"
        )
    return keys
