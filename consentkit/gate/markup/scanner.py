"""Reads HTML the way a browser does, on bytes, in pieces; finds what has to be inserted where.

One `Scanner` is one reading of the page. Most pages have one; from a `<noscript>` on there are two until they
agree again, because browsers with and without JavaScript read what is inside differently.
Source: HTML Living Standard 13.2.5 (tokenization).
"""

from typing import Final

from consentkit.gate.markup.elements import LOADING, renamed
from consentkit.gate.markup.longtag import LongTag
from consentkit.gate.markup.patterns import AWAITED, ICON, RAW_END, SCRIPT_END, SCRIPT_TURN
from consentkit.gate.markup.tags import OPEN_ATTRIBUTE, REST, TAG, TAG_NAME, attributes
from consentkit.gate.markup.text import TextScanner
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdict, Verdicts, condemned

LIMIT: Final = 1 << 20
"""The most bytes held back for one unfinished tag or inline script; what is longer can't be decided."""


class Scanner(TextScanner):
    """One reading of one page: tags and scripts, and what they need inserted."""

    __slots__ = ("fork",)

    def __init__(self, buffer: bytearray, verdicts: Verdicts, starter: bytes, *, xhtml: bool = False) -> None:
        super().__init__(buffer, verdicts, starter, xhtml=xhtml)
        self.fork: Scanner | None = None  # a second reading that begins here

    def finish(self) -> bool:
        """The page has ended: decide what is held; True if there is more to read after that."""
        if not self.held or self._state not in (Scanner._script, Scanner._svg_script):
            return False
        self._decide(len(self.buffer))
        return True

    def _tag_at(self, at: int) -> bool:
        self._start = at
        found = TAG.match(self.buffer, at)
        if found is not None:
            self._element = found.group(1).lower()
            self._end = found.end(1)
            return self._complete(found.end(), closed=found.group(2).endswith(b"/"))
        self.held = True
        self._end = -1
        self._scan = at + 2
        self._awaited = AWAITED["name"]
        self._state = Scanner._unfinished
        return True

    def _unfinished(self) -> bool:
        """Look at an unfinished tag again only when the byte has come without which it can't end."""
        if self._awaited.search(self.buffer, self._scan) is None:
            self._scan = len(self.buffer)
            return self._too_long()
        if self._end < 0:
            name = TAG_NAME.match(self.buffer, self._start)
            assert name is not None  # noqa: S101 - the awaited byte is its end
            self._element, self._end = name.group(1).lower(), name.end(1)
            self.pos = self._end
        rest = REST.match(self.buffer, self.pos)
        assert rest is not None  # noqa: S101 - matches the empty string
        if rest.group(2) is not None:
            return self._complete(rest.end(), closed=rest.group(2).endswith(b"/"))
        self.pos = rest.end(1)
        opened = OPEN_ATTRIBUTE.match(self.buffer, self.pos)
        quote = opened.group(3) if opened else None
        self._awaited = AWAITED[quote or "tag"]
        self._scan = len(self.buffer)
        return self._too_long()

    def _too_long(self) -> bool:
        return len(self.buffer) - self._start >= LIMIT and self._oversize()

    def _complete(self, end: int, *, closed: bool) -> bool:
        if end - self._start > LIMIT:
            return self._oversize()
        self.held = False
        self._enter(Scanner._data, end)
        self._tag = bytes(self.buffer[self._start : end])
        if self._tag[1] == 0x2F:
            self._put_starter()
            self._nesting.end(self._element)
            return True
        self._put_starter()
        verdict = UNTOUCHED
        if self._element in LOADING and not self._nesting.inert:
            verdict = self._verdicts.tag(self._tag)
            self._apply(verdict)
        return self._begin(verdict, end, closed=closed)

    def _put_starter(self) -> None:
        """Insert the starter before a tag that isn't part of the page's first lines (html, head, charset)."""
        if self._starter and not _preamble(self._element, self._tag):
            self.edits.append((self._start, self._starter))
            self._starter = b""

    def _apply(self, verdict: Verdict) -> None:
        if verdict.service is not None:
            self.blocked.add(verdict.service)
            self.edits += [(self._start + at, text) for at, text in verdict.edits]

    def _begin(self, verdict: Verdict, end: int, *, closed: bool) -> bool:
        """Go on behind a start tag as its element demands."""
        name = self._element
        if closed and self._xhtml:
            return True
        if name == b"svg" and self._nesting.plain and not closed:
            icon = ICON.match(self.buffer, end)
            if icon is not None:
                return self._enter(Scanner._data, icon.end())
        template = name == b"template" and (self._nesting.inert or not _shadow(self._tag))
        html = self._nesting.start(name, self._tag, closed=closed, template=template)
        if name == b"script":
            return self._begin_script(verdict, end, html=html, closed=closed)
        if not html:
            return True
        if name == b"plaintext":
            self._state = Scanner._plaintext
        elif name == b"noscript":
            self._begin_noscript()
        elif name in RAW_END:
            self._state = Scanner._raw
        return True

    def _begin_noscript(self) -> None:
        if self._scripting is None:
            self.fork = self._copy()
            self.fork._scripting = True
            self.fork._state = Scanner._raw
            self._scripting = False
        elif self._scripting:
            self._state = Scanner._raw

    # Scripts.

    def _begin_script(self, verdict: Verdict, end: int, *, html: bool, closed: bool) -> bool:
        runs = verdict.runs_in_html if html else verdict.runs_in_svg
        self._end = self._scan = end
        self._mode = ""
        if html:
            self.held = runs
            self._state = Scanner._script
        elif runs and not closed:
            self.held = True
            self._state = Scanner._svg_script
        return True

    def _script(self) -> bool:
        """Look for the end of a script through the escaped and double-escaped states (13.2.5.18 ff.)."""
        while (found := SCRIPT_TURN[self._mode].search(self.buffer, self._scan)) is not None:
            turn = found.group()
            if turn == b"<!--":
                # The dashes that open may close as well: "<!-->".
                self._mode, self._scan = "escaped", found.start() + 2
            elif turn == b"-->":
                self._mode, self._scan = "", found.end()
            elif not found.group(1):
                self._mode, self._scan = "double", found.end()
            elif self._mode == "double":
                self._mode, self._scan = "escaped", found.end()
            else:
                self._scan = found.start()
                return self._script_over(found.end())
        self._scan = max(self._scan, len(self.buffer) - len(b"</script"))
        return self._script_over(None)

    def _script_over(self, end: int | None) -> bool:
        """The body ends at `_scan`, which the byte at `end` shows; or no end is in sight (None)."""
        if self.held and (len(self.buffer) if end is None else end) - self._start >= LIMIT:
            self._apply(condemned(self._tag, ""))
            self.held = False
        if end is None:
            self.pos = self._scan
            return False
        if self.held:
            self._decide(self._scan)
        return self._enter(Scanner._data, self._scan)

    def _svg_script(self) -> bool:
        """An svg script's content is tokenized as markup: look ahead for its end, decide, then read it."""
        found = SCRIPT_END.search(self.buffer, self._scan)
        reach = len(self.buffer) if found is None else found.end()
        if reach - self._start >= LIMIT:
            self._apply(condemned(self._tag, ""))
            self.held = False
            return self._enter(Scanner._data, self._end)
        if found is None:
            self._scan = max(self._scan, len(self.buffer) - len(b"</script"))
            return False
        self._decide(found.start())
        return True

    def _decide(self, end: int) -> None:
        """Decide on the held script whose body reaches to `end`."""
        self._apply(self._verdicts.inline(self._tag, bytes(self.buffer[self._end : end])))
        self.held = False
        self._enter(Scanner._data, self._end if self._state is Scanner._svg_script else end)

    # Tags too long to hold.

    def _oversize(self) -> bool:
        """Decide on a tag by its first `LIMIT` bytes; what loads and comes after them is renamed."""
        limit = self._start + LIMIT
        self.held = False
        if not 0 <= self._end < limit:
            self._element, self._tag = b"", b""
            return self._read_long(UNTOUCHED, frozenset(), "tag", self._start + 1)
        rest = REST.match(self.buffer, self._end, limit)
        assert rest is not None  # noqa: S101 - matches the empty string
        self._tag = bytes(self.buffer[self._start : rest.end(1)]) + b">"
        self._put_starter()
        verdict = UNTOUCHED
        if self._tag[1] != 0x2F and self._element in LOADING and not self._nesting.inert:
            verdict = self._verdicts.oversize(self._tag, bytes(self.buffer[rest.end(1) : limit]))
            self._apply(verdict)
            if not verdict.necessary:
                names = frozenset(renamed(self._element))
                return self._read_long(verdict, names, "between", rest.end(1))
        return self._read_long(verdict, frozenset(), "between", rest.end(1))

    def _read_long(self, verdict: Verdict, names: frozenset[bytes], state: str, pos: int) -> bool:
        self._verdict = verdict
        self._long = LongTag(names, state, spare_first=verdict.service is None)
        return self._enter(Scanner._in_long, pos)

    def _in_long(self) -> bool:
        self.pos = self._long.read(self.buffer, self.pos, self.edits)
        if not self._long.over:
            return False
        self._enter(Scanner._data, self.pos)
        if self._tag[1:2] == b"/":
            self._nesting.end(self._element)
            return True
        return self._begin(self._verdict, self.pos, closed=self._long.closed)

    def _copy(self) -> "Scanner":
        other = Scanner(self.buffer, self._verdicts, self._starter)
        for name in TextScanner.__slots__:
            setattr(other, name, getattr(self, name))
        other.edits, other.fork, other._nesting = [], None, self._nesting.copy()
        return other


def _preamble(name: bytes, tag: bytes) -> bool:
    """Whether a tag may stand before the starter: the charset has to be in a page's first 1,024 bytes."""
    if tag.startswith(b"</"):
        return name != b"head"
    if name != b"meta":
        return name in (b"html", b"head")
    found = {a.name: a.value.strip().lower() for a in attributes(tag, len(b"<meta"))}
    return b"charset" in found or found.get(b"http-equiv") == "content-type"


def _shadow(tag: bytes) -> bool:
    """Whether a template becomes a shadow root while the page is read: its content is live."""
    modes = (a.value.lower() for a in attributes(tag, len(b"<template")) if a.name == b"shadowrootmode")
    return next(modes, "") in ("open", "closed")
