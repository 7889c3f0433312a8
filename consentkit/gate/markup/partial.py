"""Tags that aren't all here: held back until they are, or decided by their beginning if they are too long."""

from consentkit.gate.markup.bodies import LIMIT, BodyScanner
from consentkit.gate.markup.elements import LOADING, renamed
from consentkit.gate.markup.longtag import LongTag
from consentkit.gate.markup.tags import OPEN_ATTRIBUTE, REST, TAG_NAME
from consentkit.gate.markup.verdicts import BARRIER, UNTOUCHED, Verdict


class PartialScanner(BodyScanner):
    """One reading of a page within a tag whose end hasn't come yet."""

    __slots__ = ()

    def _complete(self, tag: bytes, end: int, *, opens: bool, closed: bool) -> bool:
        raise NotImplementedError

    def _begin(self, verdict: Verdict, end: int, *, closed: bool) -> bool:
        raise NotImplementedError

    def _put_starter(self) -> None:
        raise NotImplementedError

    def _tag_at(self, at: int) -> bool:
        self.held = True
        self._start = at
        self._end = -1
        self._scan = at + 2
        self._quote = b""
        self._state = PartialScanner._unfinished
        return True

    def _unfinished(self) -> bool:
        """Look at an unfinished tag again only when the byte has come without which it can't get on."""
        if self._end < 0:
            name = TAG_NAME.match(self.buffer, self._start)
            if name is None:
                return self._too_long()
            self._element, self._end = name.group(1).lower(), name.end(1)
            self.pos = self._end
        elif self.buffer.find(self._quote or b">", self._scan) < 0:
            self._scan = len(self.buffer)
            return self._too_long()
        rest = REST.match(self.buffer, self.pos)
        assert rest is not None  # noqa: S101 - matches the empty string
        if rest.group(2) is not None:
            opens = self.buffer[self._start + 1] != 0x2F
            tag = bytes(self.buffer[self._start : rest.end()])
            return self._complete(tag, rest.end(), opens=opens, closed=rest.group(2).endswith(b"/"))
        self.pos = rest.end(1)
        opened = OPEN_ATTRIBUTE.match(self.buffer, self.pos)
        self._quote = (opened.group(3) or b"") if opened else b""
        self._scan = len(self.buffer)
        return self._too_long()

    def _too_long(self) -> bool:
        return len(self.buffer) - self._start >= LIMIT and self._oversize()

    def _oversize(self) -> bool:
        """Decide on a tag by its first `LIMIT` bytes; what loads and comes after them is renamed."""
        limit = self._start + LIMIT
        self.held = False
        self._cut = -1
        if not 0 <= self._end < limit:
            found = TAG_NAME.match(self.buffer, self._start, limit)
            self._end = found.end(1) if found else -1
        if self._end < 0:
            self._element, self._tag = b"", b""
            return self._read_long(UNTOUCHED, frozenset(), "tag", self._start + 1)
        rest = REST.match(self.buffer, self._end, limit)
        assert rest is not None  # noqa: S101 - matches the empty string
        self._tag = bytes(self.buffer[self._start : rest.end(1)]) + b">"
        if self._starter:
            self._put_starter()
        judged = self._element in LOADING or self._element == b"style"
        if self._tag[1] == 0x2F or not judged or self._nesting.inert:
            return self._read_long(UNTOUCHED, frozenset(), "between", rest.end(1))
        verdict = self._verdicts.oversize(self._tag, bytes(self.buffer[rest.end(1) : limit]))
        self._apply(verdict)
        own = (b"type",) if self._element == b"style" else renamed(self._element)
        names = frozenset() if verdict.necessary else frozenset(own)
        return self._read_long(verdict, names, "between", rest.end(1))

    def _read_long(self, verdict: Verdict, names: frozenset[bytes], state: str, pos: int) -> bool:
        self._verdict = verdict
        self._long = LongTag(names, state, spare_first=verdict.service is None)
        return self._enter(PartialScanner._in_long, pos)

    def _in_long(self) -> bool:
        assert self._long is not None  # noqa: S101 - set with this state
        self.pos = self._long.read(self.buffer, self.pos, self.edits)
        if not self._long.over:
            return False
        self._back(self.pos)
        if self._element == b"style" and self._verdict.service is not None:
            self.edits.append((self.pos, BARRIER))
        if self._tag[1:2] == b"/":
            self._nesting.end(self._element)
            return True
        return self._begin(self._verdict, self.pos, closed=self._long.closed)
