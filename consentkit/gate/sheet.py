"""The frame of the pages visitors read below the prefix: their language, what browsers may do."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from consentkit.assets import static_asset
from consentkit.policy.countries import country_name
from consentkit.policy.dates import day_text
from consentkit.policy.locales import ENDONYMS, chosen
from consentkit.policy.version import Policy
from consentkit.policy.words import isolated

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
MOST_LANGUAGES = 20


@cache
def _template(name: str) -> Template:
    loader = PackageLoader("consentkit.gate")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    environment.globals["country_name"] = country_name
    return environment.get_template(name)


def sheet(
    name: str,
    policy: Policy,
    locale: str,
    prefix: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str],
) -> HTMLResponse:
    """Return the template `name` filled with `values`, in one of `policy`'s languages."""
    body = _template(name).render(
        policy=policy,
        locale=locale,
        prefix=prefix,
        site=isolated(policy.site.name, policy.texts[locale]["dir"]),
        languages={each: ENDONYMS[each] for each in policy.site.languages},
        texts=policy.texts[locale],
        words=policy.texts[locale]["page"],
        css=address("page.css", prefix),
        **values,
    )
    return HTMLResponse(body, status, {**HEADERS, **headers})


def address(name: str, prefix: str) -> str:
    """Return where a shipped browser file is served."""
    return f"{prefix}/static/{static_asset(name).served_name}"


def language(request: Request, policy: Policy) -> str:
    """Return the page's language: asked for, else the browser's best, else the site's own."""
    site = policy.site
    asked = request.query_params.get("lang", "")
    if asked in site.languages:
        return asked
    wishes = accepted_languages(request.headers.get("accept-language", ""))
    return chosen(wishes, site.languages) or site.default_language


def accepted_languages(header: str) -> list[str]:
    """Return the tags of an Accept-Language header, lower case, best first (RFC 9110 §12.5.4)."""
    wishes = []
    for part in header.split(",", MOST_LANGUAGES)[:MOST_LANGUAGES]:
        tag, _, parameter = (word.strip() for word in part.partition(";"))
        if tag.replace("-", "").isalnum():
            wishes.append((-_quality(parameter), tag.lower()))
    return [tag for weight, tag in sorted(wishes, key=lambda wish: wish[0]) if weight]


def _quality(parameter: str) -> float:
    if not parameter:
        return 1.0
    try:
        return max(0.0, float(parameter.removeprefix("q=")))
    except ValueError:
        return 0.0


def moment(instant: datetime, dates: Mapping[str, Any], *, clock: bool = False) -> Markup:
    """An instant's day in UTC as the page's language writes it, and what the clock said if that matters."""
    utc = instant.astimezone(UTC)
    hour = Markup(' <bdi dir="ltr">{}</bdi>').format(utc.strftime("%H:%M UTC")) if clock else ""
    exact, day = utc.strftime("%Y-%m-%dT%H:%M:%SZ"), escape(day_text(utc, dates))
    return Markup('<time datetime="{}">{}</time>').format(exact, day + hour)


def moments(dated: Sequence[tuple[datetime, str]], dates: Mapping[str, Any]) -> list[tuple[Markup, str]]:
    """Return what is dated by its day; with the clock where several are of one day."""
    days = Counter(instant.astimezone(UTC).date() for instant, _ in dated)
    return [
        (moment(instant, dates, clock=days[instant.astimezone(UTC).date()] > 1), each)
        for instant, each in dated
    ]


def until(instant: datetime, texts: Mapping[str, Any]) -> Markup:
    """Return the words that say until which day something counts."""
    return escape(texts["page"]["until"]).replace("{date}", moment(instant, texts["dates"]))
