"""Days as each language writes them, beside babel's."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale
from babel.dates import format_date

from consentkit.policy.dates import day_text
from consentkit.policy.words import locales, texts

EUROPEAN = {"en": "en-GB", "pt": "pt-PT"}
"""Ours without a land are Europe's: CLDR's are those of the most people."""


@pytest.mark.parametrize("locale", locales())
def test_a_day_is_written_as_cldr_writes_it(locale: str) -> None:
    dates = texts(locale, {})["dates"]
    cldr = Locale.parse(EUROPEAN.get(locale, locale), sep="-")
    for month in range(1, 13):
        day = datetime(2027, month, 2 * month, 12, tzinfo=UTC)
        assert day_text(day, dates) == format_date(day, "long", locale=cldr)


def test_the_day_is_the_one_in_utc() -> None:
    dates = texts("en", {})["dates"]
    late = datetime(2027, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    assert day_text(late, dates) == "1 January 2028"


def test_a_site_may_write_its_days_otherwise() -> None:
    own = {"dates": {"pattern": "{month} {day}, {year}"}}
    assert day_text(datetime(2027, 5, 9, tzinfo=UTC), texts("en", own)["dates"]) == "May 9, 2027"
