"""Runs of open elements: what each kind of element closes by being opened, and what an end tag reaches.

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
_CLOSES_ITSELF: Final = frozenset((b"li", b"dd", b"dt", b"option"))

Point = Literal["", "html", "text", "annotation"]
Kind = Literal["html", "svg", "math", "template"]


@dataclass(slots=True)
class Frame:
    """A run of open elements of one kind; only its topmost element can be an integration point.

    `counts`: how many elements of a name are open, here and in the runs of svg and math right below or above.
    `last`: the element opened last where there was no room for one more, as long as nothing else is closed.
    """

    kind: Kind
    names: list[bytes] = field(default_factory=list)
    point: Point = ""
    counts: dict[bytes, int] = field(default_factory=dict, compare=False)
    last: bytes = b""

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
        if name in VOID:
            return
        if name in _CLOSES_P and self.counts.get(b"p"):
            self.pop_to(b"p")
        if name in _CLOSES_ITSELF and self.names and self.names[-1] == name:
            self.pop_to(name)
        self.push(name)

    def pop_to(self, name: bytes) -> None:
        self.point, self.last = "", b""
        while (last := self.names.pop()) != name:
            self.counts[last] -= 1
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
            return False
        if name in SPECIAL:
            return True
        for other in reversed(self.names):
            if other == name:
                return True
            if other in SPECIAL:
                return False
        return False

    def leads_to_html(self, name: bytes) -> bool:
        """Whether a start tag right here makes an HTML element although svg or math is open."""
        if self.point == "text":
            return name not in (b"mglyph", b"malignmark")
        return self.point == "html" or (self.point == "annotation" and name == b"svg")
