"""What becomes true of an answer: an entry once, from a question or the next answer, never a page view."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample import Clock, app, august, browsing, choose, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import consent_of
from consentkit.answer import Answer
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent
from consentkit.policy.months import add_months, milliseconds
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind, Stored
from consentkit.proof.erasure import requested
from consentkit.proof.log import ProofLog

GPC = {"sec-gpc": "1"}
LONGER_NO = {"lifetimes": {"consent_months": 6, "refusal_months": 12}}


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(f"<html><head></head><body>{consent_of(request).allows('analytics')}</body></html>")


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(Route("/", page)), tmp_path, clock=clock, policy=policy(**LONGER_NO)) as browser:
        yield browser


def kit_of(client: TestClient) -> Any:
    return client.app.kit  # type: ignore[attr-defined]


def entries(client: TestClient) -> list[Stored]:
    return [each for each in kit_of(client).log.entries() if each.kind not in (Kind.DOCUMENT, Kind.POLICY)]


def kinds(client: TestClient) -> list[str]:
    return [each.kind.label for each in entries(client)]


def run_out(client: TestClient, clock: Clock) -> dict[str, str]:
    """Let a yes of this browser run out; returns the header that sends its cookie, which no browser kept."""
    choose(client, "analytics")
    sealed = client.cookies["consentkit"]
    clock.move(days=200)
    return {"cookie": f"consentkit={sealed}"}


def test_a_yes_that_has_run_out_is_logged_once_by_the_question_for_the_state(
    client: TestClient, clock: Clock
) -> None:
    """Q4, Q21."""
    end = milliseconds(add_months(clock.now, 6))
    sent = run_out(client, clock)
    for _ in range(3):
        assert "False" in client.get("/", headers=sent).text
    assert kinds(client) == ["choice"], "a page view never writes"
    for _ in range(3):
        assert client.get("/consent/state", headers=sent).json()["reasons"]["analytics"] == "expired"
    choice, expiry = entries(client)
    assert expiry.stmt == {
        "t": milliseconds(clock.now),
        "answer": choice.index,
        "policy": kit_of(client).edition.policy.version,
        "expired": {"analytics": end},
    }
    assert expiry.subj == {key: (choice.subj or {})[key] for key in ("sub", "tag")}
    assert kit_of(client).log.verify(claims()).ok


def test_a_no_that_runs_out_later_is_another_entry(client: TestClient, clock: Clock) -> None:
    sent = run_out(client, clock)
    client.get("/consent/state", headers=sent)
    clock.move(days=200)
    client.get("/consent/state", headers=sent)
    assert kinds(client) == ["choice", "expiry", "expiry"]
    assert [set(each.stmt["expired"]) for each in entries(client)[1:] if each.stmt] == [
        {"analytics"},
        {"preferences", "marketing"},
    ]


def test_the_next_answer_brings_what_nobody_has_asked_about(client: TestClient, clock: Clock) -> None:
    sent = run_out(client, clock)
    client.cookies.clear()
    client.cookies.update({"consentkit": sent["cookie"].partition("=")[2]})
    answer = choose(client, "marketing")
    assert kinds(client) == ["choice", "expiry", "choice"]
    first, expiry, second = entries(client)
    assert answer.json()["index"] == second.index
    assert second.stmt is not None
    assert second.stmt["previous"] == first.index
    assert expiry.index == first.index + 1
    client.get("/consent/state")
    assert len(entries(client)) == 3


def test_the_entry_before_an_answer_is_whatever_the_visitor_s_last_one_was(
    client: TestClient, clock: Clock
) -> None:
    sent = run_out(client, clock)
    client.get("/consent/state", headers=sent)
    client.cookies.update({"consentkit": sent["cookie"].partition("=")[2]})
    choose(client)
    _, expiry, again = entries(client)
    assert again.stmt is not None
    assert (expiry.kind, again.stmt["previous"]) == (Kind.EXPIRY, expiry.index)


def test_the_visitor_s_page_lists_answers_and_their_export_everything(
    client: TestClient, clock: Clock
) -> None:
    """F8, Q28."""
    sent = run_out(client, clock)
    client.get("/consent/state", headers=sent | GPC)
    assert client.get("/consent/", headers=sent).text.count("<li>\n<p><time") == 3
    exported = client.get("/consent/export", headers=sent).json()["records"]
    assert [each["kind"] for each in exported] == ["choice", "expiry", "signal"]
    assert all(each["receipt"] for each in exported)


def test_tabs_that_ask_at_once_write_it_once(tmp_path: Path, client: TestClient, clock: Clock) -> None:
    """Four threads of two workers on one log."""
    sent = run_out(client, clock)
    other = mounted(app(), tmp_path, clock=clock, policy=policy(**LONGER_NO))
    kits = (kit_of(client), other.kit)
    consent = client.app._faces.gate.settle(sent["cookie"].encode(), clock(), None)[0]  # type: ignore[attr-defined]
    assert isinstance(consent, Consent)
    start = threading.Barrier(4)

    def ask(kit: Any) -> None:
        start.wait(10)
        for _ in range(4):
            kit.history.noted(consent, kit.edition.policy, ("gpc",), clock(), None)

    tabs = [threading.Thread(target=ask, args=(kits[number % 2],)) for number in range(4)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join(30)
    assert kinds(client) == ["choice", "expiry", "signal"]
    other.kit.close()


def wish(kit: ConsentKit, *, granted: bool) -> Answer:
    policy = kit.edition.policy
    return Answer(dict.fromkeys(policy.categories, granted), policy.version, "banner", "en")


def signals_of(kit: ConsentKit, consent: Consent) -> list[tuple[int, str]]:
    found = (each.stmt or {} for each in kit.history.records(consent) if each.kind is Kind.SIGNAL)
    return [(stmt["answer"], stmt["signal"]) for stmt in found]


def test_an_objection_is_logged_however_many_others_answer_meanwhile(
    client: TestClient, clock: Clock
) -> None:
    kit, stop = kit_of(client), threading.Event()

    async def others() -> None:
        while not stop.is_set():
            await kit.record(None, wish(kit, granted=True), {}, clock())

    async def crowd() -> None:
        await asyncio.gather(*(others() for _ in range(24)))

    answered = [asyncio.run(kit.record(None, wish(kit, granted=True), {}, clock())) for _ in range(4)]
    load = threading.Thread(target=lambda: asyncio.run(crowd()))
    load.start()
    for each in answered:
        kit.history.noted(each.consent, kit.edition.policy, ("gpc",), clock(), None)
    stop.set()
    load.join(30)
    logged = [signals_of(kit, each.consent) for each in answered]
    assert logged == [[(each.consent.index, "gpc")] for each in answered]


def test_answers_given_at_once_bring_what_is_due_once(client: TestClient, clock: Clock) -> None:
    kit = kit_of(client)

    async def answers() -> tuple[Consent, list[Any]]:
        first = (await kit.record(None, wish(kit, granted=True), {}, clock())).consent
        some = (wish(kit, granted=bool(number % 2)) for number in range(8))
        return first, await asyncio.gather(
            *(kit.record(first, each, {}, clock(), None, ("gpc",)) for each in some)
        )

    for _ in range(3):
        first, rest = asyncio.run(answers())
        assert len({each.consent.index for each in rest}) == 8, "no answer is lost"
        logged = signals_of(kit, first)
        assert len(logged) == len(set(logged)) > 0


def test_one_decision_that_runs_out_under_two_regimes_is_one_entry(tmp_path: Path, clock: Clock) -> None:
    told_apart = {"fr": {"consent_months": 6}, "us": {"consent_months": 12}}
    with browsing(app(), tmp_path / "two", clock=clock, policy=policy(regimes=told_apart)) as browser:
        kit = kit_of(browser)
        consent = asyncio.run(kit.record(None, wish(kit, granted=True), {}, clock(), "us")).consent
        for _ in range(2):
            clock.move(days=200)
            for regime in ("fr", "us", "fr"):
                kit.history.noted(consent, kit.edition.policy, (), clock(), regime)
        again = asyncio.run(kit.record(consent, wish(kit, granted=True), {}, clock(), "us")).consent
        clock.move(days=400)
        kit.history.noted(again, kit.edition.policy, (), clock(), "us")
        assert kinds(browser) == ["choice", "expiry", "choice", "expiry"]


def test_of_who_was_erased_nothing_is_written_though_their_cookie_lives_on(
    client: TestClient, clock: Clock
) -> None:
    """Q29: an entry that names an erased one would say whose it was."""
    sent = run_out(client, clock)
    [choice] = entries(client)
    kit_of(client).log.newest.log.erase(requested([choice.index]), milliseconds(clock.now))
    client.get("/consent/state", headers=sent | GPC)
    client.cookies.update({"consentkit": sent["cookie"].partition("=")[2]})
    choose(client)
    assert kinds(client) == ["choice", "tombstone", "choice"]
    assert (entries(client)[-1].stmt or {})["previous"] is None


def test_a_log_that_can_t_be_written_costs_the_entry_and_not_the_answer(
    client: TestClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = run_out(client, clock)
    kit_of(client).log.newest.log._writer.close()
    state = client.get("/consent/state", headers=sent)
    assert state.status_code == 200
    assert state.json()["allowed"] == ["necessary"]
    assert kinds(client) == ["choice"]


def test_a_state_asked_for_by_somebody_without_an_id_reads_and_writes_nothing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the log was touched")

    for name in ("find", "append", "get"):
        monkeypatch.setattr(ProofLog, name, fail)
    assert client.get("/consent/state", headers=GPC).json()["ask"] is True


def test_how_long_records_are_kept_and_why_is_told_in_the_visitor_s_language(
    tmp_path: Path, clock: Clock, client: TestClient
) -> None:
    """A16."""
    assert "kept for" not in client.get("/consent/").text
    rule = {"months": 60, "reason": "Limitation of claims & complaints"}
    with browsing(app(), tmp_path / "other", clock=clock, policy=policy(retention=rule)) as browser:
        told = "are kept for 60 months. Reason: Limitation of claims &amp; complaints"
        assert told in browser.get("/consent/").text
        assert "pendant 60 mois. Motif" in browser.get("/consent/?lang=fr").text
        assert "60 Monate lang aufbewahrt" in browser.get("/consent/?lang=de").text
