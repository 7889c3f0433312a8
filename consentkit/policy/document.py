"""The policy document a site writes: its shape, and every mistake in it at once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, WithJsonSchema, create_model, model_validator

from consentkit.errors import PolicyError, Problem
from consentkit.policy import hooks, words
from consentkit.policy.aliases import ALIASES
from consentkit.policy.allowed import allow_problems
from consentkit.policy.banner import Banner, banner_problems
from consentkit.policy.coded import Declared, with_coded
from consentkit.policy.declared import declared_services
from consentkit.policy.exempt import Assessment, assessment_problems
from consentkit.policy.instead import way_problems, without_ways
from consentkit.policy.reading import unstorable
from consentkit.policy.regimes import UNKNOWN, RegimeId
from consentkit.policy.registry import LINE, LINE_MAX, PATH, WEB, Service, known_services, shown
from consentkit.policy.tables import (
    STRICT,
    Answers,
    Cookies,
    Lifetimes,
    Retention,
    Signals,
    domain_problems,
    lifetime_problems,
    regime_problems,
    retention_problems,
)
from consentkit.policy.wanted import WANTED

OptionalCategory = Literal["preferences", "analytics", "marketing"]
OPTIONAL_CATEGORIES: tuple[OptionalCategory, ...] = get_args(OptionalCategory)
"""The categories a visitor is asked about, in the order shown; `necessary` is never asked."""

MOST_UNSTORABLE = 20
"""A mapping in Python can hold itself, so its faults need an end."""

Line = Annotated[str, Field(pattern=f"^{LINE}$")]


class _Table(BaseModel):
    model_config = STRICT


# What these tables say of themselves is the JSON Schema's to users: the rows of our books stay in comments.


def _items(allowed: Iterable[str]) -> dict[str, Any]:
    return {"items": {"type": "string", "enum": sorted(allowed)}}


# E14
class Site(_Table):
    """Who asks for consent, and in which languages."""

    name: Line = Field(max_length=LINE_MAX)
    controller: Line
    contact: Line = Field(min_length=3)
    policy_url: str = Field(pattern=f"^(?:{WEB}|{PATH})$")
    languages: list[str] = Field(default=["en"], min_length=1, json_schema_extra=_items(words.locales()))
    default_language: str

    @model_validator(mode="before")
    @classmethod
    def _first_language_is_the_default(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        languages = raw.get("languages", ["en"])
        first = languages[0] if isinstance(languages, list) and languages else ""
        # What is wrong with the list is said of the list alone.
        return {"default_language": first if isinstance(first, str) else "", **raw}


NOBODY = Site(name="?", controller="?", contact="???", policy_url="/", default_language="en")
"""Stands for a site that can't be told, while what else is wrong is looked for."""


class Pages(_Table):
    """What happens to markup that the declared services don't settle.

    `third_parties`: a host that no service names passes and is counted (`report`), or is blocked until it is
    declared (`strict`). `allow`: hosts that pass in either mode, as registry URL patterns. `aliases`: other
    tools whose marks count as `data-category`. `unreadable`: a page in an encoding that can't be checked is
    refused with a 502 (`refuse`), or goes out as it is (`pass`). `guard`: pages start with a script that
    holds back what other scripts add at run time.
    """

    third_parties: Literal["report", "strict"] = "report"
    allow: list[str] = []
    aliases: list[str] = Field(default=[], json_schema_extra=_items(ALIASES))
    unreadable: Literal["refuse", "pass"] = "refuse"
    guard: bool = True


def _service_items() -> dict[str, Any]:
    table = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    return {"type": "array", "items": {"anyOf": [{"enum": sorted(known_services())}, table]}}


class PolicyDocument(_Table):
    """One site's policy as written in TOML or JSON."""

    site: Site
    lifetimes: Lifetimes = Lifetimes()
    regime: Literal[RegimeId, "unknown"] = UNKNOWN
    regimes: dict[RegimeId, Answers] = {}
    cookies: Cookies = Cookies()
    pages: Pages = Pages()
    banner: Banner = Banner()
    signals: Signals = Signals()
    retention: Retention | None = None
    consent_mode: hooks.ConsentMode = hooks.ConsentMode()
    assessments: list[Assessment] = []
    categories: list[OptionalCategory] = Field(default=list(OPTIONAL_CATEGORIES), min_length=1)
    services: list[Any] = []
    texts: dict[str, dict[str, Any]] = {}


def parse(
    raw: Mapping[str, Any], coded: Sequence[Declared] = ()
) -> tuple[PolicyDocument, dict[str, Service]]:
    """Return the document and its declared services by id; raises PolicyError with every problem.

    `coded` are the cookies that the application's code declares; they join the site's own services.
    """
    faults = list(islice(unstorable(raw), MOST_UNSTORABLE))
    if faults:
        raise PolicyError(faults)
    document, problems = _shape(raw)
    problems += _repeated("categories", raw.get("categories"))
    services, service_problems = declared_services(without_ways(raw.get("services", [])), _asked(raw))
    problems += service_problems
    problems += way_problems(raw.get("services"), _offered(raw))
    site = document.site if document else NOBODY
    whose = (site.name, site.controller, site.policy_url)
    services, coded_problems = with_coded(services, coded, whose, _asked(raw))
    problems += coded_problems
    problems += lifetime_problems(raw.get("lifetimes", {}))
    problems += regime_problems(raw)
    problems += retention_problems(raw)
    problems += assessment_problems(raw.get("assessments"), services)
    problems += _cookies(raw.get("cookies"))
    problems += _pages(raw.get("pages"), services)
    problems += banner_problems(raw.get("banner"))
    problems += hooks.consent_mode_problems(raw.get("consent_mode"))
    problems += _languages(raw)
    problems += words.text_problems(raw.get("texts", {}), _offered(raw))
    if problems or document is None:
        raise PolicyError(list({problem.path: problem for problem in reversed(problems)}.values())[::-1])
    return document, services


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy document, the known service ids and every text's name listed."""
    services = Annotated[list[Any], WithJsonSchema(_service_items())]
    texts = Annotated[dict[str, Any], WithJsonSchema(words.schema())]
    listed = create_model(
        "PolicyDocument", __base__=PolicyDocument, services=(services, []), texts=(texts, {})
    )
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **listed.model_json_schema()}


def _shape(raw: Mapping[str, Any]) -> tuple[PolicyDocument | None, list[Problem]]:
    try:
        return PolicyDocument.model_validate(dict(raw)), []
    except ValidationError as error:
        return None, [_problem(dict(detail)) for detail in error.errors()]


def _problem(detail: dict[str, Any]) -> Problem:
    place = tuple(detail["loc"])
    path = ".".join(map(str, place)).removesuffix(".[key]")
    if detail["type"] == "extra_forbidden":
        return Problem(path, "is not a field of this table", _fields(place[:-1]))
    if detail["type"] == "missing":
        return Problem(path, "is missing")
    allowed = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    return Problem(path, f"must be {_wanted(place)}, not {shown(detail['input'])}", tuple(allowed))


def _wanted(place: tuple[Any, ...]) -> str:
    named = {"texts": len(place), "regimes": 2}.get(place[0], 1)
    place = (*place[:1], *("*" for _ in place[1:named]), *place[named:])
    return WANTED[".".join("*" if isinstance(part, int) else str(part) for part in place)]


def _fields(place: tuple[Any, ...]) -> tuple[str, ...]:
    """The fields of the table at a place, the document's own where there is none; none of any other."""
    field = PolicyDocument.model_fields.get(place[0]) if place else None
    inner = (field.annotation, *get_args(field.annotation)) if field else (PolicyDocument,) * (not place)
    model = next((each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return tuple(model.model_fields) if model else ()


def _repeated(path: str, values: object) -> Iterator[Problem]:
    listed = values if isinstance(values, list) else []
    for place, value in enumerate(listed):
        if isinstance(value, str) and value in listed[:place]:
            yield Problem(f"{path}.{place}", f"{shown(value)} is listed twice")


def _cookies(table: object) -> Iterator[Problem]:
    domains = table.get("domain") if isinstance(table, Mapping) else None
    yield from _repeated("cookies.domain", domains)
    yield from domain_problems(domains, "cookies.domain")


def _pages(table: object, services: Mapping[str, Service]) -> Iterator[Problem]:
    if not isinstance(table, Mapping):
        return
    for field in ("allow", "aliases"):
        yield from _repeated(f"pages.{field}", table.get(field))
    yield from allow_problems(table.get("allow"), "pages.allow", services)
    aliases = table.get("aliases")
    for place, alias in enumerate(aliases if isinstance(aliases, list) else []):
        if isinstance(alias, str) and alias not in ALIASES:
            message = f"{shown(alias)} is not a tool whose marks are known"
            yield Problem(f"pages.aliases.{place}", message, tuple(sorted(ALIASES)))


def _asked(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The categories a document asks about; None if it can't be told."""
    asked = raw.get("categories", OPTIONAL_CATEGORIES)
    known = isinstance(asked, list | tuple) and asked and all(each in OPTIONAL_CATEGORIES for each in asked)
    return tuple(asked) if known else None


def _offered(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The languages a document lists; None if it can't be told."""
    site = raw.get("site")
    languages = site.get("languages", ["en"]) if isinstance(site, Mapping) else None
    known = isinstance(languages, list) and languages and all(isinstance(each, str) for each in languages)
    return tuple(languages or ()) if known else None


def _languages(raw: Mapping[str, Any]) -> Iterator[Problem]:
    languages = _offered(raw)
    if languages is None:
        return
    shipped = words.locales()
    for place, language in enumerate(languages):
        if language not in shipped:
            yield Problem(f"site.languages.{place}", f"{shown(language)} has no texts", shipped)
    yield from _repeated("site.languages", list(languages))
    site = raw["site"]
    default = site.get("default_language")
    if isinstance(default, str) and default not in languages:
        yield Problem("site.default_language", f"{shown(default)} is not among site.languages", languages)
