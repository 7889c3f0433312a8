"""The services a site declares: by name, as additions to a known one, or whole; and what none may claim."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from consentkit.errors import Problem
from consentkit.policy.registry import (
    DECLARED,
    LINE_MAX,
    Cookie,
    Service,
    known_services,
    service_from,
    service_to,
    shown,
)

USUAL: Final = {"necessary": "session", "preferences": "P12M"}
LIST_FIELDS: Final = ("urls", "inline", "cookies", "storage", "purposes")

_NAMED_BY: Final = {"cookies": "name", "storage": "key"}
_PLAIN = re.compile(r"[\w*.:-]{1,80}", re.ASCII)

RESERVED: Final = {
    **dict.fromkeys(
        ("consentkit", "consentkit_allows", "consentkit_seen", "consentkit_desk"), "consentkit's own cookie"
    ),
    "sessionid": "the session of Django",
    "csrftoken": "Django's protection against forged requests",
    "session": "the session of Flask and Starlette",
    "__Host-session": "a session bound to its host",
    "__Secure-session": "a session bound to https",
    "connect.sid": "the session of Express",
    "laravel_session": "the session of Laravel",
    "XSRF-TOKEN": "Laravel's and Angular's protection against forged requests",
    "PHPSESSID": "the session of PHP",
    "JSESSIONID": "the session of Java servlets",
    "ASP.NET_SessionId": "the session of ASP.NET",
    "_session_id": "the session of Rails",
}
"""Cookies that a site breaks without, and why: what a tracker claims is cut from requests (A6, A17)."""


def declared_services(
    raw: object, asked: Sequence[str] | None = None
) -> tuple[dict[str, Service], list[Problem]]:
    """Return the services a site declares, by id, and what is wrong with the list.

    An item is the id of a known service, or a table: with a known `id` it adds to that service's facts
    (a self-hosted endpoint, another category), with a new one it states all of them. `asked` are the
    categories the site asks about; without them, whether it asks about a service's own isn't checked.
    """
    services: dict[str, Service] = {}
    if not isinstance(raw, list):
        return {}, []  # the shape check reports it
    problems: list[Problem] = []
    for place, item in enumerate(raw):
        where = f"services.{_called(raw, place, 'id')}"
        service, found = _declared(item, where)
        problems += (_by_name(problem, item, where) for problem in found)
        if service is None:
            continue
        if service.id in services:
            problems.append(Problem(where, f"{service.id!r} is listed twice"))
        elif asked is not None and service.category not in ("necessary", *asked):
            message = (
                f"{service.id!r} belongs to {service.category}, which is not among categories: add it there"
            )
            problems.append(Problem(where, message, ("necessary", *asked)))
        services.setdefault(service.id, service)
    return services, problems


def _called(listed: Sequence[object], place: int, field: str) -> str:
    """What a problem calls an item of a list: its name if that is plain and no other's, else its place."""
    names = [each.get(field) if isinstance(each, Mapping) else each for each in listed]
    name = names[place]
    plain = isinstance(name, str) and _PLAIN.fullmatch(name) and names.count(name) == 1
    return str(name if plain else place)


def _by_name(problem: Problem, item: object, where: str) -> Problem:
    """A problem of a service's cookie or storage key under that one's name."""
    field, _, rest = problem.path.removeprefix(f"{where}.").partition(".")
    place, dot, inner = rest.partition(".")
    if field not in _NAMED_BY or not place.isdecimal() or not isinstance(item, Mapping):
        return problem
    name = _called(item[field], int(place), _NAMED_BY[field])
    return replace(problem, path=f"{where}.{field}.{name}{dot}{inner}")


def pattern_problems(patterns: object, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a list of URL patterns, `host[:port][/path-prefix]`, as in a service's `urls`.

    What isn't a list of strings is left to whoever checks the document's shape.
    """
    listed = patterns if isinstance(patterns, list) else []
    urls = [{"match": pattern, "source": DECLARED} for pattern in listed]
    for problem in service_from({"urls": urls}, where)[1]:
        place = problem.path.removeprefix(f"{where}.urls.").removesuffix(".match")
        if place.isdecimal() and isinstance(listed[int(place)], str):
            yield replace(problem, path=f"{where}.{place}")


def _declared(item: object, where: str) -> tuple[Service | None, list[Problem]]:
    known = known_services()
    if isinstance(item, str):
        if item in known:
            return known[item], []
        return None, [Problem(where, f"{shown(item)} is not a known service{_meant(item)}")]
    if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
        return None, [Problem(where, "must be a known service's id, or a table with an `id`")]
    base = known.get(item["id"])
    stated, problems = service_from(_stated(base, item), where)
    if stated is None:
        return None, problems
    if not stated.country:
        problems.append(Problem(f"{where}.country", "is ''", ("an ISO 3166-1 alpha-2 code, such as FR",)))
        return None, problems
    return _added(base, stated), list(reserved_problems(stated, where))


def _meant(item: str) -> str:
    """What may have been meant by an unknown id, and where the others are."""
    close = get_close_matches(item.strip().lower().replace(" ", "-")[:LINE_MAX], known_services())
    meant = f": did you mean {' or '.join(map(repr, close))}?" if close else "."
    return f"{meant} Those that are known: consentkit services"


def _stated(base: Service | None, item: Mapping[str, Any]) -> dict[str, Any]:
    """What an item says itself, the plain fields filled in from the known service it adds to."""
    raw = {**(service_to(base) if base else {}), **item}
    for field in LIST_FIELDS[:-1]:
        own = item.get(field, [])
        raw[field] = (
            [_fact(field, fact, raw.get("category")) for fact in own] if isinstance(own, list) else own
        )
    if base and raw["purposes"] == []:
        raw["purposes"] = base.purposes
    return raw


def _added(base: Service | None, stated: Service) -> Service:
    if base is None:
        return stated
    lists: dict[str, Any] = {
        field: tuple(dict.fromkeys((*getattr(base, field), *getattr(stated, field)))) for field in LIST_FIELDS
    }
    return replace(stated, **lists)


def _fact(field: str, fact: object, category: object) -> object:
    """A site may write a fact as a bare string; its source is then the site's own word.

    A cookie then has its category's usual life: a technical one the session's (B1).
    """
    if isinstance(fact, str) and field == "cookies":
        fact = {"name": fact, "lifetime": USUAL.get(str(category), "P13M")}
    elif isinstance(fact, str):
        fact = {"match": fact}
    if isinstance(fact, Mapping):
        return {"source": DECLARED, **fact}
    return fact


def reserved_problems(service: Service, where: str) -> Iterator[Problem]:
    """Yield the cookies that a tracker claims though the site breaks without them."""
    if service.category == "necessary":
        return
    for place, cookie in enumerate(service.cookies):
        claimed = reserved_name(cookie)
        if claimed is not None:
            also = "is" if claimed == cookie.name else f"also names {claimed!r},"
            message = f"{shown(cookie.name)} {also} {RESERVED[claimed]}"
            yield Problem(f"{where}.cookies.{place}.name", f"{message}: a tracker needs a name of its own")


def claims(cookie: Cookie, name: str) -> bool:
    """Return whether a fact on the site's own domain is about cookies called `name`."""
    return cookie.domain == "site" and _glob(cookie.name).fullmatch(name) is not None


def reserved_name(cookie: Cookie) -> str | None:
    """Return the reserved cookie that a fact on the site's own domain claims, if any."""
    if cookie.domain != "site":
        return None
    claims = _glob(cookie.name)
    return next((name for name in RESERVED if claims.fullmatch(name)), None)


def _glob(name: str) -> re.Pattern[str]:
    first, *rest = map(re.escape, name.split("*"))
    # Atomic groups: the leftmost place of each part is as good as any, so none is tried twice.
    middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return re.compile(first + middle + (f".*{rest[-1]}" if rest else ""))
