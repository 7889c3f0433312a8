"""Erasure as the log records it: a payload is missing where a tombstone says so, and nowhere else (I7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consentkit.proof.entry import Opening, Stored
from consentkit.proof.recount import Finding
from consentkit.proof.store import Source

SEGMENTS = {"stmt": frozenset({"stmt"}), "subj": frozenset({"subj"}), "both": frozenset({"stmt", "subj"})}


@dataclass(frozen=True, slots=True)
class _Erasure:
    index: int  # of the tombstone
    first: int
    last: int
    segments: frozenset[str]

    def covers(self, index: int, segment: str) -> bool:
        return self.first <= index <= self.last and segment in self.segments


def _ranges(payload: Mapping[str, Any]) -> list[tuple[int, int]]:
    listed = payload.get("list")
    pairs = [(i, i) for i in listed] if isinstance(listed, list) else []
    pairs = pairs or [(payload.get("first"), payload.get("last"))]
    return pairs if all(isinstance(i, int) and i >= 0 for pair in pairs for i in pair) else []


class Tombstones:
    """Collects what is missing and what was said to be erased, and compares the two in the end."""

    def __init__(self) -> None:
        self._missing: list[tuple[int, str]] = []
        self._erasures: list[_Erasure] = []

    def missing(self, index: int, opening: Opening | None) -> bool:
        """Note the segments that a committed entry lacks; True when it lacks any."""
        gone = [name for name in ("stmt", "subj") if opening is None or getattr(opening, name) is None]
        self._missing += [(index, name) for name in gone]
        return bool(gone)

    def add(self, tombstone: Stored) -> Iterator[str]:
        """Take a tombstone `{first, last | list, segment, reason}`; yields what is wrong with it."""
        payload = tombstone.stmt or {}
        segments = SEGMENTS.get(str(payload.get("segment")))
        ranges = _ranges(payload)
        if segments is None or not ranges:
            yield "the tombstone doesn't say what it erases"
            return
        if any(last >= tombstone.index for _, last in ranges):
            yield "the tombstone erases entries that come after it"
            return
        self._erasures += [_Erasure(tombstone.index, first, last, segments) for first, last in ranges]

    def settle(self, source: Source) -> Iterator[Finding]:
        """What is missing without a tombstone, and what is there in spite of one."""
        for index, segment in self._missing:
            if not any(erasure.covers(index, segment) for erasure in self._erasures):
                what = "statement" if segment == "stmt" else "subject"
                yield Finding(index, "opening", f"the {what} is missing, and no tombstone says why")
        for erasure in self._erasures:
            for index, opening in source.openings(erasure.first, min(erasure.last, erasure.index) + 1):
                if any(getattr(opening, segment) is not None for segment in erasure.segments):
                    problem = f"entry {erasure.index} says erased, but the payload is there"
                    yield Finding(index, "opening", problem)
                elif "subj" in erasure.segments and opening.lookup is not None:
                    yield Finding(index, "opening", "erased, but still found by its visitor")
