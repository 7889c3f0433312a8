"""The consent cookie, sealed and compact, and the readable hint beside it (design §3.2)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from consentkit.gate.anchors import Seen, hint_records
from consentkit.gate.digits import number_of
from consentkit.gate.seal import Signature
from consentkit.policy.decision import Choice, Consent, Decision
from consentkit.policy.domains import choice_domain
from consentkit.policy.months import day_of, end_day, seconds_left, start_of
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.signals import US
from consentkit.policy.version import Policy
from consentkit.request import host_of, is_secure

CONSENT_COOKIE = "consentkit"
HINT_COOKIE = "consentkit_allows"
SEEN_COOKIE = "consentkit_seen"
CONSENT_MARK = CONSENT_COOKIE.encode() + b"="
OURS = frozenset({CONSENT_COOKIE, HINT_COOKIE, SEEN_COOKIE})
SEEN_MONTHS = 13
"""How long anchors are kept after they last changed: as long as a tracker can live."""
REISSUE_DAYS = 5
"""Safari may keep a cookie for seven days only: an older one of ours is set again, with what is left of its
life (L30). Nothing moves its end."""
FORMAT = b"3"
_HINT = re.compile(rb"(?:\A|; ?)consentkit_allows=([^;~]*)")
_OPENED = re.compile(rb"\.([a-z]+)\+")
_ISSUED = re.compile(rb"(?:\A|; ?)consentkit_allows=[^;~]*~([\w-]{3})", re.ASCII)


Opened = list[bytes]
"""What an opened cookie says, before anything is made of it: its parts, in the order that `Seal` tells."""


class Seal:
    """Turns a visitor's consent into a cookie value and back, for one log and the site's secret keys.

    `site` is the log's verifier key: what another log recorded is no consent here. `secret_key` is one
    key or a list, newest last; all of them open a seal, the newest makes it.

    What is sealed is text, as a request has no time for more: the format, the id, the last entry's index, and
    once for each instant (seconds since 1970), version and regime that answers share, those, with what was
    granted and what refused: `3.id.index.version:instant:analytics+preferences:marketing`. Ids and versions
    in base64url; the regime last, as `:gb`, and only one whose months are its own.
    """

    def __init__(self, secret_key: str | Sequence[str], site: str) -> None:
        self._signature = Signature(secret_key, f"consentkit/state/{FORMAT.decode()}/{site}")
        self._anchors = Signature(secret_key, f"consentkit/seen/1/{site}")

    def seal(self, consent: Consent) -> str:
        """Return the cookie value that holds `consent`."""
        groups: dict[tuple[str, int, str], tuple[list[str], list[str]]] = {}
        for category, choice in consent.choices.items():
            key = (choice.version, int(choice.decided.timestamp()), choice.regime)
            groups.setdefault(key, ([], []))[not choice.granted].append(category)
        answers = [
            f"{packed(version)}:{at}:{'+'.join(granted)}:{'+'.join(refused)}"
            + ("" if regime == UNKNOWN else f":{regime}")
            for (version, at, regime), (granted, refused) in groups.items()
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

    def seal_seen(self, seen: Seen) -> str:
        """Return the cookie value that holds a visitor's anchors."""
        return self._anchors.sign(seen.payload())

    def open_seen(self, value: bytes) -> bytes | None:
        """Return what a cookie value says of anchors, for `Seen.from_payload`; None as `open` does."""
        return self._anchors.open(value)


def consent_in(opened: Opened) -> Consent | None:
    """Return the consent that an opened cookie holds, or None if it is an odd one."""
    try:
        _, cid, index, *answers = opened
        return Consent(unpacked(cid), int(index), dict(_choices(answers)))
    except (ValueError, OverflowError, OSError):
        return None


def packed(version: str) -> str:
    """Return a policy version (64 hex) as the cookie names it."""
    return _pack(bytes.fromhex(version))


def _choices(answers: Sequence[bytes]) -> Iterator[tuple[str, Choice]]:
    for answer in answers:
        packed, seconds, granted, refused, *own = answer.split(b":")
        (regime,) = own or [UNKNOWN.encode()]
        version, decided = _version(packed), datetime.fromtimestamp(int(seconds), UTC)
        for value, categories in ((True, granted), (False, refused)):
            choice = Choice(value, decided, version, regime.decode("ascii"))
            for category in _categories(categories):
                yield category, choice


@lru_cache(maxsize=256)  # as many as a site publishes in the life of a cookie
def _version(packed: bytes) -> str:
    return unpacked(packed).hex()


@lru_cache(maxsize=256)
def _categories(listed: bytes) -> tuple[str, ...]:
    return tuple(listed.decode("ascii").split("+")) if listed else ()


def _pack(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def unpacked(text: bytes) -> bytes:
    """Return the bytes that a part of the cookie, in base64url, stands for."""
    return urlsafe_b64decode(text + b"==")  # more padding than needed is ignored


def hint(version: str, decision: Decision, records: str, changed: int | None = None) -> str:
    """Return the readable hint: policy version, each settled answer with the second it ends, and `records`.

    Only for the page's script; the server never trusts it. Behind the version `us`, for whom that law counts;
    `+` is allowed, `-` refused; behind the `~` what
    `hint_records` tells: the day it was issued, and when each tracker ends. Last, behind a `!`, the UTC day
    on which what this visitor was told `changed`, until they close the message of it (E3).
    """
    # Who isn't asked still has to be known for one whose law wants vendors told (policy/signals.py).
    parts = [version[:16], *([US] if decision.regime == US else [])]
    for category, until in decision.until.items():
        sign = "+" if category in decision.allowed else "-"
        parts.append(f"{category}{sign}{int(until.timestamp())}")
    return f"{'.'.join(parts)}.~{records}" + ("" if changed is None else f"!{changed}")


def issued_in(cookies: bytes) -> int | None:
    """Return the day on which our cookies were set, if the hint in a Cookie header's value says so."""
    found = _ISSUED.search(cookies)
    return number_of(found[1].decode()) if found else None


def opened_in(cookies: bytes) -> frozenset[str]:
    """Return the categories that the hint in a Cookie header's value opens, ended or not."""
    found = _HINT.search(cookies)
    return frozenset(name.decode() for name in _OPENED.findall(found[1])) if found else frozenset()


@dataclass(frozen=True, slots=True)
class Home:
    """Where our cookies live: a Domain, "" for the host alone, and whether they get `Secure`."""

    domain: str
    secure: bool

    def set_cookie(self, name: str, value: str, max_age: int, *, http_only: bool = False) -> str:
        """Return one Set-Cookie value; `max_age` in seconds, 0 removes the cookie."""
        domain = f"; Domain={self.domain}" if self.domain else ""
        flags = ("; HttpOnly" if http_only else "") + ("; Secure" if self.secure else "")
        return f"{name}={value}; Path=/; Max-Age={max_age}; SameSite=Lax{domain}{flags}"

    def holds(self, line: str) -> bool:
        """Return whether a Set-Cookie value reaches a cookie that lives here."""
        domain = f"; Domain={self.domain}" if self.domain else ""
        return "; Path=/;" in line and (domain in line if domain else "; Domain=" not in line)


def home_of(scope: Mapping[str, Any], policy: Policy) -> Home:
    """Return where the cookies of a choice live that is made on a request's host (E13, H4)."""
    return Home(choice_domain(host_of(scope), policy.cookies.domain), is_secure(scope))


@dataclass(frozen=True, slots=True)
class State:
    """What a visitor's browser keeps for us: their consent, what it means now, and the anchors.

    `changed`: the UTC day on which what they were told changed, until they have closed the message of it.
    """

    consent: Consent | None
    decision: Decision
    seen: Seen | None = None
    changed: int | None = None

    def cookies(self, seal: Seal, version: str, now: datetime, home: Home) -> list[str]:
        """Return the Set-Cookie values that keep this state.

        Consent and hint go when the last answer ends; a no that stands, 13 months after the browser last came
        (§2.3). The anchors outlive them: a tracker's first day doesn't move because its visitor was asked
        again, or said no. Without any, the browser keeps what it has: `seen` is None where nobody has looked
        at them, and for a visitor who allows nothing. An account's answers are in the hint alone: what the
        browser's own visitor has said stays as it is, and counts again once they have signed out (L11).
        """
        today = day_of(now)
        seen = self.seen or Seen(today)
        stands = self.decision.stands
        account = self.consent is not None and self.consent.account
        if self.consent is None or not (self.decision.until or stands):
            rows = [home.set_cookie(name, "", 0) for name in (CONSENT_COOKIE, HINT_COOKIE)[account:]]
        else:
            ends = self.decision.until.values()
            life = seconds_left(start_of(end_day(today, SEEN_MONTHS)) if stands else max(ends), now)
            readable = hint(version, self.decision, hint_records(seen, today), self.changed)
            rows = [
                home.set_cookie(CONSENT_COOKIE, seal.seal(self.consent), life, http_only=True),
                home.set_cookie(HINT_COOKIE, readable, life),
            ][account:]
        if seen.running or seen.ended:
            left = seconds_left(start_of(end_day(today, SEEN_MONTHS)), now)
            sealed = seal.seal_seen(replace(seen, issued=today))
            rows.append(home.set_cookie(SEEN_COOKIE, sealed, left, http_only=True))
        return rows
