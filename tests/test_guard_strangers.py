"""A page's first script, in a real Chromium: until ways.js has come, the guard knows the site's own alone."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import PATIENCE, Visit, until, visiting
from container import ANALYTICS, MORE, VENDORS, WRITTEN, Shop, container
from playwright.sync_api import Page, Route, expect, sync_playwright

pytestmark = pytest.mark.browser
# Known and not declared; and what nobody knows.
TRACKER, CDN = "hotjar.com", "cdn.example"
AT_ONCE = [vendor for vendor in (*VENDORS, *MORE) if vendor.name in ("markup", "adjacent", "fragment",
           "template", "parser", "shadow", "sound", "socket", "events", "sync", "drawn")]  # fmt: skip
WAITING = [vendor for vendor in (*VENDORS, *MORE) if vendor.name in ("property", "attribute", "late", "pixel",
           "frame", "style", "fetch", "request", "beacon", "object", "video", "source", "poster", "set",
           "namespaced", "lazy", "attribute-node", "extra", "drawing", "linked", "drawn-script",
           "button", "subtitles")]  # fmt: skip
DAY = 86_400


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    with sync_playwright() as driver, visiting(driver) as visit:
        yield visit


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def site(shop: Shop, tmp_path: Path, visit: Visit) -> Iterator[str]:
    visit.context.clear_cookies()
    with container(shop, tmp_path) as origin:
        yield origin
    for page in visit.context.pages[1:]:
        page.close()
    visit.calls.clear()
    visit.errors.clear()


@pytest.fixture
def page(visit: Visit, site: str) -> Page:
    return visit.page()


def called(visit: Visit, domain: str) -> set[str]:
    return {host.partition(".")[0] for host in visit.calls.hosts() if host.endswith(f".{domain}")}


def quiet(page: Page) -> None:
    page.evaluate("fetch('/last').then(() => new Promise((done) => setTimeout(done, 250)))")


def quiet_at(page: Page, site: str) -> None:
    """As `quiet`, on a page with another base."""
    page.evaluate(
        "(url) => fetch(url).then(() => new Promise((done) => setTimeout(done, 250)))", site + "/last"
    )


def late(page: Page) -> Callable[[], None]:
    """Keep ways.js from coming until the function returned is called; who asks on the spot for it gets it."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if route.request.resource_type == "script" else route.continue_()

    page.route("**/static/ways.*.js", hold)

    def release() -> None:
        assert held
        for route in held:
            route.continue_()

    return release


SCRIPTS = f"""<script>window.order = [];
for (const url of ["http://one.{CDN}/1.js", "/own.js", "http://two.{CDN}/2.js"]) {{
  const script = document.createElement("script");
  script.async = false;
  script.onload = () => order.push(url);
  script.src = url;
  document.head.append(script);
}}
fetch("http://api.{CDN}/f", {{ mode: "no-cors" }}).then(() => order.push("answer"));
</script>"""


def test_strangers_wait_and_come_in_their_order_but_for_those_that_turn_out_known(
    page: Page, visit: Visit, shop: Shop, site: str
) -> None:
    release = late(page)
    shop.more = SCRIPTS
    shop.vendors = [(vendor, domain) for vendor in WAITING for domain in (TRACKER, CDN)]
    page.goto(site, wait_until="domcontentloaded")
    quiet(page)
    assert called(visit, TRACKER) | called(visit, CDN) == set()
    assert page.evaluate("order") == []
    release()
    names = {vendor.name for vendor in WAITING} | {"one", "two", "api"}
    until(page, lambda: called(visit, CDN) >= names, "a stranger stays held")
    until(page, lambda: len(page.evaluate("order")) == 4, "a script doesn't run")
    assert [url for url in page.evaluate("order") if url != "answer"] == [
        f"http://one.{CDN}/1.js", "/own.js", f"http://two.{CDN}/2.js"
    ]  # fmt: skip
    quiet(page)
    assert called(visit, TRACKER) == set()
    assert page.evaluate("threw") == []


def test_what_can_not_wait_is_decided_on_the_spot(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    release = late(page)
    shop.more = f"<script>{WRITTEN.script(TRACKER)}{WRITTEN.script(CDN)}</script>"
    shop.more += f"<script>window.written = ran.includes('http://written.{CDN}/written')</script>"
    shop.vendors = [(vendor, domain) for vendor in AT_ONCE for domain in (TRACKER, CDN)]
    page.goto(site, wait_until="domcontentloaded")
    names = {vendor.name for vendor in AT_ONCE} | {"written"}
    until(page, lambda: called(visit, CDN) >= names, "a stranger is held")
    quiet(page)
    assert called(visit, TRACKER) == set()
    # As without us: the parser waits for what is written into a page.
    assert page.evaluate("[written, threw]") == [True, []]
    release()
    quiet(page)


def test_another_base_is_no_way_around_what_is_known(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    """Nor a reason to stop: the guard's own question once was a stranger's, and asked without an end."""
    shop.more = f"<base href='http://elsewhere.{CDN}/'><script>{WRITTEN.script(TRACKER)}</script>"
    shop.vendors = [(vendor, TRACKER) for vendor in (*WAITING, *AT_ONCE)]
    page.goto(site, wait_until="domcontentloaded")
    quiet_at(page, site)
    assert called(visit, TRACKER) == set()


def test_a_worker_asks_strangers_and_a_drawing_in_a_frame_nobody_that_is_known(
    page: Page, visit: Visit, site: str
) -> None:
    page.goto(site)
    page.evaluate(f"fetch('http://first.{CDN}/x', {{ mode: 'no-cors' }})")
    page.evaluate(
        """([cdn, tracker]) => {
          const text = `fetch("${cdn}", { mode: "no-cors" })
            .then(() => postMessage(1), () => postMessage(0))`;
          const worker = new Worker(URL.createObjectURL(new Blob([text])));
          window.told = new Promise((done) => (worker.onmessage = ({ data }) => done(data)));
          const svg = `<svg xmlns="http://www.w3.org/2000/svg"><image href="${tracker}"/></svg>`;
          for (const name of ["iframe", "object", "embed"]) {
            const it = document.createElement(name);
            it[name == "object" ? "data" : "src"] = "data:image/svg+xml," + encodeURIComponent(svg);
            document.body.append(it);
          }
        }""",
        [f"http://worker.{CDN}/x", f"http://drawing.{TRACKER}/x"],
    )
    assert page.evaluate("told") == 1
    quiet(page)
    assert called(visit, CDN) >= {"first", "worker"}
    assert called(visit, TRACKER) == set()


def test_what_was_set_before_is_judged_again(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    page.goto(site)
    page.get_by_role("dialog").get_by_role("button", name="Accept all", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE)
    release = late(page)
    shop.more = """<script>document.cookie = "_hjid=1; path=/; max-age=9999";
      document.cookie = "_stats_month=1; path=/; max-age=34300000";
      document.cookie = "own=1; path=/; max-age=34300000";
      localStorage.setItem("_hjUserAttributes", 1); localStorage.own = 1;</script>"""
    page.goto(site, wait_until="domcontentloaded")

    def days(name: str) -> float:
        found = next(each for each in visit.context.cookies() if each.get("name") == name)
        return (found["expires"] - datetime.now(UTC).timestamp()) / DAY

    assert 390 < days("_stats_month") < 393
    release()
    until(page, lambda: days("_stats_month") <= 30, "a cookie lives longer than it is declared for")
    until(page, lambda: "_hjid" not in page.evaluate("document.cookie"), "an undeclared cookie stays")
    until(page, lambda: page.evaluate("Object.keys(localStorage)") == ["own"], "a key stays")
    assert days("own") > 395


def test_if_the_rest_never_comes_strangers_pass_and_the_site_s_own_services_wait(
    page: Page, visit: Visit, shop: Shop, site: str
) -> None:
    page.route("**/static/ways.*.js", lambda route: route.abort())
    shop.more = SCRIPTS
    shop.vendors = [(vendor, domain) for vendor in (*WAITING, *AT_ONCE) for domain in (ANALYTICS, CDN)]
    page.goto(site, wait_until="domcontentloaded")
    names = {vendor.name for vendor in (*WAITING, *AT_ONCE)}
    until(page, lambda: called(visit, CDN) >= names, "a stranger stays held")
    quiet(page)
    assert called(visit, ANALYTICS) == set()
    assert len(page.evaluate("order")) == 4
