"""The regulator's own test of a withdrawal (L14), in Chromium and in what the application was sent.

Accept, browse, note the cookies; open the choices again, refuse, browse, note again. The site keeps
its trackers wherever it can: on the host and its domain, below paths, out of scripts' reach, partitioned.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import Visit, serving, settle, until, visiting
from playwright.sync_api import Page, Playwright, Response, expect, sync_playwright
from sample import app, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.responses import Response as Sent
from starlette.routing import Route

from consentkit.gate.cookies import cookie_names

pytestmark = pytest.mark.browser

HOST = "www.shop.example"
SITE = f"https://{HOST}"
PAGES = ("/tea/green", "/", "/tea/black/leaves", "/about")
ANALYTICS = {"_ga", "_ga_7XK2", "_ga_deep", "_visit", "__Host-visit", "_visit_7"}
MARKETING = {"_fbp", "_aff"}
BY_SCRIPTS = {"_ga", "_ga_7XK2", "_ga_deep", "_fbp"}
SET_BY_SERVER = [
    "_visit=1; Path=/; Domain=shop.example; HttpOnly; Secure; Max-Age=9999999",
    "_visit=2; Path=/tea; HttpOnly; Secure; Max-Age=9999999",
    "_visit=3; Path=/; HttpOnly; Secure; SameSite=None; Partitioned; Max-Age=9999999",
    "__Host-visit=4; Path=/; Secure; HttpOnly; Max-Age=9999999",
    "_visit_7=5; Path=/tea; Domain=shop.example; HttpOnly; Secure; Max-Age=9999999",
    "_aff=6; Path=/; Domain=www.shop.example; HttpOnly; Secure; Max-Age=9999999",
    "theme=dark; Path=/; Max-Age=9999999",
]
PAGE = """<!doctype html><html><head><title>Shop</title>
<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
<script async src="https://connect.facebook.net/en_US/fbevents.js"></script></head><body><h1>Shop</h1>
<script type="text/plain" data-category="analytics">
  for (const line of ["_ga=GA1.1.1.1;domain=shop.example", "_ga=GA1.1.2.2;path=/tea", "_ga_7XK2=1",
    "_ga_deep=1;path=/tea;domain=shop.example", "_ga_7XK2=2;samesite=none;partitioned"])
    document.cookie = line + (/path/.test(line) ? "" : ";path=/") + ";secure;max-age=9999999";
  localStorage._gcl_ls = 1;
</script>
<script type="text/plain" data-category="marketing">
  document.cookie = "_fbp=fb.1.1.1;path=/;domain=shop.example;max-age=9999999";
</script>
<a href="/consent/" data-consent="open">Manage cookies</a></body></html>"""
NOTE_WRITES = """
  const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
  Object.defineProperty(Document.prototype, "cookie", {...cookie, set(line) {
    noteWrite(line).catch(() => {});
    cookie.set.call(this, line);
  }});
"""


@dataclass
class Shop:
    """A site that sets its trackers with every page, and writes down the cookies of every request."""

    told: list[tuple[str, set[str]]] = field(default_factory=list)

    async def page(self, request: Request) -> Sent:
        header = request.headers.get("cookie", "").encode("latin-1")
        self.told.append((request.url.path, set(cookie_names(header))))
        answer = HTMLResponse(PAGE, headers={"cache-control": "no-store"})
        for line in SET_BY_SERVER:
            answer.headers.append("set-cookie", line)
        return answer


@contextmanager
def shopping(driver: Playwright, folder: Path, *, javascript: bool = True) -> Iterator[tuple[Visit, Shop]]:
    shop = Shop()
    services = [
        "google-analytics",
        "meta-pixel",
        visits(cookies=["_visit", "__Host-visit", "_visit_*"]),
        visits(id="affiliates", category="marketing", cookies=["_aff"]),
    ]
    site = mounted(app(Route("/{path:path}", shop.page)), folder, policy=policy(services=services))
    with serving(site, "localhost", tls=True) as here:
        own = {HOST: f"127.0.0.1:{urlsplit(here).port}"}
        with visiting(driver, javascript=javascript, own=own, ignore_https_errors=True) as visit:
            yield visit, shop
    site.kit.close()


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def browse(page: Page) -> None:
    for path in PAGES:
        page.goto(SITE + path)
    settle(page)


def places(visit: Visit) -> set[tuple[str, ...]]:
    """Every cookie of the site: any domain, any path, partitioned, out of scripts' reach."""
    found = {tuple(str(each.get(k)) for k in ("domain", "path", "name")) for each in visit.context.cookies()}
    return {place for place in found if place[0].endswith("shop.example")}


def kept(visit: Visit) -> set[str]:
    return {name for _, _, name in places(visit)}


def press(page: Page, name: str) -> Response:
    with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
        page.get_by_role("button", name=name, exact=True).click()
    return sent.value


def ended(answer: Response) -> set[str]:
    """The cookies that an answer takes away itself."""
    lines = [each["value"] for each in answer.headers_array() if each["name"].lower() == "set-cookie"]
    return {line.partition("=")[0] for line in lines if "Max-Age=0" in line}


def trackers_called(visit: Visit) -> set[str]:
    return visit.calls.hosts() & {"www.googletagmanager.com", "connect.facebook.net"}


@pytest.mark.parametrize(
    "keeping", [("Marketing",), pytest.param((), marks=pytest.mark.variant)], ids=["analytics", "all"]
)
def test_what_is_withdrawn_is_neither_kept_nor_sent_any_more(
    driver: Playwright, tmp_path: Path, keeping: tuple[str, ...]
) -> None:
    gone, stays = (ANALYTICS, MARKETING) if keeping else (ANALYTICS | MARKETING, set())
    with shopping(driver, tmp_path) as (visit, shop):
        written: list[str] = []
        visit.context.expose_function("noteWrite", lambda line: written.append(line))
        visit.context.add_init_script(NOTE_WRITES)
        page = visit.page()
        page.goto(SITE + PAGES[0])
        assert kept(visit) == {"theme"}
        assert press(page, "Accept all").status == 201
        # A page that is left at once leaves its scripts no time to run.
        until(page, lambda: kept(visit) >= BY_SCRIPTS, "what waited for the yes to have run")
        browse(page)
        assert kept(visit) >= ANALYTICS | MARKETING
        assert len([place for place in places(visit) if place[2] in ANALYTICS]) >= 9
        page.goto(SITE + PAGES[0])  # by now all scripts have run
        assert set.union(*(names for _, names in shop.told)) >= ANALYTICS | MARKETING
        assert trackers_called(visit)

        page.get_by_role("link", name="Manage cookies").click()
        visit.calls.clear()
        shop.told.clear()
        if keeping:
            page.get_by_role("checkbox", name="Analytics").uncheck()
        with page.expect_request("**/consent/state?ending=*&page=*"):  # and so it goes on, by itself
            answer = press(page, "Save choices" if keeping else "Reject all")
        assert answer.status == 201
        # The starter has wiped what scripts can reach before it asked.
        assert ended(answer) >= {"_visit", "__Host-visit"}, "with the very answer to the refusal"
        expect(page.get_by_role("dialog")).to_have_count(0)
        until(page, lambda: not kept(visit) & gone, "all to be gone, wherever it was, before another page")
        browse(page)
        assert kept(visit) & (ANALYTICS | MARKETING) == stays
        assert kept(visit) >= {"theme", "consentkit"}
        assert len(shop.told) >= len(PAGES)
        assert [(path, names & gone) for path, names in shop.told if names & gone] == []
        assert ("connect.facebook.net" in visit.calls.hosts()) is bool(keeping)
        assert "www.googletagmanager.com" not in visit.calls.hosts()
        assert any(line.startswith("_ga=") for line in written)
        assert [line for line in written if "consentkit" in line] == [], "Safari keeps those for seven days"
    assert visit.errors == []


def test_without_javascript_the_form_does_the_same(driver: Playwright, tmp_path: Path) -> None:
    by_server = {"_visit", "__Host-visit", "_visit_7", "_aff"}
    with shopping(driver, tmp_path, javascript=False) as (visit, shop):
        page = visit.page()
        page.goto(SITE + PAGES[0])
        assert kept(visit) == {"theme"}
        page.get_by_role("link", name="Manage cookies").click()
        press(page, "Accept all")
        # As from an earlier visit, with scripts.
        for name, where in (("_ga", "/"), ("_ga_deep", "/tea")):
            visit.context.add_cookies(
                [{"name": name, "value": "1", "domain": ".shop.example", "path": where}]
            )
        browse(page)
        told = set.union(*(names for _, names in shop.told))
        assert told >= by_server | {"_ga", "_ga_deep"}
        assert kept(visit) >= told

        page.goto(SITE + PAGES[0])
        page.get_by_role("link", name="Manage cookies").click()
        shop.told.clear()
        assert ended(press(page, "Reject all")) >= {"_ga", "_visit", "__Host-visit", "_aff"}
        assert kept(visit) & (ANALYTICS | MARKETING) == set(), "before another page"
        browse(page)
        assert kept(visit) & (ANALYTICS | MARKETING) == set()
        assert [(path, names) for path, names in shop.told if names & (ANALYTICS | MARKETING)] == []
        assert visit.calls.hosts() & {"www.googletagmanager.com", "connect.facebook.net"} == set()
