"""What an answer is to a browser: a page, or not; and whether a page's bytes can be read here.

Sources: WHATWG Fetch ("extract a MIME type"), MIME Sniffing 7, Encoding 4.2 (labels) and 6.1 (BOM), HTML
13.2.3.2 (which declaration of an encoding counts).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from consentkit.gate.coding import DAMAGE, Unreadable, decoder
from consentkit.gate.headers import Headers, values
from consentkit.gate.prescan import PRESCAN, declared_charset, shifts

XHTML = b"application/xhtml+xml"
PAGE_TYPES = (b"text/html", XHTML)
UNKNOWN_TYPES = (b"*/*", b"unknown/unknown", b"application/unknown")
TYPE = re.compile(rb"[^\s/,;]+/[^\s/,;]+")
CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([^\s\"';,]+)", re.IGNORECASE)
# Labels under which the byte of `<` can be a part of something else.
SWITCHING = rb"utf-?7|unicode-1-1-utf-7|csunicode11utf7|(?:cs)?iso-?2022|hz-gb-2312"
UNREADABLE_CHARSET = re.compile(
    SWITCHING + rb"|utf-?(?:16|32)|ucs-2|iso-10646-ucs-2|csunicode|unicode(?![-\d])", re.IGNORECASE
)
# Within the page, UTF-16 and UTF-32 can't be meant: this very label was read as ASCII.
UNREADABLE_INSIDE = re.compile(SWITCHING, re.IGNORECASE)
# Labels that settle the matter, so that browsers look at none within the page.
SETTLED_CHARSET = re.compile(
    rb"utf-?8|unicode-1-1-utf-8|us-ascii|ascii|latin\d|iso-?8859-?\d+|windows-\d+|cp125\d|koi8-[ru]"
    rb"|shift[-_]jis|euc-(?:jp|kr)|gbk|gb2312|gb18030|big5|macintosh",
    re.IGNORECASE,
)
UNREADABLE_MARKS = (b"\xfe\xff", b"\xff\xfe", b"\0\0\xfe\xff")
LONGEST_MARK = 4
UTF8_MARK = b"\xef\xbb\xbf"
WIDE = (b"<\0", b"\0<")
"""How UTF-16 begins without a byte order mark (HTML 13.2.3.2; XML, appendix F.1)."""
XML = b"<?xml"
PEEK = 4096
"""Bytes held at most while they don't show what an answer is; browsers look at fewer."""


def types(headers: Headers) -> list[bytes]:
    """Return the media types an answer declares, lower-case, without parameters."""
    declared = (
        part.split(b";", 1)[0].strip().lower() for part in values(headers, b"content-type").split(b",")
    )
    return [each for each in declared if TYPE.fullmatch(each)]


class Declared(NamedTuple):
    """What a Content-Type says an answer is.

    page: whether it is a page; None where browsers look at the body instead. Of several types any that is a
    page's counts: which one a browser takes depends on the browser. xhtml: whether browsers read it as XML.
    asks: whether browsers look into the page for its encoding. unreadable: the charset, if it can't be read.
    """

    page: bool | None
    xhtml: bool
    asks: bool
    unreadable: str | None


def declared(headers: Headers) -> Declared:
    """Return what an answer's Content-Type says it is."""
    return declared_as(values(headers, b"content-type"))


@lru_cache(maxsize=256)  # asked several times about every answer, and a site has few
def declared_as(content_type: bytes) -> Declared:
    """Return what a Content-Type says, b"" where an answer has none."""
    found = types([(b"content-type", content_type)])
    page = not set(found).isdisjoint(PAGE_TYPES) or (None if set(found) <= set(UNKNOWN_TYPES) else False)
    charset = CHARSET.search(content_type)
    asks = charset is None or SETTLED_CHARSET.fullmatch(charset[1]) is None
    unreadable = (
        charset[1].decode("latin-1").lower() if charset and UNREADABLE_CHARSET.match(charset[1]) else None
    )
    return Declared(page, XHTML in found and b"text/html" not in found, asks, unreadable)


def is_xhtml(headers: Headers) -> bool:
    """Return whether browsers read a page as XML."""
    return declared(headers).xhtml


def is_plain_page(says: Declared, body: bytes) -> bool:
    """Return whether a whole body, not encoded, is HTML that can be read: what `is_page` finds, in less time.

    False only means that it takes a closer look.
    """
    if not says.page or says.xhtml or says.unreadable is not None:
        return False
    if len(body) < LONGEST_MARK or body.startswith(UNREADABLE_MARKS):
        return False
    return not says.asks or (_readable_within(body[:PRESCAN]) and not shifts(body))


@lru_cache(maxsize=64)  # pages of one site often begin alike
def _readable_within(opening: bytes) -> bool:
    try:
        check_within(opening)
    except Unreadable:
        return False
    return True


def is_page(headers: Headers, head: bytes, *, last: bool) -> bool | None:
    """Return whether an answer is a page that doesn't declare itself something else.

    `head` is its body so far, encoded as it came; `last`, that this is all. None: more bytes are needed.
    Raises Unreadable for a page in bytes that can't be read.
    """
    says = declared(headers)
    opening = _opening(values(headers, b"content-encoding"), head)
    page = (not _cut_mark(opening) or None) if says.page else _sniffed(opening)
    if page is None:
        if not last and len(head) < PEEK:
            return None
        page = bool(says.page) or not last
    if page:
        _check_charset(says, opening)
    return page


def _opening(encoding: bytes, head: bytes) -> bytes:
    if not encoding:
        return head[:PEEK]
    opening = b""
    try:
        for piece in decoder(encoding).pieces(head[:PEEK]):
            opening += piece
            if len(opening) >= PEEK:
                break
    except DAMAGE as damage:
        if not opening:
            name = encoding.decode("latin-1")
            raise Unreadable(name, f"its content-encoding says {name!r}, and it isn't that") from damage
    return opening


def _cut_mark(opening: bytes) -> bool:
    return len(opening) < LONGEST_MARK and any(
        mark.startswith(opening) for mark in UNREADABLE_MARKS if mark != opening
    )


def _sniffed(opening: bytes) -> bool | None:
    text = opening.removeprefix(UTF8_MARK).lstrip(b"\t\n\x0c\r ")
    if UTF8_MARK.startswith(text) or XML.startswith(text):
        return False if text == XML else None
    return text.startswith(b"<") and not text.startswith(XML)


def _check_charset(says: Declared, opening: bytes) -> None:
    if opening.startswith(UNREADABLE_MARKS):
        raise Unreadable(
            "utf-16", "it begins with the byte order mark of UTF-16 or UTF-32; serve it as UTF-8"
        )
    if opening.startswith(UTF8_MARK):
        return  # overrules every other declaration
    if says.unreadable is not None:
        raise Unreadable(says.unreadable, f"its charset is {says.unreadable}; serve it as UTF-8")
    if says.asks:
        check_within(opening)
        if shifts(opening):
            raise Unreadable("iso-2022", "it shifts between encodings; serve it as UTF-8")


def asks_within(headers: Headers) -> bool:
    """Return whether browsers look into a page for its encoding: its headers don't settle it."""
    return declared(headers).asks


def check_within(opening: bytes) -> None:
    """Raise Unreadable if a page's first PRESCAN bytes, or those there are, name an encoding that is."""
    if opening.startswith(UTF8_MARK):
        return
    if opening.startswith(WIDE):
        raise Unreadable("utf-16", "it begins as UTF-16 does; serve it as UTF-8")
    label = declared_charset(opening[:PRESCAN])
    if UNREADABLE_INSIDE.match(label):
        what = label.decode("latin-1").lower()
        raise Unreadable(what, f"it says that its charset is {what}; serve it as UTF-8")
