"""What a URL carries within itself: a script in `javascript:`, a document or a script in `data:`."""

import re
from base64 import b64decode
from typing import Final
from urllib.parse import unquote_to_bytes

DOCUMENTS: Final = frozenset(
    ("text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml")
)
"""The types of `data:` that a frame shows as a document, which may load and run things."""

_TRIMMED: Final = "".join(map(chr, range(0x21)))
_DROPPED: Final = {ord(char): None for char in "\t\n\r"}
_BASE64: Final = re.compile(r"; *base64 *\Z", re.IGNORECASE)


def script_of(url: str) -> bytes | None:
    """The code of a `javascript:` URL; None for any other."""
    cleaned = url.strip(_TRIMMED).translate(_DROPPED)
    return _bytes(cleaned[11:]) if cleaned[:11].lower() == "javascript:" else None


def data_of(url: str) -> tuple[str, bytes] | None:
    """The type (lower case, without parameters) and the bytes of a `data:` URL; None for any other.

    Fetch Standard, section 6 (data: URLs).
    """
    cleaned = url.strip(_TRIMMED).translate(_DROPPED)
    if cleaned[:5].lower() != "data:":
        return None
    kind, comma, text = cleaned[5:].partition("#")[0].partition(",")
    if not comma:
        return None
    body = _bytes(text)
    if _BASE64.search(kind):
        body = _decoded(body)
    return kind.partition(";")[0].strip(" ").lower(), body


def _bytes(text: str) -> bytes:
    return unquote_to_bytes(text.encode("utf-8", "replace"))


def _decoded(text: bytes) -> bytes:
    """Forgiving base64 (Infra Standard, section 8): its padding may be missing."""
    letters = text.translate(None, b"\t\n\f\r ").rstrip(b"=")
    return b64decode(letters + b"=" * (-len(letters) % 4)) if len(letters) % 4 != 1 else b""
