"""What an answer is to a browser: a page, or not; and whether a page's bytes can be read here.

Sources: WHATWG Fetch ("extract a MIME type"), MIME Sniffing 7, Encoding 4.2 (labels) and 6.1 (BOM).
"""

import re
import zlib

from consentkit.gate.coding import Unreadable, decoder
from consentkit.gate.headers import Headers, values

XHTML = b"application/xhtml+xml"
PAGE_TYPES = (b"text/html", XHTML)
UNKNOWN_TYPES = (b"*/*", b"unknown/unknown", b"application/unknown")
TYPE = re.compile(rb"[^\s/,;]+/[^\s/,;]+")
# Labels under which the byte of `<` can be a part of something else.
UNREADABLE_CHARSET = re.compile(
    rb"charset\s*=\s*[\"']?\s*(utf-?(?:16|32|7)|ucs-2|iso-10646-ucs-2|csunicode|unicode(?![-\d])"
    rb"|(?:cs)?iso-?2022|hz-gb-2312)",
    re.IGNORECASE,
)
UNREADABLE_MARKS = (b"\xfe\xff", b"\xff\xfe", b"\0\0\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"
XML = b"<?xml"
PEEK = 4096
"""Bytes held at most while they don't show what an answer is; browsers look at fewer."""


def types(headers: Headers) -> list[bytes]:
    """Return the media types an answer declares, lower-case, without parameters."""
    declared = (
        part.split(b";", 1)[0].strip().lower() for part in values(headers, b"content-type").split(b",")
    )
    return [each for each in declared if TYPE.fullmatch(each)]


def declared_page(headers: Headers) -> bool | None:
    """Return whether an answer's Content-Type is a page's; None where browsers look at the body instead.

    Of several types any that is a page's counts: which one a browser takes depends on the browser.
    """
    found = types(headers)
    if not set(found).isdisjoint(PAGE_TYPES):
        return True
    return None if set(found) <= set(UNKNOWN_TYPES) else False


def is_xhtml(headers: Headers) -> bool:
    """Return whether browsers read a page as XML."""
    found = types(headers)
    return XHTML in found and b"text/html" not in found


def is_page(headers: Headers, head: bytes, *, last: bool) -> bool | None:
    """Return whether an answer is a page that doesn't declare itself something else.

    `head` is its body so far, encoded as it came; `last`, that this is all. None: more bytes are needed.
    Raises Unreadable for a page in bytes that can't be read.
    """
    declared = declared_page(headers)
    opening = _opening(values(headers, b"content-encoding"), head)
    page = (not _cut_mark(opening) or None) if declared else _sniffed(opening)
    if page is None:
        if not last and len(head) < PEEK:
            return None
        page = bool(declared) or not last
    if page:
        _check_charset(headers, opening)
    return page


def _opening(encoding: bytes, head: bytes) -> bytes:
    undo = decoder(encoding)
    try:
        return undo.decompress(head[:PEEK])
    except zlib.error:
        return b"<"  # what a damaged page has left is still a page


def _cut_mark(opening: bytes) -> bool:
    return any(mark.startswith(opening) for mark in UNREADABLE_MARKS if mark != opening)


def _sniffed(opening: bytes) -> bool | None:
    text = opening.removeprefix(UTF8_MARK).lstrip(b"\t\n\x0c\r ")
    if UTF8_MARK.startswith(text) or XML.startswith(text):
        return False if text == XML else None
    return text.startswith(b"<") and not text.startswith(XML)


def _check_charset(headers: Headers, opening: bytes) -> None:
    charset = UNREADABLE_CHARSET.search(values(headers, b"content-type"))
    if charset:
        raise Unreadable(f"its charset is {charset[1].decode('latin-1')}; serve it as UTF-8")
    if opening.startswith(UNREADABLE_MARKS):
        raise Unreadable("it begins with the byte order mark of UTF-16 or UTF-32; serve it as UTF-8")
