"""What a URL carries within itself: a script in `javascript:`, a document or a script in `data:`."""

import re
from base64 import b64decode
from collections.abc import Iterator
from html import escape, unescape
from typing import Final
from urllib.parse import unquote_to_bytes

from consentkit.gate.prescan import shifts

DOCUMENTS: Final = frozenset(("text/html",))
"""The types of `data:`, as `data_of` tells them, that a frame shows as a document, which may load things."""

ANYTHING: Final = '@import "//\u0378/";import "//\u0378/";<img src="//\u0378/">'.encode()
"""A document, a stylesheet and a script in one that contacts a host of which nobody can tell whose it is.

It stands for what can't be read, and so is blocked for good, as the service "".
"""
# Labels of encodings in which the bytes of markup may be anything (Encoding Standard, 4.2, and older ones).
_UNREADABLE: Final = re.compile(
    r"utf-?(?:7|16|32)|ucs-?[24]|iso-?10646|unicode(?!\d|-1-1-utf-8)|iso-?2022|hz-gb", re.IGNORECASE
)
_MARKS: Final = (b"\xfe\xff", b"\xff\xfe")
_XML: Final = re.compile(r".+/(?:xml|xsl)|.+\+xml")
# An absolute URL anywhere in XML. What declares a namespace is no address.
_NAMED: Final = re.compile(
    r"(xmlns(?::[\w.-]+)?\s*=\s*[\"']\s*)?+(?:(?<![^\s\"'<>(,;])|(?<=url=))"
    r"((?:https?|wss?):[/\\]*+[^\s\"'<>()]+|[/\\]{2}[^\s\"'<>()]+)",
    re.IGNORECASE,
)
_NAMESPACES: Final = ("http://www.w3.org/", "https://www.w3.org/")
_CODE: Final = re.compile(r"script|\bon[a-z]+\s*+=", re.IGNORECASE)
_OF_SCRIPT: Final = re.compile(r"<(?=/script|!--)", re.IGNORECASE)

_TRIMMED: Final = "".join(map(chr, range(0x21)))
_DROPPED: Final = {ord(char): None for char in "\t\n\r"}
_BASE64: Final = re.compile(r"; *base64 *\Z", re.IGNORECASE)


def script_of(url: str) -> bytes | None:
    """The code of a `javascript:` URL; None for any other."""
    cleaned = url.strip(_TRIMMED).translate(_DROPPED)
    return _bytes(cleaned[11:]) if cleaned[:11].lower() == "javascript:" else None


def data_of(url: str) -> tuple[str, bytes] | None:
    """The type (lower case, without parameters) and the bytes of a `data:` URL; None for any other.

    Fetch Standard, section 6 (data: URLs). XML comes as `text/html` that contacts all whose URLs it names,
    however it uses them; and what is in an encoding that can't be read, as `ANYTHING`.
    """
    cleaned = url.strip(_TRIMMED).translate(_DROPPED)
    if cleaned[:5].lower() != "data:":
        return None
    head, comma, text = cleaned[5:].partition("#")[0].partition(",")
    if not comma:
        return None
    body = _bytes(text)
    if _BASE64.search(head):
        body = _decoded(body)
    kind, _, parameters = head.partition(";")
    kind = kind.strip(" ").lower()
    xml = _XML.fullmatch(kind) is not None
    if _UNREADABLE.search(parameters) or b"\0" in body or body.startswith(_MARKS) or shifts(body):
        body = ANYTHING
    elif xml:
        body = _as_html(body.decode("utf-8", "replace")).encode("utf-8", "replace")
    return "text/html" if xml else kind, body


def _as_html(xml: str) -> str:
    """XML with all it names and runs put before it as HTML, as its own elements may have any name there.

    What declares entities or default values can make up more than it shows.
    """
    if "<!ENTITY" in xml or "<!ATTLIST" in xml:
        return ANYTHING.decode()
    text = unescape(xml)
    named = "".join(f'<img src="{escape(url)}">' for url in dict.fromkeys(_named(text)))
    code = f"<script>{_OF_SCRIPT.sub(' ', text)}</script>" if _CODE.search(text) else ""
    return named + code + xml


def _named(text: str) -> Iterator[str]:
    for way in (text, text.translate(_DROPPED)):  # URLs are read without line breaks, if they have any
        for declared, url in _NAMED.findall(way):
            if not declared and not url.startswith(_NAMESPACES):
                yield url


def _bytes(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "replace"))


def _decoded(text: bytes) -> bytes:
    """Forgiving base64 (Infra Standard, section 8): its padding may be missing."""
    letters = text.translate(None, b"\t\n\f\r ").rstrip(b"=")
    return b64decode(letters + b"=" * (-len(letters) % 4)) if len(letters) % 4 != 1 else b""
