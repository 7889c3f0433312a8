"""One answer on its way out: when its headers are settled, and which pages don't go out at all."""

import asyncio
import gzip
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import brotli
import pytest
import zstandard
from sample import app, browsing, choose, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocket

from consentkit import consent_of
from consentkit.errors import ConfigurationError

GTAG = "https://www.googletagmanager.com/gtag/js?id=G-1"
PAGE = f"<!doctype html><html><head><title>x</title></head><body><script src='{GTAG}'></script></body></html>"


def body_of(folder: Path, response: Response, **headers: str) -> Any:
    async def answer(request: Request) -> Response:
        return response

    with browsing(app(Route("/", answer)), folder) as browser:
        return browser.get("/", headers=headers)


def warnings(caplog: Any) -> list[str]:
    """What was told of answers, not what a start always says."""
    return [record.getMessage() for record in caplog.records if record.module == "told"]


def asking(first: bytes, media_type: str) -> Any:
    async def answer(request: Request) -> Response:
        async def chunks() -> Any:
            if first:
                yield first
            yield str(consent_of(request).allows("analytics")).encode()

        return StreamingResponse(chunks(), media_type=media_type)

    return answer


def asked(folder: Path, first: bytes, media_type: str = "text/html") -> Any:
    with browsing(app(Route("/", asking(first, media_type))), folder) as browser:
        browser.get("/")
        return browser.get("/", headers={"cookie": "_ga=1"})


# When headers are settled -------------------------------------------------------------------------------


def test_a_page_that_asks_while_it_makes_its_first_chunk_is_private(tmp_path: Path, caplog: Any) -> None:
    answer = asked(tmp_path, b"")
    assert answer.headers["cache-control"] == "private"
    assert answer.headers["vary"] == "Cookie"
    assert answer.headers["set-cookie"].startswith("_ga=; ")
    assert warnings(caplog) == []


@pytest.mark.parametrize("media_type", ["text/html", "text/plain"])
def test_asking_when_the_headers_are_gone_is_warned_of_once(
    tmp_path: Path, caplog: Any, media_type: str
) -> None:
    answer = asked(tmp_path, b"<p>first</p>", media_type)
    assert "cache-control" not in answer.headers
    assert ["before the first chunk" in each for each in warnings(caplog)] == [True]


def test_a_websocket_that_is_refused_sets_no_denied_cookie(tmp_path: Path) -> None:
    async def refuse(socket: WebSocket) -> None:
        response = Response("no", 403)
        response.headers.append("set-cookie", "_ga=1")
        response.headers.append("set-cookie", "sid=2")
        await socket.send_denial_response(response)

    with browsing(app(WebSocketRoute("/", refuse)), tmp_path) as browser:
        with pytest.raises(WebSocketDenialResponse) as caught, browser.websocket_connect("/"):
            pass
        assert caught.value.headers.get_list("set-cookie") == ["sid=2"]


# Pages that can't be read -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "advice"),
    [
        (Response(PAGE.encode("utf-16"), media_type="text/html"), "UTF-8"),
        (Response(PAGE.encode(), headers={"content-type": "text/html; charset=utf-16"}), "UTF-8"),
        (Response(PAGE.encode(), headers={"content-type": "text/html; charset=ISO-2022-JP"}), "UTF-8"),
        (Response(PAGE.encode(), 206, media_type="text/html"), "whole"),
        (Response(PAGE.encode(), headers={"content-encoding": "compress"}), "gzip"),
    ],
)
def test_a_page_that_can_t_be_checked_doesn_t_go_out(
    tmp_path: Path, caplog: Any, response: Response, advice: str
) -> None:
    answer = body_of(tmp_path, response)
    assert answer.status_code == 502
    assert "googletagmanager" not in answer.text
    assert "/ can't be checked for trackers" in caplog.text
    assert advice in caplog.text


def test_a_part_of_anything_else_passes(tmp_path: Path) -> None:
    answer = body_of(tmp_path, Response(b"<part", 206, headers={"content-range": "bytes 0-4/9"}))
    assert (answer.status_code, answer.content) == (206, b"<part")


@pytest.mark.parametrize("kind", ["*/*", "unknown/unknown", "text/plain, text/html", ""])
def test_a_page_under_an_odd_type_is_rewritten(tmp_path: Path, kind: str) -> None:
    async def chunks() -> Any:
        for at in range(0, len(PAGE) + 3, 3):
            yield (" \n\t" + PAGE)[at : at + 3].encode()

    answer = body_of(tmp_path, StreamingResponse(chunks(), headers={"content-type": kind}))
    assert f"data-consentkit-src='{GTAG}'" in answer.text


def test_a_page_without_a_type_is_found_under_its_encoding(tmp_path: Path) -> None:
    packed = Response(gzip.compress(PAGE.encode()), headers={"content-encoding": "gzip"})
    assert f"data-consentkit-src='{GTAG}'" in body_of(tmp_path, packed).text


def test_an_answer_without_any_headers_is_looked_into(tmp_path: Path) -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": PAGE.encode()})

    with browsing(bare, tmp_path) as browser:
        assert f"data-consentkit-src='{GTAG}'" in browser.get("/").text


def test_an_image_without_a_type_passes_in_whatever_encoding(tmp_path: Path) -> None:
    response = Response(b"<svg", headers={"content-encoding": "x-own"})
    assert body_of(tmp_path, response, **{"sec-fetch-dest": "image"}).content == b"<svg"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br"])
def test_a_page_in_any_usual_encoding_is_rewritten(tmp_path: Path, encoding: str) -> None:
    data = PAGE.encode()
    packed = {
        "br": brotli.compress(data),
        "zstd": zstandard.compress(data),
        "gzip, br": brotli.compress(gzip.compress(data)),
    }[encoding]
    headers = {"content-type": "text/html", "content-encoding": encoding, "repr-digest": "sha-256=:eA==:"}
    answer = body_of(tmp_path, Response(packed, headers=headers))
    assert f"data-consentkit-src='{GTAG}'" in answer.text
    assert not {"content-encoding", "repr-digest"} & set(answer.headers)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_bomb_streams_through_without_being_held(tmp_path: Path) -> None:
    """A few hundred bytes that stand for 40 MB of page."""
    bomb = brotli.compress(PAGE.encode() + b" " * (40 << 20))
    assert len(bomb) < 1000
    sizes: list[int] = []
    headers: list[Any] = []

    async def send(message: Any) -> None:
        headers.extend(message.get("headers", []))
        sizes.append(len(message.get("body", b"")))

    async def receive() -> Any:
        return {"type": "http.request"}

    response = Response(bomb, headers={"content-type": "text/html", "content-encoding": "br"})
    middleware = mounted(app(Route("/", lambda request: response)), tmp_path)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [],
        "scheme": "https",
        "query_string": b"",
    }
    asyncio.run(middleware(scope, receive, send))
    middleware.kit.close()
    assert sum(sizes) > 40 << 20
    assert max(sizes) < 2 << 20
    assert b"content-length" not in dict(headers)


def counted(browser: Any) -> set[tuple[str, str]]:
    tally = browser.app.kit.tally
    tally.flush()
    return {(row.kind, row.name) for row in tally.rows()}


@pytest.mark.parametrize("passes", [False, True])
def test_the_policy_says_what_becomes_of_a_page_that_can_t_be_read(tmp_path: Path, passes: bool) -> None:
    wanted = policy(pages={"unreadable": "pass" if passes else "refuse"})
    body = PAGE.encode("utf-16")

    async def answer(request: Request) -> Response:
        return Response(body, headers={"content-type": "text/html", "etag": '"1"'})

    with browsing(app(Route("/", answer)), tmp_path, policy=wanted) as browser:
        got = browser.get("/")
        assert (got.status_code, got.content == body) == ((200, True) if passes else (502, False))
        assert got.headers.get("etag") == ('"1"' if passes else None)
        assert ("refused", "utf-16") in counted(browser)


async def removes(request: Request) -> Response:
    """Answer with the Set-Cookie line that the query holds."""
    lines = {"set-cookie": request.query_params["line"], "cache-control": "public, max-age=60"}
    return Response("{}", headers=lines)


@pytest.mark.parametrize("value", ["", '""'])
@pytest.mark.parametrize("life", ["Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
@pytest.mark.parametrize("granted", [(), ("analytics",)])
def test_an_application_may_remove_a_tracker_whoever_comes(
    tmp_path: Path, granted: tuple[str, ...], life: str, value: str
) -> None:
    line = f"_ga={value}; {life}; Path=/; Domain=shop.example"
    with browsing(app(Route("/", removes)), tmp_path) as browser:
        choose(browser, *granted)
        answer = browser.get("/", params={"line": line})
        assert answer.headers.get_list("set-cookie") == [line]
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert counted(browser) == set()


@pytest.mark.parametrize(
    "line",
    ["_ga=1; Max-Age=0", "_ga=", "_ga=; Max-Age=0; Max-Age=9", "_ga; Max-Age=0", "_ga=; Max-Age=0\x01"],
)
def test_what_may_leave_a_tracker_behind_is_no_removal(tmp_path: Path, line: str) -> None:
    with browsing(app(Route("/", removes)), tmp_path) as browser:
        assert "set-cookie" not in browser.get("/", params={"line": line}).headers


def test_what_happens_to_cookies_is_counted(tmp_path: Path) -> None:
    async def answer(request: Request) -> Response:
        response = Response("{}", headers={"cache-control": "no-store"})
        for value in ("_ga=1", "sid=2"):
            response.headers.append("set-cookie", value)
        return response

    with browsing(app(Route("/", answer)), tmp_path) as browser:
        browser.get("/", headers={"cookie": "_fbp=1; theme=dark"})
        assert counted(browser) == {
            ("blocked", "google-analytics"),
            ("undeclared", "sid"),
            ("expired", "meta-pixel"),
        }


def test_a_charset_named_after_the_first_chunk_ends_the_page(tmp_path: Path, caplog: Any) -> None:
    async def chunks() -> Any:
        yield b"<!doctype html><html>"
        yield b"<meta charset=iso-2022-jp><body>hidden"

    response = StreamingResponse(chunks(), headers={"content-type": "text/html"})
    answer = body_of(tmp_path, response)
    assert "hidden" not in answer.text
    assert "iso-2022-jp" in caplog.text


@pytest.mark.parametrize(
    ("destination", "untouched"), [("document", True), ("iframe", True), ("empty", False)]
)
def test_a_download_passes_untouched_unless_a_script_fetches_it(
    tmp_path: Path, destination: str, untouched: bool
) -> None:
    response = HTMLResponse(PAGE, headers={"content-disposition": 'attachment; filename="page.html"'})
    answer = body_of(tmp_path, response, **{"sec-fetch-dest": destination})
    assert (answer.text == PAGE) is untouched


def test_events_and_trailers_pass(tmp_path: Path) -> None:
    """A digest in the trailers would be of the page as it was."""

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        kind = b"text/event-stream" if scope["path"] == "/events" else b"text/html"
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": True})
        await send({"type": "http.response.body", "body": PAGE.encode(), "more_body": False})
        trailers = [(b"Repr-Digest", b"x"), (b"server-timing", b"y")]
        await send({"type": "http.response.trailers", "headers": trailers})

    async def receive() -> Any:
        return {"type": "http.request"}

    middleware = mounted(stream, tmp_path)
    for path, body, trailers in (("/events", True, 2), ("/", False, 1)):
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "headers": [], "scheme": "https"}
        asyncio.run(middleware(scope, receive, send))
        assert (sent[1]["body"] == PAGE.encode()) is body
        assert len(sent[-1]["headers"]) == trailers
    middleware.kit.close()


def test_several_cookie_headers_stand_for_one(tmp_path: Path) -> None:
    """RFC 9113, 8.2.3."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        await Response(b"|".join(cookies))(scope, receive, send)

    with browsing(answer, tmp_path) as browser:
        got = browser.get("/", headers=[("cookie", "a=1; _ga=2"), ("cookie", "_fbp=3"), ("cookie", "b=4")])
        assert got.text == "a=1; b=4"


def test_a_policy_that_lists_the_starter_s_hash_lets_it_in(tmp_path: Path) -> None:
    with browsing(app(), tmp_path) as browser:
        digest = b64encode(sha256(browser.app.kit.edition.starter.body).digest()).decode()
    response = HTMLResponse(PAGE, headers={"content-security-policy": f"script-src 'sha256-{digest}'"})
    assert "<script data-consentkit-starter>" in body_of(tmp_path, response).text


@pytest.mark.parametrize(
    ("sources", "tag"),
    [
        ("'self'", '<script src="/consent/static/guard.'),
        ("'nonce-abc' 'strict-dynamic'", '<script nonce="abc" src="/consent/static/guard.'),
        ("'unsafe-inline'", ""),
        ("'strict-dynamic' 'sha256-abc'", ""),
    ],
)
def test_the_guard_stands_before_the_starter_where_a_file_is_let_in(
    tmp_path: Path, sources: str, tag: str
) -> None:
    response = HTMLResponse(PAGE, headers={"content-security-policy": f"script-src {sources}"})
    text = body_of(tmp_path, response).text
    assert ("/static/guard." in text) is bool(tag)
    if tag:
        before, _, after = text.partition(tag)
        assert "data-consentkit-starter" not in before
        assert "<script" not in before
        assert after.partition("</script>")[2].startswith("<script data-consentkit-starter")


# The starter --------------------------------------------------------------------------------------------


def test_an_xhtml_page_stays_well_formed(tmp_path: Path) -> None:

    text = PAGE.removeprefix("<!doctype html>").replace("<title>", "<script src='/own.js'/><title>")
    answer = body_of(tmp_path, Response(text, media_type="application/xhtml+xml"))
    scripts = list(ElementTree.fromstring(answer.text).iter("script"))  # noqa: S314 - made here
    assert scripts[0].attrib["src"].startswith("/consent/static/guard.")
    assert scripts[1].attrib["data-consentkit-starter"] == ""
    assert scripts[1].attrib["src"].startswith("/consent/static/starter.")
    assert [script.get("data-consentkit-src") for script in scripts] == [None, None, None, GTAG]


def test_a_policy_that_refuses_the_starter_is_warned_of_once(tmp_path: Path, caplog: Any) -> None:
    async def answer(request: Request) -> Response:
        policy = "script-src 'strict-dynamic' 'sha256-abc'"
        return HTMLResponse(PAGE, headers={"content-security-policy": policy})

    with browsing(app(Route("/tea", answer)), tmp_path) as browser:
        texts = {browser.get("/tea").text for _ in range(2)}
    assert '<script data-consentkit-starter="" src="/consent/static/starter.' in texts.pop()
    assert [each.split(" refuses")[0] for each in warnings(caplog)] == ["/tea: the Content-Security-Policy"]


# Excluded paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exclude", "excluded"),
    [
        ("/api", {"/api", "/api/", "/api/x"}),
        (["/api/"], {"/api", "/api/", "/api/x"}),
        (["/apiary", "/a"], {"/apiary"}),
        ("/", {"/", "/api", "/api/", "/api/x", "/apiary", "/x/api"}),
        ((), set()),
    ],
)
def test_an_excluded_path_covers_itself_and_what_is_below(
    tmp_path: Path, exclude: Any, excluded: set[str]
) -> None:
    async def page(scope: Any, receive: Any, send: Any) -> None:
        await HTMLResponse(PAGE)(scope, receive, send)

    paths = ["/", "/api", "/api/", "/api/x", "/apiary", "/x/api"]
    with browsing(page, tmp_path, exclude=exclude) as browser:
        assert {path for path in paths if browser.get(path).text == PAGE} == excluded


@pytest.mark.parametrize("exclude", ["", "api", ["/api", ""]])
def test_an_exclusion_that_isn_t_a_path_is_refused(tmp_path: Path, exclude: Any) -> None:
    """An empty one would silently exclude everything."""
    with (
        browsing(app(), tmp_path, exclude=exclude) as browser,
        pytest.raises(ConfigurationError, match="exclude"),
    ):
        browser.get("/")


# What an answer announces -------------------------------------------------------------------------------


def test_where_only_declared_hosts_may_load_no_other_is_announced_either(tmp_path: Path) -> None:
    """L15: on pages of the site's own host, its own files still are."""
    own, allowed, other = (
        f"<https://{host}/a.css>; rel=preload" for host in ("shop.example", "a.example", "b.example")
    )
    pages = {"third_parties": "strict", "allow": ["a.example"]}

    async def answer(request: Request) -> Response:
        return Response(
            b"{}", headers={"link": ", ".join((own, allowed, other))}, media_type="application/json"
        )

    for wanted, changes in ((f"{own}, {allowed}, {other}", {}), (f"{own}, {allowed}", {"pages": pages})):
        folder = tmp_path / str(len(changes))
        with browsing(app(Route("/", answer)), folder, policy=policy(**changes)) as browser:
            assert browser.get("/").headers["link"] == wanted
