"""Calendar months: how long a choice and a tracker last (A1, B6, L29)."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)  # every request asks again about the instants in its visitor's cookie
def add_months(instant: datetime, months: int) -> datetime:
    """Return `instant` moved by whole calendar months, clamped to the month's last day, in UTC.

    Always count from the original instant: 31 January plus one month plus one month is not 31 January
    plus two (Regulation 1182/71 art. 3(2)(c), L29). Raises ValueError for a naive `instant`.
    """
    if instant.tzinfo is None:
        raise ValueError("add_months needs an instant with a time zone")
    utc = instant.astimezone(UTC)
    years, month0 = divmod(utc.month - 1 + months, 12)
    year, month = utc.year + years, month0 + 1
    return utc.replace(year=year, month=month, day=min(utc.day, monthrange(year, month)[1]))


@lru_cache(maxsize=4096)  # visitors come back on other days than they answered, but on few of those
def end_day(day: int, months: int) -> int:
    """Return the day that many calendar months after `day`; both in whole days (UTC) since 1970-01-01."""
    return (add_months(EPOCH + timedelta(days=day), months) - EPOCH).days


def seconds_left(end: datetime, now: datetime) -> int:
    """Return the whole seconds from `now` to `end`, rounded down and never negative (a Max-Age)."""
    return max(0, int((end - now).total_seconds()))
