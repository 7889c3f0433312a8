"""The SQLite store: durable settings, one writer at a time, views that don't move, files that do."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consentkit.errors import StoreUnavailable
from consentkit.proof.entry import Kind, Opening
from consentkit.proof.sqlite import SqliteStore
from consentkit.proof.store import Batch, DocumentRow, Head


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "log.db", timeout=0.05)
    store.create()
    yield store
    store.close()


def batch(start: int, count: int, kind: Kind = Kind.CHOICE) -> Batch:
    indexes = range(start, start + count)
    entries = [bytes([1, kind]) + index.to_bytes(64, "big") for index in indexes]
    openings = [(i, Opening(i, bytes([i % 3]) * 16, b"1", b"stmt", b"2", b"subj")) for i in indexes]
    return Batch(
        start, entries, openings, {(0, 0): b"tile %d" % start}, Head(start + count, b"f", f"cp {start}")
    )


def write(store: SqliteStore, *batches: Batch) -> None:
    for item in batches:
        with store.writing() as session:
            session.commit(item)


def test_the_writer_runs_with_the_settings_that_durability_needs(store: SqliteStore) -> None:
    write(store, batch(0, 1))
    connection = store._writer
    assert connection
    pragmas = (
        "journal_mode",
        "synchronous",
        "fullfsync",
        "secure_delete",
        "trusted_schema",
        "wal_autocheckpoint",
    )
    values = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas}
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "fullfsync": 1,
        "secure_delete": 1,
        "trusted_schema": 0,
        "wal_autocheckpoint": 1000,
    }


def test_a_commit_is_read_back_whole(store: SqliteStore) -> None:
    document = DocumentRow("ab", 0, b"body")
    first = batch(0, 2)
    write(store, Batch(0, first.entries, first.openings, first.tiles, first.head, [document], True))
    with store.reading() as view:
        assert view.head() == first.head
        assert list(view.leaves(0, 9)) == list(enumerate(first.entries))
        assert list(view.openings(1, 9)) == [first.openings[1]]
        assert (view.tile(0, 0), view.tile(0, 1), list(view.tile_ids())) == (b"tile 0", b"", [(0, 0)])
        assert list(view.published()) == [(2, "cp 0")]
        assert (view.document("ab"), view.document("cd"), list(view.documents())) == (
            document,
            None,
            [document],
        )
        assert list(view.strays(1)) == [("leaf", 1), ("opening", 1)]


def test_leaving_without_commit_writes_nothing(store: SqliteStore) -> None:
    with store.writing() as session:
        assert session.head() is None
    with pytest.raises(ZeroDivisionError), store.writing() as session:  # noqa: PT012
        session.commit(batch(0, 1))
        raise ZeroDivisionError
    with store.reading() as view:
        assert view.head() == Head(1, b"f", "cp 0")  # committed is committed, whatever happens next


def test_the_head_is_compared_before_it_is_swapped(store: SqliteStore) -> None:
    write(store, batch(0, 2))
    stale = batch(5, 1)
    with pytest.raises(StoreUnavailable, match="head"):
        write(store, stale)
    with store.reading() as view:
        assert view.head() == Head(2, b"f", "cp 0")
        assert [index for index, _ in view.leaves(0, 99)] == [0, 1]


def test_a_view_does_not_move_while_others_write(store: SqliteStore) -> None:
    write(store, batch(0, 1))
    with store.reading() as view:
        assert view.head() == Head(1, b"f", "cp 0")
        write(store, batch(1, 1))
        assert view.head() == Head(1, b"f", "cp 0")
        assert [index for index, _ in view.leaves(0, 99)] == [0]


def test_a_reader_can_not_write(store: SqliteStore) -> None:
    with pytest.raises(StoreUnavailable) as refused, store.reading() as view:
        view._connection.execute("DELETE FROM leaf")
    assert "readonly" in str(refused.value.__cause__)


def test_entries_are_found_by_visitor_and_by_kind(store: SqliteStore) -> None:
    write(store, batch(0, 6), batch(6, 2, Kind.POLICY), batch(8, 1))
    with store.reading() as view:
        assert view.by_lookup(bytes([1]) * 16) == [1, 4, 7]
        assert view.by_kind(Kind.POLICY, 0, 9, newest_first=False, limit=9) == [6, 7]
        assert view.by_kind(Kind.POLICY, 0, 9, newest_first=True, limit=1) == [7]
        assert view.by_kind(Kind.CHOICE, 2, 9, newest_first=False, limit=3) == [2, 3, 4]


def test_rare_kinds_are_found_without_reading_the_choices(store: SqliteStore) -> None:
    seen: list[str] = []
    with store.reading() as view:
        view._connection.set_trace_callback(seen.append)
        view.by_kind(Kind.POLICY, 0, 9, newest_first=True, limit=1)
        view._connection.set_trace_callback(None)
        (query,) = seen
        plan = " ".join(row[3] for row in view._connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "USING COVERING INDEX leaf_rare" in plan or "USING INDEX leaf_rare" in plan


def test_a_writer_waits_its_turn_and_then_gives_up(store: SqliteStore) -> None:
    other = SqliteStore(store.path, timeout=0.05)
    with store.writing(), pytest.raises(StoreUnavailable, match="lock"), other.writing():
        pass
    write(other, batch(0, 1))
    other.close()


def test_a_foreign_transaction_is_waited_for_and_then_given_up(store: SqliteStore) -> None:
    foreign = sqlite3.connect(store.path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable) as refused:
        write(store, batch(0, 1))
    assert "locked" in str(refused.value.__cause__)
    foreign.execute("ROLLBACK")
    foreign.close()
    write(store, batch(0, 1))


def test_two_stores_on_one_file_see_each_others_entries(store: SqliteStore) -> None:
    other = SqliteStore(store.path, timeout=1)
    write(store, batch(0, 1))
    write(other, batch(1, 1))
    write(store, batch(2, 1))
    with other.reading() as view:
        assert view.head() == Head(3, b"f", "cp 2")
    other.close()


def test_a_removed_file_is_noticed_and_not_written_into_nowhere(store: SqliteStore) -> None:
    write(store, batch(0, 1))
    store.path.rename(store.path.with_suffix(".moved"))
    with pytest.raises(StoreUnavailable):
        write(store, batch(1, 1))


def test_a_removed_wal_is_noticed_and_what_it_held_is_kept(store: SqliteStore) -> None:
    write(store, batch(0, 1))
    store.path.with_name("log.db-wal").unlink()
    write(store, batch(1, 1))
    other = SqliteStore(store.path)
    with other.reading() as view:
        assert [index for index, _ in view.leaves(0, 99)] == [0, 1]
    other.close()


def test_a_file_replaced_in_mid_commit_is_noticed(store: SqliteStore, tmp_path: Path) -> None:
    write(store, batch(0, 1))
    with pytest.raises(StoreUnavailable, match="replaced"), store.writing() as session:  # noqa: PT012
        shutil.copy(store.path, tmp_path / "copy.db")
        session.commit(batch(1, 1))
        (tmp_path / "copy.db").replace(store.path)


def test_readers_follow_a_replaced_file(store: SqliteStore, tmp_path: Path) -> None:
    write(store, batch(0, 1))
    other = SqliteStore(tmp_path / "other.db")
    other.create()
    with store.reading() as view:
        assert view.head()
    (tmp_path / "old").mkdir()
    for file in tmp_path.glob("log.db*"):
        file.rename(tmp_path / "old" / file.name)
    other.close()
    (tmp_path / "other.db").rename(store.path)
    with store.reading() as view:
        assert view.head() is None


def test_a_missing_file_is_never_made_by_reading_or_writing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "log.db")
    assert not store.exists()
    with pytest.raises(StoreUnavailable):
        write(store, batch(0, 1))
    with pytest.raises(StoreUnavailable), store.reading():
        pass
    assert not store.path.exists()


def test_a_directory_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    with pytest.raises(StoreUnavailable):
        SqliteStore(tmp_path / "log.db").create()


def test_the_wal_is_folded_in_under_the_lock_and_does_not_grow_for_ever(store: SqliteStore) -> None:
    wal = store.path.with_name("log.db-wal")
    sizes = []
    for number in range(12):
        big = Batch(number, [bytes(66)], [], {(0, number): bytes(1 << 20)}, Head(number + 1, b"", ""))
        write(store, big)
        sizes.append(wal.stat().st_size)
    assert max(sizes) < 8 << 20


def test_the_database_is_private(store: SqliteStore) -> None:
    assert store.path.stat().st_mode & 0o077 == 0


def test_creating_again_changes_nothing(store: SqliteStore) -> None:
    write(store, batch(0, 1))
    store.create()
    with store.reading() as view:
        assert view.head() == Head(1, b"f", "cp 0")


def test_what_is_wrong_is_logged_and_not_in_the_message_that_visitors_get(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store.path.rename(tmp_path / "aside")
    store.path.mkdir()
    with pytest.raises(StoreUnavailable) as refused:
        write(store, batch(0, 1))
    assert str(refused.value) == "the consent log can't be used now"
    assert "unable to open database file" in caplog.text


def rebuilt(store: SqliteStore, table: str, change: str) -> None:
    """Replace a table by one that accepts anything, then change what it holds."""
    with closing(sqlite3.connect(store.path)) as database:
        database.execute(f"CREATE TABLE loose AS SELECT * FROM {table}")
        database.execute(f"DROP TABLE {table}")
        database.execute(f"ALTER TABLE loose RENAME TO {table}")
        database.execute(change)
        database.commit()


def test_values_of_another_type_read_as_ones_that_prove_nothing(store: SqliteStore) -> None:
    first = batch(0, 2)
    document = DocumentRow("ab", 0, b"body")
    write(store, Batch(0, first.entries, first.openings, first.tiles, first.head, [document], True))
    rebuilt(store, "leaf", "UPDATE leaf SET entry = 'text'")
    rebuilt(store, "leaf", "INSERT INTO leaf VALUES ('x', NULL), (1.5, x'00')")
    rebuilt(store, "opening", "UPDATE opening SET created_ms = 'noon', lookup = 5, stmt = NULL")
    rebuilt(store, "tile", "UPDATE tile SET hashes = NULL, n = 'x'")
    rebuilt(store, "head", "UPDATE head SET size = 'x', frontier = NULL, checkpoint = x'07'")
    rebuilt(store, "published", "UPDATE published SET size = NULL, note = x'ff'")
    rebuilt(store, "document", "UPDATE document SET sha256 = x'05', idx = 'x', body = 'text'")
    with store.reading() as view:
        assert dict(view.leaves(0, 2)) == {0: b"", 1: b"", 1.5: b"\0"}
        assert [opening for _, opening in view.openings(0, 1)] == [
            Opening(-1, b"", b"1", None, b"2", b"subj")
        ]
        assert (view.head(), list(view.tile_ids())) == (Head(-1, b"", ""), [(0, -1)])
        assert list(view.published()) == [(-1, "")]
        assert list(view.documents()) == [DocumentRow("", -1, b"")]
        assert list(view.strays(2)) == [("leaf", None), ("leaf", None)]
        named = {problem.split()[0] for _, table, problem in view.problems() if table == "schema"}
    assert named == {
        "leaf", "opening", "tile", "head", "published", "document", "opening_lookup", "leaf_rare"
    }  # fmt: skip


def test_a_store_as_this_version_makes_it_has_no_problems(store: SqliteStore) -> None:
    with store.reading() as view:
        assert list(view.problems()) == []


def test_a_document_stored_again_mends_what_was_altered(store: SqliteStore) -> None:
    for start, body in ((0, b"altered"), (1, b"body")):
        item = batch(start, 1)
        write(store, Batch(start, item.entries, [], {}, item.head, [DocumentRow("ab", start, body)]))
    with store.reading() as view:
        assert view.document("ab") == DocumentRow("ab", 0, b"body")
