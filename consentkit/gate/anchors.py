"""The anchors of a visitor's trackers: since when each is there, when it has to end (B6, L4, design §3.3).

They live in the sealed `consentkit_seen` cookie, never in anything a script can write. What is sealed is
text: `1.<issued><first end>.<running>.<ended>`. A record is 12 digits of base64url (A-Z a-z 0-9 - _), most
significant first: key 6, day 3, months 1, mark 2. Days are UTC days since 1970-01-01; a running record tells
the day of its anchor, an ended one the day it ended.

- key: the tracker's name, hashed. Its name is a cookie's, or `local:`, `session:`, `indexeddb:`, `cache:` and
  a storage key. The guard in the page computes the same one.
- mark: 12 bits of the tracker's value, or DONE: a value not known, or with nothing left to do about it.
- first end: the earliest end in all records, NEVER without any. On the days before it a request has nothing
  to end, and nothing that ended.

There is room for MOST records. What has ended is forgotten first, the longest ago first, unless it came with
this very request; a tracker for which there still is no room gets no anchor: it may live for the session.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from zlib import crc32

from consentkit.gate.digits import DIGITS, number_in, number_of, text_of
from consentkit.policy.months import end_day

MOST = 64
NEVER = 64**3 - 1
"""The last day that three digits can tell, in the year 2687."""
DONE = "__"

_KEY, _RECORD = 6, 12
_RECORDS = re.compile("(.{6})(.{6})")
# No record has "A", which is 0, for its months.
_PAYLOAD = re.compile(rb"1\.[\w-]{6}\.(?:[\w-]{9}(?!A)[\w-]{3})*\.(?:[\w-]{9}(?!A)[\w-]{3})*")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A running tracker: the day it was first seen (or born), the months it may live (1 to 63), its mark."""

    day: int
    months: int
    mark: str

    @property
    def end(self) -> int:
        """The day at whose start it ends."""
        return end_day(self.day, self.months)


@dataclass(frozen=True, slots=True)
class Ended:
    """A tracker that had to end: the day it ended, the months it had, the mark of the value that ended."""

    day: int
    months: int
    mark: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """An allowed tracker that came with a request, or is being set.

    `months` is its cap under today's policy (1 to 63), `born` the day that its value tells, if it tells one
    (`policy.births`).
    """

    name: str
    value: bytes
    months: int
    born: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a visitor's `consentkit_seen` holds: the day it was issued, and the records by key."""

    issued: int
    running: Mapping[str, Anchor] = field(default_factory=dict)
    ended: Mapping[str, Ended] = field(default_factory=dict)

    @classmethod
    def from_payload(cls, payload: bytes) -> "Seen | None":
        """Return what a payload holds, or None for anything odd."""
        if _PAYLOAD.fullmatch(payload) is None:
            return None
        _, days, runs, ends = payload.decode("ascii").split(".")
        running = {key: _anchor(rest) for key, rest in _RECORDS.findall(runs)}
        ended = {key: _ended(rest) for key, rest in _RECORDS.findall(ends)}
        seen = cls(number_of(days[:3]), running, ended)
        if not (len(runs) + len(ends)) / _RECORD == len({*running, *ended}) <= MOST:
            return None
        return seen if seen.first_end == number_of(days[3:]) else None

    def payload(self) -> str:
        """Return the text to seal."""
        running, ended = (
            "".join(
                f"{key}{text_of(each.day, 3)}{DIGITS[each.months]}{each.mark}"
                for key, each in records.items()
            )
            for records in (self.running, self.ended)
        )
        return f"1.{text_of(self.issued, 3)}{text_of(self.first_end, 3)}.{running}.{ended}"

    @property
    def first_end(self) -> int:
        """The earliest end in all records, NEVER without any."""
        ends = [each.end for each in self.running.values()] + [each.day for each in self.ended.values()]
        return min(ends, default=NEVER)

    def end_of(self, name: str) -> int | None:
        """Return the day at whose start a tracker ends, or ended; None without an anchor: for the session."""
        key = key_of(name)
        if anchor := self.running.get(key):
            return anchor.end
        gone = self.ended.get(key)
        return gone.day if gone else None

    def has_ended(self, name: str, today: int) -> bool:
        """Say whether a tracker must be ended and not be forwarded, whatever its value.

        Ask what `observed` returned for its sighting: had only a new value come, it had begun anew there.
        """
        anchor = self.running.get(key := key_of(name))
        return key in self.ended if anchor is None else anchor.end <= today


def first_end(payload: bytes) -> int | None:
    """Return the first end that a payload tells, without reading the rest; None for anything odd."""
    try:
        return number_in(payload[5:8]) if payload[:2] == b"1." and len(payload) >= 8 else None
    except (KeyError, ValueError):
        return None


def observed(seen: Seen | None, sightings: Iterable[Sighting], today: int) -> Seen:
    """Return what is to be remembered once these trackers came, or are being set, on day `today`.

    What is new gets an anchor: today, or the day its value tells, if that is before. What reached its end
    joins the ended ones. While the value that ended comes, it stays there; once only others come, the tracker
    has a new anchor. An anchor only moves back: to an older birth that a value tells, and to today from a day
    yet to come, where the clock was wrong. Its months are lowered where the policy has fewer now. A value
    that changed is marked DONE: some script goes on writing it. The same object comes back where nothing is
    new.
    """
    before = seen or Seen(today)
    found = _by_key(sightings)
    running, ended = dict(before.running), dict(before.ended)
    for key in found.keys() & running.keys():
        running[key] = _kept(running[key], found[key], today)
    for key in [key for key, anchor in running.items() if anchor.end <= today]:
        ended[key] = _gone(running.pop(key))
    for key, group in found.items():
        if key in running or not (key in ended or _made_room(running, ended, found)):
            continue
        record = _begun(ended.pop(key, None), group, today)
        if isinstance(record, Anchor):
            running[key] = record
        else:
            ended[key] = record
    return before if (running, ended) == (before.running, before.ended) else Seen(today, running, ended)


def running_in(payload: bytes, name: str) -> Anchor | None:
    """Return the anchor under which a tracker runs, by what was sealed, without reading the rest.

    None where there is none, or where it has to be read as a whole. Ask only before the `first_end`.
    """
    start = len(b"1.AAAAAA.")
    key, end = key_of(name).encode(), payload.find(b".", start)
    at = payload.find(key, start, end)
    while at >= 0 and (at - start) % _RECORD:
        at = payload.find(key, at + 1, end)
    return _anchor(payload[at + _KEY : at + _RECORD].decode("ascii")) if 0 <= at < end else None


def to_reissue(seen: Seen, sightings: Iterable[Sighting], today: int) -> list[Sighting]:
    """Return the trackers that the server may set once more itself, with the life that is left to them.

    `seen` as it came with the request, `sightings` the cookies that came: those whose value still is the one
    that an earlier request anchored, and that came once (a name that comes twice has two homes). So no value
    is lost that a script writes at the same time. Once done, tell `reissued`.
    """
    return [
        group[0]
        for key, group in _by_key(sightings).items()
        if (anchor := seen.running.get(key))
        and len(group) == 1
        and anchor.mark == mark_of(group[0].value)
        and anchor.end > today
    ]


def reissued(seen: Seen, names: Iterable[str], today: int) -> Seen:
    """Return `seen` once the server has set these trackers itself: for their anchors it won't do so again."""
    keys = {key for key in map(key_of, names) if key in seen.running and seen.running[key].mark != DONE}
    if not keys:
        return seen
    running = {key: replace(each, mark=DONE) if key in keys else each for key, each in seen.running.items()}
    return Seen(today, running, seen.ended)


def hint_records(seen: Seen, today: int) -> str:
    """Return what the readable hint tells of the anchors, in digits: today 3, then key 6 and end 3 of each.

    All that runs. What ended is told on the day of issue (which is the day it was found to have), so that the
    page clears what it keeps in its storage; from the next day on the page may keep something new.
    """
    ends = {key: each.end for key, each in seen.running.items()}
    if seen.issued >= today:
        ends |= {key: each.day for key, each in seen.ended.items()}
    return text_of(today, 3) + "".join(f"{key}{text_of(end, 3)}" for key, end in ends.items())


@lru_cache(maxsize=4096)  # a site's trackers are few and come with every request
def key_of(name: str) -> str:
    """Return the key of a tracker's name: FNV-1a, 32 bits, of its UTF-8 bytes, as 6 digits."""
    key = 0x811C9DC5
    for byte in name.encode("utf-8", "surrogatepass"):
        key = (key ^ byte) * 0x01000193 & 0xFFFFFFFF
    return text_of(key, _KEY)


def mark_of(value: bytes | str) -> str:
    """Return the mark of a value, never DONE: to know it again by, not to prove anything."""
    bits = crc32(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value) & 0xFFF
    return text_of(min(bits, 0xFFE), 2)


def _by_key(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        found.setdefault(key_of(sighting.name), []).append(sighting)
    return found


def _kept(anchor: Anchor, group: list[Sighting], today: int) -> Anchor:
    """Return a running anchor after these sightings: day and months lowered, DONE if a value differs.

    One that has ended keeps its mark: by it the next value is known to be new.
    """
    months = min(anchor.months, *(each.months for each in group))
    day = max(0, min(anchor.day, today, *(each.born for each in group if each.born is not None)))
    if (day, months) != (anchor.day, anchor.months):
        anchor = replace(anchor, day=day, months=months)
    if anchor.mark != DONE and anchor.end > today:
        for each in group:
            if mark_of(each.value) != anchor.mark:
                return replace(anchor, mark=DONE)
    return anchor


def _gone(anchor: Anchor) -> Ended:
    return Ended(anchor.end, anchor.months, anchor.mark)


def _begun(gone: Ended | None, group: list[Sighting], today: int) -> Anchor | Ended:
    """Return the record of a tracker that doesn't run: a new anchor, or the end that it has come to."""
    marks = {mark_of(each.value) for each in group}
    mark = min(marks) if len(marks) == 1 else DONE
    if gone and gone.mark == DONE:
        return replace(gone, mark=mark)
    if gone and gone.mark in marks:
        return gone
    births = [each.born for each in group if each.born is not None]
    anchor = Anchor(max(0, min([today, *births])), min(each.months for each in group), mark)
    return anchor if anchor.end > today else _gone(anchor)


def _made_room(running: Mapping[str, Anchor], ended: dict[str, Ended], found: Container[str]) -> bool:
    """Say whether a further record has room, once what ended longest ago is forgotten if there is none."""
    if len(running) + len(ended) < MOST:
        return True
    absent = [key for key in ended if key not in found]
    if absent:
        del ended[min(absent, key=lambda key: ended[key].day)]
    return bool(absent)


@lru_cache(maxsize=4096)  # the trackers of one visit have one day, and most of them the same mark
def _anchor(digits: str) -> Anchor:
    return Anchor(*_record(digits))


@lru_cache(maxsize=1024)
def _ended(digits: str) -> Ended:
    return Ended(*_record(digits))


def _record(digits: str) -> tuple[int, int, str]:
    return number_of(digits[:3]), number_of(digits[3]), digits[4:]
