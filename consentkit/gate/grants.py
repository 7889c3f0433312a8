"""What a consent cookie allows, found out with as little as most requests need to know."""

from math import inf
from typing import TypeVar

from consentkit.gate.cookies import cookie_values, only_cookie
from consentkit.gate.several import merged
from consentkit.gate.state import SEEN_COOKIE, Opened, Seal, packed, unpacked
from consentkit.policy.decision import CLOCK_SKEW
from consentkit.policy.months import end_day
from consentkit.policy.version import Policy
from consentkit.recalls import Recalls

DAY = 86_400
SKEW = CLOCK_SKEW.total_seconds()
MOST = 4096
"""Cookies remembered: a page's visitor comes back for its parts."""
LONGEST = 4096
"""Bytes; a browser keeps no longer cookie, so nobody's comes back."""

SEEN = SEEN_COOKIE.encode()
SEEN_MARK = SEEN + b"="

Fact = TypeVar("Fact")
Grant = tuple[float, float, frozenset[str]]
"""From when until when (seconds since 1970), and what is allowed then."""
NEVER: Grant = (inf, -inf, frozenset())


class Grants:
    """What the consents under one policy allow.

    Only one kind of consent is looked at: answers all given at one instant, under this very policy, where
    everything waits for one. Most are like that, and as long as they count under any regime; everything else
    takes a whole decision, which never allows less.
    """

    __slots__ = (
        "_allowed",
        "_asked",
        "_eager",
        "_known",
        "_months",
        "_payloads",
        "_recalls",
        "_seal",
        "_version",
    )

    def __init__(self, seal: Seal, policy: Policy, recalls: Recalls | None = None) -> None:
        self._seal = seal
        self._recalls = recalls
        self._asked = policy.categories
        self._eager = {regime.encode() for regime in policy.kinds}
        self._version = packed(policy.version).encode()
        self._months = min(months.granted for months in (policy.lifetimes.answers, *policy.answers.values()))
        self._known: dict[bytes, Grant] = {}
        self._allowed: dict[bytes, frozenset[str]] = {}
        self._payloads: dict[bytes, bytes | None] = {}

    def allowed(self, value: bytes, now: float) -> frozenset[str] | None:
        """Return what a cookie value allows at `now` (seconds since 1970); None where it takes more."""
        start, end, allowed = self._known.get(value) or self._opened(value)
        return allowed if start <= now < end else None

    def _opened(self, value: bytes) -> Grant:
        heeded = self._recalls.watched() if self._recalls else None
        grant = self._grant(self._seal.open(value))
        _remember(self._known, value, grant)
        if self._recalls and self._recalls.heeded is not heeded:
            self.forget()
        return grant

    def forget(self) -> None:
        """Look at every cookie anew, as answers were withdrawn that cookies still give."""
        self._known.clear()

    def anchors(self, cookies: bytes, sealed: bytes | None = None) -> bytes | None:
        """Return what a Cookie header's value holds of anchors, opened; None without any that opens.

        Of several that open, what all of them tell together. `sealed` is the only one, if somebody has found
        that.
        """
        value = sealed or only_cookie(cookies, SEEN_MARK)
        if value:
            return self._payload(value)
        payloads = map(self._payload, dict.fromkeys(cookie_values(cookies, SEEN)))
        opened = [payload for payload in payloads if payload is not None]
        return merged(opened) if len(opened) > 1 else next(iter(opened), None)

    def _payload(self, value: bytes) -> bytes | None:
        if value in self._payloads:
            return self._payloads[value]
        payload = self._seal.open_seen(value)
        _remember(self._payloads, value, payload)
        return payload

    def _grant(self, opened: Opened | None) -> Grant:
        try:
            if opened is None:
                return NEVER
            _, cid, index, answer = opened
            version, instant, granted, _, *own = answer.split(b":")
            if version != self._version or not self._eager.isdisjoint(own):
                return NEVER
            recalls = self._recalls
            if recalls and recalls.heeded and recalls.recalled(unpacked(cid), int(index)):
                return NEVER
            decided = int(instant)
            day, second = divmod(decided, DAY)
            allowed = self._allowed.get(granted) or self._named(granted)
            return decided - SKEW, end_day(day, self._months) * DAY + second, allowed
        except (ValueError, OverflowError, OSError):
            return NEVER

    def _named(self, granted: bytes) -> frozenset[str]:
        """What the answers allow that say yes to these categories, as the cookie lists them."""
        named = granted.decode("ascii").split("+")
        allowed = frozenset(["necessary", *[category for category in self._asked if category in named]])
        if len(self._allowed) < MOST:
            self._allowed[granted] = allowed
        return allowed


def _remember(known: dict[bytes, Fact], value: bytes, fact: Fact) -> None:
    if len(value) <= LONGEST:
        if len(known) >= MOST:
            known.clear()
        known[value] = fact
