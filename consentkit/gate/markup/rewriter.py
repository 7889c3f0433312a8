"""Makes a page's known trackers inert while it streams by, and puts the starter in.

Only insertions: taking them out gives the page back byte for byte. The output depends on the page and on the
rules, never on the visitor nor on how the page was cut into chunks.

What can't be decided within 1 MB is blocked for good, as service "", which no consent revives: an inline
script longer than that; and of a start tag longer than that, each loading attribute that begins after the
first MB, or isn't over by then and isn't a `data:` URL. (The longest inline script on 1,052 real pages has
843 KB, the longest start tag 181 KB.) Nothing else is ever held longer than its own tag.
"""

from functools import lru_cache
from typing import Final

from consentkit.gate.markup.scanner import LIMIT, Scanner
from consentkit.gate.markup.tags import PREFIX
from consentkit.gate.markup.verdicts import Rules, Verdicts

__all__ = ["LIMIT", "PREFIX", "Rewriter", "Rules"]

_SRCDOC_DEPTH: Final = 4


class Rewriter:
    """Rewrites one HTML response, sans I/O; every instance is for one response.

    `rules` decide; they are hashable and the same object for all responses of a policy, because what was
    decided once is remembered with them. `starter` is inserted once, as given, before the first start tag
    other than `<html>`, `<head>` and an early `<meta>` naming the charset, or before `</head>`; a page
    without any such tag gets none, and b"" asks for none.
    """

    def __init__(self, rules: Rules, starter: bytes, *, xhtml: bool = False) -> None:
        self._start(_verdicts(rules, 0), starter, xhtml=xhtml)

    @classmethod
    def _within(cls, verdicts: Verdicts) -> "Rewriter":
        rewriter = cls.__new__(cls)
        rewriter._start(verdicts, b"")
        return rewriter

    def _start(self, verdicts: Verdicts, starter: bytes, *, xhtml: bool = False) -> None:
        self._buffer = bytearray()
        self._scanners = [Scanner(self._buffer, verdicts, starter, xhtml=xhtml)]

    @property
    def blocked(self) -> frozenset[str]:
        """The services found on the page so far and made inert ("" for what couldn't be decided)."""
        return frozenset(self._scanners[0].blocked)

    def feed(self, chunk: bytes) -> bytes:
        """Take in the next bytes of the page; the bytes that can go out now (maybe none)."""
        self._buffer += chunk
        self._run()
        return self._emit(min(scanner.settled for scanner in self._scanners))

    def close(self) -> bytes:
        """The page has ended: the rest of it."""
        while sum(scanner.finish() for scanner in self._scanners):
            self._run()
        return self._emit(len(self._buffer))

    def _run(self) -> None:
        while True:
            if len(self._scanners) == 1:
                scanner = self._scanners[0]
                while scanner.fork is None and scanner.advance():
                    pass
                if scanner.fork is None:
                    return
                self._scanners.append(scanner.fork)
                scanner.fork = None
            if not self._run_both():
                return

    def _run_both(self) -> bool:
        """Advance both readings, the one behind first, until they agree; False if that takes more bytes."""
        first, second = self._scanners
        stuck: set[int] = set()
        while len(stuck) < 2:
            if first.agrees_with(second):
                first.join(second)
                self._scanners.pop()
                return True
            behind = int(second.pos < first.pos)
            if behind in stuck:
                behind = 1 - behind
            if not self._scanners[behind].advance():
                stuck.add(behind)
        return False

    def _emit(self, until: int) -> bytes:
        edits = self._scanners[0].edits
        if len(self._scanners) == 2:
            edits = sorted({*edits, *self._scanners[1].edits})
        pieces: list[bytes | bytearray] = []
        done = 0
        for at, text in edits:
            if at >= until:
                break
            pieces += (self._buffer[done:at], text)
            done = at
        pieces.append(self._buffer[done:until])
        del self._buffer[:until]
        for scanner in self._scanners:
            scanner.shift(until)
        return b"".join(pieces)


@lru_cache(maxsize=32)
def _verdicts(rules: Rules, depth: int) -> Verdicts:
    def srcdoc(html: str) -> str | None:
        if depth == _SRCDOC_DEPTH:
            return ""
        rewriter = Rewriter._within(_verdicts(rules, depth + 1))
        rewriter.feed(html.encode())
        rewriter.close()
        return min(rewriter.blocked, default=None)

    return Verdicts(rules, srcdoc)
