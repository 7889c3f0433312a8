"""The site's own page for status 500, which Starlette makes outside of our middleware."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sample import ORIGIN, SECRET, policy
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import ConsentMiddleware, consent_of

TRACKER = "https://www.googletagmanager.com/gtag/js?id=G-1"
calls: list[str] = []


def error_page(request: Request, error: Exception) -> Response:
    calls.append(str(error))
    allowed = consent_of(request).allows("analytics")
    response = HTMLResponse(f"<p>{allowed}</p><script src='{TRACKER}'></script>", status_code=500)
    response.set_cookie("_ga", "1")
    response.set_cookie("sid", "2")
    return response


async def async_error_page(request: Request, error: Exception) -> Response:
    return error_page(request, error)


async def breaks(request: Request) -> Response:
    raise RuntimeError("broken")


async def breaks_before_its_first_chunk(request: Request) -> Response:
    async def chunks() -> Any:
        raise RuntimeError("broken")
        yield b""

    return StreamingResponse(chunks(), media_type="text/html")


ROUTES = [Route("/breaks", breaks), Route("/breaks-late", breaks_before_its_first_chunk)]


def starlette(handlers: Any, **options: Any) -> Starlette:
    guard = Middleware(ConsentMiddleware, **options)
    return Starlette(routes=ROUTES, middleware=[guard], exception_handlers=handlers)


def fastapi(handlers: Any, **options: Any) -> FastAPI:
    site = FastAPI(routes=ROUTES, exception_handlers=handlers)
    site.add_middleware(ConsentMiddleware, **options)
    return site


@contextmanager
def visiting(make: Callable[..., Starlette], handlers: Any, folder: Path) -> Iterator[TestClient]:
    calls.clear()
    store = f"sqlite:///{folder / 'log.db'}"
    site = make(handlers, policy=policy(), secret_key=SECRET, store=store, keys=folder / "keys")
    yield TestClient(site, base_url=ORIGIN, raise_server_exceptions=False)
    layer: Any = site.middleware_stack
    while not isinstance(layer, ConsentMiddleware):
        layer = layer.app
    layer.kit.close()


@pytest.mark.parametrize("make", [starlette, fastapi])
@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("handler", [error_page, async_error_page])
def test_the_site_s_error_page_is_filtered_like_any_page(
    tmp_path: Path, make: Callable[..., Starlette], key: Any, handler: Any
) -> None:
    """§2.6: its trackers would run, and its cookies be set, before anybody was asked."""
    with visiting(make, {key: handler}, tmp_path) as browser:
        for path in ("/breaks", "/breaks-late"):
            answer = browser.get(path)
            assert answer.status_code == 500
            assert "<p>False</p>" in answer.text
            assert f"data-consentkit-src='{TRACKER}'" in answer.text
            assert answer.headers.get_list("set-cookie") == ["sid=2; Path=/; SameSite=lax"]
            assert answer.headers["cache-control"] == "private"
    assert calls == ["broken", "broken"], "once for each error"


def test_the_error_still_reaches_the_server(tmp_path: Path) -> None:
    with visiting(starlette, {500: error_page}, tmp_path) as browser:
        strict = TestClient(browser.app, base_url=ORIGIN)
        with pytest.raises(RuntimeError, match="broken"):
            strict.get("/breaks")


def test_a_site_without_an_error_page_keeps_starlette_s(tmp_path: Path, caplog: Any) -> None:
    with visiting(starlette, {}, tmp_path) as browser, caplog.at_level(logging.WARNING):
        assert browser.get("/breaks").text == "Internal Server Error"
    told = [record for record in caplog.records if record.name == "consentkit"]
    assert [record.module for record in told] == ["middleware"], "what a start says, and nothing of the page"
