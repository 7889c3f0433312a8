"""The gate against html5lib: on random tag soups nothing is left armed, and nothing else is changed."""

import random
import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
import pytest

from consentkit.gate.markup import Rewriter
from consentkit.policy.match import Matcher
from consentkit.policy.registry import Pattern, Service

INSERTED = (
    rb'(?i:(<script) data-consentkit="[^"]*" type="text/plain")| data-consentkit="[^"]*"|data-consentkit-'
)

TRACKER, MARK = "t.test", "track("
TYPES = {"", "text/javascript", "module", "application/javascript"}
RELS = {"stylesheet", "preload", "preconnect", "icon"}
LINKS = ("src", "href", "xlink:href")
SOURCES = {
    "script": "src href xlink:href",
    "iframe": "src",
    "embed": "src",
    "object": "data",
    "img": "src srcset",
    "image": "src srcset href xlink:href",
    "use": "href xlink:href",
    "source": "src srcset",
    "video": "src poster",
    "audio": "src",
    "track": "src",
    "input": "src",
    "link": "href imagesrcset",
}


SERVICE = Service(
    id="tracker",
    name="Tracker",
    vendor="Tracker",
    country="FR",
    category="analytics",
    purposes=(),
    policy_url="https://t.test/privacy",
    urls=(Pattern(TRACKER, "declared"),),
    inline=(Pattern(MARK, "declared"),),
    cookies=(),
    storage=(),
)
RULES = Matcher([SERVICE])

URLS = [
    "https://t.test/a.js",
    "//T.test/x".lower(),
    "/own.js",
    "https://own.test/x",
    "https&colon;//t&#46;test/&lt=1",
    "",
]
VALUES = [
    *URLS,
    "'",
    '"',
    "a b",
    "<img src=//t.test/q>",
    "-->",
    "/",
    ">",
    "text/javascript",
    "module",
    "text/plain",
]
ATTRIBUTES = ["src", "SRC", "href", "data", "srcset", "poster", "type", "rel", "id", "xlink:href", "alt", "="]
HTML_TAGS = [
    "script",
    "img",
    "iframe",
    "link",
    "embed",
    "object",
    "video",
    "audio",
    "source",
    "track",
    "input",
    "image",
]
PLAIN_TAGS = ["p", "div", "a", "b", "span", "br", "scripts", "im", "x-y", "h1", "ul", "li"]
RAW_TAGS = ["style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "script"]
SCRAPS = [
    "x",
    " ",
    "<",
    "</",
    "<!",
    "<?",
    "<!-",
    "<!--",
    "<!-->",
    "<!--->",
    "-->",
    "--!>",
    "--",
    ">",
    '"',
    "'",
    "=",
    "/",
]
SCRAPS += [
    "<!doctype html>",
    "<![CDATA[",
    "]]>",
    "track(1)",
    "<!x>",
    "</ >",
    "</>",
    "\n",
    "&amp;",
    "\0",
    "<script",
    "</script",
]
SVG_TAGS = [
    "svg",
    "g",
    "path",
    "use",
    "image",
    "title",
    "desc",
    "foreignObject",
    "script",
    "style",
    "a",
    "circle",
]
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
    tidy = rng.random() < 0.5
    for _ in range(rng.randint(1, 25)):
        kind = rng.random()
        if tidy and kind < 0.8:
            name, link = rng.choice(names), rng.choice(LINKS)
            pieces.append(f'<{name} {link}="{rng.choice(URLS)}">' + (f"</{name}>" if kind < 0.3 else ""))
            continue
        if kind < 0.5:
            pieces.append(tag(rng, names))
        elif kind < 0.75:
            pieces.append(f"</{rng.choice(names)}{rng.choice(['>', '>', '>', ' a>', ''])}")
        else:
            pieces.append(rng.choice(SCRAPS))
    return "".join(pieces)


def undo(page: bytes) -> bytes:
    return re.sub(INSERTED, rb"\1", page)


def rewrite(page: bytes) -> bytes:
    rewriter = Rewriter(RULES, b"")
    return rewriter.feed(page) + rewriter.close()


def local(name: object) -> str:
    space, _, name = str(name).rpartition("}")
    return ("xlink:" if space.endswith("xlink") else "") + name.lower()


def elements(page: bytes, *, scripting: bool) -> Iterator[tuple[str, dict[str, str], str]]:
    tree = html5lib.parse(page.decode("latin-1"), scripting=scripting)
    for element in tree.iter():
        if isinstance(element.tag, str):
            attributes = {local(name): value for name, value in element.attrib.items()}
            yield local(element.tag), attributes, body(element)


def body(element: Element) -> str:
    return "".join(filter(None, [element.text, *(child.tail for child in element)]))


def reaches(source: str, value: str) -> bool:
    """Whether a browser would ask the tracker for this attribute's value."""
    if source.endswith("srcset"):
        return any(reaches("", candidate.split()[0]) for candidate in value.split(",") if candidate.strip())
    return value.strip().startswith((f"https://{TRACKER}", f"//{TRACKER}"))


def armed(name: str, attributes: dict[str, str], text: str) -> bool:
    """Whether an element would reach the tracker, told from the tree alone."""
    if name == "script" and attributes.get("type", "").strip().lower() not in TYPES:
        return False
    if name == "link" and not RELS & set(attributes.get("rel", "").lower().split()):
        return False
    if name == "input" and attributes.get("type", "").lower() != "image":
        return False
    if any(reaches(source, attributes.get(source, "")) for source in SOURCES.get(name, "").split()):
        return True
    return name == "script" and "src" not in attributes and MARK in text


def blockable(name: str, attributes: dict[str, str], text: str) -> bool:
    """Armed, or armed in the other namespace: neither preload scanners nor the gate care which it is."""
    if any(reaches("", attributes.get(link, "")) for link in LINKS):
        attributes = {**attributes, "href": f"//{TRACKER}"}
    return armed({"img": "image"}.get(name, name), attributes, text)


def has_duplicates(after: bytes) -> bool:
    """Whether a blocked tag had an attribute twice: then the tree, which keeps the first, can't tell why."""
    for blocked in after.split(b' data-consentkit="')[1:]:
        names = re.findall(rb"data-consentkit-([a-z:]+)", blocked.lower())
        if len(names) != len(set(names)):
            return True
    return False


def fault(page: bytes, *, noscript: bool) -> str | None:
    """What is wrong with the rewritten page, in words; None if nothing is."""
    after = rewrite(page)
    if undo(after) != page:
        return f"can't be undone: {after!r}"
    for scripting in (False, True) if noscript else (False,):
        before_list = list(elements(page, scripting=scripting))
        after_list = list(elements(after, scripting=scripting))
        if [e[0] for e in before_list] != [e[0] for e in after_list]:
            return f"another tree: {after!r}"
        for old, new in zip(before_list, after_list, strict=True):
            blocked = "data-consentkit" in new[1]
            if armed(*new):
                return f"left armed: {new} in {after!r}"
            # With noscript, what one reading blocks may be text to the other.
            if not blocked and old != new and not noscript:
                return f"changed: {old} to {new} in {after!r}"
            if blocked and not blockable(*old) and not has_duplicates(after):
                return f"blocked: {old} in {after!r}"
    return None


def faults(seed: int, count: int, *, foreign: bool, noscript: bool) -> list[tuple[bytes, str]]:
    found = []
    for number in range(count):
        rng = random.Random(f"{seed} {number}")  # noqa: S311 - a reproducible sample
        page = soup(rng, foreign=foreign, noscript=noscript).encode("latin-1")
        if problem := fault(page, noscript=noscript):
            found.append((page, problem))
    return found


@pytest.fixture
def count(full: bool) -> int:
    return 20_000 if full else 2_000


def test_on_html_soups_exactly_what_is_armed_is_blocked(count: int) -> None:
    assert faults(1, count, foreign=False, noscript=False) == []


def test_on_soups_with_noscript_nothing_is_left_armed_with_or_without_javascript(count: int) -> None:
    assert faults(2, count, foreign=False, noscript=True) == []


def test_on_soups_with_svg_and_math_at_most_one_in_a_thousand_differs(count: int) -> None:
    # HTML outside svg isn't followed, so an end tag in svg that closes an outer element isn't understood.
    found = faults(3, count, foreign=True, noscript=False)
    assert len(found) <= count // 1000, found


def test_the_oracle_sees_an_armed_element() -> None:
    unguarded = list(elements(b"<p><img src=//t.test/x>", scripting=False))
    assert [armed(*element) for element in unguarded][-1]
