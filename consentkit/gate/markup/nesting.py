"""What a tag means depends on where it stands: svg and math content, and templates.

Keeps the part of the parser's stack of open elements that lies within svg, math or a template, over any
number of chunks. HTML around them is not followed (that is what makes the gate fast), so an end tag inside
svg whose element can only be outside is taken as closing nothing; the next HTML start tag leaves the svg.
Source: HTML Living Standard 13.2.6.5 (tokens in foreign content), 13.2.6 (tree construction dispatcher).
"""

import sys
from typing import Final

from consentkit.gate.markup.frames import VOID, Frame, Kind, Point
from consentkit.gate.markup.patterns import BREAKOUT, PLAIN_FOREIGN, PLAIN_HTML, PLAIN_TEMPLATE
from consentkit.gate.markup.tags import TAG_NAME, attributes

_FRAMES: Final = 32  # past this bound nothing more is followed; 283 real pages have one at most

_BREAKOUT: Final = frozenset(BREAKOUT.encode().split())
# What svg and math name their own elements: no HTML element around them is called so.
_OWN: Final = frozenset(
    b"animate animatemotion animatetransform circle clippath defs desc ellipse filter foreignobject g"
    b" image line lineargradient marker mask metadata mpath path pattern polygon polyline radialgradient"
    b" rect set stop switch symbol text textpath tspan use view annotation annotation-xml maction"
    b" menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow"
    b" ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover none semantics".split()
)
_NEVER_POPPED: Final = frozenset((b"body", b"html", b"head"))


class Nesting:
    """The open svg, math and template elements around the place the scanner has reached."""

    __slots__ = ("frames", "templates")

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.templates = 0

    def copy(self) -> "Nesting":
        """The same nesting, to be followed separately."""
        other = Nesting()
        shared: dict[int, dict[bytes, int]] = {}
        for frame in self.frames:
            counts = shared.setdefault(id(frame.counts), dict(frame.counts))
            names, point, last, sure = frame.names[:], frame.point, frame.last, frame.sure
            other.frames.append(Frame(frame.kind, names, point, counts, last, sure))
        other.templates = self.templates
        return other

    def without_namespaces(self) -> "Nesting":
        """The same as a preload scanner knows it: the templates, in which it fetches nothing either."""
        other = Nesting()
        for _ in range(self.templates):
            other._push_frame("template")
        return other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nesting) and self.frames == other.frames

    __hash__ = None  # type: ignore[assignment]

    def read(self, page: bytearray, at: int, until: int = sys.maxsize) -> int:
        """Read on over tags that only open and close, as far as that is simple; the offset behind them."""
        frame = self.frames[-1]
        if frame.kind == "template":
            found = PLAIN_TEMPLATE.match(page, at, until)
            return found.end() if found else at
        if frame.point or self.loose:
            return at
        html = frame.kind == "html"
        token = (PLAIN_HTML if html else PLAIN_FOREIGN).match
        while (found := token(page, at, until)) is not None:
            slash, name, tail = found.groups()
            name = name.lower()
            if slash:
                if not frame.close_last(name) and (html or not self._closes_nothing(name)):
                    break
                if not frame.names and not html:
                    self.frames.pop()
                    return found.end()
            elif html:
                frame.open_html(name)
                if not frame.sure:
                    return found.end()
            elif tail[-1:] != b"/":
                frame.push(name)
            at = found.end()
        if not frame.names:
            self.frames.pop()
        return at

    def if_over(self, name: bytes) -> "Nesting | None":
        """The nesting without HTML that may be over by now; None if that is all one to an end tag.

        `name`: the end tag's, or b"" where it is a CDATA section that begins.
        """
        for depth in range(len(self.frames) - 1, 0, -1):
            frame = self.frames[depth]
            if frame.kind == "template" or (frame.sure if frame.kind == "html" else self._meets(frame, name)):
                return None
            if frame.kind == "html" and self._meets(self.frames[depth - 1], name):
                other = self.copy()
                del other.frames[depth:]
                return other
        return None

    @staticmethod
    def _meets(frame: Frame, name: bytes) -> bool:
        return not name or bool(frame.counts.get(name))

    @property
    def loose(self) -> bool:
        """True in HTML that may be over: whether it is shows itself when more ends."""
        return bool(self.frames) and not self.frames[-1].sure

    @property
    def plain(self) -> bool:
        """True where tags mean what they mean in HTML and nothing has to be followed."""
        return not self.frames or self.frames[-1].kind == "template"

    @property
    def inert(self) -> bool:
        """True inside a template: nothing there loads or runs."""
        return self.templates > 0

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
        return bool(self.frames) and self.frames[-1].foreign

    def start(self, name: bytes, tag: bytes, *, closed: bool, template: bool) -> bool:
        """Take in a start tag; True if it makes an HTML element, False if one of svg or math.

        `closed`: the tag closes itself (`/>`); `template`: it is a template whose content is inert.
        """
        frames = self.frames
        if self.cdata and not frames[-1].leads_to_html(name):
            if name not in _BREAKOUT and not (name == b"font" and _styled(tag)):
                self._foreign(frames[-1], name, tag, closed=closed)
                return False
            self._break_out()
        if template:
            self._push_frame("template")
        elif name in (b"svg", b"math"):
            if not closed:
                self._push_frame("svg" if name == b"svg" else "math", name)
        elif not self.plain:
            self._html(name)
        return True

    def end(self, name: bytes) -> bool:
        """Take in an end tag; True if what it ends can only be around all that is followed here."""
        frames = self.frames
        if not frames or name in _NEVER_POPPED:
            return False
        if frames[-1].last == name:
            frames[-1].close_last(name)
        elif name == b"template":
            self._close_template()
        elif frames[-1].kind == "html":
            if frames[-1].reaches(name):
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
        if frames[-1].counts.get(name):
            depth = len(frames) - 1
            # From the end: all that is looked at is closed then.
            while name not in reversed(frames[depth].names):
                depth -= 1
            self._close(depth, name)
            return False
        # An integration point in between is a boundary that HTML's end tags don't cross.
        if self._in_html and not frames[-1].point and frames[-2].reaches(name):
            self._close(len(frames) - 2, name)
        return name not in _OWN and all(f.foreign and f.point in ("", "annotation") for f in frames)

    @property
    def _in_html(self) -> bool:
        """True directly in HTML that stands in svg, math or a template."""
        return len(self.frames) > 1 and self.frames[-2].kind == "html"

    def _closes_nothing(self, name: bytes) -> bool:
        """Whether an end tag in svg or math ends nothing, here or around."""
        return not (self.frames[-1].counts.get(name) or name not in _OWN or self._in_html)

    def _break_out(self) -> None:
        """Leave svg and math up to where HTML stands in them."""
        while self.cdata and self.frames[-1].point not in ("html", "text"):
            self.frames.pop().clear()

    def _close(self, depth: int, name: bytes) -> None:
        frame = self.frames[depth]
        for above in self.frames[depth + 1 :]:
            if above.counts is frame.counts:
                above.clear()
        del self.frames[depth + 1 :]
        frame.pop_to(name)
        if frame.over:
            self.frames.pop()

    def _close_template(self) -> None:
        for depth in range(len(self.frames) - 1, -1, -1):
            if self.frames[depth].kind == "template":
                del self.frames[depth:]
                self.templates -= 1
                return

    def _foreign(self, frame: Frame, name: bytes, tag: bytes, *, closed: bool) -> None:
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
            frame = Frame(kind)
            if frame.foreign and self.cdata:
                frame.counts = self.frames[-1].counts
            self.templates += kind == "template"
            for name in names:
                frame.push(name)
            self.frames.append(frame)

    def _html(self, name: bytes) -> None:
        if self.frames[-1].kind != "html":
            if name in VOID and name != b"col":
                return
            self._push_frame("html")
        if self.frames[-1].kind == "html":
            self.frames[-1].open_html(name)
            if self.frames[-1].over:
                self.frames.pop()


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
