"""What became of a visitor's trackers, by what came, was set and was told: their anchors move on (B6, L4)."""

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import NamedTuple

from consentkit.gate.anchors import DONE, MOST, Anchor, Ended, Seen, key_of, mark_of


class Sighting(NamedTuple):
    """An allowed tracker that came with a request, or is being set, or that a page has only `told` of.

    `months` is its cap under today's policy (1 to 31), `born` the day that its value tells, if it tells one
    (`policy.births`).
    """

    name: str
    value: bytes
    months: int
    born: int | None = None
    told: bool = False


def observed(seen: Seen | None, sightings: Iterable[Sighting], today: int) -> Seen:
    """Return what is to be remembered once these trackers came, or are being set, on day `today`.

    What is new gets an anchor: today, or the day its value tells, if that is before. What reached its end
    joins the ended ones. While the value that ended comes, it stays there; once only others come, the tracker
    has a new anchor. An anchor only moves back: to an older birth that a value tells, and to today from a day
    yet to come, where the clock was wrong. Its months are lowered where the policy has fewer now. A value
    that changed is marked DONE: some script goes on writing it. Where there is no room, `anchors` says what
    gives way. The same object comes back where nothing is new.
    """
    before = seen or Seen(today)
    found = _by_key(sightings)
    running, ended = dict(before.running), dict(before.ended)
    for key in found.keys() & running.keys():
        running[key] = _kept(running[key], found[key], today)
    for key in [key for key, anchor in running.items() if anchor.end <= today]:
        ended[key] = _gone(running.pop(key))
    for key, group in found.items():
        if key in running or not (key in ended or _made_room(running, ended, group, found)):
            continue
        record = _begun(ended.pop(key, None), group, today)
        if isinstance(record, Anchor):
            running[key] = record
        else:
            ended[key] = record
    return before if (running, ended) == (before.running, before.ended) else Seen(today, running, ended)


def to_reissue(seen: Seen, sightings: Iterable[Sighting], today: int) -> list[Sighting]:
    """Return the trackers that the server may set once more itself, with the life that is left to them.

    `seen` as it came with the request, `sightings` the cookies that came: those whose value still is the one
    that an earlier request anchored, and that came once (a name that comes twice has two homes). So no value
    is lost that a script writes at the same time. Once done, tell `reissued`.
    """
    return [
        group[0]
        for key, group in _by_key(sightings).items()
        if (anchor := seen.running.get(key))
        and len(group) == 1
        and anchor.mark == mark_of(group[0].value)
        and anchor.end > today
    ]


def _by_key(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        found.setdefault(key_of(sighting.name), []).append(sighting)
    return found


def _kept(anchor: Anchor, group: list[Sighting], today: int) -> Anchor:
    """Return a running anchor after these sightings: day and months lowered, DONE if a value differs.

    One that has ended keeps its mark: by it the next value is known to be new.
    """
    months = min(anchor.months, *(each.months for each in group))
    day = max(0, min(anchor.day, today, *(each.born for each in group if each.born is not None)))
    anchor = Anchor(day, months, anchor.mark, anchor.told and _told(group))
    if anchor.mark != DONE and anchor.end > today:
        for each in group:
            if mark_of(each.value) != anchor.mark:
                return replace(anchor, mark=DONE)
    return anchor


def _gone(anchor: Anchor) -> Ended:
    return Ended(anchor.end, anchor.months, anchor.mark)


def _begun(gone: Ended | None, group: list[Sighting], today: int) -> Anchor | Ended:
    """Return the record of a tracker that doesn't run: a new anchor, or the end that it has come to."""
    marks = {mark_of(each.value) for each in group}
    mark = min(marks) if len(marks) == 1 else DONE
    if gone and gone.mark == DONE:
        return replace(gone, mark=mark)
    if gone and gone.mark in marks:
        return gone
    births = [each.born for each in group if each.born is not None]
    day, months = max(0, min([today, *births])), min(each.months for each in group)
    anchor = Anchor(day, months, mark, _told(group))
    return anchor if anchor.end > today else _gone(anchor)


def _told(group: Iterable[Sighting]) -> bool:
    return all(each.told for each in group)


def _made_room(
    running: dict[str, Anchor], ended: dict[str, Ended], group: list[Sighting], found: Container[str]
) -> bool:
    """Say whether a further record has room, once another has given way to it if there is none."""
    if len(running) + len(ended) < MOST:
        return True
    if _told(group):
        return False
    if absent := [key for key in ended if key not in found]:
        del ended[min(absent, key=lambda key: ended[key].day)]
    elif told := [key for key, anchor in running.items() if anchor.told]:
        del running[max(reversed(told), key=lambda key: running[key].day)]
    return len(running) + len(ended) < MOST
