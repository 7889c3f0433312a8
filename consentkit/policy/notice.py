"""The notice: the exact words a visitor is shown, as data, in one language (L9, L16, Q2)."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from consentkit.policy.instead import FIELD, way_in
from consentkit.policy.periods import count_of, exceeds
from consentkit.policy.plurals import form_of
from consentkit.policy.regimes import Months
from consentkit.policy.registry import Service
from consentkit.policy.signals import SIGNALS, objections
from consentkit.policy.version import CATEGORIES, Policy
from consentkit.policy.words import filled, isolated, listed

CHOICE_COOKIES = ("consentkit", "consentkit_allows")
SEEN_COOKIE = "consentkit_seen"
SEEN_MONTHS = 13
"""How long the days are kept on which trackers were first seen: no tracker outlives that (B6, B7)."""
CONFIRMED = "sessionStorage.consentkit"
"""Where a tab keeps the server's word on what the readable cookie says."""
SCOPES = ACCOUNT, DEVICE = "account", "device"
"""Where a choice counts: wherever the visitor's account is signed in, or in this browser alone (L11)."""
UNBOUNDED = 10**6
"""Months: of a life that this site doesn't shorten."""


FIRST_WORDS = {
    "buttons": ("accept", "reject", "choose"),
    "labels": ("always",),
    "status": ("saved", "failed", "offline", "again"),
}
"""Of these tables, what the banner's first layer says: the rest is read later, if ever."""
SECOND_WORDS = ("embed", "dates", "signal")
"""What few visitors are told, of whole tables."""


def stored_notice(policy: Policy, locale: str, prefix: str, *, accounts: bool = False) -> tuple[bytes, bytes]:
    """Return the notice in `locale` as the JSON bytes that are logged, hashed and served: in two files."""
    return in_two(compose(policy, locale, prefix, accounts=accounts))


def in_two(notice: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the two files of a composed notice, which is taken apart for that.

    The first is what the banner's first layer says. It names the second, the details that are only shown on
    demand, by its SHA-256: so the hash of the first covers every word of both.
    """
    details: dict[str, Any] = {name: notice.pop(name) for name in SECOND_WORDS} | {"services": {}}
    for category in notice["categories"]:
        details["services"][category["id"]] = category.pop("services")
    for table, first in FIRST_WORDS.items():
        details[table] = {name: text for name, text in notice[table].items() if name not in first}
        notice[table] = {name: notice[table][name] for name in first}
    stored = orjson.dumps(details, option=orjson.OPT_SORT_KEYS)
    notice["details"] = sha256(stored).hexdigest()
    return orjson.dumps(notice, option=orjson.OPT_SORT_KEYS), stored


def compose(policy: Policy, locale: str, prefix: str, *, accounts: bool = False) -> dict[str, Any]:
    """Return everything the banner says in `locale`; raises KeyError for a language not published.

    `prefix` is where the visitor's page is, such as `/consent`. `accounts`: choices of signed-in visitors
    count for their account.
    """
    words = policy.texts[locale]
    fill = {"site": isolated(policy.site.name, words["dir"])}
    body = body_under(policy, words, policy.regime)
    others = {each: body_under(policy, words, each) for each in policy.answers}
    others = {each: said for each, said in others.items() if said != body}
    return {
        "locale": locale,
        "dir": words["dir"],
        "title": filled(words["title"], fill),
        "body": body,
        "purposes_intro": filled(words["purposes_intro"], fill),
        "categories": [_category(policy, words, name) for name in CATEGORIES if _shown(policy, name)],
        "buttons": words["buttons"],
        "links": {
            "policy": {"href": policy.site.policy_url, "text": words["links"]["policy"]},
            "details": {"href": f"{prefix}/?lang={locale}", "text": words["links"]["details"]},
        },
        "labels": words["labels"],
        "embed": words["embed"] | {"blocked": _around_names(words["embed"]["blocked"], words["dir"])},
        "status": words["status"],
        "changes": words["links"]["changes"],
        "dates": words["dates"],
        "signal": _signal(policy, locale),
        # The same page is for everyone: the server says under which regime it is seen (L22, L24).
        **({"regimes": {each: {"body": said} for each, said in others.items()}} if others else {}),
        # So is where a choice counts, which has to be told on the first layer (L11).
        **({"scope": {each: _intro_in(words, each, fill) for each in SCOPES}} if accounts else {}),
        # Where small buttons have their place in each page, what they say comes with the first words (A6).
        **(_corner(words) if policy.banner.corner else {}),
    }


def _intro_in(words: Mapping[str, Any], scope: str, fill: Mapping[str, str]) -> dict[str, list[str]]:
    return {"purposes_intro": [words["scope"][scope], filled(words["purposes_intro"], fill)]}


def _corner(words: Mapping[str, Any]) -> dict[str, str]:
    return {"manage": words["labels"]["unblock"], "withdraw": words["buttons"]["withdraw"]}


def _around_names(text: str, direction: str) -> str:
    """A text in which pages fill in names of services and vendors, most of them in Latin letters."""
    return filled(text, {name: isolated(f"{{{name}}}", direction) for name in ("service", "vendor")})


def _signal(policy: Policy, locale: str) -> dict[str, list[str]]:
    """What is said where the browser objects, by signal: that it is heard, and what stays off."""
    honoured = policy.texts[locale]["signal"]["honoured"]
    said = {signal: beforehand(policy, locale, (signal,)) for signal in SIGNALS}
    return {signal: [honoured, text] for signal, text in said.items() if text}


def beforehand(policy: Policy, locale: str, signals: Iterable[str]) -> str:
    """Return the words on what a browser's signals keep off, whatever the visitor answers, if anything."""
    off, texts = objections(policy, signals), policy.texts[locale]
    names = [texts["categories"][each]["name"] for each in policy.categories if each in off]
    return filled(texts["signal"]["beforehand"], {"categories": listed(names, locale)}) if names else ""


def under(notice: Mapping[str, Any], regime: str) -> dict[str, Any]:
    """Return a composed notice as a visitor under `regime` sees it."""
    return {**notice, **notice.get("regimes", {}).get(regime, {})}


def body_under(policy: Policy, words: Mapping[str, Any], regime: str) -> list[str]:
    """Return what is said under `regime`: what runs when, in spite of which answer, how to object to it,
    for how long an answer counts.
    """
    names: dict[str, list[str]] = {}
    for category in policy.categories:
        kind = policy.kind_of(regime, category)
        names.setdefault(kind, []).append(words["categories"][category]["name"])
    early = [isolated(name, words["dir"]) for name in _early(policy)]
    values = {
        "site": isolated(policy.site.name, words["dir"]),
        "months": _choice_life(policy.months_of(regime), words),
        "categories": listed(names.get("exempt-with-objection", ()), words["locale"]),
        "services": listed(early, words["locale"]),
    }
    said = words["opt_out"] if "opt-out" in names else words
    exempt = [words["exempt"]["body"]] if "exempt-with-objection" in names else []
    loaded = [words["early"]] if early else []
    return [filled(paragraph, values) for paragraph in (*said["body"], *loaded, *exempt)]


def _early(policy: Policy) -> Iterator[str]:
    """The names of services whose tags load before any answer, and after a no."""
    for service in policy.services.values():
        if service.id in policy.early and service.category != "necessary":
            yield service.name


def _shown(policy: Policy, category: str) -> bool:
    return category == "necessary" or category in policy.categories


def _category(policy: Policy, words: Mapping[str, Any], name: str) -> dict[str, Any]:
    cap = policy.lifetimes.cap(name)
    return {
        "id": name,
        "name": words["categories"][name]["name"],
        "description": words["categories"][name]["description"],
        "locked": name == "necessary",
        "services": [
            *([_own(policy, words)] if name == "necessary" else []),
            *(
                _service(s, words, cap) | _otherwise(policy, s.id, words["locale"])
                for s in policy.services.values()
                if s.category == name
            ),
        ],
    }


def _own(policy: Policy, words: Mapping[str, Any]) -> dict[str, Any]:
    """What consentkit itself keeps stands in the notice like everybody's (A16, L20)."""
    most = max(max(months) for months in policy.answers.values())
    months = dict.fromkeys(CHOICE_COOKIES, most) | {SEEN_COOKIE: SEEN_MONTHS}
    return {
        "id": "consentkit",
        "name": words["labels"]["region"],
        "vendor": policy.site.controller,
        "country": "",
        "purposes": [words["labels"]["memory"]],
        "policy_url": policy.site.policy_url,
        "trackers": [
            *({"name": name, "lifetime": _months(n, words)} for name, n in months.items()),
            {"name": CONFIRMED, "lifetime": words["lifetimes"]["tab"]},
        ],
    }


def _choice_life(counted: Months, words: Mapping[str, Any]) -> str:
    both = {name: _months(count, words) for name, count in counted._asdict().items()}
    same = counted.granted == counted.refused
    return both["granted"] if same else filled(words["lifetimes"]["apart"], both)


def _months(count: int, words: Mapping[str, Any]) -> str:
    return lifetime_text(f"P{count}M", words, count)


def _service(service: Service, words: Mapping[str, Any], cap: int) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "vendor": service.vendor,
        "country": service.country,
        "purposes": [words["purposes"][purpose] for purpose in service.purposes],
        "policy_url": service.policy_url,
        "trackers": [
            {"name": each.name, "lifetime": lifetime_text(each.lifetime, words, each.most)}
            | ({"why": each.why} if each.why else {})
            for each in told(service, cap)
        ],
    }


def _otherwise(policy: Policy, service_id: str, locale: str) -> dict[str, Any]:
    way = way_in(policy.instead.get(service_id), locale)
    return {FIELD: way} if way else {}


class Told(NamedTuple):
    """What visitors are told of one cookie or storage key: its life or "tab", its most months, what for."""

    name: str
    lifetime: str
    most: int
    why: str = ""


def told(service: Service, cap: int) -> Iterator[Told]:
    """Yield what a service keeps in the browser, `cap` months at most.

    Nobody here ends a vendor's cookie on the vendor's own domain.
    """
    for cookie in service.cookies:
        yield Told(cookie.name, cookie.lifetime, cap if cookie.domain == "site" else UNBOUNDED, cookie.why)
    for item in service.storage:
        yield Told(item.key, "tab" if item.area == "session" else f"P{cap}M", cap)


def lifetime_text(lifetime: str, words: Mapping[str, Any], cap: int) -> str:
    """Return `lifetime` ("session", "tab" or ISO 8601) in a language's texts, as enforced (L20).

    That is at most `cap` months. `words` are all of the language's: they say how it counts, too.
    A session's storage ends with its tab, a session's cookie with the browser.
    """
    counted, spoken = count_of(lifetime), words["lifetimes"]
    if counted is None:
        return str(spoken[lifetime])
    count, unit = (cap, "month") if exceeds(lifetime, cap) else counted
    if unit == "second":
        count, unit = -(-count // 60), "minute"
    return filled(spoken[unit][form_of(words["plural"], count)], {"n": count})
