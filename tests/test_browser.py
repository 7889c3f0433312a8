"""The harness itself: it must see everything, or the tests that use it prove nothing."""

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Clock, serving, settle, storage, visiting
from loopback import LEAK, Call, loopback
from netlog import UNNAMED, NetLog
from playwright.sync_api import Playwright, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

pytestmark = pytest.mark.browser
FAR = "far.test"


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def page_of(markup: str) -> Starlette:
    async def show(_: Request) -> Response:
        return HTMLResponse(f"<!doctype html><link rel=icon href='data:,'><body>{markup}")

    return Starlette(routes=[Route("/", show)])


def seen_from(driver: Playwright, markup: str, hosts: tuple[str, ...] = (FAR,)) -> tuple[set[str], set[str]]:
    """The hosts that the logger and the NetLog saw when a page with only this markup was open."""
    with serving(page_of(markup), "localhost") as origin, visiting(driver, hosts) as visit:
        page = visit.page()
        page.goto(origin)
        settle(page)
        called = visit.calls.hosts()
    return called, visit.netlog.hosts()


def test_a_dns_prefetch_alone_is_seen_though_nothing_connects(driver: Playwright) -> None:
    called, logged = seen_from(driver, f'<link rel="dns-prefetch" href="//{FAR}">')
    assert FAR in logged
    assert FAR not in called


def test_a_preconnect_alone_is_seen_by_the_logger_and_by_the_browser(driver: Playwright) -> None:
    called, logged = seen_from(driver, f'<link rel="preconnect" href="https://{FAR}">')
    assert FAR in called
    assert FAR in logged


WAYS = (
    f"<script>new WebSocket('wss://{FAR}/w')</script>",
    f'<img src="http://{FAR}/a.gif">',
    f'<script src="//{FAR}/a.js"></script>',
    f'<iframe src="https://{FAR}/"></iframe>',
    f'<link rel="preload" as="image" href="https://{FAR}/a.gif">',
    f"<script>navigator.sendBeacon('https://{FAR}/b')</script>",
)


def test_each_way_of_reaching_a_host_is_seen_by_both(driver: Playwright, full: bool) -> None:
    for markup in WAYS if full else WAYS[:2]:
        called, logged = seen_from(driver, markup)
        assert FAR in called, markup
        assert FAR in logged, markup


def test_a_host_nobody_named_beforehand_still_shows(driver: Playwright) -> None:
    _, logged = seen_from(driver, '<link rel="dns-prefetch" href="//surprise.test">', hosts=(FAR,))
    assert UNNAMED in logged


def test_a_page_that_reaches_for_nothing_shows_nothing(driver: Playwright) -> None:
    called, logged = seen_from(driver, f'<a href="https://{FAR}/">far</a>')
    assert FAR not in called | logged


def test_the_strings_of_the_netlog_hold_a_contacted_host(driver: Playwright) -> None:
    with serving(page_of(f'<img src="https://{FAR}/a.gif">'), "localhost") as origin:
        with visiting(driver, [FAR]) as visit:
            page = visit.page()
            page.goto(origin)
            settle(page)
        assert "URL_REQUEST_START_JOB" in visit.netlog.mentions(FAR)
        assert origin.removeprefix("http://") in visit.netlog.hosts()


def test_a_leaked_request_leaves_a_cookie(driver: Playwright) -> None:
    markup = f'<img src="https://{FAR}/a.gif">'
    with serving(page_of(markup), "localhost") as origin, visiting(driver, [FAR]) as visit:
        page = visit.page()
        page.goto(origin)
        settle(page)
        assert LEAK in visit.cookies()[FAR]


def test_storage_of_every_kind_is_listed(driver: Playwright) -> None:
    script = """<script>
      localStorage.setItem("l", 1); sessionStorage.setItem("s", 1);
      done = caches.open("c").then(() => new Promise((resolve) => {
        const opening = indexedDB.open("i"); opening.onsuccess = () => { opening.result.close(); resolve(); };
      }));
    </script>"""
    with serving(page_of(script), "localhost") as origin, visiting(driver) as visit:
        page = visit.page()
        page.goto(origin)
        page.evaluate("done")
        assert storage(page) == {"local": ["l"], "session": ["s"], "indexeddb": ["i"], "cache": ["c"]}


def test_without_javascript_only_the_noscript_part_loads(driver: Playwright) -> None:
    markup = '<noscript><img src="https://quiet.test/"></noscript><script src="https://loud.test/"></script>'
    with serving(page_of(markup), "localhost") as origin:
        with visiting(driver, ["quiet.test", "loud.test"], javascript=False) as visit:
            page = visit.page()
            page.goto(origin)
            settle(page)
            assert visit.calls.wait_for("quiet.test")
        assert "quiet.test" in visit.netlog.hosts()


def test_the_logger_answers_plain_and_tls_on_one_port() -> None:
    with loopback() as server:
        plain = http.client.HTTPConnection("127.0.0.1", server.port)
        plain.request("GET", "/p", headers={"Host": "plain.test"})
        assert plain.getresponse().read()
        plain.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        secure = http.client.HTTPSConnection("127.0.0.1", server.port, context=context)
        secure.request("GET", "/s", headers={"Host": "tls.test"})
        assert secure.getresponse().read()
        secure.close()
        assert Call("plain.test", "GET", "/p") in server.calls.all()
        assert Call("tls.test", "GET", "/s", secure=True) in server.calls.all()


def test_a_log_cut_short_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text(
        '{"constants":{"logEventTypes":{"X":1}},\n"events": [\n{"type":1,"params":{"url":"https://a.test/"}},\n'
    )
    assert NetLog(path).hosts() == {"a.test"}


def test_the_clock_stands_still_until_it_is_set() -> None:
    clock = Clock()
    assert clock() == clock()
