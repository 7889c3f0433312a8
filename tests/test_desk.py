"""The audit desk: in only by a fresh link, read-only, and it shows what the log holds (H2, H5, H17)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sample import ORIGIN, SECRET, Clock, app, august, browsing, choose
from starlette.testclient import TestClient

from consentkit.desk.auth import Auth, link


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(), tmp_path, clock=clock) as browser:
        yield browser
        browser.app.kit.tally.close()  # type: ignore[attr-defined]


def enter(client: TestClient) -> None:
    assert client.get(link(SECRET, ORIGIN)).status_code == 200


def test_without_a_link_nothing_is_shown(client: TestClient) -> None:
    choose(client, "analytics")
    for path in ("", "/", "/0", "/verify", "/?before=5"):
        answer = client.get(f"/consent/audit{path}")
        assert answer.status_code == 401
        assert "checkpoint" not in answer.text.lower()


def test_a_link_opens_the_log(client: TestClient) -> None:
    index = choose(client, "analytics").json()["index"]
    enter(client)
    page = client.get("/consent/audit/").text
    assert f'<a href="/consent/audit/{index}">{index}</a>' in page
    assert "choice" in page


def test_a_time_that_somebody_altered_beyond_all_calendars_is_shown_too(
    client: TestClient, tmp_path: Path
) -> None:
    index = choose(client, "analytics").json()["index"]
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("UPDATE opening SET stmt = ? WHERE idx = ?", (b'{"t":1000000000000000000}', index))
    enter(client)
    assert "1000000000000000000 ms" in client.get("/consent/audit/").text


def test_an_entry_shows_what_was_said_and_its_proof(client: TestClient) -> None:
    index = choose(client, "analytics").json()["index"]
    enter(client)
    page = client.get(f"/consent/audit/{index}").text
    assert '"analytics": true' in page
    assert "c2sp.org/tlog-proof@v1" in page
    assert "Reject all" in page  # the notice's own words
    assert "consentkit-banner" in client.get("/consent/audit/2").text  # a document, whole
    assert client.get("/consent/audit/9999").status_code == 404


def test_the_log_is_verified_before_the_auditor_s_eyes(client: TestClient) -> None:
    enter(client)
    page = client.get("/consent/audit/verify").text
    assert "The log holds" in page
    assert f"{client.app.kit.log.origin}: " in page  # type: ignore[attr-defined]


def tally_of(client: TestClient) -> Any:
    return client.app.kit.tally  # type: ignore[attr-defined]


def version_of(client: TestClient) -> str:
    return str(client.app.kit.edition.policy.version)  # type: ignore[attr-defined]


def test_the_trackers_seen_are_listed_with_what_each_kind_means(client: TestClient) -> None:
    seen = [("blocked", "youtube"), ("undeclared", "cdn.example.net"), ("overridden", "matomo")]
    for _ in range(3):
        tally_of(client).count(version_of(client), seen)
    assert client.get("/consent/audit/trackers").status_code == 401
    enter(client)
    page = client.get("/consent/audit/trackers").text
    marketing, analytics = (f' <span class="state">{name}</span></th>' for name in ("marketing", "analytics"))
    assert f'<th scope="row">youtube{marketing}<td>3</td><td>2026-08-31</td>' in page
    assert f'<th scope="row">matomo{analytics}' in page  # known, though undeclared
    assert '<th scope="row">cdn.example.net</th><td>3</td>' in page
    assert "own mark in the page (data-category, data-service or another tool&#39;s) decided" in page
    assert page.index("Undeclared") < page.index("Blocked") < page.index("Overridden")
    assert "Refused" not in page


def test_what_a_yes_never_brings_back_is_not_said_to_wait_for_one(client: TestClient) -> None:
    names = ("youtube", "@analytics", "hotjar", "cdn.example.net", "")
    tally_of(client).count(version_of(client), [("blocked", name) for name in names])
    enter(client)
    page = client.get("/consent/audit/trackers").text
    _, waiting, undeclared, stranger, untold = page.split("<h2 ")
    assert waiting.startswith('id="blocked">Blocked</h2>')
    assert "Held back until its category is allowed." in waiting
    assert "youtube" in waiting
    assert "@analytics" in waiting
    assert undeclared.startswith('id="blocked-not-declared">Blocked, not declared</h2>')
    assert "Stays off even after a yes" in undeclared
    assert "Add it to services." in undeclared
    assert "hotjar" in undeclared
    assert "Blocked, host that nobody declared</h2>" in stranger
    assert "Stays off even after a yes" in stranger
    assert "cdn.example.net" in stranger
    assert "can&#39;t be told which" in untold
    assert 'aria-labelledby="blocked-host-that-nobody-declared"' in stranger


def test_the_range_of_days_is_one_of_five(client: TestClient, clock: Clock) -> None:
    tally_of(client).count(version_of(client), [("blocked", "youtube")])
    clock.move(days=8)
    enter(client)
    for days, there in [("1", False), ("7", False), ("30", True), ("", True), ("-1", True), ("9" * 99, True)]:
        page = client.get("/consent/audit/trackers", params={"days": days}).text
        assert ("youtube" in page) == there
        assert page.count('aria-current="page"') == 1
    assert "Nothing was counted in these 7 days." in client.get("/consent/audit/trackers?days=7").text


def test_names_of_hosts_are_text_on_the_page(client: TestClient) -> None:
    tally_of(client).count(version_of(client), [("undeclared", "<b>.example")])
    enter(client)
    assert "&lt;b&gt;.example" in client.get("/consent/audit/trackers").text


FOREIGN = Auth("another secret of good length").token("link")


@pytest.mark.parametrize("token", ["", "forged", "link", FOREIGN], ids=["empty", "forged", "word", "foreign"])
def test_a_forged_or_foreign_link_opens_nothing(client: TestClient, token: str) -> None:
    assert client.get("/consent/audit/", params={"token": token}).status_code == 403


def test_a_link_is_no_session_and_a_session_no_link(client: TestClient) -> None:
    auth = Auth(SECRET)
    client.cookies.set("consentkit_desk", auth.token("link"), domain="shop.example")
    assert client.get("/consent/audit/").status_code == 401
    assert client.get("/consent/audit/", params={"token": auth.token("session")}).status_code == 403


def test_old_tokens_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = Auth(SECRET)
    token = auth.token("link")
    assert auth.role("link", token) == "auditor"
    import time

    later = time.time() + 16 * 60
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert auth.role("link", token) is None


def test_the_desk_only_reads(client: TestClient) -> None:
    enter(client)
    assert client.post("/consent/audit/").status_code == 405


def test_the_session_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    answer = client.get(link(SECRET, ORIGIN), follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=lax", "Secure", "Path=/consent/audit/"):
        assert attribute in cookie
