"""The stores that a log can be in, so that one test runs over both.

A folder is where a log of the tests lives: its keys, and either the SQLite file or a note of the URL that its
database has in the PostgreSQL of this run.
"""

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from cluster import Cluster, Session

from consentkit.proof.keys import Keys

TABLES = ("leaf", "opening", "tile", "head", "published", "document")


def store_url(folder: Path) -> str:
    """Return the URL of the log in `folder`."""
    note = folder / "store"
    return note.read_text() if note.exists() else f"sqlite:///{folder / 'log.db'}"


def place_in_postgres(folder: Path, cluster: Cluster, origin: str) -> None:
    """Let the log of `folder` be in a new schema; its keys are made beforehand, as they have to be."""
    (folder / "store").write_text(cluster.url())
    Keys.open(folder / "keys", origin, create=True)


def copied_log(source: Path, target: Path, cluster: Cluster | None) -> Path:
    """Copy a log with its keys; with `cluster` into a schema of its own."""
    shutil.copytree(source, target)
    if cluster:
        from consentkit.proof.stores import open_store

        (target / "store").write_text(cluster.url())
        new = open_store(store_url(target), target / "keys", 5)
        new.create()
        new.close()
        session, old = Session(store_url(target)), store_url(source).rpartition("schema=")[2]
        session.run(";".join(f"INSERT INTO {table} SELECT * FROM {old}.{table}" for table in TABLES))
        session.close()
    return target


class Database(Protocol):
    """What the tests use of sqlite3.Connection."""

    def execute(self, query: str, values: Sequence[Any] = (), /) -> Any: ...


class _Result:
    def __init__(self, rows: list[tuple[Any, ...]], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self._rows)


DIALECT: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\bx'([0-9a-f]*)'", r"'\\x\1'::bytea"),
    (r"zeroblob\((\w+|\w+\(\w+\))\)", r"decode(repeat('00', \1), 'hex')"),
    (r"randomblob\(16\)", "substr(sha256(random()::text::bytea), 1, 16)"),
    (r"AS BLOB\b", "AS bytea"),
    (r"VALUES \(NULL\), \('x'\), \(2\.5\)", "VALUES (NULL)"),
    (r"SELECT (\d+), entry", r"SELECT \1::bigint, entry"),
    (
        r"CREATE TRIGGER t (AFTER INSERT ON leaf) BEGIN (.*); END",
        r"""CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \2; RETURN NULL; END';
            CREATE TRIGGER t \1 FOR EACH ROW EXECUTE FUNCTION f()""",
    ),
)


class Postgres:
    """SQL as SQLite understands it, run on PostgreSQL."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def execute(self, query: str, values: Sequence[Any] = ()) -> _Result:
        for pattern, replacement in DIALECT:
            query = re.sub(pattern, replacement, query)
        for number in range(1, len(values) + 1):
            query = query.replace("?", f"${number}", 1)
        if query.startswith("SELECT"):
            rows = self._session.fetch(query, *values)
            return _Result(rows, len(rows))
        if values:
            rows = self._session.fetch(f"{query} RETURNING 1", *values)
            return _Result([], len(rows))
        status = self._session.run(query).split()[-1]
        return _Result([], int(status) if status.isdigit() else -1)


@contextmanager
def database(folder: Path) -> Iterator[Database]:
    """Yield the log's database, for hands that aren't ours; what they did is committed at the end."""
    if store_url(folder).startswith("postgresql:"):
        session = Session(store_url(folder))
        try:
            yield Postgres(session)
        finally:
            session.close()
        return
    connection = sqlite3.connect(folder / "log.db")
    try:
        with connection:
            yield connection
    finally:
        connection.close()
