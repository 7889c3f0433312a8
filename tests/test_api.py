"""The visitor's routes: a choice is durable before it counts, and a failure grants nothing (design §2)."""

import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from sample import SECRET, Clock, app, august, browsing, choose, policy, visits
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import consent_of
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.claims import claims
from consentkit.proof.log import ProofLog
from consentkit.proof.store import Batch
from consentkit.proof.tables import SqliteWriting

FORM = {"content-type": "application/x-www-form-urlencoded"}
SAME = {"sec-fetch-site": "same-origin"}
END = datetime(2027, 2, 28, 12, 0, 0, tzinfo=UTC)


async def asks(request: Request) -> JSONResponse:
    visitor = consent_of(request)
    return JSONResponse({"analytics": visitor.allows("analytics"), "ask": visitor.ask})


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProofLog, "open", partial(ProofLog.open, timeout=0.2))


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(Route("/", asks)), tmp_path, clock=clock) as browser:
        yield browser


def kit_of(client: TestClient) -> Any:
    return client.app.kit  # type: ignore[attr-defined]


def from_address(client: TestClient, address: str) -> TestClient:
    """The same browser, seen from another address."""
    middleware = client.app

    async def moved(scope: Any, receive: Any, send: Any) -> None:
        await middleware(scope | {"client": (address, 1)}, receive, send)

    other = TestClient(moved, base_url="https://shop.example", cookies=client.cookies)
    other.app = middleware
    other._transport.app = moved  # type: ignore[attr-defined]
    other.cookies = client.cookies
    return other


def body(client: TestClient, **changes: Any) -> dict[str, Any]:
    choices = {"preferences": False, "analytics": True, "marketing": False}
    version = kit_of(client).edition.policy.version
    return {"choices": choices, "policy": version, "mechanism": "banner", "locale": "fr"} | changes


# A choice -----------------------------------------------------------------------------------------------


def test_a_choice_is_answered_with_the_state_and_a_receipt_that_holds(client: TestClient) -> None:
    answer = choose(client, "analytics")
    value = answer.json()
    assert answer.status_code == 201
    assert value["allowed"] == ["necessary", "analytics"]
    assert value["ask"] is False
    assert value["until"] == dict.fromkeys(("preferences", "analytics", "marketing"), "2027-02-28T12:00:00Z")
    assert verify_receipt(value["receipt"], kit_of(client).log.vkey) == value["index"]
    assert client.get("/").json() == {"analytics": True, "ask": False}


def test_the_record_says_everything_the_auditor_asks_and_nothing_personal(client: TestClient) -> None:
    """Q1-Q3, A9, L20: every category explicit, the notice by its hash, no address, no full user agent."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    client.post(
        "/consent/", json=body(client), headers=SAME | {"user-agent": agent, "x-forwarded-for": "8.8.8.8"}
    )
    record = list(kit_of(client).log.entries())[-1]
    assert record.kind.label == "choice"
    assert record.stmt["categories"] == {
        "necessary": True,
        "preferences": False,
        "analytics": True,
        "marketing": False,
    }
    assert record.stmt["mechanism"] == "banner"
    assert record.stmt["locale"] == "fr"
    notice = json.loads(kit_of(client).log.document(record.stmt["notice"]).body)
    assert notice["locale"] == "fr"
    assert record.subj.keys() == {"sub", "tag", "ua"}
    assert record.subj["ua"] == "Firefox"
    assert not any(word in repr(record) for word in ("8.8.8.8", "Linux", "testclient"))


def test_our_cookies_are_set_by_http_only_and_secure(client: TestClient) -> None:
    """L30: a cookie set by the server outlives Safari's seven days."""
    sealed, hint = choose(client, "analytics").headers.get_list("set-cookie")[:2]
    assert sealed.startswith("consentkit=")
    assert hint.startswith("consentkit_allows=")
    assert "HttpOnly; Secure" in sealed
    assert "; Secure" in hint
    assert "HttpOnly" not in hint
    seconds = int(END.timestamp())
    assert f".analytics+{seconds}" in hint
    assert f".marketing-{seconds}" in hint


def test_a_choice_counts_for_six_calendar_months_to_the_second(client: TestClient, clock: Clock) -> None:
    """A1, A2."""
    choose(client, "analytics")
    sealed = client.cookies["consentkit"]
    clock.now = END - timedelta(seconds=1)
    headers = {"cookie": f"consentkit={sealed}"}
    client.cookies.clear()
    assert client.get("/", headers=headers).json() == {"analytics": True, "ask": False}
    clock.now = END
    assert client.get("/", headers=headers).json() == {"analytics": False, "ask": True}
    assert client.get("/consent/state", headers=headers).json()["reasons"]["analytics"] == "expired"


def test_saving_the_same_again_keeps_every_instant(client: TestClient, clock: Clock) -> None:
    """A2: only a new answer starts a new life."""
    first = choose(client, "analytics").json()["until"]
    clock.move(days=60)
    second = choose(client, "analytics", "marketing").json()["until"]
    assert second["analytics"] == first["analytics"]
    assert second["preferences"] == first["preferences"]
    assert second["marketing"] == "2027-04-30T12:00:00Z"


def test_withdrawing_works_on_the_same_answer(client: TestClient) -> None:
    """A10, L14."""
    choose(client, "analytics")
    client.cookies.set("_ga", "1", domain="shop.example")
    client.cookies.set("_ga_ABC", "1", domain="shop.example")
    answer = choose(client)
    values = answer.headers.get_list("set-cookie")
    assert [name for name in ("_ga", "_ga_ABC") if any(v.startswith(f"{name}=; ") for v in values)] == [
        "_ga",
        "_ga_ABC",
    ]
    assert "_ga" not in client.cookies
    assert any(v.startswith("_gid=; ") for v in values), "the policy names it, though it didn't come"
    assert list(kit_of(client).log.entries())[-1].kind.label == "withdrawal"
    assert client.get("/").json() == {"analytics": False, "ask": False}


def test_refusing_takes_the_same_request_as_accepting(client: TestClient) -> None:
    """A7, L2."""
    assert choose(client).status_code == 201
    assert choose(client, "analytics", "marketing", "preferences").status_code == 201


def test_records_of_one_browser_are_linked(client: TestClient) -> None:
    """Q4."""
    first = choose(client, "analytics").json()["index"]
    choose(client)
    rows = client.get("/consent/export").json()["records"]
    assert [row["kind"] for row in rows] == ["choice", "withdrawal"]
    assert rows[1]["statement"]["previous"] == first


# What is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://shop.example"}, 403),
        ({"origin": "https://shop.example"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "https://shop.example.evil.example"}, 403),
        ({}, 201),
    ],
)
def test_only_the_site_s_own_pages_may_choose(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.post("/consent/", json=body(client), headers=headers)
    assert answer.status_code == status
    assert client.get("/").json()["analytics"] is (status == 201)


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"choices": {"analytics": True}}, {"choices.preferences", "choices.marketing"}),
        ({"choices": {"analytics": 1, "marketing": "no", "preferences": None}}, {
            "choices.analytics", "choices.marketing", "choices.preferences",
        }),
        ({"choices": []}, {"choices"}),
        ({"locale": "xx", "mechanism": "magic"}, {"locale", "mechanism"}),
        ({"policy": "f" * 64}, {"policy"}),
        ({"policy": 5, "extra": 1}, {"policy", "extra"}),
    ],
)  # fmt: skip
def test_every_problem_of_an_answer_is_told_at_once(
    client: TestClient, changes: dict[str, Any], paths: set[str]
) -> None:
    answer = client.post("/consent/", json=body(client, **changes), headers=SAME)
    assert answer.status_code == 422
    assert {problem["path"] for problem in answer.json()["problems"]} == paths
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b'{"a":"' + b"x" * 20_000 + b'"}', "application/json", 413),
        (b"\xff\xfe", "application/json", 422),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 422),
        (b"a=1&" * 60, "application/x-www-form-urlencoded", 422),
        (b"--x", "multipart/form-data; boundary=x", 415),
    ],
)
def test_bodies_that_are_no_answer(client: TestClient, content: bytes, media: str, status: int) -> None:
    answer = client.post("/consent/", content=content, headers=SAME | {"content-type": media})
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


def test_answers_faster_than_people_are_slowed_down(client: TestClient, clock: Clock) -> None:
    statuses = [choose(from_address(client, "203.0.114.9"), "analytics").status_code for _ in range(61)]
    assert statuses == [201] * 60 + [429]
    assert choose(from_address(client, "203.0.114.10"), "analytics").status_code == 201
    clock.move(minutes=1)
    assert choose(from_address(client, "203.0.114.9"), "analytics").status_code == 201


def test_an_answer_that_only_refuses_is_never_slowed_down(client: TestClient) -> None:
    """A withdrawal must never wait behind a limit (A10); nor does a first no."""
    busy = from_address(client, "203.0.114.9")
    statuses = [choose(busy, "analytics").status_code for _ in range(61)]
    assert statuses[-1] == 429
    assert choose(busy).status_code == 201


def test_reports_and_choices_have_a_limit_each(client: TestClient) -> None:
    busy = from_address(client, "203.0.114.9")
    statuses = [busy.post("/consent/sync", json={}).status_code for _ in range(61)]
    assert statuses == [204] * 60 + [429]
    assert choose(busy, "analytics").status_code == 201


def test_one_household_has_one_limit_and_a_proxy_none(client: TestClient) -> None:
    spread = [choose(from_address(client, f"2001:4860::{n:x}"), "analytics") for n in range(1, 63)]
    assert spread[-1].status_code == 429
    proxied = [choose(from_address(client, "10.0.0.1"), "analytics").status_code for _ in range(62)]
    assert set(proxied) == {201}


def test_a_no_beside_a_yes_that_comes_too_often_still_stops_the_tracking(client: TestClient) -> None:
    """A10."""
    choose(client, "analytics")
    busy = from_address(client, "203.0.114.9")
    for _ in range(60):
        choose(busy, "analytics")
    assert choose(busy, "marketing").status_code == 429
    assert busy.get("/").json() == {"analytics": False, "ask": True}


def test_a_wrong_method_or_path_is_told(client: TestClient) -> None:
    assert client.delete("/consent/").status_code == 405
    assert client.post("/consent/state").headers["allow"] == "GET"
    assert client.get("/consent/nowhere").status_code == 404
    assert client.get("/consent/static/nothing.js").status_code == 404
    assert client.get("/consentful").status_code == 404  # the application's own, not ours


# The store is down --------------------------------------------------------------------------------------


def freeze(folder: Path) -> sqlite3.Connection:
    """Take the database's write lock, as a stuck backup would."""
    connection = sqlite3.connect(folder / "log.db", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def test_a_log_that_can_t_be_written_grants_nothing(client: TestClient, tmp_path: Path) -> None:
    lock = freeze(tmp_path)
    answer = choose(client, "analytics")
    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    assert client.get("/").json() == {"analytics": False, "ask": True}
    lock.close()
    assert choose(client, "analytics").status_code == 201


def committing(fails: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the answer to a COMMIT where `fails` says so, in turn: the record is durable, and nobody told."""
    commit = SqliteWriting.commit

    def lost(session: SqliteWriting, batch: Batch) -> None:
        commit(session, batch)
        if fails and fails.pop(0):
            raise OSError("lost")

    monkeypatch.setattr(SqliteWriting, "commit", lost)


def test_a_visitor_whose_commit_s_outcome_was_lost_is_told_what_the_log_holds(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I5: it would be told that nothing was granted, and find it granted."""
    choose(client)
    committing([True], monkeypatch)
    answer = choose(client, "analytics")
    assert (answer.status_code, answer.json()["allowed"]) == (201, ["necessary", "analytics"])
    lost, told = list(kit_of(client).log.entries())[-2:]
    assert lost.stmt["categories"] == told.stmt["categories"]
    assert (told.stmt["previous"], told.index) == (lost.index, answer.json()["index"])
    assert kit_of(client).log.verify(claims()).ok


def test_where_the_outcome_stays_unknown_nobody_is_told_that_nothing_was_granted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(client)
    committing([True, True], monkeypatch)
    answer = choose(client, "analytics")
    assert answer.status_code == 503
    assert (
        answer.json()["error"]
        == "it isn't known whether the choice was recorded; please look again in a moment"
    )
    assert client.get("/").json()["analytics"] is False


def test_a_no_that_can_t_be_recorded_still_stops_the_tracking(client: TestClient, tmp_path: Path) -> None:
    choose(client, "analytics", "marketing")
    client.cookies.set("_ga", "1", domain="shop.example")
    lock = freeze(tmp_path)
    answer = choose(client, "marketing")
    assert answer.status_code == 503
    assert "_ga" not in client.cookies
    state = client.get("/consent/state").json()
    assert state["allowed"] == ["necessary", "marketing"]
    assert state["ask"] is True
    lock.close()


@pytest.mark.parametrize(("size", "status"), [("narrow", 201), ("wide", 201), ("huge", 422), (3, 422)])
def test_the_layout_that_was_shown_is_in_the_record_and_no_other_is_taken(
    client: TestClient, size: Any, status: int
) -> None:
    """A9: the same notice looks otherwise on a small screen."""
    answer = client.post("/consent/", json=body(client, size=size), headers=SAME)
    assert answer.status_code == status
    if status == 201:
        assert list(kit_of(client).log.entries())[-1].stmt["size"] == size
    else:
        assert [problem["path"] for problem in answer.json()["problems"]] == ["size"]


def test_a_log_that_can_t_be_read_denies_and_the_pages_still_render(
    client: TestClient, tmp_path: Path, clock: Clock
) -> None:
    choose(client, "analytics")
    kit_of(client).published.policies.clear()  # as a process that has yet to learn this version
    clock.move(seconds=5)
    for file in tmp_path.glob("log.db*"):
        file.rename(file.with_name(f"gone-{file.name}"))
    assert client.get("/").json() == {"analytics": False, "ask": True}
    assert client.get("/consent/").status_code == 200
    assert client.get("/consent/state").json()["allowed"] == ["necessary"]
    assert client.get("/consent/receipt").status_code == 503


# The plain form -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"action": "accept"}, ["necessary", "preferences", "analytics", "marketing"]),
        ({"action": "reject"}, ["necessary"]),
        ({"action": "save", "choice": "analytics"}, ["necessary", "analytics"]),
        ({"choice": ["analytics", "marketing"]}, ["necessary", "analytics", "marketing"]),
        ({}, ["necessary"]),
    ],
)
def test_the_form_records_a_choice_without_javascript(
    client: TestClient, fields: dict[str, Any], allowed: list[str]
) -> None:
    hidden = {"policy": kit_of(client).edition.policy.version, "locale": "de"}
    answer = client.post("/consent/", data=hidden | fields, headers=SAME, follow_redirects=False)
    assert answer.status_code == 303
    assert client.get("/consent/state").json()["allowed"] == allowed
    page = client.get(answer.headers["location"]).text
    assert "gespeichert" in page
    assert list(kit_of(client).log.entries())[-1].stmt["mechanism"] == "form"


def test_the_language_that_was_shown_is_the_one_on_record(tmp_path: Path) -> None:
    """Q2: not the one that was asked for."""
    own = policy()
    own["site"]["languages"] = ["en", "pt-BR"]
    with browsing(app(), tmp_path, policy=own) as client:
        text = client.get("/consent/", headers={"accept-language": "pt-PT, en;q=0.5"}).text
        assert '<html lang="pt-BR"' in text
        fields = {"policy": kit_of(client).edition.policy.version, "action": "reject"}
        fields |= dict(re.findall(r'<input type="hidden" name="(locale)" value="([^"]*)"', text))
        answer = client.post("/consent/", data=fields, headers=SAME, follow_redirects=False)
        assert answer.headers["location"].endswith("lang=pt-BR")
        assert list(kit_of(client).log.entries())[-1].stmt["locale"] == "pt-BR"


def test_a_failed_form_shows_the_page_again_and_says_so(client: TestClient, tmp_path: Path) -> None:
    lock = freeze(tmp_path)
    fields = {"policy": kit_of(client).edition.policy.version, "locale": "en", "action": "accept"}
    answer = client.post("/consent/?lang=en", data=fields, headers=SAME)
    assert answer.status_code == 503
    assert 'role="alert"' in answer.text
    assert "<form" in answer.text
    lock.close()


@pytest.mark.parametrize(
    "fields", [{"action": "maybe"}, {"choice": "functional"}, {"policy": "x"}, {"locale": "xx"}]
)
def test_a_form_that_says_nonsense_is_422(client: TestClient, fields: dict[str, str]) -> None:
    hidden = {"policy": kit_of(client).edition.policy.version, "locale": "en"}
    answer = client.post("/consent/", data=hidden | fields, headers=SAME)
    assert answer.status_code == 422
    assert client.get("/consent/state").json()["ask"] is True


# Reading ------------------------------------------------------------------------------------------------


def test_the_state_refreshes_an_old_hint_but_sets_nothing_for_strangers(client: TestClient) -> None:
    assert "set-cookie" not in client.get("/consent/state").headers
    choose(client, "analytics")
    client.cookies.delete("consentkit_allows")
    assert "consentkit_allows=" in client.get("/consent/state").headers["set-cookie"]


def test_everything_personal_is_never_cached(client: TestClient) -> None:
    choose(client, "analytics")
    for path in ("", "state", "receipt", "export"):
        assert client.get(f"/consent/{path}").headers["cache-control"] == "no-store"


def test_the_receipt_is_the_visitor_s_own(client: TestClient) -> None:
    assert client.get("/consent/receipt").status_code == 404
    index = choose(client, "analytics").json()["index"]
    vkey = client.get("/consent/log/vkey").text.strip()
    assert verify_receipt(client.get("/consent/receipt").text, vkey) == index
    readable = client.get("/consent/receipt", headers={"accept": "application/json"}).json()
    assert readable["statement"]["categories"]["analytics"] is True
    assert len(readable["salts"][0]) == 64


def test_the_policy_is_public_in_every_version(client: TestClient) -> None:
    """E1: every version kept, by permanent address."""
    current = client.get("/consent/policy").json()
    version = kit_of(client).edition.policy.version
    answer = client.get(f"/consent/policy/{version}")
    assert answer.json() == current
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(f"/consent/policy/{'0' * 64}").status_code == 404


def test_static_files_are_served_from_the_log_by_their_hash(client: TestClient) -> None:
    for served in kit_of(client).edition.served.values():
        answer = client.get(f"/consent/static/{served.served_name}")
        assert answer.content == served.body
        assert "immutable" in answer.headers["cache-control"]


def test_the_checkpoint_is_public(client: TestClient) -> None:
    assert client.get("/consent/log/checkpoint").text == kit_of(client).log.checkpoint


# Where and who ------------------------------------------------------------------------------------------


def test_the_country_is_looked_up_and_the_address_forgotten(tmp_path: Path, clock: Clock) -> None:
    writer = MMDBWriter(6, "GeoLite2-Country", ipv4_compatible=True)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "FR"}})
    writer.to_db_file(str(tmp_path / "countries.mmdb"))
    options: dict[str, Any] = {
        "geo": tmp_path / "countries.mmdb",
        "trusted_proxies": ["192.0.2.0/24"],
        "clock": clock,
    }
    with browsing(app(), tmp_path, **options) as browser:
        middleware = browser.app

        async def proxied(scope: Any, receive: Any, send: Any) -> None:
            await middleware(scope | {"client": ("192.0.2.7", 1)}, receive, send)

        outside = TestClient(proxied, base_url="https://shop.example")
        headers = SAME | {"x-forwarded-for": "203.0.113.9, 198.51.100.4"}
        outside.post("/consent/", json=body(browser), headers=headers)
        record = list(kit_of(browser).log.entries())[-1]
        assert record.subj["country"] == "FR"
        assert "198.51" not in repr(record)


def test_an_answer_under_an_older_policy(tmp_path: Path, clock: Clock) -> None:
    """Grants count where nothing material changed; refusals always do; 409 if nothing could be granted."""
    with browsing(app(), tmp_path, clock=clock) as old:
        old_version = kit_of(old).edition.policy.version
    changed = policy(services=["google-analytics", "meta-pixel", "youtube", "hotjar"])
    with browsing(app(), tmp_path, clock=clock, policy=changed) as new:
        answer = choose(new, "analytics", "marketing", policy=old_version)
        assert answer.status_code == 201
        assert answer.json()["allowed"] == ["necessary", "marketing"]
        assert answer.json()["reasons"]["analytics"] == "unknown"
        assert answer.json()["ask"] is True
    everything = policy(services=["hotjar", "tiktok-pixel", "hubspot", "intercom", "google-maps"])
    with browsing(app(), tmp_path, clock=clock, policy=everything, secret_key=SECRET) as newest:
        stale = dict.fromkeys(("preferences", "analytics", "marketing"), True)
        answer = choose(newest, policy=old_version, choices=stale)
        assert answer.status_code == 409
        assert choose(newest, policy=old_version).status_code == 201


def test_an_answer_from_an_old_tab_leaves_newer_categories_alone(tmp_path: Path, clock: Clock) -> None:
    few = policy(categories=["analytics"], services=["google-analytics"])
    with browsing(app(), tmp_path, clock=clock, policy=few) as old:
        old_version = kit_of(old).edition.policy.version
    with browsing(app(), tmp_path, clock=clock) as new:
        choose(new, "analytics", "marketing")
        answer = choose(new, policy=old_version, choices={"analytics": False})
        assert answer.status_code == 201
        assert answer.json()["allowed"] == ["necessary", "marketing"]
        assert answer.json()["ask"] is False


def test_the_log_decides_when_two_tabs_answer_at_once(client: TestClient) -> None:
    """The browser may keep the cookie of the answer that came first."""
    choose(client, "analytics")
    earlier = {name: client.cookies[name] for name in ("consentkit", "consentkit_allows")}
    choose(client)
    client.cookies.clear()
    for name, value in earlier.items():
        client.cookies.set(name, value, domain="shop.example")
    state = client.get("/consent/state")
    assert state.json()["allowed"] == ["necessary"]
    assert client.get("/").json()["analytics"] is False


def test_a_cookie_of_another_log_is_nobody_s_here(client: TestClient, tmp_path: Path) -> None:
    """Staging and production may share a name, a policy and even a secret."""
    choose(client, "analytics")
    sealed = client.cookies["consentkit"]
    (tmp_path / "other").mkdir()
    with browsing(app(Route("/", asks)), tmp_path / "other", clock=august()) as other:
        choose(other, "marketing")
        headers = {"cookie": f"consentkit={sealed}"}
        other.cookies.clear()
        assert other.get("/", headers=headers).json() == {"analytics": False, "ask": True}
        assert other.get("/consent/receipt", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("xx, de;q=0.1", "de"),
        ("*", "en"),
        ("fr;q=0, de", "de"),
        ("fr;q=x", "en"),
        ("en" + " " * 20_000 + "x", "en"),
        ("", "en"),
    ],
)
def test_the_page_speaks_the_visitor_s_language(client: TestClient, header: str, lang: str) -> None:
    assert f'<html lang="{lang}"' in client.get("/consent/", headers={"accept-language": header}).text


def test_the_page_names_languages_and_writes_days_as_their_readers_do(client: TestClient) -> None:
    choose(client, "analytics")
    text = client.get("/consent/?lang=fr").text
    assert '<nav aria-label="Langue">' in text
    assert 'lang="de" hreflang="de">Deutsch</a>' in text
    assert 'jusqu’au <time datetime="2027-02-28T12:00:00Z">28 février 2027</time>' in text
    clock = '<bdi dir="ltr">12:00 UTC</bdi>'
    assert f'<p><time datetime="2026-08-31T12:00:00Z">31 août 2026 {clock}</time></p>' in text


def test_a_site_s_own_days_are_no_markup(tmp_path: Path) -> None:
    months = ["<b>"] * 12
    own = {"en": {"dates": {"pattern": "{month} & {day}", "months": months}, "page": {"until": "to {date}!"}}}
    options = {"policy": policy(texts=own), "clock": august()}
    with browsing(app(), tmp_path, **options) as client:
        choose(client, "analytics")
        text = client.get("/consent/").text
    assert '<p class="state">to <time datetime="2027-02-28T12:00:00Z">&lt;b&gt; &amp; 28</time>!' in text


def test_the_visitor_s_page_says_what_a_cookie_is_kept_for(tmp_path: Path) -> None:
    """B2, B18."""
    basket = {"name": "basket", "lifetime": "P14D", "why": "keeps what you <b>chose</b>"}
    own = visits(category="necessary", cookies=[basket, "sid"])
    with browsing(app(), tmp_path, policy=policy(services=[own])) as client:
        text = client.get("/consent/", headers={"accept": "text/html"}).text
        assert "<td>14 days<p><bdi>keeps what you &lt;b&gt;chose&lt;/b&gt;</bdi></p></td>" in text
        assert '<code dir="ltr">sid</code></td><td>until you close the browser</td>' in text
        cookies = [each for s in client.get("/consent/policy").json()["services"] for each in s["cookies"]]
        assert [each["why"] for each in cookies] == [basket["why"], ""]


def test_the_visitor_s_page_says_which_cookies_no_site_can_remove(client: TestClient) -> None:
    """L14: those on a vendor's own domain; the site's own ones go when they are refused."""
    text = client.get("/consent/", headers={"accept": "text/html"}).text
    listed = text.partition('<ul aria-labelledby="gone">')[2].partition("<h2>")[0]
    assert "VISITOR_INFO1_LIVE" in listed
    assert "YouTube" in listed
    assert "_ga" not in listed
