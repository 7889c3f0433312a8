"""A browser without pages: an ASGI site below it, its cookies in the standard library's jar, a clock in hand.

The jar is nobody's of ours: what lives how long is read from it, and it lets go of what is over by itself.
"""

import asyncio
import http.cookiejar
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit
from urllib.request import Request

import orjson

MOST_SECONDS = 400 * 86400
"""No browser of today keeps a cookie longer, whoever sets it (RFC 6265bis §5.5)."""


# A cookie without Domain is its very host's (RFC 6265, 5.3); this jar also sends it below, unless it is told.
RFC_6265 = DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)


class _Lines:
    """An answer, as far as a cookie jar looks at it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._headers = Message()
        for line in lines:
            self._headers["Set-Cookie"] = line

    def info(self) -> Message:
        return self._headers


class _Shifted:
    """The module `time` with another now."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock().timestamp()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Jar:
    """A browser's two jars, the plain one and the one for partitioned cookies (CHIPS)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.plain, self.partitioned = CookieJar(RFC_6265), CookieJar(RFC_6265)

    @contextmanager
    def _shifted(self) -> Iterator[None]:
        with patch.object(http.cookiejar, "time", _Shifted(self._clock)):
            yield

    def take(self, url: str, lines: Iterable[str]) -> None:
        """Keep what an answer from `url` sets, or a script on that page."""
        listed = [*lines]
        for jar, wanted in ((self.plain, False), (self.partitioned, True)):
            with self._shifted():
                answer = _Lines(line for line in listed if ("; partitioned" in line.lower()) is wanted)
                jar.extract_cookies(answer, Request(url))  # type: ignore[arg-type]
            for cookie in jar:
                if cookie.expires is not None:
                    cookie.expires = min(cookie.expires, int(self._clock().timestamp()) + MOST_SECONDS)

    def header(self, url: str) -> str:
        """What a request to `url` says in its Cookie header."""
        found = []
        for jar in (self.plain, self.partitioned):
            request = Request(url)
            with self._shifted():
                jar.add_cookie_header(request)
            found.append(request.get_header("Cookie") or "")
        return "; ".join(filter(None, found))

    def all(self) -> list[Cookie]:
        """Everything that still lives."""
        now = self._clock().timestamp()
        return [each for jar in (self.plain, self.partitioned) for each in jar if not each.is_expired(now)]  # type: ignore[arg-type]

    def named(self, name: str) -> list[Cookie]:
        return [cookie for cookie in self.all() if cookie.name == name]

    def end(self, name: str) -> datetime | None:
        """When the one cookie of a name ends; None for the end of the session."""
        (cookie,) = self.named(name)
        return None if cookie.expires is None else datetime.fromtimestamp(cookie.expires, UTC)

    def end_all(self, *names: str) -> None:
        """Delete by hand."""
        for jar in (self.plain, self.partitioned):
            for cookie in [*jar]:
                if not names or cookie.name in names:
                    jar.clear(cookie.domain, cookie.path, cookie.name)

    # A script on the page.

    def document_cookie(self, url: str) -> dict[str, str]:
        """What `document.cookie` reads, the first of each name."""
        hidden = {cookie.name for cookie in self.all() if cookie.has_nonstandard_attr("HttpOnly")}
        pairs = (pair.partition("=") for pair in self.header(url).split("; ") if pair)
        found: dict[str, str] = {}
        for name, _, value in pairs:
            if name not in hidden:
                found.setdefault(name, value)
        return found

    def write(self, url: str, line: str) -> None:
        """What `document.cookie = line` does: nothing to a cookie that is HttpOnly, or to make one."""
        hidden = {cookie.name for cookie in self.all() if cookie.has_nonstandard_attr("HttpOnly")}
        if line.partition("=")[0] not in hidden and "httponly" not in line.lower():
            self.take(url, [line])


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it arrives; names of headers in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def lines(self) -> list[str]:
        return [value for name, value in self.headers if name == "set-cookie"]

    def of(self, name: str) -> list[str]:
        """The Set-Cookie values of one cookie."""
        return [line for line in self.lines if line.partition("=")[0] == name]

    def json(self) -> Any:
        return orjson.loads(self.body)


class Browser:
    """Asks an ASGI application and keeps its cookies. `between` is called before an answer arrives."""

    def __init__(self, app: Any, jar: Jar, runner: asyncio.Runner) -> None:
        self.app = app
        self.jar = jar
        self._runner = runner
        self.between: Callable[[], None] = lambda: None

    def get(self, url: str, **headers: str) -> Answer:
        return self.ask("GET", url, **headers)

    def post(self, url: str, body: Any = None, **headers: str) -> Answer:
        return self.ask("POST", url, orjson.dumps(body) if body is not None else b"", **headers)

    def ask(self, method: str, url: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request as the browser would; a keyword `sec_fetch_site` is the header `Sec-Fetch-Site`."""
        sent = {"sec-fetch-site": "same-origin"} | {k.replace("_", "-"): v for k, v in headers.items()}
        if body:
            sent.setdefault("content-type", "application/json")
        if cookies := self.jar.header(url):
            sent.setdefault("cookie", cookies)
        answer = self._runner.run(asked(self.app, method, url, sent, body))
        self.between()
        self.jar.take(url, answer.lines)
        return answer

    def choose(self, origin: str, *granted: str) -> Answer:
        """Answer as the banner does."""
        state = self.get(f"{origin}/consent/state").json()
        body = {
            "choices": {each: each in granted for each in state["reasons"] if each != "necessary"},
            "policy": state["policy"],
            "mechanism": "banner",
            "locale": "en",
        }
        return self.post(f"{origin}/consent/", body)


async def asked(app: Any, method: str, url: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """One request and its answer, straight through an ASGI application."""
    parts = urlsplit(url)
    fields = {"host": parts.netloc, "content-length": str(len(body))} | headers
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": parts.scheme,
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": ("127.0.0.1", 50000),
        "server": (parts.hostname, 443),
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(each for each in sent if each["type"] == "http.response.start")
    found = [(name.decode().lower(), value.decode("latin-1")) for name, value in start["headers"]]
    whole = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
    return Answer(start["status"], found, whole)
