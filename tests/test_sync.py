"""What a page reports of its trackers, and removes at their end, in a real Chromium (design §3.2, §3.3)."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Clock, Traffic, launched, serving, settle, storage, until
from playwright.sync_api import Browser, BrowserContext, Page
from sample import mounted, policy, visits
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit import ConsentMiddleware
from consentkit.gate.anchors import key_of, number_of
from consentkit.policy.months import day_of, end_day

pytestmark = pytest.mark.browser

VISITS = visits() | {
    "cookies": ["_visit*"],
    "storage": [
        {"area": area, "key": key}
        for area, key in [
            ("local", "visit_*"),
            ("session", "visit"),
            ("indexeddb", "visit-*"),
            ("cache", "visit"),
        ]
    ],
}
PAGE = """<!doctype html><title>Shop</title><link rel=icon href="data:,">
<script data-category="analytics" type="text/plain">
window.found = document.cookie + Object.keys(localStorage); %s; window.ran = true;</script><p>Tea</p>"""
KEEP = """async () => {
  localStorage.visit_id = localStorage.theme = sessionStorage.visit = sessionStorage.basket = "1";
  for (const name of ["visit-1", "drafts"]) {
    await new Promise((done) => { const ask = indexedDB.open(name);
      ask.onsuccess = () => { ask.result.close(); done(); }; });
  }
  for (const name of ["visit", "offline"]) await caches.open(name);
}"""


@dataclass
class Site:
    """A shop with one page, which any cache may keep, what was reported to it, and a `gate` for answers."""

    app: ConsentMiddleware
    clock: Clock
    origin: str
    script: str = ""
    fail: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        answer = self.synced if scope["path"] == "/consent/sync" else self.app
        await answer(scope, receive, send)

    async def synced(self, scope: Any, receive: Any, send: Any) -> None:
        body = await Request(scope, receive).body()
        self.reports.append(json.loads(body))

        async def again() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def watched(message: Any) -> None:
            rows = message.get("headers", ())
            self.lines += [value.decode() for name, value in rows if name == b"set-cookie"]
            await send(message)

        await run_in_threadpool(self.gate.wait, 10)
        await (Response(status_code=self.fail) if self.fail else self.app)(scope, again, watched)

    async def page(self, _: Request) -> Response:
        return HTMLResponse(PAGE % self.script, headers={"cache-control": "public, max-age=0"})


class Stage:
    """A server for the site of the test that runs."""

    site: Site
    origin = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.site(scope, receive, send)


@dataclass
class Visitor:
    """One visitor: their browser's context, the page they look at, what its scripts threw."""

    site: Site
    context: BrowserContext
    tab: Page
    errors: list[str] = field(default_factory=list)

    def choose(self, *granted: str) -> None:
        policy = self.site.app.kit.edition.policy
        body = {
            "choices": {category: category in granted for category in policy.categories},
            "policy": policy.version,
            "mechanism": "api",
            "locale": "en",
        }
        assert self.context.request.post(f"{self.site.origin}/consent/", data=body).status == 201

    def visit(self, path: str = "/shop/tea", *, runs: bool = True) -> None:
        """Open a page, and wait until what is allowed has run: what it reports is on its way by then."""
        self.tab.goto(self.site.origin + path)
        if runs:
            self.tab.wait_for_function("window.ran")
        else:
            settle(self.tab)

    def leave(self) -> None:
        """Go away from the site, and wait until the last report has been answered."""
        self.tab.goto("about:blank")
        self.tab.wait_for_timeout(150)

    def hide(self) -> None:
        """Turn to another tab, as far as the page can tell."""
        self.tab.evaluate(
            """() => { Object.defineProperty(document, "hidden", { value: true, configurable: true });
            document.dispatchEvent(new Event("visibilitychange", { bubbles: true })); }"""
        )

    def move(self, days: int) -> None:
        """Let days go by, for the server and for the browser."""
        self.site.clock.now += timedelta(days=days)
        self.context.clock.set_fixed_time(self.site.clock.now)

    def cookie(self, name: str) -> str | None:
        jar = {str(each.get("name")): each.get("value") for each in self.context.cookies(self.site.origin)}
        return jar.get(name)

    def records(self) -> dict[str, int]:
        """The end day of each tracker that the hint knows, by key."""
        _, _, text = (self.cookie("consentkit_allows") or "").partition("~")
        rows = [text[at : at + 9] for at in range(3, len(text), 9)]
        return {row[:6]: number_of(row[6:]) for row in rows}

    def knows(self, *trackers: str) -> None:
        """Wait until the hint holds these trackers, each with the end of one that was seen today."""
        end = end_day(day_of(self.site.clock.now), 1)
        wanted = {key_of(tracker): end for tracker in trackers}
        until(self.tab, lambda: self.records().items() >= wanted.items(), f"the hint knows {trackers}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    with serving(stage, "localhost") as stage.origin:
        yield stage


@pytest.fixture
def site(stage: Stage, tmp_path: Path) -> Iterator[Site]:
    async def show(request: Request) -> Response:
        return await site.page(request)

    routes = [Route("/{path:path}", show)]
    document = policy(services=[VISITS, "google-analytics", "meta-pixel"], lifetimes={"analytics_months": 1})
    clock = Clock()
    site = Site(
        mounted(Starlette(routes=routes), tmp_path, policy=document, clock=clock), clock, stage.origin
    )
    site.gate.set()
    stage.site = site
    yield site
    site.app.kit.close()


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visitor]:
    context = browser.new_context(locale="en-GB")
    Traffic.of(context)
    visitor = Visitor(site, context, context.new_page())
    context.on("weberror", lambda error: visitor.errors.append(str(error.error)))
    yield visitor
    context.close()
    assert visitor.errors == []


def test_what_a_cacheable_page_s_script_sets_gets_an_anchor_by_one_report(
    visitor: Visitor, site: Site
) -> None:
    site.script = "document.cookie = '_ga=GA1.1.1; path=/; max-age=9999'"
    visitor.visit(runs=False)
    assert visitor.cookie("_ga") is None
    visitor.choose("analytics")
    visitor.visit()
    assert site.reports == []
    visitor.leave()
    visitor.knows("_ga")
    assert [set(report["trackers"]) for report in site.reports] == [{"_ga"}]
    for path in ("/shop/tea", "/shop/cups", "/shop/tea"):
        visitor.visit(path)
    visitor.leave()
    assert len(site.reports) == 1


def test_nothing_is_reported_of_what_is_not_allowed(visitor: Visitor, site: Site) -> None:
    visitor.visit(runs=False)
    visitor.tab.evaluate("document.cookie = '_fbp=fb.1.1; path=/'; document.cookie = '_own=1; path=/'")
    visitor.leave()
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate("document.cookie = '_fbp=fb.1.1; path=/'; localStorage.theme = 'dark'")
    visitor.hide()
    visitor.leave()
    visitor.choose()
    visitor.visit(runs=False)
    visitor.leave()
    assert site.reports == []
    assert visitor.cookie("_own") == "1"
    assert visitor.cookie("_fbp") is None


@pytest.mark.parametrize("granted", [(), ("analytics",)])
def test_our_cookies_are_set_again_with_what_is_left_once_they_are_five_days_old(
    visitor: Visitor, site: Site, granted: tuple[str, ...]
) -> None:
    """L30."""
    visitor.choose(*granted)
    began = {each["name"]: each["expires"] for each in visitor.context.cookies(site.origin)}
    visitor.move(4)
    visitor.visit(runs=bool(granted))
    visitor.leave()
    assert site.reports == []
    visitor.move(1)
    visitor.visit(runs=bool(granted))

    def shorter() -> dict[str, int]:
        kept = {each["name"]: each["expires"] for each in visitor.context.cookies(site.origin)}
        return {name: round((began[name] - kept[name]) / 3600) for name in began}

    # What confirms a grant in a new tab, /state, has set them the day before: nothing to report then.
    hours = 96 if granted else 120  # to the jar's own clock
    again = {"consentkit": hours, "consentkit_allows": hours}
    until(visitor.tab, lambda: shorter() == again, "our cookies are set again")
    assert site.reports == ([] if granted else [{"trackers": {}}])
    visitor.visit("/shop/cups", runs=bool(granted))
    visitor.leave()
    assert len(site.reports) == (not granted)


def test_a_failed_report_is_silent_and_made_again_on_the_next_page(visitor: Visitor, site: Site) -> None:
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate("document.cookie = '_ga=GA1.1.1; path=/'")
    site.fail = 503
    visitor.visit("/shop/cups")
    until(visitor.tab, lambda: site.reports, "the page reports")
    assert visitor.records() == {}
    site.fail = 0
    visitor.visit()
    visitor.knows("_ga")


def test_what_comes_later_is_reported_once_as_the_page_is_hidden(visitor: Visitor, site: Site) -> None:
    visitor.choose("analytics")
    visitor.visit()
    for name in ("_visit1", "_visit2"):
        visitor.tab.evaluate(f"document.cookie = '{name}=1; path=/'")
        visitor.hide()
        until(visitor.tab, lambda: site.reports, "the page reports")
    visitor.leave()
    assert [set(report["trackers"]) for report in site.reports] == [{"_visit1"}]


def test_what_gets_no_anchor_is_reported_once_on_a_page(visitor: Visitor, site: Site) -> None:
    """As where the server has no room for one more."""
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate("document.cookie = '_ga=GA1.1.1; path=/'")
    site.fail = 204
    visitor.hide()
    until(visitor.tab, lambda: site.reports, "the page reports")
    visitor.visit("/shop/cups")
    until(visitor.tab, lambda: len(site.reports) == 2, "the next page reports")
    visitor.hide()
    visitor.leave()
    assert len(site.reports) == 2


def reject(visitor: Visitor) -> None:
    """Withdraw on the page, and wait until that is recorded."""
    visitor.tab.evaluate("consentkit.open()")
    with visitor.tab.expect_response(lambda answer: answer.request.method == "POST" and answer.status == 201):
        visitor.tab.get_by_role("dialog").get_by_role("button", name="Reject all").click()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_report_under_way_never_brings_back_what_was_withdrawn_meanwhile(
    visitor: Visitor, site: Site, *, elsewhere: bool
) -> None:
    """L14: its answer would set the cookies again that it was sent with."""
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate("localStorage.visit_id = 1")
    site.gate.clear()
    other = visitor.context.new_page()
    other.goto(site.origin)
    until(visitor.tab, lambda: site.reports, "the page reports")
    if not elsewhere:
        visitor.tab, other = other, visitor.tab
    reject(visitor)
    site.gate.set()
    until(visitor.tab, lambda: site.lines, "the report is answered")
    visitor.tab.wait_for_timeout(150)
    assert "analytics-" in (visitor.cookie("consentkit_allows") or "")


@pytest.mark.parametrize("moment", ["a moment later", "as the tab is shown again", "on the next page"])
def test_an_older_grant_s_cookies_that_come_last_are_found_out(
    visitor: Visitor, site: Site, moment: str
) -> None:
    """L14: they come so when two tabs answer at once, or after a report that outlives its page."""
    visitor.choose("analytics")
    older = visitor.context.cookies(site.origin)
    visitor.context.clock.install()
    visitor.visit()
    reject(visitor)
    visitor.tab.wait_for_function("!window.ran && document.readyState === 'complete'")
    if moment == "a moment later":
        reject(visitor)
    until(visitor.tab, lambda: visitor.tab.evaluate("!consentkit.state.ask"), "the page knows")
    visitor.context.add_cookies(older)  # type: ignore[arg-type]
    if moment == "a moment later":
        visitor.tab.clock.fast_forward(5000)
    elif moment == "on the next page":
        visitor.visit("/shop/cups", runs=False)
    else:
        visitor.tab.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    until(visitor.tab, lambda: "analytics-" in (visitor.cookie("consentkit_allows") or ""), "it is healed")
    assert visitor.tab.evaluate("[window.ran, consentkit.state.allowed.length]") == [None, 1]


def test_a_hint_that_the_server_did_not_set_opens_nothing(visitor: Visitor, site: Site) -> None:
    """Any script, and any host below the site's domain, can set one."""
    visitor.choose("analytics")
    visitor.visit()
    visitor.context.clear_cookies(name="consentkit")
    forged = (visitor.cookie("consentkit_allows") or "").replace("marketing-", "marketing+")
    hint = {"name": "consentkit_allows", "value": forged, "url": site.origin}
    visitor.context.add_cookies([hint])  # type: ignore[list-item]
    for path in ("/shop/cups", "/shop/tea"):
        visitor.visit(path, runs=False)
        visitor.tab.get_by_role("dialog").wait_for()
        assert visitor.tab.evaluate("[window.ran, consentkit.state.allowed.length]") == [None, 1]


def test_nothing_is_reported_while_a_choice_is_under_way(visitor: Visitor, site: Site) -> None:
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate("document.cookie = '_ga=GA1.1.1; path=/'")
    visitor.tab.evaluate("new BroadcastChannel('consentkit').postMessage(['marketing'])")
    visitor.tab.wait_for_timeout(50)
    visitor.hide()
    visitor.leave()
    assert site.reports == []


def test_storage_is_reported_with_marks_and_gets_anchors(visitor: Visitor, site: Site) -> None:
    trackers = ("local:visit_id", "session:visit", "indexeddb:visit-1", "cache:visit")
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate(KEEP)
    site.reports.clear()
    visitor.visit("/shop/cups")
    visitor.knows(*trackers)
    marks = site.reports[-1]["trackers"]
    assert set(marks) == set(trackers)
    assert all(0 < len(mark) <= 3 for mark in marks.values())
    before = len(site.reports)
    visitor.visit()
    visitor.leave()
    assert len(site.reports) == before


def test_a_cookie_below_another_path_than_ours_gets_an_anchor_too(visitor: Visitor, site: Site) -> None:
    site.script = "document.cookie = '_visit=1; path=/shop'"
    visitor.choose("analytics")
    visitor.visit()
    visitor.leave()
    visitor.knows("_visit")
    visitor.visit()
    visitor.leave()
    assert len(site.reports) == 1


def test_on_its_end_day_a_tracker_goes_with_its_storage_before_anything_runs(
    visitor: Visitor, site: Site
) -> None:
    """B6: whatever its category; what a script keeps afterwards is another one, with an end of its own."""
    write = "document.cookie = '_visit=%s; path=/shop'; localStorage.visit_id = '%s'"
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate(write % ("old", "old"))
    visitor.leave()
    visitor.knows("_visit", "local:visit_id")
    last = end_day(day_of(site.clock.now), 1) - day_of(site.clock.now)
    visitor.move(last - 1)
    visitor.visit()
    assert "_visit=old" in visitor.tab.evaluate("found")
    visitor.tab.evaluate("localStorage.visit_late = 1")  # goes with its service's cookie all the same
    visitor.leave()
    visitor.move(1)
    site.reports.clear()
    site.lines.clear()
    visitor.visit()
    assert "visit" not in visitor.tab.evaluate("found")
    assert "visit" not in visitor.tab.evaluate("document.cookie + Object.keys(localStorage)")
    until(visitor.tab, lambda: len(site.lines) >= 3, "the report is answered")
    assert len(site.reports) == 1
    visitor.tab.evaluate(write % ("new", "new"))
    visitor.leave()
    visitor.knows("_visit", "local:visit_id")
    visitor.visit()
    assert "_visit=new" in visitor.tab.evaluate("found")
    assert visitor.tab.evaluate("localStorage.visit_id") == "new"
    assert len(site.reports) == 2


def test_withdrawal_clears_each_kind_of_storage_by_its_declared_keys(visitor: Visitor) -> None:
    """L14."""
    visitor.choose("analytics")
    visitor.visit()
    visitor.tab.evaluate(KEEP)
    visitor.choose()
    visitor.visit(runs=False)
    left = {"local": ["theme"], "session": ["basket"], "indexeddb": ["drafts"], "cache": ["offline"]}
    until(visitor.tab, lambda: storage(visitor.tab) == left, "only what is not declared is left")
