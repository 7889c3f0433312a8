"""Who looked at a person's entries: an entry once a session at the desk, and by each command (Q38)."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import ORIGIN, SECRET, Clock, app, august, browsing, choose, mounted
from starlette.testclient import TestClient

from consentkit.cli import main
from consentkit.desk.auth import link
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind, Stored


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(), tmp_path, clock=clock) as browser:
        yield browser


def looks(client: TestClient) -> list[Stored]:
    return list(client.app.kit.log.entries(kind=Kind.ACCESS))  # type: ignore[attr-defined]


def said(entry: Stored) -> dict[str, Any]:
    return {k: v for k, v in (entry.stmt or {}).items() if k not in ("t", "clock")}


def auditor(client: TestClient, clock: Clock, app: Any = None) -> TestClient:
    """A browser of its own that has come in by a link of its own."""
    clock.move(seconds=2)
    browser = TestClient(app or client.app, base_url=ORIGIN)
    assert browser.get(link(SECRET, ORIGIN)).status_code == 200
    return browser


def run(folder: Path, *arguments: str) -> Result:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    return CliRunner().invoke(main, [*arguments, *where])


def test_reading_an_entry_at_the_desk_is_logged_once_a_session(client: TestClient, clock: Clock) -> None:
    one, other = (choose(client, "analytics").json()["index"] for _ in range(2))
    first = auditor(client, clock)
    for index in (one, one, other, one):
        assert first.get(f"/consent/audit/{index}").status_code == 200
    assert [said(each) for each in looks(client)] == [{"action": "show", "object": i} for i in (one, other)]
    subject = looks(client)[0].subj or {}
    assert subject.keys() == {"actor", "session", "tag"}
    assert subject["actor"] == "auditor"
    assert subject["session"] not in str(first.cookies)
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]


def test_so_it_is_when_another_process_serves_the_session(
    tmp_path: Path, client: TestClient, clock: Clock
) -> None:
    index = choose(client, "analytics").json()["index"]
    browser = auditor(client, clock)
    browser.get(f"/consent/audit/{index}")
    other = mounted(app(), tmp_path, clock=clock)
    moved = TestClient(other, base_url=ORIGIN, cookies=browser.cookies)
    assert moved.get(f"/consent/audit/{index}").status_code == 200
    assert len(looks(client)) == 1
    other.kit.close()


def test_what_is_about_nobody_is_read_by_anybody(client: TestClient, clock: Clock) -> None:
    index = choose(client, "analytics").json()["index"]
    browser = auditor(client, clock)
    for page in ("", "0", "2", str(index - 1), "9999", "trackers"):
        browser.get(f"/consent/audit/{page}")
    assert looks(client) == []


def test_a_visitor_s_own_page_and_export_are_no_staff_s_looks(client: TestClient) -> None:
    choose(client, "analytics")
    for page in ("", "receipt", "export", "state"):
        assert client.get(f"/consent/{page}").status_code == 200
    assert looks(client) == []


def test_what_can_t_be_logged_isn_t_shown_at_the_desk(client: TestClient, clock: Clock) -> None:
    index = choose(client, "analytics").json()["index"]
    browser = auditor(client, clock)
    client.app.kit.log.newest.log._writer.close()  # type: ignore[attr-defined]
    answer = browser.get(f"/consent/audit/{index}")
    assert answer.status_code == 503
    assert '"analytics"' not in answer.text


def test_each_command_that_shows_a_person_s_entry_says_who_ran_it(client: TestClient, tmp_path: Path) -> None:
    index = str(choose(client, "analytics").json()["index"])
    shown = run(tmp_path, "audit", "show", "--json", index, "--actor", "dpo").stdout
    assert json.loads(shown)["index"] == int(index)
    assert run(tmp_path, "audit", "receipt", index, "--actor", "dpo").exit_code == 0
    assert run(tmp_path, "audit", "export", str(tmp_path / "bundle"), "--from", "3").exit_code == 0
    size = int(index) + 3
    assert [said(each) for each in looks(client)] == [
        {"action": "show", "object": int(index)},
        {"action": "receipt", "object": int(index)},
        {"action": "export", "from": 3, "to": size},
    ]
    actors = [(each.subj or {})["actor"] for each in looks(client)]
    assert actors[:2] == ["dpo", "dpo"]
    assert actors[2], "this machine's user"
    manifest = json.loads((tmp_path / "bundle" / "MANIFEST.json").read_text())
    assert manifest["to"] == size + 1, "the bundle tells of itself"


def test_documents_and_lists_are_no_looks_at_a_person(client: TestClient, tmp_path: Path) -> None:
    choose(client, "analytics")
    assert '"sub"' not in run(tmp_path, "audit", "log", "--json").stdout
    for arguments in (["show", "0"], ["receipt", "0"], ["log"], ["verify"], ["show", "9999"]):
        run(tmp_path, "audit", *arguments)
    assert looks(client) == []


def test_a_log_that_can_t_be_written_can_be_audited_and_says_so(client: TestClient, tmp_path: Path) -> None:
    """Such as a copy without its guard."""
    index = str(choose(client, "analytics").json()["index"])
    copy = shutil.copytree(tmp_path, tmp_path / "copy")
    for guard in (copy / "keys").glob("*guard*"):
        guard.unlink()
    shown = run(copy, "audit", "show", "--json", index)
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["index"] == int(index)
    assert "Warning: the log can't say that you read this: the log has no guard" in shown.stderr


def test_a_guard_that_is_lost_is_made_again_by_a_command(client: TestClient, tmp_path: Path) -> None:
    size = int(choose(client, "analytics").json()["index"]) + 1
    copy = shutil.copytree(tmp_path, tmp_path / "copy")
    for guard in (copy / "keys").glob("*guard*"):
        guard.unlink()
    refused = run(copy, "accept-log", str(size - 1))
    assert refused.exit_code == 2
    assert f"run: consentkit accept-log {size}" in refused.stderr
    assert run(copy, "accept-log", str(size)).stdout == f"The log has its guard again, at {size} entries.\n"
    assert run(copy, "audit", "show", str(size - 1)).stderr == ""
    (copy / "log.db").rename(copy / "moved.db")
    assert run(copy, "accept-log", "0").exit_code == 2
    assert not (copy / "log.db").exists(), "none is made where there was none"
