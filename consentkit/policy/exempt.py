"""Exempt services: a person's signed word that one only measures for its site, and what contradicts it.

Under L6 audience measurement needs no consent if it does nothing else, and visitors may object. No fact
proves that a service is run so: the site assesses it, condition by condition, and somebody signs (B9). What
is known of a service can show that it isn't (B10, B13).
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from consentkit.errors import Problem
from consentkit.policy.registry import LINE, LINE_MAX, Service, shown
from consentkit.policy.tables import STRICT

CONDITIONS: Final = {
    "audience_alone": "it measures the audience of this site and does nothing else, for this site alone",
    "anonymous": "what it makes is anonymous statistics",
    "uncombined": "nothing is combined with other data, and nothing but anonymous goes to anybody else",
    "unfollowed": "nobody is followed across sites or apps, and no identifier is shared between them",
    "kept_apart": "who runs it for the site keeps each of its customers' data and trackers apart",
    "told": "visitors are told of it and can object",
}
"""All of them, together (CNIL, sheet 17 for developers; recommendation 2020-092, art. 5)."""

WANTED: Final = {
    "assessments": "a list of assessments",
    "assessments.*": "a table",
    "assessments.*.service": "a declared service",
    "assessments.*.signed": f"the name of a person, a line of 3 to {LINE_MAX} characters",
    "assessments.*.dated": 'a day such as "2026-11-23"',
    **{f"assessments.*.{name}": f"true: {text}" for name, text in CONDITIONS.items()},
}

PURPOSES: Final[Mapping[str, frozenset[str]]] = {
    "preferences": frozenset({"personalisation", "site-operation"}),
    "analytics": frozenset({"audience-measurement"}),
}
"""Of each category that a law exempts, the purposes that it does it for (L6, L22)."""
COMBINING: Final = frozenset({"Google", "Meta", "Quantcast"})
"""Vendors that reuse what they measure: named in L6 as outside of the exemption."""
NOES: Final = frozenset({"matomo_ignore", "matomo_sessid", "piwik_ignore", "stg_global_opt_out", "cntcookie"})
"""Cookies on a vendor's own domain that hold an objection or the form for it, so no visitor's identifier."""


# L6, B9
class Assessment(BaseModel):
    """Why a service of `analytics` needs no consent: each condition as met, by whose word, since when."""

    model_config = STRICT

    service: str
    signed: str = Field(pattern=f"^{LINE}$", min_length=3, max_length=LINE_MAX)
    dated: str = Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    audience_alone: Literal[True]
    anonymous: Literal[True]
    uncombined: Literal[True]
    unfollowed: Literal[True]
    kept_apart: Literal[True]
    told: Literal[True]


def contradictions(service: Service) -> Iterator[str]:
    """Yield what is known of a service that no exemption goes with, as ends of a sentence about it."""
    further = sorted(set(service.purposes) - PURPOSES.get(service.category, frozenset()))
    if further:
        yield f"is for {', '.join(further)} too"
    if service.vendor in COMBINING:
        yield f"is of {service.vendor}, which combines what it measures with other data"
    ids = [c.name for c in service.cookies if c.domain == "vendor" and c.lifetime != "session"]
    shared = [name for name in ids if name not in NOES]
    if shared:
        yield f"keeps {', '.join(shared)} on its vendor's own domain, so the same on every site"


def may_be_exempt(services: Mapping[str, Service], category: str) -> bool:
    """Return whether nothing that is known of a category's services contradicts an exemption."""
    listed = (service for service in services.values() if service.category == category)
    return not any(reason for service in listed for reason in contradictions(service))


def assessed(services: Mapping[str, Service], signed: Collection[str]) -> bool:
    """Return whether every service of `analytics`, of which there is one, is among the `signed` ids.

    A category is the least that a visitor says yes or no about: one that isn't assessed has all of it wait.
    """
    listed = {service.id for service in services.values() if service.category == "analytics"}
    return bool(listed) and listed <= set(signed)


def assessment_problems(raw: object, services: Mapping[str, Service]) -> Iterator[Problem]:
    """Yield what is wrong with a document's `assessments`, beside their shapes."""
    seen: set[str] = set()
    for place, row in enumerate(raw if isinstance(raw, list) else []):
        if isinstance(row, dict):
            yield from _problems(row, f"assessments.{place}", services, seen)


def _problems(
    row: Mapping[str, Any], where: str, services: Mapping[str, Service], seen: set[str]
) -> Iterator[Problem]:
    named, dated = row.get("service"), row.get("dated")
    if isinstance(dated, str) and not _is_day(dated):
        yield Problem(f"{where}.dated", f"must be {WANTED['assessments.*.dated']}, not {shown(dated)}")
    if not isinstance(named, str):
        return
    service = services.get(named)
    if service is None:
        yield Problem(f"{where}.service", f"{shown(named)} is not a declared service", tuple(services))
    elif service.category != "analytics":
        yield Problem(f"{where}.service", f"{named} is {service.category}: only analytics can be exempt so")
    else:
        for reason in contradictions(service):
            message = f"{named} {reason}: that contradicts the assessment (CNIL, sheet 17 for developers)"
            yield Problem(f"{where}.service", message)
    if named in seen:
        yield Problem(f"{where}.service", f"{named} is assessed twice")
    seen.add(named)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
