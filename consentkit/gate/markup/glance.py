"""Start tags that can be let be at a glance: most of a page's are of these kinds."""

import re
from typing import Final

from consentkit.gate.markup.tags import many

_LOCAL: Final = re.compile(
    rb"<(?!script)[^:&\\/]*+" + many(rb"/(?![\t\n\r]*[/\\])[^:&\\/]*+") + rb"\Z", re.IGNORECASE
)
_HANDLER: Final = re.compile(rb"[\t\n\f\r /\"'][oO][nN][a-zA-Z]++[\t\n\f\r ]*+=")
# Links that are only links: the one attribute of that name, as everybody writes it.
_MERE_LINK: Final = re.compile(
    rb"[\t\n\f\r ]rel=([\"']?)(?:canonical|alternate|shortlink|pingback|profile|amphtml|edituri|wlwmanifest"
    rb"|author|publisher|license|me|prev|search|image_src)\1[\t\n\f\r />]"
)


def is_local(tag: bytes) -> bool:
    """Whether a tag can't name another host, nor run anything.

    It holds no scheme, no two slashes (TAB, LF and CR between them don't count), no character reference to
    write one with, and no handler. A script is never that: its body has to be looked at.
    """
    return _LOCAL.match(tag) is not None and _HANDLER.search(tag) is None


def is_mere(tag: bytes) -> bool:
    """Whether a tag is one of those that fill a page's head and load nothing, at a glance."""
    element = tag[1:6].lower()
    if element not in (b"meta ", b"link ", b"input"):
        return False
    text = tag.lower()
    if b"style" in text or _HANDLER.search(text) is not None:
        return False
    if element == b"meta ":
        return b"http-equiv" not in text
    if element == b"link ":
        return _MERE_LINK.search(text) is not None and text.count(b"rel") == 1
    return b"image" not in text and b"&" not in text
