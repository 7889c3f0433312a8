"""Calendar months against an independent oracle (A1, B6, L29)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.policy.months import add_months, seconds_left

instants = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.integers(0, 60))
@settings(max_examples=500, derandomize=True)
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
@settings(max_examples=300, derandomize=True)
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
