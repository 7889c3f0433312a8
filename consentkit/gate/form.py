"""The visitor's page: everything about a choice, as plain HTML and a plain form (A3, A7, B18)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from consentkit.assets import static_asset
from consentkit.errors import ChoiceError, ConsentKitError, StoreUnavailable
from consentkit.kit import ConsentKit
from consentkit.policy.dates import day_text
from consentkit.policy.decision import Decision, Reason
from consentkit.policy.locales import ENDONYMS, chosen
from consentkit.policy.notice import compose, lifetime_text
from consentkit.policy.registry import Service
from consentkit.policy.version import Policy
from consentkit.policy.words import filled
from consentkit.proof.entry import Stored
from consentkit.proof.statement import ANSWERS

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
MOST_LANGUAGES = 20
SAID = (Reason.GRANTED, Reason.REFUSED, Reason.SIGNAL)


class Form:
    """Renders the visitor's page for one site."""

    def __init__(self, kit: ConsentKit) -> None:
        self.kit = kit

    @cached_property
    def _template(self) -> Any:
        loader = PackageLoader("consentkit.gate")
        return Environment(loader=loader, autoescape=True, undefined=StrictUndefined).get_template(
            "page.html"
        )

    def page(
        self,
        request: Request,
        decision: Decision,
        records: Sequence[Stored],
        error: str = "",
        status: int = 200,
    ) -> HTMLResponse:
        """Return the page in the visitor's language, with the state, the form and the history."""
        policy = self.kit.edition.policy
        locale = self.locale(request)
        texts = policy.texts[locale]
        words = texts["page"]
        saved = "saved" in request.query_params
        body = self._template.render(
            prefix=self.kit.edition.prefix,
            policy=policy,
            locale=locale,
            languages={each: ENDONYMS[each] for each in policy.site.languages},
            notice=compose(policy, locale, self.kit.edition.prefix),
            words=words,
            title=filled(words["title"], {"site": policy.site.name}),
            states=self._states(decision, texts),
            allowed=decision.allowed,
            history=[self._row(each, locale) for each in reversed(records) if each.kind in ANSWERS],
            kept=_kept(policy, locale),
            vkey=self.kit.log.vkey,
            elsewhere=list(_elsewhere(policy)),
            saved=saved,
            error=error,
            css=self._address("page.css"),
            script=self._address("saved.js") if saved else None,
        )
        return HTMLResponse(body, status, HEADERS)

    def failure(
        self, request: Request, decision: Decision, error: ConsentKitError, status: int
    ) -> HTMLResponse:
        """Return the page again, saying in the visitor's language that nothing was saved."""
        words = self.kit.edition.policy.texts[self.locale(request)]
        text = words["status"]["offline" if isinstance(error, StoreUnavailable) else "failed"]
        detail = f" ({'; '.join(map(str, error.problems))})" if isinstance(error, ChoiceError) else ""
        return self.page(request, decision, [], f"{text}{detail}", status)

    def locale(self, request: Request) -> str:
        """Return the page's language: asked for, else the browser's best, else the site's own."""
        site = self.kit.edition.policy.site
        asked = request.query_params.get("lang", "")
        if asked in site.languages:
            return asked
        wishes = accepted_languages(request.headers.get("accept-language", ""))
        return chosen(wishes, site.languages) or site.default_language

    def readable(self, record: Stored) -> dict[str, Any]:
        """Return one log entry as the visitor may keep it: what was said, and what opens its commitment."""
        return {
            "index": record.index,
            "kind": record.kind.label,
            "entry": record.entry.hex(),
            "statement": record.stmt,
            "subject": record.subj,
            "salts": [salt.hex() if salt else None for salt in record.salts],
        }

    def _states(self, decision: Decision, texts: Mapping[str, Any]) -> dict[str, Markup]:
        states, words = {}, texts["page"]
        for category in self.kit.edition.policy.categories:
            reason = decision.reasons[category]
            state = escape(words[reason.value if reason in SAID else "unknown"])
            if category in decision.until and reason is not Reason.SIGNAL:
                end = _time(decision.until[category], texts["dates"])
                state += ", " + escape(words["until"]).replace("{date}", end)
            states[category] = state
        return states

    def _row(self, record: Stored, locale: str) -> dict[str, Any]:
        policy = self.kit.edition.policy
        stmt = record.stmt or {}
        texts = policy.texts[locale]
        names = texts["categories"]
        granted = [
            names[c]["name"]
            for c, yes in stmt.get("categories", {}).items()
            if yes and c in policy.categories
        ]
        when = datetime.fromtimestamp((record.t or 0) / 1000, UTC)
        return {"when": _time(when, texts["dates"], clock=True), "granted": granted}

    def _address(self, name: str) -> str:
        return f"{self.kit.edition.prefix}/static/{static_asset(name).served_name}"


def _kept(policy: Policy, locale: str) -> str:
    """How long what the log holds on a visitor is kept, and why; nothing if the policy has no rule (A16)."""
    if policy.retention is None:
        return ""
    texts, months = policy.texts[locale], policy.retention.months
    time = lifetime_text(f"P{months}M", texts, months)
    return filled(texts["page"]["kept"], {"time": time, "reason": policy.retention.reason})


def _elsewhere(policy: Policy) -> Iterator[tuple[Service, list[str]]]:
    """Yield the services with cookies on their vendor's own domain, which no answer of this site removes."""
    for service in policy.services.values():
        names = [cookie.name for cookie in service.cookies if cookie.domain == "vendor"]
        if names and service.category != "necessary":
            yield service, names


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


def _time(instant: datetime, dates: Mapping[str, Any], *, clock: bool = False) -> Markup:
    """An instant's day in UTC as the page's language writes it, and what the clock said if that matters."""
    utc = instant.astimezone(UTC)
    hour = Markup(' <bdi dir="ltr">{}</bdi>').format(utc.strftime("%H:%M UTC")) if clock else ""
    exact, day = utc.strftime("%Y-%m-%dT%H:%M:%SZ"), escape(day_text(utc, dates))
    return Markup('<time datetime="{}">{}</time>').format(exact, day + hour)
