"""Scripts and stylesheets: elements about which their own text decides, and what is done once it is there."""

from typing import Final

from consentkit.gate.markup.patterns import BREAKS, RAW_END, SCRIPT_TURN, TOKEN
from consentkit.gate.markup.text import TextScanner
from consentkit.gate.markup.verdicts import Verdict, condemned, decoded

LIMIT: Final = 1 << 20
"""The most bytes held back for one unfinished tag, script or stylesheet; what is longer can't be decided."""
_LONGEST_INSIDE: Final = 1 << 14  # a tag in an svg script; nobody writes one, and looking again must end


class BodyScanner(TextScanner):
    """One reading of a page within the elements that are held back until their text has been judged."""

    __slots__ = ()

    def finish(self) -> bool:
        """The page has ended: decide what is held; True if there is more to read after that."""
        if not self.held or self._state not in _HOLDING:
            return False
        self._judge(len(self.buffer))
        return True

    def _apply(self, verdict: Verdict) -> None:
        if verdict.service is not None or verdict.seen:
            self.found.append(verdict)
        if verdict.edits:
            start = self._start
            self.edits += [(start + at, text) for at, text in verdict.edits]

    def _begin_body(self, verdict: Verdict, end: int, *, html: bool, closed: bool) -> bool:
        """Go on behind the start tag of a script or a stylesheet."""
        self._end = self._scan = end
        self._mode = ""
        if self._element == b"style":
            judged = not (verdict.necessary or verdict.service is not None or self._nesting.inert)
        else:
            judged = verdict.runs_in_html if html else verdict.runs_in_svg
            judged = judged or (self._xhtml and verdict.runs_in_html)
        if html:
            self.held = judged
            self._state = BodyScanner._style if self._element == b"style" else BodyScanner._script
        elif judged and not closed and (self._nesting.svg or self._xhtml):
            self.held = True
            self._state = BodyScanner._foreign
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
                return self._over(found.end())
        self._scan = max(self._scan, len(self.buffer) - len(b"</script"))
        return self._over(None)

    def _style(self) -> bool:
        found = RAW_END[b"style"].search(self.buffer, self._scan)
        if found is not None:
            self._scan = found.start()
            return self._over(found.end())
        self._scan = max(self._scan, len(self.buffer) - len(b"</style"))
        return self._over(None)

    def _over(self, end: int | None) -> bool:
        """The body ends at `_scan`, which the byte at `end` shows; or no end is in sight (None)."""
        if self.held and (len(self.buffer) if end is None else end) - self._start >= LIMIT:
            self._condemn()
        if end is None:
            self.pos = self._scan
            return False
        if self.held:
            self._judge(self._scan)
        return self._back(self._scan)

    def _foreign(self) -> bool:
        """In svg, a script's or a stylesheet's content is markup: read ahead to its end, decide, read it.

        The reading ahead ends at a script inside a script too, or nesting them would make it quadratic.
        """
        while True:
            if self._mode:
                found = BREAKS[self._mode].search(self.buffer, self._scan)
                if found is None:
                    self._scan = max(self._scan, len(self.buffer) - 3)
                    return self._foreign_over(None)
                self._mode, self._scan = "", found.end()
                continue
            token = TOKEN.match(self.buffer, self._scan)
            assert token is not None  # noqa: S101 - matches the empty string
            if token[3] is None:
                if not self._break(token.end()):
                    return self._foreign_over(None)
            elif token[3].lower() == self._element:
                self._scan = token.start(1)
                return self._foreign_over(token.end())
            else:
                self._scan = token.end()

    def _break(self, at: int) -> bool:
        """Enter the comment or CDATA section that begins there; False if that can't be told yet."""
        self._scan = at
        opening = bytes(self.buffer[at : at + 9])
        if opening.startswith(b"<!--"):
            self._mode, self._scan = ("xml", at + 4) if self._xhtml else ("comment", at + 2)
        elif opening.startswith(b"<![CDATA["):
            self._mode, self._scan = "cdata", at + 9
        elif (
            opening[:1] == b"<" and len(opening) == 9 and (opening[1] in b"!?" or not opening[2:3].isalpha())
        ):
            self._mode, self._scan = "bogus", at + 1
        return bool(self._mode)

    def _foreign_over(self, end: int | None) -> bool:
        size = len(self.buffer)
        endless = end is None and not self._mode and size - self._scan > _LONGEST_INSIDE
        if endless or (size if end is None else end) - self._start >= LIMIT:
            self._condemn()
            return self._back(self._end)
        if end is None:
            return False
        self._judge(self._scan)
        return True

    def _condemn(self) -> None:
        self._apply(condemned(self._tag, ""))
        self.held = False

    def _judge(self, end: int) -> None:
        """Decide on what is held by its body, which reaches to `end`."""
        body = bytes(self.buffer[self._end : end])
        foreign = self._state is BodyScanner._foreign
        if foreign:
            body = decoded(body)
        judge = self._verdicts.style if self._element == b"style" else self._verdicts.inline
        self._apply(judge(self._tag, body))
        self.held = False
        self._back(self._end if foreign else end)


_HOLDING: Final = (BodyScanner._script, BodyScanner._style, BodyScanner._foreign)
