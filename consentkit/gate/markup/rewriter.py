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

from consentkit.gate.markup.bodies import LIMIT
from consentkit.gate.markup.memory import Memory, Page
from consentkit.gate.markup.scanner import Scanner
from consentkit.gate.markup.tags import PREFIX
from consentkit.gate.markup.verdicts import Rules, Verdicts

__all__ = ["LIMIT", "PREFIX", "Page", "Rewriter", "Rules", "rewrite_page"]

_SRCDOC_DEPTH: Final = 4
_PATIENCE: Final = 8192
"""Bytes gathered, while they can't decide anything, before they are looked at all the same and passed on."""
_FEW: Final = 64
"""The same where it can't be said for sure what decides, but a `>` mostly does."""


class Rewriter:
    """Rewrites one HTML response, sans I/O; every instance is for one response.

    `rules` decide; they are hashable and the same object for all responses of a policy, because what was
    decided once is remembered with them. `starter` is inserted once, as given, before the first start tag
    other than `<html>`, `<head>`, `<title>` and a `<meta>` that only says something, or before `</head>`, or
    at the end; a page without any tag gets none, and b"" asks for none.
    """

    def __init__(self, rules: Rules, starter: bytes, *, xhtml: bool = False) -> None:
        self._start(_verdicts(rules, 0), _memory(rules), starter, xhtml=xhtml)

    @classmethod
    def _within(cls, verdicts: Verdicts) -> "Rewriter":
        rewriter = cls.__new__(cls)
        rewriter._start(verdicts, Memory(), b"")
        return rewriter

    def _start(self, verdicts: Verdicts, memory: Memory, starter: bytes, *, xhtml: bool = False) -> None:
        self._buffer = bytearray()
        self._scanners = [Scanner(self._buffer, verdicts, memory, starter, xhtml=xhtml)]
        self._awaited: bytes | None = b"<"
        self._patience = 0
        self._closing = False

    @property
    def blocked(self) -> frozenset[str]:
        """The services found on the page so far and made inert ("" for what couldn't be decided)."""
        found = (verdict.service for scanner in self._scanners for verdict in scanner.found)
        return frozenset(service for service in found if service is not None)

    @property
    def seen(self) -> frozenset[tuple[str, str]]:
        """What there is to count of the page so far: pairs of a kind and a name."""
        found = (verdict for scanner in self._scanners for verdict in scanner.found)
        return frozenset(pair for verdict in found for pair in verdict.seen)

    def feed(self, chunk: bytes) -> bytes:
        """Take in the next bytes of the page; the bytes that can go out now (maybe none)."""
        if type(chunk) is not bytes:
            chunk = bytes(chunk)  # in a memoryview nothing is found
        awaited = self._awaited
        if awaited is not None and awaited not in chunk:
            # Nothing is held: what comes is text.
            if not self._patience:
                return chunk
            if len(self._buffer) + len(chunk) < self._patience:
                self._buffer += chunk
                return b""
        if len(chunk) == 1 and (begun := self._begins(chunk)) is not None:
            return begun
        self._buffer += chunk
        self._run()
        scanners = self._scanners
        settled = scanners[0].settled
        if len(scanners) == 2:
            settled = min(settled, scanners[1].settled)
        out = self._emit(settled) if settled else b""
        self._wait()
        return out

    def _begins(self, byte: bytes) -> bytes | None:
        """Hold the first two bytes of a tag that come one by one: nothing can be decided by them."""
        if byte == b"<" and not self._patience and self._awaited:
            self._awaited, self._patience = None, 1
        elif self._patience != 1 or self._buffer != b"<" or byte == b">":
            return None
        elif byte == b"<":
            return byte
        else:
            self._awaited, self._patience = b">", LIMIT if byte.isalpha() else _FEW
        self._buffer += byte
        return b""

    def close(self) -> bytes:
        """The page has ended: the rest of it."""
        self._run()
        self._closing = True
        self._run()
        while sum(scanner.finish() for scanner in self._scanners):
            self._run()
        return self._emit(len(self._buffer)) + self._scanners[0].unplaced

    def _wait(self) -> None:
        """Note what has to come before looking again is of any use."""
        first, last = self._scanners[0], self._scanners[-1]
        if first.idle and (first is last or last.idle):
            self._awaited, self._patience = b"<", 0
        elif first is last and (awaited := first.awaited) is not None:
            self._awaited, self._patience = awaited, LIMIT if first.held else _PATIENCE
        else:
            self._awaited, self._patience = b">", len(self._buffer) + _FEW

    def _run(self) -> None:
        while True:
            if len(self._scanners) == 1:
                scanner, size = self._scanners[0], len(self._buffer)
                while scanner.fork is None and scanner.advance():
                    if scanner.pos == size and scanner.idle:
                        break
                if scanner.fork is None:
                    return
                self._scanners.append(scanner.fork)
                scanner.fork = None
            if not self._run_both():
                return

    def _run_both(self) -> bool:
        """Advance both readings, the one behind first, until they agree; False if that takes more bytes."""
        first, second = self._scanners
        stuck: Scanner | None = None
        while True:
            if first.pos != second.pos:
                behind, other = (first, second) if first.pos < second.pos else (second, first)
            elif first.agrees_with(second):
                first.join(second)
                self._scanners.pop()
                return True
            else:
                behind, other = (first, second) if second.nested else (second, first)
            if behind is stuck:
                if not self._closing:
                    # It waits: where they agree mustn't depend on how the page was cut.
                    return False
                behind, other = other, behind
            if not behind.catch_up(other):
                if stuck is not None:
                    return False
                stuck = behind

    def _emit(self, until: int) -> bytes:
        buffer = self._buffer
        edits = self._scanners[0].edits
        if len(self._scanners) == 2:
            edits = sorted({*edits, *self._scanners[1].edits})
        if edits:
            pieces: list[bytes | bytearray] = []
            done = 0
            for at, text in edits:
                if at >= until:
                    break
                pieces += (buffer[done:at], text)
                done = at
            pieces.append(buffer[done:until])
            out = b"".join(pieces)
        else:
            out = bytes(buffer[:until])
        del buffer[:until]
        for scanner in self._scanners:
            scanner.shift(until)
        return out


def rewrite_page(rules: Rules, starter: bytes, source: bytes) -> Page:
    """Rewrite a whole page of HTML at once; the last ones are remembered whole."""
    source, memory = bytes(source), _memory(rules)
    known = memory.recall_page(source, starter)
    if known is not None:
        return known
    rewriter = Rewriter(rules, starter)
    out = rewriter.feed(source) + rewriter.close()
    page = Page(source, starter, out, rewriter.blocked, rewriter.seen)
    memory.keep_page(page)
    return page


# As many as a site has hosts whose pages differ: in strict mode each has rules of its own.
@lru_cache(maxsize=8)
def _memory(rules: Rules) -> Memory:  # noqa: ARG001 - one for each
    return Memory()


@lru_cache(maxsize=16)
def _verdicts(rules: Rules, depth: int) -> Verdicts:
    def srcdoc(html: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        if depth == _SRCDOC_DEPTH:
            return frozenset(("",)), frozenset()
        rewriter = Rewriter._within(_verdicts(rules, depth + 1))
        rewriter.feed(html.encode())
        rewriter.close()
        return rewriter.blocked, rewriter.seen

    return Verdicts(rules, srcdoc)
