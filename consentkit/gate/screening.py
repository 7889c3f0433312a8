"""An answer that is a page, or may be one: held until its body shows it; rewritten, passed or refused."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from itertools import chain
from typing import Literal, cast

from starlette.types import Message, Scope, Send

from consentkit.gate import headers as rules
from consentkit.gate.body import SLICE, PageBody
from consentkit.gate.coding import Unreadable
from consentkit.gate.headers import Headers
from consentkit.gate.kind import Declared, is_page, is_plain_page, is_xhtml
from consentkit.gate.markup import Page, rewrite_page
from consentkit.gate.orders import Orders, Seen
from consentkit.gate.visitor import VisitorConsent
from consentkit.request import host_of
from consentkit.tally import Kind

logger = logging.getLogger("consentkit")

Begin = Callable[[Message, Headers], Awaitable[None]]
"""Sends the start message that was held, with these headers in place of its own."""

PLAIN = SLICE
"""Bytes; a page that came at once, isn't longer and has nothing special about it takes a shorter way."""
WHOLE = 1 << 20
"""Bytes; a page that came at once and isn't longer goes out at once, with its length."""
NOTHING_SEEN: frozenset[Seen] = frozenset()
UNREADABLE = (
    b"<!doctype html><html lang=en><title>502</title><h1>This page can't be shown</h1>"
    b"<p>It arrived in an encoding that can't be checked for trackers.</p>"
)
PARTIAL = Unreadable("206", "it is a part of a page, though Range wasn't asked for; serve it whole")
LATE = (
    "%s: consent_of was asked after the answer's headers had gone out, so a shared cache may keep this answer"
    " for other visitors: ask before the first chunk, or send Cache-Control: private"
)
REFUSED = (
    "%s: the Content-Security-Policy refuses consentkit's script, so nobody is asked and nothing optional"
    " runs: it needs a nonce, or 'self' without 'strict-dynamic'"
)
UNDECLARED = (
    "a page embeds %s, which the policy doesn't declare: it stays blocked even for visitors who accept"
    " everything, because nobody was told about it; add it to the policy's services"
)


class Screening:
    """One answer on its way; `begin` is called once, when its headers are settled."""

    __slots__ = (
        *("_orders", "_scope", "_start", "_begin", "_send"),
        *("_mode", "_head", "_body"),
    )

    def __init__(self, orders: Orders, scope: Scope, start: Message, begin: Begin, send: Send) -> None:
        self._orders = orders
        self._scope = scope
        self._start = start
        self._begin = begin
        self._send = send
        self._mode: Literal["held", "page", "pass", "drop"] = "held"
        self._head = b""
        self._body: PageBody | None = None

    def body(self, message: Message) -> Awaitable[None]:
        """Take in the answer's next body message."""
        last = not message.get("more_body", False)
        if self._body is not None:
            return self._write(self._body, self._body.feed(message.get("body", b"")), last=last)
        if self._mode == "held":
            return self._open(message, last=last)
        return self._send(message) if self._mode == "pass" else nothing()

    async def trailers(self, message: Message) -> None:
        """Pass trailers on, without digests of a body that has changed."""
        if self._mode == "page":
            kept = [each for each in message.get("headers", ()) if each[0].lower() not in rules.STALE]
            await self._send({**message, "headers": kept})
        elif self._mode == "pass":
            await self._send(message)

    async def refuse(self, problem: Unreadable) -> None:
        """Keep back a page that can't be read, as it could hide any tracker (§2.6 item 4); or do as told."""
        self._orders.count([("refused", problem.what)])
        if self._orders.unreadable_passes:
            self._mode = "pass"
            self._orders.tell("%s passes unchecked, as the policy says: %s", self._scope["path"], problem)
            await self._begin(self._start, self._start["headers"])
            return
        self._mode = "drop"
        logger.error("%s can't be checked for trackers: %s; answered 502", self._scope["path"], problem)
        headers = [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-store")]
        await self._send({"type": "http.response.start", "status": 502, "headers": headers})
        await self._send({"type": "http.response.body", "body": UNREADABLE, "more_body": False})

    async def _open(self, message: Message, *, last: bool) -> None:
        self._head += message.get("body", b"")
        headers: Headers = self._start["headers"]
        try:
            page = is_page(headers, self._head, last=last)
        except Unreadable as problem:
            await self.refuse(problem)
            page = False
        if page:
            self._mode = "page"
            await self._open_page(headers, last=last)
        elif page is False:
            if self._mode == "held":
                self._mode = "pass"
                await self._begin(self._start, headers)
            if self._mode == "pass":
                await self._send({**message, "body": self._head})

    async def _open_page(self, headers: Headers, *, last: bool) -> None:
        way = self._orders.admission(headers)
        if way.refused:
            self._orders.tell(REFUSED, self._scope["path"])
        starter = self._orders.starter(way, xhtml=is_xhtml(headers))
        self._body = body = PageBody(self._orders.rules(host_of(self._scope)), starter, headers)
        kept = [
            each for each in rules.page_headers(headers, self._orders.tag) if each[0] != b"content-encoding"
        ]
        slices, out = iter(body.feed(self._head)), b""
        self._head = b""
        if last:
            out, whole = await self._gathered(slices)
            if whole:
                out += body.close()
                await self._begin(self._start, [*kept, (b"content-length", str(len(out)).encode())])
                await self._send({"type": "http.response.body", "body": out, "more_body": False})
                self._counted(body)
                return
        await self._begin(self._start, kept)
        await self._write(body, chain([out], slices), last=last)

    async def _gathered(self, slices: Iterable[bytes]) -> tuple[bytes, bool]:
        """Return the slices as one if they aren't too much for that, else the first ones."""
        parts: list[bytes] = []
        size = 0
        for part in slices:
            if parts:
                await asyncio.sleep(0)
            parts.append(part)
            size += len(part)
            if size > WHOLE:
                return b"".join(parts), False
        return b"".join(parts), True

    async def _write(self, body: PageBody, slices: Iterable[bytes], *, last: bool) -> None:
        further = False
        for out in slices:
            if further:
                await asyncio.sleep(0)
            further = True
            if out:
                await self._send({"type": "http.response.body", "body": out, "more_body": True})
        if last:
            await self._send({"type": "http.response.body", "body": body.close(), "more_body": False})
            self._counted(body)

    def _counted(self, body: PageBody) -> None:
        counted(self._orders, self._scope, body.blocked, body.seen)


def plain_page(orders: Orders, scope: Scope, says: Declared, body: bytes) -> Page | None:
    """Return a page that came whole as it goes out, with the starter; None where that isn't so simple.

    `says` is what its headers, which aren't unusual, declare it to be. The page is what a Screening would
    make of it.
    """
    if len(body) > PLAIN or not is_plain_page(says, body):
        return None
    try:
        rules_ = orders.everywhere or orders.rules(host_of(scope))
        return rewrite_page(rules_, orders.usual_starter, body)
    except Exception:  # noqa: BLE001 - a Screening says what is wrong, and lets out none of it
        return None


def counted(orders: Orders, scope: Scope, blocked: frozenset[str], seen: frozenset[tuple[str, str]]) -> None:
    """Count what was seen on a page that went out, and tell the operator what nobody can consent to.

    The cookies that its request brought as well: those that scripts set are seen nowhere else.
    """
    if blocked:
        for service in blocked & orders.known:
            orders.tell(UNDECLARED, service, of=service)
    found = _of_others(seen, host_of(scope)) if seen else NOTHING_SEEN
    visitor: VisitorConsent = scope["consentkit"]
    found = found | visitor.drift if found else visitor.drift
    if found:
        orders.count(found, visitor.now)


@lru_cache(maxsize=256)
def _of_others(seen: frozenset[tuple[str, str]], host: str) -> frozenset[Seen]:
    """What was seen, without the site's own host and those below it."""
    own = host.removeprefix("www.")
    return frozenset(
        (cast(Kind, kind), name)
        for kind, name in seen
        if kind != "undeclared" or not (name == own or name.endswith("." + own))
    )


async def nothing() -> None:
    """Nothing is to be sent yet, or any more."""
