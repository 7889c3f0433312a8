"""Legal lint: what a policy is told, with rule and source; never about a good one."""

from datetime import date
from typing import Any

import pytest
from sample import policy

from consentkit.policy.bounds import LIMITS, RULES
from consentkit.policy.lint import Finding, lint
from consentkit.policy.registry import known_services
from consentkit.policy.version import CATEGORIES, from_bytes, resolve
from consentkit.policy.words import locales


def findings(**changes: Any) -> list[Finding]:
    return lint(resolve(policy(**changes)))


def own(category: str, **cookie: str) -> dict[str, Any]:
    return {
        "id": "own",
        "name": "Own",
        "vendor": "Corner Shop SAS",
        "country": "FR",
        "category": category,
        "purposes": ["site-operation"],
        "policy_url": "/privacy",
        "cookies": [{"name": "_own", **cookie}],
    }


def test_the_sample_and_every_shipped_text_and_service_give_no_warning() -> None:
    assert findings() == []
    site = policy()["site"] | {"languages": list(locales())}
    assert findings(services=sorted(known_services()), site=site) == []


def test_every_rule_says_where_it_is_from_and_lies_within_what_a_policy_may_say() -> None:
    for rule in RULES:
        limit = LIMITS[rule.field]
        assert limit.least <= rule.least <= limit.most
        assert rule.source
        assert date(2018, 5, 25) < rule.dated < date(2026, 11, 22)
    assert {(rule.where, rule.field) for rule in RULES if rule.least <= 6 <= (rule.most or 6)} == {
        (rule.where, rule.field) for rule in RULES
    }, "six months satisfy every row (requirements §2.3)"


def test_a_refusal_asked_again_within_six_months_is_told_country_by_country() -> None:
    """L3, L21, §2.3."""
    found = findings(lifetimes={"consent_months": 3, "refusal_months": 5})
    assert {each.place for each in found} == {"lifetimes.refusal_months"}
    assert [(each.rule, each.severity) for each in found] == [
        ("L3", "warning"),
        ("RE-IT", "warning"),
        ("RE-IE", "warning"),
        ("RE-CZ", "warning"),
        ("L21", "note"),
    ]
    assert "Garante" in found[1].source
    assert str(found[1]).startswith("lifetimes.refusal_months: is 5: the authority of IT asks for 6 at least")
    assert "proposes" in found[-1].message
    assert findings(lifetimes={"consent_months": 3}) == []


def test_a_necessary_cookie_that_outlives_the_session_must_say_why() -> None:
    """B1, B2."""
    [found] = findings(services=[own("necessary", lifetime="P14D")])
    assert (found.rule, found.severity, found.place) == ("B1", "warning", "services.own.cookies._own")
    assert "P14D" in found.message
    assert findings(services=[own("necessary", lifetime="P14D", why="keeps the basket for two weeks")]) == []
    assert findings(services=[own("necessary", lifetime="session")]) == []
    assert findings(services=[own("preferences", lifetime="P12M")]) == []
    assert findings(services=[own("necessary", lifetime="P14D", domain="vendor")]) == []


@pytest.mark.parametrize(
    ("category", "lifetime", "cap"),
    [
        ("preferences", "P13M", 12),
        ("analytics", "P2Y", 13),
        ("marketing", "P400D", 13),
        ("necessary", "P13M", 12),
    ],
)
def test_a_declared_life_above_the_cap_is_told(category: str, lifetime: str, cap: int) -> None:
    found = findings(services=[own(category, lifetime=lifetime, why="x")])
    assert [each.severity for each in found] == ["note"]
    assert f"{category} ends after {cap} months" in found[0].message
    lowered = findings(services=[own("analytics", lifetime="P4M")], lifetimes={"analytics_months": 3})
    assert ["ends after 3 months" in each.message for each in lowered] == [True]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("If you do not agree, we kindly ask you to refrain from using our website.", "A18"),
        ("Otherwise please leave this site.", "A18"),
        ("Sinon, nous vous invitons à quitter notre site.", "A18"),
        ("Andernfalls verlassen Sie bitte diese Website.", "A18"),
        ("By continuing to browse you accept cookies.", "L2"),
        ("En poursuivant votre navigation, vous acceptez.", "L2"),
        ("Durch die weitere Nutzung stimmen Sie zu.", "L2"),
    ],
)
def test_wording_that_leaves_no_choice_is_told_with_its_place(text: str, rule: str) -> None:
    [found] = findings(texts={"fr": {"body": ["Bonjour.", text]}})
    assert (found.rule, found.severity, found.place) == (rule, "warning", "texts.fr.body.1")
    assert found.message


def test_warnings_come_before_notes() -> None:
    found = findings(
        services=[own("analytics", lifetime="P2Y")], texts={"en": {"title": "By continuing you accept"}}
    )
    assert [each.severity for each in found] == ["warning", "note"]


def test_a_stored_policy_is_linted_like_the_document_it_came_from() -> None:
    changes = {
        "services": [own("necessary", lifetime="P14D")],
        "lifetimes": {"consent_months": 2, "refusal_months": 2},
    }
    resolved = resolve(policy(**changes))
    assert lint(from_bytes(resolved.body)) == lint(resolved) != []
    assert set(CATEGORIES) >= {service.category for service in resolved.services.values()}


def test_a_known_tracker_that_is_called_necessary_is_told() -> None:
    """It would load before any choice, and after a refusal (A13, L7)."""
    known = {"id": "meta-pixel", "category": "necessary"}
    found = {finding.place: finding for finding in lint(resolve(policy(services=[known])))}
    assert found["services.meta-pixel"].severity == "warning"
    assert "known for marketing" in found["services.meta-pixel"].message


def test_a_site_without_the_guard_is_told_what_that_means() -> None:
    assert "pages.guard" in {finding.place for finding in lint(resolve(policy(pages={"guard": False})))}
    assert "pages.guard" not in {finding.place for finding in lint(resolve(policy()))}
