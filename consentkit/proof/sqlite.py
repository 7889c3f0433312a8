"""The SQLite store: one file, WAL, several worker processes taking turns under a lock (prooflog §3.4)."""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from consentkit.errors import StoreUnavailable
from consentkit.proof import tables
from consentkit.proof.durable import sync, sync_folder
from consentkit.proof.forked import anew
from consentkit.proof.listing import head_of
from consentkit.proof.migration import missing, refuse_another
from consentkit.proof.store import Head
from consentkit.proof.tables import PUBLISH, SqliteReading, SqliteWriting
from consentkit.proof.turns import turn

logger = logging.getLogger("consentkit.proof")

_WRITER_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "fullfsync": 1, "secure_delete": 1,
                   "trusted_schema": 0, "wal_autocheckpoint": 1000, "mmap_size": 0,
                   "cache_size": -(16 << 10)}  # fmt: skip
"""The cache, in KiB, is room for the pages of a whole batch: what doesn't fit is written twice.

The commit after which the write-ahead file holds so many pages folds them into the file. So that happens
under our own lock only: SQLite up to 3.51.2 can corrupt a WAL that two connections reset at once."""
_IDLE_READERS = 8

# Connections inherited over a fork must be neither used nor closed, so they are kept here, out of reach.
_abandoned: list[object] = []


class SqliteStore:
    """A log in one SQLite file (a `store.Store`); safe over threads, processes and forks.

    `timeout` is in seconds: how long to wait for another process before giving up with StoreUnavailable.
    """

    local = True

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        self.path = path
        self._timeout = timeout
        self._wal = path.with_name(path.name + "-wal")
        self._lock_path = path.with_name(path.name + ".lock")
        self._reset()
        anew(self._after_fork)

    def _reset(self) -> None:
        self._writer: sqlite3.Connection | None = None
        self._writer_files: tuple[object, object] | None = None
        self._writer_lock = threading.Lock()
        self._idle: list[tuple[sqlite3.Connection, object]] = []

    def _after_fork(self) -> None:
        _abandoned.extend([self._writer, self._idle])
        self._reset()

    def exists(self) -> bool:
        """True when there is a file that isn't empty."""
        with _unavailable():
            return self.path.is_file() and self.path.stat().st_size > 0

    def create(self) -> None:
        """Make the file, tables and all; where it exists, bring the tables of an older version up to date.

        ConfigurationError when a newer consentkit made them.
        """
        with _unavailable(), self._locked():
            if self.exists():
                self._migrate()
                return
            # Made aside and renamed, so that nobody ever opens a database that lacks its tables.
            aside = self.path.with_name(self.path.name + ".new")
            aside.unlink(missing_ok=True)
            os.close(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            connection = _connect(aside, "rw", self._timeout)
            try:
                _prepare(connection)
                version = 1 + len(tables.MIGRATIONS)
                connection.executescript(f"BEGIN;{tables.SCHEMA}PRAGMA user_version={version};COMMIT")
            finally:
                connection.close()
            aside.replace(self.path)
            sync_folder(self.path.parent)

    def _migrate(self) -> None:
        with closing(_connect(self.path, "rw", self._timeout)) as connection:
            if not missing(_version(connection), tables.MIGRATIONS):
                return
            _prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            steps = missing(_version(connection), tables.MIGRATIONS)
            for statement in ";".join(steps).split(";"):  # executescript would commit first
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={1 + len(tables.MIGRATIONS)}")
            connection.execute("COMMIT")
        logger.warning("the log's tables are brought up to version %d", 1 + len(tables.MIGRATIONS))

    @contextmanager
    def writing(self) -> Iterator[SqliteWriting]:
        """The exclusive right to append. Uncommitted is rolled back; an error drops the connection (I5)."""
        with self._exclusive() as connection:
            connection.execute("BEGIN IMMEDIATE")
            refuse_another(_version(connection), tables.MIGRATIONS)  # a newer worker may have been here
            session = SqliteWriting(connection)
            yield session
            if not session.committed:
                connection.execute("ROLLBACK")
            elif self._files() != self._writer_files:
                raise StoreUnavailable("the database file was replaced while it was written to")

    @contextmanager
    def _exclusive(self) -> Iterator[sqlite3.Connection]:
        with _unavailable(), self._writer_lock, self._locked():
            try:
                yield self._writer_connection()
            except BaseException:
                self._drop_writer()
                raise

    @contextmanager
    def reading(self) -> Iterator[SqliteReading]:
        """One unchanging view of the log."""
        with _unavailable():
            connection, identity = self._borrow()
            try:
                connection.execute("BEGIN")
                yield SqliteReading(connection)
                connection.execute("ROLLBACK")
            except BaseException:
                connection.close()
                raise
            if len(self._idle) < _IDLE_READERS:
                self._idle.append((connection, identity))
            else:
                connection.close()

    def publish(self) -> tuple[Head, bool]:
        """List the newest checkpoint as published; returns the head it is of, and whether that was new."""
        with self._exclusive() as connection:
            head = head_of(SqliteReading(connection))
            return head, connection.execute(PUBLISH, (head.size, head.checkpoint)).rowcount > 0

    def attest(self, size: int, *, cosignatures: str = "", token: bytes | None = None) -> None:
        """Keep beside the checkpoint published at `size` what was got: lines are added, a token replaced."""
        lines = "cosignatures = nullif(ifnull(cosignatures, '') || ?, '')"
        query = f"UPDATE published SET {lines}, tsr = ifnull(?, tsr) WHERE size = ?"  # noqa: S608
        with self._exclusive() as connection:
            connection.execute(query, (cosignatures, token, size))

    def scrub(self) -> None:
        """Clear index and WAL of what was erased as well; StoreUnavailable while somebody reads that."""
        with self._exclusive() as connection:
            # An index's rows move as it grows, and what moves leaves copies. Built anew it has none of what
            # is gone: secure_delete clears the pages that it gives up.
            connection.execute("REINDEX opening_lookup")
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise StoreUnavailable("erased, but a reader holds on to the old pages: erase again later")
            # SQLite doesn't sync that: after a power loss the WAL would be as long as it was. (No lock is on
            # it that closing it could give up.)
            sync(self._wal)

    def close(self) -> None:
        """Give up all connections; the last process to do so also folds the WAL into the file."""
        while self._idle:
            self._idle.pop()[0].close()
        if self._writer is not None:
            with self._writer_lock, suppress(OSError, StoreUnavailable), self._locked():
                self._drop_writer()

    def _borrow(self) -> tuple[sqlite3.Connection, object]:
        identity = _identity(self.path)
        with suppress(IndexError):
            while True:
                connection, seen = self._idle.pop()
                if seen == identity:
                    return connection, seen
                connection.close()
        connection = _connect(self.path, "ro", self._timeout)
        try:
            refuse_another(_version(connection), tables.MIGRATIONS)
        except BaseException:
            connection.close()
            raise
        return connection, identity

    def _writer_connection(self) -> sqlite3.Connection:
        if self._writer is not None and self._files() != self._writer_files:
            self._drop_writer()
        if self._writer is None:
            connection = _connect(self.path, "rw", self._timeout)
            try:
                _prepare(connection)
                connection.execute("SELECT size FROM head").fetchone()
            except BaseException:
                connection.close()
                raise
            self._writer, self._writer_files = connection, self._files()
        return self._writer

    def _files(self) -> tuple[object, object]:
        # A writer whose file was moved away would go on committing into nowhere.
        return _identity(self.path), _identity(self._wal)

    def _drop_writer(self) -> None:
        if self._writer is not None:
            with suppress(sqlite3.Error):
                self._writer.close()
        self._writer = self._writer_files = None

    def _locked(self) -> AbstractContextManager[None]:
        return turn(self._lock_path, self._timeout)


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        # What went wrong names paths and tables; visitors get to see the message.
        logger.error("the log's database can't be used: %s", error)
        raise StoreUnavailable("the consent log can't be used now") from error


def _connect(path: Path, mode: str, timeout: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema=0")
    return connection


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _prepare(connection: sqlite3.Connection) -> None:
    for name, value in _WRITER_PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}").fetchone()
        if name in ("journal_mode", "synchronous"):
            (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
            if actual != value:
                raise StoreUnavailable(f"the database runs with {name}={actual}, durability needs {value}")
