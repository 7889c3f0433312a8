"""What visitors are spared: movement, requests, violations, work. Real middleware, real Chromium.

Of the clauses of "small and still": sizes are in test_static.py, the charset's place in test_markup.py, the
order of revival and two tabs in step in test_banner.py, what scripts add late in test_guard.py.
"""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from browser import QUIET, Traffic, chromium, serving, settle, until
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sample import mounted, policy, visits
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

pytestmark = pytest.mark.browser

STRICT = (
    "default-src 'none'; script-src 'nonce-n0nce'; style-src 'self' 'nonce-n0nce'; connect-src 'self'; "
    "img-src 'self' data:; frame-src *; require-trusted-types-for 'script'; trusted-types consentkit; "
    "base-uri 'none'"
)
FILM = "https://www.youtube.com/embed/x"
FRAME = "document.querySelector('iframe[width]')"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel=icon href="data:,">
<meta name="viewport" content="width=device-width"><title>Shop</title>
<style nonce="n0nce">div { display: flex; }</style></head><body><h1>Shop</h1>
<p>Tea and kettles. <a href="/kettles">Kettles</a></p>
<div><iframe src="%s" width="280" height="240"></iframe></div><p>After the film.</p>
%s<footer><a id="manage" href="/consent/" data-consent="open">Manage cookies</a></footer></body></html>"""
INERT = '<script type="text/plain" data-category="analytics" nonce="n0nce" %s>%s</script>'
RAN = "(window.ran ??= []).push('%s')"
# Of a script from a file, of one that waits for nobody, of the rest of the page, and of a text after parsing.
SCRIPTS = "\n".join(
    (
        INERT % ('data-src="/ran/slow.js"', ""),
        INERT % ('data-src="/ran/async.js" async', ""),
        INERT % ('data-src="/ran/module.js" data-type="module"', ""),
        INERT % ('data-src="/ran/defer.js" defer', ""),
        INERT % ("", RAN % "inline"),
        "<div id=ads>"
        + INERT % ("", "document.write('<p id=written>Written</p>');" + RAN % "writing")
        + "<i></i></div>",
    )
)
WATCHED = """
window.shifts = []; window.violations = [];
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput, sources } of list.getEntries()) {
    const others = sources.filter(({ node }) => !node?.parentElement?.closest("[role=dialog]"));
    if (!hadRecentInput || others.length) shifts.push([value, others.map(({ node }) => node?.nodeName)]);
  }
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", ({ violatedDirective }) => violations.push(violatedDirective));
addEventListener("pageshow", ({ persisted }) => { window.restored = persisted; });
"""


class Shop:
    """A site behind the middleware, and what has reached its server."""

    def __init__(self, folder: Path) -> None:
        routes = [Route("/", self.page), Route("/kettles", self.page), Route("/ran/{name}.js", self.script)]
        offered = ["youtube", visits()]
        self.app = mounted(Starlette(routes=routes), folder, policy=policy(services=offered))
        self.asked: list[str] = []
        self.more = ""
        self.strict = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(f"{scope['method']} {scope['path']}")
        await self.app(scope, receive, send)

    async def page(self, _: Request) -> Response:
        headers = {"content-security-policy": STRICT} if self.strict else None
        return HTMLResponse(PAGE % (FILM, self.more), headers=headers)

    async def script(self, request: Request) -> Response:
        return PlainTextResponse(RAN % request.path_params["name"], media_type="text/javascript")


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        yield shop
        shop.app.kit.close()


@pytest.fixture(scope="module")
def origin(shop: Shop) -> Iterator[str]:
    with serving(shop, "localhost") as origin:
        yield origin


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that keeps pages to go back to, as people's do and Playwright's don't."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium(),
            args=[*QUIET, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"],
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, shop: Shop) -> Iterator[BrowserContext]:
    shop.more, shop.strict = "", False
    shop.asked.clear()
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 700})
    context.add_init_script(WATCHED)
    Traffic.of(context)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def shown(page: Page, address: str) -> Page:
    """The page at an address, once everything of ours stands."""
    page.goto(address)
    settle(page)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    settle(page)


def test_nothing_on_the_page_moves_when_asked_answered_come_back_and_changed(
    page: Page, shop: Shop, origin: str
) -> None:
    """CLS 0; of what follows a click, which that measure leaves out, only the dialog itself may move."""
    shown(page, origin)
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Choose")
    press(page, "Reject all")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("shifts") == []
    page.reload()
    settle(page)
    assert [path for path in shop.asked if "/placeholders." in path], "the film's place says what it is"
    page.click("#manage")
    press(page, "Accept all")
    page.wait_for_function(f"{FRAME}.src === '{FILM}'")
    settle(page)
    assert page.evaluate("shifts") == []
    page.evaluate("document.body.prepend(document.createElement('hr'))")
    page.wait_for_function("shifts.length")


@pytest.mark.parametrize("answer", ["Reject all", "Accept all"])
def test_who_has_answered_brings_a_repeat_view_no_request_but_for_the_page(
    page: Page, shop: Shop, origin: str, answer: str
) -> None:
    shown(page, origin)
    shop.asked.clear()
    shown(page, f"{origin}/kettles")
    assert shop.asked == ["GET /kettles", "GET /consent/state"], "undecided: its state is asked for"
    press(page, answer)
    page.reload()
    settle(page)
    shop.asked.clear()
    shown(page, f"{origin}/kettles")
    assert shop.asked == ["GET /kettles"]


def test_a_strict_csp_with_trusted_types_is_never_violated(page: Page, shop: Shop, origin: str) -> None:
    shop.more, shop.strict = SCRIPTS.split("<div")[0], True
    shown(page, origin)
    press(page, "Choose")
    page.locator("input[name=analytics]").check()
    press(page, "Save choices")
    until(page, lambda: page.evaluate("window.ran?.length") == 5, "what is allowed runs")
    page.click("#manage")
    press(page, "Accept all")
    until(page, lambda: page.evaluate(f"({FRAME}).src") == FILM, "the film is there")
    assert page.evaluate("violations") == []
    page.evaluate("document.body.setAttribute('style', 'color:red')")
    until(page, lambda: page.evaluate("violations.length"), "a violation would be seen")


def test_revived_scripts_keep_their_order_and_kind_and_write_where_they_stand(
    page: Page, shop: Shop, origin: str
) -> None:
    shop.more = SCRIPTS
    shown(page, origin)
    assert page.evaluate("window.ran") is None
    press(page, "Accept all")
    page.wait_for_function("window.ran?.length === 6")
    ran = page.evaluate("ran")
    assert "async" in ran
    ran.remove("async")
    assert ran == ["slow", "inline", "writing", "module", "defer"]
    kinds = (
        "[...document.querySelectorAll('[src*=ran]')].map((s) => [s.src.split('/').pop(), s.async, s.type])"
    )
    assert page.evaluate(kinds) == [
        ["slow.js", False, ""],
        ["async.js", True, ""],
        ["module.js", False, "module"],
        ["defer.js", False, ""],
    ]
    assert page.evaluate("[...ads.children].map((each) => each.localName)") == ["p", "script", "i"]


def test_a_page_gone_back_to_is_the_one_left_and_asks_what_was_answered_since(
    page: Page, context: BrowserContext, shop: Shop, origin: str
) -> None:
    """Answered without a word to other tabs: a message to a page that is kept would end it in Chromium."""
    shown(page, origin)
    page.evaluate("window.left = true")
    shown(page, f"{origin}/kettles")
    edition = shop.app.kit.edition
    refused = dict.fromkeys(edition.policy.categories, False)
    said = {"choices": refused, "policy": edition.policy.version, "mechanism": "banner", "locale": "en"}
    assert context.request.post(f"{origin}/consent/", data=said, headers={"origin": origin}).status == 201
    page.evaluate("history.back()")
    page.wait_for_function("window.restored")
    assert page.evaluate("left")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("[consentkit.state.ask, consentkit.state.allowed]") == [False, ["necessary"]]


COUNTED = """
window.looks = 0;
for (const kind of [Document, Element, DocumentFragment]) {
  for (const name of ["querySelector", "querySelectorAll", "matches", "closest", "getElementsByTagName"]) {
    const own = kind.prototype[name];
    if (own) kind.prototype[name] = function (...terms) { looks++; return own.apply(this, terms); };
  }
}
"""
LATE = """async ([batches, each]) => {
  const before = looks;
  for (let batch = 0; batch < batches; batch++) {
    for (let i = 0; i < each; i++) document.body.append(document.createElement("b"));
    await 0;
  }
  return looks - before;
}"""


def test_late_nodes_cost_by_how_often_they_come_and_not_by_how_many(
    context: BrowserContext, origin: str
) -> None:
    context.add_init_script(COUNTED)
    page = shown(context.new_page(), origin)
    once, often = (page.evaluate(LATE, list(terms)) for terms in ((1, 3_000), (30, 100)))
    assert 0 < once < 10, "one observer looks"
    assert 30 <= often < 30 * 10


def test_what_a_single_page_application_shows_next_waits_and_comes_with_the_answer(
    page: Page, origin: str
) -> None:
    show = """([markup, path]) => { history.pushState(0, "", path);
      document.querySelector("h1 + p").innerHTML = markup; }"""
    waiting = '<script type="text/plain" data-category="analytics">%s</script>'
    shown(page, origin)
    page.evaluate(show, [waiting % (RAN % "first"), "/one"])
    assert page.evaluate("window.ran") is None
    press(page, "Accept all")
    page.wait_for_function("window.ran?.join() === 'first'")
    page.evaluate(show, [waiting % (RAN % "second"), "/two"])
    page.wait_for_function("window.ran.join() === 'first,second'")


def test_each_file_is_the_one_whose_hash_was_published(page: Page, shop: Shop, origin: str) -> None:
    """So a page may name it in `integrity` (Subresource Integrity, 3.5)."""
    served = shop.app.kit.edition.served
    files = [
        [f"{origin}/consent/static/{name}", f"sha256-{b64encode(bytes.fromhex(item.sha256)).decode()}"]
        for name, item in served.items()
    ]
    page.goto(origin)
    got = page.evaluate(
        """(files) => Promise.all(files.map(([url, integrity]) =>
          fetch(url, { integrity }).then((answer) => answer.headers.get("cache-control"))))""",
        files,
    )
    assert set(got) == {"public, max-age=31536000, immutable"}
    assert len(got) > 10
