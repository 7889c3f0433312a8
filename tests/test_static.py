"""The browser's side: sizes, texts, the committed build, and its behaviour in a real Chromium."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brotli
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "static"
BUILT = ("starter.js", "banner.js", "banner.css", "saved.js")
TEXTS = {p.stem: json.loads(p.read_text("utf-8")) for p in (ROOT / "consentkit/policy/texts").glob("*.json")}
CATEGORIES = ["preferences", "analytics", "marketing"]
SERVICES = {"shop-stats": "analytics", "shop-ads": "marketing", "youtube": "marketing"}
POLICY = "0123456789abcdef" * 4
CHROMIUM = shutil.which("chromium")
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
browser_test = pytest.mark.browser
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (ROOT / "node_modules").is_dir()),
    reason="node or node_modules missing: npm install",
)


def notice(locale: str) -> dict[str, Any]:
    """A notice as the server renders it, for a site with one service in each optional category."""
    t = TEXTS[locale]

    def service(sid: str) -> dict[str, Any]:
        trackers = [{"name": "_x", "lifetime": t["lifetimes"]["month"]["other"].format(n=13)}]
        base = {"id": sid, "name": sid.title(), "vendor": "Example Ltd", "country": "IE", "trackers": trackers}
        return base | {"purposes": [t["purposes"]["advertising"]], "policy_url": "https://vendor.example/privacy"}

    def category(cid: str) -> dict[str, Any]:
        services = [service(sid) for sid, owner in SERVICES.items() if owner == cid]
        return {"id": cid, **t["categories"][cid], "locked": cid == "necessary", "services": services}

    links = {key: {"href": "/consent/", "text": text} for key, text in t["links"].items()}
    plain = {key: t[key] for key in ("locale", "dir", "purposes_intro", "buttons", "labels", "status")}
    body = [text.format(months=6) for text in t["body"]]
    cats = [category(cid) for cid in ("necessary", *CATEGORIES)]
    return plain | {"title": t["title"].format(site="Shop"), "body": body, "categories": cats, "links": links}


def size(*parts: bytes) -> int:
    return sum(len(brotli.compress(part)) for part in parts)


def test_starter_and_banner_keep_their_byte_budgets() -> None:
    assert size((STATIC / "starter.js").read_bytes()) <= 2048
    shown = [(STATIC / name).read_bytes() for name in ("banner.js", "banner.css")]
    assert size(*shown, json.dumps(notice("en"), ensure_ascii=False).encode()) <= 6144


@needs_node
def test_committed_files_are_what_the_sources_build(tmp_path: Path) -> None:
    subprocess.run(["node", "static/build.mjs", str(tmp_path)], cwd=ROOT, check=True)
    assert {p.name for p in tmp_path.iterdir()} == set(BUILT)
    for name in BUILT:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: npm run build"


@needs_node
def test_sources_pass_the_strict_type_check() -> None:
    done = subprocess.run(["npm", "run", "-s", "check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", BUILT)
def test_built_files_hold_nothing_that_a_strict_csp_refuses(name: str) -> None:
    text = (STATIC / name).read_text("utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|\beval\(|new Function|style=|cookie-banner", text)
    assert "</script" not in text.lower()
    assert text.count("__CONFIG__") == (name == "starter.js")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    else:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, f"{path}.{key}")


@pytest.mark.parametrize("locale", sorted(TEXTS))
def test_each_language_has_every_text_with_the_same_placeholders(locale: str) -> None:
    shape = {path: sorted(re.findall(r"\{(\w+)\}", text)) for path, text in leaves(TEXTS[locale])}
    assert shape == {path: sorted(re.findall(r"\{(\w+)\}", text)) for path, text in leaves(TEXTS["en"])}
    assert all(text.strip() for _, text in leaves(TEXTS[locale]))
    assert TEXTS[locale]["locale"] == locale


@pytest.mark.parametrize("locale", sorted(TEXTS))
def test_the_notice_says_how_long_a_choice_lasts_and_how_to_change_it(locale: str) -> None:
    """L2."""
    body = " ".join(TEXTS[locale]["body"])
    assert "{months}" in body
    assert TEXTS[locale]["page"]["manage"] in body
    assert TEXTS[locale]["buttons"]["accept"] != TEXTS[locale]["buttons"]["reject"]


# --- the same files in a browser, against a stub of the server -----------------------------------------

HOSTILE = """
const send = fetch, beacon = navigator.sendBeacon.bind(navigator);
window.adsRan = true;
setInterval(() => {
  document.cookie = "_ads=1; path=/; max-age=9999"; localStorage.ads_id = "1";
  send("%(tracker)s/hit").catch(() => 0); beacon("%(tracker)s/beacon"); new Image().src = "%(tracker)s/pixel?" + Math.random();
}, 40);
addEventListener("pagehide", () => { localStorage.ads_id = "late"; beacon("%(tracker)s/beacon"); });
"""
PAGE = """<!doctype html><html lang="%(lang)s"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Shop</title><script data-consentkit-starter>%(starter)s</script>
<script>window.order = []; window.born = Math.random(); document.cookie = "_early=1";</script></head>
<body><h1>Shop</h1><p>Tea and kettles.</p>
<script data-consentkit="shop-stats" type="text/plain" data-consentkit-src="%(tracker)s/stats.js"></script>
<script data-consentkit="shop-stats" type="text/plain">order.push("inline after " + window.stats);</script>
<script data-consentkit="undeclared" type="text/plain">order.push("never");</script>
<script type="text/plain" data-category="analytics">order.push("author");</script>
<template data-category="analytics"><p id="unfolded">Template</p><script>order.push("template");</script></template>
<script data-consentkit="shop-ads" type="text/plain">%(hostile)s</script>
<iframe data-consentkit="youtube" data-consentkit-src="%(tracker)s/video" width="480" height="270"></iframe>
<footer><a id="manage" href="/consent/" data-consent="open">Manage cookies</a></footer>
<script>const bot = new URLSearchParams(location.search).get("bot");
if (bot) document.addEventListener("consentkit:ready", () => setTimeout(() => {
  const b = document.createElement("button"); b.dataset.consent = bot; document.body.append(b); b.click(); }, 200));</script>
</body></html>"""


class Server(ThreadingHTTPServer):
    """One loopback server that keeps what it was asked; `answer` makes status, headers and body."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[str, str, Any]]()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body or b"null") if body[:1] == b"{" else None))
        status, headers, content = self.server.answer(self.command, self.path.split("?")[0], self.server.asked[-1][2])
        self.send_response(status)
        for name, value in [*headers.items(), ("content-length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class Shop:
    """A stand-in for the middleware with one visitor: the choices it holds, and whether it fails."""

    def __init__(self) -> None:
        self.choices: dict[str, bool] | None = None
        self.fail: int | None = None
        self.lang = "en"
        self.tracker = Server(self.track)
        self.server = Server(self.serve)
        self.url = f"http://localhost:{self.server.server_port}/shop/tea"
        self.foreign = f"http://127.0.0.1:{self.tracker.server_port}"

    def track(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], bytes]:
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        return 200, {"content-type": kind, "access-control-allow-origin": "*"}, b"window.stats='external'"

    def page(self) -> bytes:
        config = {
            "policy": POLICY, "prefix": "/consent", "categories": CATEGORIES, "services": SERVICES,
            "cookies": {"marketing": ["_ads*"], "": ["_early"]}, "storage": {"marketing": [["local", "ads_*"]]},
            "banner": "/consent/static/banner.js", "css": "/consent/static/banner.css", "locale": "en",
            "notices": {locale: f"/consent/static/notice-{locale}.json" for locale in TEXTS},
        }  # fmt: skip
        starter = (STATIC / "starter.js").read_text("utf-8").replace("__CONFIG__", json.dumps(config))
        hostile = HOSTILE % {"tracker": self.foreign}
        values = {"starter": starter, "tracker": self.foreign, "hostile": hostile, "lang": self.lang}
        return (PAGE % values).encode()

    def serve(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/consent/static/notice-"):
            return 200, {"content-type": "application/json"}, json.dumps(notice(path[-7:-5])).encode()
        if path.startswith("/consent/static/"):
            kind = "text/css" if path.endswith("css") else "text/javascript"
            return 200, {"content-type": kind}, (STATIC / path.rsplit("/", 1)[1]).read_bytes()
        if path == "/consent/" and method == "POST":
            if self.fail:
                return self.fail, {"content-type": "application/json"}, b'{"error":"no"}'
            self.choices = body["choices"]
        if path in ("/consent/", "/consent/state"):
            return self.state(201 if method == "POST" else 200)
        return 200, {"content-type": "text/html"}, self.page() if path.startswith("/shop") else b""

    def state(self, status: int) -> tuple[int, dict[str, str], bytes]:
        granted = [c for c in CATEGORIES if (self.choices or {}).get(c)]
        state = {"policy": POLICY, "allowed": ["necessary", *granted], "ask": self.choices is None}
        hint = "".join(f".{c}{'+' if v else '-'}4000000000" for c, v in (self.choices or {}).items())
        cookie = f"consentkit_allows={POLICY[:16]}{hint}; Path=/; SameSite=Lax"
        return status, {"content-type": "application/json", "set-cookie": cookie}, json.dumps(state).encode()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    stub = Shop()
    yield stub
    for server in (stub.server, stub.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Page:
    page = context.new_page()
    page.goto(shop.url)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def gone(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)


@browser_test
def test_a_first_visit_is_asked_and_nothing_optional_happens(page: Page, shop: Shop) -> None:
    expect(page.get_by_role("dialog", name="Cookies on Shop")).to_be_visible()
    assert page.evaluate("order") == []
    assert shop.tracker.asked == []
    assert shop.server.paths().count("GET /consent/state") == 1


@browser_test
def test_rejecting_loads_nothing_and_is_not_asked_again(page: Page, shop: Shop) -> None:
    press(page, "Reject all")
    gone(page)
    sent = shop.server.asked[-1][2]
    assert sent == {"choices": dict.fromkeys(CATEGORIES, False), "policy": POLICY, "mechanism": "banner", "locale": "en"}
    page.reload()
    assert page.evaluate("new Promise(r => consentkit.push(k => r(k.state)))") == {"allowed": ["necessary"], "ask": False}
    gone(page)
    assert shop.tracker.asked == []
    assert shop.server.paths().count("GET /consent/state") == 1


def choose_analytics(page: Page) -> None:
    press(page, "Choose")
    boxes = {c: page.locator(f"input[name={c}]") for c in ("necessary", *CATEGORIES)}
    assert {c: (b.is_checked(), b.is_enabled()) for c, b in boxes.items()} == {
        c: (c == "necessary", c != "necessary") for c in boxes
    }
    boxes["analytics"].check()
    press(page, "Save choices")
    gone(page)


@browser_test
def test_analytics_only_revives_in_document_order_without_a_reload(page: Page, shop: Shop) -> None:
    born = page.evaluate("window.born")
    choose_analytics(page)
    expect(page.locator("#unfolded")).to_be_visible()
    page.wait_for_function("order.length === 3")
    assert page.evaluate("order") == ["inline after external", "author", "template"]
    assert page.evaluate("[window.born, window.adsRan, consentkit.allows('analytics')]") == [born, None, True]
    assert shop.tracker.paths() == ["GET /stats.js"]
    assert shop.server.asked[-1][2]["mechanism"] == "preferences"


@browser_test
@pytest.mark.parametrize("status", [403, 409, 422, 429, 503])
def test_a_choice_that_is_not_recorded_keeps_the_banner_and_grants_nothing(
    page: Page, shop: Shop, status: int
) -> None:
    shop.fail = status
    press(page, "Accept all")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text(TEXTS["en"]["status"]["failed"])
    assert page.get_by_role("button", name="Accept all").is_enabled()
    assert page.evaluate("consentkit.state.allowed") == ["necessary"]
    assert shop.tracker.asked == []


@browser_test
def test_reopening_shows_the_stored_choice_and_escape_gives_focus_back(page: Page, shop: Shop) -> None:
    choose_analytics(page)
    page.reload()
    page.click("#manage")
    expect(page.get_by_role("heading", name="Cookies on Shop")).to_be_focused()
    assert [page.locator(f"input[name={c}]").is_checked() for c in CATEGORIES] == [False, True, False]
    page.keyboard.press("Escape")
    gone(page)
    expect(page.locator("#manage")).to_be_focused()
    assert shop.server.paths().count("POST /consent/") == 1


@browser_test
@pytest.mark.parametrize("status", [None, 503])
def test_withdrawal_silences_a_hostile_tracker_in_every_tab(
    page: Page, context: BrowserContext, shop: Shop, status: int | None
) -> None:
    """L14; the tracker kept its own copies of fetch and sendBeacon, and writes again while the page unloads."""
    press(page, "Accept all")
    gone(page)
    other = context.new_page()
    other.goto(shop.url)
    for tab in (page, other):
        tab.wait_for_function("window.adsRan && document.cookie.includes('_ads') && localStorage.ads_id")
        tab.evaluate("window.stale = true")
    page.click("#manage")
    page.evaluate("() => { const post = fetch; window.fetch = (...a) => (window.silent = true, post(...a)); }")
    shop.fail = status
    if status:
        shop.choices = None
    page.get_by_role("dialog").get_by_role("button", name="Reject all").click()
    for tab in (page, other):
        tab.wait_for_function("!window.stale && window.consentkit && document.readyState === 'complete'")
    posted = max(i for i, (method, *_) in enumerate(shop.server.asked) if method == "POST")
    quiet = len(shop.tracker.asked)
    for tab in (page, other):
        tab.reload()
        tab.wait_for_timeout(150)
        assert tab.evaluate("[document.cookie.includes('_ads'), localStorage.ads_id, window.adsRan]") == [False, None, None]
    assert len(shop.tracker.asked) == quiet
    assert shop.server.paths()[posted] == "POST /consent/"


@browser_test
def test_undeclared_trackers_of_an_earlier_page_are_cleared_before_anything_runs(page: Page, shop: Shop) -> None:
    page.evaluate("document.cookie = '_ads_x=1; path=/shop'; localStorage.ads_x = 1; document.cookie = 'cart=1; path=/'")
    page.evaluate("localStorage.theme = 'dark'")
    page.add_init_script("addEventListener('DOMContentLoaded', () => 0)")
    page.reload()
    assert "_ads_x" not in page.evaluate("document.cookie")
    assert "cart=1" in page.evaluate("document.cookie")
    assert page.evaluate("[localStorage.ads_x, localStorage.theme]") == [None, "dark"]


@browser_test
def test_a_script_can_refuse_for_the_visitor_but_never_accept(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    page.goto(shop.url + "?bot=accept-all")
    # Asking the page anything through the driver would count as the visitor's activity.
    page.wait_for_timeout(700)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert "POST /consent/" not in shop.server.paths()
    page.goto(shop.url + "?bot=reject-all")
    gone(page)
    assert shop.server.asked[-1][2]["choices"] == dict.fromkeys(CATEGORIES, False)


@browser_test
def test_a_blocked_frame_says_what_it_is_and_opens_the_choices(page: Page, shop: Shop) -> None:
    press(page, "Reject all")
    gone(page)
    expect(page.locator(".consentkit-blocked")).to_contain_text("Youtube is blocked here")
    page.locator(".consentkit-blocked button").click()
    page.locator("input[name=marketing]").check()
    press(page, "Save choices")
    expect(page.locator(".consentkit-blocked")).to_have_count(0)
    expect(page.locator("iframe")).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').src.endsWith('/video')")


@browser_test
@pytest.mark.parametrize("locale", sorted(TEXTS))
def test_the_notice_speaks_the_pages_language(page: Page, shop: Shop, locale: str) -> None:
    shop.lang = locale + "-XX"
    page.reload()
    box = page.get_by_role("dialog", name=TEXTS[locale]["title"].format(site="Shop"))
    expect(box).to_have_attribute("lang", locale)
    sizes = [box.get_by_role("button", name=TEXTS[locale]["buttons"][b]).bounding_box() for b in ("accept", "reject")]
    assert sizes[0] and sizes[1]
    assert [sizes[0][k] for k in ("width", "height")] == [sizes[1][k] for k in ("width", "height")]
    press(page, TEXTS[locale]["buttons"]["reject"])
    gone(page)
    assert shop.server.asked[-1][2]["locale"] == locale
