"""Lifetimes of facts: how long they are, and when what has one ends."""

from datetime import UTC, datetime, timedelta

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.policy.periods import count_of, days_in, end_of, exceeds
from consentkit.policy.registry import known_services

START = datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)
FIELDS = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}
TIME_FIELDS = {"H": "hours", "M": "minutes", "S": "seconds"}


def test_every_lifetime_of_the_registry_can_be_counted() -> None:
    lifetimes = {cookie.lifetime for service in known_services().values() for cookie in service.cookies}
    assert {each for each in lifetimes if count_of(each) is None} == {"session"}
    assert count_of("PT30M") == (30, "minute")
    assert count_of("P30M") == (30, "month")


@pytest.mark.parametrize(
    ("lifetime", "months", "longer"),
    [
        ("session", 1, False),
        ("P13M", 13, False),
        ("P14M", 13, True),
        ("P1Y", 12, False),
        ("P2Y", 13, True),
        ("P365D", 12, False),
        ("P390D", 12, True),
        ("P400D", 13, True),
        ("P52W", 12, False),
        ("P57W", 13, True),
        ("PT8760H", 12, False),
        ("PT10000H", 13, True),
        ("PT999999999S", 13, True),
    ],
)
def test_a_lifetime_is_compared_with_calendar_months(lifetime: str, months: int, longer: bool) -> None:
    assert exceeds(lifetime, months) is longer


@given(
    st.integers(1, 10**9),
    st.sampled_from([*FIELDS, *(f"T{unit}" for unit in TIME_FIELDS)]),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.sampled_from([12, 13]),
)
@samples(500, derandomize=True)
def test_what_begins_ends_after_its_lifetime_or_the_most_there_is(
    count: int, unit: str, start: datetime, months: int
) -> None:
    start = start.replace(tzinfo=UTC)
    count = count if unit == "TS" else count % 1000 + 1
    field = TIME_FIELDS[unit[1]] if unit[0] == "T" else FIELDS[unit]
    lifetime = f"PT{count}{unit[1]}" if unit[0] == "T" else f"P{count}{unit}"
    wanted = min(start + relativedelta(months=months), start + relativedelta(**{field: count}))  # type: ignore[arg-type]
    found = end_of(lifetime, start, months)
    assert found is not None
    assert abs(found - wanted) < timedelta(milliseconds=1)


@given(
    st.sampled_from(
        ["P1M", "P3M", "P12M", "P1Y", "P13M", "P30D", "P30W", "P395D", "PT30M", "PT15S", "P9999Y"]
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    st.sampled_from([3, 12, 13]),
)
@samples(200, derandomize=True)
def test_the_days_of_a_lifetime_never_go_beyond_it_and_hardly_stay_behind(
    lifetime: str, start: datetime, months: int
) -> None:
    start = start.replace(tzinfo=UTC)
    end = end_of(lifetime, start, months)
    assert end is not None
    ends = min(start + timedelta(days=days_in(lifetime, months)), start + relativedelta(months=months))
    assert timedelta(0) <= end - ends <= timedelta(days=4)


def test_a_session_has_no_end_and_a_hostile_number_has_the_latest() -> None:
    assert end_of("session", START, 12) is None
    assert days_in("session", 12) == 1
    for lifetime in ("P999999999Y", "P999999999W", "PT999999999H"):
        assert days_in(lifetime, 12) == 400
        assert end_of(lifetime, START, 12) == datetime(2027, 8, 31, 12, 0, 0, tzinfo=UTC)
