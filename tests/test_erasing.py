"""Erasure as the operator runs it: by index, by receipt, by a visitor's tag, and by the policy's own rule."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import ORIGIN, SECRET, Clock, app, august, browsing, choose, policy

from consentkit import closing, erasing
from consentkit.cli import main
from consentkit.desk.auth import link

KEPT = {"months": 12, "reason": "claims about a consent can be made for a year"}


def run(folder: Path, *arguments: str) -> Result:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    return CliRunner().invoke(main, [*arguments, *where])


def told(folder: Path, *arguments: str) -> Any:
    result = run(folder, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two visitors with two answers each, a month apart; the first one's receipt and export."""
    folder = tmp_path_factory.mktemp("log")
    clock = august()
    with browsing(app(), folder, clock=clock, policy=policy(retention=KEPT)) as client:
        for visitor in range(2):
            client.cookies.clear()
            for granted in ("analytics", "marketing"):
                choose(client, granted)
                clock.move(days=30)
            if not visitor:
                (folder / "receipt.txt").write_text(client.get("/consent/receipt").text)
                (folder / "export.json").write_text(client.get("/consent/export").text)
    return folder


@pytest.fixture
def folder(seeded: Path, tmp_path: Path) -> Path:
    return shutil.copytree(seeded, tmp_path / "copy")


@pytest.fixture
def mine(seeded: Path) -> list[int]:
    return [record["index"] for record in json.loads((seeded / "export.json").read_text())["records"]]


def subject(folder: Path, index: int) -> Any:
    return told(folder, "audit", "show", str(index))["subject"]


def by_receipt(folder: Path) -> list[str]:
    return ["--receipt", str(folder / "receipt.txt")]


def by_tag(folder: Path) -> list[str]:
    return ["--visitor", json.loads((folder / "export.json").read_text())["records"][0]["subject"]["tag"]]


@pytest.mark.parametrize("way", [by_receipt, by_tag])
def test_all_of_a_visitor_s_records_go_by_what_the_visitor_holds(
    folder: Path, mine: list[int], way: Any
) -> None:
    asked = run(folder, "erase", *way(folder))
    assert asked.exit_code == 2
    assert f"Would be erased: who they were about, of 2 records: {mine[0]}, {mine[1]}." in asked.stdout
    assert "add --yes" in asked.stderr
    assert subject(folder, mine[0])
    done = run(folder, "erase", *way(folder), "--yes")
    assert done.exit_code == 0, done.output
    assert f"Erased: who they were about, of 2 records: {mine[0]}, {mine[1]}." in done.stdout
    assert "Backups" in done.stdout
    assert [subject(folder, index) for index in mine] == [None, None]
    assert subject(folder, mine[1] + 1)["sub"]
    assert run(folder, "audit", "verify").exit_code == 0
    again = run(folder, "erase", *way(folder), "--yes")
    assert (again.exit_code, again.stdout) == (0, "Nothing is left to erase. The files were cleared again.\n")


def test_by_index_only_that_record_goes(folder: Path, mine: list[int]) -> None:
    assert told(folder, "erase", str(mine[0]), "--yes") == {
        "erased": True,
        "indexes": mine[:1],
        "tombstones": [{"list": mine[:1], "segment": "subj", "reason": "request"}],
    }
    assert (subject(folder, mine[0]), subject(folder, mine[1]) is None) == (None, False)
    listed = run(folder, "audit", "log", "--kind", "tombstone").stdout
    assert f"tombstone   {listed.split()[2]}  subj of [{mine[0]}]" in listed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name what to erase"),
        (["--again", "1"], "name what to erase"),
        (["--visitor", "nobody"], "32 hex digits, not 'nobody'"),
        (["999999", "--yes"], "no entry 999999"),
        (["0", "--yes"], "is a document: it holds nothing about a visitor"),
    ],
)
def test_what_can_not_be_erased_is_a_usage_error(folder: Path, arguments: list[str], message: str) -> None:
    result = run(folder, "erase", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_receipt_of_another_log_or_a_forged_one_erases_nothing(folder: Path) -> None:
    text = (folder / "receipt.txt").read_text()
    (folder / "receipt.txt").write_text(text.replace("index ", "index 1"))
    result = run(folder, "erase", *by_receipt(folder), "--yes")
    assert (result.exit_code, "Error" in result.stderr) == (1, True)


def test_what_tombstones_say_can_be_done_again(folder: Path) -> None:
    done = run(folder, "erase", "--again", "--yes")
    assert (done.exit_code, done.stdout) == (0, "Nothing is left to erase. The files were cleared again.\n")


def test_the_policy_s_rule_erases_what_has_aged_and_says_under_which_policy(
    folder: Path, mine: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = august()
    monkeypatch.setattr(erasing, "utc_now", clock)
    clock.move(days=366)
    assert told(folder, "retain", "--dry-run")["indexes"] == mine[:1]
    assert subject(folder, mine[0])
    done = told(folder, "retain")
    (stone,) = done["tombstones"]
    assert (done["erased"], done["indexes"]) == (True, mine[:1])
    assert stone == {
        "list": mine[:1], "segment": "both", "reason": "retention", "months": 12, "policy": stone["policy"]
    }  # fmt: skip
    shown = told(folder, "audit", "show", str(mine[0]))
    assert (shown["statement"], shown["subject"], shown["time"]) == (None, None, "erased")
    assert run(folder, "audit", "verify").exit_code == 0
    assert "Nothing is left" in run(folder, "retain").stdout


def test_without_a_rule_nothing_is_erased(tmp_path: Path) -> None:
    with browsing(app(), tmp_path, clock=august()) as client:
        choose(client, "analytics")
    result = run(tmp_path, "retain")
    assert result.exit_code == 2
    assert "no [retention]" in result.stderr


def test_the_site_goes_on_beside_an_erasure_and_the_desk_shows_it(tmp_path: Path) -> None:
    clock = Clock(august().now)
    with browsing(app(), tmp_path, clock=clock) as client:
        index = choose(client, "analytics").json()["index"]
        done = run(tmp_path, "erase", str(index), "--yes")
        assert done.exit_code == 0, done.output
        assert client.get("/consent/export").json()["records"] == []
        assert client.get("/consent/receipt").status_code == 404
        assert client.get("/consent/").status_code == 200
        assert client.get("/consent/state").json()["allowed"] == ["necessary", "analytics"]
        clock.move(hours=1)
        assert choose(client, "marketing").status_code == 201
        (record,) = client.get("/consent/export").json()["records"]
        assert record["statement"]["previous"] is None
        assert client.get(link(SECRET, ORIGIN)).status_code == 200
        assert "erased, or none" in client.get(f"/consent/audit/{index}").text
        assert "tombstone" in client.get("/consent/audit/").text
        assert "The log holds" in client.get("/consent/audit/verify").text
        for method in ("POST", "DELETE", "PUT"):
            assert client.request(method, f"/consent/audit/{index}").status_code == 405


# Once a year's log was closed


@pytest.fixture
def years(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A visitor's answers in two logs, their receipt from the first; where the second begins."""
    clock = august()
    monkeypatch.setattr(closing, "utc_now", clock)
    with browsing(app(), tmp_path, clock=clock, policy=policy(retention=KEPT)) as client:
        first = choose(client, "analytics").json()["index"]
        (tmp_path / "receipt.txt").write_text(client.get("/consent/receipt").text)
        (tmp_path / "export.json").write_text(client.get("/consent/export").text)
        began = told(tmp_path, "audit", "close", "--next", "corner-shop/2027", "--yes")
        assert began["closed"]
        second = choose(client, "marketing").json()["index"]
        return [first, second, client.app.kit.log.newest.first]  # type: ignore[attr-defined]


@pytest.mark.parametrize("way", [by_receipt, by_tag])
def test_a_visitor_s_records_go_from_every_year_s_log(tmp_path: Path, years: list[int], way: Any) -> None:
    *mine, _ = years
    assert told(tmp_path, "erase", *way(tmp_path), "--yes")["indexes"] == mine
    assert [subject(tmp_path, index) for index in mine] == [None, None]
    for shard in ("corner-shop/consent", "corner-shop/2027"):
        assert told(tmp_path, "audit", "verify", "--shard", shard)["ok"]


def test_a_number_counts_from_the_first_log_on_and_within_the_log_that_is_named(
    tmp_path: Path, years: list[int]
) -> None:
    first, second, began = years
    newest = told(tmp_path, "audit", "show", str(second))
    assert (newest["index"], newest["statement"]["previous"]) == (second, first)
    named = ["--shard", "corner-shop/2027"]
    own = told(tmp_path, "audit", "show", str(second - began), *named)
    newest.pop("layer_shown")  # its edition stands in the log before
    assert own == newest | {"index": second - began}
    receipt = told(tmp_path, "audit", "receipt", str(second))["receipt"]
    assert f"\nindex {second - began}\n" in receipt
    bundle = str(tmp_path / "bundle")
    assert told(tmp_path, "audit", "export", bundle, "--from", str(second))["from"] == second - began
    assert run(tmp_path, "audit", "export", bundle, "--from", str(first)).exit_code == 2
    with sqlite3.connect(tmp_path / "log-2027.db") as altered:
        altered.execute("UPDATE opening SET lookup = randomblob(16) WHERE idx = ?", [second - began])
    for shard, index in (([], second), (named, second - began)):
        assert f"entry {index}: " in run(tmp_path, "audit", "verify", *shard).stdout
    assert run(tmp_path, "erase", str(second), *named, "--yes").exit_code == 2, "it has no such number"
    assert told(tmp_path, "erase", str(second - began), *named, "--yes")["indexes"] == [second - began]
    assert (subject(tmp_path, first) is None, subject(tmp_path, second)) == (False, None)
    listed = run(tmp_path, "audit", "log", "--limit", "99", "--json").stdout.splitlines()
    kinds = {json.loads(line)["index"]: json.loads(line)["kind"] for line in listed}
    assert (len(kinds), kinds[first], kinds[second]) == (len(listed), "choice", "withdrawal")
    reads = run(tmp_path, "audit", "log", "--kind", "access", "--json").stdout.splitlines()
    said = [json.loads(line)["statement"] for line in reads]
    assert {each.get("object", each.get("from")) for each in said} == {first, second}


def test_where_one_log_refuses_none_loses_anything(tmp_path: Path, years: list[int]) -> None:
    first, _, began = years
    refused = run(tmp_path, "erase", str(first), str(began), "--yes")
    assert refused.exit_code == 2
    assert f"entry {began} is a succession" in refused.stderr
    assert subject(tmp_path, first)


def test_the_policy_s_rule_goes_for_closed_logs_as_well(
    tmp_path: Path, years: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = august()
    monkeypatch.setattr(erasing, "utc_now", clock)
    clock.move(days=367)
    assert told(tmp_path, "retain")["indexes"] == years[:2]
    shown = [told(tmp_path, "audit", "show", str(index)) for index in years[:2]]
    assert [(each["statement"], each["subject"]) for each in shown] == [(None, None)] * 2
