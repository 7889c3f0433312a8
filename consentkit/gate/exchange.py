"""One request and its answer, filtered by the visitor's decision."""

import logging
from collections.abc import Callable, Iterator
from typing import Literal

from starlette.types import Message, Scope, Send

from consentkit.edition import Edition
from consentkit.gate import headers as rules
from consentkit.gate.body import PageBody, page_headers
from consentkit.gate.coding import Unreadable
from consentkit.gate.cookies import cookie_name, cookie_names, cut_cookies, expiries
from consentkit.gate.csp import admission
from consentkit.gate.headers import Headers
from consentkit.gate.kind import declared_page, is_page
from consentkit.gate.visitor import VisitorConsent
from consentkit.request import host_of

logger = logging.getLogger("consentkit")

BODILESS = frozenset({204, 205, 304})
BYPASSES = ("http.response.pathsend", "http.response.zerocopysend", "http.response.push")
UNREADABLE = (
    b"<!doctype html><html lang=en><title>502</title><h1>This page can't be shown</h1>"
    b"<p>It arrived in an encoding that can't be checked for trackers.</p>"
)
LATE = (
    "consent_of was asked after the answer's headers had gone out, so a shared cache may keep this answer for"
    " other visitors: ask before the first chunk, or send Cache-Control: private"
)
REFUSED = (
    "the Content-Security-Policy refuses consentkit's script, so nobody is asked and nothing optional runs:"
    " it needs a nonce, or 'self' without 'strict-dynamic'"
)


class Exchange:
    """One request and its answer. An answer is passed on, held till its body shows what it is, or dropped."""

    def __init__(
        self, edition: Edition, scope: Scope, send: Send, warn: Callable[[str, str], None], *, rewrite: bool
    ) -> None:
        self._edition = edition
        self._visitor: VisitorConsent = scope["consentkit"]
        self._scope = scope
        self._send = send
        self._warn = warn
        self._rewrite = rewrite
        self._tag = b"-ck" + edition.policy.version[:8].encode()
        self._mode: Literal["pass", "held", "page", "drop"] = "pass"
        self._start: Message = {}
        self._head = b""
        self._body: PageBody | None = None
        self._shareable = False  # the headers are out, and caches may keep the answer for others

    def denied(self, cookie: str) -> bool:
        """Return whether a cookie's tracker isn't allowed for this visitor."""
        return self._edition.denies_cookie(cookie, self._visitor.decision.allowed)

    # The request ------------------------------------------------------------------------------------

    def inner_scope(self) -> Scope:
        """Return the scope the application sees: no denied cookie, and nothing that skips rewriting."""
        headers = list(self._request_headers())
        if self._rewrite and rules.may_be_page(headers):
            headers = rules.page_request(headers, self._tag)
        scope = {**self._scope, "headers": headers}
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
        elif kind in ("websocket.accept", "websocket.http.response.start", "http.response.early_hint"):
            await self._send(self._filtered(message))
        else:
            await self._send(message)

    def _filtered(self, message: Message) -> Message:
        filtered: Message = dict(message)
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
        headers, status = message.setdefault("headers", []), message["status"]
        self._start = message
        page = self._declared_page(headers)
        if page is False or (page is None and status == 206):
            await self._begin(headers)
        elif status in BODILESS or self._scope["method"] == "HEAD":
            await self._begin(page_headers(headers, self._tag))
        elif status == 206:
            await self._refuse("it is a part of a page, though Range wasn't asked for; serve it whole")
        else:
            self._mode = "held"

    def _declared_page(self, headers: Headers) -> bool | None:
        page = declared_page(headers) if self._rewrite else False
        if page is None and not rules.may_be_page(self._scope["headers"]):
            return False  # an image or script without a type; nobody reads that as a page
        return page

    async def _begin(self, headers: Headers) -> None:
        """Send the held start. Only now is it known whether the answer depends on this visitor."""
        if self._visitor.asked:
            headers = rules.personal(headers)
        self._shareable = not rules.is_uncacheable(headers)
        if not self._shareable:
            headers = [*headers, *self._expired()]
        await self._send({**self._start, "headers": headers})

    def _expired(self) -> Iterator[tuple[bytes, bytes]]:
        """Remove denied cookies that came with this request, where no cache can keep the answer (L14)."""
        names = [n for k, v in self._scope["headers"] if k == b"cookie" for n in cookie_names(v)]
        for value in expiries(filter(self.denied, names), host_of(self._scope), ["/"]):
            yield b"set-cookie", value.encode("latin-1")

    async def _on_body(self, message: Message) -> None:
        last = not message.get("more_body", False)
        if self._mode == "held":
            await self._open(message, last=last)
        elif self._mode == "page" and self._body is not None:
            out = await self._body.feed(message.get("body", b""), last=last)
            await self._send({**message, "body": out})
        elif self._mode == "pass":
            await self._send(message)
        if last and self._shareable and self._visitor.asked and self._scope["method"] == "GET":
            self._warn(LATE, self._scope["path"])

    async def _open(self, message: Message, *, last: bool) -> None:
        self._head += message.get("body", b"")
        headers: Headers = self._start["headers"]
        try:
            page = is_page(headers, self._head, last=last)
        except Unreadable as problem:
            await self._refuse(str(problem))
            return
        if page is None:
            return
        if page:
            await self._open_page(message, headers, last=last)
        else:
            self._mode = "pass"
            await self._begin(headers)
            await self._send({**message, "body": self._head})
        self._head = b""

    async def _open_page(self, message: Message, headers: Headers, *, last: bool) -> None:
        self._mode, self._body = "page", PageBody(self._edition, headers)
        if admission(headers).refused:
            self._warn(REFUSED, self._scope["path"])
        out = await self._body.feed(self._head, last=last)
        kept = [h for h in page_headers(headers, self._tag) if h[0] != b"content-encoding"]
        if last:
            kept.append((b"content-length", str(len(out)).encode()))
        await self._begin(kept)
        await self._send({**message, "body": out})

    async def _refuse(self, problem: str) -> None:
        """A page we can't read could hide any tracker, so it doesn't go out (§2.6 item 4)."""
        self._mode = "drop"
        logger.error("%s can't be checked for trackers: %s; answered 502", self._scope["path"], problem)
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 502, "headers": headers})
        await self._send({"type": "http.response.body", "body": UNREADABLE, "more_body": False})
