"""A site's own services: what they add, and the cookies that no tracker may claim (A6, A17)."""

from typing import Any

import pytest
from sample import visits

from consentkit.policy.declared import RESERVED, declared_services, reserved_name
from consentkit.policy.registry import known_services


@pytest.mark.parametrize(
    ("cookie", "claimed"),
    [
        ("consentkit", "consentkit"),
        ("consentkit*", "consentkit"),
        ("*_allows", "consentkit_allows"),
        ("consentkit_s*", "consentkit_seen"),
        ("*kit_desk", "consentkit_desk"),
        ("sess*", "sessionid"),
        ("csrf*", "csrftoken"),
        ("*SESSID", "PHPSESSID"),
        ("*SESSION*", "JSESSIONID"),
        ("connect.*", "connect.sid"),
        ("laravel_*", "laravel_session"),
        ("__Host-*", "__Host-session"),
        ("_sess*", "_session_id"),
    ],
)
def test_a_tracker_may_not_claim_a_cookie_the_site_breaks_without(cookie: str, claimed: str) -> None:
    _, problems = declared_services([visits(cookies=["_own", cookie])])
    [problem] = problems
    assert problem.path == f"services.visits.cookies.{cookie}.name"
    alike = "is" if claimed == cookie else f"also names {claimed!r},"
    told = f"{cookie!r} {alike} {RESERVED[claimed]}: a tracker needs a name of its own"
    assert (problem.message, problem.allowed) == (told, ())


def test_a_cookie_of_its_own_a_necessary_one_and_a_vendor_s_are_no_claims() -> None:
    fine = [
        visits(cookies=["_visit_*", "my_sessionid", "consent"]),
        visits(id="login", category="necessary", cookies=["sessionid", "csrf*"]),
        visits(id="far", cookies=[{"name": "session", "lifetime": "session", "domain": "vendor"}]),
    ]
    assert declared_services(fine)[1] == []


def test_a_known_service_is_no_way_around_it() -> None:
    _, problems = declared_services([{"id": "posthog", "cookies": ["session*"]}])
    assert [problem.path for problem in problems] == ["services.posthog.cookies.session*.name"]


def test_a_problem_names_what_it_is_about_and_counts_what_has_no_name_of_its_own() -> None:
    """As findings do: whoever reads both finds one place under one name."""
    odd = [{"area": "local", "key": "visit-id", "more": 1}, {"area": "far", "key": "a b"}]
    cookies = [{"name": "_visit"}, {"name": "_twice"}, {"name": "_twice"}, "", 7]
    items = [visits(cookies=cookies, storage=odd), "Nobody s", {"id": "youtube", "urls": ["no host"]}, 7]
    _, problems = declared_services([*items, visits(id="twin"), visits(id="twin")])
    assert [problem.path for problem in problems] == [
        *(f"services.visits.cookies.{name}.lifetime" for name in ("_visit", "1", "2")),
        *("services.visits.cookies.3.name", "services.visits.cookies.4"),
        *("services.visits.storage.visit-id.more", "services.visits.storage.1.area"),
        *("services.1", "services.youtube.urls.0.match", "services.3", "services.5"),
    ]


def test_no_known_service_claims_a_reserved_cookie() -> None:
    """Known services that a site doesn't declare are held back for good, whatever their category."""
    cookies = [cookie for service in known_services().values() for cookie in service.cookies]
    assert [cookie.name for cookie in cookies if reserved_name(cookie)] == []


def test_a_glob_of_many_stars_is_judged_at_once() -> None:
    _, problems = declared_services([visits(cookies=["*" * 5_000 + "xyz"])])
    assert problems == []


def test_a_mistake_in_an_addition_is_counted_in_the_site_s_own_list() -> None:
    _, problems = declared_services([{"id": "posthog", "urls": ["stats.shop.example/", "no host"]}])
    assert [problem.path for problem in problems] == ["services.posthog.urls.1.match"]


def test_an_addition_comes_after_the_known_facts_and_nothing_stands_twice() -> None:
    known = known_services()["posthog"]
    item = {"id": "posthog", "urls": ["stats.shop.example/"], "purposes": [*known.purposes, "fonts"]}
    services, problems = declared_services([item])
    assert problems == []
    added = services["posthog"]
    assert [url.match for url in added.urls] == [*(url.match for url in known.urls), "stats.shop.example/"]
    assert added.purposes == (*known.purposes, "fonts")
    assert (added.cookies, added.storage, added.inline) == (known.cookies, known.storage, known.inline)


@pytest.mark.parametrize("own", [{}, {"purposes": []}])
def test_an_addition_may_leave_the_purposes_to_the_known_service(own: dict[str, Any]) -> None:
    services, problems = declared_services([{"id": "posthog", **own}])
    assert problems == []
    assert services["posthog"] == known_services()["posthog"]


def test_only_the_site_s_own_code_needs_no_country() -> None:
    """G1: where a vendor is, is told; the site itself has said who it is."""
    services, problems = declared_services([{"id": "posthog", "country": ""}])
    assert services == {}
    assert [problem.path for problem in problems] == ["services.posthog.country"]
    assert problems[0].allowed


@pytest.mark.parametrize(
    ("category", "lifetime"),
    [("necessary", "session"), ("preferences", "P12M"), ("analytics", "P13M"), ("marketing", "P13M")],
)
def test_a_cookie_named_alone_has_its_category_s_usual_life(category: str, lifetime: str) -> None:
    """B1, B3, B6."""
    services, problems = declared_services([{"id": "posthog", "category": category, "cookies": ["_mine"]}])
    assert problems == []
    assert next(each.lifetime for each in services["posthog"].cookies if each.name == "_mine") == lifetime


def test_a_service_belongs_to_a_category_the_site_asks_about() -> None:
    items = ["meta-pixel", {"id": "youtube", "category": "analytics"}, "stripe"]
    _, problems = declared_services(items, ("analytics",))
    assert [(problem.path, problem.allowed) for problem in problems] == [
        ("services.meta-pixel", ("necessary", "analytics"))
    ]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "http://a.example", "//a.example"]
)
def test_a_service_s_policy_is_at_an_https_url_or_a_path(url: str) -> None:
    _, problems = declared_services([visits(policy_url=url)])
    assert [problem.path for problem in problems] == ["services.visits.policy_url"]
    assert problems[0].allowed == ("an https URL", "a path on this site, from /")
