"""Reads HTML the way a browser does, on bytes, in pieces; finds what has to be inserted where.

One `Scanner` is one reading of the page. Most pages have one. There are two, until they agree again, where a
browser itself reads twice: with and without JavaScript from a `<noscript>` on; as a tree and by its preload
scanner, which knows no namespaces, from an svg's `<style>` or `<title>` on. And where what stands before
decides which it is: a `<frameset>` in place of the body, or one that is ignored.
Source: HTML Living Standard 13.2.5 (tokenization).
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from consentkit.gate.markup.bodies import LIMIT
from consentkit.gate.markup.elements import LOADING
from consentkit.gate.markup.memory import PIECE, SHORTEST, Memory
from consentkit.gate.markup.nesting import Nesting
from consentkit.gate.markup.partial import PartialScanner
from consentkit.gate.markup.patterns import (
    ICON,
    PLAIN_NOSCRIPT,
    RAW_END,
    STEP,
    STRUCTURE,
    SUSPECT,
    TOKEN,
    UNBROKEN,
)
from consentkit.gate.markup.tags import attributes, preamble, shadow
from consentkit.gate.markup.text import TextScanner
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdict, Verdicts, may_be_base

_NOSCRIPT_END = RAW_END[b"noscript"]


class Scanner(PartialScanner):
    """One reading of one page: its tags, and what is remembered of them."""

    __slots__ = ("_framed", "_preloading", "_simple", "fork")

    def __init__(
        self, buffer: bytearray, verdicts: Verdicts, memory: Memory, starter: bytes, *, xhtml: bool = False
    ) -> None:
        super().__init__(buffer, verdicts, memory, starter, xhtml=xhtml)
        self._simple = False
        self.fork: Scanner | None = None  # a second reading that begins here
        self._preloading = False  # this is the reading of a preload scanner
        self._framed = b""  # until this ends, all but what belongs there is ignored

    def agrees_with(self, other: "Scanner") -> bool:
        """Whether from here on both readings are the same."""
        if self.pos != other.pos or other._framed or not self._state is other._state is Scanner._data:
            return False
        if other._preloading:
            return not self._nesting.inert
        same = self._verdicts is other._verdicts and self._based == other._based
        return same and self._nesting == other._nesting

    def join(self, other: "Scanner") -> None:
        """Take over the findings of a reading that agrees again."""
        if other.edits:
            first = bisect_left(self.edits, other.edits[0])
            self.edits[first:] = sorted({*self.edits[first:], *other.edits})
        self.found += other.found
        self._scripting = None

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
        simple = self._simple
        if not simple:
            self._simple = simple = self._is_simple()
            # Two readings have to stop at every tag, to see where they agree.
            if self._nesting.frames and self._scripting is None and not self._xhtml:
                self.pos = self._nesting.read(self.buffer, self.pos)
        found = (STEP if simple else TOKEN).match(self.buffer, self.pos)
        assert found is not None  # noqa: S101 - both patterns match the empty string
        tag, slash, name, tail = found.groups()
        if tag is None:
            return self._other(found.end(), simple=simple)
        start = found.start(1)
        # A `<` before it is text only because of what follows, which another page needn't have.
        if simple and not (start and self.buffer[start - 1] == 0x3C):
            varies = b"nonce=" in tag
            if self._remember(start, SHORTEST if varies else PIECE) > start:
                return True
            if varies:
                self._cut = -1
        self._start = start
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
        if not following or following == b"/":
            self.held = False
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
            if nesting.frames and nesting.end(name) and self._scripting is None:
                # Whether it ends an element around the svg, and the svg with it, isn't known here.
                self._fork(Scanner._data, end)._nesting = Nesting()
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
            return self._begin_body(verdict, end, html=True, closed=False)
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
        if name == b"svg" and not closed and self._nesting.plain:
            icon = ICON.match(self.buffer, end)
            if icon is not None:
                return self._back(icon.end())
        template = name == b"template" and (self._nesting.inert or not shadow(self._tag))
        html = self._preloading or self._nesting.start(name, self._tag, closed=closed, template=template)
        if not html and name in UNBROKEN and not closed and self._scripting is None:
            self._fork_if_broken(end)
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
            self._fork(Scanner._data, end)._framed = name
        elif name == b"col" and self._nesting.in_template and self._scripting is None:
            # And all but columns where a template begins with one (13.2.6.4.12).
            self._fork(Scanner._data, end)._framed = b"template"
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

    def _fork_if_broken(self, end: int) -> None:
        """What is markup in svg, the preload scanner takes for the text of an HTML element."""
        if UNBROKEN[self._element].match(self.buffer, end) is None:
            fork = self._fork(Scanner._script if self._element == b"script" else Scanner._raw, end)
            fork._preloading, fork._nesting = True, Nesting()

    def _fork_if_cdata(self, at: int) -> bool:
        """A CDATA section is a bogus comment to the preload scanner, which ends with its first `>`."""
        if self._state is Scanner._cdata and not self._xhtml and self._scripting is None:
            end = self.buffer.find(b">", at)
            if end < 0 or self.buffer[end - 2 : end] != b"]]":
                fork = self._fork(Scanner._bogus, at + 2)
                fork._preloading, fork._nesting = True, Nesting()
        return True

    def _fork(self, state: Callable[[Any], bool], end: int) -> "Scanner":
        """Begin a second reading, here, in another state."""
        self._cut = -1
        fork = self._copy()
        fork._enter(state, end)
        fork._scan, fork._mode = end, ""
        fork._scripting, self._scripting = True, False
        self.fork = fork
        return fork

    def _begin_noscript(self, end: int) -> None:
        if self._scripting is None:
            plain = PLAIN_NOSCRIPT.match(self.buffer, end)
            text_end = _NOSCRIPT_END.search(self.buffer, end)
            # An attribute's value may hold what ends the element for those who read it as text.
            if plain is not None and text_end is not None and text_end.start() == plain.end():
                return
            self._fork(Scanner._raw, end)
        elif self._scripting:
            self._state = Scanner._raw

    def _copy(self) -> "Scanner":
        other = Scanner.__new__(Scanner)
        for name in _SLOTS:
            setattr(other, name, getattr(self, name))
        other.edits, other.found, other.fork, other._nesting = [], [], None, self._nesting.copy()
        return other


_SLOTS = (*TextScanner.__slots__, *Scanner.__slots__)
