"""The stand-in tracker: serves posthog-js and snowplow, answers as collectors do, shows what arrives."""

import base64
import gzip
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import parse_qs
from uuid import uuid4

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent
KEPT = 500
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that reached the tracker: `size` in bytes of body, `cookies` by name, `events` by type."""

    index: int
    method: str
    path: str
    size: int
    cookies: tuple[str, ...]
    page: str
    events: tuple[str, ...]


class Ledger:
    """The last requests, newest last; `total` counts all of them."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: deque[Seen] = deque(maxlen=KEPT)

    async def record(self, request: Request) -> None:
        body = await request.body()
        self.total += 1
        self._kept.append(
            Seen(
                index=self.total,
                method=request.method,
                path=request.url.path,
                size=len(body),
                cookies=tuple(request.cookies),
                page=request.headers.get("referer", ""),
                events=tuple(event_names(body, request.url.query)),
            )
        )

    def rows(self) -> list[dict[str, object]]:
        return [asdict(row) for row in self._kept]

    def clear(self) -> None:
        self.total = 0
        self._kept.clear()


def tracker() -> Starlette:
    """The stand-in as an ASGI application; `app.state.ledger` is what it has seen."""
    ledger = Ledger()

    async def watch(_: Request) -> Response:
        return HTMLResponse((HERE / "templates" / "tracker.html").read_text("utf-8"))

    async def seen(_: Request) -> Response:
        return JSONResponse(
            {"total": ledger.total, "requests": ledger.rows()}, headers={"cache-control": "no-store"}
        )

    async def clear(_: Request) -> Response:
        ledger.clear()
        return Response(status_code=204)

    app = Starlette(
        routes=[
            Route("/", watch),
            Route("/seen", seen),
            Route("/clear", clear, methods=["POST"]),
            Mount("/posthog", _Recorded(_posthog(), ledger)),
            Mount("/snowplow", _Recorded(_snowplow(), ledger)),
        ]
    )
    app.state.ledger = ledger
    return app


def event_names(body: bytes, query: str) -> Iterator[str]:
    """The event types named in what posthog-js or snowplow sent; nothing when it can't be read."""
    try:
        payload = _decoded(body)
    except (ValueError, OSError):
        return
    batch = payload.get("batch") or payload.get("data") if isinstance(payload, dict) else payload
    for row in batch if isinstance(batch, list) else [payload]:
        if isinstance(row, dict) and (name := row.get("event") or row.get("e")):
            yield str(name)
    yield from parse_qs(query).get("e", [])


def _decoded(body: bytes) -> object:
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    elif body.startswith(b"data="):
        body = base64.b64decode(parse_qs(body.decode())["data"][0])
    return json.loads(body) if body else None


def _posthog() -> Starlette:
    async def script(_: Request) -> Response:
        return FileResponse(HERE / "vendor" / "posthog-array.js", media_type="text/javascript")

    async def settings(_: Request) -> Response:
        return JSONResponse(
            {"supportedCompression": ["gzip-js"], "featureFlags": {}, "sessionRecording": False}
        )

    async def collect(_: Request) -> Response:
        return JSONResponse({"status": 1})

    return Starlette(
        routes=[
            Route("/static/array.js", script),
            Route("/flags/", settings, methods=["GET", "POST"]),
            Route("/decide/", settings, methods=["GET", "POST"]),
            Route("/array/{token}/config", settings),
            Route("/{endpoint:path}", collect, methods=["GET", "POST"]),
        ]
    )


def _snowplow() -> Starlette:
    script = snowplow_script()

    async def serve(_: Request) -> Response:
        return Response(script, media_type="text/javascript")

    async def collect(request: Request) -> Response:
        answer = Response(GIF, media_type="image/gif") if request.method == "GET" else Response("ok")
        # A real collector answers with its own network id; a leak shows as this cookie.
        answer.set_cookie("sp", str(uuid4()), max_age=31_536_000, secure=True, httponly=True, samesite="none")
        return answer

    return Starlette(
        routes=[
            Route("/sp.js", serve),
            Route("/i", collect),
            Route("/com.snowplowanalytics.snowplow/tp2", collect, methods=["POST"]),
        ]
    )


def snowplow_script() -> bytes:
    """Snowplow's `sp.js`: the package's own file with the command queue that its documented tag fills."""
    library = (HERE / "vendor" / "snowplow-browser-tracker.umd.min.js").read_bytes()
    queue = (HERE / "assets" / "sp-queue.js").read_bytes()
    return b"!function(exports, module) {\n" + library + b"\n" + queue + b"}({}, {});\n"


class _Recorded:
    """Records each request before its application answers, and opens every answer to the page's origin."""

    def __init__(self, app: ASGIApp, ledger: Ledger) -> None:
        self._app = app
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        await self._ledger.record(request)
        origin = Headers(scope=scope).get("origin", "*")

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_cors(origin)]
            await send(message)

        app: ASGIApp = Response(status_code=204) if request.method == "OPTIONS" else self._app
        await app(scope, _replayed(await request.body(), receive), opened)


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-headers", b"content-type, sp-anonymous"),
        (b"access-control-allow-methods", b"GET, POST"),
        (b"vary", b"origin"),
        (b"cache-control", b"no-store"),
    ]


def _replayed(body: bytes, rest: Receive) -> Receive:
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await rest()

    return receive
