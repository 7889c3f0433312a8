"""Content codings, undone a piece at a time (RFC 9110, 8.4.1)."""

import zlib
from typing import Protocol


class Unreadable(ValueError):
    """A page that can't be checked; the message says why, and what the site should do."""


class Decoder(Protocol):
    """Undoes one content coding."""

    def decompress(self, data: bytes, /) -> bytes: ...


class _Identity:
    def decompress(self, data: bytes, /) -> bytes:
        return data


class _Gzip:
    """One gzip member or several in a row (RFC 1952, 2.2); what follows and isn't one is ignored."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._further = False
        self._over = False

    def decompress(self, data: bytes, /) -> bytes:
        parts = []
        while data and not self._over:
            try:
                parts.append(self._member.decompress(data))
            except zlib.error:
                if not self._further:
                    raise
                self._over = True
            data = self._member.unused_data
            if self._member.eof:
                self._member, self._further = zlib.decompressobj(wbits=31), True
        return b"".join(parts)


class _Deflate:
    """With the zlib header that the RFC asks for, or without it, as browsers accept it."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: Decoder | None = None

    def decompress(self, data: bytes, /) -> bytes:
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            data = self._head
            wrapped = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2]) % 31 == 0
            self._stream = zlib.decompressobj(wbits=15 if wrapped else -15)
        return self._stream.decompress(data)


def decoder(encoding: bytes) -> Decoder:
    """Return what undoes a Content-Encoding. Raises Unreadable for one that can't be read here."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return _Identity()
    if name in (b"gzip", b"x-gzip"):
        return _Gzip()
    if name == b"deflate":
        return _Deflate()
    raise Unreadable(f"its content-encoding is {encoding.decode('latin-1')!r}; serve it as it is, or as gzip")
