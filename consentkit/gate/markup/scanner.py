"""Reads HTML the way a browser does, on bytes, in pieces; finds what has to be inserted where.

One `Scanner` is one reading of the page. Most pages have one.
Source: HTML Living Standard 13.2.5 (tokenization).
"""

from consentkit.gate.markup.bodies import LIMIT
from consentkit.gate.markup.elements import LOADING
from consentkit.gate.markup.memory import Memory
from consentkit.gate.markup.patterns import (
    ICON,
    RAW_END,
    STRUCTURE,
    SUSPECT,
    TOKEN,
    UNBROKEN,
)
from consentkit.gate.markup.plain import PlainScanner
from consentkit.gate.markup.tags import attributes, preamble, shadow
from consentkit.gate.markup.twins import TwinScanner
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdict, Verdicts, may_be_base

_NOSCRIPT_END = RAW_END[b"noscript"]


class Scanner(TwinScanner, PlainScanner):
    """One reading of one page: its tags, and what is remembered of them."""

    __slots__ = ("_simple",)

    def __init__(
        self, buffer: bytearray, verdicts: Verdicts, memory: Memory, starter: bytes, *, xhtml: bool = False
    ) -> None:
        super().__init__(buffer, verdicts, memory, starter, xhtml=xhtml)
        self._simple = False

    @property
    def idle(self) -> bool:
        """Nothing is open and nothing held: whatever isn't a tag may pass."""
        return self._state is Scanner._data and self.pos == len(self.buffer)

    @property
    def unplaced(self) -> bytes:
        """At the end of a page that had nothing but a beginning: the starter."""
        return self._starter if self._element and self._state is Scanner._data else b""

    @property
    def awaited(self) -> bytes | None:
        """What has to be among the next bytes for anything to be decided; None if that can't be said."""
        if self._state is Scanner._data:
            return b"<" if self.idle else b">" if self.held else None
        if self._state is Scanner._unfinished:
            return self._quote or b">"
        return None if self._state in (Scanner._in_long, Scanner._plaintext) else b">"

    def _data(self) -> bool:
        """Read on to behind the next tag that may matter, or to what isn't a tag."""
        if not self._simple:
            self._simple = self._is_simple()
        if self._simple:
            return self._plain()
        # Two readings have to stop at every tag, to see where they agree.
        if self._nesting.frames and self._scripting is None and not (self._xhtml or self._elsewhere):
            self.pos = self._nesting.read(self.buffer, self.pos)
        found = TOKEN.match(self.buffer, self.pos)
        assert found is not None  # noqa: S101 - matches the empty string
        tag, slash, name, tail = found.groups()
        if tag is None:
            return self._other(found.end(), simple=False)
        self._start = found.start(1)
        self._element = name.lower()
        self._end = -1
        return self._complete(tag, found.end(), opens=not slash, closed=tail[-1:] == b"/")

    def _is_simple(self) -> bool:
        """Nothing is open and nothing to come that changes what a tag means, or where it stands."""
        special = self._nesting.frames or self._starter or self._xhtml or self._elsewhere
        return not special and self._scripting is None

    def _other(self, at: int, *, simple: bool) -> bool:
        """Go on with what isn't a complete tag: text, a comment, a tag whose end is still to come."""
        moved, self.pos = at > self.pos, at
        following = self.buffer[at + 1 : at + 3]
        if self._start != at or not following or following == b"/":
            self.held = False  # the tag that was held is behind
        if not following or following == b"/":
            return False
        if simple and moved and self.buffer[at - 1] != 0x3C and self._remember(at) > at:
            return True
        if following[:1] == b"!":
            return self._declaration(at) and self._fork_if_cdata(at)
        if following[:1] == b"?" and self._xhtml:
            return self._enter(Scanner._instruction, at)
        if following[:1] == b"?" or (following[:1] == b"/" and not following[1:].isalpha()):
            return self._enter(Scanner._bogus, at + (1 if following[:1] == b"?" else 2))
        if not following[:1].isalpha() and following[:1] != b"/":
            return True
        if self.held and self._start == at:
            return self._tag_at(at)
        # Not all here yet: most tags are when the next `>` is.
        self.held, self._start = True, at
        return False

    # Tags.

    def _complete(self, tag: bytes, end: int, *, opens: bool, closed: bool) -> bool:
        """A tag from `_start` to `end` is there; `closed` if it closes itself (`/>`)."""
        if len(tag) > LIMIT:
            return self._oversize()
        self.held = False
        self._state = Scanner._data
        self.pos = end
        if self._xhtml and b":" in self._element:
            tag = self._unprefixed(tag)
        self._tag = tag
        if self._starter:
            self._put_starter()
        nesting, name = self._nesting, self._element
        if not opens:
            if nesting.frames:
                self._end_nested(end)
            if name == self._framed:
                self._framed = b""
            return True
        verdict = UNTOUCHED
        live = not (nesting.frames and nesting.inert)
        if live and (name in LOADING or SUSPECT.search(tag) is not None):
            verdict = self._verdicts.tag(tag)
            if verdict is not UNTOUCHED:
                self._apply(verdict)
        if self._simple and name == b"script":
            return self._begin_body(verdict, end, html=True, closed=False) and self._script()
        if nesting.frames or name in STRUCTURE:
            self._simple = False
            return self._begin(verdict, end, closed=closed)
        return True

    def _put_starter(self) -> None:
        """Insert the starter before a tag that isn't part of the page's first lines (html, head, charset)."""
        if not preamble(self._element, self._tag):
            self.edits.append((self._start, self._starter))
            self._starter = b""

    def _begin(self, verdict: Verdict, end: int, *, closed: bool) -> bool:
        """Go on behind a start tag as its element demands."""
        name = self._element
        if self._xhtml:
            return self._begin_xml(verdict, end, closed=closed)
        if self._framed and name not in (b"noframes", b"template"):
            return True
        if name == b"svg" and not closed and self._nesting.plain and not self._elsewhere:
            icon = ICON.match(self.buffer, end)
            if icon is not None:
                return self._back(icon.end())
        template = name == b"template" and (self._nesting.inert or not shadow(self._tag))
        # A preload scanner follows templates, and nothing else that is nested.
        plain = self._preloading and not template
        html = plain or self._nesting.start(name, self._tag, closed=closed, template=template)
        if not html and name in UNBROKEN and not closed and self._scripting is None:
            self._fork_if_broken(end)
        if self._preloading and name == b"script":
            verdict = UNTOUCHED  # a preload scanner runs nothing
        if name in (b"script", b"style"):
            return self._begin_body(verdict, end, html=html, closed=closed)
        if not html:
            return True
        if name == b"plaintext":
            self._state = Scanner._plaintext
        elif name == b"noscript":
            self._begin_noscript(end)
        elif name == b"base":
            self._set_base()
        elif name == b"frameset" and self._scripting is None:
            # In place of a body, all but frames is ignored there, even what would be text (13.2.6.4.20).
            self._fork(Scanner._data, end, self._nesting.copy())._framed = name
        elif name == b"col" and self._nesting.in_template and self._scripting is None:
            # And all but columns where a template begins with one (13.2.6.4.12).
            self._fork(Scanner._data, end, self._nesting.copy())._framed = b"template"
        elif name in RAW_END:
            self._state = Scanner._raw
        return True

    def _begin_xml(self, verdict: Verdict, end: int, *, closed: bool) -> bool:
        """In XML nothing is text but text, whatever the element."""
        if self._element in (b"script", b"style"):
            return self._begin_body(verdict, end, html=False, closed=closed)
        if self._element == b"base":
            self._set_base()
        return True

    def _unprefixed(self, tag: bytes) -> bytes:
        """In XML an element may have a prefix: what is said of its tag, is said without."""
        prefix, _, self._element = self._element.rpartition(b":")
        self._start += len(prefix) + 1
        return tag[:1] + tag[len(prefix) + 2 :] if tag[1] != 0x2F else tag

    def _set_base(self) -> None:
        """Of several bases the first that has an address counts (HTML 2.4.1)."""
        self._cut = -1
        href = next((a.value for a in attributes(self._tag, len(b"<base")) if a.name == b"href"), None)
        if href is None or self._based or self._nesting.inert:
            return
        verdicts = self._verdicts.based(href)
        # An invalid one counts in the document and not for the preload scanner: then the next counts, too.
        self._based = verdicts is not self._verdicts or may_be_base(href)
        self._elsewhere = self._elsewhere or verdicts is not self._verdicts
        self._verdicts = verdicts
