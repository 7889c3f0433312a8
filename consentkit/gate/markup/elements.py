"""Which attributes of which elements load or announce something."""

import re
from collections.abc import Iterator
from typing import Final

REFS: Final = (b"href", b"xlink:href")
# By name alone, whatever the namespace: preload scanners don't know namespaces either.
LOADING: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"script": (b"src", *REFS),
    b"iframe": (b"src", b"srcdoc"),
    b"frame": (b"src",),
    b"portal": (b"src",),
    b"embed": (b"src",),
    b"object": (b"data",),
    b"img": (b"src", b"srcset"),
    b"image": (b"src", b"srcset", *REFS),
    b"feimage": REFS,
    b"use": REFS,
    b"source": (b"src", b"srcset"),
    b"video": (b"src", b"poster"),
    b"audio": (b"src",),
    b"track": (b"src",),
    b"input": (b"src",),
    b"link": (b"href", b"imagesrcset"),
}
_ALSO_RENAMED: Final = {b"script": (b"type",), b"link": (b"rel",)}

HINTS: Final = frozenset({"preconnect", "dns-prefetch"})
# fmt: off
FETCHING: Final = frozenset((
    "stylesheet", "preload", "modulepreload", "prefetch", "prerender", "icon", "apple-touch-icon",
    "apple-touch-icon-precomposed", "mask-icon", "manifest",
))
# WHATWG MIME Sniffing 4.6, JavaScript MIME types (compared whole: a parameter makes it a data block).
SCRIPT_TYPES: Final = frozenset((
    "application/ecmascript", "application/javascript", "application/x-ecmascript",
    "application/x-javascript", "text/ecmascript", "text/javascript", "text/javascript1.0",
    "text/javascript1.1", "text/javascript1.2", "text/javascript1.3", "text/javascript1.4",
    "text/javascript1.5", "text/jscript", "text/livescript", "text/x-ecmascript", "text/x-javascript",
    "module",
))
# fmt: on
BLANK: Final = "\t\n\f\r "
_DESCRIPTORS: Final = re.compile(r"(?:[^,(]|\([^)]*(?:\)|$))*")


def candidates(srcset: str) -> Iterator[str]:
    """The URLs of a `srcset` (HTML 4.8.4.2.1, "parsing a srcset attribute")."""
    at, end = 0, len(srcset)
    while True:
        while at < end and srcset[at] in BLANK + ",":
            at += 1
        if at == end:
            return
        start = at
        while at < end and srcset[at] not in BLANK:
            at += 1
        url = srcset[start:at]
        yield url.rstrip(",")
        if not url.endswith(","):
            found = _DESCRIPTORS.match(srcset, at)
            at = found.end() if found else end


def renamed(name: bytes) -> tuple[bytes, ...]:
    """The attributes of a blocked element that lose their names (none for elements that load nothing)."""
    return LOADING.get(name, ()) + _ALSO_RENAMED.get(name, ())
