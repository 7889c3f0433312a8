"""The payloads in a bundle: where in openings.jsonl the line of each entry stands, read when it is asked for.

Payloads may be many: 33 bytes are kept in memory for each line, and whether one holds is seen as it is read.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import orjson

from consentkit.errors import VerificationError
from consentkit.proof.entry import Opening, committed_lookup
from consentkit.proof.export import FIELDS
from consentkit.proof.note import decode64

_BEGINNING = re.compile(rb'\{"idx":(0|[1-9][0-9]{0,17}),"t":')
_NOWHERE = -(2**63)
_FURTHEST = 2**63 - 1
_BUFFER = 1 << 18  # for a tile's payloads at once


class Openings:
    """The lines of openings.jsonl by the entry that each is about, and what is wrong with them."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._problems: dict[int, str] = {}  # by line
        self._index, self._place, self._length = array("q"), array("q"), array("q")
        self._scan()
        self._number = array("q", range(len(self._index)))
        if any(map(int.__ge__, self._index, self._index[1:])):
            order = sorted(self._number, key=self._index.__getitem__)
            for name in ("_index", "_place", "_length", "_number"):
                values = getattr(self, name)
                setattr(self, name, array(values.typecode, map(values.__getitem__, order)))
        self._seen = bytearray(len(self._index))

    def _scan(self) -> None:
        if not self._file.is_file():
            return
        place = 0
        with self._file.open("rb") as lines:
            for line in lines:
                begun = _BEGINNING.match(line)
                self._index.append(int(begun[1]) if begun else self._read_index(line))
                self._place.append(place)
                self._length.append(len(line))
                place += len(line)

    def _read_index(self, line: bytes) -> int:
        """Where a line belongs that doesn't begin as ours do."""
        try:
            return max(_NOWHERE + 1, min(parse_opening(line)[0], _FURTHEST))
        except VerificationError:
            return _NOWHERE

    def between(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
        """Yield the payloads of the entries `start` to `stop` - 1 that there are, in order."""
        first, last = bisect_left(self._index, start), bisect_left(self._index, stop)
        if first == last:
            return
        found = _NOWHERE
        with self._file.open("rb", _BUFFER) as lines:
            for i in range(first, last):
                self._seen[i] = 1
                lines.seek(self._place[i])
                try:
                    index, opening = parse_opening(lines.read(self._length[i]))
                    if index != self._index[i]:
                        raise VerificationError(f"a payload for entry {index}, which isn't all it says")
                    if index == found:
                        raise VerificationError(f"a second payload for entry {index}")
                except VerificationError as error:
                    self._problems[self._number[i]] = str(error)
                    continue
                found = index
                yield index, opening

    def strays(self, size: int) -> Iterator[int]:
        """Yield the entries outside a log of `size` that a payload is for."""
        for index, _ in (*self.between(_NOWHERE, 0), *self.between(size, _FURTHEST + 1)):
            yield index

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with lines, of those too that nobody asked for, in the order they stand in."""
        for i, seen in enumerate(self._seen):
            if not seen:
                list(self.between(self._index[i], self._index[i] + 1))
        for number, problem in sorted(self._problems.items()):
            yield f"line {number + 1}: {problem}"


def parse_opening(line: bytes) -> tuple[int, Opening]:
    """Return the entry a line is about, and its payload; VerificationError when it says no such thing."""
    try:
        raw = orjson.loads(line)
        index, created = raw["idx"], raw["t"]
        parts = [None if raw[name] is None else decode64(raw[name]) for name in FIELDS]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"not an opening ({error})") from error
    if not isinstance(index, int) or not isinstance(created, int):
        raise VerificationError("not an opening (idx and t must be whole numbers)")
    # A bundle tells a visitor's tag once, under its commitment.
    return index, Opening(created, committed_lookup(parts[3]), *parts)
