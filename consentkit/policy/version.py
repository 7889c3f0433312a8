"""One published policy: resolved against what consentkit knows, stored as bytes, named by their hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

import orjson
from pydantic import BaseModel

from consentkit.errors import PolicyError, Problem
from consentkit.policy import words
from consentkit.policy.banner import Banner
from consentkit.policy.coded import Declared
from consentkit.policy.document import Pages, PolicyDocument, Site, parse
from consentkit.policy.exempt import assessed, may_be_exempt
from consentkit.policy.hooks import FIELD as HOOKS
from consentkit.policy.hooks import Hook, hooks_from, hooks_of
from consentkit.policy.instead import FIELD, ways_of
from consentkit.policy.regimes import EXEMPT, REGIMES, UNKNOWN, Kind, Months, kinds_in, months_in
from consentkit.policy.registry import Service, known_services, service_from, service_to
from consentkit.policy.tables import Answers, Cookies, Lifetimes, Retention, Signals

FORMAT = "consentkit/policy/v1"
CATEGORIES = ("necessary", "preferences", "analytics", "marketing")
"""All categories, in the order they are shown."""

REWRITER = 2
"""Raised whenever the same page would be rewritten differently, so that caches notice."""


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy version: `body` is the truth, everything else is read from it; it alone makes two equal.

    `answers` are the months that answers count, for each regime that the site tells apart: for `regime` alone
    where that holds for every visitor, else for UNKNOWN and each that the policy has a table for. `kinds` are
    the categories that a regime doesn't have wait for a yes, `assessments` the signed words on services that
    need none.
    `services` are declared by the site, by id; `known` are the further services that are recognised and
    held back for good, because no visitor was told about them. `instead` are other ways, by service. `hooks`
    are what their vendors are told.
    """

    body: bytes
    site: Site
    lifetimes: Lifetimes
    regime: str
    answers: Mapping[str, Months]
    cookies: Cookies
    pages: Pages
    banner: Banner
    signals: Signals
    retention: Retention | None
    categories: tuple[str, ...]
    services: Mapping[str, Service] = field(repr=False)
    known: Mapping[str, Service] = field(repr=False)
    texts: Mapping[str, Mapping[str, Any]] = field(repr=False)
    instead: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    kinds: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    hooks: tuple[Hook, ...] = field(default=(), repr=False)
    assessments: tuple[Mapping[str, Any], ...] = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and self.body == other.body

    def __hash__(self) -> int:
        return hash(self.body)

    @cached_property
    def version(self) -> str:
        """The version id: 64 hex digits, SHA-256 of the stored bytes (design §5)."""
        return sha256(self.body).hexdigest()

    def months_of(self, regime: str) -> Months:
        """Return for how long answers count under `regime`: as for UNKNOWN where the site has no other."""
        return self.answers.get(regime, self.lifetimes.answers)

    def kind_of(self, regime: str, category: str) -> Kind:
        """Return what `regime` asks of a category: opt-in where the policy says nothing else."""
        return self.kinds.get(regime, {}).get(category, "opt-in")

    def basis(self, regime: str) -> str:
        """Return the regime that an answer under `regime` has to name: UNKNOWN where nothing differs."""
        same = self.months_of(regime) == self.months_of(UNKNOWN) and not self.kinds.get(regime)
        return UNKNOWN if same else regime

    @property
    def apart(self) -> tuple[str, ...]:
        """The regimes that the site tells apart from UNKNOWN; none where one regime is everybody's."""
        return tuple(each for each in self.answers if UNKNOWN in self.answers and each != UNKNOWN)

    @cached_property
    def early(self) -> frozenset[str]:
        """The declared services whose tags load before a choice, because the policy says so in writing.

        What they keep is held back all the same.
        """
        return frozenset(id_ for hook in self.hooks for id_ in hook.early)

    def category_of(self, service_id: str) -> str | None:
        """Return a service's category, or None if the site doesn't declare the service."""
        service = self.services.get(service_id)
        return service.category if service else None


def resolve(raw: Mapping[str, Any], coded: Sequence[Declared] = ()) -> Policy:
    """Return the policy that a site's document means today; raises PolicyError with every problem.

    `coded` are the cookies that the application's code declares.
    """
    document, services = parse(raw, coded)
    return from_bytes(_stored(_resolved(document, services)))


@lru_cache(maxsize=16)  # a policy is read when it is resolved, and again once the log holds it
def from_bytes(body: bytes) -> Policy:
    """Return the policy stored as `body`; raises PolicyError if the bytes are no policy."""
    try:
        data = orjson.loads(body)
        if data["format"] != FORMAT:
            raise PolicyError([Problem("format", f"unknown format {data['format']!r}", (FORMAT,))])
        lifetimes, regime = _lifetimes(data["lifetimes"]), data.get("regime", UNKNOWN)
        return Policy(
            body=body,
            site=Site(**data["site"]),
            lifetimes=lifetimes,
            regime=regime,
            answers=_answers(lifetimes, regime, data.get("regimes", {})),
            # A policy published before a table existed has none.
            cookies=Cookies(**data.get("cookies", {})),
            pages=Pages(**data.get("pages", {})),
            banner=Banner(**data.get("banner", {})),
            signals=Signals(**data.get("signals", {})),
            retention=Retention(**data["retention"]) if "retention" in data else None,
            categories=tuple(data["categories"]),
            services=_services(data["services"]),
            known=_services(data["known"]),
            texts=words.completed(data["texts"]),
            instead=data.get(FIELD, {}),
            kinds={each: own["kinds"] for each, own in data.get("regimes", {}).items() if "kinds" in own},
            hooks=hooks_from(data.get(HOOKS, ())),
            assessments=tuple(data.get("assessments", ())),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise PolicyError([Problem("policy", f"is not a stored policy: {error!r}")]) from error


def _resolved(document: PolicyDocument, services: Mapping[str, Service]) -> dict[str, Any]:
    # Only where there is one: a policy without it stays the version that it was.
    banner = {"banner": document.banner.model_dump()} if document.banner != Banner() else {}
    retention = {"retention": document.retention.model_dump()} if document.retention else {}
    signals = {"signals": _sorted(document.signals)} if document.signals != Signals() else {}
    ways, signed = ways_of(document.services), document.assessments
    hooks = [hook.plain() for hook in hooks_of(services, document.consent_mode)]
    known = {id_: service for id_, service in known_services().items() if id_ not in services}
    return {
        "format": FORMAT,
        "rewriter": REWRITER,
        "site": document.site.model_dump(),
        "lifetimes": document.lifetimes.model_dump(),
        "cookies": _sorted(document.cookies),
        "pages": _sorted(document.pages),
        **banner,
        **signals,
        **retention,
        **({FIELD: ways} if ways else {}),
        **({HOOKS: hooks} if hooks else {}),
        **_regimes(document, services),
        **({"assessments": [each.model_dump() for each in signed]} if signed else {}),
        "categories": sorted(document.categories, key=CATEGORIES.index),
        "services": [service_to(service) for service in services.values()],
        "known": [service_to(service) for service in known.values()],
        "texts": {
            language: words.texts(language, document.texts.get(language, {}))
            for language in document.site.languages
        },
    }


def _lifetimes(stored: dict[str, Any]) -> Lifetimes:
    # Before a refusal had months of its own, visitors were told that it lasts as long as a consent.
    return Lifetimes(**{"refusal_months": stored["consent_months"], **stored})


def _regimes(document: PolicyDocument, services: Mapping[str, Service]) -> dict[str, Any]:
    """The regimes that a site tells apart, with what they come to today; nothing where there are none."""
    fixed = {} if document.regime == UNKNOWN else {"regime": document.regime}
    site, tables = document.lifetimes.answers, document.regimes
    listed = {**dict.fromkeys(fixed.values(), Answers()), **tables}
    answers = {
        each: months_in(each, site, own.consent_months, own.refusal_months)._asdict()
        | _kinds(document, services, each, own)
        for each, own in listed.items()
    }
    return {**fixed, "regimes": answers} if answers else {}


def _kinds(
    document: PolicyDocument, services: Mapping[str, Service], regime: str, own: Answers
) -> dict[str, Any]:
    """What a regime has on before an answer, as a member of its table; nothing where all of it waits.

    The site's own word counts. Without one a law's exemption does, where nothing that is known of the
    services contradicts it, and the site's assessment of what it measures.
    """
    stated: dict[str, Kind | None] = {each: getattr(own, each) for each in document.categories}
    kinds = {each: kind for each, kind in kinds_in(regime, stated).items() if each in stated}
    for category, kind in [*kinds.items()]:
        if kind == EXEMPT and stated[category] is None and not may_be_exempt(services, category):
            del kinds[category]
    if REGIMES[regime].measuring and stated.get("analytics", "opt-in") is None:
        signed = {each.service for each in document.assessments}
        kinds |= {"analytics": EXEMPT} if assessed(services, signed) else {}
    return {"kinds": kinds} if kinds else {}


def _answers(lifetimes: Lifetimes, regime: str, stored: Mapping[str, Any]) -> dict[str, Months]:
    known = {UNKNOWN: lifetimes.answers} if regime == UNKNOWN else {}
    return known | {each: Months(own["granted"], own["refused"]) for each, own in stored.items()}


def _sorted(table: BaseModel) -> dict[str, Any]:
    fields = table.model_dump()
    return {field: sorted(each) if isinstance(each, list) else each for field, each in fields.items()}


def _stored(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _services(raw: list[dict[str, Any]]) -> dict[str, Service]:
    services: dict[str, Service] = {}
    for place, item in enumerate(raw):
        service, problems = service_from(item, f"services.{place}")
        if service is None:
            raise PolicyError(problems)
        services[service.id] = service
    return services
