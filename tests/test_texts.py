"""The shipped texts, language by language: complete, in the language, with what has to be said (L2, B18)."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from babel import Locale

from consentkit.policy.plurals import FAMILIES
from consentkit.policy.words import locales, texts

ENGLISH = texts("en", {})
COUNTED = re.compile(r"\.lifetimes\.(?:year|month|week|day|hour|minute)$")
"""Their forms are test_plurals'."""

FACTS = {".dir", ".plural", ".dates.pattern", *(f".dates.months.{place}" for place in range(12))}
SAME = {
    "Marketing": {"cs", "de", "es", "fr", "hr", "hu", "nl", "pl", "pt", "pt-BR", "ro", "sk"},
    "Services": {"fr"},
    "{n} minute": {"fr", "hr", "ro", "sl"},
    "{n} minutes": {"fr"},
    "{n} week": {"nl"},
}
"""Words that these languages write as English does."""


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Every key on every level, in order; of a counted word only the word."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield f"{path}.{key}"
            if not COUNTED.search(f"{path}.{key}"):
                yield from keys(each, f"{path}.{key}")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    else:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, f"{path}.{key}")


def counted(path: str) -> bool:
    return COUNTED.search(path.rpartition(".")[0]) is not None


@pytest.mark.parametrize("locale", locales())
def test_each_language_has_every_text_with_the_same_placeholders(locale: str) -> None:
    own = texts(locale, {})
    assert list(keys(own)) == list(keys(ENGLISH))
    assert all(text == text.strip() != "" for _, text in leaves(own))
    holes = {path: sorted(re.findall(r"\{(\w+)\}", text)) for path, text in leaves(own) if not counted(path)}
    assert holes == {
        path: sorted(re.findall(r"\{(\w+)\}", text)) for path, text in leaves(ENGLISH) if not counted(path)
    }
    assert all(text.count("{") == len(re.findall(r"\{\w+\}", text)) for _, text in leaves(own))


@pytest.mark.parametrize("locale", locales())
def test_each_file_says_what_language_it_is_and_how_that_is_written(locale: str) -> None:
    own = texts(locale, {})
    assert own["locale"] == locale
    direction = "rtl" if Locale.parse(locale, sep="-").character_order == "right-to-left" else "ltr"
    assert own["dir"] == direction
    assert own["plural"] in FAMILIES
    assert len(own["dates"]["months"]) == 12


@pytest.mark.parametrize("locale", locales())
def test_files_are_written_alike(locale: str) -> None:
    """So that a language's differences from another show line by line."""
    text = (files("consentkit.policy") / "texts" / f"{locale}.json").read_text("utf-8")
    assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"


@pytest.mark.parametrize("locale", [each for each in locales() if each != "en"])
def test_nothing_is_left_in_english(locale: str) -> None:
    english = {text for path, text in leaves(ENGLISH) if path not in FACTS and re.search(r"[a-z]{2}", text)}
    left = {text for path, text in leaves(texts(locale, {})) if text in english and path not in FACTS}
    assert left == {text for text, written in SAME.items() if locale in written}


@pytest.mark.parametrize("locale", locales())
def test_the_notice_says_how_long_a_choice_lasts_and_how_to_change_it(locale: str) -> None:
    """L2."""
    own = texts(locale, {})
    for body in (own["body"], own["opt_out"]["body"]):
        assert "{months}" in body[-1]
        assert own["page"]["manage"] in body[-1]
    assert own["labels"]["unblock"] == own["page"]["manage"]


@pytest.mark.parametrize("locale", locales())
def test_yes_and_no_are_said_alike(locale: str) -> None:
    """L17: neither is longer than the other by half, and neither is the other."""
    yes, no = (texts(locale, {})["buttons"][each] for each in ("accept", "reject"))
    assert yes != no
    assert max(len(yes), len(no)) <= 1.5 * min(len(yes), len(no))


@pytest.mark.parametrize("locale", locales())
def test_what_names_a_button_names_it_as_it_is_written(locale: str) -> None:
    own = texts(locale, {})
    assert own["buttons"]["accept"] in own["signal"]["beforehand"]
