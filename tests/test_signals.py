"""What a browser objects to is denied while it does, and nothing is ever allowed for it (D1, L24, L31)."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sample import Clock, app, august, browsing, choose, policy
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import consent_of
from consentkit.edition import compile_edition
from consentkit.errors import PolicyError
from consentkit.policy.decision import Choice, Consent, Reason, decide
from consentkit.policy.precedence import obeyed
from consentkit.policy.signals import denied, heard
from consentkit.policy.version import Policy, resolve
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind

GPC = {"sec-gpc": "1"}
OPTIONAL = ("preferences", "analytics", "marketing")
NOW = datetime(2026, 8, 31, 12, tzinfo=UTC)


def promising(**signals: Any) -> Policy:
    return resolve(policy(signals=signals))


@pytest.mark.parametrize(
    ("headers", "signals"),
    [
        ([], ()),
        ([(b"sec-gpc", b"1")], ("gpc",)),
        ([(b"sec-gpc", b"0"), (b"sec-gpc", b"1")], ("gpc",)),
        ([(b"sec-gpc", b"0")], ()),
        ([(b"sec-gpc", b"true")], ()),
        ([(b"sec-gpc", b" 1")], ()),
        ([(b"sec-gpc", b"1, 1")], ()),
        ([(b"dnt", b"1")], ()),
        ([(b"x-sec-gpc", b"1")], ()),
    ],
)
def test_only_a_header_of_exactly_one_is_a_signal(
    headers: list[tuple[bytes, bytes]], signals: tuple[str, ...]
) -> None:
    """W3C GPC §3.2: any other value is ignored; of several headers one is enough."""
    assert heard(promising(), headers) == signals


def test_do_not_track_counts_where_it_is_promised() -> None:
    sent = [(b"dnt", b"1"), (b"sec-gpc", b"1")]
    assert heard(promising(), sent) == ("gpc",)
    assert heard(promising(dnt=True), sent) == ("dnt", "gpc")
    assert denied(promising(dnt=True), "dnt") == OPTIONAL


def test_what_the_policy_calls_a_sale_is_denied_with_marketing() -> None:
    assert denied(promising(), "gpc") == ("marketing",)
    assert denied(promising(sale_or_share=["analytics"]), "gpc") == ("analytics", "marketing")
    assert denied(resolve(policy(categories=["analytics"], services=["google-analytics"])), "gpc") == ()


def test_a_policy_without_the_table_is_the_version_that_it_was() -> None:
    assert promising() == promising(dnt=False, sale_or_share=[]) == resolve(policy())
    assert promising(dnt=True).version != promising().version


@pytest.mark.parametrize(
    "table", [{"dnt": 1}, {"sale_or_share": "analytics"}, {"sale_or_share": ["marketing"]}, {"gpc": False}]
)
def test_a_wrong_table_is_told(table: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="signals"):
        resolve(policy(signals=table))


@pytest.mark.parametrize("granted", [(), ("marketing",), ("analytics",), OPTIONAL])
@pytest.mark.parametrize("signals", [(), ("gpc",), ("dnt",), ("dnt", "gpc")])
def test_a_signal_takes_away_and_never_gives_or_answers(
    granted: tuple[str, ...], signals: tuple[str, ...]
) -> None:
    site = promising(dnt=True)
    choices = {c: Choice(c in granted, NOW, site.version) for c in OPTIONAL}
    for consent in (None, Consent(bytes(16), 1, choices)):
        plain = decide(site, {site.version: site}, consent, NOW)
        told = obeyed(site, plain, signals)
        off = {c for signal in signals for c in denied(site, signal)}
        assert told.allowed == plain.allowed - off
        assert (told.ask, told.until) == (plain.ask, plain.until)
        changed = {c for c in OPTIONAL if told.reasons[c] != plain.reasons[c]}
        assert changed == plain.allowed & off == {c for c in OPTIONAL if told.reasons[c] is Reason.SIGNAL}


def test_pages_know_what_a_browser_objects_to_before_any_answer() -> None:
    """W3C GPC §3.3; Do Not Track, where it counts, denies more."""
    gpc = b'navigator.globalPrivacyControl?["marketing"]:[]'
    dnt = b'navigator.doNotTrack=="1"?["preferences","analytics","marketing"]:' + gpc
    for site, off in ((promising(), gpc), (promising(dnt=True), dnt)):
        assert b'",6,' + off + b',"preferences"' in compile_edition(site, "/consent").starter.body


# Over the wire --------------------------------------------------------------------------------------------


async def asks(request: Request) -> JSONResponse:
    if "set" in request.query_params:
        answer = JSONResponse({})
        answer.headers["set-cookie"] = "_fbp=1; Path=/"
        return answer
    return JSONResponse({"allowed": consent_of(request).allows("marketing"), "cookies": request.cookies})


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(Route("/", asks)), tmp_path, clock=clock) as browser:
        yield browser


def kinds(client: TestClient) -> list[str]:
    entries = client.app.kit.log.entries()  # type: ignore[attr-defined]
    return [each.kind.label for each in entries if each.kind not in (Kind.DOCUMENT, Kind.POLICY)]


def counted(client: TestClient) -> list[tuple[str, int]]:
    rows = client.app.kit.tally.rows()  # type: ignore[attr-defined]
    return [(row.name, row.count) for row in rows if row.kind == "signal"]


def test_while_the_browser_objects_marketing_is_off_in_both_directions_whatever_was_chosen(
    client: TestClient,
) -> None:
    choose(client, *OPTIONAL)
    assert "_fbp" in client.get("/?set").cookies
    client.cookies.set("_fbp", "1", domain="shop.example")
    assert client.get("/").json() == {"allowed": True, "cookies": dict(client.cookies)}
    under = client.get("/", headers=GPC).json()
    assert under["allowed"] is False
    assert "_fbp" not in under["cookies"]
    assert "_fbp" not in client.get("/?set", headers=GPC).cookies
    state = client.get("/consent/state", headers=GPC).json()
    assert state["allowed"] == ["necessary", "preferences", "analytics"]
    assert state["reasons"]["marketing"] == "signal"
    assert state["ask"] is False
    assert "your browser objects" in client.get("/consent/", headers=GPC).text
    assert client.get("/").json()["allowed"] is True, "the answer itself still stands"


def test_the_hint_of_a_choice_under_a_signal_opens_nothing_that_is_denied(client: TestClient) -> None:
    kit = client.app.kit  # type: ignore[attr-defined]
    body = {"choices": dict.fromkeys(OPTIONAL, True), "policy": kit.edition.policy.version}
    body |= {"mechanism": "banner", "locale": "en"}
    answer = client.post("/consent/", json=body, headers=GPC | {"sec-fetch-site": "same-origin"})
    assert answer.json()["allowed"] == ["necessary", "preferences", "analytics"]
    hint = next(line for line in answer.headers.get_list("set-cookie") if "consentkit_allows" in line)
    assert ".marketing-" in hint
    assert ".analytics+" in hint
    entry = next(kit.log.entries(newest_first=True))
    assert entry.stmt["signals"] == ["gpc"]
    assert entry.stmt["categories"]["marketing"] is True, "as it was said"
    assert entry.stmt["basis"] == {"necessary": "exempt", "others": "consent"}


def test_to_accept_all_under_a_signal_is_no_yes_to_what_it_denies(client: TestClient) -> None:
    """The banner says so beforehand; a signal that is gone later makes no yes of it (11 CCR 7025(c)(5))."""
    for told in ({"gpc": True}, {}):  # by the page where no header comes, and by the header
        client.headers.update({} if told else GPC)
        client.cookies.clear()
        choose(client, *OPTIONAL, control="accept-all", **told)
        stmt = next(client.app.kit.log.entries(newest_first=True)).stmt  # type: ignore[attr-defined]
        granted = {c for c, yes in stmt["categories"].items() if yes}
        assert (stmt["signals"], granted) == (["gpc"], {"necessary", "preferences", "analytics"})
        assert stmt["basis"] == {"necessary": "exempt", "marketing": "signal", "others": "consent"}
        assert stmt["until"]["marketing"] == stmt["t"] + 1
        assert "Off, because your browser objects to it" in client.get("/consent/").text
        state = client.get("/consent/state", headers=GPC).json()
        assert (state["reasons"]["marketing"], state["ask"]) == ("unknown", False), "an answer to no question"
        state = client.get("/consent/state", headers={"sec-gpc": "0"}).json()
        assert (state["reasons"]["marketing"], state["ask"]) == ("unknown", True), "a signal is no refusal"
    assert client.get("/", headers={"sec-gpc": "0"}).json()["allowed"] is False
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]


def test_what_was_said_before_the_signal_is_left_as_it_was_by_who_accepts_all_under_it(
    client: TestClient,
) -> None:
    choose(client, "marketing")
    client.headers.update(GPC)
    choose(client, *OPTIONAL, control="accept-all")
    assert kinds(client) == ["choice", "signal", "choice"]
    stmt = next(client.app.kit.log.entries(newest_first=True)).stmt  # type: ignore[attr-defined]
    assert (stmt["categories"]["marketing"], "marketing" in stmt["basis"]) == (True, False)
    assert client.get("/").json()["allowed"] is False


def test_a_box_that_the_signal_alone_keeps_off_takes_nothing_back(client: TestClient) -> None:
    """The second layer draws what is allowed now; who unticks what they see ticked takes it back."""
    choose(client, "analytics", "marketing")
    client.headers.update(GPC)
    entries = client.app.kit.log.entries  # type: ignore[attr-defined]
    choose(client, "analytics", control="save", mechanism="reopened")
    stmt = next(entries(newest_first=True)).stmt
    assert (kinds(client)[-1], stmt["categories"]["marketing"]) == ("choice", True)
    choose(client, "analytics", control="save", mechanism="form")
    assert kinds(client)[-1] == "withdrawal"


def test_an_embed_s_yes_doesn_t_reach_what_the_browser_objects_to(client: TestClient) -> None:
    choose(client, "analytics")
    client.headers.update(GPC)
    yes = {"choices": {"marketing": True}, "mechanism": "placeholder", "control": "always"}
    assert choose(client, **yes).json()["reasons"]["marketing"] == "refused"
    stmt = next(client.app.kit.log.entries(newest_first=True)).stmt  # type: ignore[attr-defined]
    assert (stmt["categories"]["marketing"], stmt["control"]) == (False, "always")
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]


def test_an_objection_of_somebody_without_an_id_is_counted_and_never_logged(client: TestClient) -> None:
    for _ in range(3):
        state = client.get("/consent/state", headers=GPC).json()
        client.get("/", headers=GPC)
    assert state["ask"] is True, "a signal is no answer"
    assert kinds(client) == []
    assert counted(client) == [("gpc", 3)]


def test_an_objection_of_somebody_with_an_id_is_logged_once_for_each_answer(client: TestClient) -> None:
    """Q33: what it denies, and which stored yes it is against."""
    choose(client, "marketing")
    for _ in range(3):
        client.get("/", headers=GPC)
    assert kinds(client) == ["choice"], "a page view never writes"
    for _ in range(3):
        client.get("/consent/state", headers=GPC)
    assert kinds(client) == ["choice", "signal"]
    entry = next(client.app.kit.log.entries(kind=Kind.SIGNAL))  # type: ignore[attr-defined]
    answer = entry.index - 1
    assert {k: entry.stmt[k] for k in ("signal", "denied", "against", "answer")} == {
        "signal": "gpc",
        "denied": ["marketing"],
        "against": ["marketing"],
        "answer": answer,
    }
    choose(client)
    client.get("/consent/state", headers=GPC)
    assert kinds(client) == ["choice", "signal", "withdrawal", "signal"]
    assert counted(client) == []
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]
    receipt = client.get("/consent/receipt", headers={"accept": "application/json"}).json()
    assert receipt["kind"] == "withdrawal", "a visitor's receipt is of their answer"


def test_the_site_says_where_others_look_that_it_obeys(client: TestClient, clock: Clock) -> None:
    """W3C GPC §4: the members and their forms; the day is the one on which the policy came into force."""
    clock.move(days=3)
    answer = client.get("/.well-known/gpc.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-08-31"}
    assert client.head("/.well-known/gpc.json").status_code == 200
    assert client.post("/.well-known/gpc.json").status_code == 405
    assert client.get("/.well-known/gpc").status_code == 404


# Do not sell or share -------------------------------------------------------------------------------------


def test_one_press_without_a_script_opts_out_of_any_sale_and_of_nothing_else(
    client: TestClient, clock: Clock
) -> None:
    """California Civil Code 1798.135(a), 11 CCR 7026(a)(4): a link of its own, no other answer."""
    choose(client, "analytics", "marketing")
    page = client.get("/consent/do-not-sell?lang=fr").text
    assert "<h1>Ne pas vendre ni partager mes données personnelles</h1>" in page
    assert "Demande d’opposition respectée" not in page
    clock.move(minutes=1)
    sent = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    answer = client.post("/consent/", data=sent, headers={"sec-fetch-site": "same-origin"})
    assert sent["action"] == "opt-out"
    assert "/consent/do-not-sell?saved=1&lang=fr" in str(answer.url)
    assert "Demande d’opposition respectée" in answer.text
    loaded = "leurs services ne sont plus chargés"
    assert [(loaded in text, 'value="opt-out"' in text) for text in (page, answer.text)] == [
        (True, True),
        (False, False),
    ]
    assert "<b>Ne pas vendre ni partager" in client.get("/consent/?lang=fr").text, "in the history"
    entry = next(client.app.kit.log.entries(newest_first=True))  # type: ignore[attr-defined]
    assert (entry.kind.label, entry.stmt["control"]) == ("withdrawal", "opt-out")
    assert entry.stmt["decided"].keys() == {"preferences", "analytics"}, "what was said before"
    assert client.get("/consent/state").json()["allowed"] == ["necessary", "analytics"]
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]


def test_who_opts_out_first_is_asked_about_the_rest_and_by_no_yes(client: TestClient) -> None:
    choose(client, control="opt-out", choices={"marketing": False})
    state = client.get("/consent/state").json()
    assert (state["reasons"]["marketing"], state["reasons"]["analytics"]) == ("refused", "unknown")
    wrong = choose(client, control="opt-out", choices={"marketing": True})
    assert wrong.status_code == 422


def test_the_page_of_a_browser_that_objects_says_that_it_is_heard(client: TestClient) -> None:
    """11 CCR 7025(c)(6): whether the signal was processed is displayed."""
    page = client.get("/consent/do-not-sell", headers=GPC).text
    assert "Opt-out request honoured" in page
    assert "stay off: Marketing" in page
    assert "Opt-out request honoured" not in client.get("/consent/do-not-sell").text
    assert "do-not-sell" not in client.get("/consent/").text, "no link where every category waits for a yes"


def test_where_marketing_is_on_until_a_no_the_visitors_page_links_to_it(tmp_path: Path) -> None:
    with browsing(app(), tmp_path, policy=policy(regime="us")) as browser:
        assert 'href="/consent/do-not-sell?lang=en"' in browser.get("/consent/").text


def test_where_all_is_on_until_a_no_a_signal_or_an_opt_out_takes_marketing_alone(tmp_path: Path) -> None:
    """L24, L25: neither is an answer about the rest, which stays on as that law has it."""
    with browsing(app(), tmp_path, policy=policy(regime="us")) as browser:
        assert browser.get("/consent/state").json()["allowed"] == ["necessary", *OPTIONAL]
        under = browser.get("/consent/state", headers=GPC).json()
        assert (under["allowed"], under["reasons"]["marketing"]) == (["necessary", *OPTIONAL[:2]], "signal")
        choose(browser, control="opt-out", choices={"marketing": False})
        state = browser.get("/consent/state").json()
        assert (state["allowed"], state["reasons"]["marketing"]) == (["necessary", *OPTIONAL[:2]], "refused")
        assert ".us." in browser.cookies["consentkit_allows"]
