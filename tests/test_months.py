"""Calendar months against an independent oracle (A1, B6, L29)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from dateutil.relativedelta import relativedelta
from dateutil.tz import gettz
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.policy.months import add_months, day_of, end_day, seconds_left, start_of

instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.integers(0, 60))
@samples(500, derandomize=True)
def test_agrees_with_dateutil(instant: datetime, months: int) -> None:
    assert add_months(instant, months) == instant + relativedelta(months=months)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-08-31T00:00:00+00:00", 6, "2027-02-28T00:00:00+00:00"),
        ("2027-01-31T00:00:00+00:00", 13, "2028-02-29T00:00:00+00:00"),
        ("2026-03-29T01:30:00+00:00", 6, "2026-09-29T01:30:00+00:00"),
    ],
)
def test_clamps_to_the_end_of_the_month(start: str, months: int, end: str) -> None:
    assert add_months(datetime.fromisoformat(start), months) == datetime.fromisoformat(end)


@given(instants)
@samples(300, derandomize=True)
def test_six_months_are_181_to_184_days_never_180(instant: datetime) -> None:
    assert 181 <= (add_months(instant, 6) - instant).days <= 184


def test_another_zone_is_read_as_the_same_instant_in_utc() -> None:
    paris = datetime(2026, 9, 1, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert add_months(paris, 6) == datetime(2027, 2, 28, 23, 0, tzinfo=UTC)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        add_months(datetime(2026, 1, 1), 1)  # noqa: DTZ001


def test_seconds_left_rounds_down_and_stops_at_zero(noon: datetime) -> None:
    assert seconds_left(noon + timedelta(seconds=1.9), noon) == 1
    assert seconds_left(noon, noon + timedelta(seconds=1)) == 0


def century() -> Iterator[date]:
    """Return each day from 2000 to 2100: leap days of a century that has one, and of one that has none."""
    day = date(2000, 1, 1)
    while day < date(2101, 1, 1):
        yield day
        day += timedelta(days=1)


SPANS = {6: (181, 184), 12: (365, 366), 13: (393, 397)}
"""The fewest and the most days that these months can be (L29)."""


@pytest.mark.parametrize("months", SPANS)
def test_every_day_of_a_century_ends_where_dateutil_says(months: int) -> None:
    moved, spans, last = relativedelta(months=months), set(), 0
    for day in century():
        anchor = (day - date(1970, 1, 1)).days
        end = end_day(anchor, months)
        assert end == (day + moved - date(1970, 1, 1)).days, day
        assert end >= last, day
        spans.add(end - anchor)
        last = end
    assert (min(spans), max(spans)) == SPANS[months]


@pytest.mark.parametrize(
    ("first", "months", "end"),
    [
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 13, date(2029, 3, 29)),
        (date(2027, 1, 29), 13, date(2028, 2, 29)),
        (date(2027, 1, 30), 13, date(2028, 2, 29)),
        (date(2027, 1, 31), 13, date(2028, 2, 29)),
        (date(2099, 1, 31), 13, date(2100, 2, 28)),
        (date(2026, 11, 22), 13, date(2027, 12, 22)),
    ],
)
def test_month_ends_and_leap_days(first: date, months: int, end: date) -> None:
    assert date(1970, 1, 1) + timedelta(days=end_day((first - date(1970, 1, 1)).days, months)) == end


@given(instants, st.integers(1, 63))
@samples(300, derandomize=True)
def test_a_tracker_never_outlives_its_calendar_months(instant: datetime, months: int) -> None:
    """The end is a day's start, rounded down: at most a day short of the instant that the months give."""
    end = start_of(end_day(day_of(instant), months))
    assert timedelta(0) <= instant + relativedelta(months=months) - end < timedelta(days=1)


def test_a_day_is_a_utc_day() -> None:
    assert day_of(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert day_of(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    assert day_of(datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=2)))) == 20778
    assert start_of(20779) == datetime(2026, 11, 22, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        day_of(datetime(2026, 1, 1))  # noqa: DTZ001


ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC"]


@given(instants, st.sampled_from(ZONES), st.integers(-60, 60))
@samples(500, derandomize=True)
def test_the_zone_an_instant_comes_in_changes_nothing(instant: datetime, zone: str, months: int) -> None:
    local = instant.astimezone(gettz(zone))
    found = add_months(local, months)
    assert found == add_months(instant, months)
    assert found.tzinfo is UTC
    assert day_of(local) == day_of(instant)


def test_both_two_o_clocks_of_the_night_that_ends_summer_time_keep_their_hour() -> None:
    """Equal as keys of a cache, they are an hour apart."""
    paris = gettz("Europe/Paris")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=paris)
    winter = summer.replace(fold=1)
    assert summer == winter
    assert add_months(summer, 6) == datetime(2027, 4, 25, 0, 30, tzinfo=UTC)
    assert add_months(winter, 6) == datetime(2027, 4, 25, 1, 30, tzinfo=UTC)
