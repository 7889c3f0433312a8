"""The auditor's commands: a range written on one machine, verified on another with what was kept."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sample import app, august, browsing, choose

from consentkit import auditing
from consentkit.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with a choice a day for a week from 31 August 2026, at noon."""
    folder, clock = tmp_path_factory.mktemp("log"), august()
    with browsing(app(), folder, clock=clock) as client:
        for day in range(7):
            answered = choose(client, "analytics")
            (folder / f"receipt-{day}.txt").write_text(answered.json()["receipt"])
            (folder / f"checkpoint-{day}.txt").write_text(client.get("/consent/log/checkpoint").text)
            clock.move(days=1)
        (folder / "vkey").write_text(client.get("/consent/log/vkey").text)
    return folder


@pytest.fixture
def vkey(seeded: Path) -> str:
    return (seeded / "vkey").read_text().strip()


def export(seeded: Path, folder: Path, *options: object) -> Any:
    where = ["--store", f"sqlite:///{seeded / 'log.db'}", "--keys", seeded / "keys", "--json"]
    done = run("audit", "export", folder, *options, *where)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_range_is_named_by_days_or_by_indexes(seeded: Path, tmp_path: Path, vkey: str) -> None:
    days = export(seeded, tmp_path / "days", "--bundle", "--from", "2026-09-01", "--to", "2026-09-03")
    assert days["to"] - days["from"] == 2
    same = export(seeded, tmp_path / "same", "--from", days["from"], "--to", days["to"])
    assert (same["from"], same["to"]) == (days["from"], days["to"])
    verified = json.loads(run("audit", "verify", tmp_path / "days", "--key", vkey, "--json").stdout)
    assert (verified["ok"], verified["from"], verified["to"]) == (True, days["from"], days["to"])
    assert verified["counts"]["choice"] >= 2
    text = run("audit", "verify", tmp_path / "days", "--key", vkey).stdout
    assert f"GOOD: entries {days['from']} to {days['to'] - 1} of {days['size']} checked" in text
    late = export(seeded, tmp_path / "late", "--from", "2026-09-06T12:00:00+00:00")
    exported = 3  # each is an entry itself: somebody has read what is about people
    assert (late["to"], late["size"] - late["from"]) == (late["size"], 1 + exported)
    never = export(seeded, tmp_path / "never", "--from", "2090-01-01")
    assert (never["from"], never["size"]) == (late["size"], late["size"] + 1)
    where = ["--store", f"sqlite:///{seeded / 'log.db'}", "--keys", seeded / "keys"]
    told = run(
        "audit", "export", tmp_path / "empty", "--from", "2026-01-01", "--to", "2026-01-02", *where
    ).stdout
    assert told.startswith("No entry stands in that range")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--from", "yesterday"], "'yesterday' is no index"),
        (["--from", "5", "--to", "4"], "no entries 5 to 4"),
        (["--to", "99999"], "no entries 0 to 99999"),
    ],
)
def test_a_range_that_is_none_is_told(seeded: Path, tmp_path: Path, options: list[str], message: str) -> None:
    where = ["--store", f"sqlite:///{seeded / 'log.db'}", "--keys", seeded / "keys"]
    result = run("audit", "export", tmp_path / "bundle", *options, *where)
    assert (result.exit_code, message in result.stderr) == (2, True)
    assert not (tmp_path / "bundle").exists()


def test_what_was_kept_must_hold_with_the_bundle(seeded: Path, tmp_path: Path, vkey: str) -> None:
    export(seeded, tmp_path / "bundle", "--from", "2026-09-05")
    kept = ["--old", seeded / "checkpoint-0.txt", "--old", seeded / "checkpoint-3.txt"]
    kept += ["--receipt", seeded / "receipt-0.txt", "--receipt", seeded / "receipt-6.txt"]
    good = run("audit", "verify", tmp_path / "bundle", "--key", vkey, *kept)
    assert (good.exit_code, "2 anchors, 2 receipts" in good.stdout) == (0, True)
    forged = tmp_path / "forged.txt"
    forged.write_text((seeded / "receipt-0.txt").read_text().replace("extra A", "extra B"))
    bad = run("audit", "verify", tmp_path / "bundle", "--key", vkey, "--receipt", forged)
    assert (bad.exit_code, "(receipt)" in bad.stdout) == (1, True)


def test_a_receipt_of_another_history_under_the_same_key_is_a_finding(
    seeded: Path, tmp_path: Path, vkey: str
) -> None:
    """A split view (prooflog §6): what one visitor was told isn't what the auditor is shown."""
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(seeded / "keys", other / "keys")
    (other / "keys" / "guard").unlink()
    with browsing(app(), other, clock=august()) as client:
        for _ in range(3):
            told = choose(client, "marketing").json()["receipt"]
    (tmp_path / "receipt.txt").write_text(told)
    export(seeded, tmp_path / "bundle")
    alone = run("audit", "verify", tmp_path / "receipt.txt", "--key", vkey)
    assert alone.exit_code == 0
    both = run("audit", "verify", tmp_path / "bundle", "--key", vkey, "--receipt", tmp_path / "receipt.txt")
    assert (both.exit_code, "aren't those it signed (receipt)" in both.stdout) == (1, True)


def test_log_lines_of_published_checkpoints_are_checkpoints_that_were_kept(
    seeded: Path, tmp_path: Path, vkey: str
) -> None:
    """As whoever collects a site's log has them (prooflog §3.8), whatever stands before and between them."""
    notes = [(seeded / f"checkpoint-{day}.txt").read_text() for day in (0, 3)]
    lines = [json.dumps({"event": "checkpoint", "origin": "x", "size": 1, "note": note}) for note in notes]
    collected = tmp_path / "collected.log"
    collected.write_text(
        "INFO start {\n" + "".join(f"12:00 INFO {line}\n" for line in lines) + '{"event": 1}\n'
    )
    export(seeded, tmp_path / "bundle")
    for verifier in (auditor(tmp_path / "bundle", vkey), alone(tmp_path / "bundle", vkey)):
        good = json.loads(verifier("--old", collected, "--json"))
        assert (good["ok"], good["counts"]["anchors"]) == (True, 2)
    collected.write_text(collected.read_text().replace("\\n\\n", "\\n0\\n\\n", 1))
    assert "(anchor)" in auditor(tmp_path / "bundle", vkey)("--old", collected)


def auditor(bundle: Path, vkey: str) -> Callable[..., str]:
    return lambda *options: run("audit", "verify", bundle, "--key", vkey, *options).stdout


def alone(bundle: Path, vkey: str) -> Callable[..., str]:
    command = [sys.executable, "-I", bundle / "verify.py", "--key", vkey, bundle]
    return lambda *options: (
        subprocess.run([*command, *options], capture_output=True, text=True, check=False).stdout
    )


class Terminal:
    """What a progress bar is drawn on."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_on_a_terminal_it_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(auditing.sys, "stderr", terminal)

    def halves() -> Iterator[int]:
        with auditing._progress() as progress:
            for done in (0, 150, 300):
                progress(done, 300)
                yield done

    assert list(halves()) == [0, 150, 300]
    assert "100%" in click.unstyle(terminal.text)
