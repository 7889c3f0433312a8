"""Runs of open elements: what each kind of element closes by being opened, and what an end tag reaches.

Not every rule is followed: where one isn't, the run notes that it may be over sooner or later than it seems.
Source: HTML Living Standard 13.2.6.4.7 ("in body"), 13.2.4.2 (the stack of open elements).
"""

from dataclasses import dataclass, field
from typing import Final, Literal

_DEPTH: Final = 512  # Chromium flattens trees there

VOID: Final = frozenset(
    b"area base basefont bgsound br col embed frame hr image img input keygen link meta param source track"
    b" wbr".split()
)
_CLOSES_P: Final = frozenset(
    b"address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer"
    b" header hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre listing form li dd dt"
    b" plaintext xmp hr table".split()
)
SPECIAL: Final = _CLOSES_P | frozenset(
    b"applet button caption col colgroup iframe marquee noembed noframes noscript object script select style"
    b" tbody td template textarea tfoot th thead title tr".split()
)
_CLOSED_BY: Final = {
    b"li": (b"li",),
    b"dd": (b"dd", b"dt"),
    b"dt": (b"dd", b"dt"),
    b"option": (b"option",),
}
# "In body" has none of them, wherever they stand.
_IGNORED: Final = frozenset((b"html", b"head", b"body", b"frameset"))
_CELLS: Final = (b"td", b"th", b"caption")
_TABLE: Final = frozenset((*_CELLS, b"col", b"colgroup", b"tbody", b"tfoot", b"thead", b"tr"))
_HEADINGS: Final = frozenset((b"h1", b"h2", b"h3", b"h4", b"h5", b"h6"))
_CHOICES: Final = frozenset((b"option", b"optgroup"))
_RUBY: Final = frozenset((b"rb", b"rp", b"rt", b"rtc"))
_ONCE: Final = frozenset((b"a", b"nobr", b"button"))
# What opens again after it was closed with another element.
_FORMATTING: Final = frozenset(b"a b big code em font i nobr s small strike strong tt u".split())
# What some end tags don't reach beyond.
_BARRIERS: Final = frozenset((b"applet", b"button", b"marquee", b"object", b"ol", b"select", b"table", b"ul"))
_NO_STOP: Final = frozenset((b"address", b"div", b"p"))
_LOOSE: Final = _FORMATTING | _BARRIERS

Point = Literal["", "html", "text", "annotation"]
Kind = Literal["html", "svg", "math", "template"]


@dataclass(slots=True)
class Frame:
    """A run of open elements of one kind; only its topmost element can be an integration point.

    `counts`: how many elements of a name are open, here and in the runs of svg and math right below or above.
    `last`: the element opened last where there was no room for one more, as long as nothing else is closed.
    `sure`: a browser has such a run open exactly as long as there are names.
    """

    kind: Kind
    names: list[bytes] = field(default_factory=list)
    point: Point = ""
    counts: dict[bytes, int] = field(default_factory=dict, compare=False)
    last: bytes = b""
    sure: bool = True

    @property
    def over(self) -> bool:
        """True where certainly none of its elements is open any more."""
        return self.sure and not self.names

    def push(self, name: bytes) -> None:
        if len(self.names) < _DEPTH:
            self.names.append(name)
            self.counts[name] = self.counts.get(name, 0) + 1
        else:
            self.last = name

    def close_last(self, name: bytes) -> bool:
        """Close the innermost element if it has that name."""
        names = self.names
        if self.last:
            closed, self.last = self.last == name, b""
        elif closed := bool(names) and names[-1] == name:
            names.pop()
            self.counts[name] -= 1
        if closed:
            self.point = ""
        return closed

    def open_html(self, name: bytes) -> None:
        """Open an element as HTML does, which closes some that are open."""
        if name in _IGNORED:
            return
        names = self.names
        self.sure = self.sure and not self._may_open_otherwise(name)
        if name in _CLOSES_P and self.counts.get(b"p"):
            self.pop_to(b"p")
        if name in VOID:
            return
        family = _CLOSED_BY.get(name, ())
        if names and names[-1] in family:
            self.pop_to(names[-1])
        elif any(map(self.counts.get, family)) and (names[-1] in _NO_STOP or names[-1] not in SPECIAL):
            self.sure = False
        self.push(name)

    def _may_open_otherwise(self, name: bytes) -> bool:
        """Whether a start tag may be ignored, or close more than is followed here."""
        count, top = self.counts.get, self.names[-1] if self.names else b""
        if name in _TABLE:
            return not count(b"table")
        if name == b"table":
            return bool(count(b"p")) or count(name, 0) > sum(count(cell, 0) for cell in _CELLS)
        if count(b"select"):
            return name not in _CHOICES and name != b"hr"
        if name in _HEADINGS:
            return top in _HEADINGS
        if name in _ONCE:
            return bool(count(name))
        if name in _CHOICES:
            return any(map(count, _CHOICES))
        return name == b"form" or (name in _RUBY and (top in _CLOSED_BY or top in (b"p", b"optgroup")))

    def pop_to(self, name: bytes) -> None:
        self.point, self.last = "", b""
        while (last := self.names.pop()) != name:
            self.counts[last] -= 1
            if last in _LOOSE:
                self.sure = False
        self.counts[name] -= 1

    def clear(self) -> None:
        for name in self.names:
            self.counts[name] -= 1
        self.names.clear()
        self.last = b""

    @property
    def foreign(self) -> bool:
        """True for svg and math."""
        return self.kind in ("svg", "math")

    def reaches(self, name: bytes) -> bool:
        """Whether HTML's rules let an end tag close an open element of that name."""
        if not self.counts.get(name):
            if (
                name in _TABLE
                or name == b"table"
                or (name in _HEADINGS and any(map(self.counts.get, _HEADINGS)))
            ):
                self.sure = False
            return False
        if name in SPECIAL:
            return True
        for other in reversed(self.names):
            if other == name:
                return True
            if other in SPECIAL:
                break
        self.sure = False
        return False

    def leads_to_html(self, name: bytes) -> bool:
        """Whether a start tag right here makes an HTML element although svg or math is open."""
        if self.point == "text":
            return name not in (b"mglyph", b"malignmark")
        return self.point == "html" or (self.point == "annotation" and name == b"svg")
