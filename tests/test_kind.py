"""What an answer is to a browser, by its type or by its first bytes."""

import gzip

import pytest

from consentkit.gate.coding import Unreadable
from consentkit.gate.kind import declared, is_page, is_xhtml


def typed(*content_types: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", each) for each in content_types]


@pytest.mark.parametrize(
    ("content_types", "page"),
    [
        ([b"text/html"], True),
        ([b"Text/HTML; charset=utf-8"], True),
        ([b" application/xhtml+xml "], True),
        ([b"application/json"], False),
        ([b"text/htmlx"], False),
        ([b"text/plain; x=text/html"], False),
        # Several: browsers differ on which one counts.
        ([b"text/plain", b"text/html"], True),
        ([b"text/html, text/plain"], True),
        ([b"text/plain, application/json"], False),
        # Browsers look at the body.
        ([], None),
        ([b""], None),
        ([b"html"], None),
        ([b"*/*"], None),
        ([b"unknown/unknown; charset=utf-8"], None),
        ([b"application/unknown"], None),
    ],
)
def test_which_types_browsers_read_as_a_page(content_types: list[bytes], page: bool | None) -> None:
    assert declared(typed(*content_types)).page is page


@pytest.mark.parametrize(
    ("head", "last", "page"),
    [
        (b"<!doctype html>", False, True),
        (b"\xef\xbb\xbf \r\n\t<p", False, True),
        (b"{}", False, False),
        (b"<?xml version='1.0'?>", False, False),
        (b"<?php", False, True),
        (b"", False, None),
        (b" \n", False, None),
        (b"\xef\xbb", False, None),
        (b"<?x", False, None),
        (b" \n", True, False),
        (b"<?x", True, False),
        (b" " * 5000, False, True),
    ],
)
def test_without_a_type_the_first_byte_decides(head: bytes, last: bool, page: bool | None) -> None:
    assert is_page([], head, last=last) is page


def test_a_compressed_body_is_looked_into() -> None:
    assert is_page([(b"content-encoding", b"gzip")], gzip.compress(b"<p>"), last=True) is True
    assert is_page([(b"content-encoding", b"gzip")], gzip.compress(b"{}"), last=True) is False


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/html; charset=utf-16",
        b"text/html;charset=UTF-16LE",
        b'text/html; x=y; charset="utf-32"',
        b"text/html; charset = iso-2022-jp",
        b"text/html; charset=csISO2022JP",
        b"text/html; charset=hz-gb-2312",
        b"text/html; charset=utf-7",
        b"text/html; charset=unicode",
        b"application/xhtml+xml; charset=ucs-2",
    ],
)
def test_a_charset_in_which_tags_can_hide_is_refused(content_type: bytes) -> None:
    """A browser finds a tracker there that a reader of ASCII doesn't."""
    with pytest.raises(Unreadable, match="UTF-8"):
        is_page(typed(content_type), b"<p>", last=False)


@pytest.mark.parametrize("charset", [b"utf-8", b"unicode-1-1-utf-8", b"iso-8859-1", b"shift_jis", b"gb18030"])
def test_a_charset_that_keeps_ascii_is_read(charset: bytes) -> None:
    assert is_page(typed(b"text/html; charset=" + charset), b"<p>", last=False) is True


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_byte_order_mark_overrules_the_declared_charset(codec: str) -> None:
    body = "\ufeff<p>".encode(codec) if codec.endswith("be") else "<p>".encode(codec)
    headers = typed(b"text/html; charset=utf-8")
    assert is_page(headers, body[:1], last=False) is None
    with pytest.raises(Unreadable, match="UTF-8"):
        is_page(headers, body, last=False)


def test_only_pages_are_refused() -> None:
    assert is_page([], b"\xff\xfe{\0", last=True) is False


@pytest.mark.parametrize(
    ("content_types", "xhtml"),
    [
        ([b"application/xhtml+xml"], True),
        ([b"text/html"], False),
        ([b"text/html, application/xhtml+xml"], False),
        ([], False),
    ],
)
def test_xhtml_is_what_is_declared_so_alone(content_types: list[bytes], xhtml: bool) -> None:
    assert is_xhtml(typed(*content_types)) is xhtml


HTML = [(b"content-type", b"text/html")]


@pytest.mark.parametrize(
    "opening",
    [
        b"<!doctype html><meta charset=iso-2022-jp><p>",
        b"<html><META http-equiv='Content-Type' content='text/html; charset=\"ISO-2022-JP\"'>",
        b"<!-- a > b --><?php ?></ ><div title='<meta charset=utf-8>'><meta charset = csISO2022JP />",
        b"<meta name=x charset=hz-gb-2312>",
        b"<?xml version='1.0' encoding='iso-2022-jp'?><html>",
        b"<meta charset=''><meta charset=utf-7>",
        "<p>".encode("utf-16-le"),
        "<p>".encode("utf-16-be"),
    ],
)
def test_a_page_that_names_such_a_charset_itself_is_refused(opening: bytes) -> None:
    """HTML 13.2.3.2: browsers look for it in the first 1,024 bytes."""
    with pytest.raises(Unreadable, match="UTF-8"):
        is_page(HTML, opening, last=False)
    with pytest.raises(Unreadable, match="UTF-8"):
        is_page(typed(b"text/html; charset=no-such-label"), opening, last=False)


@pytest.mark.parametrize(
    "opening",
    [
        b"<meta charset=utf-8><meta charset=iso-2022-jp>",
        b"<!--<meta charset=iso-2022-jp>--><p>",
        b"<p title='<meta charset=iso-2022-jp>'>",
        b"<meta name=charset content='charset=iso-2022-jp'>",
        b"<meta charset=utf-16>",
        b"\xef\xbb\xbf<meta charset=iso-2022-jp>",
        b"<p>" + b" " * 1024 + b"<meta charset=iso-2022-jp>",
    ],
)
def test_what_no_browser_takes_for_the_page_s_charset_is_not(opening: bytes) -> None:
    assert is_page(HTML, opening, last=False)


def test_a_header_settles_the_charset() -> None:
    for charset in (b"utf-8", b"windows-1252", b"Shift_JIS"):
        declared = typed(b"text/html; charset=" + charset)
        assert is_page(declared, b"<meta charset=iso-2022-jp>", last=False)


def test_a_page_that_shifts_between_encodings_behind_its_first_kilobyte_is_refused() -> None:
    """Chromium takes iso-2022-jp from a `<meta>` anywhere in the head, and then `<` may be half a letter."""
    page = b"<title>" + b"x" * 2000 + b"</title><meta charset=iso-2022-jp>\x1b$B<!--\x1b(B<script src=/a>"
    with pytest.raises(Unreadable):
        is_page([(b"content-type", b"text/html")], page, last=True)
    assert is_page([(b"content-type", b"text/html; charset=utf-8")], page, last=True)


def test_a_body_that_is_not_in_the_coding_it_names_is_refused() -> None:
    headers = [(b"content-type", b"text/html"), (b"content-encoding", b"gzip")]
    with pytest.raises(Unreadable):
        is_page(headers, b"<!doctype html><p>plain", last=True)
