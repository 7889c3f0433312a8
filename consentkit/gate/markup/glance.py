"""Start tags that are read at a glance: most of a page's are of these few forms.

Whatever is written in any other way gets a long look; both say the same.
"""

import re
from typing import Final

from consentkit.gate.markup.tags import grammar, many

_LOCAL: Final = re.compile(
    rb"<(?!script)[^:&\\/]*+" + many(rb"/(?![\t\n\r]*[/\\])[^:&\\/]*+") + rb"\Z", re.IGNORECASE
)
_HANDLER: Final = re.compile(rb"[\t\n\f\r /\"'][oO][nN][a-zA-Z]++[\t\n\f\r ]*+=")

# Attributes that neither load nor decide what the others do.
_NEUTRAL: Final = (
    "id|class|title|lang|dir|role|aria-[a-z]+|itemprop|name|tabindex|nonce|crossorigin|integrity"
    "|referrerpolicy|fetchpriority"
    "|data-(?!src|lazy|original|poster|bg|background|cat|serv|cons|cook|iub|supp|uc|cmplz|vend|name|user)[a-z0-9-]+"
)
_META: Final = _NEUTRAL + "|content|property|charset|scheme|media"
_LINK: Final = _NEUTRAL + "|type|media|sizes|as|hreflang|color|charset"
_INPUT: Final = _NEUTRAL + (
    "|value|size|maxlength|placeholder|autocomplete|checked|disabled|readonly|required|for|alt|width|height"
)
_IMG: Final = _NEUTRAL + (
    "|alt|width|height|border|align|hspace|vspace|loading|decoding|sizes|draggable|ismap|usemap"
)
_SCRIPT: Final = _NEUTRAL + "|async|defer|charset|nomodule"
_FIELDS: Final = (
    "hidden|text|submit|search|checkbox|radio|email|password|button|reset|tel|number|HIDDEN|TEXT|SUBMIT"
)
_MERE_RELS: Final = (
    "canonical|alternate|shortlink|pingback|profile|amphtml|EditURI|edituri|wlwmanifest|author|publisher|license|me"
    "|prev|image_src"
)
_RELS: Final = (
    "stylesheet|shortcut icon|icon|apple-touch-icon|apple-touch-icon-precomposed|preload|prefetch|manifest"
    "|mask-icon|preconnect|dns-prefetch"
)
_TYPES: Final = "text/javascript|module|application/javascript|application/x-javascript"
_URL: Final = (
    rb"(?:(?:https?:|)//([a-z0-9._-]{1,200}\.[a-z][a-z-]*+)|()(?:\.{0,2}/)?+[a-zA-Z0-9_][a-zA-Z0-9_.-]*+)"
)
"""A URL's beginning: the host, or what only a relative one begins with."""


def _any(names: str) -> bytes:
    return rb"[W]++(?:" + names.encode() + rb")(?:=(?:\"[^\"]*+\"|'[^']*+'|[^W>\"'][^W>]*+)|(?=[W/>]))"


def _one(name: str, values: str) -> bytes:
    value = b"(?:" + values.encode() + b")"
    return rb"[W]++%s=(?:\"%s\"|'%s'|%s(?=[W>]))" % (name.encode(), value, value, value)


def _address(name: str) -> bytes:
    tail = rb"(?:[/?#][^\"]*+)?\""
    return rb"[W]++%s=\"%s%s" % (name.encode(), _URL, tail)


def _between(*parts: bytes, gaps: bytes) -> bytes:
    rounds = many(gaps)
    return rounds + rounds.join(parts) + (rounds if parts else b"")


_LINKED: Final = (_one("rel", _RELS), _address("href"))
_SCRIPTS: Final = (
    _any(_SCRIPT) + b"|" + _one("type", _TYPES) + b"|" + _one("language", "(?:J|j)ava(?:S|s)cript")
)
_FRAGMENT: Final = rb"[W]++(?:xlink:)?href=()\"#[^\"]*+\""
_USUAL: Final = grammar(
    rb"<(?:meta%META%|link(?:%MERE_LINK%|%REL_HREF%|%HREF_REL%)|input%INPUT%|img%IMG%|use%USE%"
    rb"|script(?:%SCRIPT%|%INLINE%()))[W/]*+>\Z",
    META=_between(gaps=_any(_META)),
    MERE_LINK=_between(gaps=_any(_LINK + "|href") + b"|" + _one("rel", _MERE_RELS)),
    REL_HREF=_between(*_LINKED, gaps=_any(_LINK)),
    HREF_REL=_between(*_LINKED[::-1], gaps=_any(_LINK)),
    INPUT=_between(gaps=_any(_INPUT) + b"|" + _one("type", _FIELDS)),
    IMG=_between(_address("src"), gaps=_any(_IMG)),
    USE=_between(_FRAGMENT, gaps=_any(_NEUTRAL + "|xmlns|xmlns:xlink|x|y|width|height")),
    SCRIPT=_between(_address("src"), gaps=_SCRIPTS),
    INLINE=_between(gaps=_SCRIPTS),
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
    found = _USUAL.match(tag)
    if found is None:
        return None
    form = found.lastindex
    return MERE if form is None else (form, found[form])


MERE: Final[Form] = (0, b"")
