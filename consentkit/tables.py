"""What the guard holds back, written for the browser: the URLs, cookies and storage keys of services.

Two tables: what a site declares comes first on its pages, what else is known soon after that.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import orjson

from consentkit.policy.months import least_days
from consentkit.policy.periods import MOST_DAYS, days_in
from consentkit.policy.registry import Service
from consentkit.policy.urls import split_port
from consentkit.policy.version import Policy

AREAS = {"local": "Storage", "session": "Storage", "indexeddb": "IDBFactory", "cache": "CacheStorage"}
"""What the guard calls a storage area: the interface through which a page writes to it."""

_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|/]")
_ANYWHERE = r"(?:\w+:)?\/\/"
_ANY_HOST = r"(?:[^\/]*\.)?"
_DEFAULT_PORTS = {80: "http|ws", 443: "https|wss"}
_NOBODYS = r"(?!)"
_OURS = '[/^cookie:consentkit(?:_allows|_seen)?$/s,"","consentkit"]'
# Own hosts are the page's without `www.` and everything below, as in `policy.whose`.
_STRANGER = (
    r"{test:t=>{let h=/^(?:http|ws)s?:\/\/([^\/:]+)/.exec(t);return h&&!/^(?:%s)/.test(t)&&"
    r"""!("."+h[1]).endsWith("."+location.hostname.replace(/^www\./,""))}}"""
)

Owner = tuple[str, str] | tuple[str, int, float]
"""A category, "" for one that is never allowed; and a service's id, or a tracker's days each time it is set.

First the most it lives until the readable hint tells its own end, then what is declared.
"""
NEVER: Owner = ("", 0, 0)


class _Fact(NamedTuple):
    """Something that is held back: its name, a regular expression for it, and whose it is; None: nobody's."""

    name: str
    source: str
    owner: Owner | None


def guard_table(policy: Policy, prefix: str) -> str:
    """Return what the site declares as a JavaScript array of rows `[pattern, category, service id]`, for
    cookies and storage keys `[pattern, category, days at most, days declared]`.

    The first row whose pattern is in a text decides about it, so the most specific fact does, as in
    `policy.match`. The texts are `<scheme>://<host>[:<port>]<path>` without a default port, the same without
    the scheme on the page's own host, `cookie:<name>`, and `<interface>:<key>` for storage (see AREAS). A
    text in the place of the days, as our own cookies have it, says that no script removes them either.
    """
    places = _places(policy, policy.services.values(), prefix)
    rows = [*_url_rows(places), *_stranger(policy, places, prefix), _OURS]
    rows += [*_name_rows(_names(policy, policy.services.values())), *_unnamed(policy)]
    return f"[{','.join(rows)}]"


@lru_cache(maxsize=16)  # half of what a start costs, and sites that run several applications share a policy
def known_table(policy: Policy, prefix: str) -> str:
    """Return what is known and not declared as rows that come before those of `guard_table`."""
    places = _undeclared(_places(policy, _with_a_say(policy), prefix))
    names = _undeclared(_names(policy, _with_a_say(policy)), end="$")
    return f"[{','.join([*_url_rows(places), *_name_rows(names)])}]"


def _undeclared(facts: Iterable[_Fact], end: str = "") -> list[_Fact]:
    """Facts of which only the undeclared make rows, each but for what is declared more closely."""
    return [
        fact._replace(source=fact.source + end, owner=None) if fact.owner and fact.owner[0] else fact
        for fact in facts
    ]


def _row(sources: Iterable[str], owner: Owner, end: str = "") -> str:
    return f"[/^{_either(sources)}{end}/s,{','.join(map(_written, owner))}]"


def _either(sources: Iterable[str]) -> str:
    listed = [*sources]
    return listed[0] if len(listed) == 1 else f"(?:{'|'.join(listed)})"


def _written(member: object) -> str:
    # A part of a day has more digits than its seconds.
    if isinstance(member, float) and member % 1:
        return f"{member * 86_400:.0f}/864e2"
    return orjson.dumps(member).decode("ascii")


def _literal(text: str) -> str:
    """The source of a regular expression literal for a text; beyond ASCII as the bytes of its UTF-8."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text).encode("utf-8").replace(b"<", rb"\x3c")
    return "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in escaped)


# Places ---------------------------------------------------------------------------------------------------


def _places(policy: Policy, services: Iterable[Service], prefix: str) -> list[_Fact]:
    places = [
        _place(pattern.match, _owner(policy, service), prefix)
        for service in services
        for pattern in service.urls
    ]
    return sorted(places, key=_vagueness)


def _url_rows(places: Sequence[_Fact]) -> Iterator[str]:
    for owner, facts in _layers(places, _share_addresses):
        yield _row(_grouped(facts), owner)


def _stranger(policy: Policy, places: Iterable[_Fact], prefix: str) -> Iterator[str]:
    """The row of every host that nobody declared, where a policy wants one."""
    if policy.pages.third_parties == "strict":
        allowed = [_place(pattern, None, prefix) for pattern in policy.pages.allow]
        passing = [fact.source for fact in (*places, *allowed) if fact.owner is None]
        yield f'[{_STRANGER % ("|".join(passing) or _NOBODYS)},"",""]'


def _with_a_say(policy: Policy) -> Iterator[Service]:
    yield from policy.services.values()
    yield from (service for service in policy.known.values() if service.category != "necessary")


def _owner(policy: Policy, service: Service) -> Owner | None:
    if service.category == "necessary":
        return None
    return (service.category, service.id) if service.id in policy.services else ("", "")


def _place(pattern: str, owner: Owner | None, prefix: str) -> _Fact:
    authority, _, path = pattern.partition("/")
    host, port = split_port(authority)
    # On a page's own host a path has to say which part of it is a tracker, and never that we are.
    anywhere = not f"{prefix}/".startswith(f"/{path}")
    scheme = r"(?:\w+:)?" if anywhere else r"\w+:"
    under = _ANY_HOST if host.startswith("*.") else ""
    where = rf"\/\/{under}{_literal(host.removeprefix('*.'))}\.?"
    if not port:
        where = rf"{scheme}{where}(?::\d+)?"
    elif int(port) in _DEFAULT_PORTS:
        plain = f"(?:{_DEFAULT_PORTS[int(port)]}):"
        plain = f"(?:{plain})?" if anywhere else plain
        where = rf"(?:{plain}{where}|{scheme}{where}:{port})"
    else:
        where = rf"{scheme}{where}:{port}"
    return _Fact(pattern, rf"{where}\/{_literal(path)}", owner)


def _host(place: _Fact) -> str:
    return split_port(place.name.partition("/")[0])[0]


def _vagueness(place: _Fact) -> tuple[bool, int, int, bool]:
    authority, _, path = place.name.partition("/")
    host, port = split_port(authority)
    under = host.startswith("*.")
    return under, -len(host) if under else 0, -len(path), not port


def _share_addresses(narrow: _Fact, wide: _Fact) -> bool:
    host, of = _host(narrow), _host(wide)
    if not of.startswith("*."):
        return host == of
    return f".{host}".endswith(of[1:])


_PLAIN = re.compile(r"\\w\+:\\/\\/(\(\?:\[\^\\/\]\*\\\.\)\?)?(.*)\\\.([a-z0-9-]+)\\\.\?\(\?::\\d\+\)\?\\/")


def _grouped(facts: Iterable[_Fact]) -> Iterator[str]:
    """Yield the patterns of places; whole hosts together, by what precedes and by their last label."""
    alike: dict[str, dict[str, list[str]]] = {}
    anywhere: list[str] = []
    for fact in facts:
        plain = _PLAIN.fullmatch(fact.source)
        if plain is not None:
            alike.setdefault(plain[1] or "", {}).setdefault(plain[3], []).append(plain[2])
        elif fact.source.startswith(_ANYWHERE):
            anywhere.append(fact.source.removeprefix(_ANYWHERE))
        else:
            yield fact.source
    if anywhere:
        yield _ANYWHERE + _either(anywhere)
    for under, by_last in alike.items():
        hosts = _either(rf"{_either(names)}\.{last}" for last, names in by_last.items())
        yield rf"\w+:\/\/{under}{hosts}\.?(?::\d+)?\/"


# Names ----------------------------------------------------------------------------------------------------


def _names(policy: Policy, services: Iterable[Service]) -> list[_Fact]:
    names: dict[str, Owner] = {}
    for service in services:
        if service.category == "necessary":
            continue
        category = service.category if service.id in policy.services else ""
        cap = policy.lifetimes.cap(service.category)
        most = least_days(cap)
        for cookie in service.cookies:
            if cookie.domain == "site":
                names[f"cookie:{cookie.name}"] = (category, most, days_in(cookie.lifetime, cap))
        names |= {f"{AREAS[item.area]}:{item.key}": (category, most, MOST_DAYS) for item in service.storage}
    facts = [_Fact(name, _glob(name), owner if owner[0] else NEVER) for name, owner in names.items()]
    return sorted(facts, key=lambda fact: ("*" in fact.name, -len(fact.name)))


def _name_rows(facts: Sequence[_Fact]) -> Iterator[str]:
    for owner, claimed in _layers(facts, _share_names):
        by_area = groupby(sorted(claimed), lambda fact: fact.name.partition(":")[0])
        patterns = (f"{area}:{_either(fact.source for fact in named)}" for area, named in by_area)
        yield _row(patterns, owner, "$")


def _unnamed(policy: Policy) -> Iterator[str]:
    """The row of every cookie that nobody declared, where a policy wants one."""
    if policy.cookies.undeclared == "strict":
        own = [_glob(f":{cookie.name}") for each in policy.services.values() for cookie in each.cookies]
        yield _row([rf"cookie:(?!(?:{'|'.join(own) or _NOBODYS})$).*"], NEVER, "$")


def _glob(name: str) -> str:
    return ".*".join(map(_literal, name.partition(":")[2].split("*")))


def _share_names(narrow: _Fact, wide: _Fact) -> bool:
    """Return whether two globs can mean the same name; True on doubt."""
    one, other = narrow.name, wide.name
    if "*" not in other:
        return one == other
    starts = one.partition("*")[0], other.partition("*")[0]
    ends = one.rpartition("*")[2], other.rpartition("*")[2]
    return starts[0].startswith(starts[1]) or (
        starts[1].startswith(starts[0]) and (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0]))
    )


# Order ----------------------------------------------------------------------------------------------------


def _layers(
    facts: Sequence[_Fact], clash: Callable[[_Fact, _Fact], bool]
) -> Iterator[tuple[Owner, list[_Fact]]]:
    """Yield rows of facts of one owner so that among those that `clash` the earlier ones come first.

    What is nobody's makes no row: it is taken out of the later facts.
    """
    rows: dict[tuple[int, Owner], list[_Fact]] = {}
    # By owner, as most facts are undeclared services': those are never held against one another.
    before: dict[Owner | None, list[tuple[_Fact, int]]] = {}
    for fact in facts:
        level, owner = 0, fact.owner
        others = (pair for whose, pairs in before.items() if whose != owner for pair in pairs)
        for earlier, above in others:
            if clash(earlier, fact):
                if earlier.owner is None:
                    fact = fact._replace(source=f"(?!{earlier.source}){fact.source}")
                else:
                    level = max(level, above + 1)
        before.setdefault(owner, []).append((fact, level))
        if owner is not None:
            rows.setdefault((level, owner), []).append(fact)
    for (_, owner), listed in sorted(rows.items(), key=lambda row: row[0][0]):
        yield owner, listed
