"""The grammar of tags on bytes: where a tag ends, what its attributes say, how it is made inert.

Everything works on bytes of any ASCII-compatible charset: no trail byte of one equals `<>"'=/` or whitespace
in a place where it would change the reading. Source: HTML Living Standard, 13.2.5 (tokenization).
"""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5
from typing import Final

PREFIX: Final = b"data-consentkit-"
"""What is put before the name of an attribute that would load something."""

_SPACE: Final = rb"\t\n\f\r "

# One attribute. A quote counts only right after "="; a name is over only when a byte that isn't "=" follows,
# an unquoted value only when its terminator is there. So the pattern fails on an incomplete attribute, never
# changes its reading when more bytes arrive, and, being possessive, never backtracks.
_ATTRIBUTE: Final = (
    rb"[W/]*+([^W/>][^W/>=]*+)"
    rb"(?:[W]*+=[W]*+(?:\"([^\"]*+)\"|'([^']*+)'|([^W>\"'][^W>]*+)(?=[W>])|(?=>))|(?=[W]*+[^W=]))"
)


def grammar(pattern: bytes, **parts: bytes) -> re.Pattern[bytes]:
    """Compile a pattern in which `W` stands for HTML's whitespace and `%NAME%` for a part."""
    for name, part in parts.items():
        pattern = pattern.replace(b"%" + name.encode() + b"%", part)
    return re.compile(pattern.replace(b"W", _SPACE), re.DOTALL)


# CPython before 3.11.5 goes on from the wrong place when a possessive repeat's last round fails half-way
# (gh-106052); atomic groups say the same, slower. Debian 12 has 3.11.2.
_POSSESSIVE: Final = re.match(rb"(?:ab?+c)*+a", b"aca") is not None


def many(pattern: bytes, most: int | None = None) -> bytes:
    """Any number of rounds (or up to `most`), as many as there are, none given back."""
    rounds = b"*" if most is None else b"{0,%d}" % most
    repeated = rb"(?:" + pattern + rb")" + rounds
    return repeated + b"+" if _POSSESSIVE else rb"(?>" + repeated + rb")"


def maybe(pattern: bytes) -> bytes:
    """One round if there is one, not given back."""
    return rb"(?:" + pattern + rb")?+" if _POSSESSIVE else rb"(?>(?:" + pattern + rb")?)"


def either(names: Iterable[str]) -> bytes:
    """A pattern matching any of the names in any letter case, factored so that misses are cheap."""
    return _alternation(_trie(names))


def besides(names: Iterable[str], *, lower: bool = False) -> bytes:
    """A pattern matching a name's beginning if that alone tells it from all of these, and from what begins
    like one of them; what it doesn't match may be any. `lower`: it matches no letter that isn't lower-case.
    """
    return _beginning(_trie(names), b"A-ZW/>=" if lower else b"W/>=", 3)


def _trie(names: Iterable[str]) -> dict:  # type: ignore[type-arg]
    trie: dict[str, dict] = {}  # type: ignore[type-arg]
    for name in names:
        node = trie
        for letter in name:
            node = node.setdefault(letter, {})
        node[""] = {}
    return trie


def _alternation(node: dict) -> bytes:  # type: ignore[type-arg]
    branches = [_letter(letter) + _alternation(child) for letter, child in node.items() if letter]
    if "" in node:
        return maybe(b"|".join(branches)) if branches else b""
    return branches[0] if len(branches) == 1 else rb"(?:" + b"|".join(branches) + rb")"


def _beginning(node: dict, never: bytes, depth: int) -> bytes:  # type: ignore[type-arg]
    letters = b"".join(_letter(letter).strip(b"[]") for letter in node)
    branches = [b"[^%b%b]" % (letters, never)]
    if depth > 1:
        longer = ((letter, child) for letter, child in node.items() if "" not in child)
        branches += [
            (letter.encode() if b"A-Z" in never else _letter(letter)) + _beginning(child, never, depth - 1)
            for letter, child in longer
        ]
    return branches[0] if len(branches) == 1 else rb"(?:" + b"|".join(branches) + rb")"


def _letter(letter: str) -> bytes:
    lower, upper = letter.lower().encode(), letter.upper().encode()
    # "W" is the grammar's own letter for whitespace: written as a code it passes untouched.
    return (
        b"[" + lower + (rb"\x57" if upper == b"W" else upper) + b"]" if lower != upper else re.escape(lower)
    )


NAME: Final = rb"[a-zA-Z][^W/>]*+"
VALUE: Final = (
    rb"(?:=\"[^\"]*+\"|[W]*+=[W]*+(?:\"[^\"]*+\"|'[^']*+'|[^W>\"'][^W>]*+(?=[W>])|(?=>))|(?=[W]*+[^W=]))"
)
"""What follows an attribute's name, as in `_ATTRIBUTE`, the usual form first."""
ATTRIBUTES: Final = many(rb"[W/]*+[^W/>][^W/>=]*+" + VALUE)

TAG: Final = grammar(rb"</?+(" + NAME + rb")" + ATTRIBUTES + rb"([W/]*+)>")
"""A complete start or end tag; the second group ends with a slash if the tag closes itself."""
TAG_NAME: Final = grammar(rb"</?+(" + NAME + rb")(?=[W/>])")
REST: Final = grammar(rb"(" + ATTRIBUTES + rb")(?:([W/]*+)>)?")
"""From an attribute's boundary: the complete attributes that follow and, if there, the end of the tag."""
OPEN_ATTRIBUTE: Final = grammar(rb"[W/]*+([^W/>][^W/>=]*+)(?:[W]*+(=)[W]*+([\"']?+)([^W>]*))?")
ATTRIBUTE: Final = grammar(_ATTRIBUTE)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a start tag: lower-case name, offset of the name in the tag, raw value."""

    name: bytes
    at: int
    raw: bytes

    @property
    def value(self) -> str:
        """The value as a browser reads it."""
        return decode(self.raw)


def attributes(tag: bytes, start: int) -> Iterator[Attribute]:
    """The attributes of a complete start tag, duplicates included; `start` is the end of its name."""
    for found in ATTRIBUTE.finditer(tag, start):
        name, double, single, bare = found.groups()
        yield Attribute(name.lower(), found.start(1), double or single or bare or b"")


def pairs(tag: bytes, start: int) -> list[tuple[bytes, bytes]]:
    """The same attributes as pairs of lower-case name and raw value."""
    return [
        (name.lower(), double or single or bare)
        for name, double, single, bare in ATTRIBUTE.findall(tag, start)
    ]


def places(tag: bytes, start: int, names: Container[bytes]) -> list[int]:
    """The offsets of the attributes of these lower-case names in a start tag whose name ends at `start`."""
    return [found.start(1) for found in ATTRIBUTE.finditer(tag, start) if found[1].lower() in names]


Edits = tuple[tuple[int, bytes], ...]


def disarm(name_end: int, loading: Iterable[int], service: str, *, script: bool) -> Edits:
    """The insertions `(offset, bytes)` that make a start tag inert.

    Renaming, not prepending: the DOM takes the first of duplicate attributes, but a browser's preload scanner
    takes the last, so a page's own `src` or `type` must not keep its name.
    """
    mark = b' data-consentkit="' + service.encode() + b'"' + (b' type="text/plain"' if script else b"")
    return ((name_end, mark), *((at, PREFIX) for at in loading))


# Character references, by the rules for attributes.

_REFERENCE: Final = re.compile(r"&(?:#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?|([a-zA-Z][a-zA-Z0-9]*);?)")


def decode(raw: bytes) -> str:
    """An attribute's raw value as a browser reads it (13.2.5.72 ff.): bytes that aren't UTF-8 become U+FFFD.

    `html.unescape` reads text, where `&gtm_auth=` begins with `&gt`; in an attribute it doesn't.
    """
    text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    hexadecimal, decimal, name = found.groups()
    if name is None:
        return _numeric(int(hexadecimal, 16) if hexadecimal else _bounded(decimal))
    whole, end = found[0], found.end()
    if whole[-1] == ";":
        return html5.get(name + ";", whole)
    # One without a semicolon is literal before "=" or a letter: it has to be the whole name.
    return whole if found.string[end : end + 1] == "=" else html5.get(name, whole)


def _bounded(digits: str) -> int:
    # int() refuses more than 4,300 digits; anything this long is out of Unicode's range anyway.
    return int(digits) if len(digits.lstrip("0")) < 9 else 0x110000


def _numeric(code: int) -> str:
    if code == 0 or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    if 0x80 <= code <= 0x9F:
        return bytes([code]).decode("cp1252", "ignore") or chr(code)
    return chr(code)


# What single tags say of themselves.


def preamble(name: bytes, tag: bytes) -> bool:
    """Whether a tag may stand before the starter: it neither loads, runs nor forbids anything.

    The charset has to be in a page's first 1,024 bytes, and most pages name it in a `<meta>`.
    """
    if tag.startswith(b"</"):
        return name != b"head"
    if name != b"meta":
        return name in (b"html", b"head", b"title")
    orders = {a.value.strip().lower() for a in attributes(tag, len(b"<meta")) if a.name == b"http-equiv"}
    return orders <= {"content-type", "content-language", "x-ua-compatible"}


def shadow(tag: bytes) -> bool:
    """Whether a template becomes a shadow root while the page is read: its content is live."""
    modes = (a.value.lower() for a in attributes(tag, len(b"<template")) if a.name == b"shadowrootmode")
    return next(modes, "") in ("open", "closed")


# The text of svg scripts and stylesheets.


def decoded(body: bytes) -> bytes:
    """The text of an svg script or stylesheet as it runs: there, it is markup.

    Character references stand for their characters, comments and tags for nothing, CDATA for what it holds.
    """
    return b"".join(map(_text, _PIECES.finditer(body)))


_QUOTED: Final = rb"=[\t\n\f\r ]*+(?:\"[^\"]*+\"?|'[^']*+'?|)"
_PIECES: Final = re.compile(
    rb"<!\[CDATA\[(.*?)(?:\]\]>|\Z)|<!--(?:-?>|.*?(?:-->|--!>|\Z))"
    rb"|</?[a-zA-Z]" + many(rb"[^>\"'=]++|" + _QUOTED + rb"|[\"']") + rb">?|<[/!?][^>]*>?|([^<]+|<)",
    re.DOTALL,
)


def _text(piece: re.Match[bytes]) -> bytes:
    section, text = piece.groups()
    if section is not None:
        return section
    return decode(text).encode("utf-8", "replace") if text else b""
