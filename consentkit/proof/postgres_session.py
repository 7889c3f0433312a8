"""What is read and written within one PostgreSQL transaction of the log."""

from collections.abc import Iterator
from typing import Any

from consentkit.errors import StoreUnavailable
from consentkit.proof.asyncpg_link import Link
from consentkit.proof.entry import Kind, Opening
from consentkit.proof.postgres_tables import DECLARED, UNSAFE, VERSION, altered
from consentkit.proof.store import Attested, Batch, DocumentRow, Head
from consentkit.proof.tiles import tiles_of
from consentkit.proof.values import attested, blob, document, opening, text, whole

_CHUNK = 1024  # rows in memory at once
_OPENING = ("idx", "created_ms", "lookup", "salt1", "stmt", "salt2", "subj")
_ERASED = {"stmt": ("salt1", "stmt"), "subj": ("lookup", "salt2", "subj")}
HEAD = "SELECT size, frontier, checkpoint FROM head WHERE id = 0"
LOCKED_HEAD = f"SELECT size, frontier, checkpoint, {UNSAFE}, ({VERSION}) FROM head WHERE id = 0 FOR UPDATE"  # noqa: S608

FROZEN = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE relation = $1::text::regclass AND granted AND pid <> pg_backend_pid()
        AND state = 'active' AND wait_event = 'ClientRead'
        AND query_start < clock_timestamp() - $2 * interval '1 ms'"""
"""Hang up on who holds the head of a log ($1) and for so many milliseconds ($2) hasn't gone on with its COPY.

No timeout of the server's does that: it counts as active, and reads of a COPY can't be cancelled."""


ATTESTED = """SELECT size, note, cosignatures, tsr FROM published
              WHERE cosignatures IS NOT NULL OR tsr IS NOT NULL ORDER BY size DESC"""
PUBLISH = "INSERT INTO published(size, note) VALUES ($1, $2) ON CONFLICT DO NOTHING"
ATTEST = """UPDATE published SET cosignatures = nullif(coalesce(cosignatures, '') || $1, ''),
            tsr = coalesce($2, tsr) WHERE size = $3"""


def head_of(row: Any) -> Head | None:
    """Return a row of `HEAD`, or None for none."""
    return Head(whole(row[0]), blob(row[1]), text(row[2])) if row else None


class PostgresReading:
    """One snapshot (a `store.Reading`)."""

    def __init__(self, link: Link, schema: str) -> None:
        self._link = link
        self._schema = schema
        self._scans = 0

    def _fetch(self, query: str, *values: object) -> list[Any]:
        return list(self._link.run(self._link.raw.fetch(query, *values)))

    def _scan(self, query: str) -> Iterator[Any]:
        # A cursor of the transaction, not of the session: it may pass through a pooler.
        self._scans += 1
        name = f"scan{self._scans}"
        self._link.run(self._link.raw.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {query}"))
        while rows := self._fetch(f"FETCH FORWARD {_CHUNK} FROM {name}"):
            yield from rows
        self._link.run(self._link.raw.execute(f"CLOSE {name}"))

    def _range(self, select: str, start: int, stop: int) -> Iterator[Any]:
        query = f"{select} WHERE idx >= {start:d} AND idx < {stop:d} ORDER BY idx"
        yield from self._fetch(query) if stop - start <= _CHUNK else self._scan(query)

    def head(self) -> Head | None:
        return next(map(head_of, self._fetch(HEAD)), None)

    def tile(self, level: int, n: int) -> bytes:
        rows = self._fetch("SELECT hashes FROM tile WHERE level = $1 AND n = $2", level, n)
        return blob(rows[0][0]) if rows else b""

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for index, entry in self._range("SELECT idx, entry FROM leaf", start, stop):
            yield index, blob(entry)

    def openings(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
        select = f"SELECT {', '.join(_OPENING)} FROM opening"  # noqa: S608
        yield from map(opening, self._range(select, start, stop))

    def tile_ids(self) -> Iterator[tuple[int, int]]:
        for level, n in self._scan("SELECT level, n FROM tile ORDER BY level, n"):
            yield whole(level), whole(n)

    def rows(self) -> int:
        query = """SELECT count(*) FROM leaf
                   UNION ALL SELECT coalesce(sum(length(hashes)), 0)::bigint / 32 FROM tile WHERE level = 0"""
        return int(max(count for (count,) in self._fetch(query)))

    def strays(self, size: int) -> Iterator[tuple[str, int | None]]:
        outside = f"idx < 0 OR idx >= {size:d} OR idx IS NULL ORDER BY idx"
        for table in ("leaf", "opening"):
            for (index,) in self._scan(f"SELECT idx FROM {table} WHERE {outside}"):  # noqa: S608
                yield table, index if isinstance(index, int) else None

    def published(self) -> Iterator[tuple[int, str]]:
        for size, note in self._scan("SELECT size, note FROM published ORDER BY size"):
            yield whole(size), text(note)

    def attested(self) -> Iterator[Attested]:
        yield from map(attested, self._scan(ATTESTED))

    def documents(self) -> Iterator[DocumentRow]:
        yield from map(document, self._scan("SELECT sha256, idx, body FROM document ORDER BY idx"))

    def problems(self) -> Iterator[tuple[int | None, str, str]]:
        for problem in altered(self._schema, self._fetch(DECLARED, self._schema)):
            yield None, "schema", problem

    def by_lookup(self, lookup: bytes) -> list[int]:
        return [
            idx for (idx,) in self._fetch("SELECT idx FROM opening WHERE lookup = $1 ORDER BY idx", lookup)
        ]

    def by_kind(self, kind: Kind, start: int, stop: int, *, newest_first: bool, limit: int) -> list[int]:
        # The literal term lets PostgreSQL use the partial index: all but choices are found without a scan.
        rare = "" if kind is Kind.CHOICE else r"AND substr(entry, 2, 1) <> '\x01'"
        query = (
            f"SELECT idx FROM leaf WHERE substr(entry, 2, 1) = $1 {rare} AND idx >= $2 AND idx < $3 "  # noqa: S608
            f"ORDER BY idx {'DESC' if newest_first else 'ASC'} LIMIT $4"
        )
        return [
            idx for (idx,) in self._fetch(query, bytes([kind]), start, stop, None if limit < 0 else limit)
        ]

    def document(self, sha256: str) -> DocumentRow | None:
        rows = self._fetch("SELECT sha256, idx, body FROM document WHERE sha256 = $1", sha256)
        return document(rows[0]) if rows else None


class PostgresWriting:
    """One write transaction that holds the head's row (a `store.Writing`)."""

    def __init__(self, link: Link, head: Head | None) -> None:
        self._link = link
        self._head = head
        self._edge: dict[tuple[int, int], bytes] | None = None
        self.committed = False

    def head(self) -> Head | None:
        return self._head

    def tile(self, level: int, n: int) -> bytes:
        if self._edge is None:
            self._edge = self._tiles(_edge(self._head.size if self._head else 0))
        if (level, n) not in self._edge:
            self._edge |= self._tiles([(level, n)])
        return self._edge.get((level, n), b"")

    def _tiles(self, ids: list[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        # All in one question: the others wait for the head's row meanwhile.
        wanted = ", ".join(f"({level:d}, {n:d})" for level, n in ids)
        if not wanted:
            return {}
        query = f"SELECT level, n, hashes FROM tile WHERE (level, n) IN ({wanted})"  # noqa: S608
        return {(level, n): blob(hashes) for level, n, hashes in self._link.run(self._link.raw.fetch(query))}

    def last(self, size: int) -> tuple[bytes, int | None] | None:
        query = "SELECT entry, created_ms FROM leaf LEFT JOIN opening USING (idx) WHERE idx = $1"
        row = self._link.run(self._link.raw.fetchrow(query, size - 1))
        return (row[0], row[1]) if row else None

    def newest(self, lookup: bytes) -> int:
        rows = self._link.run(self._link.raw.fetch("SELECT idx FROM opening WHERE lookup = $1", lookup))
        return max((whole(index) for (index,) in rows), default=-1)

    def commit(self, batch: Batch) -> None:
        self._link.run(self._write(batch))
        self.committed = True

    async def _write(self, batch: Batch) -> None:
        raw = self._link.raw
        # The row is locked, so nobody moves it between this comparison and the swap (I3).
        if batch.start != (self._head.size if self._head else 0):
            raise StoreUnavailable("the log's head isn't where this batch began")
        if batch.entries:
            leaves = enumerate(batch.entries, batch.start)
            await raw.copy_records_to_table("leaf", columns=("idx", "entry"), records=leaves)
        if batch.openings:
            openings = (
                (i, o.created_ms, o.lookup, o.salt1, o.stmt, o.salt2, o.subj) for i, o in batch.openings
            )
            await raw.copy_records_to_table("opening", columns=_OPENING, records=openings)
        self._link.warnings.clear()
        if await self._finish(batch) != "COMMIT":
            raise StoreUnavailable("the batch was rolled back")
        if self._link.warnings:  # such as that an administrator ended the wait for a standby
            raise StoreUnavailable(f"the batch may be lost: {self._link.warnings[0]}")

    async def _finish(self, batch: Batch) -> str:
        # Everybody waits for the head's row, so all of this is one message; an error in it ends it all.
        return str(await self._link.raw.execute(";".join([*_changes(batch, self._head), "COMMIT"])))


def _changes(batch: Batch, head: Head | None) -> Iterator[str]:
    """Yield the statements that follow a batch's entries and payloads."""
    for (level, n), hashes in batch.tiles.items():
        replace = "ON CONFLICT (level, n) DO UPDATE SET hashes = excluded.hashes"
        yield f"INSERT INTO tile VALUES ({level:d}, {n:d}, {_bytes(hashes)}) {replace}"  # noqa: S608
    for row in batch.documents:
        replace = "ON CONFLICT (sha256) DO UPDATE SET body = excluded.body"
        values = f"{_string(row.sha256)}, {row.index:d}, {_bytes(row.body)}"
        yield f"INSERT INTO document VALUES ({values}) {replace}"  # noqa: S608
    for erasure in batch.erasures:
        gone = ", ".join(f"{column} = NULL" for name in erasure.segments for column in _ERASED[name])
        where = f"idx BETWEEN {erasure.first:d} AND {erasure.last:d}"
        yield f"UPDATE opening SET {gone} WHERE {where}"  # noqa: S608
    size, note = f"{batch.head.size:d}", _string(batch.head.checkpoint)
    frontier = _bytes(batch.head.frontier or b"")
    if head is None and batch.start == 0:
        yield f"INSERT INTO head VALUES (0, {size}, {frontier}, {note})"  # noqa: S608
    else:
        new = f"size = {size}, frontier = {frontier}, checkpoint = {note}"
        yield f"UPDATE head SET {new} WHERE size = {batch.start:d}"  # noqa: S608
    yield f"SELECT 1 / count(*) FROM head WHERE size = {size}"  # noqa: S608 - fails unless it was swapped
    if batch.publish:
        yield f"INSERT INTO published(size, note) VALUES ({size}, {note}) ON CONFLICT DO NOTHING"  # noqa: S608


def _bytes(data: bytes) -> str:
    return f"decode('{data.hex()}', 'hex')"


def _string(value: str) -> str:
    return f"convert_from({_bytes(value.encode())}, 'UTF8')"


def _edge(size: int) -> list[tuple[int, int]]:
    """Return which tiles make the right edge of a tree: the last of each level."""
    return list({level: (level, n) for level, n, _ in tiles_of(size)}.values())
