"""Which language a visitor gets: the server and the banner choose by the same rules."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.core import get_global

from consentkit.policy.locales import ALIASES, ENDONYMS, chosen
from consentkit.policy.words import locales

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("languages.json").read_text("utf-8"))
BANNER = """
import { pickLocale } from "./static/src/notice.js";
const cases = JSON.parse(process.argv[1]);
const notices = (offered) => Object.fromEntries(offered.map((each) => [each, ""]));
console.log(JSON.stringify(cases.map(({ wishes, offered }) =>
  pickLocale({ notices: notices(offered), locale: "the site's" }, ["", ...wishes]))));
"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{','.join(case['wishes'])} of {case['offered']}")
def test_a_visitor_gets_the_nearest_language_there_is(case: dict[str, Any]) -> None:
    assert chosen(case["wishes"], case["offered"]) == case["chosen"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_banner_chooses_as_the_server_does() -> None:
    node = ["node", "--input-type=module", "--eval", BANNER, json.dumps(CASES)]
    done = subprocess.run(node, cwd=Path(__file__).parent.parent, capture_output=True, check=True)
    assert json.loads(done.stdout) == [case["chosen"] or "the site's" for case in CASES]


def test_where_babel_finds_a_language_it_is_ours() -> None:
    """Of the first wish: it looks neither far up nor sideways, and knows few languages by two names."""
    found = 0
    for case in CASES:
        told = negotiate_locale(case["wishes"][:1], case["offered"], sep="-")
        found += told is not None
        assert told is None or told.lower() == (case["chosen"] or "").lower()
    assert found > len(CASES) / 3


def test_other_names_of_a_language_are_those_of_cldr() -> None:
    names = {old: str(new).split("_")[0] for old, new in get_global("language_aliases").items()}
    nearest = get_global("parent_exceptions")
    for alias, language in ALIASES.items():
        assert names.get(alias, language) == language
        assert alias in names or nearest.get(alias, "no") == nearest[language] == "no"
        assert language in ENDONYMS


@pytest.mark.parametrize("locale", sorted(ENDONYMS))
def test_a_language_is_called_what_its_readers_call_it(locale: str) -> None:
    """On a list it begins with a capital letter; Portugal's Portuguese is the one without a land."""
    try:
        name = Locale.parse(locale, sep="-").get_display_name()
    except UnknownLocaleError:  # pragma: no cover
        pytest.fail(f"{locale} is no locale")
    assert name is not None
    assert ENDONYMS[locale] == name[0].upper() + name[1:]


def test_every_language_with_texts_has_a_name() -> None:
    assert set(locales()) <= set(ENDONYMS)
