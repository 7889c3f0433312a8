"""Anchors that came more than once: a browser sends all it has of a name, whoever set it where (B6)."""

from collections.abc import Sequence
from functools import reduce

from consentkit.gate.anchors import DONE, MOST, Anchor, Ended, Seen


def merged(payloads: Sequence[bytes]) -> bytes | None:
    """Return one payload that holds what several tell, None where none of them can be read.

    Another visitor's anchors, planted on a longer path, give no tracker more life than its own: of each the
    earliest day counts and the fewest months, and an end before everything. Where that is more than there is
    room for, the latest are left out, and those that were only told before the others.
    """
    seen = [each for each in map(Seen.from_payload, payloads) if each is not None]
    return reduce(_both, seen).payload().encode() if seen else None


def _both(one: Seen, other: Seen) -> Seen:
    running, ended = dict(one.running), dict(one.ended)
    for key, anchor in other.running.items():
        running[key] = _earlier(running[key], anchor) if key in running else anchor
    for key, gone in other.ended.items():
        ended[key] = _first(ended[key], gone) if key in ended else gone
    for key in running.keys() & ended.keys():
        anchor = running.pop(key)
        ended[key] = _first(ended[key], Ended(anchor.end, anchor.months, anchor.mark))
    runs = sorted(running, key=lambda key: (running[key].told, running[key].day))[:MOST]
    ends = sorted(ended, key=lambda key: ended[key].day)[: MOST - len(runs)]
    return Seen(
        min(one.issued, other.issued),
        {key: running[key] for key in runs},
        {key: ended[key] for key in ends},
    )


def _earlier(one: Anchor, other: Anchor) -> Anchor:
    mark = _mark(one.mark, other.mark)
    return Anchor(min(one.day, other.day), min(one.months, other.months), mark, one.told and other.told)


def _first(one: Ended, other: Ended) -> Ended:
    return Ended(min(one.day, other.day), min(one.months, other.months), _mark(one.mark, other.mark))


def _mark(one: str, other: str) -> str:
    return one if one == other else DONE
