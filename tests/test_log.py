"""ProofLog on real files, threads and processes: the invariants I1 to I8 of the design, and trouble."""

import asyncio
import errno
import logging
import multiprocessing
import operator
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from stores import database, place_in_postgres, store_url

from consentkit.errors import ConfigurationError, LogRefused, SizeMoved, StoreUnavailable, VerificationError
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.guard import _opened
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Verifier, open_checkpoint
from consentkit.proof.sequence import Sequencer
from consentkit.proof.sqlite import SqliteStore
from consentkit.proof.writer import Writer

ORIGIN = "shop.example/consent"
WAIT = 30
# All that a visitor may read of what went wrong: no path, no size, no hash.
WORDS = {
    "the consent log can't be written now",
    "the consent log can't be used now",
    "the log is closed",
    "too many records are waiting to be written",
    "another process has held the log's lock for too long",
}


@pytest.fixture
def tmp_path(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Path:
    """A folder for a log that is in a file there, or in the PostgreSQL of this run."""
    if database == "postgres":
        place_in_postgres(tmp_path, request.getfixturevalue("cluster"), ORIGIN)
    return tmp_path


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


def choice(log: ProofLog, number: int, t: int = 1000) -> Record:
    cid = b"visitor %d" % (number % 5)
    return Record(Kind.CHOICE, t, {"number": number}, {"sub": subject_id(cid)}, log.lookup(cid))


def fill(log: ProofLog, count: int, start: int = 0) -> None:
    log.append([choice(log, number) for number in range(start, start + count)]).result(WAIT)


def refused(future: "Future[object]") -> StoreUnavailable:
    error = future.exception(WAIT)
    assert isinstance(error, StoreUnavailable), error
    assert error.retry_after > 0
    assert str(error) in WORDS
    return error


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ProofLog]:
    with opened(tmp_path, timeout=0.1) as log:
        yield log


def test_a_new_log_is_empty_signed_and_guarded(log: ProofLog, tmp_path: Path) -> None:
    assert log.size == 0
    checkpoint = open_checkpoint(log.checkpoint, Verifier.parse(log.vkey))
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 0, sha256().digest())
    assert (tmp_path / "keys" / "guard").read_text() == log.checkpoint
    assert log.verify().ok


def test_an_answer_comes_after_the_entry_is_durable_with_a_receipt_that_proves_it(
    log: ProofLog, tmp_path: Path
) -> None:
    appended = log.append([choice(log, 0), choice(log, 1)]).result(WAIT)
    with database(tmp_path) as other:  # I1: another eye sees it
        assert other.execute("SELECT count(*) FROM leaf").fetchone() == (2,)
    assert [item.index for item in appended] == [0, 1]
    for item in appended:
        stored = log.get(item.index)
        assert stored
        assert verify_receipt(item.receipt, log.vkey, stored.entry) == item.index
        assert verify_receipt(log.receipt(item.index), log.vkey, stored.entry) == item.index


def test_what_was_appended_is_read_back(log: ProofLog) -> None:
    fill(log, 7)
    stored = log.get(3)
    assert stored
    assert (stored.kind, stored.t, stored.intact) == (Kind.CHOICE, 1000, True)
    assert stored.stmt == {"number": 3, "t": 1000}
    assert stored.subj == {"sub": subject_id(b"visitor 3"), "tag": log.lookup(b"visitor 3").hex()}
    assert None not in stored.salts
    assert log.get(7) is None
    assert log.get(-1) is None
    assert [entry.index for entry in log.find(log.lookup(b"visitor 1"))] == [1, 6]
    assert log.find(log.lookup(b"nobody")) == []


def test_entries_are_listed_both_ways_over_pages_and_by_kind(log: ProofLog) -> None:
    fill(log, 300)
    log.append([Record(Kind.POLICY, 1000, {"version": "v1"})]).result(WAIT)
    fill(log, 300, 301)
    log.append([Record(Kind.POLICY, 1000, {"version": "v2"})]).result(WAIT)
    indexes = lambda **options: [entry.index for entry in log.entries(**options)]  # noqa: E731
    assert indexes() == list(range(602))
    assert indexes(newest_first=True) == list(range(601, -1, -1))
    assert indexes(start=250, stop=520) == list(range(250, 520))
    assert indexes(start=5, newest_first=True, limit=300) == list(range(601, 301, -1))
    assert indexes(kind=Kind.POLICY) == [300, 601]
    assert indexes(kind=Kind.POLICY, newest_first=True, limit=1) == [601]
    assert indexes(kind=Kind.CHOICE) == [i for i in range(602) if i not in (300, 601)]
    assert indexes(kind=Kind.CHOICE, newest_first=True) == [
        i for i in range(601, -1, -1) if i not in (300, 601)
    ]
    assert indexes(limit=0) == indexes(kind=Kind.KEY) == indexes(start=700) == []


def test_documents_are_found_by_their_hash_and_kept_once(log: ProofLog) -> None:
    record = Record(Kind.DOCUMENT, 1, {"name": "notice-en", "media_type": "application/json"}, body=b"{}")
    log.append([record]).result(WAIT)
    log.append([record, choice(log, 0)]).result(WAIT)
    document = log.document(sha256(b"{}").hexdigest())
    assert document
    assert (document.name, document.media_type, document.body, document.index) == (
        "notice-en",
        "application/json",
        b"{}",
        0,
    )
    assert log.document("0" * 64) is None
    assert log.verify().ok


def test_time_never_runs_backwards_in_the_log_not_even_over_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([choice(log, 0, t=5000), choice(log, 1, t=3000)]).result(WAIT)
    with opened(tmp_path) as log:
        (late,) = log.append([choice(log, 2, t=4000)]).result(WAIT)
        log.append([Record(Kind.KEY, 9000, {"vkey": log.vkey})]).result(WAIT)
    with opened(tmp_path) as log:
        (last,) = log.append([choice(log, 3, t=1)]).result(WAIT)
        assert (late.t, last.t) == (5000, 9000)  # I8
        assert [entry.t for entry in log.entries()] == [5000, 5000, 5000, 9000, 9000]
        assert log.verify().ok


def test_times_beyond_2038_are_kept_as_they_are(log: ProofLog) -> None:
    times = [2**31 * 1000 - 1, 2**31 * 1000, 2**32 * 1000, 253402300800000]  # the last: the year 10000
    log.append([choice(log, number, t) for number, t in enumerate(times)]).result(WAIT)
    assert [entry.t for entry in log.entries()] == times
    assert [log.first_since(t) for t in (*times, times[-1] + 1)] == [0, 1, 2, 3, 4]
    assert log.verify().ok


def test_an_append_at_another_size_than_expected_is_refused_alone(log: ProofLog) -> None:
    fill(log, 2)
    assert log.append([choice(log, 2)], expected_size=2).result(WAIT)[0].index == 2
    error = log.append([choice(log, 3)], expected_size=2).exception(WAIT)
    assert isinstance(error, SizeMoved)
    assert error.size == 3
    assert log.size == 3


def test_of_many_that_expect_one_size_one_gets_in(log: ProofLog) -> None:
    futures = [log.append([choice(log, i)], expected_size=0) for i in range(20)]
    results = [future.exception(WAIT) for future in futures]
    assert results.count(None) == 1
    assert all(error is None or (isinstance(error, SizeMoved) and error.size == 1) for error in results)


def test_what_follows_a_visitor_s_newest_entry_minds_nobody_else_s(log: ProofLog, tmp_path: Path) -> None:
    """And is refused after one of their own, in the log or in the same batch."""
    fill(log, 3)
    assert log.append([choice(log, 5)], after=0).result(WAIT)[0].index == 3
    for number, after in ((0, 0), (0, -1), (1, 3), (3, 1)):
        assert isinstance(log.append([choice(log, number)], after=after).exception(WAIT), SizeMoved)
    assert log.append([choice(log, 3)], after=-1).result(WAIT)[0].index == 4
    results = [
        future.exception(WAIT) for future in [log.append([choice(log, 4)], after=-1) for _ in range(20)]
    ]
    assert results.count(None) == 1
    with opened(tmp_path) as other:
        assert isinstance(other.append([choice(log, 0)], after=0).exception(WAIT), SizeMoved)
        other.append([choice(log, 0)], after=3).result(WAIT)
    assert isinstance(log.append([choice(log, 0)], after=3).exception(WAIT), SizeMoved)


def test_appending_nothing_is_no_entry(log: ProofLog) -> None:
    assert log.append([]).result(WAIT) == []
    assert log.size == 0


def test_a_record_that_can_not_be_written_down_is_refused_at_once(log: ProofLog) -> None:
    with pytest.raises(ValueError, match="float"):
        log.append([Record(Kind.CHOICE, 1, {"x": 0.5})])
    fill(log, 1)


def test_threads_get_dense_indexes_and_receipts_of_one_history(log: ProofLog) -> None:
    receipts: dict[int, str] = {}

    def caller(number: int) -> None:
        for i in range(20):
            for item in log.append([choice(log, number * 100 + i)]).result(WAIT):
                receipts[item.index] = item.receipt

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert sorted(receipts) == list(range(320)) == list(range(log.size))
    assert all(verify_receipt(text, log.vkey) == index for index, text in receipts.items())
    checkpoints = [text.partition("\n\n")[2] for text in receipts.values()]
    with log._store.reading() as view:
        from consentkit.proof.verify import verify

        assert verify(view, log.vkey, checkpoints).ok
    assert len({log.get(index).stmt["number"] for index in receipts}) == 320  # type: ignore[union-attr, index]


def append_in_another_process(
    folder: Path, number: int, count: int, out: "multiprocessing.Queue[object]"
) -> None:
    with opened(folder, timeout=WAIT) as log:
        got = [log.append([choice(log, number * 1000 + i)]).result(WAIT)[0] for i in range(count)]
        out.put([(item.index, item.receipt) for item in got])


def test_processes_share_one_file_and_one_history(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    workers = [
        context.Process(target=append_in_another_process, args=(tmp_path, number, 40, out))
        for number in range(2)
    ]
    for worker in workers:
        worker.start()
    receipts = dict(pair for _ in workers for pair in out.get(timeout=60))
    for worker in workers:
        worker.join(WAIT)
        assert worker.exitcode == 0
    with opened(tmp_path, read_only=True) as log:
        assert sorted(receipts) == list(range(80)) == list(range(log.size))
        assert all(verify_receipt(text, log.vkey) == index for index, text in receipts.items())
        report = log.verify()
        assert report.ok, report.findings


def test_workers_that_start_at_once_on_nothing_share_what_one_of_them_makes(tmp_path: Path) -> None:
    def start(number: int) -> int:
        with opened(tmp_path, timeout=WAIT) as log:
            return log.append([choice(log, number)]).result(WAIT)[0].index

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(start, range(8))) == list(range(8))
    with opened(tmp_path, read_only=True) as log:
        report = log.verify()
        assert report.ok, report.findings


def test_a_forked_worker_writes_with_a_thread_and_connections_of_its_own(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 3)
        assert log.get(0)
        child = os.fork()
        if child == 0:
            try:
                assert log.append([choice(log, 3)]).result(WAIT)[0].index == 3
                os._exit(0 if log.get(3) else 1)
            except BaseException:  # noqa: BLE001 - a child must not run the tests on
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert log.append([choice(log, 4)]).result(WAIT)[0].index == 4
        assert log.verify().ok


@pytest.mark.sqlite
def test_a_fork_begins_anew_before_anybody_asks(tmp_path: Path) -> None:
    """Two threads of the new process that ask at once would else each begin anew, and one wait for ever."""
    with opened(tmp_path) as log:
        fill(log, 1)
        writer, store = log._writer, log._store
        assert writer
        old = [writer._changed, writer._queue, writer._sequencer, store._writer_lock, store._idle]  # type: ignore[attr-defined]
        child = os.fork()
        if child == 0:
            new = [writer._changed, writer._queue, writer._sequencer, store._writer_lock, store._idle]  # type: ignore[attr-defined]
            os._exit(any(map(operator.is_, old, new)) or writer._thread is not None)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Trouble: every row gives StoreUnavailable to who waits, loses nothing acknowledged, and passes.


def held_by_another(log: ProofLog, folder: Path) -> Callable[[], None]:
    other = sqlite3.connect(folder / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other.close


def disk_full(log: ProofLog, folder: Path) -> Callable[[], None]:
    fill(log, 1)
    connection = log._writer._sequencer._store._writer  # type: ignore[union-attr, attr-defined]
    connection.execute("PRAGMA max_page_count = 1")
    return lambda: None  # the limit belongs to the connection, and that must be dropped (I5)


def replaced_by_a_folder(log: ProofLog, folder: Path) -> Callable[[], None]:
    (folder / "log.db").rename(folder / "aside.db")
    (folder / "log.db").mkdir()

    def undo() -> None:
        (folder / "log.db").rmdir()
        (folder / "aside.db").rename(folder / "log.db")

    return undo


def removed(log: ProofLog, folder: Path) -> Callable[[], None]:
    (folder / "log.db").rename(folder / "aside.db")
    return lambda: (folder / "aside.db").rename(folder / "log.db") and None


def guard_unwritable(log: ProofLog, folder: Path) -> Callable[[], None]:
    (folder / "keys" / "guard").rename(folder / "guard")
    (folder / "keys" / "guard").mkdir()

    def undo() -> None:
        (folder / "keys" / "guard").rmdir()
        (folder / "guard").rename(folder / "keys" / "guard")

    return undo


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "trouble", [held_by_another, disk_full, replaced_by_a_folder, removed, guard_unwritable]
)
def test_trouble_is_told_and_passes(
    log: ProofLog, tmp_path: Path, trouble: Callable[[ProofLog, Path], Callable[[], None]]
) -> None:
    fill(log, 300)
    undo = trouble(log, tmp_path)
    before = 301 if trouble is disk_full else 300
    records = [choice(log, 1000 + i) for i in range(600)]  # more than fits into the pages there are
    for _ in range(1 if trouble is disk_full else 2):
        refused(log.append(records))  # type: ignore[arg-type]
    undo()
    assert log.size == before
    assert log.append([choice(log, 301)]).result(WAIT)[0].index == before
    report = log.verify()
    assert report.ok, report.findings


@pytest.mark.sqlite
def test_an_older_copy_put_in_place_stops_the_service_at_once(log: ProofLog, tmp_path: Path) -> None:
    fill(log, 2)
    with sqlite3.connect(tmp_path / "log.db") as source, sqlite3.connect(tmp_path / "backup.db") as target:
        source.backup(target)
    source.close()
    target.close()
    fill(log, 3, 2)
    for file in tmp_path.glob("log.db-*"):
        file.unlink()
    (tmp_path / "backup.db").replace(tmp_path / "log.db")
    assert "2 entries" in str(refused(log.append([choice(log, 9)])).__cause__)  # type: ignore[arg-type]
    with pytest.raises(LogRefused, match="found 2 entries, expected at least 5 entries"):
        opened(tmp_path)
    with opened(tmp_path, read_only=True) as damaged:
        assert not damaged.verify().ok


@pytest.mark.sqlite
def test_a_lost_write_ahead_file_is_noticed(log: ProofLog, tmp_path: Path) -> None:
    fill(log, 2)
    (tmp_path / "log.db-wal").unlink()
    refused(log.append([choice(log, 2)]))  # type: ignore[arg-type]


@pytest.mark.sqlite
def test_a_queue_that_is_full_says_so_instead_of_growing(tmp_path: Path) -> None:
    gate, started = threading.Event(), threading.Event()

    class Slow(Sequencer):
        def run(self, requests: object) -> None:
            started.set()
            assert gate.wait(WAIT)
            super().run(requests)  # type: ignore[arg-type]

    with opened(tmp_path) as log:
        store, keys = SqliteStore(tmp_path / "log.db"), Keys.open(tmp_path / "keys", ORIGIN, create=False)
        log._writer = Writer(lambda: Slow(store, keys, 10), limit=2)
        first = log.append([choice(log, 0)])
        assert started.wait(WAIT)
        waiting = [log.append([choice(log, i)]) for i in (1, 2)]
        cancelled = log.append([choice(log, 3)])
        assert "waiting" in str(refused(cancelled))  # type: ignore[arg-type]
        assert waiting[1].cancel()
        gate.set()
        assert [future.result(WAIT)[0].index for future in (first, waiting[0])] == [0, 1]
        log._writer.close()
        assert log.size == 2
        store.close()


def test_closing_writes_what_waits_and_then_refuses(tmp_path: Path) -> None:
    log = opened(tmp_path)
    futures = [log.append([choice(log, i)]) for i in range(50)]
    log.close()
    assert sorted(future.result(0)[0].index for future in futures) == list(range(50))
    refused(log.append([choice(log, 50)]))  # type: ignore[arg-type]
    with opened(tmp_path, read_only=True) as again:
        assert again.verify().counts["published"] == 2  # the empty log's and the last
        with pytest.raises(ConfigurationError, match="reading"):
            again.append([])


# Opening (I6).


def test_a_log_without_its_guard_opens_only_at_the_size_one_accepts(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 4)
    (tmp_path / "keys" / "guard").unlink()
    for size in (None, 3, 5):
        with pytest.raises(LogRefused, match="no guard"):
            opened(tmp_path, accept_log=size)
    with opened(tmp_path, accept_log=4) as log:
        fill(log, 1)
        assert log.verify().ok
    opened(tmp_path).close()


@pytest.mark.sqlite
def test_a_log_that_is_gone_but_guarded_is_not_begun_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 4)
    (tmp_path / "log.db").unlink()
    with pytest.raises(LogRefused, match=r"gone.*4 entries"):
        opened(tmp_path)
    assert not (tmp_path / "log.db").exists()


def test_a_log_never_goes_on_without_its_keys_or_under_others(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 4)
    shutil.move(tmp_path / "keys", tmp_path / "aside")
    with pytest.raises(ConfigurationError, match="no keys folder"):
        opened(tmp_path)
    Keys.open(tmp_path / "keys", ORIGIN, create=True)
    with pytest.raises(LogRefused, match="isn't ours"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tile SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND n = 1",
        "DELETE FROM tile WHERE level = 1",
        "UPDATE head SET size = size - 1",
        "UPDATE head SET frontier = zeroblob(length(frontier))",
        "UPDATE head SET checkpoint = replace(checkpoint, '300', '299')",
    ],
)
def test_a_right_edge_that_does_not_match_its_signature_is_refused(tmp_path: Path, change: str) -> None:
    with opened(tmp_path) as log:
        fill(log, 300)
    tampered(tmp_path, change)
    with pytest.raises(LogRefused, match=r"found .*, expected "):
        opened(tmp_path)


@pytest.mark.sqlite
def test_a_second_log_under_the_same_keys_is_a_fork_and_stops(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        fill(log, 2)
    shutil.copy(tmp_path / "log.db", tmp_path / "fork.db")
    with opened(tmp_path) as log:
        fill(log, 1)
    with pytest.raises(LogRefused, match="behind its guard"):
        ProofLog.open(f"sqlite:///{tmp_path / 'fork.db'}", tmp_path / "keys", origin=ORIGIN)


def test_a_guard_moved_during_a_commit_is_not_overwritten(
    log: ProofLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 1)
    sign = log._keys.sign_note

    def sign_while_somebody_moves_the_guard(text: str, ring: Sequence[Verifier]) -> str:
        assert log._keys.swap_guard(log._keys.guard(), "moved")
        return sign(text, ring)

    monkeypatch.setattr(log._keys, "sign_note", sign_while_somebody_moves_the_guard)
    assert "guard was moved" in str(refused(log.append([choice(log, 1)])).__cause__)  # type: ignore[arg-type]
    assert log._keys.guard() == "moved"
    assert log.size == 1  # who is told no isn't recorded


@pytest.mark.parametrize("store", ["mysql://x/y", "log.db", "sqlite://", "sqlite:///"])
def test_a_store_we_can_not_be_is_a_configuration_error(tmp_path: Path, store: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        ProofLog.open(store, tmp_path / "keys", origin=ORIGIN)


@pytest.mark.sqlite
def test_auditing_what_is_not_there_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no log"):
        opened(tmp_path, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_receipts_exist_for_entries_only(log: ProofLog) -> None:
    fill(log, 1)
    for index in (-1, 1):
        with pytest.raises(ValueError, match="no entry"):
            log.receipt(index)


@pytest.mark.sqlite
def test_nothing_a_visitor_is_known_by_is_in_the_database(log: ProofLog, tmp_path: Path) -> None:
    fill(log, 5)
    log.close()
    stored = (tmp_path / "log.db").read_bytes()
    assert b"visitor" not in stored  # the cookie's id
    assert (tmp_path / "keys" / "lookup.key").read_bytes() not in stored


# What was tampered with


def tampered(folder: Path, *statements: str) -> None:
    with database(folder) as hands:
        for statement in statements:
            assert hands.execute(statement).rowcount != 0


def test_a_tampered_payload_is_listed_as_such_and_hides_no_other(log: ProofLog, tmp_path: Path) -> None:
    fill(log, 300)
    tampered(tmp_path, "UPDATE opening SET stmt = x'ff' WHERE idx = 6")
    stored = log.get(6)
    assert stored
    assert (stored.stmt, stored.intact) == (None, False)
    assert [entry.index for entry in log.entries() if not entry.intact] == [6]
    assert [entry.index for entry in log.find(log.lookup(b"visitor 1")) if not entry.intact] == [6]


def test_bytes_that_are_no_entry_and_holes_are_passed_over(
    log: ProofLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(log, 600)
    tampered(tmp_path, "UPDATE leaf SET entry = x'02' WHERE idx = 6", "DELETE FROM leaf WHERE idx = 300")
    rest = [index for index in range(600) if index not in (6, 300)]
    assert [entry.index for entry in log.entries()] == rest
    assert [entry.index for entry in log.entries(newest_first=True)] == rest[::-1]
    assert len(list(log.entries(limit=400))) == 400
    assert [entry.index for entry in log.find(log.lookup(b"visitor 1"))][:3] == [1, 11, 16]
    assert "entry 6 can't be read" in caplog.text
    with pytest.raises(VerificationError):
        log.get(6)


@pytest.mark.parametrize("index", [10**20, 2**63, -(10**20)])
def test_an_index_beyond_all_databases_is_no_entry(log: ProofLog, index: int) -> None:
    assert log.get(index) is None
    with pytest.raises(ValueError, match="no entry"):
        log.receipt(index)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE document SET body = x'00'",
        "UPDATE document SET idx = 1",
        "UPDATE document SET idx = 99",
        "UPDATE leaf SET entry = x'02' WHERE idx = 0",
    ],
)
def test_a_document_that_is_not_what_its_key_says_is_not_served(
    log: ProofLog, tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    record = Record(Kind.DOCUMENT, 1, {"name": "notice-en", "media_type": "application/json"}, body=b"{}")
    log.append([record, choice(log, 0)]).result(WAIT)
    digest = sha256(b"{}").hexdigest()
    assert log.document(digest)
    tampered(tmp_path, change)
    assert log.document(digest) is None
    assert f"the stored document {digest} isn't the one that was logged" in caplog.text


# Tasks that wait


def test_an_event_loop_is_woken_once_for_all_of_a_batch_that_wait_in_it(
    log: ProofLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken = []

    async def wait() -> list[int]:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *of: (woken.append(of), wake(*of)))
        asked = [log.appended([choice(log, number)]) for number in range(40)]
        asked[39].cancel()  # at the latest while it is written
        moved = log.appended([choice(log, 40)], expected_size=7)
        indexes = [(await one)[0].index for one in asked[:39]]
        with pytest.raises(SizeMoved):
            await moved
        return indexes

    assert asyncio.run(wait()) == list(range(39))
    assert log.size in (39, 40)
    assert len(woken) <= 5  # a batch or a few of them, not 41


# The guard and the clock


def test_who_is_told_no_because_of_the_guard_is_not_recorded(
    log: ProofLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 8)

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    def only_read(file: Path, how: int) -> object:
        return _opened(file, how) if how == os.O_RDONLY else fails()

    # At 9 entries it is written over, at 10 it is longer and takes a new file.
    for size, step, failing in (
        (8, "consentkit.proof.guard._opened", only_read),
        (9, "consentkit.proof.durable.tempfile.mkstemp", fails),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(step, failing)
            refused(log.append([choice(log, 1)]))  # type: ignore[arg-type]
        assert log.size == size
        assert log.append([choice(log, 2)]).result(WAIT)[0].index == size
    assert log.verify().ok


@pytest.mark.sqlite
@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", None])
@pytest.mark.parametrize("gone", [True, False])
def test_a_guard_that_says_nothing_stops_the_start_in_words(
    tmp_path: Path, damage: bytes | None, gone: bool
) -> None:
    with opened(tmp_path) as log:
        fill(log, 2)
    guard = tmp_path / "keys" / "guard"
    guard.unlink()
    if damage is None:
        guard.mkdir()
    else:
        guard.write_bytes(damage)
    guard.chmod(0o700)
    if gone:
        (tmp_path / "log.db").unlink()
    with pytest.raises((ConfigurationError, LogRefused), match=r"guard (is no checkpoint|can't be read)"):
        opened(tmp_path)


def test_a_clock_that_ran_back_is_flagged_and_told_once(
    log: ProofLog, caplog: pytest.LogCaptureFixture
) -> None:
    log.append([choice(log, 0, t=9000), choice(log, 1, t=8999)]).result(WAIT)
    assert "clock" not in caplog.text  # records made at once may change places
    for number in (2, 3):
        log.append([choice(log, number, t=3000)]).result(WAIT)
    assert [(entry.stmt or {}).get("clock") for entry in log.entries()] == [None, 8999, 3000, 3000]
    assert caplog.text.count("a clock is 6000 ms behind") == 1


@pytest.mark.parametrize(
    "change",
    ["DELETE FROM tile", "DELETE FROM leaf WHERE idx = 1", "UPDATE leaf SET entry = x'00' WHERE idx = 1"],
)
def test_what_can_not_be_proved_any_more_gets_no_receipt(log: ProofLog, tmp_path: Path, change: str) -> None:
    fill(log, 3)
    tampered(tmp_path, change)
    with pytest.raises(VerificationError):
        log.receipt(1)


class Told(logging.Handler):
    """Waits for the line that tells of the checkpoint of a size."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.there = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if f'"size": {self.size}, ' in record.getMessage():
            self.there.set()


def test_the_end_of_a_burst_is_published_although_nobody_appends_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consentkit.proof")
    told, logger = Told(3), logging.getLogger("consentkit.proof")
    logger.addHandler(told)
    try:
        with opened(tmp_path, publish_every=0.5) as log:
            for number in range(3):
                fill(log, 1, number)
            assert told.there.wait(WAIT)
            with log._store.reading() as view:
                assert [size for size, _ in view.published()][-1] == 3
    finally:
        logger.removeHandler(told)
    assert caplog.text.count('"size": 3, ') == 1  # closing it has nothing left to say


def test_closing_publishes_what_was_not_yet(tmp_path: Path) -> None:
    with opened(tmp_path, publish_every=1e9) as log:
        fill(log, 2)
    with opened(tmp_path) as log, log._store.reading() as view:
        assert [size for size, _ in view.published()] == [0, 2]
