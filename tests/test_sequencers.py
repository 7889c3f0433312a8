"""Two to eight processes that append to one log, one of them stopped inside its batch (prooflog §6)."""

import json
import os
import select
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from stores import place_in_postgres, store_url

from consentkit.errors import StoreUnavailable
from consentkit.proof import postgres
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.entry import Kind, Record
from consentkit.proof.log import ProofLog
from consentkit.proof.postgres_session import PostgresWriting
from consentkit.proof.tables import SqliteWriting

ORIGIN = "shop.example/consent"
WAIT = 30
EACH = 3
STOPPED_AT = 2


def opened(store: str, keys: Path, **options: Any) -> ProofLog:
    return ProofLog.open(store, keys, origin=ORIGIN, **options)


def stopping(commit: Callable[..., None]) -> Callable[..., None]:
    """A commit that stops its process, once, when everything is ready to be written."""
    calls = iter(range(STOPPED_AT))

    def committing(self: object, batch: Any) -> None:
        if next(calls, None) is None and committing.__dict__.setdefault("left", 1):
            committing.__dict__["left"] = 0
            # To this thread: one that the process is sent may let this thread run on for a while.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        commit(self, batch)

    return committing


def work(store: str, keys: Path, go: int, out: int) -> None:
    """Append, again and again where it is told no; tell each answer, and each no."""
    with opened(store, keys, timeout=0.1) as log:
        os.write(out, b"0\n")
        os.read(go, 1)
        for number in range(EACH):
            record = Record(Kind.CHOICE, 1, {"n": number, "of": os.getpid()})
            while isinstance(error := (future := log.append([record])).exception(WAIT), StoreUnavailable):
                os.write(out, b"null\n")
            assert error is None
            item = future.result()[0]
            os.write(out, json.dumps([item.index, item.receipt]).encode() + b"\n")


class Worker:
    """A process that works; `stops` once in mid-batch."""

    def __init__(self, store: str, keys: Path, *, stops: bool) -> None:
        (reader, writer), (go, self.go) = os.pipe(), os.pipe()
        self.reader = reader
        self.pid = os.fork()
        if not self.pid:
            status = 1
            try:
                if stops:
                    SqliteWriting.commit = stopping(SqliteWriting.commit)  # type: ignore[method-assign]
                    PostgresWriting.commit = stopping(PostgresWriting.commit)  # type: ignore[method-assign]
                work(store, keys, go, writer)
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        os.close(go)
        self.told = b""
        assert self.read()  # it is open

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.told.splitlines()][1:]

    def read(self) -> bool:
        """Wait for what it tells, and take it; False when it has ended."""
        assert select.select([self.reader], [], [], WAIT)[0], self.lines()
        data = os.read(self.reader, 1 << 16)
        self.told += data
        return bool(data)

    def ended(self) -> int:
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def remove(self) -> None:
        """Leave nothing behind, whatever happened."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.reader)
        os.close(self.go)


@pytest.fixture
def places(
    tmp_path: Path, database: str, request: pytest.FixtureRequest, full: bool
) -> Iterator[list[tuple[str, Path]]]:
    """For each process a store and a keys folder: of one machine, or of one each."""
    count = 8 if full or database == "sqlite" else 3
    if database == "sqlite":
        yield [(store_url(tmp_path), tmp_path / "keys")] * count
        return
    place_in_postgres(tmp_path, request.getfixturevalue("cluster"), ORIGIN)
    machines = [shutil.copytree(tmp_path / "keys", tmp_path / f"keys{number}") for number in range(count)]
    yield [(store_url(tmp_path), keys) for keys in machines]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_of_many_writers_one_stops_in_mid_batch_and_there_is_one_history(
    places: list[tuple[str, Path]], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(*places[0]).close()
    monkeypatch.setattr(postgres, "_FROZEN_MS", 200)
    with ExitStack() as stack:
        workers = []
        for number, place in enumerate(places):
            workers.append(Worker(*place, stops=not number))
            stack.callback(workers[-1].remove)
        frozen, *others = workers
        os.write(frozen.go, b"x")
        assert os.WIFSTOPPED(os.waitpid(frozen.pid, os.WUNTRACED)[1])
        for worker in others:
            os.write(worker.go, b"x")
        # SQLite's lock is the stopped one's until it goes on: the others are told no. PostgreSQL takes it.
        while not any((line is None) == (database == "sqlite") for w in others for line in w.lines()):
            ready = select.select([worker.reader for worker in others], [], [], WAIT)[0]
            assert ready
            assert all(worker.read() for worker in others if worker.reader in ready)
        os.kill(frozen.pid, signal.SIGCONT)
        assert [worker.ended() for worker in workers] == [0] * len(places)
    answers = dict(line for worker in workers for line in worker.lines() if line)
    with opened(*places[0]) as log:
        assert sorted(answers) == list(range(EACH * len(places))) == list(range(log.size))
        assert all(verify_receipt(text, log.vkey) == index for index, text in answers.items())
        report = log.verify(receipts=list(answers.values()))
        assert (report.findings, report.counts["receipts"]) == ([], log.size)
    # PostgreSQL had rolled its batch back, and it did that again.
    assert database == "sqlite" or None in frozen.lines()
