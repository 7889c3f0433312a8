"""What others say of published checkpoints: time stamps over them, and cosignatures of witnesses.

Both stand beside the log and can be taken away by whoever has the database; so a verification also tells for
how much of the log there is none.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import accumulate
from math import inf
from typing import Any

from consentkit.errors import VerificationError
from consentkit.proof.cosignature import cosigned
from consentkit.proof.keyring import Agrees
from consentkit.proof.note import Checkpoint
from consentkit.proof.quorum import Quorum
from consentkit.proof.store import Attested
from consentkit.proof.timestamp import read_stamp

ReadStamp = Callable[[bytes, bytes], int]
"""A TimeStampResp and what it must be over, to UTC ms; or VerificationError."""

SLACK = 60_000
"""ms: a site's clock and an authority's aren't one, and asking takes a moment."""
LATE = 24 * 3600 * 1000
"""ms: a log whose witnesses have been silent for so long is a log without witnesses."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom outside the log a verifier believes, beside its key.

    `stamp` reads time stamps of authorities one trusts; None reads any, and nobody's signature is checked.
    `quorum` are the witnesses one trusts, and how many of them it takes; None leaves that to the log's side.
    """

    stamp: ReadStamp | None = None
    quorum: Quorum | None = None

    def naming(self, quorum: Quorum) -> "Trust":
        """The same, with these witnesses if one knows no others."""
        return replace(self, quorum=quorum) if self.quorum is None else self


@dataclass(frozen=True, slots=True)
class _Span:
    """The entries before `stop`: the time (UTC ms) stamped before any of them, and after all of them."""

    stop: float
    after: int
    before: float


class Testimony:
    """Hears what was kept beside checkpoints, then says what each entry's time must lie between."""

    def __init__(self, trust: Trust) -> None:
        self._stamp = trust.stamp
        self._quorum = trust.quorum or Quorum()
        self._stamps: list[tuple[int, int]] = []  # size, UTC ms
        self._quorate: list[tuple[Checkpoint, int]] = []  # with the second by which the quorum had cosigned
        self._cosignatures = 0
        self._spans: list[_Span] = []
        self._entered = False
        self._wait = 0  # ms

    def hear(self, row: Attested, checkpoint: Checkpoint | None) -> Iterator[str]:
        """Take a row whose note holds `checkpoint` (None: it holds none that counts); yield what is wrong."""
        if checkpoint is None:
            yield f"proofs from outside stand beside no good checkpoint of {row.size} entries"
            return
        try:
            if row.token:
                read = self._stamp or read_stamp
                self._stamps.append((row.size, read(row.token, row.note.encode("utf-8", "surrogatepass"))))
        except VerificationError as error:
            yield f"the time stamp of {row.size} entries doesn't hold: {error}"
        try:
            if row.cosignatures:
                self._count(row, checkpoint)
        except VerificationError as error:
            yield f"the cosignatures of {row.size} entries don't hold: {error}"

    def _count(self, row: Attested, checkpoint: Checkpoint) -> None:
        found = cosigned(row.note, row.cosignatures, self._quorum.verifiers)
        self._cosignatures += len(found)
        if found and self._quorum.met(found):
            self._quorate.append((checkpoint, max(found.values())))

    def heard(self) -> None:
        """All rows were heard: what was stamped before and after which entry is known now."""
        self._stamps.sort()
        moments = [moment for _, moment in self._stamps]
        after = [0, *accumulate(moments, max)]
        before = [inf, *accumulate(reversed(moments), min)][::-1]
        stops = [*(size for size, _ in self._stamps), inf]
        self._spans = [_Span(*span) for span in zip(stops, after, before, strict=True)][::-1]

    def problem(self, index: int, t: int, clock: Any = None) -> str | None:
        """What is wrong with the time `t` (UTC ms) of an entry; indexes are asked for in order.

        `clock` is its maker's own, where the log's time had run ahead of that:
        it was stamped in time.
        """
        while index >= self._spans[-1].stop:
            self._spans.pop()
            self._entered = False
        span = self._spans[-1]
        if not self._entered and span.before != inf:  # the first waited longest
            self._wait = max(self._wait, int(span.before) - t)
        self._entered = True
        if (clock if type(clock) is int else t) > span.before + SLACK:
            return f"it says {told(t)}, but was time-stamped at {told(int(span.before))}"
        if t < span.after - SLACK:
            return f"it says {told(t)}, but wasn't there when the log was time-stamped at {told(span.after)}"
        return None

    def counts(self, size: int, agrees: Agrees) -> Mapping[str, int]:
        """What was looked at, and how much of a log of `size` entries nobody outside speaks for."""
        counts: dict[str, int] = {}
        if self._stamps:
            by = "" if self._stamp else ", by whom wasn't checked"
            counts[f"time stamps{by}"] = len(self._stamps)
            counts["not yet stamped"] = max(0, size - self._stamps[-1][0])
            counts["minutes until stamped at most"] = self._wait // 60_000
        if self._quorum.witnesses:
            counts["cosignatures"] = self._cosignatures
            best = self._best(agrees)
            counts["not yet witnessed"] = size - (best[0].size if best else 0)
        return counts

    def findings(self, last: int, agrees: Agrees) -> Iterator[str]:
        """What is missing from outside for a log whose last entry was made at `last` (UTC ms)."""
        quorum, best = self._quorum, self._best(agrees)
        if self._stamp and not self._stamps:
            yield "there is no time stamp by an authority you trust"
        if quorum.asked and best is None:
            yield f"no checkpoint has the cosignatures that the quorum {quorum.name} asks for"
        elif quorum.asked and best and last - best[1] * 1000 > LATE:
            yield f"the quorum {quorum.name} has cosigned nothing after {best[0].size} entries"

    def _best(self, agrees: Agrees) -> tuple[Checkpoint, int] | None:
        good = [it for it in self._quorate if agrees(it[0].size, it[0].root)]
        return max(good, key=lambda it: it[0].size, default=None)


def told(t: int) -> str:
    """An instant in UTC ms, for people."""
    try:
        return datetime.fromtimestamp(t / 1000, UTC).isoformat(sep=" ", timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{t} ms"
