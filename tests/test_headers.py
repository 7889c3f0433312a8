"""Header rules around a rewritten page."""

import pytest

from consentkit.gate import headers as rules


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
    assert rules.may_be_page(headers) is page


def test_a_page_request_can_only_be_answered_whole_plain_and_current() -> None:
    headers = [
        (b"accept-encoding", b"gzip, br"),
        (b"if-modified-since", b"Mon, 01 Jan 2024 00:00:00 GMT"),
        (b"range", b"bytes=0-9"),
        (b"if-none-match", b'"old", "abc-ck12345678", W/"def-ck12345678", "ghi-ck00000000"'),
        (b"accept-language", b"fr"),
    ]
    assert rules.page_request(headers, b"-ck12345678") == [
        (b"if-none-match", b'"abc", W/"def"'),
        (b"accept-language", b"fr"),
    ]
    assert rules.page_request([(b"if-none-match", b"*")], b"-ck12345678") == []


def test_an_entity_tag_gets_our_mark_inside_its_quotes() -> None:
    assert rules.tagged(b'"abc"', b"-ck1") == b'"abc-ck1"'
    assert rules.tagged(b'W/"abc"', b"-ck1") == b'W/"abc-ck1"'
    assert rules.tagged(b"odd", b"-ck1") == b"odd"


@pytest.mark.parametrize(
    ("content_type", "page"),
    [
        (b"text/html", True),
        (b"Text/HTML; charset=utf-8", True),
        (b" application/xhtml+xml ", True),
        (b"application/json", False),
        (b"text/htmlx", False),
        (b"text/plain; x=text/html", False),
    ],
)
def test_what_browsers_read_as_a_page(content_type: bytes, page: bool) -> None:
    assert rules.is_page_type(content_type) is page


@pytest.mark.parametrize(
    ("before", "control", "vary"),
    [
        ([], b"private", b"Cookie"),
        ([(b"cache-control", b"public, max-age=60")], b"private, max-age=60", b"Cookie"),
        ([(b"cache-control", b"s-maxage=9, max-age=60")], b"private, max-age=60", b"Cookie"),
        ([(b"cache-control", b"no-store"), (b"vary", b"Accept")], b"no-store", b"Accept, Cookie"),
        ([(b"cache-control", b"private"), (b"vary", b"Cookie")], b"private", b"Cookie"),
        ([(b"vary", b"*")], b"private", b"*"),
    ],
)
def test_an_answer_that_depends_on_the_visitor_is_private(
    before: rules.Headers, control: bytes, vary: bytes
) -> None:
    headers = rules.personal([(b"x", b"1"), *before])
    assert headers[0] == (b"x", b"1")
    assert rules.first(headers, b"cache-control") == control
    assert rules.first(headers, b"vary") == vary


def test_a_link_header_loses_only_what_is_blocked() -> None:
    value = b"<https://t.example/a.js>; rel=preload; as=script, </own.css>; rel=preload"
    assert rules.without_announcements(value, lambda url: "t.example" in url) == b"</own.css>; rel=preload"
    assert rules.without_announcements(value, lambda url: False) is value
    assert rules.without_announcements(value, lambda url: True) == b""


@pytest.mark.parametrize(
    ("policies", "nonce"),
    [
        ([b"default-src 'self'; script-src 'self' 'nonce-r4nd0m=='"], "r4nd0m=="),
        ([b"default-src 'nonce-abc'"], "abc"),
        ([b"style-src 'nonce-abc'"], None),
        ([b"script-src 'self'"], None),
        ([], None),
    ],
)
def test_the_page_s_nonce_for_scripts_is_found(policies: list[bytes], nonce: str | None) -> None:
    assert rules.script_nonce(policies) == nonce
