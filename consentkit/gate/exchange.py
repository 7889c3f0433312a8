"""One request and its answer, filtered by the visitor's decision."""

from collections.abc import Awaitable, Sequence
from itertools import compress

from starlette.types import Message, Scope, Send

from consentkit.gate import headers as rules
from consentkit.gate.cookies import cookies_of, without_cookies
from consentkit.gate.headers import Headers
from consentkit.gate.keeping import Owed, denied, ended, owed, renewed
from consentkit.gate.kind import Declared, declared, declared_as
from consentkit.gate.layout import ASKED, Answered, Asked, found_in, names_of
from consentkit.gate.lives import Lives
from consentkit.gate.markup import Page
from consentkit.gate.orders import Orders
from consentkit.gate.outgoing import passing
from consentkit.gate.screening import LATE, PARTIAL, Screening, counted, nothing, plain_page
from consentkit.gate.visitor import VisitorConsent

BODILESS = frozenset({204, 205, 304})
BYPASSES = frozenset({"http.response.pathsend", "http.response.zerocopysend", "http.response.push"})
FILTERED = frozenset({"websocket.accept", "websocket.http.response.start", "http.response.early_hint"})


class Exchange:
    """One request and its answer: cookies and announcements filtered, pages screened."""

    __slots__ = (
        *("_orders", "_scope", "_send", "_visitor", "_rewrite", "_asked", "_cookies", "_ended"),
        *("_known_lives", "_answered", "_says", "_held", "_screening", "_page", "_personal", "_sent"),
    )

    _says: Declared
    _asked: Asked
    _answered: Answered
    """What the answer declares itself to be, and where its headers are that mean anything to us."""

    def __init__(self, orders: Orders, scope: Scope, send: Send, *, rewrite: bool) -> None:
        self._orders = orders
        self._scope = scope
        self._send = send
        self._visitor: VisitorConsent = scope["consentkit"]
        self._rewrite = rewrite
        self._cookies = b""  # what the request brought, if any of it is denied
        self._ended: Sequence[str] = ()  # trackers that came though their life is over
        # The trackers this visitor allows, once something depends on them.
        self._known_lives: Lives | None = None
        self._held: Message | None = None  # the start of an answer that is, or may be, a page
        self._screening: Screening | None = None  # for one that isn't a plain page, come whole
        self._page = False  # whether the answer is a page
        self._personal = False  # whether the answer's headers say that it depends on the visitor
        self._sent: Headers | tuple[()] = ()  # the headers of the answer, once they are out

    # The request ------------------------------------------------------------------------------------

    def inner_scope(self) -> Scope:
        """Return the scope the application sees: no denied cookie, and nothing that skips rewriting.

        It is the very same one where nothing has to change.
        """
        scope = self._scope
        headers: Headers = scope["headers"]
        self._asked = asked = ASKED[names_of(headers)]
        self._visitor.objecting = asked.signals
        mask = None
        added: Headers = []
        if not asked.cookies:
            self._visitor.cookies = b""
        elif (kept := self._cut(headers, asked.cookies)) is not None:
            mask = asked.bare
            added = [(b"cookie", kept)] if kept else []
        if self._rewrite:
            if asked.unconditional is not None and asked.may_be_page(headers):
                mask = asked.unconditional if mask is None else asked.both
                if asked.matches:
                    added += rules.page_conditions(headers, self._orders.tag)
            extensions = scope.get("extensions")
            if extensions and not BYPASSES.isdisjoint(extensions):
                scope = {**scope, "extensions": {k: v for k, v in extensions.items() if k not in BYPASSES}}
        return scope if mask is None else {**scope, "headers": [*compress(headers, mask), *added]}

    def _cut(self, headers: Headers, places: Sequence[int]) -> bytes | None:
        """Return what is left of the request's cookies; None where a single header stays as it is."""
        several = len(places) > 1
        cookies = cookies_of(headers) if several else headers[places[0]][1]
        visitor = self._visitor
        visitor.cookies = cookies
        brought = self._orders.brought.of(cookies)
        visitor.drift = brought.drift
        kept = cookies
        if brought.needed:
            pairs = cookies.split(b";")
            if brought.consent is not None:
                visitor.sealed = pairs[brought.consent].partition(b"=")[2]
            if brought.anchors is not None:
                visitor.anchored = pairs[brought.anchors].partition(b"=")[2]
            allowed = visitor.allowed
            kept = brought.cut(cookies, pairs, allowed)
            # What has a yes may have ended all the same.
            if len(allowed) > 1:
                lives = self._lives
                if lives.may_have_ended or brought.outlived(pairs, allowed, lives.today):
                    self._ended = lives.ended
                    kept = without_cookies(kept, self._ended)
        if kept is not cookies:
            self._cookies = cookies
        return kept if several or kept is not cookies else None

    @property
    def _lives(self) -> Lives:
        if self._known_lives is None:
            visitor, anchoring = self._visitor, self._scope["type"] == "http"
            self._known_lives = Lives(
                self._orders,
                visitor.cookies or b"",
                visitor.allowed,
                visitor.now,
                anchoring=anchoring,
                sealed=visitor.anchored,
            )
        return self._known_lives

    # The answer -------------------------------------------------------------------------------------

    def send(self, message: Message) -> Awaitable[None]:
        """Pass one ASGI message on, filtered."""
        if self._screening is not None:
            return self._screened(self._screening, message)
        if self._held is not None:
            return self._opened(self._held, message)
        kind = message["type"]
        if kind == "http.response.start":
            return self._on_start(message)
        if kind == "http.response.body":
            if self._visitor.asked and not message.get("more_body", False):
                self._late()
        elif kind in FILTERED:
            message = self._filtered(message)
        return self._send(message)

    def _opened(self, held: Message, message: Message) -> Awaitable[None]:
        """Take in what follows the start of an answer that may be a page."""
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            body = message.get("body", b"")
            page = None
            if not self._answered.unusual:
                page = plain_page(self._orders, self._scope, self._says, body)
            if page is not None:
                return self._whole(held, page)
        self._held = None
        self._screening = Screening(self._orders, self._scope, held, self._begin, self._send)
        return self._screened(self._screening, message)

    async def _whole(self, held: Message, page: Page) -> None:
        headers = rules.page_headers(held["headers"], self._orders.tag)
        headers.append((b"content-length", b"%d" % len(page.out)))
        await self._begin(held, headers)
        await self._send({"type": "http.response.body", "body": page.out, "more_body": False})
        if page.seen or page.blocked or self._visitor.drift:
            counted(self._orders, self._scope, page.blocked, page.seen)
        if self._visitor.asked:
            self._late()

    async def _screened(self, screening: Screening, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            await screening.body(message)
            if self._visitor.asked and not message.get("more_body", False):
                self._late()
        elif kind == "http.response.trailers":
            await screening.trailers(message)
        else:
            await self._send(self._filtered(message) if kind in FILTERED else message)

    def _filtered(self, message: Message) -> Message:
        filtered: Message = dict(message)
        if "headers" in message:
            headers, answered = found_in(message["headers"])
            filtered["headers"] = self._passing(headers, answered)
        if "links" in message:
            links = [(b"link", link) for link in message["links"]]
            filtered["links"] = [link for _, link in self._passing(*found_in(links))]
        return filtered

    def _passing(self, headers: Headers, answered: Answered) -> Headers:
        return passing(self._orders, self._scope, lambda: self._lives, headers, answered)

    def _on_start(self, message: Message) -> Awaitable[None]:
        headers, answered = found_in(message.get("headers", ()))
        self._answered = answered
        types = answered.types
        says = declared(headers) if len(types) > 1 else declared_as(headers[types[0]][1] if types else b"")
        if answered.cookies or answered.announcing:
            headers = self._passing(headers, answered)
        if not self._rewrite:
            return self._begin(message, headers)
        page = says.page
        if page is not False:
            page = self._shown_page(page, headers, answered)
        status = message["status"]
        if page is False or (page is None and status == 206):
            return self._begin(message, headers)
        self._page = bool(page)
        if status in BODILESS or self._scope["method"] == "HEAD":
            return self._begin(message, rules.page_headers(headers, self._orders.tag))
        return self._hold({**message, "headers": headers}, says)

    def _hold(self, start: Message, says: Declared) -> Awaitable[None]:
        """Keep the start of an answer that may be a page until its body shows it."""
        status = start["status"]
        if status != 206 and not start.get("trailers", False):
            self._says = says
            self._held = start
            return nothing()
        self._screening = screening = Screening(self._orders, self._scope, start, self._begin, self._send)
        return screening.refuse(PARTIAL) if status == 206 else nothing()

    def _shown_page(self, page: bool | None, headers: Headers, answered: Answered) -> bool | None:
        if page is None and not self._asked.may_be_page(self._scope["headers"]):
            return False  # an image or script without a type; nobody reads that as a page
        # What browsers save isn't shown; but a page's own script may fetch it, and show it all the same.
        if answered.saved and rules.is_download(headers):
            return page if rules.first(self._scope["headers"], b"sec-fetch-dest") == b"empty" else False
        return page

    def _begin(self, start: Message, headers: Headers) -> Awaitable[None]:
        """Send the start. Only now is it known whether the answer depends on this visitor."""
        visitor = self._visitor
        if visitor.asked:
            self._personal = True
            headers = rules.personal(headers)
        novel = self._known_lives is not None and self._known_lives.novel
        may_owe = visitor.cookies and (self._page or novel or self._cookies)
        if may_owe and (self._personal or (self._answered.caches and rules.is_uncacheable(headers))):
            if (owes := self._owed(headers)) is not None:
                return self._renewed(start, headers, owes)
            if over := self._over():
                headers = headers + rules.setting(ended(self._orders, self._scope, visitor.now, over))
        self._sent = headers
        return self._send({**start, "headers": headers} if headers is not start.get("headers") else start)

    async def _renewed(self, start: Message, headers: Headers, owes: Owed) -> None:
        lines = rules.setting(await renewed(self._orders, self._scope, owes, self._over()))
        self._sent = headers = headers + lines
        await self._send({**start, "headers": headers})

    def _over(self) -> list[str]:
        """The cookies that came and have to go: denied ones, and trackers whose life is over."""
        over = denied(self._orders, self._cookies, self._visitor.allowed)
        return over if self._known_lives is None else [*over, *self._known_lives.ended]

    def _owed(self, headers: Headers) -> Owed | None:
        # Pages are enough to keep a browser's state, and what sets a new tracker.
        lives = self._known_lives
        if self._page and lives is None and len(self._visitor.allowed) > 1:
            lives = self._lives
        if self._page or (lives is not None and lives.novel):
            guarded = lives is None or not self._page or self._orders.guards(headers)
            return owed(self._scope, self._visitor, lives, guarded=guarded)
        return None

    def _late(self) -> None:
        """Say so if the answer came to depend on the visitor after caches were allowed to keep it."""
        if not self._personal and self._scope["method"] == "GET" and not rules.is_uncacheable([*self._sent]):
            self._orders.tell(LATE, self._scope["path"])
