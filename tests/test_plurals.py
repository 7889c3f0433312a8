"""How languages count: CLDR's rules, beside babel's."""

import pytest
from babel import Locale

from consentkit.policy.notice import lifetime_text
from consentkit.policy.plurals import FAMILIES, form_of, forms_of
from consentkit.policy.words import locales, texts

UNITS = ("year", "month", "week", "day", "hour", "minute")
SPOKEN = {
    "one": "de",
    "one-zero": "fr",
    "other": "ja",
    "icelandic": "is",
    "balkan": "hr",
    "slavic": "ru",
    "polish": "pl",
    "czech": "cs",
    "slovene": "sl",
    "lithuanian": "lt",
    "latvian": "lv",
    "romanian": "ro",
    "maltese": "mt",
    "irish": "ga",
    "welsh": "cy",
    "hebrew": "he",
    "arabic": "ar",
}


def cldr(locale: str) -> Locale:
    """Ours without a land is Portugal's, which is CLDR's pt-PT; CLDR's is Brazil's."""
    return Locale.parse("pt-PT" if locale == "pt" else locale, sep="-")


def forms(family: str) -> list[str]:
    return [form_of(family, n) for n in range(1001)]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_family_counts_as_cldr_does(family: str) -> None:
    rule = cldr(SPOKEN[family]).plural_form
    assert forms(family) == [rule(n) for n in range(1001)]
    assert {*forms(family), "other"} == set(forms_of(family)), "no form is there for nothing"


@pytest.mark.parametrize("locale", locales())
def test_a_language_is_of_its_family_and_has_a_word_for_every_form(locale: str) -> None:
    words = texts(locale, {})
    rule = cldr(locale).plural_form
    assert forms(words["plural"]) == [rule(n) for n in range(1001)]
    for unit in UNITS:
        assert tuple(words["lifetimes"][unit]) == forms_of(words["plural"])


@pytest.mark.parametrize("locale", locales())
def test_only_a_word_that_says_its_number_leaves_it_out(locale: str) -> None:
    """Such as a dual; a form of several numbers has to name the one."""
    words = texts(locale, {})
    for unit in UNITS:
        for form, text in words["lifetimes"][unit].items():
            numbers = [n for n in range(1001) if form_of(words["plural"], n) == form]
            assert "{n}" in text or len(numbers) == 1


def test_a_site_s_own_forms_are_counted_with() -> None:
    own = {"lifetimes": {"month": {"one": "a single month"}}}
    words = texts("en", own)
    assert lifetime_text("P1M", words, 13) == "a single month"
    assert lifetime_text("P2M", words, 13) == "2 months"
