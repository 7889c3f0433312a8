"""Exempt services: on until an objection, by a signed word that no known fact contradicts (L6, B9, B13)."""

from pathlib import Path
from typing import Any

import pytest
from sample import app, august, browsing, choose, policy, visits

from consentkit.errors import PolicyError, Problem
from consentkit.policy.exempt import CONDITIONS, NOES, contradictions
from consentkit.policy.lint import lint
from consentkit.policy.registry import known_services
from consentkit.policy.version import from_bytes, resolve


def signed(service: str, **changes: Any) -> dict[str, Any]:
    return {"service": service, "signed": "Ada Byron, DPO", "dated": "2026-11-02"} | {
        **dict.fromkeys(CONDITIONS, True),
        **changes,
    }


def kinds(**changes: Any) -> Any:
    regimes = {"regimes": {"fr": {}, "gb": {}, "de": {}}}
    return from_bytes(resolve(policy(**(regimes | changes))).body).kinds


EXEMPT = "exempt-with-objection"


def test_a_signed_assessment_has_analytics_on_where_the_law_knows_it_and_nowhere_else() -> None:
    services = ["matomo", "youtube"]
    assert kinds(services=services) == {"gb": {"preferences": EXEMPT, "analytics": EXEMPT}}
    assert kinds(services=services, assessments=[signed("matomo")]) == {
        "fr": {"analytics": EXEMPT},
        "gb": {"preferences": EXEMPT, "analytics": EXEMPT},
    }
    stricter = {"regimes": {"fr": {"analytics": "opt-in"}}}
    assert kinds(services=services, assessments=[signed("matomo")], **stricter) == {}


def test_nothing_runs_on_another_service_s_assessment() -> None:
    both = policy(services=["matomo", "plausible"], regime="fr", assessments=[signed("matomo")])
    assert resolve(both).kinds == {}
    assert [each.message for each in lint(resolve(both)) if each.place == "assessments"] == [
        "change nothing as long as plausible has none: visitors answer for all of analytics"
    ]
    nowhere = resolve(policy(services=["matomo"], assessments=[signed("matomo")]))
    [found] = [each for each in lint(nowhere) if each.place == "assessments"]
    assert "under the regimes fr, gb, and this policy tells none of them apart" in found.message


def test_what_contradicts_an_exemption_keeps_waiting_for_a_yes_in_the_uk_too() -> None:
    assert kinds(services=["google-analytics"]) == {"gb": {"preferences": EXEMPT}}
    assert kinds(services=["matomo", "intercom"]) == {"gb": {"analytics": EXEMPT}}
    own = {"regimes": {"gb": {"analytics": EXEMPT}}}
    told = [each for each in lint(resolve(policy(**own))) if each.place == "regimes.gb.analytics"]
    assert [each.severity for each in told] == ["warning"]
    assert "google-analytics is of Google, which combines what it measures with other data" in told[0].message


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("google-analytics", "is of Google, which combines"),
        ("hotjar", "is for session-replay too"),
        ("etracker", "keeps GS3_v, et_id on its vendor's own domain"),
        ("matomo", ""),
        ("plausible", ""),
        ("piwik-pro", ""),
    ],
)
def test_known_facts_contradict_an_assessment_or_do_not(service: str, said: str) -> None:
    written = policy(services=[service], assessments=[signed(service)])
    if not said:
        assert resolve(written).assessments[0]["signed"] == "Ada Byron, DPO"
        return
    with pytest.raises(PolicyError) as caught:
        resolve(written)
    [problem] = caught.value.problems
    assert problem.path == "assessments.0.service"
    assert problem.message.startswith(f"{service} {said}")
    assert [*contradictions(known_services()[service])]


def test_every_mistake_in_an_assessment_is_told_at_once() -> None:
    rows = [
        signed("matomo", dated="2026-02-30", told=False),
        {**signed("youtube"), "by": "me"},
        signed("unheard"),
        signed("matomo", signed="x"),
        "matomo",
    ]
    with pytest.raises(PolicyError) as caught:
        resolve(policy(services=["matomo", "youtube"], assessments=rows))
    found = {each.path: each.message for each in caught.value.problems}
    assert found.keys() == {
        *("assessments.0.dated", "assessments.0.told", "assessments.1.by", "assessments.1.service"),
        *("assessments.2.service", "assessments.3.service", "assessments.3.signed", "assessments.4"),
    }
    assert found["assessments.0.told"] == "must be true: visitors are told of it and can object, not False"
    assert found["assessments.1.service"] == "youtube is marketing: only analytics can be exempt so"
    assert found["assessments.3.service"] == "matomo is assessed twice"
    assert Problem(
        "assessments.2.service", "'unheard' is not a declared service", ("matomo", "youtube")
    ) in set(caught.value.problems)


def test_an_exempt_measurement_is_on_from_the_first_request_and_an_objection_ends_it(tmp_path: Path) -> None:
    services = [visits(cookies=["_visit"]), "youtube"]
    written = policy(services=services, regime="fr", assessments=[signed("visits")])
    with browsing(app(), tmp_path, clock=august(), policy=written) as client:
        state = client.get("/consent/state").json()
        assert (state["allowed"], state["ask"]) == (["necessary", "analytics"], True)
        assert (state["reasons"]["analytics"], state["reasons"]["marketing"]) == ("exempt", "unknown")
        page = client.get("/consent/?lang=en").text
        assert "allows without consent are on: Analytics." in page
        answer = choose(client, "marketing")
        assert answer.json()["allowed"] == ["necessary", "marketing"]
        [*_, record] = client.app.kit.log.entries()  # type: ignore[attr-defined]
        assert record.stmt["basis"] == {"necessary": "exempt", "analytics": "exempt", "others": "consent"}
        assert record.stmt["categories"]["analytics"] is False


def test_what_holds_an_objection_is_a_known_cookie() -> None:
    names = {cookie.name for service in known_services().values() for cookie in service.cookies}
    assert NOES - names <= {"piwik_ignore"}
