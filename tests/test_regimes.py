"""Regimes: what the law of a place asks, from the policy file to the denial on the wire (L22-L28, §2.3)."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample import Clock, app, august, browsing, choose, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit.answer import Answer
from consentkit.errors import ConfigurationError, PolicyError, Problem
from consentkit.gate.place import regime_at
from consentkit.gate.told import Told
from consentkit.kit import ConsentKit
from consentkit.policy.bounds import OPT_OUT_RULES
from consentkit.policy.decision import Choice, Consent, decide
from consentkit.policy.document import OPTIONAL_CATEGORIES, parse
from consentkit.policy.lint import Finding, lint
from consentkit.policy.months import add_months, milliseconds
from consentkit.policy.notice import compose, under
from consentkit.policy.regimes import REGIMES, UNKNOWN, Months, RegimeId, months_in
from consentkit.policy.tables import Answers
from consentkit.policy.version import Policy, from_bytes, resolve
from consentkit.proof.entry import Kind

NOW = datetime(2026, 8, 31, 12, 0, tzinfo=UTC)
ASKED = dict.fromkeys(OPTIONAL_CATEGORIES, "opt-in")
TOLD_APART: dict[str, dict[str, Any]] = {
    "gb": {"consent_months": 3, **ASKED},
    "cz": {"consent_months": 12},
    "fr": {"refusal_months": 9},
    "us": ASKED,
}
"""Regimes with months of their own, under which everything waits for a yes."""
MONTHS = {"gb": (3, 6), "cz": (12, 12), "fr": (6, 9), "us": (6, 12), UNKNOWN: (6, 6)}
SOON = timedelta(hours=1)
"""The client's own jar counts real seconds of a Max-Age: as many as a test can take."""


# What is known ------------------------------------------------------------------------------------------


def test_every_regime_says_what_it_asks_of_each_category_where_and_when_it_was_read() -> None:
    assert set(get_args(RegimeId)) == REGIMES.keys() - {UNKNOWN}
    for regime in REGIMES.values():
        assert regime.kinds.keys() == set(OPTIONAL_CATEGORIES)
        assert len(regime.source) > 3
        assert date(2026, 1, 1) < regime.reviewed
    rules = [rule for regime in REGIMES.values() for rule in regime.rules]
    assert {rule.where for rule in rules} == {"FR", "IT", "ES", "IE", "CZ", "EU", "US-CA"}


def test_the_strictest_asks_before_everything_and_obeys_every_law_that_asks_first() -> None:
    assert set(REGIMES[UNKNOWN].kinds.values()) == {"opt-in"}
    asking = [
        each for id_, each in REGIMES.items() if id_ != UNKNOWN and not set(each.rules) & {*OPT_OUT_RULES}
    ]
    assert {rule for each in asking for rule in each.rules} <= set(REGIMES[UNKNOWN].rules)
    assert REGIMES["us"].kinds["marketing"] == "opt-out"
    assert REGIMES["gb"].kinds == {
        "preferences": "exempt-with-objection",
        "analytics": "exempt-with-objection",
        "marketing": "opt-in",
    }


@pytest.mark.parametrize(
    ("regime", "site", "own", "wanted"),
    [
        ("fr", (6, 6), (None, None), (6, 6)),
        ("fr", (3, 4), (None, None), (3, 6)),  # a no is asked again no earlier than the CNIL says
        ("it", (3, 4), (None, None), (3, 6)),
        ("de", (3, 4), (None, None), (3, 4)),  # no number there, and a proposal is no law
        ("gb", (6, 9), (None, None), (6, 9)),
        ("us", (6, 6), (None, None), (6, 12)),
        ("cz", (6, 6), (12, None), (12, 12)),
        ("cz", (6, 6), (12, 12), (12, 12)),
        ("fr", (6, 6), (12, 6), (12, 6)),  # a mistake, which the document is told of
    ],
)
def test_a_regime_s_months_are_its_own_table_s_else_the_stricter_of_site_and_law(
    regime: str, site: tuple[int, int], own: tuple[int | None, int | None], wanted: tuple[int, int]
) -> None:
    assert months_in(regime, Months(*site), *own) == wanted


# In the policy ------------------------------------------------------------------------------------------


def problems(**changes: Any) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        parse(policy(**changes))
    return list(caught.value.problems)


def test_a_policy_s_mistakes_in_regimes_are_told_all_at_once() -> None:
    found = problems(
        regime="france",
        regimes={
            "uk": {},
            "gb": {"consent_months": 13, "months": 3},
            "de": 6,
            "ie": {"consent_months": 6, "refusal_months": 5},
        },
    )
    ids = get_args(RegimeId)
    later = "who refuses isn't asked again sooner than who accepts"
    longest = (
        "must be a whole number from 1 to 12 (a browser keeps no cookie for longer than 400 days), not 13"
    )
    assert set(found) == {
        Problem("regime", "must be a regime that is known, not 'france'", (*ids, UNKNOWN)),
        Problem("regimes.uk", "must be a regime that is known, not 'uk'", ids),
        Problem("regimes.gb.consent_months", longest),
        Problem("regimes.gb.months", "is not a field of this table", tuple(Answers.model_fields)),
        Problem("regimes.de", "must be a table, not 6"),
        Problem("regimes.ie.refusal_months", f"must be at least consent_months (6), not 5: {later}"),
    }
    assert [each.path for each in problems(regimes={UNKNOWN: {}})] == ["regimes.unknown"]
    assert [each.path for each in problems(regimes=["gb"])] == ["regimes"]


def test_a_site_with_one_regime_has_no_table_for_another() -> None:
    [found] = problems(regime="fr", regimes={"fr": {"consent_months": 3}, "gb": {}})
    assert (found.path, found.allowed) == ("regimes.gb", ("fr",))
    assert found.message == "would hold for nobody: this site's `regime` is 'fr' for every visitor"


@pytest.mark.parametrize("changes", [{"regime": "us"}, {"regimes": {"us": {}}}])
def test_a_record_is_kept_as_long_as_the_longest_answer_counts(changes: dict[str, Any]) -> None:
    kept = {"months": 11, "reason": "proof of the choice"}
    [found] = problems(retention=kept, **changes)
    assert str(found).startswith("retention.months: must be at least 12, not 11")
    parse(policy(retention=kept))


def test_the_regimes_that_a_site_tells_apart_are_part_of_its_version() -> None:
    plain = resolve(policy())
    assert resolve(policy(regime=UNKNOWN, regimes={})).version == plain.version
    changes = ({"regime": "fr"}, {"regime": "de"}, {"regimes": {"fr": {}}}, {"regimes": TOLD_APART})
    versions = {resolve(policy(**each)).version for each in changes}
    assert len(versions | {plain.version}) == 5


def test_a_stored_policy_knows_its_regimes_months() -> None:
    apart = from_bytes(resolve(policy(regimes=TOLD_APART)).body)
    assert (apart.regime, apart.answers) == (UNKNOWN, MONTHS)
    assert apart.months_of("de") == MONTHS[UNKNOWN]
    fixed = from_bytes(resolve(policy(regime="us", lifetimes={"consent_months": 3})).body)
    assert (fixed.regime, fixed.answers) == ("us", {"us": (3, 12)})
    stated = resolve(policy(regime="gb", regimes={"gb": {"consent_months": 2}}))
    assert stated.answers == {"gb": (2, 6)}
    assert resolve(policy()).answers == {UNKNOWN: (6, 6)}


@pytest.mark.parametrize(
    ("regime", "own", "told"),
    [
        ("fr", {"consent_months": 7}, ["CNIL"]),
        ("fr", {"consent_months": 3, "refusal_months": 5}, ["CNIL", "COM(2025) 837"]),
        ("it", {"consent_months": 12}, []),
        ("it", {"consent_months": 3, "refusal_months": 5}, ["Garante", "COM(2025) 837"]),
        ("es", {"consent_months": 12}, []),
        ("ie", {"consent_months": 7}, ["DPC"]),
        ("cz", {"consent_months": 12}, []),
        ("cz", {"consent_months": 3, "refusal_months": 5}, ["ÚOOÚ", "COM(2025) 837"]),
        ("de", {"consent_months": 3, "refusal_months": 5}, ["COM(2025) 837"]),
        ("gb", {"consent_months": 3, "refusal_months": 3}, []),
        ("us", {"refusal_months": 11}, ["California Civil Code"]),
        ("us", {}, []),
    ],
)
def test_an_override_that_is_weaker_than_its_law_is_told_with_the_text(
    regime: str, own: dict[str, int], told: list[str]
) -> None:
    found = of_regimes(regimes={regime: own})
    assert {each.place.rpartition(".")[0] for each in found} <= {f"regimes.{regime}"}
    assert [each.source.split(",")[0] for each in found] == told
    assert all((each.severity == "note") == each.source.startswith("COM") for each in found)
    one = of_regimes(regime=regime, regimes={regime: own})
    assert set(found) <= set(one)
    assert {each.severity for each in one if each not in found} <= {"note"}


def of_regimes(**changes: Any) -> list[Finding]:
    return [each for each in lint(resolve(policy(**changes))) if each.place.startswith("regimes.")]


def test_a_site_s_only_regime_is_noted_where_another_s_visitors_would_have_less() -> None:
    found = of_regimes(regime="cz", regimes={"cz": {"consent_months": 12}})
    assert [(each.severity, each.source.split(",")[0]) for each in found] == [
        ("note", "CNIL"),
        ("note", "DPC"),
    ]
    assert of_regimes(regime="fr") == []


def test_what_a_law_says_is_told_apart_from_what_an_authority_says() -> None:
    found = lint(resolve(policy(regimes={"us": {"refusal_months": 6}, "fr": {"consent_months": 12}})))
    told = {each.place: each.message for each in found}
    assert told["regimes.us.refusal_months"].startswith("is 6: the law of US-CA asks for 12 at least before")
    assert told["regimes.fr.consent_months"] == "is 12: the authority of FR asks for 6 at most"


@pytest.mark.parametrize(
    ("changes", "regime", "told"),
    [
        ({"regimes": TOLD_APART}, "unknown", "lasts 6 months."),
        ({"regimes": TOLD_APART}, "gb", "lasts 3 months if you accept and 6 months if you reject."),
        ({"regimes": TOLD_APART}, "cz", "lasts 12 months."),
        ({"regimes": {"gb": {"consent_months": 6, **ASKED}}}, "gb", "lasts 6 months."),
        ({"regime": "us"}, "us", "lasts 6 months if you accept and 12 months if you reject."),
    ],
)
def test_visitors_are_told_the_months_of_their_own_place_and_of_no_other(
    changes: dict[str, Any], regime: str, told: str
) -> None:
    notice = compose(resolve(policy(**changes)), "en", "/consent")
    assert told in " ".join(under(notice, regime)["body"])


def test_a_place_where_all_is_as_everywhere_needs_no_words_of_its_own() -> None:
    notice = compose(resolve(policy(regimes={"gb": {"consent_months": 6, **ASKED}})), "en", "/consent")
    assert "regimes" not in notice


def test_our_own_cookies_are_told_with_the_longest_of_them() -> None:
    notice = compose(resolve(policy(regimes=TOLD_APART)), "en", "/consent")
    assert notice["categories"][0]["services"][0]["trackers"][0]["lifetime"] == "12 months"


# Whoever moves gains nothing ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apart() -> Policy:
    return resolve(policy(regimes=TOLD_APART))


@pytest.mark.parametrize("made", MONTHS)
@pytest.mark.parametrize("now_in", MONTHS)
def test_a_yes_ends_with_the_fewer_months_and_a_no_with_those_it_was_made_with(
    apart: Policy, made: str, now_in: str
) -> None:
    choices = {
        "analytics": Choice(True, NOW, apart.version, made),
        "marketing": Choice(False, NOW, apart.version, made),
    }
    consent = Consent(b"x" * 16, 5, choices)
    decision = decide(apart, {apart.version: apart}, consent, NOW, now_in)
    fewer, kept = min(MONTHS[made][0], MONTHS[now_in][0]), MONTHS[made][1]
    assert decision.until == {"analytics": add_months(NOW, fewer), "marketing": add_months(NOW, kept)}
    assert decision.regime == now_in


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsentKit]:
    folder = tmp_path_factory.mktemp("kit")
    kit = ConsentKit(policy(regimes=TOLD_APART), store=f"sqlite:///{folder / 'log.db'}", keys=folder / "keys")
    yield kit
    kit.close()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 120),
        st.sampled_from([*MONTHS]),
        st.none() | st.fixed_dictionaries({each: st.booleans() for each in OPTIONAL_CATEGORIES}),
    ),
    min_size=1,
    max_size=12,
)


@given(STEPS)
def test_no_journey_makes_a_yes_last_longer_than_the_fewest_months_it_was_said_under(
    kit: ConsentKit, journey: list[tuple[int, str, dict[str, bool] | None]]
) -> None:
    """A2: days pass, the visitor is somewhere, and says something there or only looks."""
    policy_ = kit.edition.policy
    said: dict[str, tuple[bool, datetime, int]] = {}
    consent, now = None, NOW
    for days, regime, answer in journey:
        now += timedelta(days=days)
        here = Months(*MONTHS[regime])
        for category, (granted, first, months) in [*said.items()]:
            counts = min(months, here.granted) if granted else months
            ended = now >= add_months(first, counts)
            if ended and answer is not None:
                del said[category]
            allowed = kit.decide(consent, now, regime).allowed
            assert (category in allowed) == (granted and not ended)
        if answer is None:
            continue
        choices = kit._choices(
            consent,
            Answer(answer, policy_.version, "banner", "en"),
            policy_,
            now,
            kit.decide(consent, now, regime),
        )
        consent = Consent(b"x" * 16, 1, choices)
        for category, granted in answer.items():
            before = said.get(category)
            again = before is not None and before[0] == granted
            first, months = (
                before[1:] if again and before else (now, here.granted if granted else here.refused)
            )
            said[category] = (granted, first, min(months, here.granted) if granted else months)


# Over the wire ------------------------------------------------------------------------------------------


async def sees(request: Request) -> Response:
    return JSONResponse(dict(request.cookies), headers={"cache-control": "no-store"})


async def page(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "no-store"})


def from_header(scope: Any) -> str | None:
    """As an application behind a proxy that names the country tells it."""
    return dict(scope["headers"]).get(b"x-regime", b"").decode() or None


@contextmanager
def visitor(folder: Path, clock: Clock, **options: Any) -> Iterator[TestClient]:
    site = app(Route("/sees", sees), Route("/page", page))
    with browsing(site, folder, clock=clock, **options) as client:
        yield client


def goes(client: TestClient, regime: str) -> None:
    client.headers["x-regime"] = "" if regime == UNKNOWN else regime


def reads_ga(client: TestClient) -> bool:
    held = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return "_ga" in client.get("/sees", headers={"cookie": f"{held}; _ga=GA1.1.1.1"}).json()


def max_age(answer: Any) -> int:
    (line,) = [each for each in answer.headers.get_list("set-cookie") if each.startswith("consentkit=")]
    return int(line.partition("Max-Age=")[2].partition(";")[0])


@pytest.mark.parametrize("regime", ["gb", "cz", "fr"])
def test_a_regime_s_months_go_from_the_file_to_the_cookie_to_the_denial(tmp_path: Path, regime: str) -> None:
    clock = august()
    consent_months, refusal_months = MONTHS[regime]
    with visitor(tmp_path, clock, policy=policy(regimes=TOLD_APART), regime=from_header) as client:
        goes(client, regime)
        end, asked = add_months(clock.now, consent_months), add_months(clock.now, refusal_months)
        answer = choose(client, "analytics")
        assert answer.json()["regime"] == regime
        assert answer.json()["until"]["analytics"] == f"{end:%Y-%m-%dT%H:%M:%SZ}"
        assert max_age(answer) == (max(end, asked) - clock.now).total_seconds()
        [*_, record] = client.app.kit.log.entries()  # type: ignore[attr-defined]
        assert record.stmt["regime"] == regime
        assert record.stmt["until"]["granted"] == end.timestamp() * 1000
        clock.now = end - SOON
        assert reads_ga(client)
        clock.now = end
        assert not reads_ga(client)
        clock.now = asked - SOON
        assert client.get("/consent/state").json()["reasons"]["marketing"] == "refused"
        clock.now = asked
        assert client.get("/consent/state").json()["reasons"]["marketing"] == "expired"


def test_who_comes_from_elsewhere_is_denied_sooner_and_never_later(tmp_path: Path) -> None:
    clock = august()
    with visitor(tmp_path, clock, policy=policy(regimes=TOLD_APART), regime=from_header) as client:
        start = clock.now
        goes(client, "cz")
        choose(client, "analytics")
        clock.now = add_months(start, 6)
        assert reads_ga(client)
        goes(client, UNKNOWN)
        assert not reads_ga(client)
        clock.now = add_months(start, 3)
        assert reads_ga(client)
        goes(client, "gb")
        assert not reads_ga(client)
        # And the other way round: where answers count for longer, one that was given elsewhere doesn't.
        clock.now = start
        choose(client, "analytics", "marketing")
        goes(client, "cz")
        clock.now = add_months(start, 3)
        assert not reads_ga(client)


def test_an_answer_is_logged_as_run_out_only_where_it_can_t_count_again(tmp_path: Path) -> None:
    """A place that can't be told for a moment, or a journey, must not let the log say what isn't so."""
    clock = august()
    with visitor(tmp_path, clock, policy=policy(regimes=TOLD_APART), regime=from_header) as client:

        def state(regime: str) -> str:
            goes(client, regime)
            reason: str = client.get("/consent/state").json()["reasons"]["analytics"]
            return reason

        def ends() -> list[Any]:
            entries = client.app.kit.log.entries()  # type: ignore[attr-defined]
            return [entry.stmt["expired"]["analytics"] for entry in entries if entry.kind is Kind.EXPIRY]

        goes(client, "cz")
        choose(client, "analytics")
        end = add_months(clock.now, 12)
        clock.now = add_months(clock.now, 7)
        for regime in (UNKNOWN, "gb"):
            assert (state(regime), ends()) == ("expired", [])
        assert state("cz") == "granted"
        clock.now = end
        assert (state("gb"), ends()) == ("expired", [milliseconds(end)])


def test_what_is_said_again_where_it_counts_for_less_is_recorded_with_that_end(tmp_path: Path) -> None:
    clock = august()
    with visitor(tmp_path, clock, policy=policy(regimes=TOLD_APART), regime=from_header) as client:
        start = clock.now
        goes(client, "cz")
        choose(client, "analytics")
        clock.move(days=1)
        goes(client, "gb")
        choose(client, "analytics", "preferences")
        [*_, record] = client.app.kit.log.entries()  # type: ignore[attr-defined]
        end = add_months(start, 3)
        assert record.stmt["until"]["analytics"] == end.timestamp() * 1000
        assert record.stmt["regimes"] == {"analytics": "gb", "preferences": "gb", "marketing": "cz"}
        goes(client, "cz")
        clock.now = end
        assert not reads_ga(client)
        # The log says the same as the cookie, to whoever asks it.
        kit = client.app.kit  # type: ignore[attr-defined]
        consent = client.app._faces.gate._seal.unseal(client.cookies["consentkit"])  # type: ignore[attr-defined]
        assert kit.history.latest(replace(consent, index=0)).choices == consent.choices


def test_who_can_t_be_placed_has_the_strictest_and_what_is_no_regime_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = [None, "de", UNKNOWN, "unheard", 5, ["gb"], RuntimeError("the country file is gone")]

    def told(scope: Any) -> Any:
        answer = answers[int(dict(scope["headers"])[b"x-place"])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    with visitor(tmp_path, august(), policy=policy(regimes=TOLD_APART), regime=told) as client:
        for place in (*range(len(answers)), *range(len(answers))):
            client.headers["x-place"] = str(place)
            assert client.get("/consent/state").json()["regime"] == UNKNOWN
    warned = [each for each in caplog.messages if each.startswith("regime=")]
    assert [each.partition(",")[0] for each in warned] == [
        "regime= tells 'unheard'",
        "regime= tells 5",
        "regime= fails",
        "regime= fails",
    ]
    assert "the country file is gone" in warned[-1]


async def later(_: Any) -> str:
    return "cz"


class Later:
    async def __call__(self, _: Any) -> str:
        return "cz"


@pytest.mark.parametrize("place", [later, Later(), partial(later), "cz", {"cz": 1}])
def test_what_can_t_tell_a_place_at_once_is_refused_at_the_start(tmp_path: Path, place: Any) -> None:
    """A coroutine that nobody awaits would put every visitor under the strictest, without a word."""
    site = mounted(app(), tmp_path, policy=policy(regimes=TOLD_APART), regime=place)
    with pytest.raises(ConfigurationError, match=r"^regime= takes a "):
        _ = site._faces
    assert not list(tmp_path.iterdir()), "before anything is made"


@pytest.mark.parametrize("stop", [asyncio.CancelledError, KeyboardInterrupt])
def test_what_stops_a_request_or_the_server_is_no_failure_of_a_place(stop: type[BaseException]) -> None:
    def place(_: Any) -> str:
        raise stop

    with pytest.raises(stop):
        regime_at(place, {}, resolve(policy(regimes=TOLD_APART)), Told())


def test_a_site_has_one_regime_or_tells_its_visitors_apart(tmp_path: Path) -> None:
    with visitor(tmp_path / "fixed", august(), policy=policy(regime="us")) as client:
        state = client.get("/consent/state").json()
        assert (state["regime"], state["ask"]) == ("us", True)
        assert choose(client).json()["until"]["marketing"] == "2027-08-31T12:00:00Z"
    both = mounted(app(), tmp_path / "both", policy=policy(regime="us"), regime=from_header)
    with pytest.raises(ConfigurationError, match="leave one of the two out"):
        _ = both._faces
    both.kit.close()


def test_the_cookie_names_a_regime_only_where_something_is_its_own(tmp_path: Path) -> None:
    tables = {"gb": {"consent_months": 3, **ASKED}, "fr": {}}
    with visitor(tmp_path, august(), policy=policy(regimes=tables), regime=from_header) as client:
        seal = client.app._faces.gate._seal  # type: ignore[attr-defined]
        named = {}
        for regime in ("fr", "gb"):
            client.cookies.clear()
            goes(client, regime)
            choose(client, "analytics")
            opened = seal.open(client.cookies["consentkit"].encode())
            named[regime] = b":gb" in opened[-1] or b":fr" in opened[-1]
    assert named == {"fr": False, "gb": True}


# On until a no ------------------------------------------------------------------------------------------

US_AND_GB = {"us": {}, "gb": {"analytics": "exempt-with-objection"}, "fr": {}}


def test_a_category_is_on_until_a_no_where_the_law_has_it_so_and_nowhere_else() -> None:
    current = resolve(policy(regimes=US_AND_GB))
    history = {current.version: current}
    reasons = {each: decide(current, history, None, NOW, each).reasons for each in current.answers}
    assert {each: set(of.values()) - {"necessary"} for each, of in reasons.items()} == {
        UNKNOWN: {"unknown"},
        "fr": {"unknown"},
        "gb": {"exempt", "unknown"},
        "us": {"opt-out"},
    }
    assert decide(current, history, None, NOW, "gb").allowed == {"necessary", "preferences", "analytics"}
    assert all(decide(current, history, None, NOW, each).ask for each in current.answers)


def said(current: Policy, regime: str, *, granted: bool, decided: datetime = NOW) -> Consent:
    choices = {each: Choice(granted, decided, current.version, regime) for each in OPTIONAL_CATEGORIES}
    return Consent(b"x" * 16, 1, choices)


def test_a_no_stands_where_a_category_is_on_without_an_answer_also_once_it_may_be_asked_anew() -> None:
    current = resolve(policy(regimes=US_AND_GB))
    history, consent = {current.version: current}, said(current, "us", granted=False)
    soon, late = (decide(current, history, consent, add_months(NOW, each), "us") for each in (11, 12))
    assert (soon.allowed, soon.ask) == ({"necessary"}, False)
    assert (late.allowed, late.ask, late.reasons["marketing"]) == ({"necessary"}, True, "expired")


def test_a_yes_that_was_said_where_all_was_on_anyway_is_no_consent_where_one_is_asked_for() -> None:
    current = resolve(policy(regimes=US_AND_GB))
    history = {current.version: current}
    there = said(current, "us", granted=True)
    assert decide(current, history, there, NOW, "us").reasons["marketing"] == "granted"
    assert decide(current, history, there, NOW, "fr").allowed == {"necessary"}
    asked = decide(current, history, said(current, "gb", granted=True), NOW, "fr")
    assert (asked.allowed, asked.ask) == ({"necessary", "marketing"}, True)
    consent = said(current, UNKNOWN, granted=True)
    assert decide(current, history, consent, NOW, "us").reasons["marketing"] == "granted"


def test_doubt_denies_also_what_is_on_without_an_answer() -> None:
    current = resolve(policy(regime="us"))
    tomorrow = said(current, "us", granted=True, decided=NOW + timedelta(days=1))
    for consent, history in ((tomorrow, {current.version: current}), (said(current, "us", granted=True), {})):
        assert decide(current, history, consent, NOW, "us").allowed == {"necessary"}


def test_a_site_s_own_kinds_hold_and_a_policy_of_before_waits_for_every_yes() -> None:
    stricter = resolve(policy(regimes={"us": {"marketing": "opt-in"}}))
    assert decide(stricter, {}, None, NOW, "us").allowed == {"necessary", "preferences", "analytics"}
    stored = json.loads(resolve(policy(regime="us")).body)
    del stored["regimes"]["us"]["kinds"]
    assert decide(from_bytes(json.dumps(stored).encode()), {}, None, NOW, "us").allowed == {"necessary"}


def test_what_is_on_goes_from_the_file_to_the_request_and_an_objection_ends_it(tmp_path: Path) -> None:
    with visitor(tmp_path, august(), policy=policy(regimes=US_AND_GB), regime=from_header) as client:
        assert not reads_ga(client)
        goes(client, "us")
        assert reads_ga(client)
        client.headers["sec-gpc"] = "1"
        assert client.get("/consent/state").json()["allowed"] == ["necessary", "preferences", "analytics"]
        del client.headers["sec-gpc"]
        choose(client, "preferences", "marketing")
        assert not reads_ga(client)
        [*_, record] = client.app.kit.log.entries()  # type: ignore[attr-defined]
        assert (record.kind, record.stmt["regime"]) == (Kind.CHOICE, "us")
        asked = dict.fromkeys(OPTIONAL_CATEGORIES, "opt_out_model")
        assert record.stmt["basis"] == {"necessary": "exempt", **asked}
        held = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        # On the way without a whole decision, too: what was said in the US allows nothing elsewhere.
        for regime, allowed in (("us", {"_fbp": "1"}), ("fr", {}), (UNKNOWN, {})):
            goes(client, regime)
            seen = client.get("/sees", headers={"cookie": f"{held}; _fbp=1"}).json()
            assert {name: seen[name] for name in seen if name == "_fbp"} == allowed


@pytest.mark.parametrize(
    ("regime", "own", "told"),
    [
        ("fr", {"analytics": "exempt-with-objection"}, ["is exempt-with-objection, but there it is opt-in"]),
        ("gb", {"analytics": "opt-out"}, ["is opt-out, but there it is exempt-with-objection"]),
        ("gb", {"analytics": "opt-in"}, []),
        ("world", {"marketing": "opt-out"}, ["is opt-out, but there it is opt-in"]),
        ("us", {"marketing": "exempt-with-objection"}, []),
    ],
)
def test_a_kind_that_is_weaker_than_the_law_s_is_told_with_the_text(
    regime: str, own: dict[str, str], told: list[str]
) -> None:
    found = of_regimes(regimes={regime: own})
    assert [each.message for each in found] == told
    assert {each.source for each in found} <= {REGIMES[regime].source}
    assert {each.place for each in found} <= {f"regimes.{regime}.{each}" for each in own}


def test_a_no_that_stands_is_kept_beyond_the_day_on_which_it_may_be_asked_anew(tmp_path: Path) -> None:
    clock = august()
    with visitor(tmp_path, clock, policy=policy(regimes=US_AND_GB), regime=from_header) as client:
        goes(client, "us")
        assert (
            max_age(choose(client)) > 394 * 86_400 > (add_months(clock.now, 12) - clock.now).total_seconds()
        )
        clock.now = add_months(clock.now, 12)
        state = client.get("/consent/state")
        assert (state.json()["allowed"], state.json()["ask"]) == (["necessary"], True)
        assert max_age(state) > 394 * 86_400
        # Elsewhere it ends as told.
        goes(client, UNKNOWN)
        assert max_age(client.get("/consent/state")) == 0


def test_a_tracker_that_is_on_without_an_answer_keeps_its_first_day(tmp_path: Path) -> None:
    clock = august()
    with visitor(tmp_path, clock, policy=policy(regimes=US_AND_GB), regime=from_header) as client:

        def reports(regime: str) -> list[str]:
            goes(client, regime)
            headers = {"sec-fetch-site": "same-origin", "cookie": "_ga=GA1.1.1.1"}
            answer = client.post("/consent/sync", json={"trackers": {"_ga": "x"}}, headers=headers)
            lines = answer.headers.get_list("set-cookie")
            return [line.partition("=")[0] for line in lines if "Max-Age=0" not in line]

        assert reports(UNKNOWN) == []
        assert reports("us") == ["consentkit_seen"]
