"""Content codings, undone a piece at a time (RFC 9110, 8.4.1): gzip, deflate, br, zstd, one upon another.

A piece is bounded whatever the data claims to be: a kilobyte that stands for gigabytes comes out as many
pieces, one after the other, and never as a whole.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

PIECE: Final = 64 * 1024
"""Bytes; about the most that one piece has (brotli's are up to twice that, zstd's up to ZSTD_PIECE)."""
ZSTD_STEP: Final = 128
"""Bytes of zstd data undone at once: its shortest block is 4 bytes and can stand for 128 KB."""
ZSTD_PIECE: Final = ZSTD_STEP // 4 * 128 * 1024
ZSTD_WINDOW: Final = 8 << 20
"""Bytes; the largest window that the content coding may use (RFC 9659, 3)."""
MOST_CODINGS: Final = 4
STEP: Final = 4 * 1024
"""Bytes of gzip or deflate data undone at once: what follows a member is copied, so it has to be little."""
MOST_EMPTY: Final = 64
"""Members or frames in a row that stand for nothing: more than writers of blocks and their ends ever make."""
DAMAGE: Final = (zlib.error, brotli.error, zstandard.ZstdError)
"""What a decoder raises for data that isn't in its coding."""


class Unreadable(ValueError):
    """A page that can't be checked.

    `what` is the encoding or charset that stands in the way; the message says why, and what the site
    should do.
    """

    def __init__(self, what: str, why: str) -> None:
        super().__init__(why)
        self.what = what


class Decoder(Protocol):
    """Undoes content codings; `pieces` raises one of DAMAGE for data that isn't in them."""

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        """Yield what the next bytes stand for, none of the pieces empty."""
        ...


class _Identity:
    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        if data:
            yield data


class _Empty:
    """Counts what stands for nothing, and fails at too much of it: it costs time and comes to no end."""

    def __init__(self, damage: type[Exception]) -> None:
        self._damage = damage
        self._count = 0

    def reset(self) -> None:
        self._count = 0

    def another(self) -> None:
        self._count += 1
        if self._count > MOST_EMPTY:
            raise self._damage(f"more than {MOST_EMPTY} members or frames in a row are empty")


class _Zlib:
    """Members or streams in a row (RFC 1952, 2.2); what follows one and isn't another is ignored."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._member = zlib.decompressobj(wbits)
        self._further = False
        self._over = False
        self._empty = _Empty(zlib.error)

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        for at in range(0, len(data), STEP):
            yield from self._step(data[at : at + STEP])
            if self._over:
                return

    def _step(self, data: bytes) -> Iterator[bytes]:
        full = False
        while (data or full) and not self._over:
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error:
                if not self._further:
                    raise
                self._over = True
                return
            full = len(piece) == PIECE  # some more may be ready though all data are taken
            if piece:
                self._empty.reset()
                yield piece
            data = self._member.unconsumed_tail
            if self._member.eof:
                data, full = self._member.unused_data, False
                self._member, self._further = zlib.decompressobj(self._wbits), True
                self._empty.another()


class _Deflate:
    """With the zlib header that the RFC asks for, or without it, as browsers accept it."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: _Zlib | None = None

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return
            data = self._head
            wrapped = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._stream = _Zlib(15 if wrapped else -15)
        yield from self._stream.pieces(data)


class _Brotli:
    """One stream (RFC 7932); anything behind it is damage."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        while not self._stream.is_finished():
            piece = self._stream.process(data, output_buffer_limit=PIECE)
            data = b""
            if piece:
                yield piece
            elif self._stream.can_accept_more_data():
                return


class _Zstd:
    """Frames in a row (RFC 8878, 3), with a window of 8 MB at most."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame = self._context.decompressobj()
        self._empty = _Empty(zstandard.ZstdError)

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        for at in range(0, len(data), ZSTD_STEP):
            step = data[at : at + ZSTD_STEP]
            while step:
                if self._frame.eof:
                    self._frame = self._context.decompressobj()
                    self._empty.another()
                piece = self._frame.decompress(step)
                step = self._frame.unused_data if self._frame.eof else b""
                if piece:
                    self._empty.reset()
                    yield piece


class _Stacked:
    """Two codings, one upon the other: `outer` was applied last and is undone first."""

    def __init__(self, outer: Decoder, inner: Decoder) -> None:
        self._outer = outer
        self._inner = inner

    def pieces(self, data: bytes, /) -> Iterator[bytes]:
        for piece in self._outer.pieces(data):
            yield from self._inner.pieces(piece)


_DECODERS: Final[dict[bytes, Callable[[], Decoder]]] = {
    b"gzip": lambda: _Zlib(31),
    b"x-gzip": lambda: _Zlib(31),
    b"deflate": _Deflate,
    b"br": _Brotli,
    b"zstd": _Zstd,
}


def decoder(encoding: bytes) -> Decoder:
    """Return what undoes a Content-Encoding, a list in the order in which the codings were applied.

    Raises Unreadable for one that isn't known here, or more than MOST_CODINGS of them.
    """
    listed = (each.strip().lower() for each in encoding.split(b","))
    names = [name for name in listed if name not in (b"", b"identity")]
    if len(names) > MOST_CODINGS or not _DECODERS.keys() >= set(names):
        what = encoding.decode("latin-1")
        raise Unreadable(what, f"its content-encoding is {what!r}; serve it as it is, or as gzip")
    undo: Decoder = _Identity()
    for place, name in enumerate(names):
        undo = _Stacked(_DECODERS[name](), undo) if place else _DECODERS[name]()
    return undo
