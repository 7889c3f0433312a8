"""A page's body on its way out: decoded, rewritten, a slice at a time."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, cast

from consentkit.gate.coding import Unreadable, decoder
from consentkit.gate.headers import Headers, values
from consentkit.gate.kind import asks_within, check_within, is_xhtml
from consentkit.gate.markup import Rewriter, Rules
from consentkit.gate.prescan import PRESCAN, shifts
from consentkit.tally import Kind

logger = logging.getLogger("consentkit")

SHIFTED: Final = Unreadable("iso-2022", "it shifts between encodings in its middle; serve it as UTF-8")
SLICE: Final = 64 * 1024
"""Bytes rewritten before other requests get a turn."""


class PageBody:
    """Rewrites one page's body; a damaged one ends where it can no longer be read."""

    def __init__(self, rules: Rules, starter: bytes, headers: Headers) -> None:
        encoding = values(headers, b"content-encoding")
        self._decoder = decoder(encoding) if encoding else None
        self._rewriter = Rewriter(rules, starter, xhtml=is_xhtml(headers))
        self._asks = asks_within(headers)
        self._opening: bytes | None = b"" if self._asks else None
        self._escape = False  # the last byte may begin a sequence that changes the encoding
        self._damaged = False

    @property
    def blocked(self) -> frozenset[str]:
        """The services found on the page so far and made inert."""
        return self._rewriter.blocked

    @property
    def seen(self) -> frozenset[tuple[Kind, str]]:
        """What of the page is to be counted, as (kind, name)."""
        return cast(frozenset[tuple[Kind, str]], self._rewriter.seen)

    def feed(self, data: bytes) -> Iterable[bytes]:
        """Return what may go out of the page's next bytes, slice by slice, some of them empty.

        Between two slices others should get a turn: each takes some milliseconds, and there can be any number
        of them, as compressed data can stand for a million times its size.
        """
        if self._decoder is None and len(data) <= SLICE:
            return (self._tried(self._rewritten, data),)
        return self._slices(self._decoder.pieces(data) if self._decoder else iter((data,)))

    def close(self) -> bytes:
        """Return the rest of the page, which has ended."""
        return self._tried(self._rewriter.close)

    def _slices(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        while piece := self._tried(next, pieces, b""):
            for at in range(0, len(piece), SLICE):
                yield self._tried(self._rewritten, piece[at : at + SLICE])

    def _rewritten(self, data: bytes) -> bytes:
        if self._opening is not None:
            # A page can name its encoding after its first chunk has gone out.
            opening = self._opening + data[:PRESCAN]
            check_within(opening)
            self._opening = opening if len(opening) < PRESCAN else None
        if self._asks:
            if shifts(data) or (self._escape and data[:1] in (b"$", b"(")):
                raise SHIFTED
            self._escape = data.endswith(b"\x1b")
        return self._rewriter.feed(data)

    def _tried(self, step: Callable[..., bytes], *arguments: object) -> bytes:
        if self._damaged:
            return b""
        try:
            return step(*arguments)
        except Exception:  # what can't be rewritten must not go out, whatever the reason
            logger.exception("a page can't be read any further; it ends here")
            self._damaged = True
            return b""
