"""Which encoding a page names within itself (HTML 13.2.3.2, "prescan a byte stream")."""

import re
from collections.abc import Iterator
from typing import Final

PRESCAN: Final = 1024
"""Bytes of a page in which browsers look for its encoding."""

_SPACE: Final = rb"[\t\n\x0c\r ]"
_XML: Final = re.compile(rb"<\?xml[^>]*?encoding" + _SPACE + rb"*=" + _SPACE + rb"*[\"']([^\"'>]*)[\"']")
_COMMENT: Final = re.compile(rb"<!--(?:-?>|.*?-->)", re.DOTALL)
_OTHER: Final = re.compile(rb"<(?:[!?]|/(?![A-Za-z]))[^>]*>")
_TAG: Final = re.compile(rb"</?([A-Za-z][^\t\n\x0c\r />]*)")
_ATTRIBUTE: Final = re.compile(
    rb"[\t\n\x0c\r /]*([^\t\n\x0c\r />][^\t\n\x0c\r />=]*)"
    rb"(?:"
    + _SPACE
    + rb"*="
    + _SPACE
    + rb"*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\x0c\r >\"'][^\t\n\x0c\r >]*)|(?=>)))?"
)
_IN_CONTENT: Final = re.compile(
    rb"charset" + _SPACE + rb"*=" + _SPACE + rb"*(?:\"([^\"]*)\"|'([^']*)'|([^\t\n\x0c\r ;\"']+))",
    re.IGNORECASE,
)


def declared_charset(opening: bytes) -> bytes:
    """Return the label that a page's first bytes name, as it stands there, or b"" without one."""
    xml = _XML.match(opening)
    if xml:
        return xml[1].strip()
    return next((label for label in _declared(opening) if label), b"")


def shifts(data: bytes) -> bool:
    """Return whether bytes hold an escape sequence of ISO-2022 (RFC 1468), which no page in UTF-8 needs.

    Behind one, the byte of `<` can be half of a Japanese letter, and markup text. Chromium looks for the
    label iso-2022-jp in all of a page's head, not only in its first PRESCAN bytes, if no header settles the
    encoding. A sequence's first two bytes show it, so between two chunks one byte has to be looked at again.
    """
    return b"\x1b" in data and (b"\x1b$" in data or b"\x1b(" in data)


def _declared(opening: bytes) -> Iterator[bytes]:
    """Yield what each `<meta>` names; comments, markup declarations and other tags' values hold none."""
    at = opening.find(b"<")
    while at >= 0:
        skipped = _COMMENT.match(opening, at) or _OTHER.match(opening, at)
        tag = _TAG.match(opening, at)
        if skipped:
            at = skipped.end()
        elif tag:
            attributes, at = _attributes(opening, tag.end())
            if tag[0].lower() == b"<meta":
                yield _meta(attributes)
        else:
            at += 1
        at = opening.find(b"<", at)


def _attributes(opening: bytes, at: int) -> tuple[dict[bytes, bytes], int]:
    found: dict[bytes, bytes] = {}
    while attribute := _ATTRIBUTE.match(opening, at):
        name, *forms = attribute.groups()
        found.setdefault(name.lower(), next((form for form in forms if form), b""))
        at = attribute.end()
    return found, at


def _meta(attributes: dict[bytes, bytes]) -> bytes:
    if b"charset" in attributes:
        return attributes[b"charset"].strip()
    if attributes.get(b"http-equiv", b"").strip().lower() != b"content-type":
        return b""
    found = _IN_CONTENT.search(attributes.get(b"content", b""))
    return next((form for form in found.groups() if form), b"").strip() if found else b""
