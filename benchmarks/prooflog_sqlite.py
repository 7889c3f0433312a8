"""The SQLite rows of prooflog.py; runs in a process of its own, where `faults.c` can make each sync wait."""

import argparse
import asyncio
import ctypes
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson
from callers import ORIGIN, Caller, Round, busy, choice, statement, subject

from consentkit.proof.log import ProofLog

CALLERS = (1, 64, 256, 1024)
SLOW_US = 2000
PLAIN = """CREATE TABLE plain(
    id INTEGER PRIMARY KEY, created_ms INTEGER, lookup BLOB, stmt BLOB, subj BLOB);
    CREATE INDEX plain_lookup ON plain(lookup)"""
INSERT = "INSERT INTO plain(created_ms, lookup, stmt, subj) VALUES (?, ?, ?, ?)"

Row = tuple[int, bytes, bytes, bytes]


def connected(file: Path) -> sqlite3.Connection:
    """Return a connection as durable as the log's, to a table of the same payloads."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=wal")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(PLAIN)
    return connection


def row(log: ProofLog, number: int) -> Row:
    """Return the same record as the log gets, without commitments."""
    cid = number.to_bytes(16, "big")
    stmt, subj = statement(number), subject(cid)
    return time.time_ns() // 10**6, log.lookup(cid), orjson.dumps(stmt), orjson.dumps(subj)


class Grouping:
    """Plain group commit: a thread that commits what arrived during its last commit; no tree, no receipt."""

    def __init__(self, file: Path) -> None:
        self._connection = connected(file)
        self._changed = threading.Condition()
        self._queue: list[tuple[Row, asyncio.Future[None]]] = []
        self.commits = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def add(self, values: Row) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        with self._changed:
            self._queue.append((values, future))
            self._changed.notify()
        return future

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue:
                    self._changed.wait()
                batch, self._queue = self._queue, []
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(INSERT, [values for values, _ in batch])
            self._connection.execute("COMMIT")
            self.commits += 1
            futures = [future for _, future in batch]
            futures[0].get_loop().call_soon_threadsafe(_done, futures)


def _done(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        future.set_result(None)


class Cases:
    """All cases on one folder; each is asked for so many seconds, in turn."""

    def __init__(self, folder: Path, slow: Callable[[int], object] | None) -> None:
        self._slow = slow
        self._naive = connected(folder / "naive.db")
        self._group = Grouping(folder / "group.db")
        self._file = folder / "log.db"
        self._keys = folder / "keys"
        self._log = self._opened()
        self._commits: set[str] = set()

    def _opened(self) -> ProofLog:
        return ProofLog.open(f"sqlite:///{self._file}", self._keys, origin=ORIGIN, timeout=30)

    async def _harness(self, number: int) -> None:
        choice(self._log, number)
        await asyncio.sleep(0)

    async def _plain(self, number: int) -> None:
        await self._group.add(row(self._log, number))

    async def _ours(self, number: int) -> None:
        [appended] = await self._log.appended([choice(self._log, number)])
        self._commits.add(appended.receipt.rsplit("\n", 5)[1])  # the size that its checkpoint signs

    def _one_by_one(self, seconds: float) -> list[float]:
        end, waits = time.monotonic() + seconds, list[float]()
        while (begun := time.monotonic()) < end:
            self._naive.execute(INSERT, row(self._log, len(waits)))
            waits.append(time.monotonic() - begun)
        return waits

    def all(self) -> dict[str, tuple[int, Caller | None]]:
        """Return each case's name, how many callers it has, and what they do."""
        cases: dict[str, tuple[int, Caller | None]] = {
            "harness": (1024, self._harness),
            "naive": (1, None),
            "plain 256": (256, self._plain),
            "plain 1024": (1024, self._plain),
        }
        return cases | {f"ours {count}": (count, self._ours) for count in CALLERS}

    async def round(self, name: str, seconds: float, *, slow: bool) -> Round:
        """Run a case; with `slow`, each sync takes 2 ms more."""
        count, caller = self.all()[name]
        self._commits.clear()
        before = self._group.commits
        if self._slow:
            self._slow(SLOW_US if slow else 0)
        began, spent = time.monotonic(), time.process_time()
        waits = await busy([caller] * count, seconds) if caller else self._one_by_one(seconds)
        spent, took = time.process_time() - spent, time.monotonic() - began
        if self._slow:
            self._slow(0)
        commits = len(self._commits) or self._group.commits - before or len(waits)
        waits.sort()
        middle, late = waits[len(waits) // 2] * 1e3, waits[len(waits) * 99 // 100] * 1e3
        shown = f"{name}, +2 ms" if slow else name
        return Round(shown, len(waits) / took, middle, late, len(waits) / commits, spent / len(waits) * 1e6)

    def size(self) -> dict[str, float]:
        """Return the bytes that a record takes in the file, once the write-ahead file is folded into it."""
        self._log.close()
        with self._opened() as log:
            records, entry = log.size, log.get(log.size - 1)
        return {
            "bytes": self._file.stat().st_size / records,
            "entry": len(entry.entry) if entry else 0,
            "records": records,
        }


async def measure(cases: Cases, rounds: int, seconds: float, *, slow: bool) -> list[Round]:
    """Return every round of every case; the first round warms up."""
    found = []
    for number in range(rounds + 1):
        for name in cases.all():
            for delayed in (False, True)[: 2 if slow and name != "harness" else 1]:
                one = await cases.round(name, seconds if number else seconds / 4, slow=delayed)
                found += [one] if number else []
    return found


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--library", help="faults.c, compiled and preloaded")
    options = parser.parse_args()
    slow = ctypes.CDLL(options.library).faults_delay if options.library else None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        cases = Cases(Path(folder), slow)
        found = asyncio.run(measure(cases, options.rounds, options.seconds, slow=slow is not None))
        value: dict[str, Any] = {"rounds": [asdict(one) for one in found], "size": cases.size()}
    click.echo(orjson.dumps(value))


if __name__ == "__main__":
    main()
