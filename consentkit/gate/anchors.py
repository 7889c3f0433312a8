"""The anchors of a visitor's trackers: since when each is there, when it has to end (B6, L4, design §3.3).

They live in the sealed `consentkit_seen` cookie, never in anything a script can write. What is sealed is
text: `1.<issued><first end>.<running>.<ended>`. A record is 12 digits of base64url (A-Z a-z 0-9 - _), most
significant first: key 6, day 3, months 1, mark 2. Days are UTC days since 1970-01-01; a running record tells
the day of its anchor, an ended one the day it ended.

- key: the tracker's name, hashed. Its name is a cookie's, or `local:`, `session:`, `indexeddb:`, `cache:` and
  a storage key. The guard in the page computes the same one.
- months: 1 to 31, and 32 more in a running record of what pages only told of: it never came with a request
  itself, and no answer set it.
- mark: 12 bits of the tracker's value, or DONE: a value not known, or with nothing left to do about it.
- first end: the earliest end in all records, NEVER without any. On the days before it a request has nothing
  to end, and nothing that ended.

There is room for MOST records. What is only told, as any script of a page may tell anything, gets what is
free. To what came or was set a record gives way: of what has ended, and didn't come with this very request,
the one that ended longest ago; else, of what was only told, the one told last. While it runs, no record of
what came gives way, as its tracker would begin anew. A tracker for which there still is no room has no clock
to live by: its life is over.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from zlib import crc32

from consentkit.gate.digits import DIGITS, number_in, number_of, text_of
from consentkit.policy.memory import remembered
from consentkit.policy.months import end_day

MOST = 64
LONGEST_PAYLOAD = len("1.AAAAAA..") + 12 * MOST
"""Bytes of a payload without room for one more record."""
NEVER = 64**3 - 1
"""The last day that three digits can tell, in the year 2687."""
DONE = "__"

_KEY, _RECORD = 6, 12
_RECORDS = re.compile("(.{6})(.{6})")
_TOLD = 32
# No record has 0 for its months: "A", or "g" with _TOLD on top, which no ended one has.
_PAYLOAD = re.compile(rb"1\.[\w-]{6}\.(?:[\w-]{9}(?![Ag])[\w-]{3})*\.(?:[\w-]{9}[B-Za-f][\w-]{2})*")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A running tracker: the day it was first seen (or born), the months it may live (1 to 31), its mark.

    `told` says that nothing but a page's word is known of it.
    """

    day: int
    months: int
    mark: str
    told: bool = False

    @property
    def end(self) -> int:
        """The day at whose start it ends."""
        return end_day(self.day, self.months)

    @property
    def digits(self) -> str:
        """What its record says behind the key."""
        return f"{text_of(self.day, 3)}{DIGITS[self.months + _TOLD * self.told]}{self.mark}"


@dataclass(frozen=True, slots=True)
class Ended:
    """A tracker that had to end: the day it ended, the months it had, the mark of the value that ended."""

    day: int
    months: int
    mark: str

    @property
    def digits(self) -> str:
        """What its record says behind the key."""
        return f"{text_of(self.day, 3)}{DIGITS[self.months]}{self.mark}"


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
            "".join(f"{key}{each.digits}" for key, each in records.items())
            for records in (self.running, self.ended)
        )
        return f"1.{text_of(self.issued, 3)}{text_of(self.first_end, 3)}.{running}.{ended}"

    @property
    def first_end(self) -> int:
        """The earliest end in all records, NEVER without any."""
        ends = [each.end for each in self.running.values()] + [each.day for each in self.ended.values()]
        return min(ends, default=NEVER)

    def end_of(self, name: str) -> int | None:
        """Return the day at whose start a tracker ends, or ended; None without a record."""
        key = key_of(name)
        if anchor := self.running.get(key):
            return anchor.end
        gone = self.ended.get(key)
        return gone.day if gone else None

    def has_ended(self, name: str, today: int) -> bool:
        """Say whether a tracker must be ended and not be forwarded, whatever its value.

        Ask what `observed` returned for its sighting: had only a new value come, it had begun anew there, and
        what has no record then has no room for one.
        """
        anchor = self.running.get(key_of(name))
        return anchor is None or anchor.end <= today


def first_end(payload: bytes) -> int | None:
    """Return the first end that a payload tells, without reading the rest; None for anything odd."""
    try:
        return number_in(payload[5:8]) if payload[:2] == b"1." and len(payload) >= 8 else None
    except (KeyError, ValueError):
        return None


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


@remembered(4096)
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


@lru_cache(maxsize=4096)  # the trackers of one visit have one day, and most of them the same mark
def _anchor(digits: str) -> Anchor:
    day, months, mark = _record(digits)
    return Anchor(day, months % _TOLD, mark, told=months > _TOLD)


@lru_cache(maxsize=1024)
def _ended(digits: str) -> Ended:
    return Ended(*_record(digits))


def _record(digits: str) -> tuple[int, int, str]:
    return number_of(digits[:3]), number_of(digits[3]), digits[4:]
