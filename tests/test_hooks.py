"""What is known of vendors' words, and which of it a policy keeps; tests/test_spoken.py hears them said."""

from typing import Any

import pytest
from pydantic import ValidationError
from sample import policy

from consentkit.edition import compile_edition
from consentkit.errors import PolicyError
from consentkit.policy.hooks import EUROPE, Hook, known_hooks
from consentkit.policy.lint import lint
from consentkit.policy.registry import known_services
from consentkit.policy.version import from_bytes, resolve

# fmt: off
VENDORS = {
    "google-analytics", "google-ads", "google-tag-manager", "microsoft-advertising", "microsoft-clarity",
    "meta-pixel", "tiktok-pixel", "pinterest-tag", "linkedin-insight", "matomo", "hubspot", "piano-analytics",
    "shopify-analytics", "snowplow", "posthog", "mixpanel", "amplitude",
}
# fmt: on


def test_every_row_is_about_known_services_and_each_of_the_table_s_vendors_has_one() -> None:
    assert VENDORS <= {id_ for hook in known_hooks() for id_ in hook.services} <= known_services().keys()
    modes = [(hook.tool, hook.mode) for hook in known_hooks() if hook.tool]
    assert modes == [
        ("google", "basic"),
        ("google", "advanced"),
        ("matomo", "consent"),
        ("matomo", "cookieless"),
        ("matomo", "none"),
    ]
    silent = [hook.services for hook in known_hooks() if hook.none and hook.tool == ""]
    assert silent == [["linkedin-insight"]], "blocked, and nothing else"


@pytest.mark.parametrize(
    "wrong",
    [
        {"granted": [{"call": "x"}], "source": "http://v.test/"},
        {"granted": [{"call": "x()"}]},
        {"granted": [{"call": "x", "set": "y", "given": [1]}]},
        {"granted": [{"set": "y"}]},
        {"granted": [{}]},
        {"granted": [{"call": "x"}], "none": "it knows no word"},
        {"granted": [{"call": "x"}], "early": ["other"]},
        {"granted": [{"call": "x"}], "made": "somebody"},
        {},
    ],
)
def test_a_row_that_says_nothing_or_two_things_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hook(**{"name": "x", "source": "https://v.test/", "services": ["v"], **wrong})


def test_a_policy_keeps_the_words_of_what_it_declares_and_only_where_there_are_any() -> None:
    without = resolve(policy(services=["youtube"]))
    assert without.hooks == ()
    assert b'"hooks"' not in without.body
    assert "words.js" not in {part.name for part in compile_edition(without, "/consent").served.values()}
    some = resolve(policy(services=["meta-pixel", "matomo", "linkedin-insight"]))
    assert [hook.services for hook in some.hooks] == [["meta-pixel"], ["linkedin-insight"], ["matomo"]]
    assert from_bytes.__wrapped__(some.body) == some
    assert from_bytes.__wrapped__(some.body).hooks == some.hooks
    words = next(p.body for p in compile_edition(some, "/c").served.values() if p.name == "words.js")
    assert b"requireConsent" in words
    assert b"opt_in_capturing" not in words


@pytest.mark.parametrize(
    ("mode", "said"),
    [("consent", b"setConsentGiven"), ("cookieless", b"setCookieConsentGiven"), ("none", b"")],
)
def test_matomo_has_three_modes(mode: str, said: bytes) -> None:
    edition = compile_edition(resolve(policy(services=["matomo"], consent_mode={"matomo": mode})), "/c")
    words = next(part.body for part in edition.served.values() if part.name == "words.js")
    assert (b"_paq" in words) == bool(said)
    assert said in words


def problems_of(table: object) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        resolve(policy(consent_mode=table))
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_everything_wrong_with_the_modes_is_told_at_once_with_what_is_allowed() -> None:
    found = problems_of({"google": "expert", "matomo": 3, "regions": ["EU", "FR", "us-ca", 7], "piano": "x"})
    assert found["consent_mode.google"].endswith("(allowed: basic, advanced)")
    assert found["consent_mode.matomo"].endswith("(allowed: consent, cookieless, none)")
    assert "EU is none, list its countries" in found["consent_mode.regions.0"]
    assert found.keys() == {
        *(f"consent_mode.{field}" for field in ("google", "matomo", "piano", "regions")),
        *(f"consent_mode.regions.{place}" for place in (0, 2, 3)),
    }
    assert problems_of({"regions": ["FR"]}).keys() == {"consent_mode.regions"}
    assert problems_of(7).keys() == {"consent_mode"}


def test_the_advanced_mode_is_a_warning_unless_nobody_in_europe_is_asked() -> None:
    def warned(**changes: Any) -> set[str]:
        found = lint(resolve(policy(**changes)))
        return {each.place for each in found if each.place.startswith("consent_mode")}

    advanced = {"google": "advanced"}
    assert warned() == set()
    assert warned(consent_mode=advanced) == {"consent_mode.google"}
    assert warned(consent_mode=advanced, regime="us") == set()
    assert warned(consent_mode=advanced, services=["youtube"]) == set()
    some = {**advanced, "regions": ["FR", "GB"]}
    assert warned(consent_mode=some) == {"consent_mode.google", "consent_mode.regions"}
    assert warned(consent_mode={**advanced, "regions": sorted(EUROPE)}) == {"consent_mode.google"}
