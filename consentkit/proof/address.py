"""Where a store is, as its URL says: a SQLite file, or a schema in a PostgreSQL database."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from consentkit.errors import ConfigurationError

SCHEMA = "consentkit"
_SCHEMES = ("postgresql", "postgres")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A database, as asyncpg takes it, and the schema in it that holds the tables."""

    url: str = field(repr=False)  # with its password
    schema: str = SCHEMA


def read_address(store: str) -> Path | PostgresAddress:
    """Read `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/database`.

    A PostgreSQL URL has the parameters that libpq knows, and `schema` (default `consentkit`), one to a log.
    Raises ConfigurationError for anything else, without quoting a password.
    """
    scheme, colon, rest = store.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return Path(rest[1:])
    if scheme in _SCHEMES and rest:
        return _postgres(store)
    other = f"{scheme}://…" if colon else "that"
    raise ConfigurationError(f"the store must be sqlite:///<file> or postgresql://…, not {other}")


def _postgres(store: str) -> PostgresAddress:
    try:
        parts = urlsplit(store)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ConfigurationError("the store's postgresql:// URL can't be read") from None
    schema = dict(pairs).get("schema", SCHEMA)
    if not _NAME.fullmatch(schema):
        raise ConfigurationError(f"the store's schema {schema!r} must be small letters, digits and _")
    query = urlencode([(name, value) for name, value in pairs if name != "schema"])
    return PostgresAddress(parts._replace(query=query).geturl(), schema)


def beside(store: str, own: str, name: str) -> str:
    """Return the URL of a store that lies beside this one: named `name` where this one is named `own`, if so.

    `log.db` and `log-2026.db` (where `own` is 2026) lie beside `log-2027.db`, and so do schemas with a `_`.
    """
    address = read_address(store)
    if isinstance(address, Path):
        stem = address.stem.removesuffix(f"-{own}")
        return f"sqlite:///{address.with_name(f'{stem}-{name}{address.suffix}')}"
    schema = f"schema={address.schema.removesuffix(f'_{own}')}_{name}"
    query = f"{urlsplit(address.url).query}&{schema}".lstrip("&")
    return f"{store.partition('?')[0]}?{query}"


def shown(store: str) -> str:
    """Return the URL without what may be secret in it."""
    scheme, colon, rest = store.partition("://")
    if scheme not in _SCHEMES:
        return store
    return scheme + colon + rest.partition("?")[0].rpartition("@")[2]
