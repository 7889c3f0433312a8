"""What the guard in a page holds back, written for the browser: services' URLs, cookies and storage keys.

guard.js comes first on a page and covers what runs while the page is parsed: `document.cookie` and
`cookieStore`; addresses of what scripts add (elements' properties, `setAttribute`, `setAttributeNS` and
`setAttributeNode`, markup, other documents' trees), in blank frames and `srcdoc` too; `fetch`,
`XMLHttpRequest`, `sendBeacon`, `WebSocket`, `EventSource`, workers' own addresses; `localStorage`,
`sessionStorage`, IndexedDB and caches; the text of frames that are `javascript:` or `data:`.

ways.js comes soon after it, with what few scripts do and none of those that a page is parsed with: an
`Attr`'s `value`, `setNamedItem`, SVG's `baseVal`, table parts and `document.body` from another document,
`execCommand("insertImage")`, objects whose text changes, `blob:` documents of text, what workers made of a
`blob:` or `data:` ask for; storage keys written as a property go as soon as the script is done (through a
kept reference, with the next look at that store, at a choice, or as the page is left). It also makes what is
held look as a browser has it: a held address is read as it was given, in an SVG an `<image>` stays one, a
request ends by its own `timeout` or `abort` with that event, `constructor` is what the window has.

A request waits for the choice, its abortion or its own `timeout`; refused, it fails as a network that is
down. Markup is only taken apart where it names something denied. Requests, elements and markup come with the
yes, once and in their order. An element that is refused stays without its address and gets an `error` event,
where a browser sends one.

What isn't played again: a cookie and a storage key are dropped in silence, since a value from before the yes
must not be kept; what opens a database, a cache, a socket, an `EventSource`, an `Audio`, a synchronous
request or a worker fails at once, since its caller can't wait; a preload is of no use later; in shadow roots
and documents that a script writes the page's revival doesn't look; a worker keeps to what was allowed as it
began.

Not covered: modules (`import`, import maps, worklets), what workers that are files do, styles' `url()` and
fonts, SMIL, `background`, pings, navigation (forms, links, `location`, `window.open`), WebRTC, WebTransport,
WebSocketStream and fetchLater, XSLT, declarative shadow roots in markup, tags written in halves, entities
within `srcdoc`, `data:` documents in base64, `blob:` documents made of anything but strings, and a call that
somebody has kept from before it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import orjson

from consentkit.assets import static_asset
from consentkit.policy.months import least_days
from consentkit.policy.periods import MOST_DAYS, days_in
from consentkit.policy.registry import Service
from consentkit.policy.urls import split_port
from consentkit.policy.version import Policy

GUARD_MARK = b"__GUARD__"
WAYS_MARK = b"__WAYS__"

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


def guard_script(policy: Policy, prefix: str) -> bytes:
    """Return the guard for one policy version, as an immutable file; `prefix` is where our own routes are."""
    ways = orjson.dumps(f"{prefix}/static/{static_asset('ways.js').served_name}")
    body = static_asset("guard.js").body.replace(WAYS_MARK, ways)
    return body.replace(GUARD_MARK, guard_table(policy, prefix).encode("ascii"))


@lru_cache(maxsize=16)  # half of what a start costs, and sites that run several applications share a policy
def guard_table(policy: Policy, prefix: str) -> str:
    """Return the table as a JavaScript array of rows `[pattern, category, service id]`, for cookies and
    storage keys `[pattern, category, days at most, days declared]`.

    The first row whose pattern is in a text decides about it, so the most specific fact does, as in
    `policy.match`. The texts are `<scheme>://<host>[:<port>]<path>` without a default port, the same without
    the scheme on the page's own host, `cookie:<name>`, and `<interface>:<key>` for storage (see AREAS). A
    text in the place of the days, as our own cookies have it, says that no script removes them either.
    """
    rows = [*_url_rows(policy, prefix), _OURS, *_name_rows(policy)]
    return f"[{','.join(rows)}]"


def _row(sources: Iterable[str], owner: Owner, end: str = "") -> str:
    whose = orjson.dumps(owner).decode("ascii")
    return f"[/^(?:{'|'.join(sources)}){end}/s,{whose[1:]}"


def _literal(text: str) -> str:
    """The source of a regular expression literal for a text; beyond ASCII as the bytes of its UTF-8."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text).encode("utf-8").replace(b"<", rb"\x3c")
    return "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in escaped)


# Places ---------------------------------------------------------------------------------------------------


def _url_rows(policy: Policy, prefix: str) -> Iterator[str]:
    places = [
        _place(pattern.match, _owner(policy, service), prefix)
        for service in _with_a_say(policy)
        for pattern in service.urls
    ]
    for owner, facts in _layers(sorted(places, key=_vagueness), _share_addresses):
        yield _row(_grouped(facts), owner)
    if policy.pages.third_parties == "strict":
        allowed = [_place(pattern, None, prefix) for pattern in policy.pages.allow]
        passing = [fact.source for fact in (*places, *allowed) if fact.owner is None]
        yield f'[{_STRANGER % ("|".join(passing) or _NOBODYS)},"",""]'


def _with_a_say(policy: Policy) -> Iterator[Service]:
    yield from policy.services.values()
    yield from (service for service in policy.known.values() if service.category != "necessary")


def _owner(policy: Policy, service: Service) -> Owner | None:
    if service.category == "necessary" or service.id in policy.early:
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
        yield rf"{_ANYWHERE}(?:{'|'.join(anywhere)})"
    for under, by_last in alike.items():
        hosts = "|".join(rf"(?:{'|'.join(names)})\.{last}" for last, names in by_last.items())
        yield rf"\w+:\/\/{under}(?:{hosts})\.?(?::\d+)?\/"


# Names ----------------------------------------------------------------------------------------------------


def _name_rows(policy: Policy) -> Iterator[str]:
    names: dict[str, Owner] = {}
    for service in _with_a_say(policy):
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
    facts.sort(key=lambda fact: ("*" in fact.name, -len(fact.name)))
    for owner, claimed in _layers(facts, _share_names):
        by_area = groupby(sorted(claimed), lambda fact: fact.name.partition(":")[0])
        yield _row(
            (f"{area}:(?:{'|'.join(fact.source for fact in named)})" for area, named in by_area), owner, "$"
        )
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
