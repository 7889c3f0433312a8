"""What the rules say about one start tag, or one inline script."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from consentkit.gate.markup.elements import (
    BLANK,
    FETCHING,
    HINTS,
    LOADING,
    REFS,
    SCRIPT_TYPES,
    candidates,
    renamed,
)
from consentkit.gate.markup.tags import OPEN_ATTRIBUTE, TAG_NAME, Attribute, Edits, attributes, disarm, many

# A start tag that can't name another host: no scheme, no two slashes (TAB, LF and CR between them don't
# count), no character reference to write one with. Scripts are looked at in any case, for their body.
_LOCAL: Final = re.compile(
    rb"<(?!script)[^:&\\/]*+" + many(rb"/(?![\t\n\r]*[/\\])[^:&\\/]*+") + rb"\Z", re.IGNORECASE
)


class Rules(Protocol):
    """What the published policy blocks: each answers with a service's id, or None for "let it be"."""

    def __hash__(self) -> int: ...

    def url(self, url: str) -> str | None:
        """Whose is what this URL fetches?"""
        ...

    def host(self, url: str) -> str | None:
        """Whose is the host that this URL only announces (preconnect, dns-prefetch)?"""
        ...

    def inline(self, body: bytes) -> str | None:
        """Whose is this inline script?"""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with one start tag: the insertions now, and where its inline body, if any, would run."""

    service: str | None = None
    edits: Edits = ()
    runs_in_html: bool = False
    runs_in_svg: bool = False
    necessary: bool = False


UNTOUCHED: Final = Verdict()


class Verdicts:
    """The rules applied to start tags and inline scripts; what was decided once is remembered, boundedly."""

    _ENTRIES: Final = 2048
    _LONGEST: Final = 1024

    def __init__(self, rules: Rules, srcdoc: Callable[[str], str | None]) -> None:
        self._rules = rules
        self._srcdoc = srcdoc
        self._remembered: dict[bytes, Verdict] = {}

    def tag(self, tag: bytes) -> Verdict:
        """The verdict on a complete start tag of one of the `LOADING` elements."""
        known = self._remembered.get(tag)
        if known is not None:
            return known
        if _LOCAL.match(tag) is not None:
            return UNTOUCHED
        verdict = self._judge(tag, None)
        if len(tag) <= self._LONGEST:
            if len(self._remembered) >= self._ENTRIES:
                self._remembered.clear()
            self._remembered[tag] = verdict
        return verdict

    def inline(self, tag: bytes, body: bytes) -> Verdict:
        """The verdict on a script by its inline body."""
        service = self._rules.inline(body)
        return UNTOUCHED if service is None else condemned(tag, service)

    def oversize(self, head: bytes, cut: bytes) -> Verdict:
        """The verdict on a start tag too long to hold.

        `head` is the tag as far as its attributes are complete, with a `>` put behind; `cut` what is there
        of the attribute that isn't. If that is a `data:` URL or doesn't load anything, `head` decides;
        anything else can't be decided and is blocked for good, as service "".
        """
        return self._judge(head, cut)

    def _judge(self, tag: bytes, cut: bytes | None) -> Verdict:
        name, end = _name(tag)
        found = list(attributes(tag, end))
        if _first(found, b"data-category").strip(BLANK).lower() == "necessary":
            return Verdict(necessary=True)
        service = self._service(name, found)
        if service is None and cut is not None and _undecidable(name, cut):
            service = ""
        if service is not None:
            return condemned(tag, service)
        if name != b"script" or not _executes(found):
            return UNTOUCHED
        names = {attribute.name for attribute in found}
        return Verdict(runs_in_html=b"src" not in names, runs_in_svg=names.isdisjoint(REFS))

    def _service(self, name: bytes, found: list[Attribute]) -> str | None:
        if name == b"script" and not _executes(found):
            return None
        if name == b"input" and "image" not in {a.value.lower() for a in found if a.name == b"type"}:
            return None
        loading = [a for a in found if a.name in LOADING[name]]
        if name == b"link":
            return self._link(found, loading)
        hits = (self._value(attribute) for attribute in loading)
        return next((hit for hit in hits if hit is not None), None)

    def _link(self, found: list[Attribute], loading: list[Attribute]) -> str | None:
        rels = {rel for a in found if a.name == b"rel" for rel in a.value.lower().split()}
        hits: list[str | None] = []
        if rels & FETCHING:
            hits += [self._value(attribute) for attribute in loading]
        if rels & HINTS:
            hits += [self._rules.host(a.value) for a in loading if a.name == b"href"]
        return next((hit for hit in hits if hit is not None), None)

    def _value(self, attribute: Attribute) -> str | None:
        if attribute.name == b"srcdoc":
            return self._srcdoc(attribute.value)
        if attribute.name in (b"srcset", b"imagesrcset"):
            hits = map(self._rules.url, candidates(attribute.value))
            return next((hit for hit in hits if hit is not None), None)
        return self._rules.url(attribute.value)


def condemned(tag: bytes, service: str) -> Verdict:
    """The verdict that makes this start tag inert as the service's."""
    name, end = _name(tag)
    places = [attribute.at for attribute in attributes(tag, end) if attribute.name in renamed(name)]
    return Verdict(service, disarm(end, places, service, script=name == b"script"))


def _name(tag: bytes) -> tuple[bytes, int]:
    found = TAG_NAME.match(tag)
    assert found is not None, tag  # noqa: S101 - callers pass start tags only
    return found.group(1).lower(), found.end()


def _first(found: list[Attribute], name: bytes) -> str:
    return next((attribute.value for attribute in found if attribute.name == name), "")


def _executes(found: list[Attribute]) -> bool:
    types = [attribute.value for attribute in found if attribute.name == b"type"]
    if not types:
        language = _first(found, b"language")
        types = ["text/" + language] if language else [""]
    # Any of duplicate types: the DOM reads the first, a preload scanner the last.
    return any(not kind or kind.strip(BLANK).lower() in SCRIPT_TYPES for kind in types)


def _undecidable(name: bytes, cut: bytes) -> bool:
    if name == b"script":
        return True
    opened = OPEN_ATTRIBUTE.match(cut)
    if opened is None or opened.group(1).lower() not in renamed(name):
        return False
    return not opened.group(4).lower().startswith(b"data:")
