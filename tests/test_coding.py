"""Content codings as servers really send them."""

import gzip
import zlib
from functools import partial

import brotli
import pytest
import zstandard

from consentkit.gate.coding import DAMAGE, MOST_EMPTY, PIECE, ZSTD_PIECE, Unreadable, decoder

TEXT = b"<p>some words</p>" * 40


def undone(encoding: bytes, data: bytes, size: int) -> bytes:
    undo = decoder(encoding)
    starts = range(0, len(data), size)
    return b"".join(piece for at in starts for piece in undo.pieces(data[at : at + size]))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the hour stands in it otherwise, and in a test's name


@pytest.mark.parametrize("size", [1, 5, 4096])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"", TEXT),
        (b"Identity", TEXT),
        (b"gzip", gzipped(TEXT)),
        (b"x-gzip", gzipped(TEXT[:100]) + gzipped(b"") + gzipped(TEXT[100:])),
        (b"gzip", gzipped(TEXT) + b"\0\0\0\0"),
        (
            b"gzip",
            b"".join(gzipped(b"") * 20 + gzipped(TEXT[at : at + 10]) for at in range(0, 680, 10)),
        ),
        (b"zstd", b"".join(zstd(b"") * 20 + zstd(TEXT[at : at + 10]) for at in range(0, 680, 10))),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", raw_deflate(TEXT)),
        (b"br", brotli.compress(TEXT)),
        (b"BR", brotli.compress(b"")),
        (b"zstd", zstd(TEXT)),
        (b"zstd", zstd(TEXT[:100]) + zstd(TEXT[100:])),
        (b"gzip, br", brotli.compress(gzipped(TEXT))),
        (b"identity, zstd,gzip", gzipped(zstd(TEXT))),
        (b"gzip, gzip", gzipped(gzipped(TEXT))),
    ],
)
def test_every_form_is_undone_whatever_its_chunks(encoding: bytes, data: bytes, size: int) -> None:
    assert undone(encoding, data, size) == (TEXT if len(data) > 1 else b"")


@pytest.mark.parametrize("encoding", [b"compress", b"gzip, dcb", b"gzip, br, gzip, br, gzip"])
def test_what_can_t_be_undone_is_named(encoding: bytes) -> None:
    with pytest.raises(Unreadable, match=encoding.decode()) as caught:
        decoder(encoding)
    assert caught.value.what == encoding.decode()


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"gzip", gzipped(TEXT)[:10] + b"\xff" * 20),
        (b"br", b"\xff" * 40),
        (b"zstd", b"\xff" * 40),
        # A window of 2 GB: it would have to be held (RFC 9659, 3).
        (b"zstd", b"\x28\xb5\x2f\xfd\x00\xa8" + b"\0" * 8),
        (b"gzip, br", brotli.compress(b"no gzip at all")),
    ],
)
def test_damage_isn_t_taken_for_an_end(encoding: bytes, data: bytes) -> None:
    with pytest.raises(DAMAGE):
        undone(encoding, data, 4096)


@pytest.mark.parametrize("size", [1, 4096, 1 << 21])
@pytest.mark.parametrize(
    ("encoding", "nothing"),
    [
        (b"gzip", gzipped(b"")),
        (b"deflate", zlib.compress(b"")),
        (b"deflate", raw_deflate(b"")),
        (b"zstd", zstd(b"")),
        (b"zstd", b"\x50\x2a\x4d\x18\0\0\0\0"),
    ],
)
def test_what_stands_for_nothing_again_and_again_is_damage(
    encoding: bytes, nothing: bytes, size: int
) -> None:
    assert undone(encoding, nothing * MOST_EMPTY, size) == b""
    with pytest.raises(DAMAGE):
        undone(encoding, nothing * (2 * MOST_EMPTY), size)


def test_members_that_stand_for_little_are_undone_in_steps() -> None:
    """Were all that follows copied for each of them, this would take minutes."""
    member = gzipped(b"x")
    assert undone(b"gzip", member * 200_000, 1 << 23) == b"x" * 200_000


@pytest.mark.parametrize("size", range(PIECE - 3, PIECE + 300, 7))
def test_what_is_ready_at_the_end_of_a_piece_comes_out(size: int) -> None:
    assert undone(b"deflate", raw_deflate(b"\0" * size), 1 << 20) == b"\0" * size


@pytest.mark.parametrize(
    ("encoding", "pack", "limit"),
    [
        (b"gzip", gzip.compress, PIECE),
        (b"deflate", raw_deflate, PIECE),
        (b"br", partial(brotli.compress, quality=5), 2 * PIECE),
        (b"zstd", zstd, ZSTD_PIECE),
        (b"gzip, gzip", lambda data: gzipped(gzipped(data)), PIECE),
    ],
)
def test_a_bomb_comes_out_in_bounded_pieces(encoding: bytes, pack: object, limit: int) -> None:
    """A few kilobytes stand for 64 MB; nobody has to hold them."""
    size = 64 << 20
    packed = pack(b"\0" * size)  # type: ignore[operator]
    assert len(packed) < size // 900
    lengths = [len(piece) for piece in decoder(encoding).pieces(packed)]
    assert sum(lengths) == size
    assert max(lengths) <= limit
    assert min(lengths) > 0
