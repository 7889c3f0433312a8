"""What was seen at the gate, summed up for people: the audit page, `audit trackers` and `check` (H17).

Of what is blocked, only declared services come back after a yes; `MEANING` has groups for the others.
"""

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
from consentkit.tally import OTHER, Kind, Row

DAYS = 30
"""How far back people look unless they say otherwise."""

NOT_DECLARED: Final = "blocked, not declared"
STRANGER: Final = "blocked, host that nobody declared"
UNTOLD: Final = "blocked, perhaps for good"
MEANING: Final[Mapping[str, str]] = {
    "undeclared": "Let through although the policy doesn't name it. Declare its service or, a cookie of your"
    " own, with @sets_cookie; or put the host on the policy's list of those that may pass.",
    "cut": "Removed in both directions, because the policy doesn't name it and its cookies.undeclared is"
    ' "strict". Declare it if the site needs it: with @sets_cookie, or in a service.',
    "blocked": "Held back until its category is allowed.",
    NOT_DECLARED: "Stays off even after a yes, because no visitor was told about it. Add it to services.",
    STRANGER: "Stays off even after a yes. Declare its service, or put the host on the policy's list of those"
    " that may pass.",
    UNTOLD: "Held back; whether a yes brings it back can't be told from the count.",
    "passed": "Let through without asking: a necessary service, or a host on the policy's list.",
    "overridden": "The site's own mark in the page (data-category, data-service or another tool's) decided:"
    " it was let through, or waits for what the mark names.",
    "clamped": "Its cookie was made to end earlier.",
    "expired": "Its cookie was removed, because its category isn't allowed or not any more.",
    "refused": "Pages in this encoding can't be checked for trackers.",
    "signal": "Pages of visitors who haven't answered and whose browser objects (gpc: Global Privacy Control,"
    " dnt: Do Not Track), counted as they ask for their state. Who has answered has an entry in the log.",
    "told": "Visitors who have answered and whose page tells them that the policy has changed, counted as"
    " they ask for their state. Who closes the message has an entry in the log.",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind of one name over a range of days; `category` is None where no policy gives it one.

    `group`, a key of `MEANING`, is the kind, or what more is known of something blocked.
    """

    kind: Kind
    group: str
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
    order = list(MEANING)
    return sorted(seen, key=lambda each: (order.index(each.group), -each.count, each.name))


def _sum(kind: Kind, name: str, rows: list[Row], published: Publications) -> Seen:
    newest = max(rows, key=lambda row: row.day).version
    policy = published.policies[newest] if published.knows(newest) else None
    category = category_of(name, policy)
    group = blocked_how(name, policy) if kind == "blocked" else kind
    days = [row.day for row in rows]
    return Seen(kind, group, name, category, sum(row.count for row in rows), min(days), max(days))


def category_of(name: str, policy: Policy | None) -> str | None:
    """Return the category of a service id, or of `@category` itself; None for a host or cookie."""
    if name[:1] == "@" and name[1:] in CATEGORIES:
        return name[1:]
    service = (policy.services.get(name) or policy.known.get(name)) if policy else None
    return service.category if service else None


def blocked_how(name: str, policy: Policy | None) -> str:
    """Return the group of something blocked, by the policy that was in force."""
    if is_host(name):
        return STRANGER
    if name[:1] == "@" or (policy is not None and name in policy.services):
        return "blocked"
    return NOT_DECLARED if policy is not None and name in policy.known else UNTOLD


def is_host(name: str) -> bool:
    """Return whether something blocked is a host: a service's id has neither dots nor colons."""
    return name[:1] == "?" or "." in name or ":" in name


def by_group(seen: Iterable[Seen]) -> list[tuple[str, str, list[Seen]]]:
    """Return (group, what it means, what was seen) for each group there is."""
    return [(group, MEANING[group], list(each)) for group, each in groupby(seen, lambda one: one.group)]


def lines(seen: Iterable[Seen]) -> Iterator[str]:
    """Yield the table for a terminal, what each group means above it."""
    for group, meaning, found in by_group(seen):
        yield f"{group}: {meaning}"
        for one in found:
            category = one.category or "–"
            yield f"  {one.count:>9}  {one.first} to {one.last}  {category:<11}  {one.label}"


def plain(one: Seen) -> dict[str, Any]:
    """Return a row as JSON has it."""
    days = {"first": one.first.isoformat(), "last": one.last.isoformat()}
    where = {"kind": one.kind, "group": one.group}
    return {**where, "name": one.name, "category": one.category, "count": one.count, **days}


def undeclared(rows: Iterable[Row], policy: Policy) -> list[str]:
    """Return the hosts and cookies seen that `policy` still doesn't name, most often seen first.

    A host that a service names counts as named, whatever the path: counts hold no paths.
    """
    counts: Counter[str] = Counter()
    for row in rows:
        if row.kind in ("undeclared", "cut") or (row.kind == "blocked" and is_host(row.name)):
            counts[row.name.removeprefix("?")] += row.count
    listed = tuple(Pattern(host, DECLARED) for host in policy.pages.allow)
    passing = Service("@allow", "", "", "", "necessary", (), "", listed, (), (), ())
    named = Matcher([*policy.services.values(), passing])
    return [
        name
        for name, _ in counts.most_common()
        if name != OTHER and not (named.host(f"//{name}") or named.cookie(name))
    ]


def staying_off(rows: Iterable[Row], policy: Policy) -> list[str]:
    """Return the known services seen blocked that `policy` doesn't declare, most often seen first."""
    counts: Counter[str] = Counter()
    for row in rows:
        if row.kind == "blocked" and row.name in policy.known and row.name not in policy.services:
            counts[row.name] += row.count
    return [name for name, _ in counts.most_common()]
