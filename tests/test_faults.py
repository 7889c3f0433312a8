"""Disks that fail and processes that stop, at each write and sync in turn (prooflog §6)."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from power import Disk, events

from consentkit.errors import LogRefused
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.entry import Kind, Record
from consentkit.proof.log import ProofLog

HERE = Path(__file__).parent
ORIGIN = "shop.example/consent"
WAIT = 30
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None or sys.platform != "linux":
        pytest.skip("making calls fail needs a C compiler and Linux")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = HERE / "faults.c"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


POINTS = {
    "unsynced": 2,  # the write-ahead file, the guard
    "full": 6,  # those it writes, and putting the guard in place
    "erasing": 12,
    "killed": 9,
    "stopped": 3,
}
SLOW = (2_000, 50_000)  # microseconds that each sync takes
FULL, NORMAL = 2, 1  # SQLite's `synchronous`


@pytest.fixture(scope="module")
def ran(library: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """All of it in one other process: its folder, and what came of each mode."""
    folder = tmp_path_factory.mktemp("ran")
    environment = os.environ | {"LD_PRELOAD": str(library), "PYTHONPATH": str(HERE.parent)}
    command = [
        sys.executable,
        HERE / "faulty.py",
        library,
        folder,
        *POINTS,
        *(f"slow{microseconds}" for microseconds in SLOW),
        f"traced{NORMAL}",
        f"traced{FULL}",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


@pytest.mark.parametrize("mode", POINTS)
def test_at_each_write_and_sync_nothing_answered_is_lost_and_the_log_goes_on(
    ran: tuple[Path, Any], mode: str
) -> None:
    result = ran[1][mode]
    assert result["wrong"] == []
    assert result["points"] >= POINTS[mode]  # each of them was seen to strike
    assert result["answered"] > result["points"]
    # Whoever can't be told yes is told no, and nobody waits for ever.
    assert result.get("told", result["points"]) == result["points"]
    assert result.get("waited", 1) > 0


@pytest.mark.parametrize("microseconds", SLOW)
def test_on_a_slow_disk_what_came_during_a_commit_is_committed_together(
    ran: tuple[Path, Any], microseconds: int
) -> None:
    result = ran[1][f"slow{microseconds}"]
    assert (result["wrong"], result["answered"]) == ([], 64)
    assert result["batches"] < 32


# What needs no help from outside


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


def choice(number: int) -> Record:
    return Record(Kind.CHOICE, number, {"n": number})


def refusal(folder: Path) -> str:
    """Why a log doesn't open; "" when it does, and is whole."""
    try:
        with opened(folder) as log:
            return "" if log.size == 4 and log.verify().ok else f"opened with {log.size} entries"
    except LogRefused as error:
        return str(error)


def test_a_write_ahead_file_cut_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for number in range(4):
            log.append([choice(number)]).result(WAIT)
        crashed = shutil.copytree(tmp_path, tmp_path / "crashed")
    wal = (crashed / "log.db-wal").read_bytes()
    (crashed / "log.db-shm").unlink(missing_ok=True)
    told = []
    for length in [*range(0, len(wal), len(wal) // 7), len(wal)]:
        case = shutil.copytree(crashed, tmp_path / f"cut at {length}")
        (case / "log.db-wal").write_bytes(wal[:length])
        told.append(refusal(case))
    *cut, whole = told
    assert whole == ""
    assert all(re.search(r"found (no|[0-3]) entries, expected (at least )?4 entries", why) for why in cut), (
        cut
    )
    assert len(cut) > 6


def test_who_gives_up_waiting_is_recorded_whole_or_not_at_all(tmp_path: Path) -> None:
    """A client that goes away cancels its request, whether that waits or is being written."""
    with (
        opened(tmp_path, timeout=WAIT) as log,
        closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other,
    ):
        log.append([choice(0)]).result(WAIT)
        other.execute("BEGIN IMMEDIATE")

        async def clients() -> list[Any]:
            first = asyncio.ensure_future(asyncio.wrap_future(log.append([choice(1)])))
            while log._writer._waiting:  # type: ignore[union-attr]  # noqa: ASYNC110
                await asyncio.sleep(0)
            rest = [asyncio.ensure_future(asyncio.wrap_future(log.append([choice(n)]))) for n in (2, 3)]
            await asyncio.sleep(0)
            first.cancel()
            rest[0].cancel()
            other.execute("ROLLBACK")
            return await asyncio.gather(first, *rest, return_exceptions=True)

        gone, never, kept = asyncio.run(clients())
        assert [isinstance(it, asyncio.CancelledError) for it in (gone, never)] == [True, True]
        assert [(entry.stmt or {})["n"] for entry in log.entries()] == [0, 1, 3]
        assert verify_receipt(kept[0].receipt, log.vkey) == 2
        assert log.verify().findings == []


def test_a_service_that_stops_in_mid_batch_answers_first(tmp_path: Path) -> None:
    log = opened(tmp_path, timeout=WAIT)
    with closing(
        sqlite3.connect(tmp_path / "log.db", isolation_level=None, check_same_thread=False)
    ) as other:
        log.append([choice(0)]).result(WAIT)
        other.execute("BEGIN IMMEDIATE")
        futures = [log.append([choice(number)]) for number in range(1, 40)]
        closing_ = threading.Thread(target=log.close)
        closing_.start()
        assert not any(future.done() for future in futures)
        other.execute("ROLLBACK")
        closing_.join(WAIT)
    assert sorted(future.result(0)[0].index for future in futures) == list(range(1, 40))
    with opened(tmp_path) as again:
        assert (again.size, again.verify().findings) == (40, [])


# Power loss


def lost(folder: Path, share: float) -> tuple[int, int]:
    """Cut the power at a share of all moments; returns how often, and how often an answer was lost."""
    happened, disk = list(events(folder / "trace")), Disk(folder / "before", folder / "log")
    random, acknowledged, cuts, losses = Random(4), 0, 0, 0  # noqa: S311
    for event in happened:
        disk.play(event)
        acknowledged = event.at if event.what == "A" else acknowledged
        if random.random() < share:
            cuts += 1
            left = folder / str(cuts)
            disk.crash(left, random.choice([0, 0.5, 1]), random)
            losses += not whole(left, acknowledged)
            shutil.rmtree(left)
    assert acknowledged == 26
    return cuts, losses


def whole(folder: Path, acknowledged: int) -> bool:
    try:
        with ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin="shop/consent") as log:
            return log.size >= acknowledged and log.verify().ok
    except LogRefused:
        return False


def test_what_was_erased_does_not_come_back_with_a_power_loss(ran: tuple[Path, Any], full: bool) -> None:
    folder, random = ran[0] / f"traced{FULL}", Random(4)  # noqa: S311
    erased = {size: bytes.fromhex(salt) for size, salt in ran[1][f"traced{FULL}"]}
    disk, gone, before = Disk(folder / "before", folder / "log"), list[bytes](), 0
    for number, event in enumerate(events(folder / "trace")):
        disk.play(event)
        if event.what == "A" and event.at in erased:
            gone.append(erased[event.at])
        elif not full and number % 5:
            continue
        disk.crash(folder / "left", 0, random)
        data = b"".join(file.read_bytes() for file in (folder / "left").rglob("*") if file.is_file())
        assert not any(salt in data for salt in gone), number
        before += any(salt in data for salt in erased.values())
        shutil.rmtree(folder / "left")
    assert len(gone) == 2
    assert before > 10  # it was there


def test_a_power_loss_at_any_moment_takes_nothing_that_was_answered(
    ran: tuple[Path, Any], full: bool
) -> None:
    """And with the setting that most guides give it does: so the test bites."""
    cuts, losses = lost(ran[0] / f"traced{FULL}", 1 if full else 0.12)
    assert (cuts > 40, losses) == (True, 0)
    cuts, losses = lost(ran[0] / f"traced{NORMAL}", 1 if full else 0.06)
    assert losses > cuts / 10
