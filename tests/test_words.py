"""A site's own words: every text checked down to the last string, so that nothing fails later."""

from typing import Any

import pytest
from babel import Locale

from consentkit.errors import Problem
from consentkit.policy.words import filled, listed, locales, text_problems, texts


def problems(own: Any, *offered: str) -> list[Problem]:
    return list(text_problems({"en": own}, offered or None))


def test_words_that_are_words_have_no_problems() -> None:
    for locale in locales():
        assert list(text_problems({locale: texts(locale, {})}, [locale])) == []
    assert problems({"body": ["One.\nTwo.", "\n Three\t"], "dir": "rtl"}) == []


@pytest.mark.parametrize(
    ("own", "path", "message"),
    [
        ({"body": [1, "Two."]}, "texts.en.body.0", "must be a string with words in it, not 1"),
        ({"body": ["One.", ["Two."]]}, "texts.en.body.1", "must be a string with words in it, not ['Two.']"),
        ({"body": []}, "texts.en.body", "must be a list of one string or more, not []"),
        ({"body": "One."}, "texts.en.body", "must be a list of one string or more, not 'One.'"),
        ({"body": ["One.", " "]}, "texts.en.body.1", "must be a string with words in it, not ' '"),
        ({"title": ""}, "texts.en.title", "must be a string with words in it, not ''"),
        ({"title": "\x1b[31m"}, "texts.en.title", "must be a string with words in it, not '\\x1b[31m'"),
        (
            {"buttons": {"accept": " \n"}},
            "texts.en.buttons.accept",
            "must be a string with words in it, not ' \\n'",
        ),
        ({"buttons": "OK"}, "texts.en.buttons", "must be a table, not 'OK'"),
        (
            {"dates": {"months": ["May"]}},
            "texts.en.dates.months",
            "must be a list of twelve strings, not ['May']",
        ),
    ],
)
def test_what_is_no_word_is_one_problem_with_its_place(own: dict[str, Any], path: str, message: str) -> None:
    assert problems(own) == [Problem(path, message)]


@pytest.mark.parametrize("value", ["up", "LTR", "", 1, []])
def test_a_direction_is_left_to_right_or_right_to_left(value: object) -> None:
    assert problems({"dir": value}) == [Problem("texts.en.dir", f"is {value!r}", ("ltr", "rtl"))]


def test_a_language_s_texts_can_not_call_themselves_another() -> None:
    assert problems({"locale": "fr"}) == [Problem("texts.en.locale", "is 'fr'", ("en",))]
    assert problems({"locale": "en"}) == []


def test_how_a_language_counts_is_not_for_a_site_to_say() -> None:
    assert problems({"plural": "slavic"}) == [Problem("texts.en.plural", "is 'slavic'", ("one",))]
    few = problems({"lifetimes": {"day": {"few": "{n} days"}}})
    assert few == [Problem("texts.en.lifetimes.day.few", "is not a text", ("one", "other"))]
    assert problems({"lifetimes": {"day": {"one": "a day"}}, "embed": {"once": "Just now"}}) == []


def test_a_name_that_is_no_text_is_answered_with_those_like_it_and_those_of_its_table() -> None:
    [elsewhere] = problems({"accept": "Fine"})
    assert elsewhere.message == "is not a text: did you mean texts.en.buttons.accept?"
    assert {"title", "buttons"} <= set(elsewhere.allowed)
    assert not {"locale", "dir", "plural"} & set(elsewhere.allowed), "they aren't a site's to say"
    [misspelt] = problems({"buttons": {"acept": "Fine"}})
    assert misspelt.message == "is not a text: did you mean texts.en.buttons.accept?"
    assert set(misspelt.allowed) == set(texts("en", {})["buttons"])
    assert problems({"zzz": "red"})[0].message == "is not a text"


def test_texts_are_for_a_listed_language() -> None:
    assert problems({}, "fr", "de") == [Problem("texts.en", "is not among site.languages", ("fr", "de"))]
    assert problems({}, "en") == []


def test_a_language_that_is_wrong_where_it_is_listed_is_not_told_again() -> None:
    assert list(text_problems({"xx": {}}, ("en", "xx"))) == []
    assert [p.path for p in text_problems({"xx": {}}, ("en",))] == ["texts.xx"]


def test_what_a_text_has_no_value_for_stays_as_it_is() -> None:
    assert filled("{n} of {m} {n", {"n": 2}) == "2 of {m} {n"
    assert filled("{site}: {n}", {"site": "{n}", "n": 2}) == "{n}: 2", "a site may be called that"


def test_a_list_in_a_sentence_is_written_as_its_language_does() -> None:
    """As CLDR has it; where it says "and" between all of them, as in Arabic, with the comma of the script."""
    commas = {}
    for locale in locales():
        middle = Locale.parse(locale, sep="-").list_patterns["standard"]["middle"]
        commas[locale] = listed(["a", "b", "c"], locale)
        if locale != "ar":
            assert commas[locale] == middle.format(middle.format("a", "b"), "c")
    assert (commas["ar"], listed([], "ja")) == ("a، b، c", "")
