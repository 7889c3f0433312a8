"""The consent cookie, sealed and compact, and the readable hint beside it (design §3.2)."""

import hmac
from base64 import urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson
from itsdangerous import BadData, BadSignature, Signer, want_bytes

from consentkit.errors import ConfigurationError
from consentkit.policy.decision import Choice, Consent, Decision, allowed_at_once
from consentkit.policy.months import seconds_left
from consentkit.policy.version import Policy

CONSENT_COOKIE = "consentkit"
HINT_COOKIE = "consentkit_allows"
FORMAT = 2
SECRET_MIN = 16
URLSAFE = bytes.maketrans(b"+/", b"-_")
PLAIN = bytes.maketrans(b"-_", b"+/")
LONGEST = 4096
"""Bytes; browsers keep no longer cookie, so a longer one isn't ours."""


class _Signer(Signer):
    """HMAC-SHA-256 in one call, with keys derived once: each request with a consent pays for it.

    The same signatures as itsdangerous's own with `digest_method=sha256, key_derivation="hmac"`.
    """

    def __init__(self, secret_keys: Sequence[str], salt: str) -> None:
        super().__init__(secret_keys, salt, key_derivation="hmac", digest_method=sha256)
        self._derived = [self.derive_key(key) for key in reversed(self.secret_keys)]

    def unsign(self, signed_value: str | bytes) -> bytes:
        value, _, told = want_bytes(signed_value).rpartition(b".")
        for key in self._derived:
            made = b2a_base64(hmac.digest(key, value, "sha256"), newline=False)
            if hmac.compare_digest(made.translate(URLSAFE).rstrip(b"="), told):
                return value
        raise BadSignature("no key of this site made it")


Opened = list[Any]
"""What an opened cookie says, before anything is made of it: format, id, index, answers (see `Seal`)."""


class Seal:
    """Turns a visitor's consent into a cookie value and back, for one log and the site's secret keys.

    `site` is the log's verifier key: what another log recorded is no consent here. `secret_key` is one
    key or a list, newest last; all of them open a seal, the newest makes it.

    What is sealed is JSON: the format, the id (hex), the last entry's index, and what was answered at the
    same instant (seconds) under the same version, together: `[version, instant, granted, refused]`.
    """

    def __init__(self, secret_key: str | Sequence[str], site: str) -> None:
        self._signer = _Signer(check_secret(secret_key), f"consentkit/state/{FORMAT}/{site}")

    def seal(self, consent: Consent) -> str:
        """Return the cookie value that holds `consent`."""
        groups: dict[tuple[str, int], tuple[list[str], list[str]]] = {}
        for category, choice in consent.choices.items():
            group = groups.setdefault((choice.version, int(choice.decided.timestamp())), ([], []))
            group[not choice.granted].append(category)
        answers = [[_pack(bytes.fromhex(version)), at, *group] for (version, at), group in groups.items()]
        payload = orjson.dumps([FORMAT, consent.id.hex(), consent.index, answers])
        return self._signer.sign(_pack(payload)).decode("ascii")

    def open(self, value: str | bytes) -> Opened | None:
        """Return what a cookie value says, or None for anything forged, cut, foreign or odd."""
        if len(value) > LONGEST:
            return None
        try:
            opened: Opened = orjson.loads(_unpack(self._signer.unsign(value)))
            return opened if opened[0] == FORMAT else None
        except (BadData, ValueError, TypeError, LookupError):
            return None

    def unseal(self, value: str | bytes) -> Consent | None:
        """Return the consent in a cookie value, or None for anything forged, cut, foreign or odd."""
        opened = self.open(value)
        return consent_in(opened) if opened else None


def consent_in(opened: Opened) -> Consent | None:
    """Return the consent that an opened cookie holds, or None if it is an odd one."""
    try:
        _, cid, index, answers = opened
        return Consent(bytes.fromhex(cid), index, dict(_choices(answers)))
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return None


def allowed_in(opened: Opened, policy: Policy, now: datetime) -> frozenset[str] | None:
    """Return what an opened cookie allows at `now`, or None where that takes a whole decision."""
    try:
        _, _, _, ((packed, decided, granted, _),) = opened
        return allowed_at_once(policy, _version(packed), decided, granted, now)
    except (ValueError, TypeError, AttributeError, OverflowError, OSError):
        return None


def check_secret(secret_key: str | Sequence[str]) -> list[str]:
    """Return the secret keys as a list; raises ConfigurationError if there are none or one is too short."""
    keys = [secret_key] if isinstance(secret_key, str) else list(secret_key)
    if not keys or any(len(key) < SECRET_MIN for key in keys):
        raise ConfigurationError(
            f"secret_key needs at least {SECRET_MIN} characters; make one with: consentkit keygen"
        )
    return keys


def _choices(answers: Sequence[Any]) -> Iterator[tuple[str, Choice]]:
    for packed, seconds, granted, refused in answers:
        version, decided = _version(packed), datetime.fromtimestamp(seconds, UTC)
        for value, categories in ((True, granted), (False, refused)):
            choice = Choice(value, decided, version)
            for category in categories:
                yield category, choice


@lru_cache(maxsize=256)  # as many as a site publishes in the life of a cookie
def _version(packed: str) -> str:
    return _unpack(packed.encode()).hex()


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpack(text: bytes) -> bytes:
    return a2b_base64(text.translate(PLAIN) + b"==")  # more padding than needed is ignored


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
