"""Where a choice holds: on all hosts of one site, on no other, and never in the clear (E13, H4)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jar import Browser, Jar
from sample import app, august, browsing, mounted, policy
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from consentkit import consent_of

OURS = {"consentkit", "consentkit_allows"}


async def asks(request: Request) -> JSONResponse:
    return JSONResponse(consent_of(request).allows("analytics"))


@contextmanager
def visiting(folder: Path, **changes: Any) -> Iterator[Browser]:
    clock = august()
    site = mounted(app(Route("/", asks)), folder, clock=clock, policy=policy(**changes))
    with asyncio.Runner() as runner:
        yield Browser(site, Jar(clock), runner)
    site.kit.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A visitor of the sample site, made once."""
    with visiting(tmp_path_factory.mktemp("site")) as browser:
        yield browser


@pytest.fixture
def browser(site: Browser) -> Browser:
    """A visitor whom nobody knows yet."""
    site.jar.end_all()
    return site


def allowed(browser: Browser, origin: str) -> bool:
    answer: bool = browser.get(f"{origin}/").json()
    return answer


@pytest.mark.parametrize(
    ("domain", "chosen", "shares", "alone"),
    [
        ("site", "www.shop.example", ["shop.example", "a.b.shop.example"], ["othershop.example"]),
        ("site", "shop.co.uk", ["www.shop.co.uk"], ["other.co.uk"]),
        ("site", "me.github.io", ["blog.me.github.io"], ["you.github.io"]),
        ("host", "www.shop.example", [], ["shop.example", "blog.shop.example", "a.www.shop.example"]),
        (["eu.shop.example"], "a.eu.shop.example", ["b.eu.shop.example"], ["shop.example"]),
        (["eu.shop.example"], "www.shop.example", [], ["shop.example", "a.eu.shop.example"]),
    ],
)
def test_hosts_share_a_choice_as_the_policy_says(
    tmp_path: Path, domain: Any, chosen: str, shares: list[str], alone: list[str]
) -> None:
    with visiting(tmp_path, cookies={"domain": domain}) as browser:
        assert browser.choose(f"https://{chosen}", "analytics").status == 201
        assert allowed(browser, f"https://{chosen}")
        assert [host for host in shares if not allowed(browser, f"https://{host}")] == []
        assert [host for host in alone if allowed(browser, f"https://{host}")] == []


def test_a_choice_made_on_one_host_is_withdrawn_on_another(browser: Browser) -> None:
    browser.choose("https://www.shop.example", "analytics")
    browser.choose("https://shop.shop.example")
    assert not allowed(browser, "https://www.shop.example")
    assert len(browser.jar.named("consentkit")) == 1


@pytest.mark.parametrize("tossed", ["junk", "", "3.AA.1.eA:0:analytics:.AAAA"])
def test_a_sibling_s_duplicate_is_ignored_and_goes_with_the_next_choice(
    browser: Browser, tossed: str
) -> None:
    """A sibling may set cookies for the whole site, on any path; the server can't see whose came first."""
    browser.choose("https://www.shop.example", "analytics")
    for where in ("", "; Domain=www.shop.example"):
        browser.jar.take("https://www.shop.example/", [f"consentkit={tossed}; Path=/; Max-Age=999{where}"])
    assert browser.jar.header("https://www.shop.example/").count("consentkit=") == 3
    assert allowed(browser, "https://www.shop.example")
    assert browser.choose("https://www.shop.example").status == 201
    assert len(browser.jar.named("consentkit")) == 1
    assert not allowed(browser, "https://www.shop.example")


def test_a_sibling_can_t_bring_another_visitor_s_choice(browser: Browser) -> None:
    """Sealed by us, but somebody else's: which of the two browsers this is nobody can tell."""
    browser.choose("https://www.shop.example")
    (ours,) = (cookie.value for cookie in browser.jar.named("consentkit"))
    browser.jar.end_all()
    browser.choose("https://www.shop.example", "analytics")
    assert allowed(browser, "https://www.shop.example")
    browser.jar.take("https://www.shop.example/", [f"consentkit={ours}; Path=/; Max-Age=999"])
    assert not allowed(browser, "https://www.shop.example")


@pytest.mark.parametrize(
    ("origin", "domain", "secure"),
    [
        ("https://www.shop.example", "shop.example", True),
        ("http://www.shop.example", "shop.example", True),
        ("https://192.0.2.7", "", True),
        ("http://192.0.2.7:8000", "", True),
        ("https://[2001:db8::1]", "", True),
        ("https://localhost:8443", "", True),
        ("http://localhost:8000", "", False),
        ("http://shop.localhost:8000", "shop.localhost", False),
        ("http://127.0.0.1:8000", "", False),
        ("http://[::1]:8000", "", False),
        ("https://intranet", "", True),
        ("https://github.io", "", True),
        ("https://co.uk", "", True),
    ],
)
def test_all_our_cookies_have_one_home_and_secure(
    browser: Browser, origin: str, domain: str, secure: bool
) -> None:
    """The choice, the hint and the anchors; as they are set and as they go."""
    first = browser.choose(origin, "analytics")
    again = browser.post(f"{origin}/consent/sync", {"trackers": {"local:_gcl_ls": "ab"}})
    ours = [line for line in first.lines + again.lines if line.startswith("consentkit")]
    assert {line.partition("=")[0] for line in ours} >= OURS
    for line in ours:
        assert ("; Secure" in line) is secure, line
        assert f"; Domain={domain}; " in f"{line}; " if domain else "; Domain=" not in line
        assert "; SameSite=Lax" in line
        assert ("; HttpOnly" in line) is ("consentkit_allows" not in line and "Max-Age=0" not in line)


@pytest.mark.parametrize("header", ["forwarded", "x_forwarded_for", "x_forwarded_proto"])
def test_what_a_proxy_forwards_is_never_in_the_clear(browser: Browser, header: str) -> None:
    answer = browser.get("http://localhost:8000/consent/state")
    body = {"choices": dict.fromkeys(["preferences", "analytics", "marketing"], False)}
    state = answer.json()
    body |= {"policy": state["policy"], "mechanism": "banner", "locale": "en"}
    lines = browser.post("http://localhost:8000/consent/", body, **{header: "http"}).lines
    assert [line for line in lines if line.startswith("consentkit") and "; Secure" not in line] == []


def test_that_loopback_goes_without_secure_is_announced_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """H4; once, whichever request comes first, and so that a server's usual settings show it."""
    with browsing(app(Route("/", asks)), tmp_path) as client:
        client.get("/")
        client.get("/")
    told = [record.getMessage() for record in caplog.records if "Secure" in record.getMessage()]
    assert len(told) == 1
    assert "localhost" in told[0]


def test_a_choice_that_browsers_can_t_keep_is_told_to_the_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over plain http they drop what is Secure, and every page asks again (H4)."""
    with browsing(app(Route("/", asks)), tmp_path) as client:
        body = {
            "choices": dict.fromkeys(client.app.kit.edition.policy.categories, False),
            "policy": client.app.kit.edition.policy.version,
            "mechanism": "banner",
            "locale": "en",
        }
        for origin in ("https://shop.example", "http://shop.example", "http://shop.example"):
            headers = {"origin": origin, "sec-fetch-site": "same-origin"}
            assert client.post("/consent/", json=body, headers=headers).status_code == 201
    told = [record.getMessage() for record in caplog.records if record.module == "told"]
    assert len(told) == 1
