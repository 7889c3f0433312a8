"""What a site's author says about an element: `data-category`, `data-service`, or another tool's mark.

Only what the policy asks visitors about counts. `data-category` is a common name: a shop's pictures may have
one of their own, so a category that nobody is asked about says nothing, and neither allows nor blocks.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from consentkit.gate.markup.elements import BLANK, Attributes
from consentkit.gate.markup.tags import decode
from consentkit.policy.aliases import ALIASES, Alias

NECESSARY: Final = "necessary"
_CATEGORY: Final = b"data-category"
_SERVICE: Final = b"data-service"
_SOURCE: Final = b"data-src"
_TYPE: Final = b"type"
_SLUG: Final = re.compile("[^a-z0-9]+")
_UNSAFE: Final = {'"': "&quot;", "&": "&amp;"}


class Declared(Protocol):
    """What marks are read by: the categories and services that a policy declares."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """The tools whose marks are read."""
        ...

    def category(self, service: str) -> str | None:
        """A declared service's category; None for any other."""
        ...

    def asks(self, category: str) -> bool:
        """Whether visitors are asked about a category."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """An author's mark: as what its element is blocked, and in which category it comes back.

    `inserted` is what has to stand right behind the tag's name for our own browser side to understand another
    tool's mark; empty for our own. `waits`: the element's address is kept in another attribute until then.
    """

    category: str
    service: str | None = None
    inserted: bytes = b""
    waits: bool = False

    @property
    def necessary(self) -> bool:
        """True for what is never touched."""
        return self.category == NECESSARY

    @property
    def blocked_as(self) -> str:
        """The service, or the category behind an `@`."""
        return self.service or f"@{self.category}"


class Marks:
    """Reads the marks of one policy's authors."""

    __slots__ = ("_classes", "_declared", "_names", "_others", "_sharing", "_tools", "_words")

    def __init__(self, declared: Declared) -> None:
        self._declared = declared
        self._tools = [ALIASES[name] for name in declared.aliases if name in ALIASES]
        # The same attribute as ours: what these tools mean by it comes before what we would.
        self._sharing = [tool for tool in self._tools if tool.attribute.encode() == _CATEGORY]
        self._others = [tool for tool in self._tools if tool not in self._sharing]
        names = {_CATEGORY, _SERVICE, *(tool.attribute.encode() for tool in self._tools)}
        self._names = frozenset(names)
        # "class" is on every tag; what counts is what it holds.
        words = {*(names - {b"class"}), *(tool.prefix.encode() for tool in self._tools)}
        self._words = sorted(words - {b""})
        self._classes = [tool.prefix.encode() for tool in self._tools if tool.attribute == "class"]

    def possible(self, tag: bytes) -> bool:
        """Whether a start tag may hold a mark; False is certain if it holds no character reference."""
        text = tag.lower()
        for word in self._words:  # noqa: SIM110 - twice as fast as any()
            if word in text:
                return True
        return False

    def by_class(self, tag: bytes) -> bool:
        """Whether a start tag may hold a mark in its class: the only attribute that all may have."""
        return bool(self._classes) and (b"&" in tag or any(each in tag.lower() for each in self._classes))

    def among(self, names: set[bytes]) -> bool:
        """Whether a mark may be among attributes of these lower-case names."""
        return not self._names.isdisjoint(names)

    def read(self, found: Attributes) -> Mark | None:
        """The mark among a start tag's attributes; None if there is none that says anything."""
        first: dict[bytes, bytes] = {}
        for name, raw in found:
            first.setdefault(name, raw)
        if self._names.isdisjoint(first):
            return None
        return self._first(self._sharing, first) or self._own(first) or self._first(self._others, first)

    def _own(self, first: dict[bytes, bytes]) -> Mark | None:
        category = _text(first, _CATEGORY).strip(BLANK).lower()
        if category == NECESSARY:
            return Mark(category, waits=_SOURCE in first)
        service = self._asked_service(first)
        if not self._declared.asks(category):
            category = (self._declared.category(service) or "") if service else ""
        if not category:
            return None
        claims = [("data-category", category)] if _text(first, _CATEGORY) else []
        if service is not None:
            claims.append(("data-service", service))
        return self._written(first, Mark(category, service), claims, self._tools)

    def _asked_service(self, first: dict[bytes, bytes]) -> str | None:
        """The service that `data-service` names, if visitors are asked about its category."""
        service = _text(first, _SERVICE).strip(BLANK)
        category = self._declared.category(service) if service else None
        return service if category is not None and self._declared.asks(category) else None

    def _first(self, tools: Iterable[Alias], first: dict[bytes, bytes]) -> Mark | None:
        marks = (self._other(tool, first) for tool in tools if tool.attribute.encode() in first)
        return next((mark for mark in marks if mark is not None), None)

    def _other(self, tool: Alias, first: dict[bytes, bytes]) -> Mark | None:
        value = _text(first, tool.attribute.encode())
        service = self._named(value) if tool.services else None
        if tool.services:
            categories = {self._declared.category(service) or ""} if service else set()
        else:
            categories = {self._meant(tool, name) for name in _names(tool, value)}
        if len(categories) > 1:
            categories.discard(NECESSARY)
        if not categories or "" in categories or len(categories) > 2:
            return None
        ordered = sorted(categories)
        claims = [("data-category", ordered[0])]
        if service is not None:
            claims.append(("data-service", service))
        elif len(ordered) > 1:
            claims.append(("data-service", f"@{ordered[1]}"))
        elif ordered[0] != NECESSARY and (service := self._asked_service(first)) is not None:
            claims.append(("data-service", service))
        elif _SERVICE in first:
            # The other tool's name for a service means nothing here, and must not deny for good.
            claims.append(("data-service", f"@{ordered[0]}"))
        return self._written(first, Mark(ordered[0], service), claims, (tool,))

    def _written(
        self, first: dict[bytes, bytes], mark: Mark, claims: list[tuple[str, str]], tools: Iterable[Alias]
    ) -> Mark:
        """The mark with what our browser side needs: these claims, and what `tools` call by names of theirs.

        Of two attributes of one name a browser takes the first, so the element's own don't count any more;
        what it already says in so many words isn't said again.
        """
        tools = [tool for tool in tools if tool.attribute.encode() in first]
        names = (name.encode() for tool in tools for name in tool.sources)
        source = next((first[name] for name in names if name in first), None)
        if source is not None:
            claims = [*claims, ("data-src", decode(source))]
        kind = _text(first, _TYPE).lower()
        if any(tool.script_type and kind == tool.script_type for tool in tools):
            claims = [*claims, ("type", "text/plain")]
        news = [(name, value) for name, value in claims if _text(first, name.encode()) != value]
        waits = source is not None or _SOURCE in first
        return replace(mark, inserted=_attributes(news), waits=waits)

    def _meant(self, tool: Alias, name: str) -> str:
        """Our category for a tool's name of one; "" if visitors aren't asked about any such."""
        category = name if self._declared.asks(name) else tool.categories.get(name, "")
        return category if category == NECESSARY or self._declared.asks(category) else ""

    def _named(self, name: str) -> str | None:
        """The declared service that a tool calls by this name: `Google Tag Manager`, `c:youtube`."""
        slug = _SLUG.sub("-", name.rpartition(":")[2].lower()).strip("-")
        for id_ in (name.strip(BLANK), slug, slug.rpartition("-")[0]):
            category = self._declared.category(id_)
            if category is not None and (category == NECESSARY or self._declared.asks(category)):
                return id_
        return None


def _names(tool: Alias, value: str) -> Iterable[str]:
    words = (word for word in re.split(r"[\s,]+", value.lower()) if word.startswith(tool.prefix))
    for word in words:
        name = word.removeprefix(tool.prefix)
        yield from filter(None, name.split(tool.joint) if tool.joint else (name,))


def _text(first: dict[bytes, bytes], name: bytes) -> str:
    return decode(first.get(name, b""))


def _attributes(claims: Iterable[tuple[str, str]]) -> bytes:
    pairs = ((name, "".join(_UNSAFE.get(char, char) for char in value)) for name, value in claims)
    return "".join(f' {name}="{value}"' for name, value in pairs).encode()
