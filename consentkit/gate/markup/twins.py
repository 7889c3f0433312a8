"""A second reading of the page: where it begins, how it is followed, and where both agree again.

There are two where a browser itself reads twice: with and without JavaScript from a `<noscript>` on; as a
tree and by its preload scanner, which knows no namespaces, from an svg's `<style>` or `<title>` on. And where
what stands before decides which it is: a `<frameset>` in place of the body, or one that is ignored; an svg
that an end tag ends with the element around it, or that goes on.
"""

import sys
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final, Self

from consentkit.gate.markup.bodies import BodyScanner
from consentkit.gate.markup.memory import Memory
from consentkit.gate.markup.nesting import Nesting
from consentkit.gate.markup.partial import PartialScanner
from consentkit.gate.markup.patterns import DULL, LEADING_OUT, PLAIN_NOSCRIPT, RAW_END, UNBROKEN
from consentkit.gate.markup.text import TextScanner
from consentkit.gate.markup.verdicts import Verdicts

_NOSCRIPT_END = RAW_END[b"noscript"]
_LOOSE_FRAMES: Final = 32  # kept of what may be open


class TwinScanner(PartialScanner):
    """One reading of a page beside another."""

    __slots__ = ("_framed", "_preloaded", "_preloading", "fork")

    def __init__(
        self, buffer: bytearray, verdicts: Verdicts, memory: Memory, starter: bytes, *, xhtml: bool = False
    ) -> None:
        super().__init__(buffer, verdicts, memory, starter, xhtml=xhtml)
        self.fork: Self | None = None  # a second reading that begins here
        self._preloading = False  # this is the reading of a preload scanner
        self._preloaded = False  # the other one is
        self._framed = b""  # until this ends, all but what belongs there is ignored

    @property
    def nested(self) -> bool:
        """True where svg, math or a template is open."""
        return bool(self._nesting.frames)

    def catch_up(self, other: Self) -> bool:
        """Read on to where the other reading is, before which they can't agree; False as for `advance`."""
        if self._state is type(self)._data:
            if self.pos == len(self.buffer):
                return False
            if not (self._framed or self._elsewhere) and self._skim(other):
                self.held = False
                return True
        until = other.pos
        while on := self.advance():
            if self.pos >= until:
                break
        return on

    def _skim(self, other: Self) -> bool:
        """Read over tags that mean nothing; False if there are none.

        To where the other reading is, or from there on: two that read alike agree behind such tags just as
        well as before them. A preload scanner doesn't read alike where anything is open.
        """
        before = self.pos
        until = other.pos if before < other.pos else sys.maxsize
        if self._nesting.frames:
            if before < other.pos or not (self._preloading or other._preloading):
                self.pos = self._nesting.read(self.buffer, before, until)
        elif before < other.pos or not self._preloading:
            found = DULL.match(self.buffer, before, until)
            self.pos = found.end() if found is not None else before
        return self.pos > before

    def agrees_with(self, other: Self) -> bool:
        """Whether from here on both readings are the same, which have come as far."""
        if other._framed or not self._state is other._state is type(self)._data:
            return False
        if other._preloading:
            return other._nesting.templates == self._nesting.templates
        same = self._verdicts is other._verdicts and self._based == other._based
        # To HTML that may be over it is all one, from here on, whether it is.
        alike = self._nesting.loose and not other._nesting.frames
        return same and (alike or self._nesting == other._nesting)

    def join(self, other: Self) -> None:
        """Take over the findings of a reading that agrees again."""
        if other.edits:
            first = bisect_left(self.edits, other.edits[0])
            self.edits[first:] = sorted({*self.edits[first:], *other.edits})
        self.found += other.found
        self._scripting = None
        if len(self._nesting.frames) > _LOOSE_FRAMES and not other._nesting.frames:
            self._nesting = other._nesting

    def _fork_if_broken(self, end: int) -> None:
        """What is markup in svg, the preload scanner takes for the text of an HTML element."""
        if UNBROKEN[self._element].match(self.buffer, end) is None:
            self._preload(BodyScanner._script if self._element == b"script" else TextScanner._raw, end)

    def _end_nested(self, end: int) -> None:
        """Take in an end tag where something is open; what it ends may not be known for sure."""
        # Of two readings, in the first all that may be open is, in the second it isn't.
        over = self._nesting.if_over(self._element) if self._may_end else None
        outside = self._nesting.end(self._element)
        if over is not None:
            over.end(self._element)
            self._read_as_over(type(self)._data, end, over)
        elif outside and self._scripting is None:
            self._fork_if_ended(end)

    @property
    def _may_end(self) -> bool:
        """False in the first of two readings, unless the second reads all as HTML anyway."""
        return self._scripting is not False or self._preloaded

    def _read_as_over(self, state: Callable[[Any], bool], at: int, nesting: Nesting) -> None:
        if self._scripting is None:
            self._fork(state, at, nesting)
        else:
            self._state, self._nesting, self.pos = state, nesting, at

    def _fork_if_ended(self, end: int) -> None:
        """Whether an end tag ends an element around the svg, and the svg with it, isn't known here.

        It is all one if the next tag leads out of the svg anyway.
        """
        if LEADING_OUT.match(self.buffer, end) is None:
            self._fork(type(self)._data, end, Nesting())

    def _fork_if_cdata(self, at: int) -> bool:
        """A CDATA section is a bogus comment to the preload scanner, which ends with its first `>`.

        And to the tree, in HTML that isn't over.
        """
        if self._nesting.loose and self.buffer.startswith(b"<![CDATA[", at) and not self._xhtml:
            over = self._nesting.if_over(b"") if self._may_end else None
            if over is not None:
                self._read_as_over(TextScanner._cdata, at + 9, over)
            return True
        if self._state is TextScanner._cdata and not self._xhtml and self._scripting is None:
            end = self.buffer.find(b">", at)
            if end < 0 or self.buffer[end - 2 : end] != b"]]":
                self._preload(TextScanner._bogus, at + 2)
        return True

    def _preload(self, state: Callable[[Any], bool], at: int) -> None:
        """Begin the reading of a preload scanner, to which all elements are HTML's."""
        self._fork(state, at, self._nesting.without_namespaces())._preloading = True
        self._preloaded = True

    def _fork(self, state: Callable[[Any], bool], at: int, nesting: Nesting) -> Self:
        """Begin a second reading, here, in another state or nesting."""
        self._cut = -1
        fork = self.fork = type(self)(self.buffer, self._verdicts, self._memory, self._starter)
        fork._based, fork._elsewhere, fork._element = self._based, self._elsewhere, self._element
        fork._nesting, fork._state, fork.pos, fork._scan = nesting, state, at, at
        fork._scripting, self._scripting = True, False
        self._preloaded = False
        return fork

    def _begin_noscript(self, end: int) -> None:
        if self._scripting is None:
            plain = PLAIN_NOSCRIPT.match(self.buffer, end)
            text_end = _NOSCRIPT_END.search(self.buffer, end)
            # An attribute's value may hold what ends the element for those who read it as text.
            if plain is not None and text_end is not None and text_end.start() == plain.end():
                return
            self._fork(TextScanner._raw, end, self._nesting.copy())
        elif self._scripting:
            self._state = TextScanner._raw
