"""The dates of cookies: read as browsers do, forgiving, and written in the one form all of them read."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
FIRST_YEAR = 1601

_MONTHS = {name: number for number, name in enumerate(MONTHS, 1)}
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES = ("", *(name.decode().title() for name in MONTHS))
# Nearly every server writes this form; what it finds, the tokens below would find too, only later.
_USUAL = re.compile(
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2})[ -]([A-Z][a-z]{2})[ -]([0-9]{4})"
    rb" ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_TOKEN = re.compile(rb"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(rb"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(rb"[0-9]{1,2}(?![0-9])")
_YEAR = re.compile(rb"[0-9]{2,4}(?![0-9])")


@lru_cache(maxsize=256)  # the same past date in every line that ends a cookie, the same end within a second
def cookie_date(text: bytes) -> datetime | None:
    """Return the instant an Expires says, in UTC, or None where browsers read none (RFC 6265bis §5.1.1)."""
    if usual := _USUAL.fullmatch(text):
        day, name, year, *time = usual.groups()
        month = _MONTHS.get(name.lower())
        return _instant(int(year), month, int(day), time) if month else None
    return _from_tokens(text)


@lru_cache(maxsize=64)  # one answer's cookies end together, and so do those of one second's answers
def http_date(instant: datetime) -> bytes:
    """Return an instant as an Expires says it: `Wed, 21 Oct 2026 07:28:00 GMT` (RFC 9110 §5.6.7)."""
    utc = instant.astimezone(UTC)
    day = f"{_DAY_NAMES[utc.weekday()]}, {utc.day:02} {_MONTH_NAMES[utc.month]} {utc.year:04}"
    return f"{day} {utc.hour:02}:{utc.minute:02}:{utc.second:02} GMT".encode()


def _from_tokens(text: bytes) -> datetime | None:
    """Read a date of any order: each token counts for the first part it can be and that is still missing."""
    time: Iterable[bytes] | None = None
    day = month = year = None
    for token in _TOKEN.findall(text):
        if time is None and (found := _TIME.match(token)):
            time = found.groups()
        elif day is None and (found := _DAY.match(token)):
            day = int(found[0])
        elif month is None and (number := _MONTHS.get(token[:3].lower())):
            month = number
        elif year is None and (found := _YEAR.match(token)):
            year = int(found[0])
    if time is None or day is None or month is None or year is None:
        return None
    return _instant(year + (1900 if 70 <= year <= 99 else 2000 if year < 70 else 0), month, day, time)


def _instant(year: int, month: int, day: int, time: Iterable[bytes]) -> datetime | None:
    hour, minute, second = map(int, time)
    try:
        instant = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:  # the 31st of February, or 25 o'clock
        return None
    return instant if year >= FIRST_YEAR else None
