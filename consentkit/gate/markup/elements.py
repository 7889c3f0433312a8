"""Which attributes of which elements load or announce something, and what they name."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

from consentkit.gate.markup.tags import decode, many

Kind = Literal["url", "urls", "srcset", "css", "document", "code", "hint", "base", "backdrop"]
"""How an attribute's value names what it fetches: a URL, URLs between blanks, a srcset (HTML 4.8.4.2.1), CSS,
a whole document, JavaScript, a URL of which only the host is contacted, one on which others are based, or one
for a lazy loader."""
Load = tuple[Kind, bytes, str]
"""One attribute that loads: how, its lower-case name, its decoded value."""
Attributes = list[tuple[bytes, bytes]]
"""A tag's attributes with their duplicates: lower-case name, raw value."""

BLANK: Final = "\t\n\f\r "
REFS: Final = (b"href", b"xlink:href")


def _kinds(plain: str, **others: str) -> dict[bytes, Kind]:
    kinds: dict[bytes, Kind] = {name.encode(): "url" for name in plain.split()}
    for kind, names in others.items():
        kinds.update((name.encode(), kind) for name in names.split())  # type: ignore[misc]
    return kinds


_LAZY: Final = " data-src data-lazy-src data-original data-lazy"
_LAZY_SET: Final = " data-srcset data-lazy-srcset data-original-set"
_HREFS: Final = "href xlink:href"

# By name alone, whatever the namespace: preload scanners don't know namespaces either.
LOADING: Final[dict[bytes, dict[bytes, Kind]]] = {
    b"script": _kinds("src " + _HREFS),
    b"iframe": _kinds("src" + _LAZY, document="srcdoc"),
    b"frame": _kinds("src"),
    b"fencedframe": _kinds("src"),
    b"portal": _kinds("src"),
    b"embed": _kinds("src"),
    b"object": _kinds("data"),
    b"param": _kinds("value"),
    b"applet": _kinds("archive codebase"),
    b"bgsound": _kinds("src"),
    b"model": _kinds("src"),
    b"img": _kinds("src" + _LAZY, srcset="srcset" + _LAZY_SET),
    b"image": _kinds("src " + _HREFS, srcset="srcset"),
    b"feimage": _kinds(_HREFS),
    b"use": _kinds(_HREFS),
    b"animate": _kinds("from to by values"),
    b"set": _kinds("to"),
    b"source": _kinds("src" + _LAZY, srcset="srcset" + _LAZY_SET),
    b"video": _kinds("src poster data-poster" + _LAZY),
    b"audio": _kinds("src" + _LAZY),
    b"track": _kinds("src"),
    b"input": _kinds("src"),
    b"link": _kinds("href", srcset="imagesrcset"),
    b"meta": _kinds("content"),
    b"base": _kinds("", base="href"),
}
"""What loads of its own accord: each element's attributes; those that load on many elements come on top."""

_ALSO_RENAMED: Final = {b"script": (b"type",), b"link": (b"rel",), b"meta": (b"http-equiv",)}

_ANYWHERE: Final = _kinds("", css="style", backdrop="data-bg data-background data-background-image")
_PINGS: Final = _kinds("", urls="ping attributionsrc")
_PRESENTATION: Final = _kinds(
    "",
    css="fill stroke filter mask mask-image clip-path cursor marker marker-start marker-mid marker-end",
)
_EXTRA: Final[dict[bytes, dict[bytes, Kind]]] = {
    **dict.fromkeys(b"a area".split(), _PINGS),
    **dict.fromkeys(b"img script".split(), _kinds("", urls="attributionsrc")),
    **dict.fromkeys(b"body table thead tbody tfoot colgroup col tr td th".split(), _kinds("background")),
    **dict.fromkeys(
        b"svg g a path rect circle ellipse line polyline polygon text tspan textpath use image switch symbol"
        b" foreignobject marker mask pattern clippath".split(),
        _PRESENTATION,
    ),
}
_EXTRA[b"a"] = _PINGS | _PRESENTATION
# Handlers of what the visitor does, not of what the page does: they load nothing before a click.
OF_THE_VISITOR: Final = frozenset(
    b"onclick ondblclick onauxclick oncontextmenu onmousedown onmouseup onpointerdown onpointerup"
    b" ontouchstart ontouchend onkeydown onkeypress onkeyup oninput onbeforeinput onchange onsubmit onreset"
    b" onselect oncopy oncut onpaste ondrag ondragend ondragenter ondragleave ondragover ondragstart ondrop"
    b" onsearch".split()
)

HINTS: Final = frozenset({"preconnect", "dns-prefetch"})
# fmt: off
FETCHING: Final = frozenset((
    "stylesheet", "preload", "modulepreload", "prefetch", "prerender", "next", "icon", "apple-touch-icon",
    "apple-touch-icon-precomposed", "apple-touch-startup-image", "mask-icon", "fluid-icon", "manifest",
    "compression-dictionary", "dictionary", "search",
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
_PARAMS: Final = frozenset(("movie", "src", "data", "url", "code", "filename"))
_ADDRESSES: Final = frozenset((*REFS, b"src"))
_REFRESH: Final = re.compile(
    "W*+[0-9.]++W*+[;,]?+W*+(?:urlW*+=W*+|)(?:\"([^\"]*)|'([^']*)|(.*))".replace("W", r"[\t\n\f\r ]"),
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_CANDIDATE: Final = re.compile(
    r"[\t\n\f\r ,]*+([^\t\n\f\r ]++)(?:(?<=,)|" + many(rb"[^,(]++|\([^)]*+(?:\)|\Z)").decode() + ")"
)


def candidates(srcset: str) -> Iterator[str]:
    """The URLs of a `srcset` (HTML 4.8.4.2.1, "parsing a srcset attribute")."""
    return (found[1].rstrip(",") for found in _CANDIDATE.finditer(srcset.rstrip(BLANK + ",")))


def renamed(name: bytes) -> tuple[bytes, ...]:
    """The attributes of a blocked element that lose their names (none for elements that load nothing)."""
    return (*LOADING.get(name, ()), *_ALSO_RENAMED.get(name, ()))


def loads(name: bytes, found: Attributes) -> list[Load]:
    """What a start tag may fetch without anybody doing anything; duplicates count, any of them may be read.

    Of an element that isn't of the kind that loads (a script of data, a link that is only one, …) nothing.
    """
    kinds = TABLES.get(name, _ANYWHERE)
    loading: list[Load] = []
    for attribute, raw in found:
        kind = kinds.get(attribute)
        if kind is None:
            if attribute.startswith(b"on") and attribute not in OF_THE_VISITOR:
                loading.append(("code", attribute, decode(raw)))
        elif raw and (kind != "backdrop" or _lazily(found)):
            loading.append((kind if kind != "backdrop" else "url", attribute, decode(raw)))
    condition = _CONDITIONS.get(name)
    return loading if condition is None or not loading else condition(found, loading)


TABLES: Final = {
    name: {**_ANYWHERE, **_EXTRA.get(name, {}), **LOADING.get(name, {})} for name in {*LOADING, *_EXTRA}
}


def values(found: Attributes, name: bytes) -> list[str]:
    """Every value of an attribute."""
    return [decode(raw) for attribute, raw in found if attribute == name]


def executes(found: Attributes) -> bool:
    """Whether a script with these attributes is one, by any of duplicate types.

    The DOM reads the first, a preload scanner the last.
    """
    language = None
    typed = False
    for name, raw in found:
        if name == b"type":
            typed = True
            if not raw or decode(raw).strip(BLANK).lower() in SCRIPT_TYPES:
                return True
        elif name == b"language" and language is None:
            language = decode(raw)
    return not typed and (not language or "text/" + language.strip(BLANK).lower() in SCRIPT_TYPES)


def _lazily(found: Attributes) -> bool:
    return any("lazy" in names or "lozad" in names for names in map(str.lower, values(found, b"class")))


def _others(name: bytes, loading: Iterable[Load]) -> list[Load]:
    return [load for load in loading if load[1] not in LOADING[name]]


def _script(found: Attributes, loading: list[Load]) -> list[Load]:
    return loading if executes(found) else []


def _input(found: Attributes, loading: list[Load]) -> list[Load]:
    image = any(kind.lower() == "image" for kind in values(found, b"type"))
    return loading if image else _others(b"input", loading)


def _link(found: Attributes, loading: list[Load]) -> list[Load]:
    rels = {rel for value in values(found, b"rel") for rel in value.lower().split()}
    if rels & FETCHING:
        return loading
    others = _others(b"link", loading)
    if rels & HINTS:
        others += [("hint", name, value) for _, name, value in loading if name == b"href"]
    return others


def _meta(found: Attributes, loading: list[Load]) -> list[Load]:
    if not any(value.lower() == "refresh" for value in values(found, b"http-equiv")):
        return _others(b"meta", loading)
    refreshes = (_REFRESH.match(value) for _, name, value in loading if name == b"content")
    urls = [found[1] or found[2] or found[3] for found in refreshes if found is not None]
    return [*_others(b"meta", loading), *(("url", b"content", url) for url in urls if url)]


def _param(found: Attributes, loading: list[Load]) -> list[Load]:
    named = any(value.strip(BLANK).lower() in _PARAMS for value in values(found, b"name"))
    return loading if named else _others(b"param", loading)


def _animate(found: Attributes, loading: list[Load]) -> list[Load]:
    """What an animation puts into an attribute: a URL, or CSS of which only its functions may fetch."""
    names = {value.strip(BLANK).lower().encode() for value in values(found, b"attributename")}
    own = [(name, value) for _, name, value in loading if name in LOADING[b"animate"]]
    others = _others(b"animate", loading)
    if not names <= _ADDRESSES:
        others += [("css", name, value) for name, value in own]
    if names & _ADDRESSES:
        others += [("url", name, each) for name, value in own for each in value.split(";")]
    return others


_CONDITIONS: Final[dict[bytes, Callable[[Attributes, list[Load]], list[Load]]]] = {
    b"script": _script,
    b"input": _input,
    b"link": _link,
    b"meta": _meta,
    b"param": _param,
    b"animate": _animate,
    b"set": _animate,
}
