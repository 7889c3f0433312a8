"""Patterns of places and names as regular expressions for a browser, and the order in which they decide."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from consentkit.policy.urls import split_port

NOBODYS = r"(?!)"
"""What matches nothing."""

_SPECIAL = re.compile(r"[\\^$.*+?()\[\]{}|/]")
_ANYWHERE = r"(?:\w+:)?\/\/"
_ANY_HOST = r"(?:[^\/]*\.)?"
_DEFAULT_PORTS = {80: "http|ws", 443: "https|wss"}

Owner = tuple[str, str] | tuple[str, int] | tuple[float]
"""A category, "" for one that is never allowed; and a service's id, or the most days that a tracker lives
until the readable hint tells its own end. Or, alone, the days that a cookie is declared for.
"""


class Fact(NamedTuple):
    """Something that is held back: its name, a regular expression for it, and whose it is; None: nobody's."""

    name: str
    source: str
    owner: Owner | None


def _literal(text: str) -> str:
    """The source of a regular expression literal for a text; beyond ASCII as the bytes of its UTF-8."""
    escaped = _SPECIAL.sub(r"\\\g<0>", text).encode("utf-8").replace(b"<", rb"\x3c")
    return "".join(chr(byte) if byte < 128 else f"\\x{byte:02x}" for byte in escaped)


def either(sources: Iterable[str]) -> str:
    """Return a pattern of what matches any of these; of none, it matches everything."""
    listed = [*sources]
    return listed[0] if len(listed) == 1 else f"(?:{'|'.join(listed)})"


def place(pattern: str, owner: Owner | None, prefix: str) -> Fact:
    """Return a registry URL pattern as a fact about texts `<scheme>://<host>[:<port>]<path>`."""
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
    return Fact(pattern, rf"{where}\/{_literal(path)}", owner)


def _host(place: Fact) -> str:
    return split_port(place.name.partition("/")[0])[0]


def vagueness(place: Fact) -> tuple[bool, int, int, bool]:
    """Return a key by which the most specific of places comes first, as in `policy.match`."""
    authority, _, path = place.name.partition("/")
    host, port = split_port(authority)
    under = host.startswith("*.")
    return under, -len(host) if under else 0, -len(path), not port


def share_addresses(narrow: Fact, wide: Fact) -> bool:
    """Return whether two places can be on one host; True on doubt."""
    host, of = _host(narrow), _host(wide)
    if not of.startswith("*."):
        return host == of
    return f".{host}".endswith(of[1:])


_PLAIN = re.compile(r"\\w\+:\\/\\/(\(\?:\[\^\\/\]\*\\\.\)\?)?(.*)\\\.([a-z0-9-]+)\\\.\?\(\?::\\d\+\)\?\\/")


def grouped(facts: Iterable[Fact]) -> Iterator[str]:
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
        yield _ANYWHERE + either(anywhere)
    for under, by_last in alike.items():
        hosts = either(rf"{either(names)}\.{last}" for last, names in by_last.items())
        yield rf"\w+:\/\/{under}{hosts}\.?(?::\d+)?\/"


def glob(name: str) -> str:
    """Return the pattern of `<area>:<name>`, a glob, without its area."""
    return ".*".join(map(_literal, name.partition(":")[2].split("*")))


def looseness(fact: Fact) -> tuple[bool, int]:
    """Return a key by which the most specific of names comes first."""
    return "*" in fact.name, -len(fact.name)


def share_names(narrow: Fact, wide: Fact) -> bool:
    """Return whether two globs can mean the same name; True on doubt."""
    one, other = narrow.name, wide.name
    if "*" not in other:
        return one == other
    starts = one.partition("*")[0], other.partition("*")[0]
    ends = one.rpartition("*")[2], other.rpartition("*")[2]
    return starts[0].startswith(starts[1]) or (
        starts[1].startswith(starts[0]) and (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0]))
    )


def by_area(facts: Iterable[Fact]) -> Iterator[str]:
    """Yield a pattern for the names of each area, its area before them."""
    for area, named in groupby(sorted(facts), lambda fact: fact.name.partition(":")[0]):
        yield f"{area}:{either(fact.source for fact in named)}"


def layers(facts: Sequence[Fact], clash: Callable[[Fact, Fact], bool]) -> Iterator[tuple[Owner, list[Fact]]]:
    """Yield rows of facts of one owner so that among those that `clash` the earlier ones come first.

    What is nobody's makes no row: it is taken out of the later facts.
    """
    rows: dict[tuple[int, Owner], list[Fact]] = {}
    # By owner, as most facts are undeclared services': those are never held against one another.
    before: dict[Owner | None, list[tuple[Fact, int]]] = {}
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
