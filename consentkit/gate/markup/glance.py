"""Start tags that are read at a glance: most of a page's are of these few forms.

Whatever is written in any other way gets a long look; both say the same.
"""

import re
from collections.abc import Iterable
from typing import Final

from consentkit.gate.markup.elements import FETCHING, HINTS, OF_THE_VISITOR, SCRIPT_TYPES, TABLES
from consentkit.gate.markup.tags import VALUE, besides, grammar, many, maybe
from consentkit.policy.aliases import ALIASES

_LOCAL: Final = re.compile(
    rb"<(?!script)[^:&\\/]*+" + many(rb"/(?![\t\n\r]*[/\\])[^:&\\/]*+") + rb"\Z", re.IGNORECASE
)
_HANDLER: Final = re.compile(rb"[\t\n\f\r /\"'][oO][nN][a-zA-Z]++[\t\n\f\r ]*+=")

# Attributes by which an author or a consent tool says something, but for the class.
_MARKS: Final = {"data-category", "data-service", "data-src"}.union(
    *({tool.attribute, *tool.sources} for tool in ALIASES.values())
) - {"class"}
_LETTER: Final = rb"[!#-%(-;=?@\[-~]"
"""What a word consists of that needs neither decoding nor a second look, in lower case."""
_HOST: Final = rb"(?:https?:|)//([a-z0-9._-]{1,200}\.[a-z][a-z-]*+)"
_PATH: Final = maybe(rb"\.{0,2}/") + rb"[a-zA-Z0-9_][a-zA-Z0-9_.-]*+"
_HANDLERS: Final = b"on(?!(?:%b)[W/>=])" % b"|".join(sorted(name[2:] for name in OF_THE_VISITOR))
_STYLE: Final = rb"style=(?:\"[^\"(\\&@]*+\"|'[^'(\\&@]*+')"
"""A style that names nothing."""


# All of it in lower case: so a tag has to be for these patterns, or it is none of theirs.


def _neutral(element: str, *exceptions: bytes, deciding: str = "", but: str = "") -> bytes:
    """Attributes of an element that neither load nor decide what the others do; or are these exceptions."""
    names = {name.decode() for name in TABLES[element.encode()]} | _MARKS | set(deciding.split())
    usual = rb" %b[^A-ZW/>=]*+=\"[^\"]*+\"" % besides(sorted({*names, "on"} - {but}), lower=True)
    other = rb"(?!%b|%b)[^A-ZW/>][^A-ZW/>=]*+" % (_any(names - {but}), _HANDLERS) + VALUE
    return many(usual + rb"|[W/]*+(?:" + b"|".join((_STYLE, *exceptions, other)) + rb")")


def _any(words: Iterable[str]) -> bytes:
    return "|".join(sorted(words)).replace(".", r"\.").encode()


def _one(name: str, quoted: bytes, bare: bytes) -> bytes:
    return rb"%b[W]*+=[W]*+(?:\"%b\"|'%b'|%b(?=[W>]))" % (name.encode(), quoted, quoted, bare)


def _is(name: str, values: Iterable[str]) -> bytes:
    """An attribute of one of these values."""
    value = rb"(?:%b)" % _any(values)
    return _one(name, value, value)


def _with(name: str, words: Iterable[str]) -> bytes:
    """An attribute with at least one of these among its words."""
    word = rb"(?:%b)(?![a-z-])" % _any(words)
    return _one(name, many(rb"(?!" + word + rb")[a-z-]++ ") + word + rb"(?: [a-z -]*+)?", word)


def _without(name: str, words: Iterable[str]) -> bytes:
    """An attribute with at least one word, and none of these."""
    word = rb"(?!(?:%b)(?!%b))%b++" % (_any(words), _LETTER, _LETTER)
    return _one(name, rb" *+" + word + many(rb" ++" + word) + rb" *+", word)


def _address(name: str, number: int, path: bytes = _PATH) -> bytes:
    """An attribute that names a host, or none: a group with it; `number` is that of the group before."""
    start = rb"(?:%b|()(?:%b))" % (_HOST, path)
    return rb"%b[W]*+=[W]*+([\"']?+) *+%b(?:[/?#][^W>\"']*+)?\%d(?=[W/>])" % (name.encode(), start, number)


def _tag(name: str, *parts: bytes) -> bytes:
    return name.encode() + rb"(?=[W/>])" + rb"[W/]*+".join(parts)


_FETCHED: Final = (*FETCHING, *HINTS)
_KINDS: Final = (kind.removeprefix("text/") for kind in SCRIPT_TYPES if kind.startswith("text/"))
_PICTURED, _FRAMED, _USED = _neutral("img"), _neutral("iframe"), _neutral("use")
_LINKED: Final = _neutral("link", _with("rel", _FETCHED), deciding="rel")
_DATA: Final = _neutral("script", deciding="type language")
_RUN: Final = _neutral("script", _is("type", SCRIPT_TYPES), _is("language", _KINDS), deciding="type language")

MERE_TAGS: Final = b"|".join(
    (
        _tag(
            "meta",
            _neutral("meta", _without("http-equiv", ["refresh"]), deciding="http-equiv", but="content"),
        ),
        _tag("link", _neutral("link", _without("rel", _FETCHED), deciding="rel", but="href")),
        _tag("input", _neutral("input", _without("type", ["image"]), deciding="type", but="src")),
    )
)
"""Tags of elements that may load, and don't; without their brackets."""
_USUAL: Final = grammar(
    rb"<(?:"
    + b"|".join(
        (
            _tag("script", _RUN, b"(?:" + _address("src", 1) + _RUN + b"|())"),
            _tag("img", _PICTURED, _address("src", 5, _PATH + b"|data:image") + _PICTURED),
            MERE_TAGS,
            # With a rel of those: one without was mere.
            _tag("link", _LINKED, _address("href", 8) + _LINKED),
            _tag("iframe", _FRAMED, _address("src", 11) + _FRAMED),
            _tag("use", _USED, rb"(?:xlink:)?href=()\"#[^\"]*+\"" + _USED),
            _tag("script", _DATA, _without("type", SCRIPT_TYPES) + _DATA + b"()"),
        )
    )
    + rb")[W/]*+>\Z"
)

Form = tuple[int, bytes]
"""One of the usual forms of a tag that fetches one thing, and the host it is fetched from, b"" if none."""


def is_local(tag: bytes) -> bool:
    """Whether a tag can't name another host, nor run anything.

    It holds no scheme, no two slashes (TAB, LF and CR between them don't count), no character reference to
    write one with, and no handler. A script is never that: its body has to be looked at.
    """
    return _LOCAL.match(tag) is not None and _HANDLER.search(tag) is None


def form_of(tag: bytes) -> Form | None:
    """The form of a tag that is written as most are: what it fetches, but for the path, is all that tells two
    of one form apart. (0, b"") if it is one that loads nothing, None if it takes a longer look.
    """
    found = _USUAL.match(tag.lower())
    if found is None:
        return None
    form = found.lastindex
    return MERE if form is None else (form, found[form])


MERE: Final[Form] = (0, b"")
