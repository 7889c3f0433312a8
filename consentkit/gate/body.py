"""A page's body on its way out: decoded, rewritten, a slice at a time."""

import asyncio
import logging
import zlib
from html import escape
from typing import Protocol

from consentkit.edition import Edition
from consentkit.gate import headers as rules
from consentkit.gate.headers import Headers, first
from consentkit.gate.markup import Rewriter

logger = logging.getLogger("consentkit")

SLICE = 64 * 1024
"""Bytes rewritten before other requests get a turn."""


class Decoder(Protocol):
    """Undoes one content encoding."""

    def decompress(self, data: bytes, /) -> bytes: ...


class _Identity:
    def decompress(self, data: bytes, /) -> bytes:
        return data


def decoder(encoding: bytes) -> Decoder | None:
    """Return what undoes a Content-Encoding, or None for one that can't be read here."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return _Identity()
    if name in (b"gzip", b"x-gzip"):
        return zlib.decompressobj(wbits=31)
    return zlib.decompressobj() if name == b"deflate" else None


class PageBody:
    """Rewrites one page's body; a damaged one ends where it can no longer be read."""

    def __init__(self, edition: Edition, headers: Headers, decoder: Decoder) -> None:
        self._decoder = decoder
        self._rewriter = Rewriter(edition.matcher, starter_element(edition, headers))
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
        return b"".join(parts)

    def _step(self, data: bytes, *, last: bool = False) -> bytes:
        if self._damaged:
            return b""
        try:
            return self._rewriter.close() if last else self._rewriter.feed(self._decoder.decompress(data))
        except Exception:  # what can't be rewritten must not go out, whatever the reason
            logger.exception("a page can't be read any further; it ends here")
            self._damaged = True
            return b""


def starter_element(edition: Edition, headers: Headers) -> bytes:
    """Return the script element that starts consentkit on a page with these answer headers.

    Inline, unless the page has a Content-Security-Policy: then with its nonce, or as a file of our own.
    """
    policies = [value for name, value in headers if name == b"content-security-policy"]
    nonce = rules.script_nonce(policies)
    if policies and nonce is None:
        return f'<script data-consentkit-starter src="{escape(edition.starter_address)}"></script>'.encode()
    mark = f' nonce="{escape(nonce)}"'.encode() if nonce else b""
    return b"<script data-consentkit-starter" + mark + b">" + edition.starter.body + b"</script>"


def page_headers(headers: Headers, tag: bytes) -> Headers:
    """Return a page's headers: its own length and digests no longer hold, its entity tag gets ours."""
    stale = (b"content-length", b"accept-ranges", b"content-md5", b"digest", b"last-modified")
    return [
        (name, rules.tagged(value, tag) if name == b"etag" else value)
        for name, value in headers
        if name not in stale
    ]


def is_page(headers: Headers, body: bytes) -> bool:
    """Return whether browsers read an answer as a page: by its type, or without one by its first byte."""
    content_type = first(headers, b"content-type")
    return rules.is_page_type(content_type) if content_type else body.lstrip().startswith(b"<")
