"""What was seen at the gate, summed up for people: the audit page, `audit trackers` and `check` (H17)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any, Final

from consentkit.policy.match import Matcher
from consentkit.policy.registry import DECLARED, Pattern, Service
from consentkit.policy.version import CATEGORIES, Policy
from consentkit.publication import Publications
from consentkit.tally import KINDS, OTHER, Kind, Row

DAYS = 30
"""How far back people look unless they say otherwise."""

MEANING: Final[Mapping[Kind, str]] = {
    "undeclared": "Let through although the policy doesn't name it. Declare its service, or put the host on"
    " the policy's list of those that may pass.",
    "blocked": "Held back until its category is allowed.",
    "passed": "Let through without asking: a necessary service, or a host on the policy's list.",
    "overridden": "The site's own mark in the page (data-category) lets it through, or puts it into another"
    " category than the policy does.",
    "clamped": "Its cookie was made to end earlier.",
    "expired": "Its cookie was removed, because its category isn't allowed or not any more.",
    "refused": "Pages in this encoding can't be checked for trackers.",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind of one name over a range of days; `category` is None where no policy gives it one."""

    kind: Kind
    name: str
    category: str | None
    count: int
    first: date
    last: date

    @property
    def label(self) -> str:
        """The name in words, where it is none itself."""
        if self.name == OTHER:
            return "everything else (too many names in one day)"
        return self.name.removeprefix("?") or "(can't be told which)"


def summed(rows: Iterable[Row], published: Publications) -> list[Seen]:
    """Return what was seen, by kind and then most often first; categories as the published policies say."""
    groups: dict[tuple[Kind, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.kind, row.name), []).append(row)
    seen = [_sum(kind, name, found, published) for (kind, name), found in groups.items()]
    return sorted(seen, key=lambda each: (KINDS.index(each.kind), -each.count, each.name))


def _sum(kind: Kind, name: str, rows: list[Row], published: Publications) -> Seen:
    newest = max(rows, key=lambda row: row.day).version
    category = category_of(name, published.policies[newest] if published.knows(newest) else None)
    days = [row.day for row in rows]
    return Seen(kind, name, category, sum(row.count for row in rows), min(days), max(days))


def category_of(name: str, policy: Policy | None) -> str | None:
    """Return the category of a service id, or of `@category` itself; None for a host or cookie."""
    if name[:1] == "@" and name[1:] in CATEGORIES:
        return name[1:]
    service = (policy.services.get(name) or policy.known.get(name)) if policy else None
    return service.category if service else None


def by_kind(seen: Iterable[Seen]) -> list[tuple[Kind, str, list[Seen]]]:
    """Return (kind, what it means, what was seen) for each kind there is."""
    return [(kind, MEANING[kind], list(each)) for kind, each in groupby(seen, lambda one: one.kind)]


def lines(seen: Iterable[Seen]) -> Iterator[str]:
    """Yield the table for a terminal, what each kind means above it."""
    for kind, meaning, found in by_kind(seen):
        yield f"{kind}: {meaning}"
        for one in found:
            category = one.category or "–"
            yield f"  {one.count:>9}  {one.first} to {one.last}  {category:<11}  {one.label}"


def plain(one: Seen) -> dict[str, Any]:
    """Return a row as JSON has it."""
    days = {"first": one.first.isoformat(), "last": one.last.isoformat()}
    return {"kind": one.kind, "name": one.name, "category": one.category, "count": one.count, **days}


def undeclared(rows: Iterable[Row], policy: Policy) -> list[str]:
    """Return the hosts and cookies seen that `policy` still doesn't name, most often seen first.

    A host that a service names counts as named, whatever the path: counts hold no paths.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        if row.kind == "undeclared" or (row.kind == "blocked" and row.name[:1] == "?"):
            counts[row.name.removeprefix("?")] += row.count
    listed = tuple(Pattern(host, DECLARED) for host in policy.pages.allow)
    passing = Service("@allow", "", "", "", "necessary", (), "", listed, (), (), ())
    named = Matcher([*policy.services.values(), passing])
    return [
        name
        for name, _ in counts.most_common()
        if name != OTHER and not (named.host(f"//{name}") or named.cookie(name))
    ]
