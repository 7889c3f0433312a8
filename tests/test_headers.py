"""Header rules around a rewritten page."""

import pytest

from consentkit.gate import headers as rules
from consentkit.gate.layout import ASKED, names_of


@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ([(b"sec-fetch-dest", b"document")], True),
        ([(b"sec-fetch-dest", b"iframe"), (b"accept", b"image/*")], True),
        ([(b"sec-fetch-dest", b"empty")], True),
        ([(b"sec-fetch-dest", b"image"), (b"accept", b"text/html")], False),
        ([(b"sec-fetch-dest", b"script")], False),
        ([(b"accept", b"text/html,application/xhtml+xml;q=0.9")], True),
        ([(b"accept", b"image/avif,image/webp")], False),
        ([(b"accept", b"*/*")], True),
        ([], True),
    ],
)
def test_which_requests_may_bring_a_page(headers: rules.Headers, page: bool) -> None:
    assert ASKED[names_of(headers)].may_be_page(headers) is page


def test_a_page_request_s_conditions_are_those_of_this_edition() -> None:
    headers = [
        (b"if-none-match", b'"old", "abc-ck12345678", W/"def-ck12345678", "ghi-ck00000000"'),
        (b"accept-language", b"fr"),
    ]
    assert rules.page_conditions(headers, b"-ck12345678") == [(b"if-none-match", b'"abc", W/"def"')]
    assert rules.page_conditions([(b"if-none-match", b"*")], b"-ck12345678") == []


def test_an_entity_tag_gets_our_mark_inside_its_quotes() -> None:
    assert rules.tagged(b'"abc"', b"-ck1") == b'"abc-ck1"'
    assert rules.tagged(b'W/"abc"', b"-ck1") == b'W/"abc-ck1"'
    assert rules.tagged(b"odd", b"-ck1") == b"odd"


@pytest.mark.parametrize(
    ("before", "control", "vary"),
    [
        ([], b"private", b"Cookie"),
        ([(b"cache-control", b"public, max-age=60")], b"private, max-age=60", b"Cookie"),
        ([(b"cache-control", b"s-maxage=9, max-age=60")], b"private, max-age=60", b"Cookie"),
        ([(b"cache-control", b"no-store"), (b"vary", b"Accept")], b"no-store", b"Accept, Cookie"),
        ([(b"cache-control", b"private"), (b"vary", b"Cookie")], b"private", b"Cookie"),
        ([(b"vary", b"*")], b"private", b"*"),
        (
            [(b"cache-control", b"a=6"), (b"cache-control", b"no-store")],
            b"a=6, no-store",
            b"Cookie",
        ),
        ([(b"cache-control", b'private="set-cookie, x", max-age=9')], b"private, max-age=9", b"Cookie"),
        ([(b"vary", b"Accept"), (b"vary", b"X-Cookie-Kind")], b"private", b"Accept, X-Cookie-Kind, Cookie"),
    ],
)
def test_an_answer_that_depends_on_the_visitor_is_private(
    before: rules.Headers, control: bytes, vary: bytes
) -> None:
    headers = rules.personal([(b"x", b"1"), *before])
    assert headers[0] == (b"x", b"1")
    assert rules.first(headers, b"cache-control") == control
    assert rules.first(headers, b"vary") == vary


@pytest.mark.parametrize(
    ("control", "uncacheable"),
    [
        (b"max-age=1, Private", True),
        (b"no-store", True),
        (b'private="set-cookie"', False),
        (b'private = "set-cookie, no-store"', False),
        (b"x-private=1", False),
        (b"", False),
    ],
)
def test_only_a_bare_private_or_no_store_keeps_every_cache_away(control: bytes, uncacheable: bool) -> None:
    """RFC 9111, 5.2.2.7: with a field list, the rest of the answer may be stored for everybody."""
    assert rules.is_uncacheable([(b"cache-control", control)]) is uncacheable


@pytest.mark.parametrize(
    "name", [b"cdn-cache-control", b"vercel-cdn-cache-control", b"surrogate-control", b"x-accel-expires"]
)
def test_what_speaks_to_one_cache_alone_counts_as_well(name: bytes) -> None:
    """RFC 9213, 2.2: such a cache heeds nothing else."""
    headers = [(b"cache-control", b"private"), (name, b"max-age=600")]
    assert not rules.is_uncacheable(headers)
    assert rules.is_uncacheable([(b"cache-control", b"private"), (name, b"no-store")])
    assert rules.personal(headers) == [(b"cache-control", b"private"), (b"vary", b"Cookie")]


def test_a_rewritten_page_says_nothing_of_its_old_bytes() -> None:
    stale = (
        b"content-length",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"content-md5",
        b"last-modified",
    )
    headers = [(name, b"x") for name in stale] + [(b"etag", b'"a"'), (b"x-own", b"1")]
    assert rules.page_headers(headers, b"-ck1") == [(b"etag", b'"a-ck1"'), (b"x-own", b"1")]


@pytest.mark.parametrize(
    ("disposition", "download"),
    [(b"attachment", True), (b'Attachment; filename="a.html"', True), (b"inline", False), (b"", False)],
)
def test_what_browsers_save(disposition: bytes, download: bool) -> None:
    assert rules.is_download([(b"content-disposition", disposition)]) is download
