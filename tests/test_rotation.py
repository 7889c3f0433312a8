"""Keys come and go: the old one names the new one, and whoever trusts either can check all of it."""

import json
import runpy
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sample import Clock, app, august, browsing, choose

import consentkit.proof
from consentkit.cli import main
from consentkit.errors import ConfigurationError, ConsentKitError, LogRefused, VerificationError
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.entry import Kind, Record
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Checkpoint, Verifier, sign_note, signers
from consentkit.proof.rotation import in_force, retire, rotate
from consentkit.proof.verify import Report

ALONE = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
ORIGIN = "shop.example/consent"
WAIT = 30


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


def fill(log: ProofLog, count: int = 3) -> str:
    """Append some choices; returns the last one's receipt."""
    return log.append([Record(Kind.CHOICE, 1, {"n": n}) for n in range(count)]).result(WAIT)[-1].receipt


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ProofLog]:
    with opened(tmp_path) as log:
        fill(log)
        yield log


@pytest.fixture
def life(log: ProofLog) -> list[str]:
    """A log that has changed its key: the receipts from before, between and after."""
    receipts = [fill(log)]
    rotate(log, 1000)
    receipts.append(fill(log, 300))
    retire(log, 2000)
    return [*receipts, fill(log)]


def tables(report: Report) -> set[tuple[int | None, str]]:
    return {(finding.index, finding.table) for finding in report.findings}


def checked(log: ProofLog, folder: Path, vkey: str, olds: list[str], start: int = 0) -> set[Any]:
    """Export a bundle and verify it with one key, both ways; returns what is wrong."""
    log.export(folder, start)
    report = verify_bundle(folder, vkey, olds)
    audit = ALONE["Audit"](folder)
    found = audit.run(ALONE["read_key"](vkey), olds, [])
    alone = {(index, table) for index, table, _ in found if table != "check"}
    assert alone == tables(report)
    return alone


def test_for_a_while_both_keys_sign_and_then_the_new_one_alone(log: ProofLog, life: list[str]) -> None:
    first, second = log.keys.vkeys
    names = [f"{ORIGIN} ({Verifier.parse(vkey).id.hex()})" for vkey in (first, second)]
    signed = [signers(receipt.partition("\n\n")[2]) for receipt in life]
    assert signed == [names[:1], names, names[1:]]
    assert [verifier.vkey for verifier in in_force(log)] == [second]
    assert (log.vkey, log.keys.identity) == (second, first)
    stmts = [(entry.stmt or {}) for entry in log.entries(kind=Kind.KEY)]
    assert stmts == [
        {"vkey": second, "signers": [first, second], "t": 1000},
        {"retired": first, "signers": [second], "t": 2000},
    ]


def test_a_receipt_holds_for_ever_with_a_key_that_signed_it(log: ProofLog, life: list[str]) -> None:
    def holds(receipt: str, vkey: str) -> bool:
        try:
            return verify_receipt(receipt, vkey) >= 0
        except VerificationError:
            return False

    assert [[holds(receipt, vkey) for receipt in life] for vkey in log.keys.vkeys] == [
        [True, True, False],
        [False, True, True],
    ]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("start", [0, 280])
def test_who_trusts_either_key_can_check_all_of_it(
    log: ProofLog, life: list[str], tmp_path: Path, number: int, start: int
) -> None:
    olds = [] if start else [receipt.partition("\n\n")[2] for receipt in life]
    assert log.verify(anchors=olds).findings == []
    assert checked(log, tmp_path / "bundle", log.keys.vkeys[number], olds, start) == set()


def test_a_retired_key_that_signs_again_is_found(log: ProofLog, life: list[str], tmp_path: Path) -> None:
    """Whoever stole the old key can't speak for the log any more."""
    (stolen,) = (tmp_path / "keys").glob("retired-*.pem")
    thief = shutil.copytree(tmp_path / "keys", tmp_path / "thief")
    for file in thief.glob("signing*"):
        file.unlink()
    shutil.copy(stolen, thief / "signing.pem")
    keys = Keys.open(thief, ORIGIN, create=False)
    with log._store.reading() as view:
        head = view.head()
    assert head
    text = head.checkpoint.partition("\n\n")[0] + "\n"
    again = sign_note(text, keys.verifier, keys.sign)
    for number, vkey in enumerate(log.keys.vkeys):
        assert checked(log, tmp_path / str(number), vkey, [again]) == {(None, "anchor")}


def test_a_key_that_only_the_bundle_names_counts_for_nothing(log: ProofLog, tmp_path: Path) -> None:
    stranger = Keys.open(tmp_path / "stranger", ORIGIN, create=True)
    log.export(tmp_path / "bundle")
    size = log.size
    forged = sign_note(Checkpoint(ORIGIN, size, bytes(32)).text, stranger.verifier, stranger.sign)
    text = log.checkpoint.partition("\n\n")[0] + "\n"
    for note in (sign_note(text, stranger.verifier, stranger.sign), forged):
        (tmp_path / "bundle" / "checkpoint").write_text(note)
        (tmp_path / "bundle" / "policy.txt").write_text(f"log {log.vkey}\nlog {stranger.vkey}\nquorum none\n")
        report = verify_bundle(tmp_path / "bundle", log.vkey)
        assert (None, "head") in tables(report)
        audit = ALONE["Audit"](tmp_path / "bundle")
        found = audit.run(ALONE["read_key"](log.vkey), [], [])
        assert {(index, table) for index, table, _ in found if table != "check"} == tables(report)


def test_a_worker_that_was_running_follows(log: ProofLog, tmp_path: Path) -> None:
    with opened(tmp_path) as other:
        fill(other)
        rotate(log, 1000)
        fill(other)
        assert len(signers(other.checkpoint)) == 2
        retire(log, 2000)
        receipt = fill(other)
        assert verify_receipt(receipt, log.vkey)
        assert other.vkey == log.vkey
        assert other.receipt(0)
        assert other.verify().findings == []


def kept(folder: Path, name: str) -> Path:
    return shutil.copytree(folder / "keys", folder / name)


def test_a_log_never_goes_on_under_a_retired_key_or_without_one_in_force(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log)
        before = kept(tmp_path, "before")
        rotate(log, 1000)
        between = kept(tmp_path, "between")
    for folder, why in ((before, "isn't in the keys folder"), (between, None)):
        (folder / "guard").unlink()
        shutil.copy(tmp_path / "keys" / "guard", folder / "guard")
        if why:
            with pytest.raises(LogRefused, match=why):
                ProofLog.open(f"sqlite:///{tmp_path / 'log.db'}", folder, origin=ORIGIN)
    with opened(tmp_path) as log:
        retire(log, 2000)
        fill(log)
    shutil.copy(tmp_path / "keys" / "guard", before / "guard")
    with pytest.raises(LogRefused, match="none of them a known key"):
        ProofLog.open(f"sqlite:///{tmp_path / 'log.db'}", before, origin=ORIGIN)


def test_a_signature_that_was_taken_away_stops_the_service(tmp_path: Path) -> None:
    """Else the old key alone would go on signing, as if it had never named another."""
    with opened(tmp_path) as log:
        fill(log)
        rotate(log, 1000)
        lines = log.checkpoint.splitlines(keepends=True)
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("UPDATE head SET checkpoint = ?", ("".join(lines[:-1]),))
    with pytest.raises(LogRefused, match="isn't the one it answered for"):
        opened(tmp_path)


def test_what_was_cut_off_is_ended_by_doing_it_again(
    log: ProofLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object, **__: object) -> None:
        raise ConsentKitError

    with monkeypatch.context() as patch:
        patch.setattr(ProofLog, "append", cut_off)
        with pytest.raises(ConsentKitError):
            rotate(log, 1000)
    assert log.vkey == log.keys.identity
    fill(log)
    assert len(signers(log.checkpoint)) == 1
    pending = log.keys.verifiers[-1]
    assert rotate(log, 1001) == pending
    with monkeypatch.context() as patch:
        patch.setattr(Keys, "put_away", cut_off)
        with pytest.raises(ConsentKitError):
            retire(log, 2000)
    fill(log)
    assert (tmp_path / "keys" / "signing.pem").exists()
    old, away = retire(log, 2001)
    assert (old.vkey, away is not None and away.exists()) == (log.keys.identity, True)
    assert not (tmp_path / "keys" / "signing.pem").exists()
    assert log.verify().findings == []


def test_one_key_is_kept_and_two_are_enough(log: ProofLog) -> None:
    with pytest.raises(ConfigurationError, match="only one key signs"):
        retire(log, 1000)
    rotate(log, 1000)
    with pytest.raises(ConfigurationError, match="two keys sign already"):
        rotate(log, 1000)


def test_keys_change_many_times(log: ProofLog, tmp_path: Path) -> None:
    for t in range(1000, 1004):
        rotate(log, t)
        fill(log)
        retire(log, t)
    assert len(log.keys.vkeys) == 5
    for number, vkey in enumerate(log.keys.vkeys):
        assert checked(log, tmp_path / str(number), vkey, []) == set()
    assert {file.stat().st_mode & 0o077 for file in (tmp_path / "keys").iterdir()} == {0}


def test_visitors_stay_known_while_the_operator_changes_the_key(tmp_path: Path) -> None:
    clock, where = Clock(august().now), ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys"]
    where.append(str(tmp_path / "keys"))

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(main, [*arguments, *where, "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    with browsing(app(), tmp_path, clock=clock) as client:
        choose(client, "analytics")
        new = run("key", "rotate")["vkey"]
        assert choose(client, "analytics", "marketing").status_code == 201
        run("key", "retire")
        assert [row["signs"] for row in run("key", "list")["keys"]] == [False, True]
        cookies = dict(client.cookies)
    with browsing(app(), tmp_path, clock=clock) as client:  # as after a restart
        client.cookies.update(cookies)
        state = client.get("/consent/state").json()
        assert state["allowed"] == ["necessary", "analytics", "marketing"]
        assert client.get("/consent/log/vkey").text.strip() == new
        assert client.get("/consent/export").json()["vkey"] == new
    assert run("audit", "verify")["ok"]
