"""Calendar months: how long a choice and a tracker last (A1, B6, L29)."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = EPOCH.toordinal()
_LEAP_CYCLE = 1461
"""Days: four years, in which every run of calendar months comes up in all the lengths it can have."""


def add_months(instant: datetime, months: int) -> datetime:
    """Return `instant` moved by whole calendar months, clamped to the month's last day, in UTC.

    Always count from the original instant: 31 January plus one month plus one month is not 31 January
    plus two (Regulation 1182/71 art. 3(2)(c), L29). Raises ValueError for a naive `instant`.
    """
    if instant.tzinfo is not UTC:
        instant = _in_utc(instant)
    return _moved(instant, months)


def milliseconds(instant: datetime) -> int:
    """Return an instant as the log has it: UTC milliseconds since 1970."""
    return round(instant.timestamp() * 1000)


def seconds_left(end: datetime, now: datetime) -> int:
    """Return the whole seconds from `now` to `end`, rounded down and never negative (a Max-Age)."""
    return max(0, int((end - now).total_seconds()))


def day_of(instant: datetime) -> int:
    """Return the day of `instant`: whole UTC days since 1970-01-01. Raises ValueError for a naive one."""
    return (instant if instant.tzinfo is UTC else _in_utc(instant)).toordinal() - _FIRST_DAY


def start_of(day: int) -> datetime:
    """Return the instant at which a day (UTC days since 1970-01-01) begins."""
    return EPOCH + timedelta(days=day)


@lru_cache(maxsize=4096)  # a site's visitors share their days
def end_day(anchor: int, months: int) -> int:
    """Return the day at whose start a tracker ends that was first seen on day `anchor` (B6, L4).

    Rounded down: what came in the course of the day lives a part of a day less than the calendar months.
    """
    return day_of(add_months(start_of(anchor), months))


@lru_cache(maxsize=32)
def least_days(months: int) -> int:
    """Return how many whole days from any instant on never go beyond so many calendar months from its day.

    392 for 13 months.
    """
    return min(end_day(day, months) - day for day in range(_LEAP_CYCLE)) - 1


@lru_cache(maxsize=4096)  # every request asks again about the instants in its visitor's cookie
def _moved(utc: datetime, months: int) -> datetime:
    years, month0 = divmod(utc.month - 1 + months, 12)
    year, month = utc.year + years, month0 + 1
    return utc.replace(year=year, month=month, day=min(utc.day, monthrange(year, month)[1]))


def _in_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC.

    Before anything is cached by it: the two o'clocks of a night in which summer time ends are equal as keys.
    """
    if instant.tzinfo is None:
        raise ValueError("a calendar needs an instant with a time zone")
    return instant.astimezone(UTC)
