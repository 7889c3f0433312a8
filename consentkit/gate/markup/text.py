"""Everything on a page that isn't a tag: comments, raw text, CDATA; and what has been seen before."""

from collections.abc import Callable
from typing import Any

from consentkit.gate.markup.longtag import LongTag
from consentkit.gate.markup.memory import LONGEST, PIECE, SHORTEST, Memory, Piece
from consentkit.gate.markup.nesting import Nesting
from consentkit.gate.markup.patterns import BREAKS, COMMENT_END, RAW_END, SHEET
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdict, Verdicts


class TextScanner:
    """One reading of a page between its tags.

    Offsets count from the start of `buffer`, which the owner fills and trims. `_state` is the method that
    reads on from `pos`; it returns False when it needs more bytes.
    """

    __slots__ = (
        "_based", "_cut", "_cut_edits", "_cut_found", "_element", "_elsewhere", "_end", "_long", "_memory",
        "_mode", "_nesting", "_quote", "_scan", "_scripting", "_start", "_starter", "_state", "_tag",
        "_verdict", "_verdicts", "_xhtml", "buffer", "edits", "found", "held", "pos",
    )  # fmt: skip

    def __init__(
        self, buffer: bytearray, verdicts: Verdicts, memory: Memory, starter: bytes, *, xhtml: bool = False
    ) -> None:
        self._xhtml = xhtml
        self.buffer = buffer
        self.pos = 0
        self.held = False  # nothing from `_start` on may go out yet
        self.edits: list[tuple[int, bytes]] = []
        self.found: list[Verdict] = []  # on everything that isn't to be let be without a word
        self._verdicts = verdicts
        self._memory = memory
        self._based = False  # a <base> has said what relative URLs mean
        self._elsewhere = False  # and they lead elsewhere
        self._starter = starter
        self._nesting = Nesting()
        self._scripting: bool | None = None  # None: both readings agree so far
        self._state: Callable[[Any], bool] = self._first_state()
        self._start = 0  # of the tag or script in hand
        self._end = 0  # of its name, then of its start tag
        self._scan = 0  # how far its end has been looked for
        self._quote = b""  # that ends the attribute value a tag is unfinished in
        self._element = b""
        self._tag = b""
        self._mode = ""
        self._long: LongTag | None = None
        self._verdict = UNTOUCHED
        self._cut = -1  # where the piece being read began, if it may be remembered
        self._cut_edits = self._cut_found = 0

    def _first_state(self) -> Callable[[Any], bool]:
        return type(self)._data

    @property
    def settled(self) -> int:
        """Everything before this offset is decided."""
        return self._start if self.held else self.pos

    def advance(self) -> bool:
        """Read one construct on; False when more bytes are needed for that."""
        return self._state(self)

    def shift(self, trimmed: int) -> None:
        """Follow the buffer whose first `trimmed` bytes are gone."""
        self.pos -= trimmed
        self._start -= trimmed
        self._end -= trimmed
        self._scan -= trimmed
        self._cut = -1
        if self.edits:
            self.edits = [(at - trimmed, text) for at, text in self.edits if at >= trimmed]

    def _data(self) -> bool:
        raise NotImplementedError

    def _enter(self, state: Callable[[Any], bool], pos: int) -> bool:
        self._state = state
        self.pos = pos
        return True

    def _back(self, pos: int) -> bool:
        self._state = type(self)._data
        self.pos = pos
        return True

    def _declaration(self, at: int) -> bool:
        opening = bytes(self.buffer[at : at + 9])
        if opening.startswith(b"<!--"):
            for empty in (b"<!-->", b"<!--->"):
                if opening.startswith(empty) and not self._xhtml:
                    return self._back(at + len(empty))
            return opening not in (b"<!--", b"<!---") and self._enter(TextScanner._comment, at + 4)
        if opening == b"<!-":
            return False
        nesting = self._nesting
        if (self._xhtml or nesting.cdata or nesting.loose) and b"<![CDATA[".startswith(opening):
            if nesting.loose and not self._xhtml:
                return opening == b"<![CDATA[" and self._enter(TextScanner._bogus, at + 9)
            return opening == b"<![CDATA[" and self._enter(TextScanner._cdata, at + 9)
        return opening != b"<!" and self._enter(TextScanner._bogus, at + 2)

    def _comment(self) -> bool:
        found = (BREAKS["xml"] if self._xhtml else COMMENT_END).search(self.buffer, self.pos)
        if found is None:
            self.pos = max(self.pos, len(self.buffer) - 3)
            return False
        return self._back(found.end())

    def _cdata(self) -> bool:
        end = self.buffer.find(b"]]>", self.pos)
        if end < 0:
            self.pos = max(self.pos, len(self.buffer) - 2)
            return False
        return self._back(end + 3)

    def _bogus(self) -> bool:
        end = self.buffer.find(b">", self.pos)
        if end < 0:
            self.pos = len(self.buffer)
            return False
        return self._back(end + 1)

    def _instruction(self) -> bool:
        """A processing instruction of XML; one that fetches a stylesheet loses its name."""
        self.held, self._start = True, self.pos
        end = self.buffer.find(b"?>", self.pos)
        if end < 0 and len(self.buffer) - self.pos < LONGEST:
            return False
        self.held = False
        if end < 0:
            return self._enter(TextScanner._bogus, self.pos + 2)
        sheet = SHEET.match(self.buffer, self.pos, end)
        if sheet is not None:
            verdict = self._verdicts.tag(b"<link rel=stylesheet href=" + sheet[1] + b">")
            if verdict.service is not None:
                self.found.append(verdict)
                self.edits.append((self.pos + 2, b"consentkit-"))
        return self._back(end + 2)

    def _raw(self) -> bool:
        found = RAW_END[self._element].search(self.buffer, self.pos)
        if found is None:
            self.pos = max(self.pos, len(self.buffer) - len(self._element) - 2)
            return False
        return self._back(found.start())

    def _plaintext(self) -> bool:
        self.pos = len(self.buffer)
        return False

    # What has been seen before.

    def _remember(self, at: int) -> int:
        """Keep the piece that ends here if it is long enough; read over those that follow and are known.

        Returns the offset behind them.
        """
        if self._cut >= 0:
            if at - self._cut < PIECE:
                return at
            self._end_piece(at)
        return self._read_known(at)

    def _end_piece(self, at: int) -> None:
        """Keep the piece that ends here, of at least `SHORTEST` bytes, if one like it has come before."""
        if not self._memory.is_new(self.buffer, self._cut):
            self._keep(self._cut, at, self._cut_edits, self._cut_found)

    def _read_known(self, at: int) -> int:
        """Read over the pieces from here on that are known, and make one of those that came together."""
        first, edits, found, known = at, len(self.edits), len(self.found), 0
        while (
            len(self.buffer) - at >= SHORTEST and (piece := self._memory.recall(self.buffer, at)) is not None
        ):
            if piece.edits:
                self.edits += [(at + place, text) for place, text in piece.edits]
            self.found += piece.verdicts
            at += len(piece.source)
            known += 1
            if at - first >= LONGEST:
                if known > 1:
                    self._keep(first, at, edits, found)
                first, edits, found, known = at, len(self.edits), len(self.found), 0
        if known > 1:
            self._keep(first, at, edits, found)
        self.pos = self._cut = at
        self._cut_edits, self._cut_found = len(self.edits), len(self.found)
        return at

    def _keep(self, start: int, end: int, edits: int, found: int) -> None:
        """Remember the piece from `start` to `end`; so many edits and verdicts came before it."""
        own = tuple([(place - start, text) for place, text in self.edits[edits:]])
        self._memory.keep(Piece(bytes(self.buffer[start:end]), own, tuple(self.found[found:])))
