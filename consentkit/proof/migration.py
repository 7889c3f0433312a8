"""Schema versions: what tables of an older consentkit still need, and which are too new to be touched."""

from collections.abc import Sequence

from consentkit.errors import ConfigurationError


def missing(found: int, migrations: Sequence[str]) -> Sequence[str]:
    """Return what tables of version `found` still need, in order; () when they are this consentkit's.

    The first of `migrations` (SQL) leads from version 1 to 2, the next from 2 to 3. ConfigurationError for
    tables that a newer consentkit made.
    """
    known = 1 + len(migrations)
    if found > known:
        told = f"the log's tables are of version {found}, this consentkit knows {known}"
        raise ConfigurationError(f"{told}: run the consentkit again that made them so")
    return migrations[max(found, 1) - 1 :]  # 0: put back from a dump, which doesn't tell


def refuse_another(found: int, migrations: Sequence[str]) -> None:
    """Raise ConfigurationError unless tables of version `found` are this consentkit's."""
    if missing(found, migrations):
        told = f"the log's tables are of version {found}, this consentkit needs {1 + len(migrations)}"
        raise ConfigurationError(f"{told}: they become so when the site starts")
