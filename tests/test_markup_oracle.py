"""The gate against html5lib: on random tag soups nothing is left armed, and nothing else is changed."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
import pytest

from consentkit.gate.markup import Rewriter

TRACKER, MARK = "t.test", b"track("
TYPES = {"", "text/javascript", "module", "application/javascript"}
RELS = {"stylesheet", "preload", "preconnect", "icon"}
SOURCES = {
    "script": "src href",
    "iframe": "src",
    "embed": "src",
    "object": "data",
    "img": "src srcset",
    "image": "src srcset href",
    "use": "href",
    "source": "src srcset",
    "video": "src poster",
    "audio": "src",
    "track": "src",
    "input": "src",
    "link": "href imagesrcset",
}


class Rules:
    """Blocks one host, and inline scripts that call its function."""

    def url(self, url: str) -> str | None:
        return "tracker" if TRACKER in url else None

    host = url

    def inline(self, body: bytes) -> str | None:
        return "tracker" if MARK in body else None


RULES = Rules()

URLS = ["https://t.test/a.js", "//T.test/x".lower(), "/own.js", "https://own.test/x", "https&colon;//t&#46;test/&lt=1", ""]
VALUES = [*URLS, "'", '"', "a b", "<img src=//t.test/q>", "-->", "/", ">", "text/javascript", "module", "text/plain"]
ATTRIBUTES = ["src", "SRC", "href", "data", "srcset", "poster", "type", "rel", "id", "xlink:href", "alt", "="]
HTML_TAGS = ["script", "img", "iframe", "link", "embed", "object", "video", "audio", "source", "track", "input", "image"]
PLAIN_TAGS = ["p", "div", "a", "b", "span", "br", "scripts", "im", "x-y", "h1", "ul", "li"]
RAW_TAGS = ["style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "script"]
SCRAPS = ["x", " ", "<", "</", "<!", "<?", "<!-", "<!--", "<!-->", "<!--->", "-->", "--!>", "--", ">", '"', "'", "=", "/"]
SCRAPS += ["<!doctype html>", "<![CDATA[", "]]>", "track(1)", "<!x>", "</ >", "</>", "\n", "&amp;", "\0", "<script", "</script"]
SVG_TAGS = ["svg", "g", "path", "use", "image", "title", "desc", "foreignObject", "script", "style", "a", "circle"]
MATH_TAGS = ["math", "mi", "mtext", "annotation-xml", "mrow"]


def attribute(rng: random.Random) -> str:
    name, value = rng.choice(ATTRIBUTES), rng.choice(VALUES)
    forms = [f'{name}="{value}"', f"{name}='{value}'", f"{name}={value}", name, f'{name} = "{value}"']
    return rng.choice([" ", " ", " ", "\n", "/", ""]) + rng.choice(forms)


def tag(rng: random.Random, names: list[str]) -> str:
    name = rng.choice(names)
    if rng.random() < 0.1:
        name = name.upper()
    if name.lower() == "link" and rng.random() < 0.7:
        return f'<{name} rel={rng.choice(sorted(RELS))}{attribute(rng)} href="{rng.choice(URLS)}">'
    parts = "".join(attribute(rng) for _ in range(rng.choice([0, 0, 1, 1, 2, 3])))
    if name.lower() in SOURCES and rng.random() < 0.5:
        parts += f' {SOURCES[name.lower()].split()[0]}="{rng.choice(URLS)}"'
    return f"<{name}{parts}{rng.choice(['>', '>', '>', '>', '/>', ' >', ''])}"


def soup(rng: random.Random, *, foreign: bool, noscript: bool) -> str:
    names = HTML_TAGS + PLAIN_TAGS + RAW_TAGS
    if foreign:
        names = names + SVG_TAGS * 2 + MATH_TAGS
    if noscript:
        names = [*names, "noscript", "noscript", "noscript"]
    pieces = []
    for _ in range(rng.randint(1, 25)):
        kind = rng.random()
        if kind < 0.5:
            pieces.append(tag(rng, names))
        elif kind < 0.75:
            pieces.append(f"</{rng.choice(names)}{rng.choice(['>', '>', '>', ' a>', ''])}")
        else:
            pieces.append(rng.choice(SCRAPS))
    return "".join(pieces)


def rewrite(page: bytes) -> bytes:
    rewriter = Rewriter(RULES, b"")
    return rewriter.feed(page) + rewriter.close()


def local(name: object) -> str:
    return str(name).rpartition("}")[2].lower()


def elements(page: bytes, *, scripting: bool) -> Iterator[tuple[str, dict[str, str], str]]:
    tree = html5lib.parse(page.decode("latin-1"), scripting=scripting)
    for element in tree.iter():
        if isinstance(element.tag, str):
            attributes = {local(name): value for name, value in element.attrib.items()}
            yield local(element.tag), attributes, body(element)


def body(element: Element) -> str:
    return "".join(filter(None, [element.text, *(child.tail for child in element)]))


def armed(name: str, attributes: dict[str, str], text: str) -> bool:
    """Whether an element would reach the tracker, told from the tree alone."""
    if name == "script" and attributes.get("type", "").strip().lower() not in TYPES:
        return False
    if name == "link" and not RELS & set(attributes.get("rel", "").lower().split()):
        return False
    if name == "input" and attributes.get("type", "").lower() != "image":
        return False
    if any(TRACKER in attributes.get(source, "") for source in SOURCES.get(name, "").split()):
        return True
    return name == "script" and "src" not in attributes and MARK.decode() in text


def has_duplicates(page: bytes) -> bool:
    return any(
        max(Counter(re.findall(rb"(?:^|[\s/\"'])([a-z]+)(?=[\s=])", start.lower())).values(), default=0) > 1
        for start in re.findall(rb"<[a-zA-Z]+([^<]*)", page)
    )


def restored(attributes: dict[str, str]) -> dict[str, str]:
    kept = {n: v for n, v in attributes.items() if n != "data-consentkit"}
    if any(name.startswith("data-consentkit-type") for name in kept) or "type" in kept:
        kept.pop("type", None)
    return {name.removeprefix("data-consentkit-"): value for name, value in kept.items()}


def fault(page: bytes, *, noscript: bool) -> str | None:
    """What is wrong with the rewritten page, in words; None if nothing is."""
    after = rewrite(page)
    marked = 0
    for scripting in (False, True) if noscript else (False,):
        before_list = list(elements(page, scripting=scripting))
        after_list = list(elements(after, scripting=scripting))
        if [e[0] for e in before_list] != [e[0] for e in after_list]:
            return f"another tree: {after!r}"
        for old, new in zip(before_list, after_list, strict=True):
            if armed(*new):
                return f"left armed: {new} in {after!r}"
            if "data-consentkit" in new[1]:
                marked += 1
            elif old != new and not noscript:
                return f"changed: {old} to {new} in {after!r}"
            if "data-consentkit" in new[1] and not armed(*old) and not has_duplicates(page):
                return f"blocked: {old} in {after!r}"
    return None


def faults(seed: int, count: int, *, foreign: bool, noscript: bool) -> list[tuple[bytes, str]]:
    found = []
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        page = soup(rng, foreign=foreign, noscript=noscript).encode("latin-1")
        problem = fault(page, noscript=noscript)
        if problem:
            found.append((page, problem))
    return found
