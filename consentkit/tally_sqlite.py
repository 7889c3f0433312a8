"""The tally's table, in the database file of the log but no part of the log: nothing proves it."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import get_args

from consentkit.errors import StoreUnavailable
from consentkit.proof.turns import turn
from consentkit.tally import Kind, Name, Row, bounded

TIMEOUT = 2.0
"""Seconds to wait for other processes; nobody but the tally's own thread waits, or a server that stops."""
_TABLE = """CREATE TABLE IF NOT EXISTS tally(
    day TEXT NOT NULL, version TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (day, version, name, kind)) STRICT, WITHOUT ROWID"""
_ADD = """INSERT INTO tally VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count"""


class SqliteTally:
    """A `TallyStore` in the SQLite file at `path`, which the log has made; a connection per use."""

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self.path = path
        self._timeout = timeout

    def add(self, rows: Iterable[Row], keep_from: date) -> None:
        """Add to the counts, all or none; delete days before `keep_from`. Raises StoreUnavailable."""
        with _unavailable(), self._locked(), closing(self._connect("rw")) as connection:
            run = connection.execute
            run("PRAGMA wal_autocheckpoint=0")  # the log's writer does that, under its lock
            run("PRAGMA synchronous=1")  # a few seconds of counts may go with the power
            run("BEGIN IMMEDIATE")
            run(_TABLE)

            def names(day: date) -> set[Name]:
                return set(run("SELECT DISTINCT kind, name FROM tally WHERE day = ?", (day.isoformat(),)))

            for row in bounded(rows, names):
                run(_ADD, (row.day.isoformat(), row.version, row.name, row.kind, row.count))
            run("DELETE FROM tally WHERE day < ?", (keep_from.isoformat(),))
            run("COMMIT")

    def read(self, since: date | None) -> list[Row]:
        """Return the rows of `since` and later, or all, in the order of days; none without a file.

        Raises StoreUnavailable.
        """
        if not self.path.exists():
            return []
        with _unavailable(), closing(self._connect("ro")) as connection:
            kept = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'tally'"
            if connection.execute(kept).fetchone() == (0,):
                return []
            query = "SELECT day, version, kind, name, count FROM tally WHERE day >= ? ORDER BY day, name"
            found = connection.execute(query, (since.isoformat() if since else "",))
            return [
                Row(date.fromisoformat(day), version, kind, name, int(count))
                for day, version, kind, name, count in found
                if kind in get_args(Kind)
            ]

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=self._timeout, isolation_level=None)
        connection.execute("PRAGMA trusted_schema=0")
        return connection

    def _locked(self) -> AbstractContextManager[None]:
        # The log's own lock: no two connections may reset a WAL at once, and closing the last one does.
        return turn(self.path.with_name(self.path.name + ".lock"), self._timeout)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, ValueError, TypeError) as error:
        raise StoreUnavailable("the table of what was seen can't be used now") from error
