"""The policy document: every mistake at once, each with its place and the allowed values."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from sample import policy, visits

from consentkit.errors import PolicyError, Problem
from consentkit.policy.document import PolicyDocument, parse, schema
from consentkit.policy.reading import read_json, read_toml
from consentkit.policy.version import from_bytes, resolve
from consentkit.policy.wanted import WANTED
from consentkit.policy.words import locales, texts

TRACKERS_MONTHS = ("preferences_months", "analytics_months", "marketing_months")


def problems_of(raw: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(PolicyError) as caught:
        parse(raw)
    return {problem.path: problem for problem in caught.value.problems}


def only_problem(raw: dict[str, Any]) -> Problem:
    with pytest.raises(PolicyError) as caught:
        parse(raw)
    [problem] = caught.value.problems
    str(problem).encode()
    return problem


def with_site(**changes: Any) -> dict[str, Any]:
    raw = policy()
    raw["site"].update(changes)
    return raw


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
        "services.gogle-ads",
        "lifetimes.consent_months",
        "categories.1",
        "colour",
        "site.languages.1",
    }
    assert "did you mean 'google-ads'" in found["services.gogle-ads"].message
    assert "consentkit services" in found["services.gogle-ads"].message
    assert found["categories.1"].allowed == ("preferences", "analytics", "marketing")
    assert "services" in found["colour"].allowed
    assert found["site.languages.1"].allowed == locales()


def test_a_choice_can_never_be_made_to_last_longer_than_six_months() -> None:
    """A1: six calendar months and no longer."""
    assert "lifetimes.consent_months" in problems_of(policy(lifetimes={"consent_months": 7}))


@pytest.mark.parametrize(
    ("field", "most", "why"),
    [
        ("refusal_months", 12, "no authority asks"),
        ("preferences_months", 12, "comfort"),
        ("analytics_months", 13, "thirteen months"),
        ("marketing_months", 13, "thirteen months"),
    ],
)
def test_every_lifetime_has_a_most_and_says_why(field: str, most: int, why: str) -> None:
    """L3, B3, B6, B7."""
    assert getattr(parse(policy(lifetimes={field: most}))[0].lifetimes, field) == most
    for months in (0, -1, most + 1, True, "6"):
        problem = only_problem(policy(lifetimes={field: months}))
        assert problem.path == f"lifetimes.{field}"
        assert problem.message.startswith(f"must be a whole number from 1 to {most} (")
        assert why in problem.message


def test_who_refuses_is_never_asked_again_sooner_than_who_accepts() -> None:
    """L3."""
    parse(policy(lifetimes={"consent_months": 3, "refusal_months": 3}))
    assert parse(policy(lifetimes={"consent_months": 3}))[0].lifetimes.refusal_months == 6
    problem = only_problem(policy(lifetimes={"consent_months": 4, "refusal_months": 3}))
    assert problem.path == "lifetimes.refusal_months"
    assert problem.message.startswith("must be at least consent_months (4), not 3: ")
    assert only_problem(policy(lifetimes={"refusal_months": 5})).message.startswith("must be at least")
    # What is wrong by itself isn't compared.
    assert only_problem(policy(lifetimes={"consent_months": 7, "refusal_months": 2})).path.endswith(
        "consent_months"
    )


@pytest.mark.parametrize("domain", ["site", "host", ["shop.example"], ["shop.example", "www.shop.fr"]])
@pytest.mark.parametrize("undeclared", ["report", "strict"])
def test_cookies_have_a_mode_and_a_scope(domain: object, undeclared: str) -> None:
    """E13."""
    cookies = parse(policy(cookies={"undeclared": undeclared, "domain": domain}))[0].cookies
    assert (cookies.undeclared, cookies.domain) == (undeclared, domain)
    defaults = parse(policy())[0].cookies
    assert (defaults.undeclared, defaults.domain) == ("report", "site")


@pytest.mark.parametrize("scope", [7, None, "wide", [], [7], ["shop.example", 7], {"a": 1}, True])
def test_a_scope_of_another_shape_is_one_mistake_that_says_which_there_are(scope: object) -> None:
    problem = only_problem(policy(cookies={"domain": scope}))
    assert problem.path == "cookies.domain"
    assert problem.message == f'must be "site", "host", or a list of one domain or more, not {scope!r}'


@pytest.mark.parametrize(
    "domain",
    [
        *(
            "co.uk",
            "github.io",
            "localhost",
            "127.0.0.1",
            "Shop.example",
            "straße.example",
            "shop.example:443",
        ),
        *("https://shop.example", "shop.example.", ".shop.example", "*.shop.example", "", "a b.example"),
    ],
)
def test_a_choice_is_shared_on_domains_of_the_site_s_own_alone(domain: str) -> None:
    problem = only_problem(policy(cookies={"domain": ["shop.example", domain]}))
    assert problem.path == "cookies.domain.1"
    assert problem.message.startswith("must be a domain of this site's own such as example.com")


def test_everything_wrong_with_cookies_is_told_at_once() -> None:
    found = problems_of(policy(cookies={"undeclared": "cut", "domain": ["a.fr", "a.fr", "fr"], "more": 1}))
    assert found["cookies.undeclared"].allowed == ("report", "strict")
    assert found["cookies.domain.1"].message == "'a.fr' is listed twice"
    assert found["cookies.more"].allowed == ("undeclared", "domain")
    assert "cookies.domain.2" in found
    assert len(found) == 4
    assert only_problem(policy(cookies=7)).message == "must be a table, not 7"


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
    own = visits(cookies=["_visit"], policy_url="https://shop.example/privacy")
    _, services = parse(policy(services=[own]))
    assert services["visits"].cookies[0].name == "_visit"


def test_an_incomplete_service_names_each_missing_field() -> None:
    found = problems_of(policy(services=[{"id": "visits", "category": "functional"}]))
    assert {f"services.visits.{field}" for field in ("name", "vendor", "country", "category")} <= set(found)


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


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_json, '{"texts": ' + "[" * 100_000 + "]" * 100_000 + "}"),
        (read_toml, "texts = " + "[" * 100_000 + "]" * 100_000),
        (read_toml, "texts = " + "{a=" * 5_000 + "1" + "}" * 5_000),
        (read_json, '{"a": ' + "9" * 5_000 + "}"),
        (read_toml, "a = " + "9" * 5_000),
    ],
    ids=["deep json", "deep toml lists", "deep toml tables", "long json number", "long toml number"],
)
def test_what_python_itself_can_not_read_is_refused_in_words(read: Any, text: str) -> None:
    """A14."""
    with pytest.raises(PolicyError) as caught:
        read(text, "consent.file")
    [problem] = caught.value.problems
    assert problem.path == "consent.file"
    assert re.search("nested too deeply|too many digits", problem.message)
    assert "sys." not in problem.message


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert read_toml("\ufeffa = 1", "consent.toml") == {"a": 1}
    assert read_json('\ufeff{"a": 1}', "consent.json") == {"a": 1}


def test_a_document_nested_in_itself_is_refused() -> None:
    around: list[Any] = []
    around += [around, around]
    assert all(
        "nested too deeply" in problem.message for problem in problems_of(policy(services=around)).values()
    )
    dotted = read_toml(f"[{'.'.join('a' * 500)}]", "consent.toml")
    assert "nested too deeply" in only_problem(policy(texts=dotted)).message


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (with_site(name="a\ud800"), "site.name"),
        (with_site(languages=["en", "\udfff"]), "site.languages.1"),
        (policy(texts={"en": {"title": "\udc80"}}), "texts.en.title"),
        (policy(texts={"en": {"body": ["\udc80"]}}), "texts.en.body.0"),
        (policy(texts={"en\udc80": {}}), "texts"),
        (policy(**{"\udc80": 1}), "policy"),
        (policy(services=["\udc80"]), "services.0"),
        (policy(services=[{"id": "youtube", "vendor": "\udc80"}]), "services.0.vendor"),
        (policy(lifetimes={"consent_months": 10**5000}), "lifetimes.consent_months"),
        (policy(services=[10**5000]), "services.0"),
        (policy(services=[{"id": "youtube", "sources": {1: "https://a.example"}}]), "services.0.sources"),
    ],
)
def test_what_can_not_be_stored_is_one_problem_with_its_place(raw: dict[str, Any], path: str) -> None:
    """A14."""
    assert only_problem(raw).path == path


@pytest.mark.parametrize("value", ["", "  ", "\t", "\u00a0", "a\x07b", "a\nb", "\x85", 3, True, []])
@pytest.mark.parametrize("field", ["name", "controller", "contact", "policy_url"])
def test_a_line_of_text_has_something_to_see_and_nothing_that_acts(field: str, value: object) -> None:
    problem = only_problem(with_site(**{field: value}))
    assert problem.path == f"site.{field}"
    assert problem.message == f"must be {WANTED[problem.path]}, not {value!r}"


def test_a_name_has_at_most_200_characters() -> None:
    parse(with_site(name="é" * 200))
    assert len(only_problem(with_site(name="x" * 10_000)).message) < 200


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "privacy",
        "//evil.example/",
        "/\\evil.example",
        "https://",
        "http:///x",
        "https://shop.example:70000/",
        "https://shop.example/a b",
        "https://me:secret@shop.example/",
    ],
)
def test_a_policy_is_at_an_http_url_or_a_path(url: str) -> None:
    assert only_problem(with_site(policy_url=url)).path == "site.policy_url"


@pytest.mark.parametrize(
    "url", ["/", "/privacy#cookies", "/é?x=1", "http://localhost:8000/p", "https://shop.example:65535?x"]
)
def test_any_http_url_or_path_is_a_good_place_for_a_policy(url: str) -> None:
    assert parse(with_site(policy_url=url))[0].site.policy_url == url


@pytest.mark.parametrize(
    ("changes", "path", "message", "allowed"),
    [
        ({"categories": []}, "categories", "must be a list of one category or more, not []", ()),
        (
            {"categories": "analytics"},
            "categories",
            "must be a list of one category or more, not 'analytics'",
            (),
        ),
        (
            {"categories": ["marketing", "analytics", "marketing"]},
            "categories.2",
            "'marketing' is listed twice",
            (),
        ),
        (
            {"categories": ["analytics", "necessary"]},
            "categories.1",
            "must be a category a visitor can be asked about, not 'necessary'",
            ("preferences", "analytics", "marketing"),
        ),
        (
            {"categories": ["analytics"], "services": ["google-analytics", "meta-pixel"]},
            "services.meta-pixel",
            "'meta-pixel' belongs to marketing, which is not among categories: add it there",
            ("necessary", "analytics"),
        ),
        ({"services": 7}, "services", "must be a list of services, not 7", ()),
        ({"site": 7}, "site", "must be a table, not 7", ()),
        ({"texts": 7}, "texts", "must be a table of languages, not 7", ()),
        ({"texts": {"en": 7}}, "texts.en", "must be a table of texts, not 7", ()),
        (
            {"lifetimes": {"consent_months": 12}},
            "lifetimes.consent_months",
            "must be a whole number from 1 to 6 (a choice counts for six months), not 12",
            (),
        ),
        (
            {"lifetimes": {"consent_months": 1.5}},
            "lifetimes.consent_months",
            "must be a whole number from 1 to 6 (a choice counts for six months), not 1.5",
            (),
        ),
        (
            {"lifetimes": {"months": 2}},
            "lifetimes.months",
            "is not a field of this table",
            ("consent_months", "refusal_months", *TRACKERS_MONTHS),
        ),
    ],
)
def test_each_mistake_is_one_message_in_our_own_words(
    changes: dict[str, Any], path: str, message: str, allowed: tuple[str, ...]
) -> None:
    assert only_problem(policy(**changes)) == Problem(path, message, allowed)


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"languages": []}, "site.languages", "must be a list of one language or more, not []"),
        ({"languages": "en"}, "site.languages", "must be a list of one language or more, not 'en'"),
        ({"languages": [1]}, "site.languages.0", "must be a language, not 1"),
        ({"languages": ["en", "fr", "en"]}, "site.languages.2", "'en' is listed twice"),
        ({"languages": ["xx"]}, "site.languages.0", "'xx' has no texts"),
        ({"default_language": ""}, "site.default_language", "'' is not among site.languages"),
        ({"default_language": 1}, "site.default_language", "must be a language, not 1"),
    ],
)
def test_a_mistake_in_the_languages_is_told_once(changes: dict[str, Any], path: str, message: str) -> None:
    problem = only_problem(with_site(**changes))
    assert (problem.path, problem.message) == (path, message)


def test_pages_report_strangers_and_refuse_the_unreadable_unless_told_otherwise() -> None:
    pages = parse(policy())[0].pages
    assert (pages.third_parties, pages.unreadable) == ("report", "refuse")
    assert (pages.allow, pages.aliases) == ([], [])


def test_a_host_can_be_let_through_by_any_pattern_a_service_may_use() -> None:
    hosts = ["cdn.example.com", "*.example.com", "localhost:8000", "cdn.example.com/lib/"]
    assert parse(policy(pages={"allow": hosts}))[0].pages.allow == hosts


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.com", "https://cdn.example.com", "CDN.example.com", "cdn.example.com:99999", "a b", "é.fr"],
)
def test_a_host_that_is_no_pattern_is_refused_with_the_form_it_has(host: str) -> None:
    problem = only_problem(policy(pages={"allow": ["cdn.example.com", host]}))
    assert problem.path == "pages.allow.1"
    assert "host[:port][/path-prefix]" in problem.allowed


@pytest.mark.parametrize("host", ["https://cdn.example.com", "", "a b"])
def test_a_host_of_the_wrong_form_is_told_in_a_sentence(host: str) -> None:
    message = only_problem(policy(pages={"allow": [host]})).message
    wanted = "must be a host such as cdn.example.com or *.example.com, without https://"
    assert message == f"{wanted}, not {host!r}"


@pytest.mark.parametrize("host", ["static.hotjar.com", "*.hotjar.com", "script.hotjar.com/x/"])
def test_a_known_tracker_cannot_be_let_through(host: str) -> None:
    table = {"allow": ["cdn.example.com", host], "unreadable": "never"}
    found = problems_of(policy(pages=table))
    assert found["pages.allow.1"].message == "is a known tracker's ('hotjar'): declare the service instead"
    assert set(found) == {"pages.allow.1", "pages.unreadable"}


def test_a_declared_service_decides_about_its_hosts_alone() -> None:
    raw = policy(services=["hotjar"], pages={"allow": ["static.hotjar.com"]})
    assert only_problem(raw).message == "is of 'hotjar', which is declared: take it off this list"
    raw = policy(services=[{"id": "hotjar", "category": "necessary"}], pages={"allow": ["static.hotjar.com"]})
    assert parse(raw)[0].pages.allow == ["static.hotjar.com"]


@pytest.mark.parametrize("host", ["com.example", "*.google.com", "hotjar.com.example", "www.google.com"])
def test_a_host_that_is_more_than_a_trackers_can_be_let_through(host: str) -> None:
    assert parse(policy(pages={"allow": [host]}))[0].pages.allow == [host]


def test_everything_wrong_with_pages_is_told_at_once() -> None:
    table = {
        "third_parties": "off",
        "allow": [7, "x.example", "x.example"],
        "aliases": ["onetrst"],
        "more": 1,
    }
    found = problems_of(policy(pages=table | {"unreadable": None, "guard": "yes"}))
    assert str(found["pages.third_parties"]) == (
        "pages.third_parties: must be one of two words, not 'off' (allowed: report, strict)"
    )
    assert found["pages.unreadable"].allowed == ("refuse", "pass")
    assert str(found["pages.guard"]) == "pages.guard: must be true or false, not 'yes'"
    assert found["pages.allow.0"].message == "must be a host such as cdn.example.com or *.example.com, not 7"
    assert found["pages.allow.2"].message == "'x.example' is listed twice"
    assert "onetrust" in found["pages.aliases.0"].allowed
    assert found["pages.more"].allowed == ("third_parties", "allow", "aliases", "unreadable", "guard")
    assert len(found) == 7


@pytest.mark.parametrize(
    ("pages", "path"),
    [(7, "pages"), ({"allow": "x.example"}, "pages.allow"), ({"aliases": {"a": 1}}, "pages.aliases")],
)
def test_pages_of_another_shape_are_one_mistake(pages: object, path: str) -> None:
    assert only_problem(policy(pages=pages)).path == path


def test_the_schema_states_the_bounds_and_the_scopes() -> None:
    tables = schema()["$defs"]
    months = tables["Lifetimes"]["properties"]["refusal_months"]
    assert (months["minimum"], months["maximum"], months["default"]) == (1, 12, 6)
    scope = tables["Cookies"]["properties"]["domain"]
    assert scope["default"] == "site"
    assert [each.get("enum", each.get("type")) for each in scope["anyOf"]] == [["site", "host"], "array"]


def test_the_schema_lists_the_languages() -> None:
    languages = schema()["$defs"]["Site"]["properties"]["languages"]
    assert languages["minItems"] == 1
    assert languages["items"] == {"type": "string", "enum": list(locales())}


def test_the_schema_names_every_text_in_every_language() -> None:
    """What an editor completes is what `parse` takes: each shipped text, every form of what is counted."""
    table = schema()["properties"]["texts"]
    assert table["propertyNames"]["enum"] == list(locales())
    for locale in locales():
        assert [*unsaid(texts(locale, {}), table["additionalProperties"], locale)] == []
    own = {"en": {"buttons": {"acept": "Yes"}}}
    assert [*unsaid(own["en"], table["additionalProperties"], "en")] == ["en.buttons.acept"]


def unsaid(value: Any, described: Any, path: str) -> Iterator[str]:
    """Where a value isn't as its schema says, as far as ours say anything."""
    kind = {dict: "object", list: "array", str: "string"}[type(value)]
    if kind != described.get("type") or value not in described.get("enum", [value]):
        yield path
    elif kind == "object":
        assert described["additionalProperties"] is False
        for key, each in value.items():
            member = described["properties"].get(key)
            yield from unsaid(each, member, f"{path}.{key}") if member else [f"{path}.{key}"]
    elif kind == "array":
        assert described["minItems"] <= len(value) <= described.get("maxItems", len(value))
        for each in value:
            yield from unsaid(each, described["items"], path)


def test_the_schema_lists_the_modes_and_the_tools() -> None:
    fields = schema()["$defs"]["Pages"]["properties"]
    assert fields["third_parties"]["enum"] == ["report", "strict"]
    assert "onetrust" in fields["aliases"]["items"]["enum"]


def test_texts_are_only_for_languages_the_site_lists() -> None:
    raw = policy(texts={"fr": {"title": "Biscuits"}})
    raw["site"]["languages"] = ["en"]
    assert only_problem(raw) == Problem("texts.fr", "is not among site.languages", ("en",))
    del raw["site"]["languages"]
    assert only_problem(raw).path == "texts.fr"


def test_every_field_says_what_it_wants() -> None:
    def paths(model: type[BaseModel], path: str = "") -> set[str]:
        found = set()
        for name, field in model.model_fields.items():
            found.add(path + name)
            within = f"{name}.*." if get_origin(field.annotation) in (dict, list) else f"{name}."
            for inner in (field.annotation, *get_args(field.annotation)):
                if isinstance(inner, type) and issubclass(inner, BaseModel):
                    found |= paths(inner, path + within)
        return found

    assert {path for path in WANTED if not path.endswith(("*", "]"))} == paths(PolicyDocument)


# Retention ----------------------------------------------------------------------------------------------


def test_how_long_records_are_kept_has_no_default_and_needs_a_reason() -> None:
    """A16."""
    assert parse(policy())[0].retention is None
    assert {"retention.months", "retention.reason"} <= set(problems_of(policy(retention={})))
    kept = {"months": 24, "reason": "claims can be made for two years"}
    retention = parse(policy(retention=kept))[0].retention
    assert retention is not None
    assert retention.model_dump() == kept
    assert "whole number from 1 to 1200" in only_problem(policy(retention=kept | {"months": 0})).message
    assert only_problem(policy(retention=kept | {"years": 2})).path == "retention.years"


def test_no_record_goes_while_the_answer_in_it_counts() -> None:
    kept = {"months": 6, "reason": "as long as answers count"}
    parse(policy(retention=kept))
    problem = only_problem(policy(retention=kept, lifetimes={"refusal_months": 9}))
    assert problem.path == "retention.months"
    assert "at least 9, not 6" in problem.message


def test_a_policy_without_a_rule_is_the_version_it_was() -> None:
    assert b"retention" not in resolve(policy()).body
    kept = resolve(policy(retention={"months": 24, "reason": "claims"}))
    assert from_bytes(kept.body).retention == kept.retention
    assert from_bytes(resolve(policy()).body).retention is None
