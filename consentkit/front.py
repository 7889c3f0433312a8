"""What pages start with, per policy: the inline starter, and the kernel that it loads."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import orjson

from consentkit.assets import ON_DEMAND, WORDS, Asset, static_asset
from consentkit.policy.hooks import PHASES, Hook
from consentkit.policy.signals import DNT, GPC, US, denied
from consentkit.policy.tables import Section
from consentkit.policy.version import Policy

_GTAG = "gtag=function(){(window.dataLayer??=[]).push(arguments)}"
CONFIG_MARK = b"__CONFIG__"
STARTER_MARK = b"__STARTER__"
FIRST_MARK = b"__FIRST__"
WORDS_MARK = b"__WORDS__"
SIGNALS = {GPC: b"navigator.globalPrivacyControl", DNT: b'navigator.doNotTrack=="1"'}
"""How a browser tells scripts what it objects to, the signal that denies more behind (W3C GPC §3.3)."""
UNSETTLED = "-"
"""What no readable cookie begins with."""
DIGITS = 8
"""Of a policy's version, as many tell a page that the readable cookie, which has 16, is of its own policy."""


def starter_script(policy: Policy, prefix: str, kernel: Asset, *, unsettled: bool = False) -> bytes:
    """Return the script that stands in every page; `kernel` is what it loads from below `prefix`.

    Where pages are `unsettled` no readable cookie tells what is allowed: the same page is for everyone, and
    only the server can tell who it is by now.
    """
    mark = UNSETTLED if unsettled else policy.version[:DIGITS]
    before = [_address(prefix, kernel), mark, _longest(policy)]
    terms = [*map(_written, before), _objections(policy), *map(_written, policy.categories)]
    body = static_asset("starter.js").body.replace(FIRST_MARK, _first(policy))
    return body.replace(STARTER_MARK, b"[%b]" % b",".join(terms))


def kernel_script(policy: Policy, prefix: str, linked: Iterable[Asset]) -> bytes:
    """Return the module that pages of one policy run; `linked` are the files it may ask for, notices too."""
    address = {item.name: _address(prefix, item) for item in linked}
    banner, corner = policy.banner.files, policy.banner.corner
    styles = {
        "banner": banner.style,
        "preferences": "preferences.css",
        "placeholders": "placeholders.css",
        "message": "message.css",
    } | ({"corner": corner.style} if corner else {})
    config = {
        "policy": policy.version,
        "prefix": prefix,
        "categories": policy.categories,
        "sold": denied(policy, GPC),
        **_platform(policy, address),
        "services": _categories(policy),
        "trackers": _trackers(policy),
        **{name.removesuffix(".js"): address[name] for name in ON_DEMAND},
        **({"words": address[WORDS]} if policy.hooks else {}),
        "banner": address[banner.script],
        "styles": {name: address[style] for name, style in styles.items()},
        "order": policy.banner.order,
        **({"corner": address[corner.script], "button": policy.banner.button} if corner else {}),
        "notices": {locale: address[f"notice-{locale}.json"] for locale in policy.site.languages},
        "locale": policy.site.default_language,
    }
    return _filled("kernel.js", CONFIG_MARK, config)


def words_script(policy: Policy) -> bytes:
    """Return the module that tells vendors what visitors chose, in the words of one policy's services."""
    rows = [_spoken(policy, hook) for hook in policy.hooks if not hook.none]
    return _filled(WORDS, WORDS_MARK, rows)


def _spoken(policy: Policy, hook: Hook) -> dict[str, Any]:
    category = hook.category or policy.category_of(hook.services[0])
    said = ("default",) if hook.made == "starter" else ()
    fields = {"made", "ready", *PHASES}.difference(said)
    root = next(word.call for phase in PHASES for word in hook.words(phase) if word.call).partition(".")[0]
    return {"root": root, "category": category, **hook.model_dump(include=fields, exclude_defaults=True)}


def _first(policy: Policy) -> bytes:
    """The defaults that have to stand in the page itself, as one expression; "0" for none.

    Google's tags tell the words from a page's own data by their being an `arguments` object.
    """
    words = [word for hook in policy.hooks if hook.made == "starter" for word in hook.default]
    return ",".join([_GTAG, *(word.text for word in words)]).encode("ascii") if words else b"0"


def _address(prefix: str, item: Asset) -> str:
    return f"{prefix}/static/{item.served_name}"


def _platform(policy: Policy, address: Mapping[str, str]) -> dict[str, Any]:
    """Where the Global Privacy Platform is, of which a visitor under another law loads nothing."""
    sections = sorted(policy.signals.gpp, key=get_args(Section).index)
    here = US in (policy.regime, *policy.answers) and sections
    return {"gpp": address["gpp.js"], "sections": sections} if here else {}


def _objections(policy: Policy) -> bytes:
    """An expression for the categories that a browser objects to, which it knows before the server does."""
    off = b"[]"
    for signal, on in SIGNALS.items():
        if denied(policy, signal):
            off = b"%b?%b:%b" % (on, _written(denied(policy, signal)), off)
    return off


def _longest(policy: Policy) -> int:
    return max(max(months) for months in policy.answers.values())


def _filled(name: str, mark: bytes, value: Any) -> bytes:
    return static_asset(name).body.replace(mark, _written(value))


def _written(value: Any) -> bytes:
    # `<` written as an escape can't close the script element that the value may stand in.
    return orjson.dumps(value).replace(b"<", b"\\u003c")


def _categories(policy: Policy) -> dict[str, str]:
    """What a `data-service` may say, and the category it waits for; behind an `@`, a category's own name."""
    services = {service.id: service.category for service in policy.services.values()}
    return services | {f"@{category}": category for category in ("necessary", *policy.categories)}


def _trackers(policy: Policy) -> dict[str, list[list[str]]]:
    """What each service keeps, by category, as `area:key` (a cookie's area is `cookie`).

    Only what the site declares: an undeclared service never runs, so it leaves nothing to clear.
    """
    table: dict[str, list[list[str]]] = {}
    for service in policy.services.values():
        cookies = [f"cookie:{cookie.name}" for cookie in service.cookies if cookie.domain == "site"]
        names = [*cookies, *(f"{item.area}:{item.key}" for item in service.storage)]
        if names and service.category != "necessary":
            table.setdefault(service.category, []).append(names)
    return table
