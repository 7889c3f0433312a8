"""What the guard holds back, written for the browser: the URLs, cookies and storage keys of services.

First on a page comes what its site declares, with all other hosts as strangers; what else is known comes soon
after that, and a stranger that isn't among it may pass.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import orjson

from consentkit.patterns import (
    NOBODYS,
    Fact,
    Owner,
    by_area,
    either,
    glob,
    grouped,
    layers,
    looseness,
    place,
    share_addresses,
    share_names,
    vagueness,
)
from consentkit.policy.months import least_days
from consentkit.policy.periods import MOST_DAYS, days_in
from consentkit.policy.registry import Service
from consentkit.policy.version import Policy

AREAS = {"local": "Storage", "session": "Storage", "indexeddb": "IDBFactory", "cache": "CacheStorage"}
"""What the guard calls a storage area: the interface through which a page writes to it."""

_OURS = '[/^cookie:consentkit(_allows|_seen)?$/s,"","consentkit"]'
# Own hosts are the page's without `www.` and everything below, as in `policy.whose`.
_HOST = r'location.hostname.replace(/^www\./,"").replace(/\./g,"\\.")'
_STRANGER = rf'RegExp("^%s(http|ws)s?://(?!([^/]*\\.)?"+{_HOST}+"[:/])")'
NEVER: Owner = ("", 0)
STRANGE: Final = 1
"""The category of a host of which nobody has said anything, as long as it may be a known one."""


def guard_table(policy: Policy, prefix: str) -> str:
    """Return what the site declares as a JavaScript array of rows `[pattern, category, service id]`, for
    cookies and storage keys `[pattern, category, days at most]`.

    The first row whose pattern is in a text decides about it, so the most specific fact does, as in
    `policy.match`. The texts are `<scheme>://<host>[:<port>]<path>` without a default port, the same without
    the scheme on the page's own host, `cookie:<name>`, and `<interface>:<key>` for storage (see AREAS). A
    text in the place of the days, as our own cookies have it, says that no script removes them either.
    Hosts that are neither the page's nor declared nor in `pages.allow` have the category STRANGE, or the one
    that is never allowed where the policy wants no such third parties.
    """
    places = _places(policy, policy.services.values(), prefix)
    rows = [*_url_rows(places), _stranger(policy, places, prefix), _OURS]
    rows += [*_rows_of(_names(policy, policy.services.values())), *_unnamed(policy)]
    return f"[{','.join(rows)}]"


@lru_cache(maxsize=16)  # half of what a start costs, and sites that run several applications share a policy
def known_pattern(policy: Policy, prefix: str) -> str:
    """Return the source of a regular expression for the texts of what is known and not declared.

    Of them, what the site declares more closely is left out: so this comes before the rows of `guard_table`.
    """
    places = _undeclared(_places(policy, _with_a_say(policy), prefix))
    names = _undeclared(_names(policy, _with_a_say(policy)), end="$")
    parts = [part for _, facts in layers(places, share_addresses) for part in grouped(facts)]
    parts += [f"{either(by_area(facts))}$" for _, facts in layers(names, share_names)]
    return f"^{either(parts or [NOBODYS])}".replace("`", r"\x60")


def lives_table(policy: Policy) -> str:
    """Return the days for which cookies are declared each time they are set, as rows `[names, days]`.

    The first row whose pattern is a name decides, as the most specific fact does.
    """
    days_of = {
        name: days for area, name, _, days in _kept(policy, policy.services.values()) if area == "cookie"
    }
    lives = [Fact(f":{name}", glob(f":{name}"), (days,)) for name, days in days_of.items()]
    rows = layers(sorted(lives, key=looseness), share_names)
    return f"[{','.join(_row((fact.source for fact in facts), owner, '$') for owner, facts in rows)}]"


def _undeclared(facts: Iterable[Fact], end: str = "") -> list[Fact]:
    """Facts of which only the undeclared make rows, each but for what is declared more closely."""
    return [
        fact._replace(source=fact.source + end, owner=None) if fact.owner and fact.owner[0] else fact
        for fact in facts
    ]


def _row(sources: Iterable[str], owner: Owner, end: str = "") -> str:
    # Nobody asks what a group has matched, and two signs less each time are some twenty bytes.
    pattern = either(sources).replace("(?:", "(")
    return f"[/^{pattern}{end}/s,{','.join(map(_written, owner))}]"


def _written(member: object) -> str:
    # A part of a day has more digits than its seconds.
    if isinstance(member, float) and member % 1:
        return f"{member * 86_400:.0f}/864e2"
    return orjson.dumps(member).decode("ascii")


def _places(policy: Policy, services: Iterable[Service], prefix: str) -> list[Fact]:
    places = [
        place(pattern.match, _owner(policy, service), prefix)
        for service in services
        for pattern in service.urls
    ]
    return sorted(places, key=vagueness)


def _url_rows(places: Sequence[Fact]) -> Iterator[str]:
    for owner, facts in layers(places, share_addresses):
        yield _row(grouped(facts), owner)


def _stranger(policy: Policy, places: Iterable[Fact], prefix: str) -> str:
    """The row of every host that nobody declared: for good, or until it is known not to be a tracker's."""
    allowed = [place(pattern, None, prefix) for pattern in policy.pages.allow]
    passing = [fact.source for fact in (*places, *allowed) if fact.owner is None]
    but = orjson.dumps(f"(?!{'|'.join(passing)})" if passing else "").decode("ascii")
    category = '""' if policy.pages.third_parties == "strict" else STRANGE
    return f'[{_STRANGER % but[1:-1]},{category},""]'


def _with_a_say(policy: Policy) -> Iterator[Service]:
    yield from policy.services.values()
    yield from (service for service in policy.known.values() if service.category != "necessary")


def _owner(policy: Policy, service: Service) -> Owner | None:
    if service.category == "necessary" or service.id in policy.early:
        return None
    return (service.category, service.id) if service.id in policy.services else ("", "")


def _kept(policy: Policy, services: Iterable[Service]) -> Iterator[tuple[str, str, Service, float]]:
    """Yield what services that need consent keep: its area, its name, whose it is, and its days."""
    for service in services:
        if service.category == "necessary":
            continue
        cap = policy.lifetimes.cap(service.category)
        for cookie in service.cookies:
            if cookie.domain == "site":
                yield "cookie", cookie.name, service, days_in(cookie.lifetime, cap)
        for item in service.storage:
            yield AREAS[item.area], item.key, service, MOST_DAYS


def _names(policy: Policy, services: Iterable[Service]) -> list[Fact]:
    names: dict[str, Owner] = {}
    for area, name, service, _ in _kept(policy, services):
        most = least_days(policy.lifetimes.cap(service.category))
        names[f"{area}:{name}"] = (service.category, most) if service.id in policy.services else NEVER
    return sorted((Fact(name, glob(name), owner) for name, owner in names.items()), key=looseness)


def _rows_of(facts: Sequence[Fact]) -> Iterator[str]:
    for owner, claimed in layers(facts, share_names):
        yield _row(by_area(claimed), owner, "$")


def _unnamed(policy: Policy) -> Iterator[str]:
    """The row of every cookie that nobody declared, where a policy wants one."""
    if policy.cookies.undeclared == "strict":
        own = [glob(f":{cookie.name}") for each in policy.services.values() for cookie in each.cookies]
        yield _row([rf"cookie:(?!(?:{'|'.join(own) or NOBODYS})$).*"], NEVER, "$")
