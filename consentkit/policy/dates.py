"""A day as people write it in their language, for pages that no script has to finish."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from consentkit.policy.words import filled


def day_text(instant: datetime, dates: Mapping[str, Any]) -> str:
    """Return the UTC day of `instant` (with a time zone) in the form of a language's `dates`: 22 May 2027."""
    day = instant.astimezone(UTC)
    parts = {"day": day.day, "month": dates["months"][day.month - 1], "year": day.year}
    return filled(dates["pattern"], parts)
