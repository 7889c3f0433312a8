"""Which store a URL means."""

from pathlib import Path

from consentkit.errors import ConfigurationError
from consentkit.proof.address import read_address
from consentkit.proof.keys import TURNS
from consentkit.proof.sqlite import SqliteStore
from consentkit.proof.store import Store

NEEDS_ASYNCPG = "a PostgreSQL store needs asyncpg: pip install 'consentkit[postgres]'"


def open_store(url: str, keys: Path, timeout: float) -> Store:
    """Return the store of a log at `url` (see `read_address`), which nothing has been asked of yet.

    `keys` is the folder of its keys, `timeout` in seconds: how long to wait for another writer. Raises
    ConfigurationError.
    """
    address = read_address(url)
    if isinstance(address, Path):
        return SqliteStore(address, timeout)
    try:
        from consentkit.proof.postgres import PostgresStore
    except ImportError as error:
        raise ConfigurationError(NEEDS_ASYNCPG) from error
    return PostgresStore(address, keys / TURNS, timeout)
