"""The consent cookie, sealed and compact, and the readable hint beside it (design §3.2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from consentkit.gate.seal import Signature
from consentkit.policy.decision import Choice, Consent, Decision
from consentkit.policy.months import seconds_left

CONSENT_COOKIE = "consentkit"
HINT_COOKIE = "consentkit_allows"
FORMAT = b"3"


Opened = list[bytes]
"""What an opened cookie says, before anything is made of it: its parts, in the order that `Seal` tells."""


class Seal:
    """Turns a visitor's consent into a cookie value and back, for one log and the site's secret keys.

    `site` is the log's verifier key: what another log recorded is no consent here. `secret_key` is one
    key or a list, newest last; all of them open a seal, the newest makes it.

    What is sealed is text, as a request has no time for more: the format, the id, the last entry's index, and
    once for each instant (seconds since 1970) and version that answers share, those, with what was granted
    and what refused: `3.id.index.version:instant:analytics+preferences:marketing`. Ids and versions in
    base64url.
    """

    def __init__(self, secret_key: str | Sequence[str], site: str) -> None:
        self._signature = Signature(secret_key, f"consentkit/state/{FORMAT.decode()}/{site}")

    def seal(self, consent: Consent) -> str:
        """Return the cookie value that holds `consent`."""
        groups: dict[tuple[str, int], tuple[list[str], list[str]]] = {}
        for category, choice in consent.choices.items():
            group = groups.setdefault((choice.version, int(choice.decided.timestamp())), ([], []))
            group[not choice.granted].append(category)
        answers = [
            f"{packed(version)}:{at}:{'+'.join(granted)}:{'+'.join(refused)}"
            for (version, at), (granted, refused) in groups.items()
        ]
        payload = ".".join([FORMAT.decode(), _pack(consent.id), str(consent.index), *answers])
        return self._signature.sign(payload)

    def open(self, value: bytes) -> Opened | None:
        """Return what a cookie value says, or None for anything forged, cut, foreign or odd."""
        text = self._signature.open(value)
        if text is None:
            return None
        opened = text.split(b".")
        return opened if opened[0] == FORMAT else None

    def unseal(self, value: str | bytes) -> Consent | None:
        """Return the consent in a cookie value, or None for anything forged, cut, foreign or odd."""
        opened = self.open(value.encode() if isinstance(value, str) else value)
        return consent_in(opened) if opened else None


def consent_in(opened: Opened) -> Consent | None:
    """Return the consent that an opened cookie holds, or None if it is an odd one."""
    try:
        _, cid, index, *answers = opened
        return Consent(_unpack(cid), int(index), dict(_choices(answers)))
    except (ValueError, OverflowError, OSError):
        return None


def packed(version: str) -> str:
    """Return a policy version (64 hex) as the cookie names it."""
    return _pack(bytes.fromhex(version))


def _choices(answers: Sequence[bytes]) -> Iterator[tuple[str, Choice]]:
    for answer in answers:
        packed, seconds, granted, refused = answer.split(b":")
        version, decided = _version(packed), datetime.fromtimestamp(int(seconds), UTC)
        for value, categories in ((True, granted), (False, refused)):
            choice = Choice(value, decided, version)
            for category in _categories(categories):
                yield category, choice


@lru_cache(maxsize=256)  # as many as a site publishes in the life of a cookie
def _version(packed: bytes) -> str:
    return _unpack(packed).hex()


@lru_cache(maxsize=256)
def _categories(listed: bytes) -> tuple[str, ...]:
    return tuple(listed.decode("ascii").split("+")) if listed else ()


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unpack(text: bytes) -> bytes:
    return urlsafe_b64decode(text + b"==")  # more padding than needed is ignored


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
