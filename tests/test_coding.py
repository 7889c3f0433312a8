"""Content codings as servers really send them."""

import gzip
import zlib

import pytest

from consentkit.gate.coding import Unreadable, decoder

TEXT = b"<p>some words</p>" * 40


def undone(encoding: bytes, data: bytes, size: int) -> bytes:
    undo = decoder(encoding)
    return b"".join(undo.decompress(data[at : at + size]) for at in range(0, len(data), size))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("size", [1, 5, 4096])
@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        (b"", TEXT),
        (b"Identity", TEXT),
        (b"gzip", gzip.compress(TEXT)),
        (b"x-gzip", gzip.compress(TEXT[:100]) + gzip.compress(b"") + gzip.compress(TEXT[100:])),
        (b"gzip", gzip.compress(TEXT) + b"\0\0\0\0"),
        (b"deflate", zlib.compress(TEXT)),
        (b"deflate", raw_deflate(TEXT)),
    ],
)
def test_every_form_is_undone_whatever_its_chunks(encoding: bytes, data: bytes, size: int) -> None:
    assert undone(encoding, data, size) == TEXT


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, gzip"])
def test_what_can_t_be_undone_is_named(encoding: bytes) -> None:
    with pytest.raises(Unreadable, match=encoding.decode()):
        decoder(encoding)


def test_damage_in_the_first_member_isn_t_taken_for_its_end() -> None:
    with pytest.raises(zlib.error):
        undone(b"gzip", gzip.compress(TEXT)[:10] + b"\xff" * 20, 4096)
