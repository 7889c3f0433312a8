"""Legal lint: what a policy is told, with rule and source; never about a good one."""

from datetime import date
from typing import Any

import pytest
from sample import policy, visits

from consentkit.cli import TEMPLATE
from consentkit.policy.bounds import LIMITS, RULES
from consentkit.policy.coded import Declared
from consentkit.policy.lint import Finding, lint
from consentkit.policy.reading import read_toml
from consentkit.policy.registry import known_services
from consentkit.policy.version import CATEGORIES, from_bytes, resolve
from consentkit.policy.words import locales


def findings(**changes: Any) -> list[Finding]:
    """What is said of the sample policy, which asks only about what it has services for."""
    return lint(resolve(policy(**{"categories": ["analytics", "marketing"], **changes})))


def own(category: str, **cookie: str) -> dict[str, Any]:
    cookies = [{"name": "_own", **cookie}]
    return visits(id="own", category=category, purposes=["site-operation"], cookies=cookies)


def of_own(category: str, lifetimes: dict[str, int] | None = None, **cookie: str) -> list[Finding]:
    """What is said of a service of the site's own, beside known ones of the categories asked about."""
    services = ["google-analytics", "meta-pixel", own(category, **cookie)]
    asked = [each for each in CATEGORIES[1:] if each in (category, "analytics", "marketing")]
    return findings(services=services, categories=asked, lifetimes=lifetimes or {})


def test_the_sample_and_every_shipped_text_and_service_give_no_warning() -> None:
    assert findings() == []
    site = policy()["site"] | {"languages": list(locales())}
    everything = {"services": sorted(known_services()), "categories": list(CATEGORIES[1:])}
    assert findings(**everything, site=site) == []


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
    assert [(each.source.split(",")[0], each.severity) for each in found] == [
        ("CNIL", "warning"),
        ("Garante", "warning"),
        ("ÚOOÚ", "warning"),
        ("COM(2025) 837", "note"),
    ]
    assert str(found[1]).startswith("lifetimes.refusal_months: is 5: the authority of IT asks for 6 at least")
    assert str(found[1]).endswith(f"asked again ({found[1].source})")
    assert "proposes" in found[-1].message
    assert findings(lifetimes={"consent_months": 3}) == []


def test_a_necessary_cookie_that_outlives_the_session_must_say_why() -> None:
    """B1, B2."""
    [found] = of_own("necessary", lifetime="P14D")
    assert (found.severity, found.place) == ("warning", "services.own.cookies._own")
    assert "technical cookies" in found.source
    assert "P14D" in found.message
    assert of_own("necessary", lifetime="P14D", why="keeps the basket for two weeks") == []
    assert of_own("necessary", lifetime="session") == []
    assert of_own("preferences", lifetime="P12M") == []
    assert of_own("necessary", lifetime="P14D", domain="vendor") == []


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
    found = of_own(category, lifetime=lifetime, why="x")
    assert [each.severity for each in found] == ["note"]
    assert f"{category} ends after {cap} months" in found[0].message
    lowered = of_own("analytics", {"analytics_months": 3}, lifetime="P4M")
    assert ["ends after 3 months" in each.message for each in lowered] == [True]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("If you do not agree, we kindly ask you to refrain from using our website.", "EDPB"),
        ("Otherwise please leave this site.", "EDPB"),
        ("Sinon, nous vous invitons à quitter notre site.", "EDPB"),
        ("Andernfalls verlassen Sie bitte diese Website.", "EDPB"),
        ("By continuing to browse you accept cookies.", "CNIL"),
        ("En poursuivant votre navigation, vous acceptez.", "CNIL"),
        ("Durch die weitere Nutzung stimmen Sie zu.", "CNIL"),
    ],
)
def test_wording_that_leaves_no_choice_is_told_with_its_place(text: str, source: str) -> None:
    """A18, L2."""
    [found] = findings(texts={"fr": {"body": ["Bonjour.", text]}})
    assert (found.severity, found.place) == ("warning", "texts.fr.body.1")
    assert found.source.startswith(source)
    assert found.message


def test_warnings_come_before_notes() -> None:
    found = findings(
        services=["meta-pixel", own("analytics", lifetime="P2Y")],
        texts={"en": {"title": "By continuing you accept"}},
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


def test_a_service_of_the_site_s_own_is_necessary_only_for_what_can_be() -> None:
    """B4: an exemption covers one purpose only, and some are never exempt (L5, L7)."""
    mixed = visits(category="necessary", purposes=["security", "advertising", "ab-testing"])
    found = {each.place: each for each in lint(resolve(policy(services=[mixed])))}
    assert found["services.visits"].severity == "warning"
    assert "serves advertising and ab-testing" in found["services.visits"].message
    for needed in (visits(category="necessary", purposes=["security", "payments"]), visits()):
        assert "services.visits" not in {each.place for each in lint(resolve(policy(services=[needed])))}


def test_a_site_without_the_guard_is_told_what_that_means() -> None:
    assert "pages.guard" in {finding.place for finding in lint(resolve(policy(pages={"guard": False})))}
    assert "pages.guard" not in {finding.place for finding in lint(resolve(policy()))}


def test_a_category_nothing_waits_for_is_a_note_and_no_mistake() -> None:
    """L2: visitors would see a purpose that nobody pursues."""
    [found] = findings(categories=["preferences", "analytics", "marketing"])
    assert (found.severity, found.place) == ("note", "categories")
    assert found.message.startswith(
        "preferences has no service: visitors would be asked to allow a category that nothing"
    )


def cookies(id_: str, category: str, *names: str) -> dict[str, Any]:
    listed = [{"name": name, "lifetime": "session"} for name in names]
    return visits(id=id_, category=category, cookies=listed)


def clashes(*services: Any, code: tuple[str, str] | None = None) -> list[str]:
    """What is said of names that two claim; `code` is a name and its category, declared in code."""
    coded = [Declared(*code, "session", "site-operation", "", "/", "@sets_cookie on app.add")] if code else []
    listed = ["google-analytics", "meta-pixel", *services]
    return [str(each) for each in lint(resolve(policy(services=listed), coded), coded) if not each.source]


ASKED_IN_VAIN = "categories: preferences has no service"


def test_a_cookie_that_code_calls_necessary_and_others_don_t_is_told_with_both_names() -> None:
    """A17: what needs consent comes first, so the application's cookie never comes back otherwise."""
    told, note = clashes(code=("_hjid", "necessary"))
    assert note.startswith(ASKED_IN_VAIN)
    assert told.startswith("@sets_cookie on app.add: '_hjid' is declared as necessary, but is analytics")
    assert "'hotjar', which this policy doesn't declare: nothing of it passes, even after a yes" in told
    assert "add 'hotjar' to services" in told
    declared, _ = clashes("hotjar", code=("_hjid", "necessary"))
    assert "'hotjar': what needs consent comes first, so it waits for analytics" in declared
    assert len(clashes(code=("basket", "necessary"))) == 1


def test_a_cookie_that_only_the_code_says_needs_consent_waits_and_is_told() -> None:
    [told] = clashes(cookies("themes", "necessary", "them*"), code=("theme", "preferences"))
    assert "'theme' is declared as preferences, but is necessary as a cookie of 'themes'" in told
    assert "what needs consent comes first, so it waits for preferences" in told


def test_where_both_need_consent_the_file_comes_first() -> None:
    [told] = clashes(cookies("themes", "preferences", "theme"), code=("theme", "marketing"))
    assert "'themes': the policy file comes first, so it waits for preferences" in told


def test_a_cookie_of_the_file_that_a_known_service_takes_is_told() -> None:
    told, _ = clashes(cookies("mine", "necessary", "_hjid", "basket"))
    assert told.startswith("services.mine.cookies._hjid: '_hjid' is declared as necessary, but is analytics")
    # Nor does a yes bring it back: whoever else sets it, nobody was told of them.
    told, _ = clashes(cookies("mine", "analytics", "_hjid"))
    assert "even after a yes" in told
    assert len(clashes({"id": "hotjar", "category": "necessary"})) == 1


def test_code_that_says_less_than_the_file_of_one_cookie_is_told_that_the_file_counts() -> None:
    [told, note] = clashes(cookies("mine", "necessary", "basket*"), code=("basket", "necessary"))
    assert "'basket' is a cookie of 'mine' in the policy too" in told
    assert "the policy counts" in told
    assert note.startswith(ASKED_IN_VAIN)


@pytest.mark.parametrize("domain", ["host", ["eu.shop.example"]])
def test_hosts_that_ask_for_themselves_are_told_what_they_share_all_the_same(domain: Any) -> None:
    """L14: a tracker on the site's domain comes to every host, so a no on any of them ends it."""
    [found] = findings(cookies={"domain": domain})
    assert (found.severity, found.place) == ("note", "cookies.domain")
    assert "_ga" in found.message
    assert "_ga_*" not in found.message
    nothing_shared = findings(cookies={"domain": domain}, services=["youtube"])
    assert "cookies.domain" not in {finding.place for finding in nothing_shared}
    assert findings(cookies={"domain": "site"}) == []


@pytest.mark.parametrize(
    ("yes", "no", "said"),
    [
        ("Super, j'accepte!", "non", "exclamation mark"),
        ("Tout accepter 🎉", "Tout refuser", "emoji"),
        ("✓ Tout accepter", "Tout refuser", "emoji"),
        ("TOUT ACCEPTER", "Tout refuser", "all capitals"),
        ("Tout accepter", "Tout refuser et perdre des fonctions utiles", "times as long"),
        ("Tout accepter", "Non", "times as long"),
        ("Volontiers", "Tout refuser", "cheers"),
        ("Tout accepter", "Version dégradée", "look bad"),
        ("Continuer", "continuer", "the same"),
    ],
)
def test_buttons_that_invite_to_a_yes_are_warned_of_with_the_law(yes: str, no: str, said: str) -> None:
    """L2, L17, L18: one language, one warning."""
    [found] = findings(texts={"fr": {"buttons": {"accept": yes, "reject": no}}})
    assert (found.severity, found.place) == ("warning", "texts.fr.buttons")
    assert said in found.message
    assert "2020-092" in found.source


@pytest.mark.parametrize(
    ("yes", "no"), [("Oui", "Non"), ("J’accepte tout", "Je refuse tout"), ("OUI !", "NON !"), ("Ja", "Nein")]
)
def test_buttons_that_are_put_alike_are_not(yes: str, no: str) -> None:
    assert findings(texts={"fr": {"buttons": {"accept": yes, "reject": no}}}) == []


def test_one_answer_in_words_of_the_site_s_own_beside_one_of_ours_is_warned_of() -> None:
    """L2: ours were chosen to stand beside each other."""
    [found] = findings(texts={"fr": {"buttons": {"accept": "OK, tout"}}})
    assert (found.severity, found.place) == ("warning", "texts.fr.buttons")
    assert "only accept is your own" in found.message


def test_another_way_in_one_text_for_all_languages_is_warned_of() -> None:
    """B14."""
    site = policy()["site"] | {"languages": ["fr", "en"]}

    def ways(text: object) -> list[Finding]:
        instead = {"href": "/films", "text": text}
        services = ["google-analytics", "meta-pixel", {"id": "youtube", "instead": instead}]
        return findings(site=site, services=services)

    [found] = ways("Our films")
    assert (found.severity, found.place) == ("warning", "services.youtube.instead.text")
    assert 'text = { fr = "…", en = "…" }' in found.message
    assert ways({"fr": "Nos films", "en": "Our films"}) == []


def test_names_and_addresses_that_are_still_the_template_s_are_warned_of() -> None:
    """E14."""
    site = policy()["site"] | {"name": "My site", "contact": "privacy@example.com"}
    services = ["google-analytics", "meta-pixel", visits(vendor="My Company Ltd")]
    found = findings(site=site, services=services)
    assert [each.place for each in found] == ["site.name", "site.contact", "services.visits.vendor"]
    assert {each.severity for each in found} == {"warning"}
    template = lint(resolve(read_toml(TEMPLATE.read_text("utf-8"), "the template")))
    assert [each.place for each in template] == ["site.name", "site.controller", "site.contact"]
