"""Erasure as the log records it: a payload is missing where a tombstone says so, and nowhere else (I7)."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from consentkit.proof.entry import Kind, Opening, Stored, decode
from consentkit.proof.recount import Finding
from consentkit.proof.store import Erasure, Source

SEGMENTS = {"stmt": frozenset({"stmt"}), "subj": frozenset({"subj"}), "both": frozenset({"stmt", "subj"})}
_NAMES = {"stmt": "statement", "subj": "subject"}

Range = tuple[int, int]  # first and last entry


def _ranges(payload: Mapping[str, Any]) -> list[Range]:
    listed = payload.get("list")
    pairs = [item if isinstance(item, list) else [item, item] for item in listed] if listed else []
    pairs = pairs or [[payload.get("first"), payload.get("last")]]
    good = all(
        len(pair) == 2 and all(type(i) is int for i in pair) and 0 <= pair[0] <= pair[1] for pair in pairs
    )
    return [(first, last) for first, last in pairs] if good else []


def erasures_of(index: int, entry: bytes) -> tuple[Erasure, ...]:
    """What the entry at `index` erases: nothing unless it is a tombstone that names earlier entries."""
    if entry[1] != Kind.TOMBSTONE:
        return ()
    return read_tombstone(index, decode(entry[2:]) or {})[0]


def read_tombstone(index: int, payload: Mapping[str, Any]) -> tuple[tuple[Erasure, ...], str | None]:
    """What a tombstone `{first, last | list, segment, reason}` erases, and what is wrong with it if anything.

    The items of `list` are entries, or pairs of a first and a last one.
    """
    segments = SEGMENTS.get(str(payload.get("segment")))
    ranges = _ranges(payload) if isinstance(payload.get("list", []), list) else []
    if segments is None or not ranges:
        return (), "the tombstone doesn't say what it erases"
    if any(last >= index for _, last in ranges):
        return (), "the tombstone erases entries that come after it"
    return tuple(Erasure(first, last, segments) for first, last in ranges), None


class Tombstones:
    """Collects what is missing and what was said to be erased, and compares the two in the end."""

    def __init__(self) -> None:
        self._missing: list[tuple[int, str]] = []
        self._said: list[tuple[int, Erasure]] = []

    def missing(self, index: int, opening: Opening | None) -> bool:
        """Note the segments that a committed entry lacks; True when it lacks any."""
        if opening is not None and opening.stmt is not None and opening.subj is not None:
            return False
        gone = [name for name in _NAMES if opening is None or getattr(opening, name) is None]
        self._missing += [(index, name) for name in gone]
        return True

    def add(self, tombstone: Stored) -> Iterator[str]:
        """Take a tombstone; yields what is wrong with it."""
        erasures, problem = read_tombstone(tombstone.index, tombstone.stmt or {})
        self._said += [(tombstone.index, erasure) for erasure in erasures]
        if problem:
            yield problem

    def settle(self, source: Source) -> Iterator[Finding]:
        """What is missing without a tombstone, and what is there in spite of one."""
        erased = self._erased()
        for index, segment in self._missing:
            if not _covers(erased[segment], index):
                problem = f"the {_NAMES[segment]} is missing, and no tombstone says why"
                yield Finding(index, "opening", problem)
        for index, segment in self.undone(source):
            if segment:
                stone = next(
                    at for at, it in self._said if it.first <= index <= it.last and segment in it.segments
                )
                problem = f"entry {stone} says erased, but the payload is there"
                yield Finding(index, "opening", problem)
            else:
                yield Finding(index, "opening", "erased, but still found by its visitor")

    def undone(self, source: Source) -> Iterator[tuple[int, str]]:
        """Each entry and segment that is there in spite of a tombstone; `""` for the tag it is found by."""
        erased = self._erased()
        for first, last in _merged((it.first, it.last) for _, it in self._said):
            for index, opening in source.openings(first, last + 1):
                said = [name for name in _NAMES if _covers(erased[name], index)]
                there = [name for name in said if getattr(opening, name) is not None]
                if there:
                    yield index, there[0]
                elif "subj" in said and opening.lookup is not None:
                    yield index, ""

    def _erased(self) -> dict[str, list[Range]]:
        return {
            name: _merged((it.first, it.last) for _, it in self._said if name in it.segments)
            for name in _NAMES
        }


def _merged(ranges: Iterable[Range]) -> list[Range]:
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return merged


def _covers(merged: list[Range], index: int) -> bool:
    place = bisect_right(merged, index, key=lambda pair: pair[0]) - 1
    return place >= 0 and merged[place][1] >= index
