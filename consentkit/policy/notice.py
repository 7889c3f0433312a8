"""The notice: the exact words a visitor is shown, as data, in one language (L9, L16, Q2)."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from consentkit.policy.registry import Service
from consentkit.policy.version import CATEGORIES, Policy

LIFETIME_CAP_MONTHS = 13
"""No tracker outlives this, whatever its vendor asks for (B6, B7)."""

OWN_COOKIES = ("consentkit", "consentkit_allows")
UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
TIME_UNITS = {"H": "hour", "M": "minute", "S": "minute"}


def stored_notice(policy: Policy, locale: str, prefix: str) -> bytes:
    """Return the notice in `locale` as the JSON bytes that are logged, hashed and served."""
    return orjson.dumps(compose(policy, locale, prefix), option=orjson.OPT_SORT_KEYS)


def compose(policy: Policy, locale: str, prefix: str) -> dict[str, Any]:
    """Return everything the banner says in `locale`; raises KeyError for a language not published.

    `prefix` is where the visitor's page is, such as `/consent`.
    """
    words = policy.texts[locale]
    fill = {"site": policy.site.name, "months": _choice_life(policy, words)}
    return {
        "locale": locale,
        "dir": words["dir"],
        "title": _filled(words["title"], fill),
        "body": [_filled(paragraph, fill) for paragraph in words["body"]],
        "purposes_intro": _filled(words["purposes_intro"], fill),
        "categories": [_category(policy, words, name) for name in CATEGORIES if _shown(policy, name)],
        "buttons": words["buttons"],
        "links": {
            "policy": {"href": policy.site.policy_url, "text": words["links"]["policy"]},
            "details": {"href": f"{prefix}/", "text": words["links"]["details"]},
        },
        "labels": words["labels"],
        "status": words["status"],
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
    life = _choice_life(policy, words)
    return {
        "id": "consentkit",
        "name": words["labels"]["region"],
        "vendor": policy.site.controller,
        "country": "",
        "purposes": [words["labels"]["memory"]],
        "policy_url": policy.site.policy_url,
        "trackers": [{"name": name, "lifetime": life} for name in OWN_COOKIES],
    }


def _choice_life(policy: Policy, words: Mapping[str, Any]) -> str:
    return lifetime_text(f"P{policy.lifetimes.consent_months}M", words["lifetimes"])


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
