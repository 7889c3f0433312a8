"""Seals for what a visitor's browser keeps for us: made by itsdangerous, opened in the time a request has."""

import hmac
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import blake2b, sha256

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from consentkit.errors import ConfigurationError

SECRET_MIN = 16
LONGEST = 4096
"""Bytes; browsers keep no longer cookie, so a longer one isn't ours."""
SIZE = 16
"""Bytes of a signature: nobody guesses one of 2^128."""
DIGITS = 22
"""What they take in base64, without its padding."""
URLSAFE = bytes.maketrans(b"+/", b"-_")


class KeyedBlake2(SigningAlgorithm):
    """BLAKE2b with a key, which is a MAC by itself (RFC 7693, 2.9): HMAC hashes twice for the same."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature of a value under a derived key, SIZE bytes."""
        return blake2b(value, key=key, digest_size=SIZE).digest()


class Signature:
    """Signs texts for one purpose with the newest of a site's secret keys; any of them opens one.

    The signatures are those of itsdangerous with `digest_method=sha256, key_derivation="hmac"` and the
    algorithm above. Each request whose visitor has answered pays for checking one if anything depends on it,
    so that is done here: with the keys derived and taken in once.
    """

    __slots__ = ("_keyed", "_signer")

    def __init__(self, secret_key: str | Sequence[str], purpose: str) -> None:
        self._signer = Signer(
            check_secret(secret_key),
            purpose,
            key_derivation="hmac",
            digest_method=sha256,
            algorithm=KeyedBlake2(),
        )
        keys = map(self._signer.derive_key, reversed(self._signer.secret_keys))
        self._keyed = [blake2b(key=key, digest_size=SIZE) for key in keys]

    def sign(self, text: str | bytes) -> str:
        """Return a text with its signature behind it."""
        return self._signer.sign(text).decode("ascii")

    def open(self, signed: bytes) -> bytes | None:
        """Return the text that was signed, or None for anything forged, cut, foreign or odd."""
        text, _, told = signed.rpartition(b".")
        for keyed in self._keyed:
            signing = keyed.copy()
            signing.update(text)
            made = b2a_base64(signing.digest())[:DIGITS].translate(URLSAFE)
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
