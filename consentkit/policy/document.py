"""The policy document a site writes: its shape, and every mistake in it at once."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    create_model,
    model_validator,
)

from consentkit.errors import PolicyError, Problem
from consentkit.policy import words
from consentkit.policy.registry import DECLARED, Service, known_services, service_from, service_to

OptionalCategory = Literal["preferences", "analytics", "marketing"]
OPTIONAL_CATEGORIES: tuple[OptionalCategory, ...] = get_args(OptionalCategory)
"""The categories a visitor is asked about, in the order shown; `necessary` is never asked."""

CONSENT_MONTHS = 6
"""The longest a choice counts, in calendar months: the founding notice's promise (A1, L3)."""

LIST_FIELDS = ("urls", "inline", "cookies", "storage", "purposes")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Site(_Table):
    """Who asks for consent, and in which languages (E14)."""

    name: str = Field(min_length=1)
    controller: str = Field(min_length=1)
    contact: str = Field(min_length=3)
    policy_url: str = Field(min_length=1)
    languages: list[str] = Field(default=["en"], min_length=1)
    default_language: str

    @model_validator(mode="before")
    @classmethod
    def _first_language_is_the_default(cls, raw: Any) -> Any:
        languages = raw.get("languages", ["en"]) if isinstance(raw, dict) else None
        if not isinstance(languages, list) or not languages:
            return raw
        return {"default_language": languages[0], **raw}


class Lifetimes(_Table):
    """How long things last, in calendar months; a site may only shorten them (A1)."""

    consent_months: Annotated[int, Field(ge=1, le=CONSENT_MONTHS)] = CONSENT_MONTHS


def _service_items() -> dict[str, Any]:
    table = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    return {"type": "array", "items": {"anyOf": [{"enum": sorted(known_services())}, table]}}


class PolicyDocument(_Table):
    """One site's policy as written in TOML or JSON (design §5)."""

    site: Site
    lifetimes: Lifetimes = Lifetimes()
    categories: list[OptionalCategory] = list(OPTIONAL_CATEGORIES)
    services: list[Any] = []
    texts: dict[str, dict[str, Any]] = {}


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML policy; raises PolicyError naming `where` and the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError([Problem(where, f"is not valid TOML: {error}")]) from error


def read_json(text: str, where: str) -> dict[str, Any]:
    """Return the members of a JSON policy; raises PolicyError naming `where` and the line."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise PolicyError([Problem(where, f"is not valid JSON: {error}")]) from error
    if not isinstance(value, dict):
        raise PolicyError([Problem(where, "must be a JSON object")])
    return value


def parse(raw: Mapping[str, Any]) -> tuple[PolicyDocument, dict[str, Service]]:
    """Return the document and its declared services by id; raises PolicyError with every problem."""
    document, problems = _shape(raw)
    services, service_problems = declared_services(raw.get("services", []))
    problems += service_problems
    problems += _languages(raw)
    problems += words.text_problems(raw.get("texts", {}))
    if problems or document is None:
        raise PolicyError(problems)
    return document, services


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a policy document, the known service ids listed."""
    services = Annotated[list[Any], WithJsonSchema(_service_items())]
    listed = create_model("PolicyDocument", __base__=PolicyDocument, services=(services, []))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **listed.model_json_schema()}


def _shape(raw: Mapping[str, Any]) -> tuple[PolicyDocument | None, list[Problem]]:
    try:
        return PolicyDocument.model_validate(dict(raw)), []
    except ValidationError as error:
        return None, [_problem(dict(detail)) for detail in error.errors()]


def _problem(detail: dict[str, Any]) -> Problem:
    place = tuple(detail["loc"])
    path = ".".join(map(str, place))
    if detail["type"] == "extra_forbidden":
        return Problem(path, "is not a field of this table", _fields(place[:-1]))
    if detail["type"] == "missing":
        return Problem(path, "is missing")
    allowed = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected", "")))
    return Problem(path, f"{detail['msg']}, not {detail['input']!r}", tuple(allowed))


def _fields(place: tuple[Any, ...]) -> tuple[str, ...]:
    tables: dict[tuple[Any, ...], type[BaseModel]] = {
        (): PolicyDocument,
        ("site",): Site,
        ("lifetimes",): Lifetimes,
    }
    model = tables.get(place)
    return tuple(model.model_fields) if model else ()


def _languages(raw: Mapping[str, Any]) -> Iterator[Problem]:
    site = raw.get("site")
    languages = site.get("languages", ["en"]) if isinstance(site, Mapping) else []
    if not isinstance(languages, list):
        return
    shipped = words.locales()
    for place, language in enumerate(languages):
        if isinstance(language, str) and language not in shipped:
            yield Problem(f"site.languages.{place}", f"{language!r} has no texts", shipped)
    default = site.get("default_language") if isinstance(site, Mapping) else None
    if languages and isinstance(default, str) and default not in languages:
        allowed = tuple(map(str, languages))
        yield Problem("site.default_language", f"{default!r} is not among site.languages", allowed)


def declared_services(raw: object) -> tuple[dict[str, Service], list[Problem]]:
    """Return the services a site declares, by id, and what is wrong with the list.

    An item is the id of a known service, or a table: with a known `id` it adds to that service's facts
    (a self-hosted endpoint, another category), with a new one it states all of them.
    """
    services: dict[str, Service] = {}
    if not isinstance(raw, list):
        return {}, []  # the shape check reports it
    problems: list[Problem] = []
    for place, item in enumerate(raw):
        service, found = _declared(item, f"services.{place}")
        problems += found
        if service is not None and service.id in services:
            problems.append(Problem(f"services.{place}", f"{service.id!r} is listed twice"))
        elif service is not None:
            services[service.id] = service
    return services, problems


def _declared(item: object, where: str) -> tuple[Service | None, list[Problem]]:
    known = known_services()
    if isinstance(item, str):
        if item in known:
            return known[item], []
        return None, [Problem(where, f"{item!r} is not a known service", tuple(sorted(known)))]
    if not isinstance(item, Mapping) or not isinstance(item.get("id"), str):
        return None, [Problem(where, "must be a known service's id, or a table with an `id`")]
    base = service_to(known[item["id"]]) if item["id"] in known else {}
    return service_from(_merged(base, item), where)


def _merged(base: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **item}
    for field in LIST_FIELDS:
        own = item.get(field, [])
        if isinstance(own, list):
            merged[field] = [*base.get(field, []), *(_fact(field, fact) for fact in own)]
    return merged


def _fact(field: str, fact: object) -> object:
    """A site may write a fact as a bare string; its source is then the site's own word."""
    if field == "purposes":
        return fact
    if isinstance(fact, str):
        fact = {"name": fact, "lifetime": "P13M"} if field == "cookies" else {"match": fact}
    if isinstance(fact, Mapping):
        return {"source": DECLARED, **fact}
    return fact
