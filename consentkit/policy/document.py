"""The policy document a site writes: its shape, and every mistake in it at once."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
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
from consentkit.policy.aliases import ALIASES
from consentkit.policy.allowed import allow_problems
from consentkit.policy.declared import declared_services
from consentkit.policy.registry import LINE, LINE_MAX, PATH, WEB, Service, known_services, shown

OptionalCategory = Literal["preferences", "analytics", "marketing"]
OPTIONAL_CATEGORIES: tuple[OptionalCategory, ...] = get_args(OptionalCategory)
"""The categories a visitor is asked about, in the order shown; `necessary` is never asked."""

CONSENT_MONTHS = 6
"""The longest a choice counts, in calendar months: the founding notice's promise (A1, L3)."""

DEEPEST = 10
"""Tables and lists in each other; a policy needs six."""

MOST_UNSTORABLE = 20
"""A mapping in Python can hold itself, so its faults need an end."""

LONGEST_NUMBER = 64
"""Bits: what JSON readers everywhere can hold."""

_LANGUAGES = "a list of one language or more"
_WANTED = {
    "site": "a table",
    "site.name": f"a line of text of 1 to {LINE_MAX} characters",
    "site.controller": "a line of text",
    "site.contact": "a line of text of 3 characters or more",
    "site.policy_url": "an http or https URL, or a path on this site, from /",
    "site.languages": _LANGUAGES,
    "site.languages.*": "a language",
    "site.default_language": "a language",
    "pages": "a table",
    "pages.third_parties": "one of two words",
    "pages.allow": "a list of hosts",
    "pages.allow.*": "a host such as cdn.example.com or *.example.com",
    "pages.aliases": "a list of tools",
    "pages.aliases.*": "a tool whose marks are read",
    "pages.unreadable": "one of two words",
    "lifetimes": "a table",
    "lifetimes.consent_months": f"a whole number from 1 to {CONSENT_MONTHS}",
    "categories": "a list of one category or more",
    "categories.*": "a category a visitor can be asked about",
    "services": "a list of services",
    "texts": "a table of languages",
    "texts.*": "a table of texts",
}

_LONE = re.compile("[\ud800-\udfff]")
Line = Annotated[str, Field(pattern=f"^{LINE}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Site(_Table):
    """Who asks for consent, and in which languages (E14)."""

    name: Line = Field(max_length=LINE_MAX)
    controller: Line
    contact: Line = Field(min_length=3)
    policy_url: str = Field(pattern=f"^(?:{WEB}|{PATH})$")
    languages: list[str] = Field(default=["en"], min_length=1)
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


class Lifetimes(_Table):
    """How long things last, in calendar months; a site may only shorten them (A1)."""

    consent_months: Annotated[int, Field(ge=1, le=CONSENT_MONTHS)] = CONSENT_MONTHS


def _alias_items(field: dict[str, Any]) -> None:
    field["items"]["enum"] = sorted(ALIASES)


class Pages(_Table):
    """What happens to markup that the declared services don't settle (design §2).

    `third_parties`: a host that no service names passes and is counted (`report`), or is blocked until it is
    declared (`strict`). `allow`: hosts that pass in either mode, as registry URL patterns. `aliases`: other
    tools whose marks count as `data-category`. `unreadable`: a page in an encoding that can't be checked is
    refused with a 502 (`refuse`), or goes out as it is (`pass`).
    """

    third_parties: Literal["report", "strict"] = "report"
    allow: list[str] = []
    aliases: Annotated[list[str], Field(json_schema_extra=_alias_items)] = []
    unreadable: Literal["refuse", "pass"] = "refuse"


def _service_items() -> dict[str, Any]:
    table = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    return {"type": "array", "items": {"anyOf": [{"enum": sorted(known_services())}, table]}}


class PolicyDocument(_Table):
    """One site's policy as written in TOML or JSON (design §5)."""

    site: Site
    lifetimes: Lifetimes = Lifetimes()
    pages: Pages = Pages()
    categories: list[OptionalCategory] = Field(default=list(OPTIONAL_CATEGORIES), min_length=1)
    services: list[Any] = []
    texts: dict[str, dict[str, Any]] = {}


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML policy; raises PolicyError naming `where` and the line."""
    tables: dict[str, Any] = _read(tomllib.loads, text, where, "TOML")
    return tables


def read_json(text: str, where: str) -> dict[str, Any]:
    """Return the members of a JSON policy; raises PolicyError naming `where` and the line."""
    value = _read(json.loads, text, where, "JSON")
    if not isinstance(value, dict):
        raise PolicyError([Problem(where, "must be a JSON object")])
    return value


def _read(reader: Callable[[str], Any], text: str, where: str, language: str) -> Any:
    try:
        return reader(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise PolicyError([Problem(where, "has tables or lists nested too deeply")]) from error
    except ValueError as error:
        raise PolicyError([Problem(where, f"is not valid {language}: {_why(error)}")]) from error


def _why(error: ValueError) -> str:
    # A syntax error is a leaf of ValueError; the bare one is Python's limit on digits, about its settings.
    return "a number has too many digits" if type(error) is ValueError else str(error)


def parse(raw: Mapping[str, Any]) -> tuple[PolicyDocument, dict[str, Service]]:
    """Return the document and its declared services by id; raises PolicyError with every problem."""
    unstorable = list(islice(_unstorable(raw), MOST_UNSTORABLE))
    if unstorable:
        raise PolicyError(unstorable)
    document, problems = _shape(raw)
    problems += _repeated("categories", raw.get("categories"))
    services, service_problems = declared_services(raw.get("services", []), _asked(raw))
    problems += service_problems
    problems += _pages(raw.get("pages"), services)
    problems += _languages(raw)
    problems += words.text_problems(raw.get("texts", {}), _offered(raw))
    if problems or document is None:
        raise PolicyError(list({problem.path: problem for problem in reversed(problems)}.values())[::-1])
    return document, services


def _unstorable(value: object, path: str = "", depth: int = 0) -> Iterator[Problem]:
    """Yield what no reader of the stored policy could hold; nothing else looks at such a document."""
    if depth > DEEPEST:
        yield Problem(path, f"is nested too deeply; {DEEPEST} tables and lists in each other are the most")
    elif isinstance(value, str) and not value.isascii() and _LONE.search(value):
        yield Problem(path, f"holds half a character (a lone surrogate): {shown(value)}")
    elif isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        yield Problem(path, "is a number with too many digits")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str) or _LONE.search(key):
                name = shown(key) if isinstance(key, str) else f"a {type(key).__name__}"
                yield Problem(path or "policy", f"has a key that isn't text: {name}")
                continue
            yield from _unstorable(member, f"{path}.{key}".lstrip("."), depth + 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _unstorable(item, f"{path}.{place}", depth + 1)


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
    return Problem(path, f"must be {_wanted(place)}, not {shown(detail['input'])}", tuple(allowed))


def _wanted(place: tuple[Any, ...]) -> str:
    if place[0] == "texts":
        place = (*place[:1], *("*" for _ in place[1:]))
    return _WANTED[".".join("*" if isinstance(part, int) else str(part) for part in place)]


def _fields(place: tuple[Any, ...]) -> tuple[str, ...]:
    tables: dict[tuple[Any, ...], type[BaseModel]] = {
        (): PolicyDocument,
        ("site",): Site,
        ("lifetimes",): Lifetimes,
        ("pages",): Pages,
    }
    model = tables.get(place)
    return tuple(model.model_fields) if model else ()


def _repeated(path: str, values: object) -> Iterator[Problem]:
    listed = values if isinstance(values, list) else []
    for place, value in enumerate(listed):
        if isinstance(value, str) and value in listed[:place]:
            yield Problem(f"{path}.{place}", f"{shown(value)} is listed twice")


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
