"""Chromium's own cookie jar: where it lets a site set cookies, and that expiries reach every one of them."""

from collections.abc import Iterator

import pytest
from browser import launched, serving
from playwright.sync_api import BrowserContext
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consentkit.gate.cookies import cookie_names, expiries, paths_of
from consentkit.policy.domains import cookie_domains, registrable

pytestmark = pytest.mark.browser
PATH = "/tea/green/mint"
KEPT = {"sid", "__Host-sid"}
HOSTS = (
    *("a.b.example.co.uk", "example.co.uk", "www.shop.example", "shop.example", "me.github.io", "github.io"),
    *("x.me.github.io", "bucket.s3.amazonaws.com", "www.ck", "b.ck", "a.b.ck", "city.kobe.jp", "a.c.kobe.jp"),
    *(
        "xn--85x722f.xn--55qx5d.cn",
        "a.xn--55qx5d.cn",
        "xn--55qx5d.cn",
        "my_shop.example",
        "single",
        "x.single",
    ),
)


def parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def everywhere(name: str, host: str) -> Iterator[str]:
    """A cookie on the host and each parent, public suffixes too, on each path, in both jars."""
    for path in paths_of(PATH):
        for end in ("", *(f"; Domain={domain}" for domain in parents(host))):
            for jar in ("", "; SameSite=None; Partitioned"):
                yield f"{name}=1; Max-Age=9999; Path={path}; Secure{end}{jar}"


def is_denied(name: str) -> bool:
    return name not in KEPT


async def set_all(request: Request) -> Response:
    answer = Response()
    host = request.url.hostname or ""
    for name in request.query_params.getlist("name"):
        for line in everywhere(name, host):
            answer.headers.append("set-cookie", line)
    for name in KEPT:
        answer.headers.append("set-cookie", f"{name}=1; Path=/; Secure")
    return answer


async def expire(request: Request) -> Response:
    names = [*filter(is_denied, cookie_names(request.headers.get("cookie", "").encode("latin-1")))]
    answer = Response(" ".join(names), media_type="text/plain")
    host, turn = request.url.hostname or "", int(request.query_params["turn"])
    for line in expiries(names, host, paths_of(request.url.path), turn):
        answer.headers.append("set-cookie", line)
    return answer


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    site = Starlette(routes=[Route(PATH, expire), Route("/set", set_all)])
    with serving(site, "localhost", tls=True) as origin:
        rules = f"--host-resolver-rules=MAP * 127.0.0.1:{origin.rpartition(':')[2]}"
        with launched("--ignore-certificate-errors", rules) as browser:
            yield browser.new_context(ignore_https_errors=True)


def test_chromium_takes_cookies_for_just_the_domains_that_we_name(context: BrowserContext) -> None:
    page = context.new_page()
    for host in HOSTS:
        context.clear_cookies()
        page.goto(f"https://{host}/set?name=probe")
        domains = {str(cookie.get("domain")) for cookie in context.cookies() if cookie.get("name") == "probe"}
        assert host in domains, "a cookie of the host alone"
        assert domains - {host} == {f".{domain}" for domain in cookie_domains(host) if domain}, host
        widest = min((domain[1:] for domain in domains - {host}), key=len, default=None)
        assert registrable(host) == widest, host
    page.close()


@pytest.mark.parametrize("host", ["a.b.example.co.uk", "github.io"])
def test_a_few_answers_empty_chromium_s_jar_of_what_is_denied(context: BrowserContext, host: str) -> None:
    """L14: on every domain and path, partitioned or not, and whatever a name's prefix asks for."""
    context.clear_cookies()
    page = context.new_page()
    page.goto(f"https://{host}/set?name=_ga&name=__Secure-t&name=__Host-t")
    assert len(context.cookies()) > 20
    left = "unknown"
    for turn in range(40):
        page.goto(f"https://{host}{PATH}?turn={turn}")
        left = page.inner_text("body")
        if not left:
            break
    page.close()
    assert left == ""
    assert {cookie.get("name") for cookie in context.cookies()} == KEPT
