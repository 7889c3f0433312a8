"""The policy document: every mistake at once, each with its place and the allowed values."""

from typing import Any

import pytest
from sample import policy

from consentkit.errors import PolicyError
from consentkit.policy.document import parse, read_json, read_toml, schema


def problems_of(raw: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(PolicyError) as caught:
        parse(raw)
    return {problem.path: problem for problem in caught.value.problems}


def test_a_good_document_gives_its_services() -> None:
    document, services = parse(policy())
    assert document.lifetimes.consent_months == 6
    assert list(services) == ["google-analytics", "meta-pixel", "youtube"]


def test_five_mistakes_give_five_messages() -> None:
    raw = policy(
        services=["google-analytics", "gogle-ads"],
        lifetimes={"consent_months": 12},
        categories=["analytics", "functional"],
        colour="red",
    )
    raw["site"]["languages"] = ["en", "xx"]
    found = problems_of(raw)
    assert set(found) == {
        "services.1",
        "lifetimes.consent_months",
        "categories.1",
        "colour",
        "site.languages.1",
    }
    assert "google-ads" in found["services.1"].allowed
    assert found["categories.1"].allowed == ("preferences", "analytics", "marketing")
    assert "services" in found["colour"].allowed
    assert found["site.languages.1"].allowed == ("de", "en", "fr")


def test_a_choice_can_never_be_made_to_last_longer_than_six_months() -> None:
    """A1: six calendar months and no longer."""
    assert "lifetimes.consent_months" in problems_of(policy(lifetimes={"consent_months": 7}))


def test_functional_is_no_category() -> None:
    """The word means opposite things to different tools (requirements §5.1)."""
    assert "categories.0" in problems_of(policy(categories=["functional"]))


def test_a_table_adds_the_site_s_own_endpoint_to_a_known_service() -> None:
    raw = policy(services=[{"id": "posthog", "urls": ["stats.shop.example/ph/"]}])
    _, services = parse(raw)
    urls = [(pattern.match, pattern.source) for pattern in services["posthog"].urls]
    assert ("stats.shop.example/ph/", "declared") in urls
    assert len(urls) > 1
    assert services["posthog"].cookies


def test_a_table_with_a_new_id_is_a_service_of_its_own() -> None:
    own = {
        "id": "visits",
        "name": "Visit counter",
        "vendor": "Corner Shop SAS",
        "country": "FR",
        "category": "analytics",
        "purposes": ["audience-measurement"],
        "policy_url": "https://shop.example/privacy",
        "cookies": ["_visit"],
    }
    _, services = parse(policy(services=[own]))
    assert services["visits"].cookies[0].name == "_visit"


def test_an_incomplete_service_names_each_missing_field() -> None:
    found = problems_of(policy(services=[{"id": "visits", "category": "functional"}]))
    assert {"services.0.name", "services.0.vendor", "services.0.country", "services.0.category"} <= set(found)


def test_the_same_service_twice_is_a_mistake() -> None:
    assert "services.1" in problems_of(policy(services=["youtube", "youtube"]))


def test_texts_are_checked_against_the_shipped_ones() -> None:
    raw = policy(texts={"en": {"titel": "Hi", "buttons": {"accept": 3}}, "xx": {}})
    assert set(problems_of(raw)) == {"texts.en.titel", "texts.en.buttons.accept", "texts.xx"}


def test_the_default_language_must_be_offered() -> None:
    raw = policy()
    raw["site"]["default_language"] = "it"
    assert problems_of(raw)["site.default_language"].allowed == ("en", "fr", "de")


@pytest.mark.parametrize("raw", [{}, {"site": 3}, {"site": {}, "services": 7}, {"texts": 1, "site": None}])
def test_a_document_of_the_wrong_shape_is_refused_in_words(raw: dict[str, Any]) -> None:
    assert problems_of(raw)


def test_broken_toml_and_json_name_the_file_and_the_line() -> None:
    with pytest.raises(PolicyError, match=r"consent\.toml: is not valid TOML.*line 2"):
        read_toml("[site]\nname = red\n", "consent.toml")
    with pytest.raises(PolicyError, match=r"consent\.json: is not valid JSON.*line 1"):
        read_json("{,}", "consent.json")
    with pytest.raises(PolicyError, match="must be a JSON object"):
        read_json("[]", "consent.json")


def test_the_schema_lists_the_known_services() -> None:
    listed = schema()["properties"]["services"]["items"]["anyOf"][0]["enum"]
    assert "google-tag-manager" in listed
