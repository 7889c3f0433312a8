"""Cookies that an application declares where it sets them, joined to what its policy file says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from consentkit.errors import Problem
from consentkit.policy.declared import claims, reserved_problems
from consentkit.policy.registry import (
    DECLARED,
    LINE_MAX,
    PURPOSES,
    Category,
    Service,
    service_from,
    shown,
)

SITE: Final = "site-"
"""What the ids of the site's own services begin with; the category follows."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One cookie as code declares it, with the fields of a cookie in a policy, and where in the code."""

    name: str
    category: str
    lifetime: str
    purpose: str
    why: str
    path: str
    place: str

    @property
    def facts(self) -> tuple[str, ...]:
        """All but the place: equal where two functions say the same of one cookie."""
        return (self.name, self.category, self.lifetime, self.purpose, self.why, self.path)


def with_coded(
    services: Mapping[str, Service],
    coded: Sequence[Declared],
    site: tuple[str, str, str],
    asked: Sequence[str] | None = None,
) -> tuple[dict[str, Service], list[Problem]]:
    """Return `services`, by id, with one of the site's own for each category that code declares cookies in.

    `site` is its name, controller and policy URL. A name that one of `services` claims stays with it, unless
    only the code says that it needs consent. `asked` are the categories the site asks about, if that can be
    told. Problems name the function.
    """
    problems: list[Problem] = []
    joined = dict(services)
    for each in sorted(_agreed(coded, problems), key=lambda declared: str(declared.facts)):
        stated, faults = service_from(_table(each, site), each.place)
        if stated is not None:
            faults = [*reserved_problems(stated, each.place), *_misplaced(stated, each.place, joined, asked)]
        problems += [_in_words(problem, each.place) for problem in faults]
        if stated is not None and not faults and not _settled(stated, each.name, services):
            joined[stated.id] = _added(joined.get(stated.id), stated)
    return joined, problems


def _settled(stated: Service, name: str, services: Mapping[str, Service]) -> bool:
    """Whether the policy file decides about a cookie: what needs consent comes first."""
    named = {each.category for each in services.values() if any(claims(fact, name) for fact in each.cookies)}
    return bool(named) and (stated.category == "necessary" or named != {"necessary"})


def _misplaced(
    stated: Service, where: str, joined: Mapping[str, Service], asked: Sequence[str] | None
) -> Iterator[Problem]:
    if asked is not None and stated.category not in ("necessary", *asked):
        message = f"{stated.category} is not among the policy's categories: add it there"
        yield Problem(f"{where}.category", message, ("necessary", *asked))
    before = joined.get(stated.id)
    if before is not None and before.category != stated.category:
        yield Problem(where, f"is {stated.category}, but the policy's own {stated.id!r} is {before.category}")


def _agreed(coded: Sequence[Declared], problems: list[Problem]) -> Iterator[Declared]:
    first: dict[str, Declared] = {}
    for each in coded:
        before = first.setdefault(str(each.name), each)
        if before is each:
            yield each
        elif before.facts != each.facts:
            message = f"says something else of {shown(each.name)} than {before.place} does"
            problems.append(Problem(each.place, message))


def _table(declared: Declared, site: tuple[str, str, str]) -> dict[str, Any]:
    name, controller, policy_url = site
    fields = ("name", "lifetime", "path", "why")
    cookie = {field: getattr(declared, field) for field in fields} | {"source": DECLARED}
    return {
        "id": f"{SITE}{declared.category}" if declared.category in get_args(Category) else f"{SITE}own",
        "name": name.strip()[:LINE_MAX],
        "vendor": controller.strip()[:LINE_MAX],
        "country": "",
        "category": declared.category,
        "purposes": [declared.purpose],
        "policy_url": policy_url,
        "cookies": [cookie],
    }


def _in_words(problem: Problem, where: str) -> Problem:
    """A problem of the table that a declaration stands for, at the argument it comes from."""
    field = problem.path.removeprefix(where).removeprefix(".cookies.0").replace(".purposes.0", ".purpose")
    if field == ".policy_url":
        message = (
            "must be an https URL or a path on this site, because cookies declared in code are told with it"
        )
        return Problem("site.policy_url", message)
    return replace(problem, path=where + field)


def _added(service: Service | None, stated: Service) -> Service:
    if service is None:
        return stated
    purposes = tuple(each for each in PURPOSES if each in (*service.purposes, *stated.purposes))
    return replace(service, purposes=purposes, cookies=(*service.cookies, *stated.cookies))
