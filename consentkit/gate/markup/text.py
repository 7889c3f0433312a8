"""Everything on a page that isn't a tag: text, comments, declarations, raw text, CDATA; and where one is."""

import re
from collections.abc import Callable
from typing import Any

from consentkit.gate.markup.longtag import LongTag
from consentkit.gate.markup.nesting import Nesting
from consentkit.gate.markup.patterns import AWAITED, COMMENT_END, DULL, PLAIN_TEXT, RAW_END
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdicts


class TextScanner:
    """One reading of a page between its tags.

    Offsets count from the start of `buffer`, which the owner fills and trims. `_state` is the method that
    reads on from `pos`; it returns False when it needs more bytes. Tags are left to `_tag_at`.
    """

    __slots__ = (
        "_awaited", "_element", "_end", "_long", "_mode", "_nesting", "_scan", "_scripting", "_start",
        "_starter", "_state", "_tag", "_verdict", "_verdicts", "_xhtml", "blocked", "buffer", "edits", "held",
        "pos",
    )  # fmt: skip

    def __init__(self, buffer: bytearray, verdicts: Verdicts, starter: bytes, *, xhtml: bool = False) -> None:
        self._xhtml = xhtml
        self.buffer = buffer
        self.pos = 0
        self.held = False  # nothing from `_start` on may go out yet
        self.edits: list[tuple[int, bytes]] = []
        self.blocked: set[str] = set()
        self._verdicts = verdicts
        self._starter = starter
        self._nesting = Nesting()
        self._scripting: bool | None = None  # None: both readings agree so far
        self._state: Callable[[Any], bool] = TextScanner._data
        self._start = 0  # of the tag or script in hand
        self._end = 0  # of its name, then of its start tag
        self._scan = 0  # how far its end has been looked for
        self._awaited: re.Pattern[bytes] = AWAITED["name"]
        self._element = b""
        self._tag = b""
        self._mode = ""
        self._long = LongTag(frozenset(), "between")
        self._verdict = UNTOUCHED

    @property
    def settled(self) -> int:
        """Everything before this offset is decided."""
        return self._start if self.held else self.pos

    def advance(self) -> bool:
        """Read one construct on; False when more bytes are needed for that."""
        return self._state(self)

    def agrees_with(self, other: "TextScanner") -> bool:
        """Whether from here on both readings are the same."""
        return (
            self.pos == other.pos
            and self._state is other._state is TextScanner._data
            and self._nesting == other._nesting
        )

    def join(self, other: "TextScanner") -> None:
        """Take over the findings of a reading that agrees again."""
        self.edits = sorted({*self.edits, *other.edits})
        self._scripting = None

    def shift(self, trimmed: int) -> None:
        """Follow the buffer whose first `trimmed` bytes are gone."""
        self.pos -= trimmed
        self._start -= trimmed
        self._end -= trimmed
        self._scan -= trimmed
        self.edits = [(at - trimmed, text) for at, text in self.edits if at >= trimmed]

    def _data(self) -> bool:
        fast = self._nesting.plain and not self._starter
        found = (DULL if fast else PLAIN_TEXT).match(self.buffer, self.pos)
        assert found is not None  # noqa: S101 - both patterns match the empty string
        self.pos = at = found.end()
        following = self.buffer[at + 1 : at + 3]
        if not following or following == b"/":
            return False
        if following[:1] == b"!":
            return self._declaration(at)
        if following[:1] == b"?" or (following[:1] == b"/" and not following[1:].isalpha()):
            return self._enter(TextScanner._bogus, at + (1 if following[:1] == b"?" else 2))
        return self._tag_at(at)

    def _enter(self, state: Callable[[Any], bool], pos: int) -> bool:
        self._state = state
        self.pos = pos
        return True

    def _declaration(self, at: int) -> bool:
        opening = bytes(self.buffer[at : at + 9])
        if opening.startswith(b"<!--"):
            for empty in (b"<!-->", b"<!--->"):
                if opening.startswith(empty):
                    return self._enter(TextScanner._data, at + len(empty))
            return opening not in (b"<!--", b"<!---") and self._enter(TextScanner._comment, at + 4)
        if opening == b"<!-":
            return False
        if (self._xhtml or self._nesting.cdata) and b"<![CDATA[".startswith(opening):
            return opening == b"<![CDATA[" and self._enter(TextScanner._cdata, at + 9)
        return opening != b"<!" and self._enter(TextScanner._bogus, at + 2)

    def _comment(self) -> bool:
        found = COMMENT_END.search(self.buffer, self.pos)
        if found is None:
            self.pos = max(self.pos, len(self.buffer) - 3)
            return False
        return self._enter(TextScanner._data, found.end())

    def _cdata(self) -> bool:
        end = self.buffer.find(b"]]>", self.pos)
        if end < 0:
            self.pos = max(self.pos, len(self.buffer) - 2)
            return False
        return self._enter(TextScanner._data, end + 3)

    def _bogus(self) -> bool:
        end = self.buffer.find(b">", self.pos)
        if end < 0:
            self.pos = len(self.buffer)
            return False
        return self._enter(TextScanner._data, end + 1)

    def _raw(self) -> bool:
        found = RAW_END[self._element].search(self.buffer, self.pos)
        if found is None:
            self.pos = max(self.pos, len(self.buffer) - len(self._element) - 2)
            return False
        return self._enter(TextScanner._data, found.start())

    def _plaintext(self) -> bool:
        self.pos = len(self.buffer)
        return False

    def _tag_at(self, at: int) -> bool:
        raise NotImplementedError
