"""Known services: the facts by which each is found, what it stores and why, every fact with its source.

The facts are in `services/*.json`, one file per family; the policy document states a site's own services
in the same shape. Reading reports everything that is wrong at once, never only the first mistake.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, get_args

import orjson

from consentkit.errors import PolicyError, Problem
from consentkit.policy.urls import split_url

Category = Literal["necessary", "preferences", "analytics", "marketing"]
Domain = Literal["site", "vendor"]
Scope = Literal["domain", "host", ""]
Area = Literal["local", "session", "indexeddb", "cache"]

# fmt: off
PURPOSES: tuple[str, ...] = (
    "tag-management", "audience-measurement", "session-replay", "ab-testing", "advertising", "ad-measurement",
    "social", "video", "audio", "maps", "chat", "forms", "personalisation", "payments", "security",
    "error-monitoring", "email-marketing", "reviews", "scheduling", "fonts", "site-operation",
)
# fmt: on
# The source of a fact that only the site itself vouches for.
DECLARED: Final = "declared"
SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Pattern:
    """A URL pattern `host[:port][/path-prefix]`, or a mark of inline scripts.

    A mark is found as it is written, in upper and lower case, but never from or up to the middle of a word of
    ASCII letters, digits and `_`: `tracker_id` isn't in `tracker_ids`, `fbq(` is in `window.fbq()`.
    """

    match: str
    source: str


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie a service sets, its name with `*` globs, on the site's domain or on the vendor's own.

    `scope` is where on the site the vendor sets it unless told otherwise: on the registrable domain, or on
    the host alone; "" if not known, or if its value changes in the course of its life, as whoever wrote it
    again could then undo a change. `why` is what a necessary one is kept beyond the session for (B2).
    """

    name: str
    lifetime: str
    domain: Domain
    path: str = "/"
    scope: Scope = ""
    why: str = ""
    source: str = DECLARED


@dataclass(frozen=True, slots=True)
class StorageKey:
    """A key a service keeps in the site's browser storage, with `*` globs."""

    area: Area
    key: str
    source: str


@dataclass(frozen=True, slots=True)
class Service:
    """One product of one vendor that can be allowed or held back: what a visitor is told about (L20)."""

    id: str
    name: str
    vendor: str
    country: str
    category: Category
    purposes: tuple[str, ...]
    policy_url: str
    urls: tuple[Pattern, ...]
    inline: tuple[Pattern, ...]
    cookies: tuple[Cookie, ...]
    storage: tuple[StorageKey, ...]


class _Form(NamedTuple):
    regex: str
    wanted: tuple[str, ...]
    default: str | None = None
    why: Callable[[str], str] = lambda _: ""


def shown(value: object) -> str:
    """Return a value as a problem quotes it: one line, cut where it says enough."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _one_of(literal: object, default: str | None = None) -> _Form:
    return _Form("|".join(get_args(literal)), get_args(literal), default)


# These are read by Python, by pydantic (Rust) and by JSON Schema's readers: no lookaround, no \d.
_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_SOLID = rf"[^\s{_CONTROLS}]"
LINE = rf"[^{_CONTROLS}]*{_SOLID}[^{_CONTROLS}]*"
"""A line of text: something to see, no control characters."""
LINE_MAX = 200
_PORT = r":(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_NAMED = rf"[^\s/\\:?#@.{_CONTROLS}]+"
_AFTER = rf"(?:{_PORT})?(?:[/?#]{_SOLID}*)?"
WEB = rf"https?://{_NAMED}(?:\.{_NAMED})*{_AFTER}"
"""An http or https URL, without a password."""
PATH = rf"/(?:[^\s/\\{_CONTROLS}]{_SOLID}*)?"
"""A path on the site itself; `//` and `/\\` would lead to another host."""

_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_HOST = rf"(?:\*\.{_LABEL}(?:\.{_LABEL})+|{_LABEL}(?:\.{_LABEL})*)"
# A glob keeps three literal characters, so that no fact can claim everything a site stores.
_GLOB = r"(?=[^*]+$|(?:\**[^*]){3})"
_HTTPS = _Form(rf"https://{_NAMED}(?:\.{_NAMED})+{_AFTER}", ("an https URL",))
_PATTERN = rf"{_HOST}(?:{_PORT})?(?:/[^\s?#]*)?"


def _pattern_fault(pattern: str) -> str:
    authority, slash, path = pattern.partition("/")
    host, colon, port = authority.partition(":")
    if port.isdecimal() and int(port[:9]) > 65535:
        return "has a port above 65535"
    address = split_url(f"//{host}") if host else None
    meant = f"{address.host if address else ''}{colon}{port}{slash}{path}"
    if meant == pattern or not re.fullmatch(_PATTERN, meant):
        return ""
    return f"must be in lower case: {meant}" if host.isascii() else f"must be ASCII: write it as {meant}"


_URL = _Form(
    _PATTERN, ("host[:port][/path-prefix]", "*.example.com[:port][/path-prefix]"), None, _pattern_fault
)
_TEXT = _Form(rf"(?!\s|.{{{LINE_MAX + 1}}}){LINE}(?<!\s)", (f"a line of text of 1 to {LINE_MAX} characters",))
_SERVICE = {
    "id": _Form(r"[a-z0-9]+(?:-[a-z0-9]+)*", ("lower-case words joined by hyphens",)),
    "name": _TEXT,
    "vendor": _TEXT,
    "country": _Form(r"(?:[A-Z]{2})?", ("an ISO 3166-1 alpha-2 code, such as FR",)),
    "category": _one_of(Category),
    "policy_url": _Form(rf"{_HTTPS.regex}|{PATH}", ("an https URL", "a path on this site, from /")),
}
_COOKIE = {
    "name": _Form(
        _GLOB + r"[!#-+\-.-:<>-\[\]-~]+", ("a cookie's name, * as a glob beside 3 or more characters",)
    ),
    "lifetime": _Form(
        r"session|P[1-9][0-9]{0,8}[YMWD]|PT[1-9][0-9]{0,8}[HMS]",
        ("session", "one ISO 8601 period, such as P13M or PT30M"),
    ),
    "domain": _one_of(Domain, "site"),
    "path": _Form(r"/[^\s;]*", ("a path from /",), "/"),
    "scope": _Form("(?:domain|host)?", ("domain", "host"), ""),
    "why": _Form(rf"(?:{_TEXT.regex})?", _TEXT.wanted, ""),
}
_KEY = {
    "area": _one_of(Area),
    "key": _Form(_GLOB + r"[ -~]+", ("a storage key, * as a glob beside 3 or more characters",)),
}
_MARK = {"match": _Form(r"[ -~]{6,}", ("6 or more printable ASCII characters",))}
_Raw = Mapping[Any, Any]
_Forms = Mapping[str, _Form]
_FACTS: dict[str, tuple[type, _Forms]] = {
    "urls": (Pattern, {"match": _URL}),
    "inline": (Pattern, _MARK),
    "cookies": (Cookie, _COOKIE),
    "storage": (StorageKey, _KEY),
}


class _Problems(list[Problem]):
    def wrong(self, path: str, value: object, wanted: tuple[str, ...]) -> None:
        self.append(Problem(path, "is missing" if value is None else f"is {shown(value)}", wanted))

    def unknown(self, raw: _Raw, where: str, known: tuple[str, ...]) -> None:
        self.extend(Problem(f"{where}.{key}", "is not known here", known) for key in raw if key not in known)

    def texts(self, raw: _Raw, where: str, forms: _Forms) -> dict[str, str]:
        texts: dict[str, str] = {}
        for field, form in forms.items():
            value = raw.get(field, form.default)
            if isinstance(value, str) and re.fullmatch(form.regex, value):
                texts[field] = value
            elif isinstance(value, str) and (why := form.why(value)):
                self.append(Problem(f"{where}.{field}", f"{why}, not {shown(value)}", form.wanted))
            else:
                self.wrong(f"{where}.{field}", value, form.wanted)
        return texts

    def items(self, raw: _Raw, where: str, field: str) -> list[Any]:
        value = raw.get(field, [])
        if isinstance(value, list | tuple):
            return list(value)
        self.wrong(f"{where}.{field}", value, ("a list",))
        return []

    def purposes(self, raw: _Raw, where: str) -> tuple[Any, ...]:
        before = len(self)
        purposes = tuple(self.items(raw, where, "purposes"))
        if len(self) == before:
            for place, purpose in enumerate(purposes or [None]):
                if purpose not in PURPOSES:
                    self.wrong(f"{where}.purposes.{place}", purpose, PURPOSES)
        return purposes

    def facts(self, raw: _Raw, where: str, field: str, sources: Mapping[str, str]) -> tuple[Any, ...]:
        kind, forms = _FACTS[field]
        keys = (*sources, DECLARED)
        source = _Form("|".join((*map(re.escape, keys), _HTTPS.regex)), (*keys, *_HTTPS.wanted))
        forms = {**forms, "source": source}
        facts: list[Any] = []
        for place, item in enumerate(self.items(raw, where, field)):
            here = f"{where}.{field}.{place}"
            if not isinstance(item, Mapping):
                self.wrong(here, item, (f"a table of {', '.join(forms)}",))
                continue
            self.unknown(item, here, tuple(forms))
            texts = self.texts(item, here, forms)
            if len(texts) == len(forms):
                facts.append(kind(**{**texts, "source": sources.get(texts["source"], texts["source"])}))
        return tuple(facts)


def service_from(raw: Mapping[str, object], where: str) -> tuple[Service | None, list[Problem]]:
    """Return the service that `raw` states, or None and everything that is wrong with it.

    `raw` has the fields of `Service`; the four lists of facts may be left out. A fact's `source` is an
    https URL, a key of `raw["sources"]`, or `DECLARED`. `where` starts the path of every problem.
    """
    problems = _Problems()
    problems.unknown(raw, where, (*Service.__dataclass_fields__, "sources"))
    table = raw.get("sources", {})
    if not isinstance(table, Mapping):
        problems.wrong(f"{where}.sources", table, ("a table of https URLs",))
        table = {}
    sources = {
        **dict.fromkeys(table, ""),
        **problems.texts(table, f"{where}.sources", dict.fromkeys(table, _HTTPS)),
    }
    values: dict[str, Any] = dict(problems.texts(raw, where, _SERVICE))
    values["purposes"] = problems.purposes(raw, where)
    for field in _FACTS:
        values[field] = problems.facts(raw, where, field, sources)
    return (None if problems else Service(**values)), list(problems)


def service_to(service: Service) -> dict[str, Any]:
    """Return a service as plain lists and dicts, in the order of its fields; `service_from` reads it back."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(service))
    return plain


@cache
def known_services() -> Mapping[str, Service]:
    """Return the services this package knows, by id; raises PolicyError naming file, service and field."""
    found = files(__package__).joinpath("services").iterdir()
    return read_services({entry.name: entry.read_bytes() for entry in found if entry.name.endswith(".json")})


def read_services(texts: Mapping[str, bytes]) -> Mapping[str, Service]:
    """Return the services stated by JSON files (name: bytes), by id; raises PolicyError with all problems."""
    services: dict[str, Service] = {}
    problems = _Problems()
    for where, raw in _stated(texts, problems):
        service, found = service_from(raw, where)
        problems += found
        if service is not None and service.id in services:
            problems.append(Problem(f"{where}.id", f"{service.id!r} is stated twice"))
        elif service is not None:
            services[service.id] = service
    if problems:
        raise PolicyError(problems)
    return MappingProxyType(services)


def _stated(texts: Mapping[str, bytes], problems: _Problems) -> Iterator[tuple[str, _Raw]]:
    for name in sorted(texts):
        try:
            rows = orjson.loads(texts[name])
        except orjson.JSONDecodeError as error:
            problems.append(Problem(name, f"is not JSON: {error}"))
            continue
        for place, raw in enumerate(rows if isinstance(rows, list) else [rows]):
            if isinstance(raw, Mapping):
                yield f"{name}[{raw.get('id', place)}]", raw
            else:
                problems.wrong(f"{name}[{place}]", raw, ("a table",))
