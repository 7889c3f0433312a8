"""A withdrawal that an operator records: an entry with who and why, heeded by every process at once (A12)."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import Clock, app, august, browsing, choose, mounted
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import withdrawing
from consentkit.cli import main
from consentkit.kit import ConsentKit
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind, Record
from consentkit.proof.handover import close
from consentkit.proof.log import ProofLog

BY = ("--actor", "dpo", "--reason", "letter of 3 May")


async def page(request: Request) -> HTMLResponse:
    """A page that no cache keeps, and what the application is sent."""
    return HTMLResponse(
        f"<html><head></head>{sorted(request.cookies)}</html>", headers={"cache-control": "no-store"}
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = august()
    monkeypatch.setattr(withdrawing, "utc_now", clock)
    return clock


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(Route("/", page)), tmp_path, clock=clock) as browser:
        yield browser


def kit_of(client: TestClient) -> ConsentKit:
    kit: ConsentKit = client.app.kit  # type: ignore[attr-defined]
    return kit


def withdraw(folder: Path, *arguments: str) -> Result:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    return CliRunner().invoke(main, ["withdraw", *arguments, *where])


def sent(answer: Any) -> str:
    """The cookies that the application was sent."""
    text: str = answer.text
    return text.partition("</head>")[2]


def consenting(client: TestClient, *granted: str) -> int:
    index: int = choose(client, *(granted or ("analytics", "marketing"))).json()["index"]
    client.cookies.set("_fbp", "1", domain="shop.example")
    return index


def by_index(client: TestClient, folder: Path, index: int) -> tuple[str, ...]:
    return (str(index),)


def by_receipt(client: TestClient, folder: Path, index: int) -> tuple[str, ...]:
    (folder / "receipt.txt").write_text(client.get("/consent/receipt").text)
    return ("--receipt", str(folder / "receipt.txt"))


def by_tag(client: TestClient, folder: Path, index: int) -> tuple[str, ...]:
    record = client.get("/consent/export").json()["records"][0]
    return ("--visitor", record["subject"]["tag"])


@pytest.mark.parametrize("way", [by_index, by_receipt, by_tag])
def test_whoever_is_meant_gets_an_entry_with_who_and_why(
    client: TestClient, tmp_path: Path, way: Any
) -> None:
    index = consenting(client)
    done = withdraw(tmp_path, *way(client, tmp_path, index), *BY, "--json")
    assert done.exit_code == 0, done.output
    [row] = json.loads(done.stdout)["withdrawn"]
    entry = kit_of(client).log.get(row["index"])
    assert entry is not None
    assert entry.stmt is not None
    assert entry.subj is not None
    assert entry.kind is Kind.OPERATOR
    assert (
        entry.stmt["categories"]
        == row["categories"]
        == {
            "necessary": True,
            "preferences": False,
            "analytics": False,
            "marketing": False,
        }
    )
    assert {k: entry.stmt[k] for k in ("mechanism", "previous")} == {
        "mechanism": "operator",
        "previous": index,
    }
    assert (entry.subj["actor"], entry.subj["reason"]) == ("dpo", "letter of 3 May")
    assert not {"actor", "reason"} & entry.stmt.keys(), "erasing the visitor takes them along"
    assert "dpo" not in entry.entry.hex()
    report = kit_of(client).log.verify(claims())
    assert report.ok, report.findings


def test_it_is_heeded_without_a_restart_though_the_cookie_still_says_yes(
    client: TestClient, tmp_path: Path
) -> None:
    index = consenting(client)
    assert "_fbp" in sent(client.get("/"))
    withdraw(tmp_path, str(index), *BY)
    kit_of(client).recalls.look()
    answer = client.get("/")
    assert "_fbp" not in sent(answer), "the very next page"
    lines = answer.headers.get_list("set-cookie")
    assert any(line.startswith("consentkit_allows=") and ".marketing-" in line for line in lines)
    assert any(line.startswith("_fbp=;") for line in lines), "gone from the browser"
    state = client.get("/consent/state").json()
    assert (state["allowed"], state["ask"]) == (["necessary"], False)
    assert state["reasons"]["marketing"] == "refused"


def test_the_question_of_a_new_tab_needs_no_waiting(client: TestClient, tmp_path: Path) -> None:
    withdraw(tmp_path, str(consenting(client)), *BY)
    answer = client.get("/consent/state")
    assert answer.json()["allowed"] == ["necessary"]
    assert any(".marketing-" in line for line in answer.headers.get_list("set-cookie"))
    assert "_fbp" not in sent(client.get("/"))


def test_it_holds_after_a_restart_and_in_every_process(
    client: TestClient, tmp_path: Path, clock: Clock
) -> None:
    withdraw(tmp_path, str(consenting(client)), *BY)
    other = mounted(app(Route("/", page)), tmp_path, clock=clock)
    browser = TestClient(other, base_url="https://shop.example", cookies=client.cookies)
    assert "_fbp" not in sent(browser.get("/"))
    other.kit.close()


def test_a_page_view_reads_nothing_for_it(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    withdraw(tmp_path, str(consenting(client)), *BY)
    client.get("/consent/state")
    kit_of(client).recalls.look()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the log was read")

    for name in ("find", "get", "entries", "append"):
        monkeypatch.setattr(ProofLog, name, fail)
    assert "_fbp" not in sent(client.get("/"))


def test_one_category_can_be_withdrawn_and_the_others_keep_their_time(
    client: TestClient, tmp_path: Path
) -> None:
    index = consenting(client)
    before = client.get("/consent/state").json()["until"]["analytics"]
    withdraw(tmp_path, str(index), "--category", "marketing", *BY)
    state = client.get("/consent/state").json()
    assert state["allowed"] == ["necessary", "analytics"]
    assert state["until"]["analytics"] == before
    assert kit_of(client).log.verify(claims()).ok


def test_a_visitor_may_say_yes_again_and_then_that_counts(client: TestClient, tmp_path: Path) -> None:
    withdraw(tmp_path, str(consenting(client)), *BY)
    kit_of(client).recalls.look()
    assert "_fbp" not in sent(client.get("/"))
    consenting(client, "marketing")
    assert "_fbp" in sent(client.get("/"))


def test_nobody_else_is_touched(client: TestClient, tmp_path: Path) -> None:
    index = consenting(client)
    client.cookies.clear()
    consenting(client)
    withdraw(tmp_path, str(index), *BY)
    kit_of(client).recalls.look()
    assert "_fbp" in sent(client.get("/"))


def test_what_is_withdrawn_already_is_said_and_not_written_again(client: TestClient, tmp_path: Path) -> None:
    index = consenting(client)
    withdraw(tmp_path, str(index), *BY)
    size = kit_of(client).log.size
    again = withdraw(tmp_path, str(index), *BY)
    assert again.exit_code == 0
    assert "nothing to withdraw" in again.stdout
    assert "nothing to withdraw" in withdraw(tmp_path, "0", *BY).stdout, "a document is about nobody"
    assert kit_of(client).log.size == size


@pytest.mark.parametrize(
    "arguments",
    [BY, ("1", "--actor", "dpo"), ("1", "--reason", " "), ("--visitor", "zz", *BY)],
)
def test_whom_and_why_must_be_said(client: TestClient, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    size = kit_of(client).log.size
    assert withdraw(tmp_path, *arguments).exit_code == 2
    assert kit_of(client).log.size == size


def test_a_process_looks_by_itself_once_it_has_a_visitor(client: TestClient, tmp_path: Path) -> None:
    """The thread is there from the first cookie on, and gone with the kit."""
    recalls = kit_of(client).recalls
    assert recalls._thread is None
    consenting(client)
    client.get("/")
    thread = recalls._thread
    assert isinstance(thread, threading.Thread)
    assert thread.is_alive()
    recalls.close()
    thread.join(10)
    assert not thread.is_alive()


def test_a_worker_whose_visitors_all_take_a_glance_looks_as_well(client: TestClient, tmp_path: Path) -> None:
    """Also one that was forked once it had opened their cookies."""
    consenting(client)
    other = mounted(app(Route("/", page)), tmp_path)
    browser = TestClient(other, base_url="https://shop.example", cookies=client.cookies)
    assert "_fbp" in sent(browser.get("/"))
    recalls = other.kit.recalls
    before = recalls._thread
    assert before is not None
    recalls.close()
    recalls._start_over()
    assert "_fbp" in sent(browser.get("/"))
    assert recalls._thread not in (None, before)
    other.kit.close()


def test_whatever_a_look_fails_of_the_next_one_comes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recalls = kit_of(client).recalls

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(ProofLog, "entries", fail)
    recalls._look_again()
    assert "withdrawals recorded for visitors have to wait" in caplog.text


def test_it_is_heeded_once_the_visitor_is_erased_and_the_process_is_a_new_one(
    client: TestClient, tmp_path: Path
) -> None:
    """The cookie names the answer's number, the operator's entry as well; who it was nobody has to know."""
    index = consenting(client)
    where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    done = json.loads(withdraw(tmp_path, str(index), *BY, "--json").stdout)["withdrawn"]
    both = [str(index), str(done[0]["index"])]
    assert CliRunner().invoke(main, ["erase", *both, "--yes", *where]).exit_code == 0
    other = mounted(app(Route("/", page)), tmp_path)
    browser = TestClient(other, base_url="https://shop.example", cookies=client.cookies)
    assert "_fbp" not in sent(browser.get("/"))
    state = browser.get("/consent/state").json()
    assert (state["allowed"], state["ask"]) == (["necessary"], False)
    other.kit.close()


@pytest.mark.parametrize("way", [by_index, by_receipt, by_tag])
@pytest.mark.parametrize("shard", [(), ("--shard", "corner-shop/consent")])
def test_whoever_answered_in_a_log_that_was_closed_is_found_and_it_stands_in_the_one_that_goes_on(
    client: TestClient, tmp_path: Path, way: Any, shard: tuple[str, ...]
) -> None:
    index = consenting(client)
    named = way(client, tmp_path, index)
    close(kit_of(client).log.newest, "corner-shop/2027", 1).log.close()
    done = withdraw(tmp_path, *named, *shard, *BY, "--json")
    assert done.exit_code == 0, done.output
    [row] = json.loads(done.stdout)["withdrawn"]
    entry = kit_of(client).log.get(row["index"])
    assert entry is not None
    assert entry.stmt is not None
    assert (entry.kind, entry.stmt["previous"]) == (Kind.OPERATOR, index)
    assert row["index"] > kit_of(client).log.newest.first > index
    kit_of(client).recalls.look()
    assert "_fbp" not in sent(client.get("/"))
    assert client.get("/consent/state").json()["allowed"] == ["necessary"]
    rows = client.get("/consent/export").json()["records"]
    assert [each["index"] for each in rows] == [index, row["index"]]
    assert kit_of(client).log.verify(claims()).ok


def test_a_number_means_the_same_entry_in_every_year(client: TestClient, tmp_path: Path) -> None:
    """Others answer until the new log has an entry of its own at each older number."""
    log = kit_of(client).log
    close(log.newest, "corner-shop/2027", 1).log.close()
    mine = consenting(client)
    entry = log.get(mine)
    assert entry is not None
    assert entry.stmt is not None
    said = {name: each for name, each in entry.stmt.items() if name not in ("t", "clock")}
    other = Record(Kind.CHOICE, 1, said, {"sub": "somebody else"}, b"a visitor's tag.")
    log.append([other] * log.newest.first).result()
    assert log.newest.log.size > mine > log.newest.first
    withdraw(tmp_path, str(mine), *BY)
    kit_of(client).recalls.look()
    assert [*kit_of(client).recalls.heeded] == [(entry.subj or {})["sub"]]
    assert "_fbp" not in sent(client.get("/"))
