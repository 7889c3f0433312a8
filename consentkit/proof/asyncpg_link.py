"""asyncpg for code that waits: connections that one event loop, on a thread of its own, looks after.

The log's writer and its readers are plain code on many threads, some of which run a loop themselves and can
run no second one. The loop here is always awake, so that a connection knows that its server has gone before
anybody uses it. One loop serves a process; a forked one gets its own.
"""

import asyncio
import atexit
import logging
import os
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from weakref import WeakSet

import asyncpg

from consentkit.errors import ConfigurationError, StoreUnavailable
from consentkit.proof.address import PostgresAddress

logger = logging.getLogger("consentkit.proof")

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0
"""What lay idle for longer isn't used again: firewalls forget connections without a word."""
_CLOSE_SECONDS = 2.0

T = TypeVar("T")


class _Loop:
    """The event loop of this process and its thread, started by the first who waits."""

    def __init__(self) -> None:
        self.links: WeakSet[Link] = WeakSet()
        self._abandoned: list[object] = []
        self._reset()
        atexit.register(self._stop)
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # What a fork inherited must be neither used nor closed nor collected, for collecting closes: the
        # parent's connections would end. So it is kept here, out of reach.
        self._abandoned += [getattr(self, "_loop", None), *self.links]
        self.links.clear()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                loop = self._loop = asyncio.SelectorEventLoop()
                self._thread = threading.Thread(target=loop.run_forever, name="consentkit-pg", daemon=True)
                self._thread.start()
            return self._loop

    def _stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_SECONDS)
            if not self._loop.is_running():
                self._loop.close()


_loop = _Loop()


def _wait(coroutine: Coroutine[Any, Any, T], seconds: float) -> T:
    future = asyncio.run_coroutine_threadsafe(coroutine, _loop.get())
    try:
        return future.result(seconds)
    except BaseException:
        future.cancel()
        raise


class Link:
    """One connection. `raw` is asyncpg's, for coroutines that `run` waits for."""

    def __init__(self, address: PostgresAddress, patience: float) -> None:
        """Connect; what takes longer than `patience` seconds later on is given up."""
        self._schema = address.schema
        self._patience = patience
        self._used = time.monotonic()
        self.looked = False
        """Whether the tables at its other end were found to be this version's."""
        # No statement is kept by name and no setting outlives its transaction: behind a pooler such as
        # pgbouncer each transaction may meet another server process.
        settings = {"application_name": "consentkit"}
        connecting = asyncpg.connect(
            address.url, timeout=CONNECT_SECONDS, statement_cache_size=0, server_settings=settings
        )
        try:
            self.raw = _wait(connecting, CONNECT_SECONDS + 1)
        except OSError:
            raise  # a certificate that isn't believed is a ValueError as well
        except asyncpg.ClientConfigurationError as error:
            raise ConfigurationError(f"the store's postgresql:// URL can't be used: {error}") from None
        except ValueError:
            raise ConfigurationError("the store's postgresql:// URL can't be read") from None
        _loop.links.add(self)

        self.warnings: list[str] = []
        """What the server has warned of, beside its answers."""
        self.raw.add_log_listener(self._hear)

    def _hear(self, _: object, message: Any) -> None:
        if message.severity_en == "WARNING":
            self.warnings.append(str(message))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for what `coroutine` returns; after an error the connection must be dropped."""
        result = _wait(coroutine, self._patience)
        self._used = time.monotonic()
        return result

    def beginning(self, mode: str, lock_seconds: float) -> str:
        """Return what begins a transaction (`mode` as in SQL), with settings that end with it.

        Names mean our schema's tables only.
        """
        return (
            f"BEGIN ISOLATION LEVEL {mode};"
            f'SET LOCAL search_path = "{self._schema}", pg_temp;'
            f"SET LOCAL lock_timeout = {max(1, round(lock_seconds * 1000))}"
        )

    @contextmanager
    def transaction(self, mode: str, lock_seconds: float, end: str) -> Iterator[None]:
        """Run what stands within in one transaction, ended by `end` (SQL); hang up if any of it fails."""
        try:
            self.run(self.raw.execute(self.beginning(mode, lock_seconds)))
            yield
            self.run(self.raw.execute(end))
        except BaseException:
            self.drop()
            raise

    @property
    def stale(self) -> bool:
        """True when the server hung up, or nobody used the connection for a minute."""
        return bool(self.raw.is_closed()) or time.monotonic() - self._used > IDLE_SECONDS

    def drop(self) -> None:
        """Hang up at once; the server rolls back what isn't committed."""
        with suppress(RuntimeError):  # the interpreter is ending, and the loop with it
            _loop.get().call_soon_threadsafe(self.raw.terminate)

    def close(self) -> None:
        """Take leave of the server."""
        with suppress(Exception):
            self.run(self.raw.close(timeout=_CLOSE_SECONDS))


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn whatever the server, the network or asyncpg may raise into StoreUnavailable.

    What went wrong names hosts, roles and tables, so it goes into the program's log; visitors get to see
    that `what` can't be used now.
    """
    try:
        yield
    except asyncpg.LockNotAvailableError as error:
        raise StoreUnavailable("another process has held the log's lock for too long") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        logger.error("the database of %s can't be used: %s", what, str(error) or type(error).__name__)
        raise StoreUnavailable(f"{what} can't be used now") from error
