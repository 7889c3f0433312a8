"""A published policy version as people read it: what is declared, since when, what changed (B18, E1, E2)."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from consentkit.gate.sheet import language, moments, sheet
from consentkit.kit import ConsentKit
from consentkit.policy.difference import changes, shifts
from consentkit.policy.notice import compose
from consentkit.policy.places import place_name

VARY = "accept, accept-language"


def wanted(request: Request) -> bool:
    """Return whether somebody wants to read a policy: browsers say so, programs get its bytes."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and "application/json" not in accepted


def declaration(kit: ConsentKit, request: Request, version: str) -> HTMLResponse:
    """Return a version that the log holds as a page, with its date, the versions there are, and what changed.

    Its words are its own, in a language of its own; those it had none for yet are ours.
    """
    policy = kit.published.policies[version]
    locale = language(request, policy)
    dates = policy.texts[locale]["dates"]
    dated = kit.published.dated()
    before = _before([each for _, each in dated], version)
    notice = compose(policy, locale, kit.edition.prefix)
    values: dict[str, Any] = {
        "notice": notice,
        "places": [
            (place_name(regime, locale), own["body"]) for regime, own in notice.get("regimes", {}).items()
        ],
        "changes": shifts(changes(kit.published.policies[before], policy, locale)) if before else [],
        "versions": moments(dated, dates),
        "current": kit.edition.policy.version,
    }
    return sheet(
        "policy.html",
        policy,
        locale,
        kit.edition.prefix,
        values,
        headers={"cache-control": "no-cache", "vary": VARY},
    )


def _before(versions: Sequence[str], version: str) -> str | None:
    """The version that `version` took the place of when it was last published; they are newest first."""
    return next(iter(versions[versions.index(version) + 1 :]), None)
