"""The demonstration behind consentkit, in a real Chromium: what the issue and the README promise."""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser import Clock, Visit, settle, storage, until, visiting
from dateutil.relativedelta import relativedelta
from playwright.sync_api import Locator, Page, Playwright, Response, expect, sync_playwright
from stage import COLLECTORS, HOSTS, Stage, gated, strangers, tracker_cookies

pytestmark = pytest.mark.browser

PAGES = ("/", "/tea/garden-mint", "/about", "/basket")
ANALYTICS_ONLY = {"www.googletagmanager.com", "www.clarity.ms"}
MARKETING = HOSTS - ANALYTICS_ONLY
EVERY_WAY_TO_SEND = """
  if (window.posthog?.capture) posthog.capture("afterwards");
  if (window.snowplow) snowplow("trackPageView");
"""


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stage(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    with gated(tmp_path, clock) as running:
        yield running


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Cookies on Fern & Kettle")


def press(page: Page, name: str) -> Response:
    """Press a button of the banner that records a choice; returns the server's answer, once it is in."""
    with page.expect_response(lambda a: a.request.method == "POST" and "/consent/" in a.url) as sent:
        dialog(page).get_by_role("button", name=name, exact=True).click()
    return sent.value


def allow_only(page: Page, *categories: str) -> Response:
    dialog(page).get_by_role("button", name="Choose", exact=True).click()
    for name in ("Analytics", "Marketing"):
        dialog(page).get_by_role("checkbox", name=name).set_checked(name in categories)
    return press(page, "Save choices")


def reopen(page: Page) -> None:
    page.get_by_role("link", name="Manage cookies").click()
    expect(dialog(page)).to_be_visible()


def walk(page: Page, stage: Stage, *, scripts: bool = True) -> None:
    """Open every page; without scripts nothing can begin once it is loaded."""
    for path in PAGES:
        page.goto(stage.shop + path)
        if scripts or path == PAGES[-1]:
            settle(page)


def assert_no_call(visit: Visit, stage: Stage) -> None:
    assert stage.reached() == []
    assert strangers(visit) == set()


def assert_no_contact(visit: Visit, stage: Stage) -> None:
    """Nothing reached a tracker, and the browser's own log doesn't so much as name one."""
    assert_no_call(visit, stage)
    for host in (*HOSTS, stage.tracker.removeprefix("http://")):
        assert visit.netlog.mentions(host) == [], host


def assert_nothing_kept(page: Page, visit: Visit) -> None:
    assert tracker_cookies(visit.cookies().get("localhost", set())) == set()
    assert {name for names in storage(page).values() for name in names} == set()


def names_at_application(page: Page) -> list[str]:
    names: list[str] = page.evaluate(
        "fetch('/api/echo-cookies').then((r) => r.json()).then((r) => r.cookies)"
    )
    return names


def test_nothing_is_contacted_and_nothing_kept(driver: Playwright, stage: Stage) -> None:
    """Neither before a choice nor after a refusal."""
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        walk(page, stage)
        expect(dialog(page)).to_be_visible()
        assert_nothing_kept(page, visit)
        assert_no_call(visit, stage)
        assert press(page, "Reject all").status == 201
        walk(page, stage)
        expect(dialog(page)).to_have_count(0)
        assert_nothing_kept(page, visit)
    assert_no_contact(visit, stage)
    assert visit.errors == []


def test_without_javascript_nothing_loads_and_the_form_records(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS, javascript=False) as visit:
        page = visit.page()
        walk(page, stage, scripts=False)
        page.get_by_role("link", name="Manage cookies").click()
        page.get_by_role("checkbox", name="Analytics").check()
        page.get_by_role("button", name="Save choices").click()
        expect(page.get_by_role("status")).to_be_visible()
        expect(page.get_by_role("checkbox", name="Analytics")).to_be_checked()
        assert width_of_narrow(page) == 320
        walk(page, stage, scripts=False)
        assert tracker_cookies(visit.cookies()["localhost"]) == {"_shop_visit"}
        page.goto(f"{stage.shop}/api/echo-cookies")
        assert "_shop_visit" in json.loads(page.inner_text("body"))["cookies"]
        assert "_shop_visit" in withdrawn_by_form(page, stage)
        assert tracker_cookies(visit.cookies()["localhost"]) == set()
        walk(page, stage, scripts=False)
        assert tracker_cookies(visit.cookies()["localhost"]) == set()
    assert_no_contact(visit, stage)


def width_of_narrow(page: Page) -> int:
    """How wide the visitor's page is on the narrowest telephone once every table is open."""
    page.set_viewport_size({"width": 320, "height": 640})
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    return int(page.evaluate("document.documentElement.scrollWidth"))


def withdrawn_by_form(page: Page, stage: Stage) -> set[str]:
    """Take everything back on the plain page; returns the trackers' cookies that this very answer expires."""
    page.goto(f"{stage.shop}/consent/")
    with page.expect_response(lambda a: a.request.method == "POST") as sent:
        page.get_by_role("button", name="Reject all").click()
    return expired_cookies(sent.value)


def test_analytics_only_starts_at_once_and_marketing_does_not(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(f"{stage.shop}/tea/garden-mint")
        page.evaluate("window.sameDocument = true")
        assert allow_only(page, "Analytics").status == 201
        until(page, lambda: set(stage.reached()) >= COLLECTORS, "both real trackers send")
        for host in ANALYTICS_ONLY:
            assert visit.calls.wait_for(host), host
        assert page.evaluate("window.sameDocument"), "the page was reloaded"
        walk(page, stage)
        asked = visit.calls.requests("www.googletagmanager.com")
        assert tracker_cookies(names_at_application(page)) >= {"_shop_visit"}
        assert strangers(visit) == ANALYTICS_ONLY
    assert {call.path.split("?")[0] for call in asked} == {"/gtag/js"}
    assert not MARKETING & visit.netlog.hosts()
    assert visit.errors == []


def test_accepting_all_reaches_every_vendor(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(f"{stage.shop}/tea/garden-mint")
        assert press(page, "Accept all").status == 201
        wanted = {host for host in HOSTS if host not in ("www.facebook.com", "px.ads.linkedin.com")}
        until(page, lambda: wanted <= visit.calls.hosts(), "all vendors with JavaScript on")
        until(page, lambda: set(stage.reached()) >= COLLECTORS, "both real trackers send")
        assert any(call.path.startswith("/embed/") for call in visit.calls.requests("www.youtube.com"))


def test_manage_cookies_reopens_with_the_stored_state(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(stage.shop)
        allow_only(page, "Analytics")
        page.goto(f"{stage.shop}/about")
        page.get_by_role("contentinfo").get_by_role("link", name="Manage cookies").click()
        for name in ("Analytics", "Marketing"):
            box = dialog(page).get_by_role("checkbox", name=name)
            expect(box).to_be_checked(checked=name == "Analytics")
        assert stage.shop in page.url, "the banner opens on the page, not on another one"


def test_withdrawal_rids_both_tabs_of_both_real_trackers(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        first, second = visit.page(), visit.page()
        first.goto(f"{stage.shop}/tea/garden-mint")
        allow_only(first, "Analytics")
        second.goto(f"{stage.shop}/tea/smoked-pine")
        for tab in (first, second):
            tab.wait_for_function("!!(window.posthog?.__loaded && window.snowplow)")
        until(first, lambda: len([p for p in stage.reached() if p in COLLECTORS]) >= 4, "both in both tabs")
        assert len(tracker_cookies(names_at_application(first))) >= 4
        first.get_by_role("contentinfo").get_by_role("link", name="Manage cookies").click()
        dialog(first).get_by_role("checkbox", name="Analytics").uncheck()
        for tab in (first, second):
            tab.evaluate("window.running = true")
        answer = press(first, "Save choices")
        stage.app.state.ledger.clear()
        assert answer.status == 201
        for tab in (first, second):
            tab.wait_for_function("!window.running")  # what ran ends with the page
        afterwards(first, second)
        assert stage.reached() == []
        for tab in (first, second):
            tab.goto(f"{stage.shop}/tea/winter-rooibos")
            settle(tab)
            assert tracker_cookies(names_at_application(tab)) == set()
            assert_nothing_kept(tab, visit)
        # Longer than either tracker waits before it sends what it has gathered.
        first.wait_for_timeout(4000)
        assert stage.reached() == []


def expired_cookies(answer: Response) -> set[str]:
    """The cookies of trackers that an answer takes away."""
    lines = [h["value"] for h in answer.headers_array() if h["name"].lower() == "set-cookie"]
    return tracker_cookies(
        {line.split("=", 1)[0] for line in lines if re.search(r"max-age=0\b", line, re.IGNORECASE)}
    )


def afterwards(*tabs: Page) -> None:
    """Make events of every kind in each tab, whatever is left in it: calls, clicks, leaving the page."""
    for tab in tabs:
        tab.wait_for_function("document.readyState === 'complete'")
        tab.evaluate(EVERY_WAY_TO_SEND)
        tab.get_by_role("button", name="Add to basket").click()
        tab.wait_for_url("**/basket")
        tab.evaluate(EVERY_WAY_TO_SEND)
        tab.reload()
        settle(tab)


@pytest.mark.variant
def test_six_calendar_months_to_the_second(driver: Playwright, stage: Stage, clock: Clock) -> None:
    end = clock.now + relativedelta(months=6)
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(stage.shop)
        allow_only(page, "Analytics")
        until(page, lambda: set(stage.reached()) >= COLLECTORS, "analytics runs")
        for left in (timedelta(days=2), timedelta(seconds=1)):
            at(page, clock, end - left)
            page.goto(f"{stage.shop}/tea/garden-mint")
            settle(page)
            expect(dialog(page)).to_have_count(0)
            assert page.evaluate("!!window.snowplow")
            # With a second left ours are set for a second, which passes by the browser's own clock meanwhile.
            assert left < timedelta(days=1) or "_shop_visit" in names_at_application(page)
        at(page, clock, end)
        page.goto(f"{stage.shop}/tea/garden-mint")
        expect(dialog(page)).to_be_visible()
        stage.app.state.ledger.clear()
        settle(page)
        assert not page.evaluate("!!window.snowplow")
        assert tracker_cookies(names_at_application(page)) == set()
        walk(page, stage)
        assert stage.reached() == []
        assert_nothing_kept(page, visit)


def at(page: Page, clock: Clock, instant: datetime) -> None:
    """Set the server's and the browser's clock."""
    clock.now = instant
    page.clock.set_fixed_time(instant.astimezone(UTC))


def test_a_log_that_cannot_be_written_keeps_the_banner_and_grants_nothing(
    driver: Playwright, stage: Stage
) -> None:
    assert stage.store is not None
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(stage.shop)
        blocker = sqlite3.connect(stage.store)
        blocker.execute("BEGIN IMMEDIATE")
        assert press(page, "Accept all").status == 503
        expect(dialog(page)).to_be_visible()
        expect(dialog(page).get_by_role("status")).not_to_be_empty()
        walk(page, stage)
        assert_nothing_kept(page, visit)
        blocker.rollback()
        blocker.close()
    assert_no_contact(visit, stage)


def test_a_cookie_we_did_not_seal_means_denied_and_the_page_renders(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        for value in ("forged", "WyJhIl0.bad.signature", ""):
            visit.context.clear_cookies()
            visit.context.add_cookies([{"name": "consentkit", "value": value, "url": stage.shop}])
            answer = page.goto(f"{stage.shop}/tea/garden-mint")
            assert answer is not None, value
            assert answer.status == 200, value
            expect(page.get_by_role("heading", name="Garden Mint")).to_be_visible()
            expect(dialog(page)).to_be_visible()
            settle(page)
            assert_no_call(visit, stage)
    assert_no_contact(visit, stage)
