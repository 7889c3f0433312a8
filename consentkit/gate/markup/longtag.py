"""The rest of a tag that is too long to be held back, read piece by piece."""

import re
from typing import Final

from consentkit.gate.markup.tags import PREFIX, grammar

_LONGEST_NAME: Final = 64  # no attribute that loads has a longer one
_GAP: Final = grammar(rb"[W/]*+")
_SPACES: Final = grammar(rb"[W]*+")
_TAG_NAME_END: Final = grammar(rb"[W/>]")
_NAME_END: Final = grammar(rb"[W/>=]")
_BARE_END: Final = grammar(rb"[W>]")
_QUOTES: Final = {b'"': re.compile(rb'"'), b"'": re.compile(rb"'")}


class LongTag:
    """Renames every attribute called one of `names` until the tag is over; holds back one short name."""

    __slots__ = ("_awaited", "_names", "_spare", "_state", "closed", "over")

    def __init__(self, names: frozenset[bytes], state: str, *, spare_first: bool = False) -> None:
        self.over = False
        self.closed = False  # the tag ended in "/>"
        self._names = names
        self._spare = spare_first
        self._state = state  # tag, between, name, after, value, quoted or bare
        self._awaited = _BARE_END

    def read(self, buffer: bytearray, pos: int, edits: list[tuple[int, bytes]]) -> int:
        """Read on from `pos`, adding insertions to `edits`; the offset up to which the buffer may go."""
        while pos < len(buffer) and not self.over:
            before = pos, self._state
            pos = self._step(buffer, pos, edits)
            if before == (pos, self._state):
                break
        return pos

    def _step(self, buffer: bytearray, pos: int, edits: list[tuple[int, bytes]]) -> int:
        match self._state:
            case "between":
                return self._between(buffer, pos, edits)
            case "tag":
                return self._until(_TAG_NAME_END, buffer, pos, "between")
            case "name":
                return self._until(_NAME_END, buffer, pos, "after")
            case "quoted":
                return self._until(self._awaited, buffer, pos, "between", past=1)
            case "bare":
                return self._until(_BARE_END, buffer, pos, "between")
            case _:
                return self._around_equals(buffer, pos)

    def _until(self, end: re.Pattern[bytes], buffer: bytearray, pos: int, state: str, past: int = 0) -> int:
        found = end.search(buffer, pos)
        if found is None:
            return len(buffer)
        self._state = state
        return found.start() + past

    def _between(self, buffer: bytearray, pos: int, edits: list[tuple[int, bytes]]) -> int:
        gap = _skip(_GAP, buffer, pos)
        if gap > pos:
            self.closed = buffer[gap - 1] == 0x2F
        if gap == len(buffer):
            return gap
        if buffer[gap] == 0x3E:
            self.over = True
            return gap + 1
        end = _NAME_END.search(buffer, gap + 1)
        if end is None:
            if len(buffer) - gap > _LONGEST_NAME:
                self._state, gap, self._spare = "name", len(buffer), False
            return gap
        if bytes(buffer[gap : end.start()]).lower() in self._names and not self._spare:
            edits.append((gap, PREFIX))
        self._spare = self.closed = False
        self._state = "after"
        return end.start()

    def _around_equals(self, buffer: bytearray, pos: int) -> int:
        at = _skip(_SPACES, buffer, pos)
        if at == len(buffer):
            return at
        following = bytes(buffer[at : at + 1])
        if self._state == "after":
            self._state = "value" if following == b"=" else "between"
            return at + 1 if following == b"=" else at
        if following in _QUOTES:
            self._state, self._awaited = "quoted", _QUOTES[following]
            return at + 1
        self._state = "between" if following == b">" else "bare"
        return at


def _skip(pattern: re.Pattern[bytes], buffer: bytearray, pos: int) -> int:
    found = pattern.match(buffer, pos)
    return found.end() if found else pos
