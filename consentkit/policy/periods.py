"""A fact's lifetime, "session" or one ISO 8601 period, as a number: how long it is, and when it ends."""

import re
from datetime import datetime, timedelta
from typing import Final

from consentkit.policy.months import add_months, least_days

UNITS: Final = {"Y": "year", "M": "month", "W": "week", "D": "day"}
TIME_UNITS: Final = {"H": "hour", "M": "minute", "S": "second"}

_PERIOD: Final = re.compile(r"P(?:([0-9]+)([YMWD])|T([0-9]+)([HMS]))")
_MONTHS: Final = {"year": 12, "month": 1}
_DAYS: Final = {"week": 7, "day": 1, "hour": 1 / 24, "minute": 1 / 1440, "second": 1 / 86400}
_DAYS_A_MONTH: Final = 30.44
MOST_DAYS: Final = 400
"""No browser keeps a cookie longer (RFC 6265bis §5.5, L30)."""


def count_of(lifetime: str) -> tuple[int, str] | None:
    """Return a period's number and unit ("year" to "second"); None for a session's or a tab's."""
    found = _PERIOD.fullmatch(lifetime)
    if found is None:
        return None
    count, unit, time_count, time_unit = found.groups()
    return (int(count), UNITS[unit]) if count else (int(time_count), TIME_UNITS[time_unit])


def months_of(lifetime: str) -> float:
    """Return how long `lifetime` is in calendar months, by their usual length; 0 for a session."""
    counted = count_of(lifetime)
    if counted is None:
        return 0.0
    count, unit = counted
    whole = _MONTHS.get(unit)
    return count * (whole or _DAYS[unit] / _DAYS_A_MONTH)


def exceeds(lifetime: str, months: int) -> bool:
    """Return whether `lifetime` is longer than so many calendar months."""
    return months_of(lifetime) > months


def end_of(lifetime: str, start: datetime, months: int) -> datetime | None:
    """Return when what begins at `start` (with a time zone) is over: after `lifetime`, at most `months`.

    None for a session, which ends with the browser's.
    """
    counted = count_of(lifetime)
    if counted is None:
        return None
    count, unit = counted
    latest = add_months(start, months)
    if exceeds(lifetime, months + 1):
        return latest
    whole = _MONTHS.get(unit)
    end = add_months(start, count * whole) if whole else start + timedelta(days=count * _DAYS[unit])
    return min(end, latest)


def days_in(lifetime: str, months: int) -> float:
    """Return how many days from any instant on never go beyond `lifetime`; one for a session.

    MOST_DAYS for what lasts as many calendar months as it may live at all: that end comes first.
    """
    counted = count_of(lifetime)
    if counted is None:
        return 1
    count, unit = counted
    if unit in _DAYS:
        return min(count * _DAYS[unit], MOST_DAYS)
    whole = count * _MONTHS[unit]
    return least_days(whole) if whole < months else MOST_DAYS
