"""However a page is cut into chunks, the same comes out; and nothing is held that could have gone out."""

import random
from pathlib import Path

import pytest
import soups
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.gate.markup import LIMIT, Rewriter
from consentkit.policy.whose import Whose

RULES = Whose((), [soups.TRACKER])
STARTER = b"<script data-consentkit-starter>start()</script>"
REAL = sorted(
    (Path(__file__).parent.parent / "node_modules" / "htmlparser-benchmark" / "files").glob("*.html")
)
# What may be held besides the construct at hand: bytes gathered because they can't decide anything yet.
GATHERED = 16_384

seeds = st.tuples(st.integers(0, 1 << 32).map(str), st.sampled_from(soups.FAMILIES))
soup = seeds.map(lambda seed: soups.page(*seed))
# A real page's slice begins and ends anywhere, so in the middle of anything.
slices = (
    st.tuples(st.sampled_from(REAL), st.integers(0, 1 << 17), st.integers(1, 6_000)).map(
        lambda cut: cut[0].read_bytes()[cut[1] : cut[1] + cut[2]]
    )
    if REAL
    else soup
)
pages = st.one_of(soup, soup, st.lists(soup, max_size=3).map(b"".join), slices, st.binary(max_size=40))
cuts = st.one_of(
    st.just([1]), st.lists(st.integers(1, 9), min_size=1), st.lists(st.integers(1, 4_000), min_size=1)
)


def whole(page: bytes) -> bytes:
    rewriter = Rewriter(RULES, STARTER)
    return rewriter.feed(page) + rewriter.close()


def in_chunks(page: bytes, sizes: list[int]) -> bytes:
    """What comes out of a page fed in chunks of these sizes, over and over."""
    rewriter, out, at, turn = Rewriter(RULES, STARTER), [], 0, 0
    while at < len(page):
        size = sizes[turn % len(sizes)]
        out.append(rewriter.feed(page[at : at + size]))
        at, turn = at + size, turn + 1
    return b"".join([*out, rewriter.close()])


@samples(600)
@given(pages, cuts)
def test_every_chunking_gives_the_same_bytes(page: bytes, sizes: list[int]) -> None:
    assert in_chunks(page, sizes) == whole(page)


@samples(150)
@given(pages, cuts)
def test_empty_chunks_change_nothing(page: bytes, sizes: list[int]) -> None:
    rewriter = Rewriter(RULES, STARTER)
    pieces = [
        rewriter.feed(page[at : at + sizes[0]]) + rewriter.feed(b"") for at in range(0, len(page), sizes[0])
    ]
    assert b"".join([*pieces, rewriter.close()]) == whole(page)


@pytest.mark.parametrize("svg", [b"<svg><!-->", b"<svg>"])
def test_with_a_base_elsewhere_an_svg_is_read_the_same_in_every_chunking(svg: bytes) -> None:
    page = b"<base href=//t.test/>" + svg + b"<g title='>>' style='x:url(#a)'></g></svg>"
    assert {in_chunks(page, [size]) for size in range(1, 60)} == {whole(page)}


# A page that goes on in one construct without end: all that may be held of it, besides the chunk just fed.
ENDLESS = {
    "text": (b"<p>", b"text ", 0),
    "tags": (b"<p>", b"<b>x</b>", 8),
    "images": (b"<p>", b"<img src=//t.test/x>", 20),
    "a comment": (b"<!--", b"- -", 4),
    "a declaration": (b"<!x", b"x", 0),
    "a title": (b"<title>", b"</titl ", 10),
    "plaintext": (b"<plaintext>", b"</plaintext>", 0),
    "CDATA": (b"<svg><![CDATA[", b"]] ", 4),
    "a harmless script": (b"<script src=/own.js>", b"x;</scrip ", 10),
    "a data block": (b"<script type=application/json>", b"{}", 10),
    "noscript": (b"<noscript>", b"<p>x", 8),
    "svg": (b"<svg>", b"<g>", 8),
    "a template": (b"<template>", b"<img src=//t.test/x>", 20),
    "an open tag": (b"<p ", b"a ", LIMIT),
    "an open value": (b"<p a='", b"a ", LIMIT),
    "an open src": (b"<img src='", b"a", LIMIT),
    "a tag's name": (b"<a", b"a", LIMIT),
    "a script": (b"<script>", b"track(1);", LIMIT),
    "a script's comment": (b"<script><!--", b"<script>x</script>", LIMIT),
    "an svg script": (b"<svg><script>", b"x<b>", LIMIT),
    "a style": (b"<style>", b"a{b:c}", LIMIT),
}


@pytest.mark.parametrize("size", [61, 4_096, 1 << 18])
@pytest.mark.parametrize("what", ENDLESS)
def test_no_more_is_held_than_what_cannot_be_decided_yet(what: str, size: int) -> None:
    head, piece, allowed = ENDLESS[what]
    length = 200_000 if allowed < LIMIT else LIMIT + 3 * size + 100_000
    page = head + piece * (length // len(piece))
    rewriter = Rewriter(RULES, b"")
    out = 0
    for at in range(0, len(page), size):
        out += len(rewriter.feed(page[at : at + size]))
        fed = min(at + size, len(page))
        assert fed - out <= len(head) + allowed + GATHERED + (size if allowed else 0), (fed, out)


@pytest.mark.parametrize("head", [b"<p>x<b", b"<svg><g", b"<template><b", b"<noscript><b"])
def test_a_tag_that_came_in_two_chunks_is_not_held_once_it_is_over(head: bytes) -> None:
    rewriter = Rewriter(RULES, b"")
    rewriter.feed(head)
    out = rewriter.feed(b"><!-- a comment") + rewriter.feed(b"without end > " * 2_000)
    assert len(out) > 20_000


@pytest.mark.parametrize("seed", range(5))
def test_cut_at_any_single_byte_a_soup_comes_out_the_same(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a reproducible sample
    page = b"".join(soups.page(f"{seed} {family}", family) for family in soups.FAMILIES)
    expected = whole(page)
    for at in rng.sample(range(len(page)), min(len(page), 400)):
        assert cut_at(page, at) == expected, page[at - 20 : at + 20]


def cut_at(page: bytes, at: int) -> bytes:
    rewriter = Rewriter(RULES, STARTER)
    return rewriter.feed(page[:at]) + rewriter.feed(page[at:]) + rewriter.close()
