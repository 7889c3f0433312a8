"""The tally: counted by the day, about nobody; it never gets in a page's way and never grows without end."""

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sample import Clock, august, policy

from consentkit.errors import ConfigurationError, StoreUnavailable
from consentkit.kit import ConsentKit
from consentkit.policy.registry import known_services
from consentkit.proof.claims import claims
from consentkit.tally import (
    LONGEST_NAME,
    MOST_NAMES,
    MOST_PAGES,
    MOST_WAITING,
    OTHER,
    Row,
    Tally,
    plain_name,
)
from consentkit.tally_sqlite import SqliteTally
from consentkit.tally_stores import open_store

VERSION = "a" * 64
TODAY = date(2026, 8, 31)


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database as the log leaves it: there, and in WAL mode."""
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE leaf(idx INTEGER)")
    return path


@pytest.fixture
def tally(file: Path, clock: Clock) -> Iterator[Tally]:
    tally = Tally(SqliteTally(file, 0.05), clock)
    yield tally
    tally.close()


class Broken:
    """A store that fails as often as it is told to, then keeps rows."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.kept: list[Row] = []

    def add(self, rows: Iterable[Row], keep_from: date) -> None:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("no") from OSError("disk full")
        self.kept.extend(rows)

    def read(self, since: date | None) -> list[Row]:
        return self.kept


def counts(tally: Tally) -> dict[tuple[str, str], int]:
    return {(row.kind, row.name): row.count for row in tally.rows()}


def table(file: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.execute("SELECT day, version, name, kind, count FROM tally"))


# Counting -----------------------------------------------------------------------------------------------


def test_what_is_counted_is_a_day_a_version_a_kind_and_a_name(tally: Tally, file: Path, clock: Clock) -> None:
    for _ in range(3):
        tally.count(VERSION, frozenset({("blocked", "youtube"), ("undeclared", "cdn.example.net")}))
    clock.move(days=1)
    tally.count("b" * 64, [("blocked", "youtube")])
    tally.flush()
    assert sorted(table(file)) == [
        ("2026-08-31", VERSION, "cdn.example.net", "undeclared", 3),
        ("2026-08-31", VERSION, "youtube", "blocked", 3),
        ("2026-09-01", "b" * 64, "youtube", "blocked", 1),
    ]


def test_rows_are_read_from_a_day_on_and_include_what_waits(tally: Tally, clock: Clock) -> None:
    tally.count(VERSION, [("passed", "stripe")])
    clock.move(days=2)
    tally.count(VERSION, [("passed", "stripe")])
    assert [row.day for row in tally.rows()] == [TODAY, date(2026, 9, 2)]
    assert tally.rows(date(2026, 9, 1)) == [Row(date(2026, 9, 2), VERSION, "passed", "stripe", 1)]


def test_a_day_begins_at_midnight_utc(file: Path) -> None:
    evening = Clock(datetime(2026, 8, 31, 23, 59, 59, tzinfo=UTC))
    tally = Tally(SqliteTally(file), evening)
    tally.count(VERSION, [("blocked", "x")])
    evening.move(seconds=1)
    tally.count(VERSION, [("blocked", "x")])
    assert [row.day.day for row in tally.rows()] == [31, 1]
    tally.close()


def test_a_store_without_the_table_reads_as_empty(file: Path, clock: Clock) -> None:
    assert SqliteTally(file).read(None) == []


def test_counting_nothing_starts_nothing(tally: Tally) -> None:
    tally.count(VERSION, frozenset())
    assert tally._thread is None


def test_many_threads_lose_no_count(tally: Tally) -> None:
    def many() -> None:
        for number in range(500):
            tally.count(VERSION, [("blocked", f"s{number % 7}")])
            if number % 100 == 0:
                tally.flush()

    threads = [Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts(tally).values()) == 2000


# About nobody -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("www.youtube.com", "www.youtube.com"),
        ("shop.example:8443", "shop.example:8443"),
        ("cdn.example.net/u/jane?mail=jane@x.example", "cdn.example.net"),
        ("cdn.example.net?who=jane", "cdn.example.net"),
        ("cdn.example.net#jane", "cdn.example.net"),
        ("?cdn.example.net", "?cdn.example.net"),
        ("@analytics", "@analytics"),
        ("", ""),
        ("_hjSession_1234567", "_hjSession_*"),
        ("visitor-3f2504e0-4f89-11d3-9a0c-0305e82c3301", "visitor-*"),
        ("sid_deadbeefdeadbeef00", "sid_*"),
        ("_ga_ABC123", "_ga_ABC123"),
        ("iso-2022-jp", "iso-2022-jp"),
        ("session.123456789", "session.*"),
        ("user_john.doe@example.com", "*@*"),
        ("user_john.doe%40example.com", "*@*"),
        ("550e8400-e29b-41d4-a716-446655440000.x", "*.x"),
        ("550e8400-e29b-41d4-a716-446655440000.com", "*.com"),
        ("550e8400e29b41d4.cdn.test:8443", "*.cdn.test:8443"),
        ("12345678.cdn.test", "*.cdn.test"),
        ("?u123456789.cdn.test", "?*.cdn.test"),
        ("163.cdn-4.test", "163.cdn-4.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("[2001:db8:12345678::1]:80", "[2001:db8:12345678::1]:80"),
        ("*.images.test", "*.images.test"),
        ("sess_AbCdEfGhIjKl", "sess_*"),
        ("sess.AbCdEfGhIjKl", "sess.*"),
        ("token-a1b2c3x4y5", "token-*"),
        ("key:" + "k" * 33, "key:*"),
        ("__RequestVerificationToken", "__RequestVerificationToken"),
        ("ARRAffinitySameSite", "ARRAffinitySameSite"),
        (".AspNetCore.Antiforgery", ".AspNetCore.Antiforgery"),
        ("PHPSESSID", "PHPSESSID"),
        ("laravel_session", "laravel_session"),
        ("a\x00b\x1b[31m\n\u202e\ud800", "a\ufffdb\ufffd[31m\ufffd\ufffd\ufffd"),
    ],
)
def test_a_name_keeps_nothing_about_anybody(name: str, kept: str) -> None:
    assert plain_name(name) == kept
    plain_name(name).encode()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("cart_42153", "cart_*"),
        ("wp-settings-time-7", "wp-settings-time-*"),
        ("12-basket", "*-basket"),
        ("oauth2_state", "oauth2_state"),
        ("sid3", "sid3"),
        ("163.cdn-4.test", "163.cdn-4.test"),
        ("127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_number_in_the_name_of_a_cookie_nobody_declared_is_a_visitor_s(
    tally: Tally, name: str, kept: str
) -> None:
    for kind in ("undeclared", "cut"):
        tally.count(VERSION, [(kind, name)])
    tally.count(VERSION, [("refused", "206"), ("refused", "iso-2022-jp")])
    names = {(row.kind, row.name) for row in tally.rows()}
    assert names == {("undeclared", kept), ("cut", kept), ("refused", "206"), ("refused", "iso-2022-jp")}


def test_what_services_are_called_stays() -> None:
    assert [plain_name(each) for each in known_services()] == list(known_services())


def test_a_long_name_is_cut() -> None:
    assert len(plain_name("x-" * 10_000)) == LONGEST_NAME


def test_the_table_has_no_room_for_a_visitor(tally: Tally, file: Path) -> None:
    tally.count(VERSION, [("blocked", "x")])
    tally.flush()
    with closing(sqlite3.connect(file)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(tally)")]
        (declared,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'tally'").fetchone()
    assert columns == ["day", "version", "name", "kind", "count"]
    assert declared.endswith("STRICT, WITHOUT ROWID")


def test_what_is_older_than_thirteen_months_is_deleted(tally: Tally, clock: Clock) -> None:
    tally.count(VERSION, [("blocked", "old")])
    clock.move(days=1)
    tally.count(VERSION, [("blocked", "kept")])
    tally.flush()
    clock.now = datetime(2027, 10, 1, 12, tzinfo=UTC)
    tally.count(VERSION, [("blocked", "new")])
    assert [row.name for row in tally.rows()] == ["kept", "new"]


# Bounds -------------------------------------------------------------------------------------------------


def test_a_day_takes_a_thousand_names_and_counts_the_rest_together(
    tally: Tally, file: Path, clock: Clock
) -> None:
    for start in range(0, MOST_NAMES + 200, 100):
        tally.count(VERSION, [("undeclared", f"h{start + number}.example") for number in range(100)])
        tally.flush()
    other = Tally(SqliteTally(file), clock)  # another process finds the day full
    other.count(
        VERSION, [("undeclared", "late.example"), ("undeclared", "h1.example"), ("undeclared", OTHER)]
    )
    other.close()
    rows = {row.name: row.count for row in tally.rows()}
    assert len(rows) == MOST_NAMES + 1
    assert rows[OTHER] == 202
    assert rows["h1.example"] == 2
    clock.move(days=1)
    tally.count(VERSION, [("undeclared", "late.example")])
    assert tally.rows(date(2026, 9, 1))[0].name == "late.example"


def test_invented_names_don_t_crowd_out_the_services(tally: Tally) -> None:
    for start in range(0, MOST_NAMES + 200, 100):
        tally.count(VERSION, [("undeclared", f"h{start + number}.example") for number in range(100)])
        tally.count(VERSION, [("blocked", f"h{start + number}.example") for number in range(100)])
        tally.flush()
    kinds = ("blocked", "passed", "overridden", "expired")
    tally.count(VERSION, [(kind, "youtube") for kind in kinds])
    assert [counts(tally).get((kind, "youtube")) for kind in kinds] == [1] * 4
    for number in range(2 * MOST_NAMES):
        tally.count(VERSION, [("blocked", f"s-{number}")])
    assert len({row.name for row in tally.rows()}) == 2 * MOST_NAMES + 1


def test_services_are_told_apart_though_the_store_is_away(clock: Clock) -> None:
    store = Broken(1)
    tally = Tally(store, clock)
    for number in range(MOST_PAGES + MOST_WAITING + 10):
        tally.count(VERSION, [("undeclared", f"h{number}.example")])
    tally.flush()
    for number in range(MOST_PAGES + 1):
        tally.count(VERSION, [("undeclared", f"h{number}.example"), ("blocked", "youtube")])
    tally.close()
    assert sum(row.count for row in store.kept if row.name == "youtube") == MOST_PAGES + 1


def test_memory_is_bounded_while_the_store_is_away(clock: Clock) -> None:
    store = Broken(3)
    tally = Tally(store, clock)
    for number in range(3 * MOST_WAITING):
        tally.count(VERSION, [("undeclared", f"h{number}.example")])
        assert len(tally._pages) <= MOST_PAGES
        if number % MOST_WAITING == 0:
            tally.flush()
    assert len(tally._counts) <= MOST_WAITING + 1
    tally.close()
    assert sum(row.count for row in store.kept) == 3 * MOST_WAITING


def test_a_page_that_names_very_much_is_not_kept_whole(tally: Tally) -> None:
    tally.count(VERSION, [("undeclared", f"{'x-' * 50_000}{number}") for number in range(3)])
    assert len(tally._pages) == 0
    assert counts(tally) == {("undeclared", ("x-" * LONGEST_NAME)[:LONGEST_NAME]): 3}


# Trouble ------------------------------------------------------------------------------------------------


def test_a_store_that_fails_costs_one_warning_and_no_count(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Broken(3)
    tally = Tally(store, clock)
    with caplog.at_level(logging.WARNING, "consentkit"):
        for _ in range(4):
            tally.count(VERSION, [("blocked", "x")])
            tally.flush()
    assert [row.count for row in store.kept] == [4]
    (warning,) = caplog.messages
    assert "disk full" in warning
    store.failures = 1  # another outage is told again
    tally.count(VERSION, [("blocked", "x")])
    tally.flush()
    assert len(caplog.messages) == 2
    tally.close()


def test_a_locked_database_is_waited_out(tally: Tally, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")
        tally.count(VERSION, [("blocked", "x")])
        tally.flush()
        busy.execute("ROLLBACK")
    assert counts(tally) == {("blocked", "x"): 1}


def test_the_log_s_own_lock_is_respected(tally: Tally, file: Path) -> None:
    import fcntl

    with file.with_name(file.name + ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        tally.count(VERSION, [("blocked", "x")])
        tally.flush()
        assert SqliteTally(file).read(None) == []
    assert counts(tally) == {("blocked", "x"): 1}


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(b"no database at all" * 1000),
        lambda file: sql(file, "CREATE TABLE tally(x)"),
        lambda file: sql(file, "CREATE VIEW tally AS SELECT 1 AS day"),
    ],
    ids=["gone", "garbage", "another table", "a view"],
)
def test_a_broken_database_never_raises_into_a_page(damage: Any, tally: Tally, file: Path) -> None:
    for side in ("-wal", "-shm"):
        file.with_name(file.name + side).unlink(missing_ok=True)
    damage(file)
    for _ in range(3):
        tally.count(VERSION, [("blocked", "x")])
        tally.flush()
    assert list(tally._counts.values()) == [3]


def sql(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_full_database_keeps_what_it_had_and_the_counts_wait(tally: Tally, file: Path) -> None:
    tally.count(VERSION, [("blocked", "x")])
    tally.flush()
    before = table(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON tally BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        connection.commit()
    tally.count(VERSION, [("blocked", "x"), ("blocked", "y")])
    tally.flush()
    assert table(file) == before
    sql(file, "DROP TRIGGER full")
    assert counts(tally) == {("blocked", "x"): 2, ("blocked", "y"): 1}


def test_a_table_rebuilt_to_hold_anything_is_told_as_unavailable(file: Path) -> None:
    sql(file, "CREATE TABLE tally(day, version, name, kind, count)")
    sql(file, "INSERT INTO tally VALUES ('someday', 'v', 'x', 'blocked', 'many')")
    with pytest.raises(StoreUnavailable):
        SqliteTally(file).read(None)


@pytest.mark.parametrize(
    "pairs", [[("blocked", None)], [("blocked", [])], [("seen", "x")], [(None, "x")], [1], 7, "no"]
)
def test_what_can_t_be_counted_doesn_t_break_the_page_nor_what_follows(pairs: Any, tally: Tally) -> None:
    tally.count(VERSION, pairs)
    tally.count(VERSION, [("blocked", "x")])
    assert counts(tally) == {("blocked", "x"): 1}


def test_a_clock_that_fails_doesn_t_break_the_page(file: Path) -> None:
    def clock() -> datetime:
        raise OSError("no clock")

    tally = Tally(SqliteTally(file), clock)
    tally.count(VERSION, [("blocked", "x")])
    tally.close()


@pytest.mark.parametrize("url", ["mysql://db/x", "sqlite://x", "sqlite:///", "x"])
def test_another_store_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        open_store(url)


# Threads, processes, the end ----------------------------------------------------------------------------


def test_the_thread_writes_without_being_asked(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consentkit.tally.FLUSH_SECONDS", 0.01)
    tally = Tally(SqliteTally(file), clock)
    tally.count(VERSION, [("blocked", "x")])
    assert tally._thread is not None
    assert tally._thread.daemon
    while not SqliteTally(file).read(None):
        tally._thread.join(0.01)
    tally.close()
    tally._thread.join(5)
    assert not tally._thread.is_alive()


ALONGSIDE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from consentkit.tally import Tally
from consentkit.tally_sqlite import SqliteTally
tally = Tally(SqliteTally(Path(sys.argv[1]), 60), lambda: datetime(2026, 8, 31, tzinfo=UTC))
for _ in range(30):
    tally.count("v", [("blocked", "x"), ("undeclared", f"h{sys.argv[2]}.example")])
    tally.flush()
"""


def test_processes_add_up(file: Path) -> None:
    command = [sys.executable, "-c", ALONGSIDE, str(file)]
    children = [subprocess.Popen([*command, str(number)]) for number in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    counted = {row.name: row.count for row in SqliteTally(file).read(None)}
    assert counted == {"x": 60, "h0.example": 30, "h1.example": 30}


FORKED = """
import os, sys, warnings
from datetime import UTC, datetime
from pathlib import Path
from consentkit.tally import Tally
from consentkit.tally_sqlite import SqliteTally
tally = Tally(SqliteTally(Path(sys.argv[1])), lambda: datetime(2026, 8, 31, tzinfo=UTC))
tally.count("v", [("blocked", "parent")])
warnings.simplefilter("ignore")
child = os.fork()
tally.count("v", [("blocked", "parent" if child else "child")])
if child:
    os.waitpid(child, 0)
"""


def test_a_fork_counts_for_itself_and_the_interpreter_s_end_writes_what_is_left(file: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKED, str(file)], check=True)
    assert {row.name: row.count for row in SqliteTally(file).read(None)} == {"parent": 2, "child": 1}


HELD = """
import os, sys, warnings
from pathlib import Path
from consentkit.tally_sqlite import SqliteTally
warnings.simplefilter("ignore")
store = SqliteTally(Path(sys.argv[1]), 0.5)
asleep, wake = os.pipe()
with store._locked():
    child = os.fork()
    if not child:
        os.read(asleep, 1)
        os._exit(0)
try:
    with store._locked():
        pass
finally:
    os.write(wake, b"x")
    os.waitpid(child, 0)
"""


def test_a_process_forked_during_a_write_does_not_keep_the_log_locked(file: Path) -> None:
    subprocess.run([sys.executable, "-c", HELD, str(file)], check=True)


# Beside the log -----------------------------------------------------------------------------------------


def test_the_log_verifies_with_the_table_beside_it(tmp_path: Path, clock: Clock) -> None:
    store = f"sqlite:///{tmp_path / 'log.db'}"
    kit = ConsentKit(policy(), store=store, keys=tmp_path / "keys", clock=clock)
    size = kit.log.size
    kit.tally.count(kit.edition.policy.version, [("blocked", "youtube")])
    assert [row.name for row in kit.tally.rows()] == ["youtube"]
    report = kit.log.verify(checks=claims())
    assert report.ok, report.findings
    assert kit.log.size == size
    kit.close()
    again = ConsentKit(policy(), store=store, keys=tmp_path / "keys", clock=clock)
    assert [row.count for row in again.tally.rows(TODAY)] == [1]
    again.log.newest.log.export(tmp_path / "bundle")
    assert not any(
        b"tally" in path.read_bytes() for path in (tmp_path / "bundle").rglob("*") if path.is_file()
    )
    again.close()
