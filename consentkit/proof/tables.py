"""The SQLite tables of the log, and the reads and writes on one connection."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain

from consentkit.errors import StoreUnavailable
from consentkit.proof.entry import Kind, Opening
from consentkit.proof.store import Attested, Batch, DocumentRow, Head
from consentkit.proof.values import attested, blob, document, opening, text, whole

MIGRATIONS: tuple[str, ...] = ()
"""What made each version out of the one before, from 2 on; `SCHEMA` is what has come of it."""
SCHEMA = """
CREATE TABLE leaf(idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE TABLE opening(idx INTEGER PRIMARY KEY, created_ms INTEGER NOT NULL, lookup BLOB,
                     salt1 BLOB, stmt BLOB, salt2 BLOB, subj BLOB) STRICT;
CREATE TABLE tile(level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL,
                  PRIMARY KEY (level, n)) STRICT;
CREATE TABLE head(id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL,
                  frontier BLOB NOT NULL, checkpoint TEXT NOT NULL) STRICT;
CREATE TABLE published(size INTEGER PRIMARY KEY, note TEXT NOT NULL, cosignatures TEXT, tsr BLOB) STRICT;
CREATE TABLE document(sha256 TEXT PRIMARY KEY, idx INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE INDEX opening_lookup ON opening(lookup) WHERE lookup IS NOT NULL;
CREATE INDEX leaf_rare ON leaf(substr(entry, 2, 1)) WHERE substr(entry, 2, 1) <> x'01';
"""
_ROWS = 32
_OPENING = "idx, created_ms, lookup, salt1, stmt, salt2, subj"
# Erased is overwritten by as many zeros. A row that changes its size can move its neighbours to other pages,
# and SQLite may leave copies of what it moves, whatever secure_delete says; so in this table nothing moves.
_ERASE = {
    "stmt": "salt1 = zeroblob(length(salt1)), stmt = zeroblob(length(stmt))",
    "subj": "lookup = NULL, salt2 = zeroblob(length(salt2)), "
    "subj = zeroblob(length(subj) + ifnull(length(lookup), 0))",
}


ATTESTED = """SELECT size, note, cosignatures, tsr FROM published
              WHERE cosignatures IS NOT NULL OR tsr IS NOT NULL ORDER BY size DESC"""
PUBLISH = "INSERT INTO published(size, note) VALUES (?, ?) ON CONFLICT DO NOTHING"


class _View:
    """Reads on one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def head(self) -> Head | None:
        row = self._connection.execute("SELECT size, frontier, checkpoint FROM head").fetchone()
        return Head(whole(row[0]), blob(row[1]), text(row[2])) if row else None

    def tile(self, level: int, n: int) -> bytes:
        query = "SELECT hashes FROM tile WHERE level = ? AND n = ?"
        row = self._connection.execute(query, (level, n)).fetchone()
        return blob(row[0]) if row else b""


class SqliteReading(_View):
    """One read transaction (a `store.Reading`)."""

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        query = "SELECT idx, entry FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx"
        for index, entry in self._connection.execute(query, (start, stop)):
            yield index, blob(entry)

    def openings(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
        query = f"SELECT {_OPENING} FROM opening WHERE idx >= ? AND idx < ? ORDER BY idx"  # noqa: S608
        yield from map(opening, self._connection.execute(query, (start, stop)))

    def tile_ids(self) -> Iterator[tuple[int, int]]:
        for level, n in self._connection.execute("SELECT level, n FROM tile ORDER BY level, n"):
            yield whole(level), whole(n)

    def rows(self) -> int:
        query = (
            "SELECT count(*) FROM leaf UNION ALL SELECT total(length(hashes)) / 32 FROM tile WHERE level = 0"
        )
        return int(max(count for (count,) in self._connection.execute(query)))

    def strays(self, size: int) -> Iterator[tuple[str, int | None]]:
        for table in ("leaf", "opening"):
            outside = "idx < 0 OR idx >= ? OR typeof(idx) <> 'integer'"
            query = f"SELECT idx FROM {table} WHERE {outside} ORDER BY idx"  # noqa: S608
            for (index,) in self._connection.execute(query, (size,)):
                yield table, index if isinstance(index, int) else None

    def published(self) -> Iterator[tuple[int, str]]:
        for size, note in self._connection.execute("SELECT size, note FROM published ORDER BY size"):
            yield whole(size), text(note)

    def attested(self) -> Iterator[Attested]:
        yield from map(attested, self._connection.execute(ATTESTED))

    def documents(self) -> Iterator[DocumentRow]:
        for row in self._connection.execute("SELECT sha256, idx, body FROM document ORDER BY idx"):
            yield document(row)

    def problems(self) -> Iterator[tuple[int | None, str, str]]:
        kept = dict(self._connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        for statement in SCHEMA.strip().strip(";").split(";"):
            name = statement.split("(")[0].split()[2]
            if kept.get(name, "").split() != statement.split():
                yield None, "schema", f"{name} isn't declared as this version declares it"
        for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            yield None, "schema", f"the trigger {name} changes what is written"

    def by_lookup(self, lookup: bytes) -> list[int]:
        query = "SELECT idx FROM opening WHERE lookup = ? ORDER BY idx"
        return [idx for (idx,) in self._connection.execute(query, (lookup,))]

    def by_kind(self, kind: Kind, start: int, stop: int, *, newest_first: bool, limit: int) -> list[int]:
        # The literal term lets SQLite use the partial index: all but choices are found without a scan.
        rare = "" if kind is Kind.CHOICE else "AND substr(entry, 2, 1) <> x'01'"
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT idx FROM leaf WHERE substr(entry, 2, 1) = ? {rare} "  # noqa: S608
            f"AND idx >= ? AND idx < ? ORDER BY idx {order} LIMIT ?"
        )
        return [idx for (idx,) in self._connection.execute(query, (bytes([kind]), start, stop, limit))]

    def document(self, sha256: str) -> DocumentRow | None:
        query = "SELECT sha256, idx, body FROM document WHERE sha256 = ?"
        row = self._connection.execute(query, (sha256,)).fetchone()
        return document(row) if row else None


class SqliteWriting(_View):
    """One write transaction under the lock (a `store.Writing`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.committed = False

    def last(self, size: int) -> tuple[bytes, int | None] | None:
        query = "SELECT entry, created_ms FROM leaf LEFT JOIN opening USING (idx) WHERE idx = ?"
        row: tuple[bytes, int | None] | None = self._connection.execute(query, (size - 1,)).fetchone()
        return row

    def newest(self, lookup: bytes) -> int:
        query = "SELECT idx FROM opening WHERE lookup = ?"
        return max((index for (index,) in self._connection.execute(query, (lookup,))), default=-1)

    def commit(self, batch: Batch) -> None:
        run, many = self._connection.execute, self._connection.executemany
        self._insert("INSERT INTO leaf VALUES ", "(?, ?)", list(enumerate(batch.entries, batch.start)))
        openings = [(index, *payload) for index, payload in batch.openings]
        self._insert("INSERT INTO opening VALUES ", "(?, ?, ?, ?, ?, ?, ?)", openings)
        many(
            "INSERT INTO tile VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET hashes = excluded.hashes",
            ((level, n, hashes) for (level, n), hashes in batch.tiles.items()),
        )
        many(
            "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            ((row.sha256, row.index, row.body) for row in batch.documents),
        )
        for erasure in batch.erasures:
            gone = ", ".join(_ERASE[segment] for segment in sorted(erasure.segments))
            run(f"UPDATE opening SET {gone} WHERE idx BETWEEN ? AND ?", (erasure.first, erasure.last))  # noqa: S608
        self._swap_head(batch)
        if batch.publish:
            run(PUBLISH, (batch.head.size, batch.head.checkpoint))
        run("COMMIT")
        self.committed = True

    def _insert(self, into: str, row: str, rows: Sequence[tuple[object, ...]]) -> None:
        # Each step of a statement lets go of the interpreter and has to wait for it again, so it takes many.
        many, whole = ", ".join([row] * _ROWS), len(rows) - len(rows) % _ROWS
        for start in range(0, whole, _ROWS):
            self._connection.execute(into + many, tuple(chain.from_iterable(rows[start : start + _ROWS])))
        self._connection.executemany(into + row, rows[whole:])

    def _swap_head(self, batch: Batch) -> None:
        new = (batch.head.size, batch.head.frontier, batch.head.checkpoint)
        if batch.start == 0 and self.head() is None:
            self._connection.execute("INSERT INTO head VALUES (0, ?, ?, ?)", new)
            return
        query = "UPDATE head SET size = ?, frontier = ?, checkpoint = ? WHERE size = ?"
        if self._connection.execute(query, (*new, batch.start)).rowcount != 1:
            raise StoreUnavailable("the log's head isn't where this batch began")
