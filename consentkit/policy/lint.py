"""What a good policy should still be told: where an authority or the founding notice (S1) asks for more.

A document that breaks a limit never gets this far (`bounds.LIMITS`); nothing here keeps a policy from being
served.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from consentkit.policy.balance import one_sided
from consentkit.policy.bounds import RULES, Rule
from consentkit.policy.coded import Declared
from consentkit.policy.contested import contested
from consentkit.policy.exempt import assessed, contradictions, may_be_exempt
from consentkit.policy.hooks import findings_on
from consentkit.policy.periods import exceeds
from consentkit.policy.regimes import EXEMPT, REGIMES, STRICTNESS, UNKNOWN
from consentkit.policy.registry import DECLARED, Cookie, Service, known_services, shown
from consentkit.policy.unfilled import unfilled
from consentkit.policy.version import Policy
from consentkit.policy.wording import misleading

Severity = Literal["warning", "note"]

_TECHNICAL: Final = "consentkit's own rule: technical cookies live for the session"
_EXEMPT: Final = "CNIL, lignes directrices 2020-091, art. 5: which trackers need no consent"
# What is measured for the site alone is a matter of its own (L6), with an assessment that somebody signs.
_NEVER_EXEMPT: Final = frozenset(
    ("advertising", "ad-measurement", "social", "audience-measurement", "session-replay", "ab-testing")
)
_MEASURING: Final = "CNIL, sheet 17 for developers: when audience measurement needs no consent"
_UNSELECTED: Final = "consentkit's own rule: no selection, no transfer"
_WITHDRAWAL: Final = "CNIL, SAN-2025-007: what was withdrawn isn't read any more"
_PLAIN: Final = "GDPR, art. 12(1): what visitors are told, they are told in an intelligible form"
_CAPS: Final = "consentkit's own rule: how long each category's cookies live at most"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to think about: how grave, where in the policy or the code, what to do, and who says so.

    A "warning" is a rule in force that the policy departs from, or a declaration that doesn't hold; a "note"
    is worth knowing. `source` names the law, the authority or the text, "" where none is needed.
    """

    severity: Severity
    place: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        source = f" ({self.source})" if self.source else ""
        return f"{self.place}: {self.message}{source}"


def lint(policy: Policy, coded: Sequence[Declared] = ()) -> list[Finding]:
    """Return what is worth saying about a policy, warnings first; an empty list where there is nothing.

    `coded` are the cookies declared in code that `policy` was resolved with.
    """
    findings = [
        *(Finding("warning", place, message) for place, message in contested(policy, coded)),
        *(
            Finding("warning", *found)
            for found in (*one_sided(policy), *unfilled(policy), *misleading(policy))
        ),
        *(Finding("warning", *finding) for finding in findings_on(policy.hooks, policy.answers)),
        *(
            *_loosened(policy),
            *_misplaced(policy),
            *_unguarded(policy),
            *_unjustified(policy),
            *_untranslated(policy),
        ),
        *(
            *_months(policy),
            *_kinds(policy),
            *_assessments(policy),
            *_capped(policy),
            *_empty(policy),
            *_shared(policy),
        ),
    ]
    return sorted(findings, key=lambda finding: finding.severity != "warning")


def _months(policy: Policy) -> Iterator[Finding]:
    """Answers that count for longer than a law has it, or are asked again sooner (L3)."""
    for regime, months in policy.answers.items():
        table = "lifetimes" if regime == UNKNOWN else f"regimes.{regime}"
        counted = {"consent_months": months.granted, "refusal_months": months.refused}
        law = REGIMES[regime].rules
        # A site's only regime holds for visitors from everywhere.
        elsewhere = () if UNKNOWN in policy.answers else (rule for rule in RULES if rule not in law)
        for rule in (*law, *elsewhere):
            wrong = _departs(rule, counted[rule.field])
            if wrong:
                severity: Severity = "warning" if rule in law and rule.kind != "proposal" else "note"
                message = f"is {counted[rule.field]}: {wrong}"
                yield Finding(severity, f"{table}.{rule.field}", message, rule.source)


def _kinds(policy: Policy) -> Iterator[Finding]:
    """Categories that a site has on without a yes where the law it knows asks for one, or has another say."""
    signed = [str(each["service"]) for each in policy.assessments]
    for regime, stated in policy.kinds.items():
        law = REGIMES[regime]
        for category, kind in stated.items():
            asked = law.kinds[category]
            place = f"regimes.{regime}.{category}"
            if (
                kind == EXEMPT
                and category == "analytics"
                and law.measuring
                and assessed(policy.services, signed)
            ):
                continue
            if kind == asked == EXEMPT and not may_be_exempt(policy.services, category):
                reasons = ", ".join(_against(policy, category))
                yield Finding("warning", place, f"is {kind}, but {reasons}", law.source)
            if STRICTNESS.index(kind) < STRICTNESS.index(asked):
                message = f"is {kind}, but there it is {asked}"
                yield Finding("warning", place, message, law.source)


def _against(policy: Policy, category: str) -> Iterator[str]:
    for service in policy.services.values():
        if service.category == category:
            yield from (f"{service.id} {reason}" for reason in contradictions(service))


def _assessments(policy: Policy) -> Iterator[Finding]:
    """Signed assessments that change nothing (L6): visitors are asked about the category all the same."""
    signed = [str(each["service"]) for each in policy.assessments]
    if not signed:
        return
    if not any(REGIMES[regime].measuring for regime in policy.answers):
        knowing = ", ".join(id_ for id_, law in REGIMES.items() if law.measuring)
        message = f"hold under the regimes {knowing}, and this policy tells none of them apart"
        yield Finding("note", "assessments", message, _MEASURING)
    for service in policy.services.values():
        if service.category == "analytics" and service.id not in signed:
            message = f"change nothing as long as {service.id} has none: visitors answer for all of analytics"
            yield Finding("note", "assessments", message, _MEASURING)


_SAYS: Final = {
    "law": "the law of {where} asks for",
    "guidance": "the authority of {where} asks for",
    "proposal": "the European Commission proposes",
}


def _departs(rule: Rule, months: int) -> str:
    where = _SAYS[rule.kind].format(where=rule.where)
    if months < rule.least:
        return f"{where} {rule.least} at least before a visitor is asked again"
    if rule.most is not None and months > rule.most:
        return f"{where} {rule.most} at most"
    return ""


def _loosened(policy: Policy) -> Iterator[Finding]:
    """Known services that this policy lets run without asking (A13, L7)."""
    for service in policy.services.values():
        known = known_services().get(service.id)
        if service.category == "necessary" and known is not None and known.category != "necessary":
            message = (
                f"is known for {known.category}; as necessary it loads before any choice and after a refusal:"
                " only what a visitor asked for needs no consent"
            )
            yield Finding("warning", f"services.{service.id}", message, _EXEMPT)


def _misplaced(policy: Policy) -> Iterator[Finding]:
    """The site's own services that run without asking, for what no authority exempts (B4, L5, L7)."""
    for service in policy.services.values():
        purposes = [each for each in service.purposes if each in _NEVER_EXEMPT]
        if service.category == "necessary" and service.id not in known_services() and purposes:
            message = (
                f"is necessary, so it runs before any choice and after a refusal, yet it serves"
                f" {' and '.join(purposes)}: that waits for a yes"
            )
            yield Finding("warning", f"services.{service.id}", message, _EXEMPT)


def _unguarded(policy: Policy) -> Iterator[Finding]:
    """A page that holds back only what the server sees (A13)."""
    if not policy.pages.guard:
        message = (
            "is off: what scripts add or write at run time waits for nobody, and lives as long as they say"
        )
        yield Finding("warning", "pages.guard", message, _UNSELECTED)


def _empty(policy: Policy) -> Iterator[Finding]:
    """Categories that a visitor is asked about in vain (L2): what is consented to must be named."""
    used = {service.category for service in policy.services.values()}
    for category in policy.categories:
        if category not in used:
            message = (
                f"{category} has no service: visitors would be asked to allow a category that nothing in this"
                " policy uses. Declare what waits for it, or list only the categories you need"
            )
            yield Finding("note", "categories", message)


def _shared(policy: Policy) -> Iterator[Finding]:
    """Trackers on the registrable domain, where a choice holds on a part of it only (A10, L14)."""
    if policy.cookies.domain == "site":
        return
    names = [
        cookie.name
        for service, cookie in _of_the_site(policy)
        if service.category != "necessary" and cookie.scope == "domain"
    ]
    if names:
        message = (
            f"lets hosts ask for themselves, but {', '.join(names)} live on the whole site's domain: a no on"
            " one host ends them for all, whatever was allowed elsewhere"
        )
        yield Finding("note", "cookies.domain", message, _WITHDRAWAL)


def _unjustified(policy: Policy) -> Iterator[Finding]:
    """Cookies of the site's own that need no consent, outlive the session, and don't say why (B1, B2)."""
    for service, cookie in _of_the_site(policy):
        stated = service.category == "necessary" and cookie.source == DECLARED
        if stated and cookie.lifetime != "session" and not cookie.why:
            message = (
                f"is necessary, so it needs no consent, yet it is kept for {cookie.lifetime}:"
                " a technical cookie ends with the session; say in `why` what it is kept longer for"
            )
            yield Finding("warning", _place(service, cookie), message, _TECHNICAL)


def _untranslated(policy: Policy) -> Iterator[Finding]:
    """Other ways whose one text stands in every language's notice (B14)."""
    languages = policy.site.languages
    for service, way in policy.instead.items():
        if len(languages) > 1 and isinstance(way["text"], str):
            each = ", ".join(f'{language} = "…"' for language in languages)
            message = (
                f"is {shown(way['text'])} in each of the site's languages: say it in all, text = {{ {each} }}"
            )
            yield Finding("warning", f"services.{service}.instead.text", message, _PLAIN)


def _capped(policy: Policy) -> Iterator[Finding]:
    """Cookies whose declared life isn't the one they get (B3, B6, B7); visitors are told the shorter one."""
    for service, cookie in _of_the_site(policy):
        cap = policy.lifetimes.cap(service.category)
        if cookie.source == DECLARED and exceeds(cookie.lifetime, cap):
            message = (
                f"is declared for {cookie.lifetime}, but {service.category} ends after {cap} months:"
                " that is what counts and what visitors are told"
            )
            yield Finding("note", _place(service, cookie), message, _CAPS)


def _of_the_site(policy: Policy) -> Iterator[tuple[Service, Cookie]]:
    for service in policy.services.values():
        for cookie in service.cookies:
            if cookie.domain == "site":
                yield service, cookie


def _place(service: Service, cookie: Cookie) -> str:
    return f"services.{service.id}.cookies.{cookie.name}"
