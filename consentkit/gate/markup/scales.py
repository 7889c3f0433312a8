"""What an attribute's value, or a stylesheet, fetches, and what the rules say about each of it."""

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Final, Protocol

from consentkit.gate.markup import css
from consentkit.gate.markup.elements import Load, candidates
from consentkit.gate.markup.embedded import DOCUMENTS, data_of, script_of
from consentkit.policy.urls import joined

Seen = tuple[str, str]
"""What to count: its kind, and a service's or a host's name."""
Inner = tuple[frozenset[str], frozenset[Seen]]
"""What there is in a document within an attribute: as what some of it is blocked, and what to count."""


class Rules(Protocol):
    """What the published policy says: each question has a service's id for answer, or None for "let it be".

    "" as an answer stands for what can't be told, `?host` for a host that nobody declared.
    """

    @property
    def aliases(self) -> tuple[str, ...]:
        """The other tools whose marks are read."""
        ...

    def __hash__(self) -> int: ...

    def url(self, url: str) -> str | None:
        """As what is that which this URL fetches blocked?"""
        ...

    def answer(self, url: str) -> tuple[str | None, Seen | None]:
        """As what is that blocked which this URL fetches, and if it isn't, what is to be counted?"""
        ...

    def host(self, url: str) -> str | None:
        """As what is the host blocked that this URL only announces (preconnect, dns-prefetch)?"""
        ...

    def inline(self, body: bytes) -> str | None:
        """As what is this inline script blocked?"""
        ...

    def imports(self, body: bytes) -> tuple[str, ...]:
        """The relative URLs of modules that this inline script imports."""
        ...

    def anybodys(self, url: str) -> bool:
        """Is nothing on this URL's host blocked, whatever the path?"""
        ...

    def seen(self, url: str) -> Seen | None:
        """What is to be counted about a URL that isn't blocked?"""
        ...

    def category(self, service: str) -> str | None:
        """In which category does the policy declare a service, if it does?"""
        ...

    def asks(self, category: str) -> bool:
        """Does the policy ask visitors about this category?"""
        ...


# A URL that isn't relative, as far as its beginning tells.
FOREIGN: Final = re.compile(r"[\x00-\x20]*+(?:[a-zA-Z][a-zA-Z0-9+.\-\t\n\r]*+:|[/\\][\t\n\r]*+[/\\])")
FOREIGN_CSS: Final = re.compile(
    rb"\\|@import|\((?:(?<=image-set\()|(?<=src\()|(?<=url\()[\x00-\x20\"']*+"
    rb"(?:/[\t\n\r]*+/|(?!data:(?:image|font|application)/)[a-z][a-z0-9+.\-\t\n\r]*+:))",
    re.IGNORECASE,
)
"""What CSS holds that may fetch anything from another host."""
_NOTHING: Final = (None, None)
_EMPTY: Final[Inner] = (frozenset(), frozenset())
_STRICTNESS: Final = {None: 2, "marketing": 3, "preferences": 5}
_FRAMES: Final = frozenset((b"iframe", b"frame", b"object", b"embed", b"portal", b"fencedframe"))
# Sheets may import sheets that a URL carries; past two of them within each other nobody looks on.
_SHEETS: Final = {b"link": b"style", b"style": b" in a sheet", b" in a sheet": None}
_CARRIERS: Final = frozenset((b"script", *_FRAMES, *_SHEETS))
_CARRYING: Final = re.compile(r"[\x00-\x20]*+(?:j[\t\n\r]*+a|d[\t\n\r]*+a)", re.IGNORECASE)


class Scales:
    """Weighs what is fetched, in documents whose `<base href>` is `base`, by the rules."""

    __slots__ = ("_base", "_rules", "_srcdoc")

    def __init__(self, rules: Rules, srcdoc: Callable[[str], Inner], base: str) -> None:
        self._rules = rules
        self._srcdoc = srcdoc
        self._base = base

    def attributes(self, name: bytes, loading: list[Load]) -> tuple[dict[bytes, str], tuple[Seen, ...]]:
        """As what each attribute to blame is blocked, and what to count of the others."""
        guilty: dict[bytes, str] = {}
        seen: dict[Seen, None] = {}
        for kind, attribute, value in loading:
            answers = (self._url(name, value),) if kind == "url" else self._answers(name, kind, value)
            for hit, pair in answers:
                if hit is not None:
                    other = guilty.get(attribute, hit)
                    guilty[attribute] = hit if hit == other else self.strictest((hit, other))
                elif pair is not None:
                    seen[pair] = None
        return guilty, tuple(seen)

    def strictest(self, hits: Iterable[str]) -> str:
        """Of several services the one whose consent is the last to be given: what serves two needs both."""

        def rank(hit: str) -> tuple[int, str]:
            if hit[:1] in ("", "?"):
                return len(hit[:1]), hit
            return _STRICTNESS.get(hit[1:] if hit[0] == "@" else self._rules.category(hit), 4), hit

        different = set(hits)
        return different.pop() if len(different) == 1 else min(different, key=rank)

    def _answers(self, name: bytes, kind: str, value: str) -> Iterable[tuple[str | None, Seen | None]]:
        match kind:
            case "urls":
                return [self._url(name, url) for url in value.split()]
            case "srcset":
                return [self._url(name, url) for url in candidates(value)]
            case "css":
                return [self._url(name, url) for url in css.urls(value)]
            case "document":
                return self._document(value)
            case "code":
                return ((self.inline(value.encode("utf-8", "replace")), None),)
            case "base":
                return ((None, self._url(name, value)[1]),)
            case _:
                url = joined(value, self._base) if self._base else value
                hit = self._rules.host(url)
                return ((hit, self._rules.seen(url) if hit is None else None),)

    def inline(self, body: bytes) -> str | None:
        """As what a script is blocked by its text: for its marks, or for the modules it imports."""
        hit = self._rules.inline(body)
        if hit is not None or not self._base:
            return hit
        urls = (joined(url, self._base) for url in self._rules.imports(body))
        return next((hit for hit in map(self._rules.url, urls) if hit is not None), None)

    def _url(self, name: bytes, url: str) -> tuple[str | None, Seen | None]:
        if self._base:
            url = joined(url, self._base)
        if FOREIGN.match(url) is None:
            return _NOTHING
        answer = self._rules.answer(url)
        if answer[0] is None and name in _CARRIERS and _CARRYING.match(url) is not None:
            hit = self._embedded(name, url)
            return answer if hit is None else (hit, None)
        return answer

    def _embedded(self, name: bytes, url: str) -> str | None:
        """As what that is blocked which a URL carries within itself: a script, a sheet or a document."""
        kind, body = data_of(url) or ("", b"")
        if name == b"script":
            return self._rules.inline(body)  # nothing is relative to `data:`
        if name in _SHEETS:
            inner = _SHEETS[name]
            if kind not in ("", "text/css"):
                return None
            return "" if inner is None else self._sheet(inner, body)[0]
        script = script_of(url)
        if script is not None:
            return self.inline(script)
        hits, _ = self._srcdoc(body.decode("utf-8", "replace")) if kind in DOCUMENTS else _EMPTY
        return self.strictest(hits) if hits else None

    def _document(self, html: str) -> list[tuple[str | None, Seen | None]]:
        if self._base and "<base" not in html.lower():
            html = f'<base href="{escape(self._base)}">{html}'
        hits, seen = self._srcdoc(html)
        return [(hit, None) for hit in hits] or [(None, pair) for pair in sorted(seen)]

    def sheet(self, body: bytes) -> tuple[str | None, tuple[Seen, ...]]:
        """As what a stylesheet is blocked, and what to count of all else that it fetches."""
        return self._sheet(b"style", body)

    def _sheet(self, name: bytes, body: bytes) -> tuple[str | None, tuple[Seen, ...]]:
        answers = [self._url(name, url) for url in css.urls(body.decode("utf-8", "replace"))]
        hits = {hit for hit, _ in answers if hit is not None}
        seen = dict.fromkeys(pair for _, pair in answers if pair is not None)
        return (self.strictest(hits) if hits else None), tuple(seen)
