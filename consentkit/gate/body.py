"""A page's body on its way out: decoded, rewritten, a slice at a time."""

import asyncio
import logging
from functools import cache
from html import escape

from consentkit.edition import Edition
from consentkit.gate import headers as rules
from consentkit.gate.coding import decoder
from consentkit.gate.csp import admission
from consentkit.gate.headers import Headers, values
from consentkit.gate.kind import is_xhtml
from consentkit.gate.markup import Rewriter

logger = logging.getLogger("consentkit")

SLICE = 64 * 1024
"""Bytes rewritten before other requests get a turn."""


class PageBody:
    """Rewrites one page's body; a damaged one ends where it can no longer be read."""

    def __init__(self, edition: Edition, headers: Headers) -> None:
        self._undeclared = edition.policy.known.keys()
        self._decoder = decoder(values(headers, b"content-encoding"))
        starter = starter_element(edition, headers)
        self._rewriter = Rewriter(edition.matcher, starter, xhtml=is_xhtml(headers))
        self._damaged = False

    async def feed(self, data: bytes, *, last: bool) -> bytes:
        """Return the bytes that may go out now; `last` closes the page."""
        parts = []
        for at in range(0, len(data), SLICE):
            if at:
                await asyncio.sleep(0)
            parts.append(self._step(data[at : at + SLICE]))
        if last:
            parts.append(self._step(b"", last=True))
            for service in self._rewriter.blocked & self._undeclared:
                warn_undeclared(service)
        return b"".join(parts)

    def _step(self, data: bytes, *, last: bool = False) -> bytes:
        if self._damaged:
            return b""
        try:
            if last:
                return self._rewriter.close()
            return self._rewriter.feed(self._decoder.decompress(data))
        except Exception:  # what can't be rewritten must not go out, whatever the reason
            logger.exception("a page can't be read any further; it ends here")
            self._damaged = True
            return b""


@cache
def warn_undeclared(service: str) -> None:
    """Tell the operator, once a process, why something on a page never comes alive."""
    logger.warning(
        "a page embeds %s, which the policy doesn't declare: it stays blocked even for visitors who accept "
        "everything, because nobody was told about it; add %r to the policy's services",
        service,
        service,
    )


def starter_element(edition: Edition, headers: Headers) -> bytes:
    """Return the script element that starts consentkit on a page with these answer headers.

    Inline, unless the page has a Content-Security-Policy without a nonce for it, or is XHTML, where
    a script's text would be read as markup: then as a file of our own.
    """
    way = admission(headers)
    mark = f' nonce="{escape(way.nonce)}"' if way.nonce else ""
    if way.inline and not is_xhtml(headers):
        return f"<script data-consentkit-starter{mark}>".encode() + edition.starter.body + b"</script>"
    address = escape(edition.starter_address)
    return f'<script data-consentkit-starter=""{mark} src="{address}"></script>'.encode()


def page_headers(headers: Headers, tag: bytes) -> Headers:
    """Return a page's headers: its own length and digests no longer hold, its entity tag gets ours."""
    stale = (b"content-length", b"accept-ranges", b"content-md5", b"digest", b"last-modified")
    return [
        (name, rules.tagged(value, tag) if name == b"etag" else value)
        for name, value in headers
        if name not in stale
    ]
