"""Which tally a store's URL means."""

from pathlib import Path

from consentkit.errors import ConfigurationError
from consentkit.proof.address import read_address
from consentkit.proof.stores import NEEDS_ASYNCPG
from consentkit.tally import TallyStore
from consentkit.tally_sqlite import SqliteTally


def open_store(url: str) -> TallyStore:
    """Return the tally beside the log at `url` (see `read_address`). Nothing is opened yet.

    Raises ConfigurationError.
    """
    address = read_address(url)
    if isinstance(address, Path):
        return SqliteTally(address)
    try:
        from consentkit.tally_postgres import PostgresTally
    except ImportError as error:
        raise ConfigurationError(NEEDS_ASYNCPG) from error
    return PostgresTally(address)
