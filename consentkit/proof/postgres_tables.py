"""The PostgreSQL tables of the log, what keeps them durable, and whether they are still what they were."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

MIGRATIONS: tuple[str, ...] = ()
"""What made each version out of the one before, from 2 on; `TABLES` and `INDEXES` are what has come of it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as PostgreSQL's catalogue writes it out."""

    name: str
    columns: str
    constraints: tuple[str, ...]


TABLES = (
    Table("version", "version integer NOT NULL", ()),
    Table("leaf", "idx bigint NOT NULL, entry bytea NOT NULL", ("PRIMARY KEY (idx)",)),
    Table(
        "opening",
        "idx bigint NOT NULL, created_ms bigint NOT NULL, "
        "lookup bytea, salt1 bytea, stmt bytea, salt2 bytea, subj bytea",
        ("PRIMARY KEY (idx)",),
    ),
    Table(
        "tile",
        "level integer NOT NULL, n bigint NOT NULL, hashes bytea NOT NULL",
        ("PRIMARY KEY (level, n)",),
    ),
    Table(
        "head",
        "id integer NOT NULL, size bigint NOT NULL, frontier bytea NOT NULL, checkpoint text NOT NULL",
        ("CHECK ((id = 0))", "PRIMARY KEY (id)"),
    ),
    Table(
        "published",
        "size bigint NOT NULL, note text NOT NULL, cosignatures text, tsr bytea",
        ("PRIMARY KEY (size)",),
    ),
    Table(
        "document",
        "sha256 text NOT NULL, idx bigint NOT NULL, body bytea NOT NULL",
        ("PRIMARY KEY (sha256)",),
    ),
)
INDEXES = {
    "opening_lookup": "opening USING btree (lookup) WHERE (lookup IS NOT NULL)",
    "leaf_rare": "leaf USING btree (substr(entry, 2, 1), idx) WHERE (substr(entry, 2, 1) <> '\\x01'::bytea)",
}

UNSAFE = """CASE
    WHEN pg_is_in_recovery() THEN 'it is a standby'
    WHEN current_setting('server_version_num')::int < 130000 THEN 'it is older than version 13'
    WHEN current_setting('server_encoding') <> 'UTF8' THEN 'the database isn''t encoded in UTF8'
    WHEN current_setting('fsync') <> 'on' THEN 'fsync is off'
    WHEN current_setting('full_page_writes') <> 'on' THEN 'full_page_writes is off'
    WHEN current_setting('synchronous_commit') = 'off' THEN 'synchronous_commit is off'
    WHEN current_setting('synchronous_commit') = 'local'
            AND current_setting('synchronous_standby_names') <> ''
        THEN 'synchronous_commit is local, though there are synchronous standbys'
    END"""
"""Why an answer to COMMIT is no promise; NULL when it is one. Asked in every transaction that writes, for
settings can change, and a pooler may lead to another server."""

VERSION = "SELECT version FROM version"

THERE = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)"
"""Whether a schema ($1) has a table. Unlike to_regclass it sees what another has committed a moment ago."""

DECLARED = """
SELECT c.relname::text, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || CASE WHEN a.atthasdef OR a.attidentity <> '' THEN ' with a default' ELSE '' END,
           ', ' ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p'
        AND NOT c.relrowsecurity AND NOT c.relispartition AND NOT c.relhassubclass
    GROUP BY c.relname
UNION ALL SELECT c.relname::text, pg_get_constraintdef(k.oid)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = $1::text::regnamespace AND k.contype <> 'n' AND k.convalidated
UNION ALL SELECT c.relname::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = $1::text::regnamespace AND i.indisvalid AND NOT i.indisprimary
UNION ALL SELECT c.relname::text, 'trigger ' || t.tgname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = $1::text::regnamespace AND NOT t.tgisinternal
UNION ALL SELECT c.relname::text, 'rule ' || r.rulename
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r'
"""
"""What the catalogue says of a schema ($1): rows of a table's or an index's name and one thing about it."""


def creation() -> str:
    """Return the statements that make all tables."""
    lines = [f"CREATE TABLE {t.name} ({', '.join([t.columns, *t.constraints])})" for t in TABLES]
    lines += [f"CREATE INDEX {name} ON {index}" for name, index in INDEXES.items()]
    # Hashes don't compress; trying to costs time in every batch.
    lines.append("ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL")
    lines.append(f"INSERT INTO version VALUES ({1 + len(MIGRATIONS)})")  # noqa: S608
    return ";".join(lines)


def lock_key(schema: str) -> int:
    """Return the number (64 bits, signed) under which those who make tables wait for each other."""
    return int.from_bytes(sha256(f"consentkit {schema}".encode()).digest()[:8], "big", signed=True)


def altered(schema: str, found: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield what isn't as this version declares it, given the rows of `DECLARED`."""
    kept: dict[str, set[str]] = {}
    for name, text in found:
        kept.setdefault(name, set()).add(text.replace('"', ""))
    for name, wanted in _wanted(schema).items():
        there = kept.get(name, set())
        changing = sorted(text for text in there if text.startswith(("trigger ", "rule ")))
        yield from (f"the {text} changes what is written to {name}" for text in changing)
        if there - set(changing) != wanted:
            yield f"{name} isn't declared as this version declares it"


def _wanted(schema: str) -> Mapping[str, set[str]]:
    tables = {table.name: {table.columns, *table.constraints} for table in TABLES}
    indexes = {name: {f"CREATE INDEX {name} ON {schema}.{index}"} for name, index in INDEXES.items()}
    return tables | indexes
