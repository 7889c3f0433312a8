"""The gate around one request: what the application sees, and what leaves (A10, A17, L8, L14, §2.6)."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
from sample import ORIGIN, app, august, browsing, choose, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from consentkit import consent_of

GTAG = "https://www.googletagmanager.com/gtag/js?id=G-1"
PAGE = f"<!doctype html><html><head><title>x</title></head><body><script src='{GTAG}'></script></body></html>"
STARTER = b"<script data-consentkit-starter>"


async def home(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"etag": '"v1"', "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"})


async def seen(request: Request) -> Response:
    return JSONResponse({name: request.headers.getlist(name) for name in request.headers})


async def sets(request: Request) -> Response:
    response = JSONResponse({})
    for value in ("sid=1; Path=/", "_ga=2; HttpOnly", "_fbp=3; Domain=shop.example"):
        response.headers.append("set-cookie", value)
    return response


async def asks(request: Request) -> Response:
    return JSONResponse({"analytics": consent_of(request).allows("analytics")})


async def stores(request: Request) -> Response:
    return JSONResponse({}, headers={"cache-control": "no-store"})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    routes = [Route(f"/{h.__name__}", h, methods=["GET", "POST"]) for h in (home, seen, sets, asks, stores)]
    with browsing(app(*routes), tmp_path, clock=august()) as browser:
        yield browser


def body_of(tmp_path: Path, response: Response, **headers: str) -> Any:
    async def answer(request: Request) -> Response:
        return response

    with browsing(app(Route("/", answer)), tmp_path) as browser:
        return browser.get("/", headers=headers)


# The request --------------------------------------------------------------------------------------------


def test_denied_cookies_never_reach_the_application(client: TestClient) -> None:
    """A17, L14: reading needs consent as much as storing does."""
    headers = {"cookie": "sid=1; _ga=GA1.1; _ga_ABC=2; _fbp=3; theme=dark"}
    assert client.get("/seen", headers=headers).json()["cookie"] == ["sid=1; theme=dark"]


def test_allowed_cookies_reach_it(client: TestClient) -> None:
    choose(client, "analytics")
    client.cookies.set("_ga", "1", domain="shop.example")
    client.cookies.set("_fbp", "2", domain="shop.example")
    cookie = client.get("/seen").json()["cookie"][0]
    assert "_ga=1" in cookie
    assert "_fbp" not in cookie


def test_a_request_for_a_page_asks_for_identity_and_unconditionally(client: TestClient) -> None:
    headers = {"accept": "text/html", "if-none-match": '"v1"', "if-modified-since": "x", "range": "bytes=0-1"}
    assert not {"accept-encoding", "if-none-match", "if-modified-since", "range"} & set(
        client.get("/seen", headers=headers).json()
    )


def test_a_request_for_an_image_is_left_alone(client: TestClient) -> None:
    headers = {
        "sec-fetch-dest": "image",
        "accept-encoding": "br",
        "if-none-match": '"v1"',
        "range": "bytes=0-1",
    }
    assert set(headers) <= set(client.get("/seen", headers=headers).json())


# Cookies on the answer ----------------------------------------------------------------------------------


def test_denied_set_cookies_never_leave(client: TestClient) -> None:
    """HttpOnly ones included."""
    assert client.get("/sets").headers.get_list("set-cookie") == ["sid=1; Path=/"]


def test_allowed_set_cookies_leave_as_they_were(client: TestClient) -> None:
    choose(client, "analytics")
    lines = client.get("/sets").headers.get_list("set-cookie")
    assert [line for line in lines if not line.startswith("consentkit")] == [
        "sid=1; Path=/",
        "_ga=2; HttpOnly",
    ]


def test_an_answer_that_sets_an_allowed_tracker_is_this_visitor_s_alone(client: TestClient) -> None:
    """A shared cache would hand the tracker to visitors who refused it (§2.6 item 5)."""
    choose(client, "analytics")
    answer = client.get("/sets")
    assert "private" in answer.headers["cache-control"]
    assert "Cookie" in answer.headers["vary"]


def test_a_cacheable_answer_never_carries_a_cookie_of_ours(client: TestClient) -> None:
    """A shared cache would hand it to somebody else (design §3.1)."""
    choose(client, "analytics")
    assert "set-cookie" not in client.get("/home", headers={"cookie": "_fbp=1"}).headers


def test_an_uncacheable_answer_expires_denied_cookies_that_came_along(client: TestClient) -> None:
    values = client.get("/stores", headers={"cookie": "_ga=1; sid=2"}).headers.get_list("set-cookie")
    assert values
    assert all(value.startswith("_ga=; ") and "Max-Age=0" in value for value in values)


def test_an_answer_that_asked_for_consent_is_private(client: TestClient) -> None:
    asked, not_asked = client.get("/asks"), client.get("/seen")
    assert (asked.headers["cache-control"], asked.headers["vary"]) == ("private", "Cookie")
    assert "cache-control" not in not_asked.headers


# Pages --------------------------------------------------------------------------------------------------


def test_a_page_is_the_same_for_every_visitor(client: TestClient) -> None:
    before = client.get("/home").content
    choose(client, "analytics", "marketing", "preferences")
    assert client.get("/home").content == before
    assert f"data-consentkit-src='{GTAG}'".encode() in before


def test_the_starter_stands_before_every_other_script(client: TestClient) -> None:
    content = client.get("/home").content
    assert content.count(STARTER) == 1
    assert content.index(STARTER) < content.index(b"<script data-consentkit=")


def test_length_and_validators_follow_the_rewriting(client: TestClient) -> None:
    response = client.get("/home")
    assert int(response.headers["content-length"]) == len(response.content)
    assert response.headers["etag"].startswith('"v1-ck')
    assert "last-modified" not in response.headers


def test_a_head_request_gets_a_page_s_headers_without_its_length(client: TestClient) -> None:
    response = client.head("/home")
    assert response.headers["etag"].startswith('"v1-ck')
    assert "content-length" not in response.headers


def test_the_entity_tag_we_gave_comes_back_to_the_application_as_its_own(client: TestClient) -> None:
    tag = client.get("/home").headers["etag"]
    headers = {"if-none-match": tag, "accept": "text/html"}
    assert client.get("/seen", headers=headers).json()["if-none-match"] == ['"v1"']


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "x-gzip"])
def test_a_compressed_page_is_read_all_the_same(tmp_path: Path, encoding: str) -> None:
    """§2.6 item 4: skipping it would let every tracker through."""
    packed = zlib.compress(PAGE.encode()) if encoding == "deflate" else gzip.compress(PAGE.encode())
    answer = body_of(
        tmp_path, Response(packed, media_type="text/html", headers={"content-encoding": encoding})
    )
    assert b"data-consentkit-src" in answer.content
    assert "content-encoding" not in answer.headers


def test_a_page_in_an_encoding_we_can_t_read_does_not_go_out(tmp_path: Path) -> None:
    packed = brotli.compress(PAGE.encode())
    answer = body_of(tmp_path, Response(packed, media_type="text/html", headers={"content-encoding": "dcb"}))
    assert answer.status_code == 502
    assert packed not in answer.content


def test_a_damaged_compressed_page_ends_early_and_leaks_nothing(tmp_path: Path) -> None:
    packed = gzip.compress(PAGE.encode())[:40] + b"damage" * 20
    answer = body_of(tmp_path, Response(packed, media_type="text/html", headers={"content-encoding": "gzip"}))
    assert b"googletagmanager" not in answer.content


def test_a_streamed_page_is_rewritten_whatever_its_chunks(tmp_path: Path) -> None:
    async def pieces() -> Any:
        for at in range(0, len(PAGE), 7):
            yield PAGE[at : at + 7].encode()

    answer = body_of(tmp_path, StreamingResponse(pieces(), media_type="text/html"))
    assert f"data-consentkit-src='{GTAG}'" in answer.text
    assert "content-length" not in answer.headers


def test_a_large_page_is_rewritten_in_slices(tmp_path: Path) -> None:
    text = PAGE.replace("<body>", "<body>" + "<p>words</p>" * 40_000)
    answer = body_of(tmp_path, HTMLResponse(text))
    assert f"data-consentkit-src='{GTAG}'" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_html_without_a_content_type_is_read_as_browsers_would(tmp_path: Path) -> None:
    response = Response(PAGE)
    assert "content-type" not in response.headers
    assert b"data-consentkit-src" in body_of(tmp_path, response).content


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "image/svg+xml", None])
def test_anything_but_a_page_passes_untouched(tmp_path: Path, media_type: str | None) -> None:
    content = b"{}" if media_type is None else PAGE.encode()
    assert body_of(tmp_path, Response(content, media_type=media_type)).content == content


@pytest.mark.parametrize(
    ("header", "starter"),
    [
        ("script-src 'nonce-abc'", b'<script nonce="abc" data-consentkit-starter>'),
        ("script-src 'self'", b'<script data-consentkit-starter src="/consent/static/starter.'),
    ],
)
def test_the_starter_respects_the_page_s_own_content_security_policy(
    tmp_path: Path, header: str, starter: bytes
) -> None:
    response = HTMLResponse(PAGE, headers={"content-security-policy": header})
    content = body_of(tmp_path, response).content
    start = content.index(b"<script")
    assert b"data-consentkit-starter" in content[start : start + 120]
    assert starter.split(b" ")[1][:5] in content[start : start + 120]


def test_announcements_of_trackers_in_link_headers_go(tmp_path: Path) -> None:
    """A preconnect is contact already (L15)."""
    links = "<https://www.googletagmanager.com>; rel=preconnect, </a.css>; rel=preload; as=style"
    assert body_of(tmp_path, HTMLResponse(PAGE, headers={"link": links})).headers["link"] == (
        "</a.css>; rel=preload; as=style"
    )


def test_excluded_paths_are_not_rewritten_but_their_cookies_are_filtered(tmp_path: Path) -> None:
    async def admin(request: Request) -> Response:
        return HTMLResponse(PAGE, headers={"x-cookie": request.headers.get("cookie", "")})

    with browsing(app(Route("/admin/x", admin)), tmp_path, exclude=["/admin/"]) as browser:
        answer = browser.get("/admin/x", headers={"cookie": "_ga=1; sid=2"})
        assert answer.text == PAGE
        assert answer.headers["x-cookie"] == "sid=2"


def test_extensions_that_would_skip_rewriting_are_hidden(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(PAGE)

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        names = ",".join(scope.get("extensions", {}))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-names", names.encode())]})
        await send({"type": "http.response.body", "body": b""})

    with browsing(raw, tmp_path) as browser:
        middleware = browser.app

        async def server(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {"http.response.pathsend": {}, "http.response.debug": {}}
            await middleware(scope, receive, send)

        assert TestClient(server, base_url=ORIGIN).get("/").headers["x-names"] == "http.response.debug"


def test_a_websocket_sees_no_denied_cookie_and_sets_none(tmp_path: Path) -> None:
    async def talk(socket: WebSocket) -> None:
        headers = [(b"set-cookie", b"_ga=1"), (b"set-cookie", b"sid=2")]
        await socket.accept(headers=headers)
        await socket.send_json([socket.headers.get("cookie"), consent_of(socket).allows("analytics")])
        await socket.close()

    with (
        browsing(app(WebSocketRoute("/", talk)), tmp_path) as browser,
        browser.websocket_connect("/", headers={"cookie": "_ga=1; sid=2"}) as socket,
    ):
        assert socket.receive_json() == ["sid=2", False]
        assert [v for k, v in socket.extra_headers or [] if k == b"set-cookie"] == [b"sid=2"]


# Doubt --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cookie", ["consentkit=forged", "consentkit=", "consentkit", "consentkit=a.b.c; sid=1"]
)
def test_a_forged_cookie_means_denied_and_the_page_renders(client: TestClient, cookie: str) -> None:
    assert client.get("/asks", headers={"cookie": cookie}).json() == {"analytics": False}
    assert client.get("/home", headers={"cookie": cookie}).status_code == 200


def test_a_truncated_or_foreign_cookie_means_denied(client: TestClient, tmp_path: Path) -> None:
    choose(client, "analytics")
    value = client.cookies["consentkit"]
    client.cookies.clear()
    assert client.get("/asks", headers={"cookie": f"consentkit={value}"}).json() == {"analytics": True}
    assert client.get("/asks", headers={"cookie": f"consentkit={value[:-3]}"}).json() == {"analytics": False}
    with browsing(
        app(Route("/asks", asks)), tmp_path / "other", secret_key="another key of good length"
    ) as other:
        assert other.get("/asks", headers={"cookie": f"consentkit={value}"}).json() == {"analytics": False}


def test_a_tossed_duplicate_is_ignored(client: TestClient) -> None:
    choose(client, "analytics")
    value = client.cookies["consentkit"]
    client.cookies.clear()
    headers = {"cookie": f"consentkit=tossed; consentkit={value}"}
    assert client.get("/asks", headers=headers).json() == {"analytics": True}


def test_an_undeclared_but_known_tracker_stays_cut_even_after_yes(tmp_path: Path) -> None:
    """Nobody was told about it, so nobody agreed to it (L2: the list of controllers is exhaustive)."""
    with browsing(
        app(Route("/seen", seen)), tmp_path, policy=policy(services=["google-analytics"])
    ) as browser:
        choose(browser, "analytics", "marketing", "preferences")
        browser.cookies.set("_fbp", "1", domain="shop.example")
        assert "_fbp" not in browser.get("/seen").json()["cookie"][0]


def test_an_undeclared_tracker_on_a_page_is_told_to_the_operator_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def page(request: Request) -> Response:
        return HTMLResponse(PAGE)

    with browsing(app(Route("/", page)), tmp_path, policy=policy(services=["meta-pixel"])) as browser:
        browser.get("/")
        browser.get("/")
    assert [r.args[0] for r in caplog.records if isinstance(r.args, tuple) and "stays blocked" in r.msg] == [
        "google-analytics"
    ]


# Several cookies of ours --------------------------------------------------------------------------------


def answered(client: TestClient, *granted: str) -> str:
    client.cookies.clear()
    assert choose(client, *granted).status_code == 201
    return client.cookies["consentkit"]


def allows(client: TestClient, *cookies: str) -> bool:
    client.cookies.clear()
    header = "; ".join(f"consentkit={each}" for each in cookies)
    return bool(client.get("/asks", headers={"cookie": header}).json()["analytics"])


def test_a_worthless_duplicate_is_ignored(client: TestClient) -> None:
    """What a sibling host tosses over doesn't open, wherever it stands (§2.6 item 7)."""
    granted = answered(client, "analytics")
    assert allows(client, granted)
    assert allows(client, "tossed", granted)
    assert allows(client, granted, "3.AA.1.eA:0:analytics:.AAAA")


def test_of_one_visitor_s_cookies_the_later_answer_counts(client: TestClient) -> None:
    granted = answered(client, "analytics")
    assert choose(client).status_code == 201
    refused = client.cookies["consentkit"]
    assert not allows(client, granted, refused)
    assert not allows(client, refused, granted)


def test_of_two_visitors_cookies_none_counts(client: TestClient) -> None:
    """Nobody can say whose browser this is: denied on doubt (design §3.8)."""
    first, second = answered(client, "analytics"), answered(client, "analytics")
    assert not allows(client, first, second)
    assert allows(client, first)
    assert allows(client, second)


def test_cookies_that_nobody_declares_are_counted_by_name_as_pages_bring_them(client: TestClient) -> None:
    """Drift: what a script sets is seen in no answer. Neither trackers nor our own are among them."""
    answered(client, "analytics")
    client.get("/home", headers={"cookie": "_ga=GA1.1.1.1; homemade=1; sid=2"})
    client.get("/seen", headers={"cookie": "elsewhere=1"})
    rows = client.app.kit.tally.rows()  # type: ignore[attr-defined]
    assert {row.name for row in rows if row.kind == "undeclared"} == {"homemade", "sid"}
