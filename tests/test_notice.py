"""The notice: complete, in the visitor's language, with the lives that are enforced (L2, L20, B18)."""

import json
from hashlib import sha256
from typing import Any

import pytest
from sample import policy, visits

from consentkit.policy.difference import changes
from consentkit.policy.notice import SECOND_WORDS, compose, lifetime_text, stored_notice, under
from consentkit.policy.version import Policy, resolve
from consentkit.policy.words import locales, texts


def shown(policy: Policy, locale: str) -> Any:
    return compose(policy, locale, "/consent")


@pytest.mark.parametrize("locale", ["en", "fr", "de"])
def test_it_names_every_declared_service_with_its_vendor(locale: str) -> None:
    notice = shown(resolve(policy()), locale)
    services = {s["id"]: s for category in notice["categories"] for s in category["services"]}
    assert set(services) == {"consentkit", "google-analytics", "meta-pixel", "youtube"}
    assert all(service["vendor"] and service["purposes"] for service in services.values())
    assert services["meta-pixel"]["country"] == "US"
    assert notice["locale"] == locale


def test_what_we_keep_ourselves_stands_in_it_too() -> None:
    """A16: the memory of the choice is itself told."""
    necessary = shown(resolve(policy()), "en")["categories"][0]
    assert necessary["services"][0]["trackers"] == [
        {"name": "consentkit", "lifetime": "6 months"},
        {"name": "consentkit_allows", "lifetime": "6 months"},
        {"name": "consentkit_seen", "lifetime": "13 months"},
        {"name": "sessionStorage.consentkit", "lifetime": "until you close the tab"},
    ]
    longer = shown(resolve(policy(lifetimes={"consent_months": 3, "refusal_months": 9})), "en")
    kept = [each["lifetime"] for each in longer["categories"][0]["services"][0]["trackers"]]
    assert kept[:3] == ["9 months", "9 months", "13 months"]


def test_it_says_whose_site_it_is_and_how_long_a_choice_lasts() -> None:
    notice = shown(resolve(policy(lifetimes={"consent_months": 3})), "en")
    assert "Corner Shop" in notice["title"]
    assert "lasts 3 months if you accept and 6 months if you reject." in " ".join(notice["body"])
    assert not any("{" in text for text in (notice["title"], *notice["body"], notice["purposes_intro"]))


@pytest.mark.parametrize(
    ("locale", "one", "other"),
    [
        ("en", "lasts 1 month.", "lasts 6 months."),
        ("fr", "valable 1 mois.", "valable 6 mois."),
        ("de", "gilt 1 Monat.", "gilt 6 Monate."),
    ],
)
def test_one_month_is_not_months(locale: str, one: str, other: str) -> None:
    short = policy(lifetimes={"consent_months": 1, "refusal_months": 1})
    assert one in " ".join(shown(resolve(short), locale)["body"])
    assert other in " ".join(shown(resolve(policy()), locale)["body"])


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en", "lasts 1 month if you accept and 12 months if you reject."),
        ("fr", "valable 1 mois si vous acceptez et 12 mois si vous refusez."),
        ("de", "gilt 1 Monat, wenn Sie zustimmen, und 12 Monate, wenn Sie ablehnen."),
    ],
)
def test_a_refusal_that_lasts_longer_is_told(locale: str, told: str) -> None:
    apart = policy(lifetimes={"consent_months": 1, "refusal_months": 12})
    assert told in " ".join(shown(resolve(apart), locale)["body"])


def test_a_tracker_s_life_is_told_by_its_category_s_cap() -> None:
    cookies = [{"name": "_long", "lifetime": "P2Y"}, {"name": "_short", "lifetime": "P4M"}]
    names = ("necessary", "preferences", "analytics", "marketing")
    services = [visits(id=f"own-{name}", category=name, cookies=cookies) for name in names]
    caps = {"analytics_months": 3}
    notice = shown(resolve(policy(services=services, lifetimes=caps)), "en")
    told = [[t["lifetime"] for t in c["services"][-1]["trackers"]] for c in notice["categories"]]
    assert told == [
        ["12 months", "4 months"],
        ["12 months", "4 months"],
        ["3 months", "3 months"],
        ["13 months", "4 months"],
    ]


def test_a_service_that_stores_nothing_has_an_empty_list() -> None:
    analytics = shown(resolve(policy(services=[visits()])), "en")["categories"][2]
    assert [(s["id"], s["trackers"], s["policy_url"]) for s in analytics["services"]] == [
        ("visits", [], "/privacy")
    ]


def test_storage_is_told_as_cookies_are() -> None:
    """L20: what a page keeps in the browser, whatever it keeps it in."""
    marketing = shown(resolve(policy(services=["meta-pixel"])), "en")["categories"][3]
    trackers = {tracker["name"]: tracker["lifetime"] for tracker in marketing["services"][0]["trackers"]}
    assert trackers["lastExternalReferrer"] == "13 months"
    assert trackers["_fbp"] == "90 days"


@pytest.mark.parametrize(
    ("locale", "cookie", "key"),
    [
        ("en", "until you close the browser", "until you close the tab"),
        ("fr", "jusqu’à la fermeture du navigateur", "jusqu’à la fermeture de l’onglet"),
        ("de", "bis zum Schließen des Browsers", "bis zum Schließen des Tabs"),
    ],
)
def test_a_session_s_storage_ends_with_its_tab_and_its_cookies_with_the_browser(
    locale: str, cookie: str, key: str
) -> None:
    stored = [{"area": "session", "key": "visit"}]
    own = visits(cookies=[{"name": "_visit", "lifetime": "session"}], storage=stored)
    analytics = shown(resolve(policy(services=[own])), locale)["categories"][2]
    assert [each["lifetime"] for each in analytics["services"][0]["trackers"]] == [cookie, key]


def test_what_a_cookie_is_kept_for_is_told_with_its_life() -> None:
    """B2, L20."""
    basket = {"name": "basket", "lifetime": "P14D", "why": "keeps what you chose"}
    own = visits(category="necessary", cookies=[basket, "sid"])
    necessary = shown(resolve(policy(services=[own])), "en")["categories"][0]
    assert necessary["services"][-1]["trackers"] == [
        {"name": "basket", "lifetime": "14 days", "why": "keeps what you chose"},
        {"name": "sid", "lifetime": "until you close the browser"},
    ]


def test_a_vendor_s_own_cookie_lives_as_long_as_the_vendor_says() -> None:
    """No site shortens what is on another one's domain."""
    lowered = policy(services=["meta-pixel"], lifetimes={"marketing_months": 1})
    trackers = shown(resolve(lowered), "en")["categories"][3]["services"][0]["trackers"]
    lives = {tracker["name"]: tracker["lifetime"] for tracker in trackers}
    assert lives["_fbp"] == "1 month"
    assert lives["fr"] == "90 days"


def test_two_files_hold_every_word_and_the_first_one_s_hash_covers_both() -> None:
    """L9, Q2: what is logged of an answer is the first one's."""
    resolved = resolve(policy())
    stored = stored_notice(resolved, "fr", "/consent")
    notice, details = map(json.loads, stored)
    assert notice.pop("details") == sha256(stored[1]).hexdigest()
    for category in notice["categories"]:
        category["services"] = details["services"][category["id"]]
    for table in ("buttons", "labels", "status"):
        assert not notice[table].keys() & details[table].keys()
        notice[table] |= details[table]
    apart = {name: details[name] for name in SECOND_WORDS}
    assert notice | apart == shown(resolved, "fr")


def test_a_category_the_site_does_not_ask_about_is_not_shown() -> None:
    notice = shown(resolve(policy(categories=["analytics"], services=["google-analytics"])), "en")
    assert [category["id"] for category in notice["categories"]] == ["necessary", "analytics"]


def test_the_site_s_own_words_replace_ours() -> None:
    notice = shown(resolve(policy(texts={"en": {"buttons": {"accept": "Yes to all"}}})), "en")
    assert notice["buttons"]["accept"] == "Yes to all"
    assert notice["buttons"]["reject"] == "Reject all"


@pytest.mark.parametrize(
    ("lifetime", "text"),
    [
        ("session", "until you close the browser"),
        ("P2Y", "13 months"),
        ("P400D", "13 months"),
        ("P13M", "13 months"),
        ("P1Y", "1 year"),
        ("P90D", "90 days"),
        ("P1D", "1 day"),
        ("PT30M", "30 minutes"),
        ("PT90S", "2 minutes"),
        ("PT999999999H", "13 months"),
    ],
)
def test_a_tracker_s_life_is_told_as_enforced(lifetime: str, text: str) -> None:
    """B7: nothing outlives thirteen months, so nothing longer is announced."""
    assert lifetime_text(lifetime, texts("en", {}), 13) == text


def test_three_languages_are_shipped() -> None:
    assert {"en", "fr", "de"} <= set(locales())


def test_its_links_lead_to_the_site_s_policy_and_to_the_visitor_s_page() -> None:
    links = shown(resolve(policy()), "en")["links"]
    assert links["policy"]["href"] == "/privacy"
    assert links["details"]["href"] == "/consent/?lang=en"


def test_each_regime_with_something_on_has_words_of_its_own_in_the_one_notice_for_everyone() -> None:
    apart = resolve(policy(regimes={"us": {}, "gb": {"analytics": "exempt-with-objection"}, "fr": {}}))
    notice = shown(apart, "en")
    assert notice["regimes"].keys() == {"us", "gb"}
    assert notice["body"][0].endswith("It uses others only if you agree.")
    american, british = (under(notice, each)["body"] for each in ("us", "gb"))
    assert american[0].endswith("It uses others, for the purposes below, unless you reject them.")
    assert "lasts 6 months if you accept and 12 months if you reject" in american[-1]
    assert british[:2] == notice["body"][:2]
    assert british[-1].startswith(
        "Categories that the law allows without consent are on: Preferences, Analytics."
    )
    assert under(notice, "fr") == notice == under(notice, "unknown")
    fixed = shown(resolve(policy(regime="us")), "en")
    assert (fixed["body"], "regimes" in fixed) == (american, False)


@pytest.mark.parametrize("locale", locales())
def test_no_gap_is_left_open_in_a_regime_s_words(locale: str) -> None:
    site = {**policy()["site"], "languages": [locale]}
    kinds = {"us": {"analytics": "exempt-with-objection"}}
    notice = shown(resolve(policy(site=site, regimes=kinds, consent_mode={"google": "advanced"})), locale)
    assert not [each for each in under(notice, "us")["body"] if "{" in each]


def test_a_tag_that_loads_before_any_answer_is_told_in_every_regime_s_words_and_as_a_change() -> None:
    """L16: nobody is told that a no keeps off what it doesn't."""
    services = ["google-ads", "google-analytics", "meta-pixel"]
    waiting = policy(services=services, regimes={"us": {}, "gb": {}})
    early = resolve({**waiting, "consent_mode": {"google": "advanced"}})
    said = "Loaded even before you choose, and also if you reject: Google Ads, Google Analytics."
    notice = shown(early, "en")
    for regime in ("unknown", "us", "gb"):
        assert [text for text in under(notice, regime)["body"] if text.startswith(said)], regime
    old = resolve(waiting)
    assert not [text for text in shown(old, "en")["body"] if text.startswith("Loaded")]
    assert any(change.added and change.said[0][0].startswith(said) for change in changes(old, early, "en"))
