"""The trackers that one visitor allows, held to their clock: what has ended, and what may live how long.

A tracker lives for what is declared each time it is set, and never beyond its anchor's end, however often
that is (B6, L4, L20). What a script sets shows no end in any request, so the end of each is kept (`anchors`),
and asked here.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property

from consentkit.gate.anchors import (
    DONE,
    LONGEST_PAYLOAD,
    NEVER,
    Anchor,
    Seen,
    first_end,
    key_of,
    mark_of,
    reissued,
    running_in,
)
from consentkit.gate.cookies import SPACE, header_size
from consentkit.gate.orders import Orders, Terms
from consentkit.gate.setcookie import clamped, parsed, session_only, session_pair
from consentkit.gate.sightings import Sighting, observed, to_reissue
from consentkit.policy.births import born
from consentkit.policy.domains import registrable
from consentkit.policy.months import day_of, end_day, seconds_left, start_of

Told = Mapping[str, str]
"""The trackers that a page reports: cookies, storage keys as `area:key`; each with a mark of its value."""
NOTHING_TOLD: Told = {}
REISSUE_ROOM = 1024
"""Bytes of trackers set once more with one answer, beside our own cookies. A longer one is its script's."""


def lasting(line: bytes, terms: Terms, now: datetime, last: int = NEVER) -> bytes:
    """Return a line that lives as long as is declared, and not beyond the start of the day `last`."""
    declared, end = terms.declared_end(now), start_of(last)
    if declared is None:
        line, declared = session_only(line, now), end
    return clamped(line, seconds_left(min(declared, end), now), now)


def _is_as_known(anchor: Anchor, each: Sighting, today: int) -> bool:
    """Return whether a sighting tells nothing new of a tracker that runs: what `observed` would find."""
    if anchor.months > each.months or anchor.day > min(today, today if each.born is None else each.born):
        return False
    if anchor.told and not each.told:
        return False
    return anchor.mark == DONE or anchor.mark == mark_of(each.value)


class Lives:
    """One visitor's allowed trackers, in one request and its answer.

    `cookies` is what the request's Cookie header says, `allowed` the categories that this visitor allows;
    `anchoring` is False where no answer can carry a new anchor, as a WebSocket's doesn't; `sealed` is the
    value of the only cookie that holds anchors, if somebody has found that.
    """

    def __init__(
        self,
        orders: Orders,
        cookies: bytes,
        allowed: frozenset[str],
        now: datetime,
        *,
        anchoring: bool = True,
        sealed: bytes | None = None,
    ) -> None:
        self._orders = orders
        self._cookies = cookies
        self._allowed = allowed
        self._now = now
        self._anchoring = anchoring
        self.today = day_of(now)
        self._payload = orders.grants.anchors(cookies, sealed)
        self._first_end = None if self._payload is None else first_end(self._payload)
        self._told: list[Sighting] = []
        self._set: list[str] = []
        self._observed: Seen | None = None
        self.novel = False
        """Whether a tracker was set that the anchors don't know as it is now."""

    # What came.

    @property
    def may_have_ended(self) -> bool:
        """Whether the life of a tracker may be over, by what the anchors begin with.

        What a value says of its own birth is another question (`Brought.outlived`).
        """
        if self._payload is None:
            return False
        if self._first_end is None or self._first_end <= self.today:
            return True
        return len(self._payload) >= LONGEST_PAYLOAD  # one more has no room

    @cached_property
    def kept(self) -> Seen | None:
        """The anchors that this visitor's browser keeps for us, if they open."""
        return Seen.from_payload(self._payload) if self._payload is not None else None

    @cached_property
    def _running(self) -> Mapping[str, Anchor]:
        """The anchors as they are kept, if none has ended."""
        kept = self.kept
        return kept.running if kept is not None and self.today < kept.first_end else {}

    @cached_property
    def _came(self) -> list[Sighting]:
        pairs = (pair.partition(b"=") for pair in self._cookies.split(b";"))
        found = [(self._orders.terms[name], name, value) for name, _, value in pairs]
        return [
            self._known(name.strip(SPACE).decode("latin-1"), value.strip(SPACE), terms)
            for terms, name, value in found
            if terms.months and terms.need in self._allowed
        ]

    def _known(self, name: str, value: bytes, terms: Terms) -> Sighting:
        return self._sighting(name, value, terms, self._running.get(key_of(name)))

    def _sighting(self, name: str, value: bytes, terms: Terms, anchor: Anchor | None) -> Sighting:
        if anchor is not None and anchor.mark != DONE and anchor.mark == mark_of(value):
            return Sighting(name, value, terms.months)  # its day is known
        birth = born(name, value.decode("latin-1"), self._now)
        return Sighting(name, value, terms.months, day_of(birth) if birth else None)

    @property
    def seen(self) -> Seen:
        """The anchors after this request and all that was told since: `kept` itself if nothing is new."""
        if self._observed is None:
            # What an answer sets takes the place of what came, whose value the application never saw.
            told = [*(each for each in self._came if each.name not in self.told), *self._told]
            if self.kept is not None and self._running and all(map(self._is_known, told)):
                self._observed = self.kept
            else:
                self._observed = observed(self.kept, told, self.today)
            # What the application sets itself has attributes that no request shows: never by us, too.
            if self._set:
                self._observed = reissued(self._observed, self._set, self.today)
        return self._observed

    def _is_known(self, sighting: Sighting) -> bool:
        anchor = self._running.get(key_of(sighting.name))
        return anchor is not None and _is_as_known(anchor, sighting, self.today)

    def _take(self, sighting: Sighting) -> None:
        self._told.append(sighting)
        self._observed = None

    @property
    def told(self) -> set[str]:
        """The names of trackers that the answer sets, or that a page told of."""
        return {each.name for each in self._told}

    @property
    def changed(self) -> bool:
        """Whether the browser has to keep other anchors than it does."""
        return bool(self.kept or self._came or self._told) and self.seen is not self.kept

    @property
    def ended(self) -> list[str]:
        """The names of cookies that came though their life is over."""
        seen = self.seen
        if seen is self.kept and not self.may_have_ended:
            return []
        over = (each.name for each in self._came if seen.has_ended(each.name, self.today))
        return [name for name in dict.fromkeys(over) if name not in self.told]

    # What is set.

    def cut(self, line: bytes, terms: Terms) -> bytes:
        """Return a tracker's Set-Cookie line with no more life than it may have; the same object if it fits.

        What is declared for the session is set for it, whatever the line says. A tracker whose life is over
        is ended by the line that would have set it once more.
        """
        if self._runs_as_known(line, terms):
            return line
        cookie = parsed(line)
        if cookie is None:  # no browser is known to keep it; one that does shall not for longer
            return lasting(line, terms, self._now, end_day(self.today, terms.months))
        end = cookie.ends(self._now)
        if end is not None and end <= self._now:
            return line  # removes it
        sighting = self._known(cookie.name, cookie.value, terms)
        self._take(sighting)
        self._set.append(cookie.name)
        anchor = self._running.get(key_of(cookie.name))
        if anchor is not None and anchor.mark == DONE and _is_as_known(anchor, sighting, self.today):
            return lasting(line, terms, self._now, anchor.end)
        self.novel = True
        last = self.seen.end_of(cookie.name)
        if last is None or self.seen.has_ended(cookie.name, self.today):
            return clamped(line, 0, self._now)
        if anchor is None and not self._anchoring:
            return session_only(line, self._now)  # else it had a new clock at each visit
        return lasting(line, terms, self._now, last)

    def _runs_as_known(self, line: bytes, terms: Terms) -> bool:
        """Return whether a line sets a tracker for the session whose anchor tells all of it: as most do."""
        pair, end = session_pair(line), self._first_end
        if pair is None or self._payload is None or end is None or end <= self.today + 1:
            return False  # the last second of a life counts, too
        anchor = running_in(self._payload, pair[0])
        if anchor is None or anchor.mark != DONE:
            return False
        sighting = self._sighting(*pair, terms, anchor)
        if not _is_as_known(anchor, sighting, self.today):
            return False
        self._take(sighting)
        return True

    # What a page tells.

    def tell(self, keys: Told) -> None:
        """Take in the trackers that a page's script saw: storage keys (`area:key`) and cookies, each with a
        mark of its value.

        A cookie counts if it didn't come with the request itself, as it may live below another path. Those of
        services that this visitor doesn't allow, or that nobody declared, are passed over.
        """
        lifetimes = self._orders.edition.policy.lifetimes
        came = {each.name for each in self._came}
        for name, mark in keys.items():
            category = self._category_told(name)
            if category is not None and category in self._allowed and name not in came:
                self._take(Sighting(name, mark.encode(), lifetimes.cap(category), told=True))

    def _category_told(self, name: str) -> str | None:
        """Return the category of a tracker by the name a page gives it; None if it needs no consent."""
        service = self._orders.storage(name)
        if service is None:
            return self._orders.terms[name.encode()].need
        category = self._orders.edition.policy.category_of(service)
        return None if category == "necessary" else category

    # What the server sets once more.

    def again(self, host: str) -> tuple[list[str], Seen]:
        """Return Set-Cookie values for what scripts set without a guard, and the anchors after that (L30).

        Once for each anchor, with the life that is left, where the registry says on which domain and path the
        script keeps it; never for longer than its declaration tells visitors. A value that changes between
        visits is somebody's who writes it again: never. What has no room waits for a later answer.
        """
        seen = self.seen
        came = [each for each in self._came if each.name not in self.told]
        due = to_reissue(self.kept, came, self.today) if self.kept else []
        lines: list[str] = []
        done: list[str] = []
        for each in due:
            line = self._line(each, host, seen)
            if line is not None:
                if sum(map(header_size, [*lines, line])) > REISSUE_ROOM:
                    break
                lines.append(line)
            done.append(each.name)
        return lines, reissued(seen, done, self.today)

    def _line(self, sighting: Sighting, host: str, seen: Seen) -> str | None:
        terms = self._orders.terms[sighting.name.encode("latin-1")]
        cookie, last = terms.cookie, seen.end_of(sighting.name)
        if cookie is None or not cookie.scope or last is None:
            return None
        declared = terms.declared_end(self._now)
        if declared is None:
            return None
        domain = registrable(host) if cookie.scope == "domain" else None
        where = f"; Domain={domain}" if domain else ""
        left = seconds_left(min(start_of(last), declared), self._now)
        value = sighting.value.decode("latin-1")
        line = f"{sighting.name}={value}; Path={cookie.path}; Max-Age={left}{where}"
        return line if header_size(line) <= REISSUE_ROOM else None
