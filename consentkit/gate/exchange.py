"""One request and its answer, filtered by the visitor's decision."""

from collections.abc import Container, Iterable, Iterator

from starlette.types import Message, Scope, Send

from consentkit.gate import headers as rules
from consentkit.gate.announce import ANNOUNCING, without_announcements
from consentkit.gate.coding import Unreadable
from consentkit.gate.cookies import cookie_name, cookie_names, cut_cookies, expiries
from consentkit.gate.headers import Headers
from consentkit.gate.kind import declared_page
from consentkit.gate.orders import Orders
from consentkit.gate.screening import Count, Screening
from consentkit.gate.told import Tell
from consentkit.gate.visitor import VisitorConsent
from consentkit.request import host_of
from consentkit.tally import Kind

BODILESS = frozenset({204, 205, 304})
BYPASSES = frozenset({"http.response.pathsend", "http.response.zerocopysend", "http.response.push"})
FILTERED = frozenset({"websocket.accept", "websocket.http.response.start", "http.response.early_hint"})
PARTIAL = Unreadable("206", "it is a part of a page, though Range wasn't asked for; serve it whole")
LATE = (
    "%s: consent_of was asked after the answer's headers had gone out, so a shared cache may keep this answer"
    " for other visitors: ask before the first chunk, or send Cache-Control: private"
)


class Exchange:
    """One request and its answer: cookies and announcements filtered, pages screened."""

    __slots__ = (
        *("_orders", "_visitor", "_scope", "_send", "_tell", "_count", "_rewrite"),
        *("_screening", "_cookies", "_sent"),
    )

    def __init__(
        self, orders: Orders, scope: Scope, send: Send, tell: Tell, count: Count, *, rewrite: bool
    ) -> None:
        self._orders = orders
        self._visitor: VisitorConsent = scope["consentkit"]
        self._scope = scope
        self._send = send
        self._tell = tell
        self._count = count
        self._rewrite = rewrite
        self._screening: Screening | None = None  # for an answer that is, or may be, a page
        self._cookies = b""  # what the request brought
        self._sent: Headers = []  # the headers of the answer, once they are out

    def _allowed(self) -> Container[str]:
        return self._visitor.allowed

    # The request ------------------------------------------------------------------------------------

    def inner_scope(self) -> Scope:
        """Return the scope the application sees: no denied cookie, and nothing that skips rewriting."""
        headers: Headers = self._scope["headers"]
        fields = dict(headers)
        if b"cookie" in fields:
            # HTTP/2 may bring several, which stand for one (RFC 9113, 8.2.3).
            self._cookies = b"; ".join([value for name, value in headers if name == b"cookie"])
            headers = [each for each in headers if each[0] != b"cookie"]
            if kept := cut_cookies(self._cookies, self._orders.cookies, self._allowed):
                headers.append((b"cookie", kept))
        if self._rewrite and rules.may_be_page(fields):
            headers = rules.page_request(headers, self._orders.tag)
        scope = {**self._scope, "headers": headers}
        extensions = scope.get("extensions")
        if extensions and self._rewrite:
            scope["extensions"] = {name: v for name, v in extensions.items() if name not in BYPASSES}
        return scope

    # The answer -------------------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """Pass one ASGI message on, filtered."""
        kind = message["type"]
        if kind == "http.response.body":
            await self._on_body(message)
        elif kind == "http.response.start":
            await self._on_start(message)
        elif kind in FILTERED:
            await self._send(self._filtered(message))
        elif kind == "http.response.trailers" and self._screening is not None:
            await self._screening.trailers(message)
        else:
            await self._send(message)

    def _filtered(self, message: Message) -> Message:
        filtered: Message = dict(message)
        if "headers" in message:
            filtered["headers"] = self._answer_headers(message["headers"])
        if "links" in message:
            blocked = self._orders.announces
            links = (without_announcements(b"link", link, blocked) for link in message["links"])
            filtered["links"] = [link for link in links if link]
        return filtered

    def _answer_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> Headers:
        kept: Headers = []
        seen: list[tuple[Kind, str]] = []
        for raw, value in headers:
            name = raw.lower()
            if name == b"set-cookie":
                if not self._may_set(value, seen):
                    continue
            elif name in ANNOUNCING:
                value = without_announcements(name, value, self._orders.announces)
                if not value:
                    continue
            kept.append((name, value))
        if seen:
            self._count(self._orders.version, seen)
        return kept

    def _may_set(self, cookie: bytes, seen: list[tuple[Kind, str]]) -> bool:
        """Return whether a Set-Cookie may go out, and note what is to be counted."""
        raw = cookie.partition(b";")[0].partition(b"=")[0]
        category = self._orders.cookies[raw]
        if category is None:
            if self._orders.undeclared(raw):
                seen.append(("undeclared", cookie_name(raw)))
            return True
        if category in self._allowed():
            return True
        seen.append(("blocked", self._orders.service_of(cookie_name(raw)) or ""))
        return False

    async def _on_start(self, message: Message) -> None:
        headers, status = self._answer_headers(message.get("headers", ())), message["status"]
        page = self._declared_page(headers)
        if page is False or (page is None and status == 206):
            await self._begin(message, headers)
        elif status in BODILESS or self._scope["method"] == "HEAD":
            await self._begin(message, rules.page_headers(headers, self._orders.tag))
        else:
            start = {**message, "headers": headers}
            self._screening = Screening(
                self._orders, self._scope, start, self._begin, self._send, self._tell, self._count
            )
            if status == 206:
                await self._screening.refuse(PARTIAL)

    def _declared_page(self, headers: Headers) -> bool | None:
        page = declared_page(headers) if self._rewrite else False
        if page is False:
            return False
        asked = self._scope["headers"]
        if page is None and not rules.may_be_page(dict(asked)):
            return False  # an image or script without a type; nobody reads that as a page
        # What browsers save isn't shown; but a page's own script may fetch it, and show it all the same.
        if rules.is_download(headers) and rules.first(asked, b"sec-fetch-dest") != b"empty":
            return False
        return page

    async def _begin(self, start: Message, headers: Headers) -> None:
        """Send the start. Only now is it known whether the answer depends on this visitor."""
        if self._visitor.asked:
            headers = rules.personal(headers)
        if self._cookies and rules.is_uncacheable(headers):
            headers = [*headers, *self._expired()]
        self._sent = headers
        await self._send({**start, "headers": headers})

    def _expired(self) -> Iterator[tuple[bytes, bytes]]:
        """Remove denied cookies that came with this request, where no cache can keep the answer (L14)."""
        denied = [name for name in cookie_names(self._cookies) if self._denies(name)]
        seen: set[tuple[Kind, str]] = {("expired", self._orders.service_of(name) or "") for name in denied}
        self._count(self._orders.version, seen)
        for value in expiries(denied, host_of(self._scope), ["/"]):
            yield b"set-cookie", value.encode("latin-1")

    def _denies(self, cookie: str) -> bool:
        category = self._orders.cookies[cookie.encode("latin-1")]
        return category is not None and category not in self._allowed()

    async def _on_body(self, message: Message) -> None:
        if self._screening is None:
            await self._send(message)
        else:
            await self._screening.body(message)
        if self._visitor.asked and not message.get("more_body", False):
            self._late()

    def _late(self) -> None:
        """Say so if the answer came to depend on the visitor after caches were allowed to keep it."""
        if self._scope["method"] == "GET" and not rules.is_uncacheable(self._sent):
            self._tell(LATE, self._scope["path"])
