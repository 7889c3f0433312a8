"""What can rewrite a page: ours, and others made to do the same task on the same decisions.

The task: ask the rules about every URL that an element loads and about every inline script, make what is
somebody's inert, and give the page back.
"""

import gzip
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final

import html5lib
import lolhtml
import lxml.html
from selectolax.lexbor import LexborHTMLParser

from consentkit.gate.markup import Rewriter, Rules
from consentkit.policy.registry import Service
from consentkit.policy.whose import Whose

URLS: Final = {
    "script": ("src",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "image": ("src", "href", "xlink:href"),
    "link": ("href",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
}
SELECTOR: Final = ",".join(name for name in URLS if name != "script")
Done = tuple[bytes, list[str]]
Rewrite = Callable[[bytes, Rules], Done]


def rules_of(services: Iterable[Service]) -> Rules:
    """Return fresh rules that block every service."""
    return Whose((), services)


def owner(rules: Rules, name: str, attributes: dict[str, str | None]) -> str | None:
    """Return who owns what an element of these (decoded) attributes loads: the same for all candidates."""
    given = {key: value or "" for key, value in attributes.items()}
    if name == "script" and (given.get("type") or "text/javascript").strip().lower() not in (
        "text/javascript",
        "module",
        "application/javascript",
    ):
        return None
    if name == "input" and given.get("type", "").lower() != "image":
        return None
    if name == "link":
        rels = given.get("rel", "").lower().split()
        if {"preconnect", "dns-prefetch"} & set(rels):
            return rules.host(given.get("href", ""))
        if not {"stylesheet", "preload", "icon", "prefetch", "modulepreload"} & set(rels):
            return None
    for key in URLS.get(name, ()):
        value = given.get(key)
        for url in re.findall(r"[^\s,]\S*", value or "") if key == "srcset" else [value]:
            if url and (found := rules.url(url)) is not None:
                return found
    return None


def _inline(rules: Rules, attributes: dict[str, str | None], body: str | bytes) -> str | None:
    if "src" in attributes or owner(rules, "script", attributes) is not None:
        return None
    kind = (attributes.get("type") or "text/javascript").strip().lower()
    if kind not in ("text/javascript", "module", "application/javascript"):
        return None
    return rules.inline(body.encode("latin-1", "replace") if isinstance(body, str) else body)


def consentkit(page: bytes, rules: Rules, chunk: int = 0) -> Done:
    """Ours, fed whole or in chunks of a size in bytes."""
    rewriter = Rewriter(rules, b"")
    if chunk:
        pieces = [rewriter.feed(page[at : at + chunk]) for at in range(0, len(page), chunk)]
        return b"".join([*pieces, rewriter.close()]), sorted(rewriter.blocked)
    return rewriter.feed(page) + rewriter.close(), sorted(rewriter.blocked)


class _LolElement:
    def __init__(self, rules: Rules, blocked: list[str]) -> None:
        self.rules, self.blocked = rules, blocked
        self.attributes: dict[str, str | None] = {}
        self.text_: list[str] = []

    def element(self, element: Any) -> None:
        name = element.tag_name.lower()
        given = {key: html.unescape(value) for key, value in element.attributes}
        self.attributes, self.text_ = given, []
        if owner(self.rules, name, given) is not None:
            self.blocked.append(name)
            for key in URLS[name]:
                if key in given:
                    element.remove_attribute(key)
                    element.set_attribute("data-blocked-" + key, given[key])


class _LolScript(_LolElement):
    """Scripts: the text has gone when it is decided, so it is taken out and put back, or isn't."""

    def text(self, chunk: Any) -> None:
        self.text_.append(chunk.text)
        last = chunk.last_in_text_node
        if not last:
            chunk.remove()
            return
        body = "".join(self.text_)
        if _inline(self.rules, self.attributes, body) is not None:
            self.blocked.append("script")
            chunk.remove()
        else:
            chunk.replace(body, lolhtml.ContentType.HTML)


def python_lolhtml(page: bytes, rules: Rules) -> Done:
    """Cloudflare's rewriter through its Python binding."""
    out, blocked = bytearray(), list[str]()
    rewriter = lolhtml.HTMLRewriter(out.extend)
    rewriter.on(SELECTOR, _LolElement(rules, blocked))
    rewriter.on("script", _LolScript(rules, blocked))
    rewriter.write(page)
    rewriter.end()
    return bytes(out), blocked


def selectolax(page: bytes, rules: Rules) -> Done:
    """Lexbor's tree, edited and written again."""
    tree, blocked = LexborHTMLParser(page.decode("utf-8", "replace")), []
    for node in tree.css(SELECTOR + ",script"):
        name = node.tag
        given = dict(node.attributes)
        if owner(rules, name, given) is not None:
            for key in URLS[name]:
                if key in given:
                    node.attrs["data-blocked-" + key] = given[key] or ""
                    del node.attrs[key]
        elif name != "script" or _inline(rules, given, node.text()) is None:
            continue
        else:
            node.attrs["type"] = "text/plain"
        blocked.append(name)
    return (tree.html or "").encode(), blocked


def lxml_html(page: bytes, rules: Rules) -> Done:
    """libxml2's tree, edited and written again."""
    if not page.strip():
        return page, []
    tree, blocked = lxml.html.document_fromstring(page), []
    for node in tree.iter(*URLS):
        given: dict[str, str | None] = dict(node.attrib)
        if owner(rules, node.tag, given) is not None:
            for key in URLS[node.tag]:
                if key in given:
                    node.set("data-blocked-" + key, node.attrib.pop(key))
        elif node.tag != "script" or _inline(rules, given, node.text or "") is None:
            continue
        else:
            node.set("type", "text/plain")
        blocked.append(node.tag)
    return lxml.html.tostring(tree), blocked


def html5lib_(page: bytes, rules: Rules) -> Done:
    """html5lib's tree, edited and written again: the judge of the others."""
    tree, blocked = html5lib.parse(page.decode("latin-1"), namespaceHTMLElements=False), []
    for node in tree.iter():
        if node.tag not in URLS:
            continue
        if owner(rules, node.tag, node.attrib) is not None:
            for key in URLS[node.tag]:
                if key in node.attrib:
                    node.set("data-blocked-" + key, node.attrib.pop(key))
        elif node.tag != "script" or _inline(rules, node.attrib, node.text or "") is None:
            continue
        else:
            node.set("type", "text/plain")
        blocked.append(node.tag)
    return html5lib.serialize(tree).encode("latin-1", "replace"), blocked


class _Copying(HTMLParser):
    def __init__(self, rules: Rules) -> None:
        super().__init__(convert_charrefs=False)
        self.rules, self.out, self.blocked = rules, list[str](), list[str]()
        self.script: dict[str, str | None] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text, given = self.get_starttag_text() or "", dict(reversed(attrs))
        self.script = given if tag == "script" else None
        if owner(self.rules, tag, given) is not None:
            self.blocked.append(tag)
            names = "|".join(URLS[tag])
            text = re.sub(rf"(?i)(?<=[\s/\"'])({names})(?=[\s=>])", r"data-blocked-\1", text)
        self.out.append(text)

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag: str) -> None:
        self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.script is not None and _inline(self.rules, self.script, data) is not None:
            self.blocked.append("script")
            data = ""
        self.script = None
        self.out.append(data)

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.out.append(f"<?{data}>")

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")


def html_parser(page: bytes, rules: Rules) -> Done:
    """The standard library's parser, its pieces copied."""
    parser = _Copying(rules)
    parser.feed(page.decode("latin-1"))
    parser.close()
    return "".join(parser.out).encode("latin-1", "replace"), parser.blocked


def _gzip(level: int) -> Rewrite:
    return lambda page, _: (gzip.compress(page, level), [])


@dataclass(frozen=True, slots=True)
class Candidate:
    """One row of the table: `rules` says how fresh its decisions are; `rounds` is 1 for what is slow."""

    name: str
    rewrite: Rewrite
    rules: str = "warm"
    streams: str = "no"
    judged: bool = True
    slow: bool = False


def _chunks(size: int) -> Rewrite:
    return lambda page, rules: consentkit(page, rules, size)


def candidates() -> Iterator[Candidate]:
    """Yield every row; ours first."""
    yield Candidate("consentkit, whole", consentkit, streams="yes")
    for label, size in (("64 KB", 1 << 16), ("4 KB", 4096), ("512 B", 512)):
        yield Candidate(f"consentkit, {label} chunks", _chunks(size), streams="yes", judged=size == 512)
    yield Candidate("consentkit, cold decisions", consentkit, "cold", "yes", judged=False)
    yield Candidate("consentkit, first page ever", consentkit, "first", "yes", judged=False)
    yield Candidate("python-lolhtml", python_lolhtml, streams="yes")
    yield Candidate("selectolax (Lexbor)", selectolax)
    yield Candidate("lxml.html", lxml_html)
    yield Candidate("html.parser", html_parser)
    yield Candidate("html5lib", html5lib_, slow=True)
    yield Candidate("gzip level 9 (GZipMiddleware's default)", _gzip(9), streams="yes", judged=False)
    yield Candidate("gzip level 4", _gzip(4), streams="yes", judged=False)
