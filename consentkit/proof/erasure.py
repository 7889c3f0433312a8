"""Erasure as it is asked for: which entries lose what, said in tombstones that stay small (prooflog §3.9).

On request a person's records lose their subject: who it was, with its salt and the tag it is found by. What
was answered stays, about nobody. By retention rule a record loses its statement as well.
"""

from bisect import bisect, bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Literal

from consentkit.errors import VerificationError
from consentkit.proof.entry import Kind, Opening, decode, kind_of, read
from consentkit.proof.listing import time_of
from consentkit.proof.store import Reading
from consentkit.proof.tombstones import SEGMENTS, Range, Tombstones

Segment = Literal["subj", "both"]
LASTING = (Kind.POLICY, Kind.ATTACHMENT)
"""The committed kinds that are about nobody, so that no rule's months end them."""

_MOST_ENTRIES = 10_000  # in one transaction, for which every visitor's choice has to wait
_MOST_RANGES = 1_000  # a public entry holds 64 kB
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """Which entries lose something, and the statements of the tombstones that say so."""

    indexes: tuple[int, ...]
    tombstones: tuple[Mapping[str, Any], ...]


Wish = Callable[[Reading], Plan]
"""Looks at a log and says what to erase; what is gone already isn't erased again."""


def requested(indexes: Iterable[int], segment: Segment = "subj", first: int = 0) -> Wish:
    """Wish that these entries lose a segment, because somebody has asked for it (GDPR 17).

    ValueError, once it looks at the log, for entries that aren't there, or that hold nothing about a person;
    it tells them by their numbers, which count from `first`.
    """
    return partial(_requested, sorted(set(indexes)), segment, first)


def aged(before_ms: int, why: Mapping[str, Any], now_ms: int | None = None) -> Wish:
    """Wish that all records made before an instant (UTC ms) lose everything; `why` tells the rule.

    Of a record whose time lies after `now_ms`, as a clock ran ahead once, its maker's own clock counts.
    """
    return partial(_aged, before_ms, why, now_ms)


def undone(view: Reading) -> Plan:
    """Wish that everything goes of which a tombstone says so, such as after old rows were put back."""
    tombstones, size = Tombstones(), _size(view)
    for index in view.by_kind(Kind.TOMBSTONE, 0, size, newest_first=False, limit=size):
        for _ in tombstones.add(read(index, dict(view.leaves(index, index + 1))[index], None)):
            pass
    found = dict(tombstones.undone(view))
    both = [index for index, segment in found.items() if segment == "stmt"]
    subj = [index for index, segment in found.items() if segment != "stmt"]
    plans = _plan(both, None, "both", {"reason": "again"}), _plan(subj, None, "subj", {"reason": "again"})
    return Plan(tuple(sorted(found)), tuple(stone for plan in plans for stone in plan.tombstones))


def _requested(indexes: list[int], segment: Segment, first: int, view: Reading) -> Plan:
    for index in indexes:
        entry = next((entry for _, entry in view.leaves(index, index + 1)), None) if index >= 0 else None
        if entry is None:
            raise ValueError(f"the log has no entry {first + index}")
        kind = kind_of(entry)
        if kind.public or (kind in LASTING and segment != "subj"):
            raise ValueError(f"entry {first + index} is a {kind.label}: it holds nothing about a visitor")
    left = [index for index in indexes if any(_left(o, segment) for _, o in view.openings(index, index + 1))]
    return _plan(left, None, segment, {"reason": "request"})


def _aged(before_ms: int, why: Mapping[str, Any], now_ms: int | None, view: Reading) -> Plan:
    size = _size(view)
    # What was published, with what shows it, has to outlive the answers to it, which name it.
    of_each = (view.by_kind(kind, 0, size, newest_first=False, limit=size) for kind in LASTING)
    kept = sorted(chain.from_iterable(of_each))
    spared = frozenset(kept)
    old = [i for i, o in _before(view, before_ms, now_ms, size) if i not in spared and _left(o, "both")]
    return _plan(old, kept, "both", {"reason": "retention", **why})


def _before(view: Reading, before_ms: int, now_ms: int | None, size: int) -> Iterator[tuple[int, Opening]]:
    # Time never runs backwards in a log (I8): after one that is too young come such as say they are of a
    # time that is yet to come, if any, and nothing else is looked at.
    young = bisect_left(range(size), before_ms, key=partial(time_of, view))
    ahead = size if now_ms is None else bisect_right(range(size), now_ms, key=partial(time_of, view))
    for start, stop in ((0, young), (max(young, ahead), size)):
        for first in range(start, stop, _PAGE):
            for index, opening in view.openings(first, min(first + _PAGE, stop)):
                made = opening.created_ms if start < young else _own_time(opening)
                if made < before_ms:
                    yield index, opening


def _own_time(opening: Opening) -> int:
    with suppress(VerificationError):
        clock = (decode(opening.stmt) or {}).get("clock")
        if type(clock) is int:
            return clock
    return opening.created_ms


def _left(opening: Opening, segment: Segment) -> bool:
    parts = [getattr(opening, name) for name in SEGMENTS[segment]]
    return any(part is not None for part in (*parts, opening.lookup))


def _size(view: Reading) -> int:
    head = view.head()
    if head is None:
        raise VerificationError("the log has no head")
    return head.size


def _plan(indexes: list[int], kept: Sequence[int] | None, segment: Segment, why: Mapping[str, Any]) -> Plan:
    listed: list[list[int | list[int]]] = []
    entries = _MOST_ENTRIES
    for first, last in _ranges(indexes, kept):
        if entries + last - first >= _MOST_ENTRIES or len(listed[-1]) >= _MOST_RANGES:
            listed.append([])
            entries = 0
        listed[-1].append(first if first == last else [first, last])
        entries += last - first + 1
    return Plan(tuple(indexes), tuple({"list": each, "segment": segment, **why} for each in listed))


def _ranges(indexes: list[int], kept: Sequence[int] | None) -> Iterator[Range]:
    """Join neighbours; also over a gap, where one knows which entries are `kept` and none is in it."""
    first = last = -1
    for index in indexes:
        near = index == last + 1 or (kept is not None and bisect(kept, last) == bisect(kept, index))
        if first >= 0 and near and index - first < _MOST_ENTRIES:
            last = index
            continue
        if first >= 0:
            yield first, last
        first = last = index
    if first >= 0:
        yield first, last
