"""The judge of the gate: what html5lib's tree of a page loads, told without a line of the gate's own code.

For every element it says who must be blocked (`must`: a browser certainly reaches that service) and who may
be (`may`: one could, in another namespace, for a preload scanner or for a lazy loader). Between both bounds
the gate is free; outside them it is wrong. URLs are read by ada, the WHATWG parser of Node.js.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import ada_url
from html5lib import HTMLParser, _tokenizer
from html5lib.constants import namespaces, scopingElements, specialElements, tokenTypes
from html5lib.treebuilders import getTreeBuilder

from consentkit.gate.markup import Rewriter, Rules
from consentkit.policy.registry import Service

OWN: Final = ("https://own.example/folder/page", "http://own.example/folder/page")
SPACES: Final = {"2000/svg": "svg", "Math/MathML": "math"}
MARKS: Final = re.compile(rb' data-consentkit="[^"]*"|data-consentkit-|@consentkit blocked;')
ADDED: Final = (b"", b' type="text/plain"')
Owners = frozenset[str]
NOBODY: Final[Owners] = frozenset()


# The tree, in the order in which its elements were made: that is the order of the page.


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a page: a name in lower case, its attributes as the DOM keeps them, its own text.

    `within` is a foreign script's text with that of its descendants; `twice` what else the tag said under a
    name that it had used already, which only preload scanners look at; `inert`: it lies in a template.
    """

    name: str
    space: str
    attributes: dict[str, str]
    text: str
    within: str = field(default="", compare=False)
    inert: bool = False
    twice: tuple[tuple[str, str], ...] = field(default=(), compare=False)


class _Tokenizer(_tokenizer.HTMLTokenizer):  # type: ignore[misc]
    """Keeps the duplicates of attributes under names that no page can write."""

    def emitCurrentToken(self) -> None:  # noqa: N802 - html5lib's name
        token = self.currentToken
        if token["type"] == tokenTypes["StartTag"]:
            seen: set[str] = set()
            for number, pair in enumerate(token["data"]):
                if pair[0] in seen:
                    pair[0] = f"twice {number} {pair[0]}"
                seen.add(pair[0])
        super().emitCurrentToken()


class _Parser(HTMLParser):  # type: ignore[misc]
    def _parse(self, stream: str, *_: object, scripting: bool = False) -> None:  # type: ignore[override]
        self.innerHTMLMode, self.container, self.scripting = False, "div", scripting
        self.tokenizer = _Tokenizer(stream, parser=self)
        self.reset()
        self.mainLoop()


_BODY: Final = type(_Parser(tree=getTreeBuilder("etree")).phases["inBody"])
_PLAIN_END: Final = _BODY.endTagOther


def _end_other(phase: Any, token: Any) -> None:
    """Let an end tag in HTML end HTML elements only, and none around svg or math (13.2.6.4.7, 13.2.4.2).

    html5lib 1.1 closes svg elements around an integration point, too.
    """
    for node in reversed(phase.tree.openElements):
        if node.namespace == namespaces["html"] and node.name == token["name"]:
            _PLAIN_END(phase, token)
            return
        if node.nameTuple in specialElements or node.nameTuple in scopingElements:
            return


_BODY.__dict__["endTagHandler"].default = _end_other
_BUILDER: Final = getTreeBuilder("etree")


class _Builder(_BUILDER):  # type: ignore[misc,valid-type]
    def __init__(self, namespace: bool) -> None:
        self.made: list[Any] = []
        made, plain = self.made, self.elementClass

        class Noted(plain):  # type: ignore[misc,valid-type]
            def __init__(self, name: str, namespace: str | None = None) -> None:
                super().__init__(name, namespace)
                made.append(self)

        self.elementClass = Noted
        super().__init__(namespace)


def elements(page: bytes, *, scripting: bool = False) -> list[Element]:
    """Return all elements of a page in the order of its tags; its bytes are read as Latin-1, one to one."""
    # Whether scripts are on, only a noscript asks.
    return _elements(page, scripting and b"<noscript" in page.lower())


@lru_cache(maxsize=4)
def _elements(page: bytes, scripting: bool) -> list[Element]:
    """The last few are kept: a page and what the gate makes of it are asked for more than once."""
    parser = _Parser(tree=_Builder)
    parser.parse(page.decode("latin-1"), scripting=scripting)
    templates = b"<template" in page.lower()
    return [_element(node, templates=templates) for node in parser.tree.made]


def _element(node: Any, *, templates: bool) -> Element:
    tree = node._element
    attributes, twice = {}, []
    for raw, value in tree.attrib.items():
        if raw.startswith("twice "):
            twice.append((raw.split(" ", 2)[2], value))
        else:
            attributes[_local(raw)] = value
    text = "".join(filter(None, [tree.text, *(child.tail for child in tree)]))
    space = SPACES.get("/".join((node.namespace or "").split("/")[-2:]), "html")
    inert = templates and any(parent.name == "template" for parent in _parents(node))
    name = node.name.lower()
    within = "".join(tree.itertext()) if name == "script" and space != "html" else ""
    return Element(name, space, attributes, text, within, inert, tuple(twice))


def _parents(node: Any) -> Iterator[Any]:
    while node := node.parent:
        yield node


def _local(name: str) -> str:
    space, _, name = name.rpartition("}")
    return ("xlink:" if space.endswith("xlink") else "") + name.lower()


# What loads: element -> attributes, by the HTML Living Standard and SVG 2.

LOADS: Final = {
    "script": "src",
    "iframe": "src",
    "frame": "src",
    "portal": "src",
    "embed": "src",
    "object": "data",
    "img": "src srcset data-src data-srcset data-lazy-src data-original",
    "source": "src srcset",
    "video": "src poster",
    "audio": "src",
    "track": "src",
    "input": "src",
    "link": "href imagesrcset",
    "body": "background",
    "table": "background",
    "td": "background",
    "th": "background",
    "tr": "background",
    "a": "ping",
    "area": "ping",
}
REFERS: Final = frozenset({"image", "use", "script", "feimage"})
PAINTS: Final = frozenset({"filter", "mask", "cursor", "clip-path"})
MAY: Final = frozenset((
    "src", "srcset", "href", "xlink:href", "data", "poster", "background", "ping", "attributionsrc",
    "imagesrcset", "to", "from", "values", "by", "value", "data-src", "data-srcset", "data-lazy-src",
    "data-lazy-srcset", "data-original", "data-lazy", "data-bg",
))  # fmt: skip
LISTS: Final = frozenset({"srcset", "imagesrcset", "data-srcset", "data-lazy-srcset"})
HINTS: Final = frozenset({"preconnect", "dns-prefetch"})
FETCHES: Final = frozenset((
    "stylesheet", "preload", "modulepreload", "prefetch", "prerender", "icon", "apple-touch-icon",
    "manifest",
))  # fmt: skip
SCRIPTS: Final = frozenset((
    "module", "application/ecmascript", "application/javascript", "application/x-ecmascript",
    "application/x-javascript", "text/ecmascript", "text/javascript", "text/javascript1.0",
    "text/javascript1.1", "text/javascript1.2", "text/javascript1.3", "text/javascript1.4",
    "text/javascript1.5", "text/jscript", "text/livescript", "text/x-ecmascript", "text/x-javascript",
))  # fmt: skip
HANDLERS: Final = frozenset({"onload", "onerror"})  # what the page does by itself, not what visitors do
REFRESH: Final = re.compile(
    r"\s*[0-9.]+(?:\s*[;,]|\s)\s*(?:url\s*=\s*)?(?:([\"'])(.*?)(?:\1|$)|(.*))", re.IGNORECASE | re.DOTALL
)
_QUOTED = r"""(?:"((?:[^"\\\n]|\\[\s\S])*)(?:"|(?=\n)|\Z)|'((?:[^'\\\n]|\\[\s\S])*)(?:'|(?=\n)|\Z))"""
# CSS Syntax 3, tokens: comments and strings first, so that nothing is read inside them.
CSS: Final = re.compile(
    r"/\*[\s\S]*?(?:\*/|\Z)"
    rf"|(?<![\w\\-])(?:(?:url|src|image-set)\(|@import)\s*{_QUOTED}"
    r"""|(?<![\w\\-])url\(\s*((?:[^\s"'()\\\x00-\x08\x0b\x0e-\x1f\x7f]|\\[^\n])+)\s*(?:\)|\Z)"""
    r"|(?<![\w\\-])url\((?!\s*[\"'])[^)]*\)?"
    rf"|{_QUOTED}",
    re.IGNORECASE,
)
CSS_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\f]?|(.))", re.DOTALL)
ANY_URL: Final = re.compile(r"(?:https?:|ws+:)?[/\\]{2,}[^\s\"'()<>,]+", re.IGNORECASE)


def candidates(srcset: str) -> list[str]:
    """Return the URLs of a srcset: commas end a candidate only outside its URL and outside parentheses."""
    urls, rest = [], srcset
    while rest := rest.lstrip("\t\n\f\r ,"):
        url = re.split(r"[\t\n\f\r ]", rest, maxsplit=1)[0]
        rest = rest[len(url) :]
        if not url.endswith(","):
            rest = re.sub(r"^(?:\([^)]*\)?|[^,(])*,?", "", rest)
        urls.append(url.rstrip(","))
    return urls


def refresh(content: str) -> str | None:
    """Return the URL of a meta refresh; None if it only reloads."""
    found = REFRESH.match(content)
    return None if found is None else found[2] if found[1] else found[3]


def sheet(css: str) -> list[str]:
    """Return what a style sheet's plain forms of url(), @import, src() and image-set() name."""
    found = (match.groups()[:3] for match in CSS.finditer(css))
    return [unescaped(next(filter(None, groups))) for groups in found if any(groups)]


def unescaped(css: str) -> str:
    """Return CSS without its escapes, wherever they stand."""
    return CSS_ESCAPE.sub(lambda e: chr(int(e[1], 16) % 0x110000) if e[1] else e[2], css)


def executes(attributes: dict[str, str]) -> bool:
    """Whether a script of these attributes runs (HTML 4.12.1.1, "prepare the script element")."""
    kind, language = attributes.get("type"), attributes.get("language")
    if kind is None:
        return not language or f"text/{language}".lower() in SCRIPTS
    return kind == "" or kind.strip("\t\n\f\r ").lower() in SCRIPTS


class Judge:
    """Who owns what a page loads, by the facts of services alone."""

    def __init__(self, services: Iterable[Service]) -> None:
        self._urls: dict[str, list[tuple[str, str, str]]] = {}
        self._marks: list[tuple[str, str]] = []
        for service in services:
            self._marks += [(mark.match, service.id) for mark in service.inline]
            for pattern in service.urls:
                host, slash, path = pattern.match.partition("/")
                name, _, port = host.partition(":")
                self._urls.setdefault(name, []).append((port, slash + path, service.id))
        self.url = lru_cache(maxsize=1 << 16)(self._url)

    def _url(self, url: str, base: str = "", *, hint: bool = False) -> Owners:
        """Return who owns what a URL means on an https or an http page; a hint means the host alone."""
        found: set[str] = set()
        for spelling, page in itertools.product({url, _bytewise(url)}, OWN):
            address = _address(spelling, _joined(base, page))
            if address is not None:
                found |= self._owners(*address, hint=hint)
        return frozenset(found)

    def _owners(self, host: str, port: str, path: str, *, hint: bool) -> set[str]:
        names = [host]
        if not host.startswith("[") and not host[-1:].isdigit():
            labels = host.split(".")
            names += ["*." + ".".join(labels[start:]) for start in range(len(labels))]
        facts = itertools.chain.from_iterable(self._urls.get(name, ()) for name in names)
        return {
            owner
            for wanted, prefix, owner in facts
            if (not wanted or wanted == port) and (hint or path.startswith(prefix))
        }

    def script(self, code: str, *, whole_words: bool) -> Owners:
        """Return whose marks a script holds; `whole_words` wants no letter or digit to adjoin a mark."""
        found = set()
        for mark, owner in self._marks:
            at = code.find(mark)
            while at >= 0 and whole_words and _within_word(code, at, at + len(mark)):
                at = code.find(mark, at + 1)
            if at >= 0:
                found.add(owner)
        return frozenset(found)

    def anywhere(self, text: str, base: str = "") -> Owners:
        """Return who is named by anything in a text that looks like a URL, or like a script of theirs."""
        owners = [self.url(url, base) for url in ANY_URL.findall(text)]
        return NOBODY.union(*owners, self.script(text, whole_words=False))

    def bases(self, page: list[Element]) -> Iterator[tuple[Element, str]]:
        """Yield each element with the base its URLs have: that of the page's first base element before it."""
        base: str | None = None
        for element in page:
            yield element, base or ""
            if base is None and (element.name, element.space) == ("base", "html") and not element.inert:
                base = element.attributes.get("href")

    def reached(self, page: list[Element]) -> Owners:
        """Return whom a page certainly reaches."""
        return NOBODY.union(*(self.must(element, base) for element, base in self.bases(page)))

    def must(self, element: Element, base: str = "") -> Owners:
        """Return whom a browser that builds this element certainly reaches."""
        given = element.attributes
        if element.inert or given.get("data-category", "").strip().lower() == "necessary":
            return NOBODY
        loading = [(name, given.get(name, "")) for name in _loading(element)]
        found = [self._value(name, value, base) for name, value in loading if value.strip()]
        found += [self.url(given.get("href", ""), base, hint=True)] if _hints(element) else []
        found += self._styled(element, base)
        found += [self.script(given[name], whole_words=True) for name in HANDLERS & given.keys()]
        if element.space == "html":
            found += self._html(element, base)
        runs = element.name == "script" and executes(given) and element.space != "math"
        if runs and given.keys().isdisjoint(("src",) if element.space == "html" else ("href", "xlink:href")):
            found.append(self.script(element.text, whole_words=True) | self._imports(element.text))
        return NOBODY.union(*found)

    def _html(self, element: Element, base: str) -> Iterator[Owners]:
        given = element.attributes
        if element.name == "meta" and given.get("http-equiv", "").lower() == "refresh":
            yield self.url(refresh(given.get("content", "")) or "", base)
        if element.name == "iframe" and "srcdoc" in given:
            yield self.reached(_inner(given["srcdoc"], base))
        if element.name in ("iframe", "frame") and "srcdoc" not in given:
            code = re.sub(r"[\t\n\r]", "", given.get("src", "").strip())
            if code.lower().startswith("javascript:"):
                yield self.script(code, whole_words=True)

    def _styled(self, element: Element, base: str) -> list[Owners]:
        given = element.attributes
        sheets = [given["style"]] if "style" in given and element.space != "math" else []
        if element.name == "style" and given.get("type", "").lower() in ("", "text/css"):
            sheets += [element.text] if element.space != "math" else []
        if element.space == "svg":
            sheets += [given[name] for name in PAINTS & given.keys()]
        return [self.url(url, base) for css in sheets for url in sheet(css)]

    def _imports(self, code: str) -> Owners:
        urls = re.findall(r"(?:^|[;\s])import\s*\(?\s*[\"']((?:https?:)?//[^\"'\s]+)[\"']", code)
        return NOBODY.union(*map(self.url, urls))

    def _value(self, name: str, value: str, base: str) -> Owners:
        urls = candidates(value) if name in LISTS else value.split() if name == "ping" else [value]
        return NOBODY.union(*(self.url(url, base) for url in urls))

    def may(self, element: Element, base: str = "") -> Owners:
        """Return whom anything could reach that takes this tag for more than the tree does."""
        if element.attributes.get("data-category", "").strip().lower() == "necessary":
            return NOBODY
        found = []
        for name, value in (*element.attributes.items(), *element.twice):
            if name in MAY:
                found += [self._value(name, value, base), self._value("srcset", value, base)]
                found.append(self.url(value.strip(), base, hint=True))
            if name in ("srcdoc", "content", "style") or "(" in value or name.startswith("on"):
                found += [self.anywhere(value, base), self.anywhere(unescaped(value), base)]
                found += [self.url(url, base) for url in (*sheet(unescaped(value)), "")]
            if name == "srcdoc":
                found += [self.may(inner, at) for inner, at in self.bases(_inner(value, base))]
            if name == "content":
                found.append(self.url(refresh(value) or "", base))
        if element.name in ("script", "style"):
            for text in (element.text, unescaped(element.text), element.within):
                found += [self.anywhere(text, base), *(self.url(url, base) for url in sheet(text))]
        return NOBODY.union(*found)


def _inner(html: str, base: str) -> list[Element]:
    page = f'<!doctype html><base href="{base}">' if base else "<!doctype html>"
    return elements((page + html).encode("latin-1", "xmlcharrefreplace"))


def _loading(element: Element) -> Iterable[str]:
    name, given = element.name, element.attributes
    if element.space != "html":
        refers = element.space == "svg" and name in REFERS and (name != "script" or executes(given))
        return ("href" if "href" in given else "xlink:href",) if refers else ()
    if name == "script" and not executes(given):
        return ()
    if name == "input" and given.get("type", "").lower() != "image":
        return ()
    if name == "link" and not FETCHES & set(given.get("rel", "").lower().split()):
        return ()
    names = LOADS.get(name, "").split()
    return [each for each in names if not each.startswith("data-") or "data-category" not in given]


def _hints(element: Element) -> bool:
    rels = set(element.attributes.get("rel", "").lower().split())
    return element.name == "link" and element.space == "html" and not HINTS.isdisjoint(rels)


def _bytewise(text: str) -> str:
    """The same text when the page, read here as Latin-1, is UTF-8."""
    return re.sub(r"[\x80-\xff]+", lambda run: run[0].encode("latin-1").decode("utf-8", "replace"), text)


def _joined(base: str, page: str) -> str:
    try:
        return str(ada_url.URL(base, base=page).href) if base else page
    except ValueError:
        return page


def _address(url: str, base: str) -> tuple[str, str, str] | None:
    try:
        read = ada_url.URL(url.encode("utf-8", "replace").decode(), base=base)
    except ValueError:
        return None
    if read.protocol not in ("http:", "https:", "ws:", "wss:"):
        return None
    port = read.port or ("443" if read.protocol in ("https:", "wss:") else "80")
    return read.hostname.removesuffix("."), port, read.pathname


def _within_word(code: str, start: int, end: int) -> bool:
    def letter(char: str) -> bool:
        return char == "_" or (char.isascii() and char.isalnum())

    before = start > 0 and letter(code[start]) and letter(code[start - 1])
    after = end < len(code) and letter(code[end - 1]) and letter(code[end])
    return before or after


# The verdict on a rewritten page.


def rewrite(page: bytes, rules: Rules, sizes: Iterable[int] = ()) -> bytes:
    """Return what the gate makes of a page fed in chunks of these sizes, and then in one."""
    rewriter, pieces, at = Rewriter(rules, b""), [], 0
    for size in sizes:
        pieces.append(rewriter.feed(page[at : at + size]))
        at += size
    return b"".join([*pieces, rewriter.feed(page[at:]), rewriter.close()])


def restores(after: bytes, page: bytes) -> bool:
    """Whether taking the gate's marks out, and what it adds right behind one, gives the page back."""
    at = 0
    for piece in MARKS.split(after):
        for added in ADDED:
            rest = piece.removeprefix(added)
            if piece.startswith(added) and page.startswith(rest, at):
                at += len(rest)
                break
        else:
            return False
    return at == len(page)


def fault(page: bytes, rules: Rules, judge: Judge, *, noscript: bool = False) -> str | None:
    """Return what is wrong with the rewritten page, in words; None if nothing is."""
    after = rewrite(page, rules)
    if not restores(after, page):
        return f"can't be undone: {after!r}"
    for scripting in (False, True) if noscript else (False,):
        old = elements(page, scripting=scripting)
        new = elements(after, scripting=scripting) if after != page else old
        if [(e.name, e.space) for e in old] != [(e.name, e.space) for e in new]:
            return f"another tree: {after!r}"
        if problem := compare(old, new, judge, noscript=noscript):
            return f"{problem} in {after!r}"
    return None


def compare(old: list[Element], new: list[Element], judge: Judge, *, noscript: bool = False) -> str | None:
    """Return what is wrong with the elements of a page after, compared with before; None if nothing is."""
    for (before, base), (after, base_now) in zip(judge.bases(old), judge.bases(new), strict=True):
        mark = after.attributes.get("data-consentkit")
        if must := judge.must(after, base_now):
            return f"left armed: {after} for {sorted(must)}"
        # With noscript, what one reading blocks may be text to the other; a body's tags are made one.
        if mark is None and before != after and not noscript:
            return f"changed: {before} to {after}"
        if mark is None or before.inert or before.name in ("html", "body"):
            continue
        may = judge.may(before, base)
        if not may or (mark and mark not in may):
            return f"blocked: {before} as {mark!r}, not {sorted(may)}"
    return None


def smallest(page: bytes, wrong: Callable[[bytes], object]) -> bytes:
    """Return a page that is still wrong and from which no piece can go any more."""
    size = max(len(page) // 2, 1)
    while size:
        at = 0
        while at < len(page):
            shorter = page[:at] + page[at + size :]
            if wrong(shorter):
                page = shorter
            else:
                at += size
        size //= 2
    return page
