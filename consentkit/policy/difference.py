"""What visitors are told under one policy version and no longer, or only, under another (E2)."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, takewhile
from typing import Any, NamedTuple

from consentkit.policy.countries import country_name
from consentkit.policy.notice import compose
from consentkit.policy.places import place_name
from consentkit.policy.version import Policy

Words = tuple[str, ...]


class Line(NamedTuple):
    """One thing visitors are told: of which category and service, if of any, and what."""

    about: Words
    said: Words


class Change(NamedTuple):
    """What of one category and service is gone, or (`added`) is new."""

    added: bool
    about: Words
    said: list[Words]


class Shift(NamedTuple):
    """One line of what changed: what was said before and still is, what no longer, what only now."""

    kept: Words = ()
    gone: Words = ()
    new: Words = ()


# Anybody may ask, and two large policies take a while.
@lru_cache(maxsize=64)
def changes(old: Policy, new: Policy, locale: str) -> Sequence[Change]:
    """Return what differs, by what it is about in the order of that, what is gone before what is new.

    In `locale`, one of `new`'s languages, if `old` has it too, else in one that both have; without one,
    everything is new.
    """
    common = next((each for each in (locale, *new.site.languages) if each in old.site.languages), None)
    before = [] if common is None else list(lines(old, common))
    after = list(lines(new, common or locale))
    found: dict[Words, tuple[list[Words], list[Words]]] = {}
    for how, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if how != "equal":
            for side, told in enumerate((before[i:j], after[k:m])):
                for line in told:
                    found.setdefault(line.about, ([], []))[side].append(line.said)
    return tuple(
        Change(bool(side), about, said)
        for about, both in found.items()
        for side, said in enumerate(both)
        if said
    )


def shifts(found: Sequence[Change]) -> list[tuple[Words, list[Shift]]]:
    """Return changes as people read them: by what they are about, in one line what was said of one thing.

    So a tracker that lives longer is one line with both lives; what only moved is left out.
    """
    grouped = []
    for about, each in groupby(found, lambda change: change.about):
        sides = {change.added: change.said for change in each}
        paired = _paired(sides.get(False, []), sides.get(True, []))
        told = [shift for shift in paired if shift.gone or shift.new]
        grouped += [(about, told)] if told else []
    return grouped


def _paired(gone: Sequence[Words], new: Sequence[Words]) -> Iterator[Shift]:
    """Yield what is gone beside what is new of the same name, then the rest of what is new."""
    left = list(new)
    for said in gone:
        other = next((each for each in left if each[0] == said[0]), None)
        if other is None:
            yield Shift(gone=said)
        else:
            left.remove(other)
            kept = len(list(takewhile(lambda both: both[0] == both[1], zip(said, other, strict=False))))
            yield Shift(said[:kept], said[kept:], other[kept:])
    yield from (Shift(new=said) for said in left)


# Asked for with the first page of each visitor from before the change.
@lru_cache(maxsize=64)
def differs(old: Policy, new: Policy) -> bool:
    """Return whether `new` tells visitors anything else than `old`, in a language that both have."""
    common = [each for each in new.site.languages if each in old.site.languages]
    return not common or any(list(lines(old, each)) != list(lines(new, each)) for each in common)


def lines(policy: Policy, locale: str) -> Iterator[Line]:
    """Yield everything a policy version tells visitors, in one of its languages."""
    notice, site = compose(policy, locale, ""), policy.site
    whose = (site.name, site.controller, site.contact, site.policy_url)
    yield from (Line((), (each,)) for each in (*whose, notice["title"], *notice["body"]))
    for regime, own in notice.get("regimes", {}).items():
        where = (place_name(regime, locale),)
        yield from (Line(where, (each,)) for each in own["body"] if each not in notice["body"])
    for category in notice["categories"]:
        yield Line((category["name"],), (category["description"],))
        for service in category["services"]:
            about = category["name"], service["name"]
            yield from (Line(about, tuple(filter(None, said))) for said in _said_of(service, locale))


def _said_of(service: Mapping[str, Any], locale: str) -> Iterator[Words]:
    yield service["vendor"], country_name(service["country"], locale), service["policy_url"]
    yield from ((purpose,) for purpose in service["purposes"])
    for tracker in service["trackers"]:
        yield tracker["name"], tracker["lifetime"], tracker.get("why", "")
