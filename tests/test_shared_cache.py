"""A cache between visitors and the site that keeps all it may, and knows nobody (design §3.1)."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from jar import Answer, Browser, Jar
from sample import Clock, app, august, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from consentkit import consent_of
from consentkit.gate.state import OURS

SITE = "https://www.shop.example"
HEURISTIC = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
"""The answers that a cache may keep without being told to (RFC 9110, 15.1)."""
CONTROLS = [
    None,
    "public, max-age=600",
    "max-age=600",
    "s-maxage=600, max-age=0",
    "no-cache",
    "must-revalidate",
    'private="set-cookie", max-age=60',
    'no-cache="set-cookie", max-age=60',
    "public, immutable",
    "private, max-age=60",
    "no-store",
    "PRIVATE",
]
TARGETED = [{}, {"cdn-cache-control": "max-age=600"}, {"surrogate-control": "max-age=600"}]
TRACKERS = ("_ga", "_fbp", "_visit")


@dataclass
class Cache:
    """An ASGI middleware that stores whatever RFC 9111 lets a shared cache store, and serves it for ever.

    Greedy: it takes heuristics for every answer that has no word of its own, keeps Set-Cookie, asks nobody
    again. With `heeds_vary` off it does what some do: one answer for an address, whatever it varies by.
    It obeys a targeted header before Cache-Control (RFC 9213, 2.2), if it is `targeted`. One that keeps
    `everything` heeds no word of any answer, and asks by address alone, as a CDN's "cache everything" does.
    """

    app: Any
    heeds_vary: bool = True
    targeted: bool = False
    everything: bool = False
    kept: list[tuple[tuple[str, str], dict[str, str], list[dict[str, Any]]]] = field(default_factory=list)
    hits: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        address = asked["host"], f"{scope['path']}?{scope['query_string'].decode()}"
        if scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        for kept, fields, messages in self.kept:
            if kept == address and all(asked.get(name, "") == value for name, value in fields.items()):
                self.hits += 1
                for message in messages:
                    await send(message)
                return
        sent: list[dict[str, Any]] = []

        async def keep(message: dict[str, Any]) -> None:
            sent.append(message)
            await send(message)

        await self.app(scope, receive, keep)
        fields = self._keys(sent[0], asked)
        if fields is not None and scope["method"] == "GET":
            self.kept.append((address, fields, sent))

    def _keys(self, start: dict[str, Any], asked: dict[str, str]) -> dict[str, str] | None:
        """The request's fields that a later one must share; None where the answer may not be kept."""
        if self.everything:
            return {}
        said: dict[str, str] = {}
        for raw, value in start["headers"]:
            name = raw.decode().lower()
            said[name] = f"{said[name]}, {value.decode()}" if name in said else value.decode("latin-1")
        told = said.get("cache-control", "")
        if self.targeted:
            told = said.get("cdn-cache-control", said.get("surrogate-control", told))
        bare = {each.strip().lower() for each in re.sub(r'"[^"]*"', '""', told).split(",")}
        if bare & {"private", "no-store"}:
            return None
        names = {each.partition("=")[0] for each in bare}
        explicit = names & {"public", "max-age", "s-maxage"} or "expires" in said
        if not explicit and start["status"] not in HEURISTIC:
            return None
        if "authorization" in asked and not names & {"public", "s-maxage", "must-revalidate"}:
            return None
        if not self.heeds_vary:
            return {}
        varies = [each.strip().lower() for each in said.get("vary", "").split(",") if each.strip()]
        return None if "*" in varies else {name: asked.get(name, "") for name in varies}

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of everything in the cache."""
        return [header for _, _, (start, *_) in self.kept for header in start["headers"]]

    @property
    def bodies(self) -> bytes:
        return b"".join(each.get("body", b"") for _, _, messages in self.kept for each in messages)


async def page(request: Request) -> Response:
    return answered(request, HTMLResponse("<!doctype html><title>x</title><p>hello"))


async def api(request: Request) -> Response:
    return answered(request, JSONResponse({"hello": 1}))


async def asks(request: Request) -> Response:
    return answered(request, JSONResponse({"visitor": consent_of(request).allows("analytics")}))


async def asks_on_a_page(request: Request) -> Response:
    allowed = consent_of(request).allows("analytics")
    return answered(request, HTMLResponse(f"<!doctype html><title>x</title><p>visitor: {allowed}"))


async def sets(request: Request) -> Response:
    """An application that sets its trackers on every answer, whatever it says of caches."""
    answer = answered(request, JSONResponse({}))
    for name in TRACKERS:
        answer.headers.append("set-cookie", f"{name}=of-somebody; Path=/; Max-Age=999999")
    return answer


def answered(request: Request, answer: Response) -> Response:
    """With the headers that the query asks for."""
    for name, value in request.query_params.items():
        answer.headers[name] = value
    return answer


HANDLERS = (page, api, asks, asks_on_a_page, sets)
CASES = [
    (handler, control, targeted)
    for handler, control, targeted in product(HANDLERS, CONTROLS, TARGETED)
    if not targeted or control in ("public, max-age=600", "no-store", "private, max-age=60")
]


@dataclass
class Web:
    """Visitors who share a cache."""

    cache: Cache
    clock: Clock
    runner: asyncio.Runner

    def visitor(self, *granted: str, days: int = 0, trackers: bool = True) -> Browser:
        """Somebody who answered (or did not, without `granted`) some days ago, and has trackers' cookies."""
        browser = Browser(self.cache, Jar(self.clock), self.runner)
        if granted:
            self.clock.move(days=-days)
            assert browser.choose(SITE, *granted).status == 201
            self.clock.move(days=days)
        for name in TRACKERS if trackers else ():
            browser.jar.write(SITE, f"{name}=known-to-the-site; domain=shop.example; path=/; max-age=999999")
        return browser


@contextmanager
def shared(folder: Path, **modes: Any) -> Iterator[Web]:
    own = visits(cookies=[{"name": "_visit", "lifetime": "P1Y"}])
    clock = august()
    routes = [Route(f"/{each.__name__}", each) for each in HANDLERS]
    rules = policy(services=["google-analytics", "meta-pixel", own], pages={"guard": False})
    site = mounted(app(*routes), folder, clock=clock, policy=rules)
    with asyncio.Runner() as runner:
        yield Web(Cache(site, **modes), clock, runner)
    site.kit.close()


def address(handler: Any, control: str | None, targeted: dict[str, str]) -> str:
    fields = targeted | ({"cache-control": control} if control else {})
    query = "&".join(f"{name}={value}" for name, value in fields.items()).replace('"', "%22")
    return f"{SITE}/{handler.__name__}?{query}".replace(", ", ",%20")


def values_of(visitors: list[Browser]) -> set[bytes]:
    """What tells one visitor from another."""
    return {str(each.value).encode() for browser in visitors for each in browser.jar.all()}


@pytest.mark.parametrize("heeds_vary", [True, False], ids=["with Vary", "without"])
@pytest.mark.parametrize("targeted", [False, True], ids=["", "targeted"])
def test_nobody_s_cookies_or_state_ever_come_out_of_a_cache(
    tmp_path: Path, heeds_vary: bool, targeted: bool, full: bool
) -> None:
    """Some visitor is the first to ask; the others then get what was kept, if anything was."""
    with shared(tmp_path, heeds_vary=heeds_vary, targeted=targeted) as web:
        visitors = [
            web.visitor("preferences", "analytics", "marketing"),
            web.visitor("analytics", days=9),
            web.visitor("none", days=9),
            web.visitor(),
            web.visitor(trackers=False),
        ]
        for turn in range(len(visitors)) if full else (1, 3):
            order = visitors[turn:] + visitors[:turn]
            web.cache.kept.clear()
            for handler, control, more in CASES:
                for browser in order:
                    browser.get(address(handler, control, more), accept="text/html,*/*")
            assert [value for name, value in web.cache.headers if name.lower() == b"set-cookie"] == []
            assert b"visitor" not in web.cache.bodies
            assert all(value not in web.cache.bodies for value in values_of(visitors))
            assert len(web.cache.kept) > 20
        assert web.cache.hits > 100, "there was a cache to be afraid of"


def test_a_cache_that_keeps_everything_holds_no_cookie_of_ours_and_no_visitor_s_state(tmp_path: Path) -> None:
    """Issue 4, word for word, of the pages that a site lets caches keep: nothing but their address decides.

    Whoever was first, and with whatever is due to them (no anchors yet, our cookies nine days old, trackers
    that are denied), the cache holds the same bytes; and what those visitors need comes by the report.
    """
    cacheable = [each for each in CONTROLS if each not in ("private, max-age=60", "no-store", "PRIVATE")]
    there = [address(page, *how) for how in product(cacheable, TARGETED)]
    there += [address(api, *how) for how in product(cacheable, TARGETED)]
    with shared(tmp_path, everything=True) as web:
        visitors = [
            web.visitor("analytics", "marketing", days=9),
            web.visitor("none", days=9),
            web.visitor(),
            web.visitor(trackers=False),
        ]
        held = []
        for first in visitors:
            web.cache.kept.clear()
            for browser in (first, *visitors):
                for each in there:
                    browser.get(each, accept="text/html,*/*")
            held.append([(start["headers"], rest) for _, _, (start, *rest) in web.cache.kept])
            assert len(held[-1]) == len(there)
            assert not {name.lower() for name, _ in web.cache.headers} & {b"set-cookie", b"vary"}
            told = web.cache.bodies + b"".join(value for _, value in web.cache.headers)
            assert all(value not in told for value in values_of(visitors))
        assert all(each == held[0] for each in held)
        before = len(web.cache.kept)
        report = visitors[0].post(f"{SITE}/consent/sync", referer=there[0])
        assert {line.partition("=")[0] for line in report.lines} >= OURS
        assert len(web.cache.kept) == before


@pytest.mark.parametrize("heeds_vary", [True, False], ids=["with Vary", "without"])
def test_each_visitor_is_told_their_own_state_through_a_cache(tmp_path: Path, heeds_vary: bool) -> None:
    with shared(tmp_path, heeds_vary=heeds_vary) as web:
        yes, no = web.visitor("analytics"), web.visitor("none")
        for _ in range(2):
            for browser, allowed in ((yes, True), (no, False), (web.visitor(), False)):
                for control in CONTROLS:
                    assert browser.get(address(asks, control, {})).json() == {"visitor": allowed}, control
                state = browser.get(f"{SITE}/consent/state").json()
                assert ("analytics" in state["allowed"]) is allowed
                assert browser.get(f"{SITE}/consent/").status == 200
        assert "/consent/state?" not in [path for (_, path), _, _ in web.cache.kept]


def test_a_cached_page_is_the_same_for_all_and_its_report_brings_the_cookies(tmp_path: Path) -> None:
    """What the cached page couldn't carry, `POST /consent/sync` does; and that isn't kept."""
    with shared(tmp_path) as web:
        there = address(page, "public, max-age=600", {})
        first = web.visitor("analytics", days=9)
        for browser in (first, web.visitor(), web.visitor("analytics", days=9)):
            answer = browser.get(there, accept="text/html")
            assert answer.lines == []
        assert web.cache.hits >= 2
        report: Answer = first.post(f"{SITE}/consent/sync", referer=there)
        assert {line.partition("=")[0] for line in report.lines} >= {"consentkit", "consentkit_seen"}
        assert [value for name, value in web.cache.headers if name.lower() == b"set-cookie"] == []
