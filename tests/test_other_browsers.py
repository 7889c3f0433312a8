"""The main path in Firefox and WebKitGTK: asked, refused, accepted, and taken back."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import serving
from other_browsers import Window, firefox, webkit
from sample import app, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

DIALOG = "//*[@role='dialog']"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="data:,"><script>window.born = Math.random()</script></head><body><h1>Shop</h1>
<script async src="{tracker}/visits.js"></script>
<a href="/consent/" data-consent="open">Manage cookies</a></body></html>"""
COUNTS = """document.cookie = "_visits=1; path=/; max-age=9999"; localStorage.visits = 1;
fetch(new URL("/hit", document.currentScript.src), {mode: "no-cors"});"""


@dataclass
class Shop:
    """A site, and on another origin its tracker: `asked` are the paths that it was asked for."""

    tracker: str = ""
    origin: str = ""
    asked: list[str] = field(default_factory=list)

    async def page(self, _: Request) -> Response:
        return HTMLResponse(PAGE.format(tracker=self.tracker), headers={"cache-control": "no-store"})

    async def track(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return Response(COUNTS, media_type="text/javascript", headers={"cache-control": "no-store"})


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    shop = Shop()
    with serving(app(Route("/{path:path}", shop.track)), "127.0.0.1") as shop.tracker:
        keys = [{"area": "local", "key": "visits"}]
        counter = visits(urls=[urlsplit(shop.tracker).netloc], cookies=["_visits"], storage=keys)
        site = mounted(app(Route("/", shop.page)), folder, policy=policy(services=[counter]))
        with serving(site, "localhost") as shop.origin:
            yield shop
        site.kit.close()


def press(window: Window, name: str) -> None:
    window.click(f"{DIALOG}//button[normalize-space()='{name}']")
    window.until(lambda: not window.count(DIALOG), "the banner goes")


def traces(window: Window) -> list[bool]:
    """Whether the tracker's cookie and its storage are there."""
    found: list[bool] = window.script(
        "return [document.cookie.includes('_visits='), 'visits' in localStorage]"
    )
    return found


@pytest.mark.browser
@pytest.mark.variant
@pytest.mark.parametrize("browser", [firefox, webkit])
def test_the_main_path_is_the_same_in_other_browsers(
    browser: Callable[[], AbstractContextManager[Window]], tmp_path: Path
) -> None:
    with browser() as window, opened(tmp_path) as shop:
        window.open(shop.origin)
        window.until(lambda: window.count(DIALOG), "a first visit is asked")
        assert shop.asked == []
        press(window, "Reject all")
        window.open(shop.origin)
        window.script("return consentkit.allows('analytics')")
        assert window.count(DIALOG) == 0
        assert shop.asked == []
        assert traces(window) == [False, False]

        born = window.script("return window.born")
        window.click("//*[@data-consent='open']")
        press(window, "Accept all")
        window.until(lambda: shop.asked == ["/visits.js", "/hit"], "the tracker is revived")
        assert window.script("return window.born") == born, "without a reload"
        assert traces(window) == [True, True]
        window.open(shop.origin)
        window.until(lambda: shop.asked == ["/visits.js", "/hit"] * 2, "it runs on the next page by itself")

        window.click("//*[@data-consent='open']")
        press(window, "Reject all")
        window.until(lambda: not any(traces(window)), "what the tracker kept is gone")
        shop.asked.clear()
        window.open(shop.origin)
        assert window.count(DIALOG) == 0
        assert window.script("return consentkit.allows('analytics')") is False
        assert shop.asked == []
        assert traces(window) == [False, False]
