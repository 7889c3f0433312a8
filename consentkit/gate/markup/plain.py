"""Reads a page where nothing is open, as nearly all of one is: a tag says what it says, and is done with."""

from consentkit.gate.markup.bodies import LIMIT
from consentkit.gate.markup.elements import LOADING
from consentkit.gate.markup.memory import SHORTEST
from consentkit.gate.markup.partial import PartialScanner
from consentkit.gate.markup.patterns import STEP, STRUCTURE, SUSPECT
from consentkit.gate.markup.verdicts import UNTOUCHED


class PlainScanner(PartialScanner):
    """One reading of a page between the places where something is open, or about to be."""

    __slots__ = ()

    def _other(self, at: int, *, simple: bool) -> bool:
        raise NotImplementedError

    def _plain(self) -> bool:
        """Read on to behind the next tag that changes what follows it, or to what isn't a tag."""
        buffer, step, judged = self.buffer, STEP.match, self._verdicts.tag
        while True:
            found = step(buffer, self.pos)
            assert found is not None  # noqa: S101 - matches the empty string
            tag, slash, name, tail = found.groups()
            if tag is None:
                return self._other(found.end(), simple=True)
            start, end = found.span(1)
            # A `<` before it is text only because of what follows, which another page needn't have.
            alone = not (start and buffer[start - 1] == 0x3C)
            if b"nonce=" in tag:
                # What is never the same ends a piece, and begins none.
                if 0 <= self._cut <= start - SHORTEST and alone:
                    self._end_piece(start)
                self._cut = -1
            elif alone and self._remember(start) > start:
                continue
            name = name.lower()
            if name in STRUCTURE or len(tag) > LIMIT:
                self._start, self._element, self._end = start, name, -1
                return self._complete(tag, end, opens=not slash, closed=tail[-1:] == b"/")
            self.held, self.pos = False, end
            if not slash and (name in LOADING or SUSPECT.search(tag) is not None):
                verdict = judged(tag)
                if verdict is not UNTOUCHED:
                    self._start = start
                    self._apply(verdict)
