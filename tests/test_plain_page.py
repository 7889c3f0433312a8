"""The shorter way of plain pages: it must never answer otherwise than the long one."""

import asyncio
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sample import mounted, policy

from consentkit import ConsentMiddleware, consent_of
from consentkit.gate import screening

GTAG = b"<script src='https://www.googletagmanager.com/gtag/js?id=G-1'></script>"
HOTJAR = b"<script src='https://static.hotjar.com/c/hotjar-1.js'></script>"
OTHERS = b"<img src=https://shop.example/a.png><img src=//cdn.shop.example/b><img src=//other.example/c>"
PAGE = (
    b"<!doctype html><html><head><title>x</title></head><body>" + GTAG + HOTJAR + OTHERS + b"</body></html>"
)
TYPES = [
    b"text/html",
    b"text/html; charset=utf-8",
    b"TEXT/HTML;charset=windows-1252",
    b"text/html; charset=utf-16",
    b"text/html; charset=x-odd",
    b"application/xhtml+xml",
    b"text/plain, text/html",
    b"*/*",
    b"",
]
BODIES = [
    PAGE,
    b"",
    b"\xff",
    b"\xef\xbb\xbf" + PAGE,
    b"\xff\xfe" + PAGE,
    PAGE.decode().encode("utf-16-le"),
    b"<meta charset=iso-2022-jp>" + PAGE,
    PAGE + b" " * (70 << 10) + GTAG,
    b"no tag at all",
    b"<p>text" + GTAG[:20],
]
HEADERS: list[list[tuple[bytes, bytes]]] = [
    [],
    [(b"ETag", b'"v1"'), (b"Content-Length", b"999"), (b"last-modified", b"x"), (b"Digest", b"y")],
    [(b"content-security-policy", b"script-src 'nonce-abc'"), (b"etag", b'W/"2"')],
    [(b"content-encoding", b"gzip")],
    [(b"content-disposition", b"attachment")],
    [(b"cache-control", b"no-store"), (b"set-cookie", b"_ga=1"), (b"set-cookie", b"sid=2")],
    [(b"content-type", b"text/html; charset=utf-16")],
    [(b"link", b"<https://www.googletagmanager.com/gtag/js>; rel=preload"), (b"vary", b"accept")],
]


def answers() -> Iterator[list[dict[str, Any]]]:
    for kind, body, headers in product(TYPES, BODIES, HEADERS):
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *headers]}
        yield [start, {"type": "http.response.body", "body": body}]
    plain = [(b"content-type", b"text/html")]
    for more in ({"status": 206}, {"status": 404}, {"status": 304}, {"trailers": True}):
        start = {"type": "http.response.start", "status": 200, "headers": plain} | more
        yield [start, {"type": "http.response.body", "body": PAGE, "more_body": False}]
        yield [
            start,
            {"type": "http.response.body", "body": PAGE[:50], "more_body": True},
            {"type": "http.response.body", "body": PAGE[50:]},
        ]
        yield [start, {"type": "http.response.body"}]
    yield [
        start,
        {"type": "http.response.body", "body": PAGE},
        {"type": "http.response.trailers", "headers": plain},
    ]


async def sent(middleware: ConsentMiddleware, cookie: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        found.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    headers = [(b"host", b"www.shop.example"), (b"cookie", cookie)]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": "https"}
    await middleware(scope, receive, send)
    return found


def everything(folder: Path, changes: Any, *, asks: bool) -> tuple[list[Any], Any]:
    """Return what goes out for each of the answers, and what was counted of them."""
    table = answers()

    async def site(scope: Any, receive: Any, send: Any) -> None:
        if asks:
            consent_of(scope).allows("analytics")
        for message in next(table):
            await send(message)

    middleware = mounted(site, folder, policy=policy(**changes))
    found = []
    try:
        for number, _ in enumerate(answers()):
            found.append(asyncio.run(sent(middleware, b"a=1" if number % 2 else b"_fbp=1; a=1")))
        return found, [(row.kind, row.name, row.count) for row in middleware.kit.tally.rows()]
    finally:
        middleware.kit.close()


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("third_parties", ["report", "strict"])
def test_both_ways_send_and_count_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third_parties: str, asks: bool
) -> None:
    changes = {"pages": {"third_parties": third_parties}}
    short, counted = everything(tmp_path / "a", changes, asks=asks)
    monkeypatch.setattr(screening, "PLAIN", -1)
    long, counted_then = everything(tmp_path / "b", changes, asks=asks)
    assert short == long
    assert counted == counted_then
    assert ("blocked", "hotjar") in {row[:2] for row in counted}
    assert any(b"data-consentkit-starter" in message.get("body", b"") for message in short[0])


def test_a_page_that_is_plain_takes_the_shorter_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the comparison above would compare nothing."""

    def long_way(*_: Any) -> None:
        raise AssertionError

    async def site(scope: Any, receive: Any, send: Any) -> None:
        for message in next(answers()):
            await send(message)

    monkeypatch.setattr("consentkit.gate.exchange.Screening", long_way)
    middleware = mounted(site, tmp_path)
    assert b"data-consentkit-src" in asyncio.run(sent(middleware, b"a=1"))[1]["body"]
    middleware.kit.close()


def test_a_page_that_fails_on_the_shorter_way_goes_the_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("planted")

    async def site(scope: Any, receive: Any, send: Any) -> None:
        for message in next(answers()):
            await send(message)

    monkeypatch.setattr(screening, "rewrite_page", broken)
    middleware = mounted(site, tmp_path)
    assert b"data-consentkit-src" in asyncio.run(sent(middleware, b"a=1"))[1]["body"]
    middleware.kit.close()
