"""One request: scope in, send out. What passes is what the visitor's decision allows."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consentkit.edition import Edition
from consentkit.gate import headers as rules
from consentkit.gate.body import PageBody, decoder, is_page, page_headers
from consentkit.gate.cookies import cookie_name, cookie_names, cut_cookies, expiries
from consentkit.gate.headers import Headers, first
from consentkit.gate.state import CONSENT_COOKIE, Seal
from consentkit.gate.visitor import VisitorConsent
from consentkit.kit import ConsentKit

logger = logging.getLogger("consentkit")

BODILESS = frozenset({204, 205, 206, 304})
BYPASSES = ("http.response.pathsend", "http.response.zerocopysend", "http.response.push")
UNREADABLE = (
    b"<!doctype html><html lang=en><title>502</title><h1>This page can't be shown</h1>"
    b"<p>It arrived in an encoding that can't be checked for trackers.</p>"
)


class Gate:
    """Stands between the server and an application; holds no visitor's state."""

    def __init__(self, app: ASGIApp, kit: ConsentKit, seal: Seal, exclude: Sequence[str]) -> None:
        self.app = app
        self.kit = kit
        self.exclude = tuple(exclude)
        self.unseal = lru_cache(maxsize=4096)(seal.unseal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor = self.visitor(scope["headers"], self.kit.clock())
        exchange = Exchange(self.kit.edition, visitor, scope, send, rewrite=self._rewrites(scope))
        await self.app(exchange.inner_scope(), receive, exchange.send)

    def _rewrites(self, scope: Scope) -> bool:
        return scope["type"] == "http" and not scope["path"].startswith(self.exclude)

    def visitor(self, headers: Headers, now: datetime) -> VisitorConsent:
        """Return who asks: the first cookie of ours that opens counts, a forged one means nobody."""
        sealed = (self.unseal(value) for value in _sealed_cookies(headers))
        consent = next((opened for opened in sealed if opened is not None), None)
        return VisitorConsent(self.kit.edition.policy, consent, self.kit.decide(consent, now))


def _sealed_cookies(headers: Headers) -> Iterator[bytes]:
    mark = CONSENT_COOKIE.encode() + b"="
    for name, value in headers:
        if name == b"cookie" and mark in value:
            pairs = (pair.strip() for pair in value.split(b";"))
            yield from (pair[len(mark) :] for pair in pairs if pair.startswith(mark))


class Exchange:
    """One request and its answer. An answer is passed on, held till its body shows what it is, or dropped."""

    def __init__(
        self, edition: Edition, visitor: VisitorConsent, scope: Scope, send: Send, *, rewrite: bool
    ) -> None:
        self._edition = edition
        self._visitor = visitor
        self._scope = scope
        self._send = send
        self._rewrite = rewrite
        self._tag = b"-ck" + edition.policy.version[:8].encode()
        self._mode: Literal["pass", "held", "page", "drop"] = "pass"
        self._start: Message = {}
        self._body: PageBody | None = None

    def denied(self, cookie: str) -> bool:
        """Return whether a cookie's tracker isn't allowed for this visitor."""
        service = self._edition.matcher.cookie(cookie)
        if service is None:
            return False
        return self._edition.category_of(service) not in self._visitor.decision.allowed

    # The request ------------------------------------------------------------------------------------

    def inner_scope(self) -> Scope:
        """Return the scope the application sees: no denied cookie, and nothing that skips rewriting."""
        headers = list(self._request_headers())
        if self._rewrite and rules.may_be_page(headers):
            headers = rules.page_request(headers, self._tag)
        scope = {**self._scope, "headers": headers, "consentkit": self._visitor}
        if self._rewrite and "extensions" in scope:
            extensions = scope["extensions"] or {}
            scope["extensions"] = {name: v for name, v in extensions.items() if name not in BYPASSES}
        return scope

    def _request_headers(self) -> Iterator[tuple[bytes, bytes]]:
        for name, value in self._scope["headers"]:
            kept = cut_cookies(value, self.denied) if name == b"cookie" else value
            if kept or name != b"cookie":
                yield name, kept

    # The answer -------------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Pass one ASGI message on, filtered."""
        kind = message["type"]
        if kind == "http.response.start":
            await self._on_start(self._filtered(message))
        elif kind == "http.response.body":
            await self._on_body(message)
        elif kind in ("websocket.accept", "http.response.early_hint"):
            await self._send(self._filtered(message))
        else:
            await self._send(message)

    def _filtered(self, message: Message) -> Message:
        filtered = dict(message)
        if "headers" in message:
            filtered["headers"] = list(self._answer_headers(message["headers"]))
        if "links" in message:
            links = (rules.without_announcements(link, self._announces) for link in message["links"])
            filtered["links"] = [link for link in links if link]
        return filtered

    def _answer_headers(self, headers: Headers) -> Iterator[tuple[bytes, bytes]]:
        for name, value in headers:
            lower = name.lower()
            if lower == b"set-cookie" and self.denied(cookie_name(value)):
                continue
            kept = rules.without_announcements(value, self._announces) if lower == b"link" else value
            if kept or lower != b"link":
                yield lower, kept

    def _announces(self, address: str) -> bool:
        matcher = self._edition.matcher
        return (matcher.url(address) or matcher.host(address)) is not None

    async def _on_start(self, message: Message) -> None:
        if self._visitor.asked:
            message["headers"] = rules.personal(message["headers"])
        if rules.is_uncacheable(first(message["headers"], b"cache-control")):
            message["headers"] = [*message["headers"], *self._expired()]
        content_type = first(message["headers"], b"content-type")
        may_be_page = self._rewrite and (not content_type or rules.is_page_type(content_type))
        if may_be_page and message["status"] not in BODILESS and self._scope["method"] != "HEAD":
            self._mode, self._start = "held", message
            return
        if may_be_page:
            message["headers"] = page_headers(message["headers"], self._tag)
        await self._send(message)

    def _expired(self) -> Iterator[tuple[bytes, bytes]]:
        """Remove denied cookies that came with this request, where no cache can keep the answer (L14)."""
        names = [n for k, v in self._scope["headers"] if k == b"cookie" for n in cookie_names(v)]
        for value in expiries(filter(self.denied, names), host_of(self._scope), ["/"]):
            yield b"set-cookie", value.encode("latin-1")

    async def _on_body(self, message: Message) -> None:
        if self._mode == "held":
            await self._open(message)
        elif self._mode == "page" and self._body is not None:
            last = not message.get("more_body", False)
            out = await self._body.feed(message.get("body", b""), last=last)
            await self._send({**message, "body": out})
        elif self._mode == "pass":
            await self._send(message)

    async def _open(self, message: Message) -> None:
        headers: Headers = self._start["headers"]
        body, last = message.get("body", b""), not message.get("more_body", False)
        if not (body or last):
            return  # an empty first part doesn't show yet what the answer is
        undo = decoder(first(headers, b"content-encoding"))
        if not is_page(headers, body):
            self._mode = "pass"
            await self._send(self._start)
            await self._send(message)
        elif undo is None:
            self._mode = "drop"
            await self._refuse(first(headers, b"content-encoding"))
        else:
            self._mode, self._body = "page", PageBody(self._edition, headers, undo)
            out = await self._body.feed(body, last=last)
            await self._send_start(headers, len(out) if last else None)
            await self._send({**message, "body": out})

    async def _send_start(self, headers: Headers, length: int | None) -> None:
        kept = [h for h in page_headers(headers, self._tag) if h[0] != b"content-encoding"]
        if length is not None:
            kept.append((b"content-length", str(length).encode()))
        await self._send({**self._start, "headers": kept})

    async def _refuse(self, encoding: bytes) -> None:
        """An encoding we can't read could hide any tracker, so the page doesn't go out (§2.6 item 4)."""
        logger.error("content-encoding %r can't be checked for trackers; answered 502", encoding)
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 502, "headers": headers})
        await self._send({"type": "http.response.body", "body": UNREADABLE, "more_body": False})


def host_of(scope: Scope) -> str:
    """Return the host a request was sent to, without its port."""
    host = first(scope["headers"], b"host").decode("latin-1")
    return host if host.endswith("]") else host.rsplit(":", 1)[0]
