"""What counts as a material change: who is let in, and for how long; not how it is worded (E9, L16, L20)."""

from typing import Any

import pytest
from sample import policy, visits

from consentkit.policy.change import still_counts
from consentkit.policy.version import resolve

VISITS = visits()


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
        ({"services": [{**VISITS, "cookies": [{"name": "_visit", "lifetime": "session"}]}]}, True),
        ({"services": [{**VISITS, "cookies": ["_visit"]}]}, False),  # nobody was told that it keeps anything
    ],
)
def test_an_analytics_answer_after_a_change(changes: dict[str, Any], counts: bool) -> None:
    old = resolve(policy(services=[VISITS]))
    new = resolve(policy(**({"services": [VISITS]} | changes)))
    assert still_counts(old, new, "analytics", granted=True) is counts


def test_a_category_that_was_not_asked_about_has_no_answer() -> None:
    old = resolve(policy(categories=["marketing"], services=[]))
    assert not still_counts(old, resolve(policy(services=[])), "analytics", granted=True)


def living(lifetime: str, months: int = 13, **more: Any) -> dict[str, Any]:
    """A policy whose counter keeps a cookie for so long, in a category of so many months at most."""
    cookie = {"name": "_visit", "lifetime": lifetime}
    services = [visits(cookies=[cookie], **more), "meta-pixel"]
    return policy(services=services, lifetimes={"analytics_months": months})


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (living("P6M"), living("P13M"), False),
        (living("P13M"), living("P6M"), True),
        (living("session"), living("PT1H"), False),
        (living("P13M", 6), living("P13M", 13), False),  # the category's cap is what visitors were told
        (living("P2Y", 6), living("P1Y", 6), True),
        (living("P3M", 6), living("P3M", 13), True),
        (living("P1Y"), living("P12M"), True),
    ],
)
def test_a_yes_covers_no_longer_life_than_was_told(
    before: dict[str, Any], after: dict[str, Any], counts: bool
) -> None:
    """L20: the duration is part of what a consent is informed by; of the changed category alone."""
    old, new = resolve(before), resolve(after)
    assert still_counts(old, new, "analytics", granted=True) is counts
    assert still_counts(old, new, "marketing", granted=True)
    assert still_counts(old, new, "analytics", granted=False)


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ({"visit": "P1D", "visit2": "P1M"}, True),
        ({"visit": "P1D", "visit2": "P2M"}, False),
        ({"visitor": "P13M", "longest": "P1M"}, False),
        ({"visit*": "P13M"}, False),
        ({"visit*": "P1D"}, True),
    ],
)
def test_a_new_name_lives_no_longer_than_what_its_service_kept_before(
    now: dict[str, str], counts: bool
) -> None:
    """L20: nobody was told of more by another name."""

    def keeping(lives: dict[str, str]) -> Any:
        cookies = [{"name": name, "lifetime": life} for name, life in lives.items()]
        return resolve(policy(services=[visits(cookies=cookies)]))

    old = keeping({"visit": "P1D", "longest": "P1M"})
    assert still_counts(old, keeping(now), "analytics", granted=True) is counts


def test_storage_lives_as_long_as_its_category_and_a_vendor_s_cookie_as_it_says() -> None:
    def months(count: int, *services: Any) -> Any:
        return resolve(policy(services=list(services), lifetimes={"marketing_months": count}))

    pixel = ("meta-pixel",)  # keeps a key in the site's storage
    assert not still_counts(months(6, *pixel), months(12, *pixel), "marketing", granted=True)
    far = visits(category="marketing", cookies=[{"name": "uid", "lifetime": "P2Y", "domain": "vendor"}])
    assert still_counts(months(6, far), months(12, far), "marketing", granted=True)


@pytest.mark.parametrize("granted", [True, False])
def test_who_answered_while_a_tag_waited_is_asked_again_once_it_loads_before_any_answer(
    granted: bool,
) -> None:
    waiting = resolve(policy())
    early = resolve(policy(consent_mode={"google": "advanced"}))
    assert not still_counts(waiting, early, "analytics", granted=granted)
    assert still_counts(waiting, early, "marketing", granted=granted)
    assert still_counts(early, waiting, "analytics", granted=granted)
