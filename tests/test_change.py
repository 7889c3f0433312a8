"""What counts as a material change: who is let in, not how it is worded (E9, EDPB 05/2020 §110)."""

from typing import Any

import pytest
from sample import policy

from consentkit.policy.change import still_counts
from consentkit.policy.version import resolve

VISITS: dict[str, Any] = {
    "id": "visits",
    "name": "Visit counter",
    "vendor": "Corner Shop SAS",
    "country": "FR",
    "category": "analytics",
    "purposes": ["audience-measurement"],
    "policy_url": "https://shop.example/privacy",
}


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"texts": {"en": {"title": "Other words"}}}, True),
        ({"services": []}, True),
        ({"services": [VISITS, "meta-pixel"]}, True),
        ({"services": [VISITS, "hotjar"]}, False),
        ({"services": [{**VISITS, "vendor": "Somebody Else Inc"}]}, False),
        ({"services": [{**VISITS, "purposes": ["audience-measurement", "session-replay"]}]}, False),
        ({"services": [{**VISITS, "cookies": ["_visit"]}]}, True),
    ],
)
def test_an_analytics_answer_after_a_change(changes: dict[str, Any], counts: bool) -> None:
    old = resolve(policy(services=[VISITS]))
    assert still_counts(old, resolve(policy(**({"services": [VISITS]} | changes))), "analytics") is counts


def test_a_category_that_was_not_asked_about_has_no_answer() -> None:
    old = resolve(policy(categories=["marketing"], services=[]))
    assert not still_counts(old, resolve(policy(services=[])), "analytics")
