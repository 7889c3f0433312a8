"""What a tag means depends on where it stands: svg and math content, and templates.

Keeps the part of the parser's stack of open elements that lies within svg, math or a template, over any
number of chunks. HTML around them is not followed (that is what makes the gate fast), so an end tag inside
svg whose element can only be outside is taken as closing nothing; the next HTML start tag leaves the svg.
Source: HTML Living Standard 13.2.6.5 (tokens in foreign content), 13.2.6 (tree construction dispatcher).
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from consentkit.gate.markup.patterns import BREAKOUT, PLAIN_FOREIGN, PLAIN_HTML, PLAIN_TEMPLATE
from consentkit.gate.markup.tags import TAG_NAME, attributes

# Chromium flattens trees at a depth of 512; past these bounds nothing more is followed.
_FRAMES: Final = 128
_DEPTH: Final = 512

_BREAKOUT: Final = frozenset(BREAKOUT.encode().split())
_VOID: Final = frozenset(
    b"area base basefont bgsound br col embed frame hr image img input keygen link meta param source track"
    b" wbr".split()
)
_CLOSES_P: Final = frozenset(
    b"address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer"
    b" header hgroup main menu nav ol p search section summary ul h1 h2 h3 h4 h5 h6 pre listing form li dd dt"
    b" plaintext xmp hr table".split()
)
_SPECIAL: Final = _CLOSES_P | frozenset(
    b"applet button caption col colgroup iframe marquee noembed noframes noscript object script select style"
    b" tbody td template textarea tfoot th thead title tr".split()
)
_CLOSES_ITSELF: Final = frozenset((b"li", b"dd", b"dt", b"option"))
# HTML elements in which an svg usually stands.
_AROUND: Final = _SPECIAL | frozenset(b"a b em i label q s small span strong sub sup u".split())
_NEVER_POPPED: Final = frozenset((b"body", b"html", b"head"))

Point = Literal["", "html", "text", "annotation"]
Kind = Literal["html", "svg", "math", "template"]


@dataclass(slots=True)
class _Frame:
    """A run of open elements of one kind; only its topmost element can be an integration point."""

    kind: Kind
    names: list[bytes] = field(default_factory=list)
    point: Point = ""
    counts: dict[bytes, int] = field(default_factory=dict)

    def push(self, name: bytes) -> None:
        if len(self.names) < _DEPTH:
            self.names.append(name)
            self.counts[name] = self.counts.get(name, 0) + 1

    def close_last(self, name: bytes) -> bool:
        """Close the innermost element if it has that name."""
        names = self.names
        if not names or names[-1] != name:
            return False
        names.pop()
        self.counts[name] -= 1
        self.point = ""
        return True

    def open_html(self, name: bytes) -> None:
        """Open an element as HTML does, which closes some that are open."""
        if name in _VOID:
            return
        if name in _CLOSES_P and self.counts.get(b"p"):
            self.pop_to(b"p")
        if name in _CLOSES_ITSELF and self.names and self.names[-1] == name:
            self.pop_to(name)
        self.push(name)

    def pop_to(self, name: bytes) -> None:
        self.point = ""
        while (last := self.names.pop()) != name:
            self.counts[last] -= 1
        self.counts[name] -= 1

    def holds(self, name: bytes) -> bool:
        return bool(self.counts.get(name))


class Nesting:
    """The open svg, math and template elements around the place the scanner has reached."""

    __slots__ = ("_templates", "frames")

    def __init__(self) -> None:
        self.frames: list[_Frame] = []
        self._templates = 0

    def copy(self) -> "Nesting":
        """The same nesting, to be followed separately."""
        other = Nesting()
        other.frames = [_Frame(f.kind, f.names[:], f.point, dict(f.counts)) for f in self.frames]
        other._templates = self._templates
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nesting) and self.frames == other.frames

    __hash__ = None  # type: ignore[assignment]

    def read(self, page: bytearray, at: int) -> int:
        """Read on over tags that only open and close, as far as that is simple; the offset behind them."""
        frame = self.frames[-1]
        if frame.kind == "template":
            found = PLAIN_TEMPLATE.match(page, at)
            return found.end() if found else at
        if frame.point:
            return at
        html = frame.kind == "html"
        token = (PLAIN_HTML if html else PLAIN_FOREIGN).match
        while (found := token(page, at)) is not None:
            slash, name, tail = found.groups()
            name = name.lower()
            if slash:
                if not frame.close_last(name):
                    return at
                if not frame.names:
                    self.frames.pop()
                    return found.end()
            elif html:
                frame.open_html(name)
            elif tail[-1:] != b"/":
                frame.push(name)
            at = found.end()
        return at

    @property
    def plain(self) -> bool:
        """True where tags mean what they mean in HTML and nothing has to be followed."""
        return not self.frames or self.frames[-1].kind == "template"

    @property
    def inert(self) -> bool:
        """True inside a template: nothing there loads or runs."""
        return self._templates > 0

    @property
    def in_template(self) -> bool:
        """True directly in a template."""
        return bool(self.frames) and self.frames[-1].kind == "template"

    @property
    def svg(self) -> bool:
        """True where scripts and stylesheets are those of svg; math has none."""
        return bool(self.frames) and self.frames[-1].kind == "svg"

    @property
    def cdata(self) -> bool:
        """True where `<![CDATA[` opens a CDATA section and not a bogus comment."""
        return bool(self.frames) and self.frames[-1].kind in ("svg", "math")

    def start(self, name: bytes, tag: bytes, *, closed: bool, template: bool) -> bool:
        """Take in a start tag; True if it makes an HTML element, False if one of svg or math.

        `closed`: the tag closes itself (`/>`); `template`: it is a template whose content is inert.
        """
        frames = self.frames
        if self.cdata and not _html_rules(frames[-1], name):
            if name not in _BREAKOUT and not (name == b"font" and _styled(tag)):
                self._foreign(frames[-1], name, tag, closed=closed)
                return False
            self._break_out()
        if template:
            self._push_frame("template")
        elif name in (b"svg", b"math"):
            if not closed:
                self._push_frame("svg" if name == b"svg" else "math", name)
        elif not self.plain and name not in _VOID:
            self._html(name)
        return True

    def end(self, name: bytes) -> bool:
        """Take in an end tag; True if what it ends can only be around all that is followed here."""
        frames = self.frames
        if not frames or name in _NEVER_POPPED:
            return False
        if name == b"template":
            self._close_template()
        elif frames[-1].kind == "html":
            if _reaches(frames[-1], name):
                self._close(len(frames) - 1, name)
        elif frames[-1].kind != "template":
            return self._end_foreign(name)
        return False

    def _end_foreign(self, name: bytes) -> bool:
        frames = self.frames
        if name in (b"p", b"br"):
            if frames[-1].point not in ("html", "text"):
                self._break_out()
                if name == b"p":
                    self.end(name)
            return False
        depth = len(frames) - 1
        while depth >= 0 and frames[depth].kind in ("svg", "math"):
            if frames[depth].holds(name):
                self._close(depth, name)
                return False
            depth -= 1
        # An integration point in between is a boundary that HTML's end tags don't cross.
        direct = depth == len(frames) - 2 and not frames[-1].point
        if direct and depth >= 0 and frames[depth].kind == "html" and _reaches(frames[depth], name):
            self._close(depth, name)
        return depth < 0 and name in _AROUND and all(f.point in ("", "annotation") for f in frames)

    def _break_out(self) -> None:
        """Leave svg and math up to where HTML stands in them."""
        while self.cdata and self.frames[-1].point not in ("html", "text"):
            self.frames.pop()

    def _close(self, depth: int, name: bytes) -> None:
        del self.frames[depth + 1 :]
        frame = self.frames[depth]
        frame.pop_to(name)
        if not frame.names:
            self.frames.pop()

    def _close_template(self) -> None:
        for depth in range(len(self.frames) - 1, -1, -1):
            if self.frames[depth].kind == "template":
                del self.frames[depth:]
                self._templates -= 1
                return

    def _foreign(self, frame: _Frame, name: bytes, tag: bytes, *, closed: bool) -> None:
        if closed:
            return
        if frame.point:
            before = len(self.frames)
            self._push_frame(frame.kind)
            if len(self.frames) == before:
                return
            frame = self.frames[-1]
        frame.push(name)
        frame.point = _point(frame.kind, name, tag)

    def _push_frame(self, kind: Kind, *names: bytes) -> None:
        if len(self.frames) < _FRAMES:
            frame = _Frame(kind)
            self._templates += kind == "template"
            for name in names:
                frame.push(name)
            self.frames.append(frame)

    def _html(self, name: bytes) -> None:
        if self.frames[-1].kind != "html":
            self._push_frame("html")
        if self.frames[-1].kind == "html":
            self.frames[-1].open_html(name)


def _html_rules(frame: _Frame, name: bytes) -> bool:
    if frame.point == "text":
        return name not in (b"mglyph", b"malignmark")
    return frame.point == "html" or (frame.point == "annotation" and name == b"svg")


def _reaches(frame: _Frame, name: bytes) -> bool:
    """Whether HTML's rules let an end tag close an open element of that name in this frame."""
    if not frame.holds(name):
        return False
    if name in _SPECIAL:
        return True
    for other in reversed(frame.names):
        if other == name:
            return True
        if other in _SPECIAL:
            return False
    return False


def _styled(tag: bytes) -> bool:
    found = TAG_NAME.match(tag)
    names = {a.name for a in attributes(tag, found.end())} if found else set()
    return not names.isdisjoint((b"color", b"face", b"size"))


def _point(kind: Kind, name: bytes, tag: bytes) -> Point:
    if kind == "svg":
        return "html" if name in (b"foreignobject", b"desc", b"title") else ""
    if name in (b"mi", b"mo", b"mn", b"ms", b"mtext"):
        return "text"
    if name == b"annotation-xml":
        return _annotation(tag)
    return ""


def _annotation(tag: bytes) -> Point:
    found = TAG_NAME.match(tag)
    for attribute in attributes(tag, found.end()) if found else ():
        if attribute.name == b"encoding":
            html = attribute.value.lower() in ("text/html", "application/xhtml+xml")
            return "html" if html else "annotation"
    return "annotation"
