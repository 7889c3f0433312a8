"""Where in the US a signal has to be heeded, and since when (L24)."""

from datetime import date

import pytest

from consentkit.policy.duties import DUTIES, duty


def test_twelve_states_ask_on_the_day_of_the_review_and_two_more_later() -> None:
    def asking(day: date) -> list[str]:
        return [each.state for each in DUTIES if duty(each.state, day) != "none"]

    assert len(asking(date(2026, 11, 22))) == 12
    assert {*asking(date(2027, 5, 1))} - {*asking(date(2026, 11, 22))} == {"LA", "AL"}
    assert len({each.state for each in DUTIES}) == len(DUTIES) == 21


@pytest.mark.parametrize(
    ("state", "day", "mode"),
    [
        ("OR", date(2025, 12, 31), "none"),
        ("OR", date(2026, 1, 1), "mandatory"),
        ("TX", date(2026, 11, 22), "conditional"),
        ("AL", date(2027, 5, 1), "disputed"),
        ("VA", date(2026, 11, 22), "none"),
        ("NY", date(2026, 11, 22), "none"),
    ],
)
def test_a_duty_begins_on_its_day(state: str, day: date, mode: str) -> None:
    assert duty(state, day) == mode
