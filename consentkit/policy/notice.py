"""The notice: the exact words a visitor is shown, as data, in one language (L9, L16, Q2)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from consentkit.errors import Problem

if TYPE_CHECKING:
    from consentkit.policy.registry import Service
    from consentkit.policy.version import Policy

CATEGORIES = ("necessary", "preferences", "analytics", "marketing")
LIFETIME_CAP_MONTHS = 13
"""No tracker outlives this, whatever its vendor asks for (B6, B7)."""

OWN_COOKIES = ("consentkit", "consentkit_allows")
UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
TIME_UNITS = {"H": "hour", "M": "minute", "S": "minute"}


@cache
def locales() -> tuple[str, ...]:
    """Return the languages consentkit ships texts for, sorted."""
    folder = files("consentkit.policy") / "texts"
    return tuple(sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")))


@cache
def _shipped(locale: str) -> Mapping[str, Any]:
    text = (files("consentkit.policy") / "texts" / f"{locale}.json").read_text("utf-8")
    shipped: Mapping[str, Any] = json.loads(text)
    return shipped


def texts(locale: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of `locale` with a site's `own` words laid over them."""
    return _overlaid(_shipped(locale), own)


def text_problems(raw: object) -> Iterator[Problem]:
    """Yield what is wrong with a document's `texts` table: unknown languages, keys or shapes."""
    if not isinstance(raw, Mapping):
        return
    for locale, own in raw.items():
        if locale not in locales():
            yield Problem(f"texts.{locale}", "is not a language consentkit has texts for", locales())
        else:
            yield from _shape_problems(f"texts.{locale}", _shipped(locale), own)


def _shape_problems(path: str, shipped: Any, own: object) -> Iterator[Problem]:
    if isinstance(shipped, Mapping) and isinstance(own, Mapping):
        for key, value in own.items():
            if key not in shipped:
                yield Problem(f"{path}.{key}", "is not a text", tuple(shipped))
            else:
                yield from _shape_problems(f"{path}.{key}", shipped[key], value)
    elif type(shipped) is not type(own):
        yield Problem(path, f"must be a {_shape_name(shipped)}, not {own!r}")


def _shape_name(value: object) -> str:
    if isinstance(value, str):
        return "string"
    return "list of strings" if isinstance(value, list) else "table"


def _overlaid(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(shipped)
    for key, value in own.items():
        merged[key] = _overlaid(shipped[key], value) if isinstance(value, Mapping) else value
    return merged


def compose(policy: Policy, locale: str) -> dict[str, Any]:
    """Return everything the banner says in `locale`; raises KeyError for a language not published."""
    words = policy.texts[locale]
    fill = {"site": policy.site.name, "months": str(policy.lifetimes.consent_months)}
    return {
        "locale": locale,
        "dir": words["dir"],
        "title": _filled(words["title"], fill),
        "body": [_filled(paragraph, fill) for paragraph in words["body"]],
        "purposes_intro": _filled(words["purposes_intro"], fill),
        "categories": [_category(policy, words, name) for name in CATEGORIES if _shown(policy, name)],
        "buttons": words["buttons"],
        "links": _links(policy, words),
        "labels": words["labels"],
        "status": words["status"],
    }


def _links(policy: Policy, words: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "policy": {"href": policy.site.policy_url, "text": words["links"]["policy"]},
        "details": {"text": words["links"]["details"]},
    }


def _shown(policy: Policy, category: str) -> bool:
    return category == "necessary" or category in policy.categories


def _category(policy: Policy, words: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": words["categories"][name]["name"],
        "description": words["categories"][name]["description"],
        "locked": name == "necessary",
        "services": [
            *([_own(policy, words)] if name == "necessary" else []),
            *(_service(s, words) for s in policy.services.values() if s.category == name),
        ],
    }


def _own(policy: Policy, words: Mapping[str, Any]) -> dict[str, Any]:
    """consentkit's own cookies stand in the notice like everybody's (A16, L20)."""
    life = lifetime_text(f"P{policy.lifetimes.consent_months}M", words["lifetimes"])
    return {
        "id": "consentkit",
        "name": words["labels"]["region"],
        "vendor": policy.site.controller,
        "country": "",
        "purposes": [words["labels"]["memory"]],
        "policy_url": policy.site.policy_url,
        "trackers": [{"name": name, "lifetime": life} for name in OWN_COOKIES],
    }


def _service(service: Service, words: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "vendor": service.vendor,
        "country": service.country,
        "purposes": [words["purposes"][purpose] for purpose in service.purposes],
        "policy_url": service.policy_url,
        "trackers": [
            {"name": cookie.name, "lifetime": lifetime_text(cookie.lifetime, words["lifetimes"])}
            for cookie in service.cookies
        ],
    }


def lifetime_text(lifetime: str, words: Mapping[str, Any]) -> str:
    """Return `lifetime` ("session" or ISO 8601, capped at 13 months) in words, as the law asks (L20)."""
    match = re.fullmatch(r"P(?:(\d+)([YMWD])|T(\d+)([HMS]))", lifetime)
    if match is None:
        return str(words["session"])
    if match[3]:
        seconds = match[4] == "S"
        count, unit = -(-int(match[3]) // 60) if seconds else int(match[3]), TIME_UNITS[match[4]]
    else:
        count, unit = _capped(int(match[1]), UNITS[match[2]])
    return str(words[unit]["one" if count == 1 else "other"]).replace("{n}", str(count))


def _capped(count: int, unit: str) -> tuple[int, str]:
    months = {"year": count * 12, "month": count, "week": count / 4.345, "day": count / 30.44}[unit]
    return (LIFETIME_CAP_MONTHS, "month") if months > LIFETIME_CAP_MONTHS else (count, unit)


def _filled(text: str, fill: Mapping[str, str]) -> str:
    for name, value in fill.items():
        text = text.replace("{" + name + "}", value)
    return text
