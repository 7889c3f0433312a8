"""The tally's table, in the PostgreSQL schema of the log but no part of the log: nothing proves it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import get_args

from consentkit.proof.address import PostgresAddress
from consentkit.proof.asyncpg_link import Link, unavailable
from consentkit.proof.postgres_tables import THERE, lock_key
from consentkit.tally import Kind, Name, Row, bounded

TIMEOUT = 2.0
"""Seconds to wait for other processes; nobody but the tally's own thread waits, or a server that stops."""
_STEP_SECONDS = 10.0
_TABLE = """CREATE TABLE tally(
    day date NOT NULL, version text NOT NULL, name text NOT NULL, kind text NOT NULL, count bigint NOT NULL,
    PRIMARY KEY (day, version, name, kind))"""
_ADD = """INSERT INTO tally AS kept VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (day, version, name, kind) DO UPDATE SET count = kept.count + excluded.count"""


class PostgresTally:
    """A `TallyStore` beside the log at `address`; a connection per use."""

    def __init__(self, address: PostgresAddress, timeout: float = TIMEOUT) -> None:
        self._address = address
        self._timeout = timeout

    def add(self, rows: Iterable[Row], keep_from: date) -> None:
        """Add to the counts, all or none; delete days before `keep_from`. Raises StoreUnavailable."""
        with self._transaction("READ COMMITTED") as link:
            run, raw = link.run, link.raw
            # A few seconds of counts may go with the power. One process adds at a time, or names would be
            # too many and rows deadlock.
            run(raw.execute("SET LOCAL synchronous_commit = off"))
            run(raw.execute("SELECT pg_advisory_xact_lock($1)", lock_key(f"{self._address.schema}.tally")))
            if not run(raw.fetchval(THERE, self._address.schema, "tally")):
                run(raw.execute(_TABLE))

            def names(day: date) -> set[Name]:
                found = run(raw.fetch("SELECT DISTINCT kind, name FROM tally WHERE day = $1", day))
                return {(kind, name) for kind, name in found}

            added = [(row.day, row.version, row.name, row.kind, row.count) for row in bounded(rows, names)]
            run(raw.executemany(_ADD, added))
            run(raw.execute("DELETE FROM tally WHERE day < $1", keep_from))

    def read(self, since: date | None) -> list[Row]:
        """Return the rows of `since` and later, or all, in the order of days. Raises StoreUnavailable."""
        with self._transaction("READ COMMITTED READ ONLY") as link:
            if not link.run(link.raw.fetchval(THERE, self._address.schema, "tally")):
                return []
            query = "SELECT day, version, kind, name, count FROM tally WHERE day >= $1 ORDER BY day, name"
            found = link.run(link.raw.fetch(query, since or date.min))
            return [Row(*values) for values in found if values["kind"] in get_args(Kind)]

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[Link]:
        with unavailable("the table of what was seen"):
            link = Link(self._address, self._timeout + _STEP_SECONDS)
            with link.transaction(mode, self._timeout, "COMMIT"):
                yield link
            link.close()
