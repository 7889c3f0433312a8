"""The visitor's page: everything about a choice, as plain HTML and a plain form (A3, A7, B18)."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from consentkit.answer import Answer
from consentkit.errors import ChoiceError, ConsentKitError, StoreUnavailable
from consentkit.gate.chronicle import chronicle, ended
from consentkit.gate.keeping import page_path
from consentkit.gate.sheet import address, language, moments, sheet, until
from consentkit.kit import ConsentKit
from consentkit.policy.decision import ON, Decision, Reason
from consentkit.policy.notice import beforehand, compose, lifetime_text, under
from consentkit.policy.regimes import REGIMES
from consentkit.policy.registry import Service
from consentkit.policy.rendering import page_names
from consentkit.policy.signals import GPC, denied
from consentkit.policy.version import Policy
from consentkit.policy.words import filled, isolated
from consentkit.proof.entry import Stored

OPT_OUT_PATH = "/do-not-sell"
PRIVATE = {"cache-control": "no-store"}
SAID = (Reason.GRANTED, Reason.REFUSED, Reason.EXPIRED, Reason.CHANGED, Reason.SIGNAL)
"""Why a category is on or off, where visitors are told more than that they haven't chosen."""
ON_UNTIL_NO = frozenset(ON.values())


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page is about: a visitor's decision, what their browser objects to, their entries, oldest
    first; None where those can't be read. `known` is whether the browser brought a consent at all, `scope`
    where the visitor's choice counts."""

    decision: Decision
    signals: Sequence[str] = ()
    records: Sequence[Stored] | None = ()
    known: bool = False
    scope: str | None = None


class Form:
    """Renders the visitor's page for one site."""

    def __init__(self, kit: ConsentKit) -> None:
        self.kit = kit

    def page(self, request: Request, shown: Shown) -> HTMLResponse:
        """Return the page in the visitor's language, with the state, the form and the history."""
        # A browser that keeps no cookies has a choice on record, and nothing that it would count for.
        saved = "saved" in request.query_params and shown.known
        return self._page(request, shown, _granted(shown.decision), 200, saved=saved)

    def opt_out(self, request: Request, shown: Shown) -> HTMLResponse:
        """Return the page that says no to any sale, and whether the visitor or their browser has.

        What only the browser says ends with its signal: a no that lasts is still offered then.
        """
        policy, prefix = self.kit.edition.policy, self.kit.edition.prefix
        locale, sold = language(request, policy), denied(policy, GPC)
        off = bool(sold) and not shown.decision.allowed.intersection(sold)
        values = {
            "notice": compose(policy, locale, prefix),
            "sold": sold,
            "refused": bool(sold) and all(shown.decision.reasons[each] is Reason.REFUSED for each in sold),
            "honoured": off and (shown.known or bool(shown.signals)),
            "objected": beforehand(policy, locale, shown.signals),
        }
        return sheet("opt_out.html", policy, locale, prefix, values, headers=PRIVATE)

    def failure(
        self,
        request: Request,
        shown: Shown,
        error: ConsentKitError,
        status: int,
        answer: Answer | None = None,
    ) -> HTMLResponse:
        """Return the page again, saying in the visitor's language that nothing was saved.

        Boxes stay as they were ticked; which those were isn't said with the other buttons.
        """
        words = self.kit.edition.policy.texts[language(request, self.kit.edition.policy)]
        text = words["status"]["offline" if isinstance(error, StoreUnavailable) else "failed"]
        problems = [str(each) for each in error.problems] if isinstance(error, ChoiceError) else []
        ticked: Container[str] = _granted(shown.decision)
        if answer is not None and answer.control == "save":
            ticked = {category for category, granted in answer.choices.items() if granted}
        return self._page(request, shown, ticked, status, error=text, problems=problems)

    def _page(
        self,
        request: Request,
        shown: Shown,
        ticked: Container[str],
        status: int,
        *,
        saved: bool = False,
        error: str = "",
        problems: Sequence[str] = (),
    ) -> HTMLResponse:
        edition = self.kit.edition
        policy, prefix = edition.policy, edition.prefix
        locale = language(request, policy)
        texts, names = policy.texts[locale], page_names(policy, locale)
        minor = Reason.UNDER_AGE in shown.decision.reasons.values()
        values = {
            "notice": under(compose(policy, locale, prefix), shown.decision.regime),
            "scope": texts["scope"].get(shown.scope, ""),
            "page": request.query_params.get("page") or page_path(request.scope),
            "title": filled(texts["page"]["title"], names),
            "controller": filled(texts["page"]["controller"], names),
            "objected": beforehand(policy, locale, shown.signals),
            "honoured": texts["signal"]["honoured"],
            "states": _states(policy, shown, texts),
            "ticked": ticked,
            "unanswered": not shown.decision.until,
            "minor": texts["scope"]["under_age"] if minor else "",
            "withdrawable": _ended_by(shown),
            "history": chronicle(shown.records or (), texts),
            "opt_out": prefix + OPT_OUT_PATH if _may_opt_out(shown.decision) else "",
            "unread": shown.records is None,
            "kept": _kept(policy, locale),
            "vkey": self.kit.log.vkey,
            "elsewhere": list(_elsewhere(policy)),
            "versions": moments(self.kit.published.dated(), texts["dates"]),
            "saved": saved,
            "error": error,
            "problems": problems,
            "script": address("saved.js", prefix) if saved else None,
        }
        return sheet("page.html", policy, locale, prefix, values, status=status, headers=PRIVATE)


def _may_opt_out(decision: Decision) -> bool:
    """Whether the law of the visitor's place has marketing on until they say no, and has a link for that."""
    return REGIMES[decision.regime].kinds["marketing"] == "opt-out"


def _granted(decision: Decision) -> frozenset[str]:
    """What a visitor has said yes to, also while their browser objects, with what needs no yes."""
    return decision.allowed | {each for each, why in decision.reasons.items() if why is Reason.SIGNAL}


def _ended_by(shown: Shown) -> str:
    """Which button ends at once what was accepted, or is on without an answer (B5); "" for nothing."""
    reasons = {*shown.decision.reasons.values()}
    if Reason.UNDER_AGE in reasons:
        return "withdraw" if shown.known else ""
    if len(_granted(shown.decision)) == 1:
        return ""
    return "object" if ON_UNTIL_NO & reasons else "withdraw"


def _states(policy: Policy, shown: Shown, texts: Mapping[str, Any]) -> dict[str, list[Markup]]:
    """What is so about each category, and until when it is or was."""
    states = {}
    for category in policy.categories:
        reason, end = shown.decision.reasons[category], shown.decision.until.get(category)
        said = texts["page"][reason.value if reason in SAID else "unknown"]
        if policy.kind_of(shown.decision.regime, category) != "opt-in":
            on, objected = texts["exempt"]["state"], texts["exempt"]["objected"]
            said = {**dict.fromkeys(ON_UNTIL_NO, on), Reason.REFUSED: objected}.get(reason, said)
        states[category] = [escape(said)]
        if reason is Reason.EXPIRED:
            end = ended(shown.records or (), category)
        if end is not None and reason is not Reason.SIGNAL:
            states[category].append(until(end, texts))
    return states


def _kept(policy: Policy, locale: str) -> str:
    """How long what the log holds on a visitor is kept, and why; nothing if the policy has no rule (A16)."""
    if policy.retention is None:
        return ""
    texts, months = policy.texts[locale], policy.retention.months
    time = lifetime_text(f"P{months}M", texts, months)
    reason = isolated(policy.retention.reason, texts["dir"])
    return filled(texts["page"]["kept"], {"time": time, "reason": reason})


def _elsewhere(policy: Policy) -> Iterator[tuple[Service, list[str]]]:
    """Yield the services with cookies on their vendor's own domain, which no answer of this site removes."""
    for service in policy.services.values():
        names = [cookie.name for cookie in service.cookies if cookie.domain == "vendor"]
        if names and service.category != "necessary":
            yield service, names
