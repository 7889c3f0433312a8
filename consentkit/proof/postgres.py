"""The PostgreSQL store: several machines append in turns, whoever holds the head's row (prooflog §3.5).

Nothing here belongs to a session, only to a transaction: locks, settings, cursors, unnamed statements. So a
pooler such as pgbouncer may stand between, in transaction pooling too.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from consentkit.errors import ConfigurationError
from consentkit.proof import postgres_tables
from consentkit.proof.address import PostgresAddress
from consentkit.proof.asyncpg_link import Link, unavailable
from consentkit.proof.forked import anew
from consentkit.proof.listing import head_of as of_log
from consentkit.proof.migration import missing, refuse_another
from consentkit.proof.postgres_session import (
    ATTEST,
    FROZEN,
    LOCKED_HEAD,
    PUBLISH,
    PostgresReading,
    PostgresWriting,
    head_of,
)
from consentkit.proof.postgres_tables import THERE, UNSAFE, VERSION, creation, lock_key
from consentkit.proof.store import Head
from consentkit.proof.turns import turn

logger = logging.getLogger("consentkit.proof")

_READ, _WRITE = "REPEATABLE READ READ ONLY", "READ COMMITTED"
_IDLE_READERS = 2
_READ_SECONDS = 60.0
_SCRUB_SECONDS = 3600.0
_WRITE_SECONDS = 10.0
"""Beyond what waiting for the lock may take: how long one step of a batch may last."""
_FROZEN_MS = 10_000
"""A writer that stops within its batch loses the head's row to the others after so long."""
_LOCK_NOT_AVAILABLE = "55P03"


class PostgresStore:
    """A log in one schema of a PostgreSQL database (a `store.Store`); safe over threads, processes, machines.

    Machines take turns by the head's row. The processes of one machine share a guard as well, which follows
    the commit, so before that they take turns by the lock of a file, `turns`. `timeout` is in seconds: how
    long to wait for another writer before giving up with StoreUnavailable.
    """

    local = False

    def __init__(self, address: PostgresAddress, turns: Path, timeout: float = 5.0) -> None:
        self._address = address
        self._turns = turns
        self._timeout = timeout
        self._reset()
        anew(self._reset)

    def _reset(self) -> None:
        self._writer: Link | None = None
        self._writer_lock = threading.Lock()
        self._idle: list[Link] = []

    def exists(self) -> bool:
        """True when the tables are there; ConfigurationError when a newer consentkit made them."""
        schema = self._address.schema
        with self._transaction() as link:
            if link.run(link.raw.fetchval(THERE, schema, "version")):
                missing(link.run(link.raw.fetchval(VERSION)), postgres_tables.MIGRATIONS)
            return bool(link.run(link.raw.fetchval(THERE, schema, "head")))

    def create(self) -> None:
        """Make the tables, and their schema, unless they exist.

        ConfigurationError when they are another version's, or when the server's settings make a committed
        record less than durable.
        """
        with unavailable("the consent log"), self._writer_lock:
            link = self._connected()
            try:
                link.run(self._create(link))
            except BaseException:
                self._drop_writer()
                raise

    async def _create(self, link: Link) -> None:
        raw, schema = link.raw, self._address.schema
        await raw.execute(link.beginning(_WRITE, self._timeout))
        _refuse(await raw.fetchval(f"SELECT {UNSAFE}"))
        if not await raw.fetchval(THERE, schema, "head"):
            await raw.execute("SELECT pg_advisory_xact_lock($1)", lock_key(schema))
            if not await raw.fetchval(THERE, schema, "head"):
                if not await raw.fetchval(
                    "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema
                ):
                    await raw.execute(f'CREATE SCHEMA "{schema}"')
                await raw.execute(creation())
        if missing(await raw.fetchval(VERSION), postgres_tables.MIGRATIONS):
            await _migrate(raw)
        await raw.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[PostgresWriting]:
        """The exclusive right to append. Uncommitted is rolled back; an error drops the connection (I5)."""
        with unavailable("the consent log"), self._writer_lock, turn(self._turns, self._timeout):
            link = self._connected()
            try:
                session = link.run(self._begin(link))
                yield session
                if not session.committed:
                    link.run(link.raw.execute("ROLLBACK"))
            except BaseException:
                self._drop_writer()
                raise

    async def _begin(self, link: Link) -> PostgresWriting:
        raw = link.raw
        frozen = f"SET LOCAL idle_in_transaction_session_timeout = {_FROZEN_MS}"
        await raw.execute(f"{link.beginning(_WRITE, self._timeout)};{frozen}")
        try:
            row = await raw.fetchrow(LOCKED_HEAD)
        except Exception as error:
            if getattr(error, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                await raw.execute("ROLLBACK")
                await raw.fetch(FROZEN, f'"{self._address.schema}".head', _FROZEN_MS)
            raise
        if row is None:  # no row to lock: those who begin the log wait for each other here
            await raw.execute("SELECT pg_advisory_xact_lock($1)", lock_key(self._address.schema))
            row = await raw.fetchrow(LOCKED_HEAD)
        _refuse(row[3] if row else await raw.fetchval(f"SELECT {UNSAFE}"))
        if row:
            refuse_another(row[4], postgres_tables.MIGRATIONS)  # a newer machine may have been here
        return PostgresWriting(link, head_of(row))

    @contextmanager
    def reading(self) -> Iterator[PostgresReading]:
        """One unchanging view of the log."""
        with self._transaction() as link:
            if not link.looked:
                refuse_another(link.run(link.raw.fetchval(VERSION)), postgres_tables.MIGRATIONS)
                link.looked = True
            yield PostgresReading(link, self._address.schema)

    def publish(self) -> tuple[Head, bool]:
        """List the newest checkpoint as published; returns the head it is of, and whether that was new."""
        with self._transaction(_WRITE, "COMMIT") as link:
            head = of_log(PostgresReading(link, self._address.schema))
            done = link.run(link.raw.execute(PUBLISH, head.size, head.checkpoint))
            return head, str(done) != "INSERT 0 0"

    def attest(self, size: int, *, cosignatures: str = "", token: bytes | None = None) -> None:
        """Keep beside the checkpoint published at `size` what was got: lines are added, a token replaced."""
        with self._transaction(_WRITE, "COMMIT") as link:
            link.run(link.raw.execute(ATTEST, cosignatures, token, size))

    @contextmanager
    def _transaction(self, mode: str = _READ, end: str = "ROLLBACK") -> Iterator[Link]:
        with unavailable("the consent log"):
            link = self._borrow()
            with link.transaction(mode, self._timeout, end):
                yield link
            if len(self._idle) < _IDLE_READERS:
                self._idle.append(link)
            else:
                link.close()

    def scrub(self) -> None:
        """Write the table of payloads anew, without what was erased; appending waits meanwhile.

        VACUUM would leave the bytes in the gaps between rows. The server's write-ahead log and its archives
        are its administrator's to end.
        """
        with unavailable("the consent log"):
            link = Link(self._address, _SCRUB_SECONDS)
            try:
                begin = link.beginning(_WRITE, self._timeout)
                link.run(link.raw.execute(f"{begin}; CLUSTER opening USING opening_pkey; COMMIT"))
            finally:
                link.close()

    def close(self) -> None:
        """Give up all connections."""
        while self._idle:
            self._idle.pop().close()
        with self._writer_lock:
            if self._writer is not None:
                self._writer.close()
            self._writer = None

    def _borrow(self) -> Link:
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                return Link(self._address, _READ_SECONDS)
            if not link.stale:
                return link
            link.drop()

    def _connected(self) -> Link:
        if self._writer is not None and self._writer.stale:
            self._drop_writer()
        if self._writer is None:
            self._writer = Link(self._address, self._timeout + _WRITE_SECONDS)
        return self._writer

    def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.drop()
        self._writer = None


async def _migrate(raw: Any) -> None:
    # Whoever would write, or do the same, waits, and then sees the tables as they will be.
    await raw.execute("LOCK TABLE head IN ACCESS EXCLUSIVE MODE")
    steps = missing(await raw.fetchval(VERSION), postgres_tables.MIGRATIONS)
    if steps:
        version = 1 + len(postgres_tables.MIGRATIONS)
        await raw.execute(";".join([*steps, f"UPDATE version SET version = {version}"]))  # noqa: S608
        logger.warning("the log's tables are brought up to version %d", version)


def _refuse(unsafe: str | None) -> None:
    if unsafe:
        raise ConfigurationError(f"PostgreSQL can't promise that a record lasts: {unsafe}")
