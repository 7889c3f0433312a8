"""Tables of another version: an older one's are brought up to date under a lock, a newer one's left alone.

`older/` holds what consentkit 7e018ae wrote into each store, as SQL, and a receipt that it gave.
"""

import multiprocessing
import os
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cluster import Session
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from stores import database as hands
from stores import store_url

from consentkit.errors import ConfigurationError, StoreUnavailable
from consentkit.proof import postgres_tables, tables
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.log import ProofLog
from consentkit.proof.migration import missing

ORIGIN = "shop.example/2025"
OLDER = Path(__file__).parent / "older"
WAIT = 30
STEPS = ("CREATE TABLE note(n INTEGER NOT NULL)", "INSERT INTO note VALUES (7); INSERT INTO note VALUES (8)")


def opened(folder: Path, **options: Any) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN, **{"accept_log": 7} | options)


def choice(log: ProofLog, number: int) -> Record:
    cid = b"visitor %d" % (number % 3)
    return Record(Kind.CHOICE, 1000 + number, {"n": number}, {"sub": subject_id(cid)}, log.lookup(cid))


@pytest.fixture
def older(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Path:
    """The folder of a log that an older consentkit wrote, and whose keys were put back from a backup."""
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    signing = Ed25519PrivateKey.from_private_bytes(sha256(b"an older log").digest())
    pem = signing.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, data in {
        "signing.pem": pem,
        "lookup.key": bytes(range(32)),
        "origin": ORIGIN.encode(),
    }.items():
        (keys / name).touch(mode=0o600)
        (keys / name).write_bytes(data)
    script = (OLDER / f"{database}.sql").read_text()
    if database == "sqlite":
        with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
            connection.executescript(script)
        return tmp_path
    (tmp_path / "store").write_text(request.getfixturevalue("cluster").url())
    session = Session(store_url(tmp_path))
    schema = session.address.schema  # type: ignore[union-attr]
    session.run(f'CREATE SCHEMA "{schema}"; SET search_path = "{schema}"; {script}')
    session.close()
    return tmp_path


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consentkit whose tables are of version 3."""
    monkeypatch.setattr(tables, "MIGRATIONS", STEPS)
    monkeypatch.setattr(tables, "SCHEMA", f"{tables.SCHEMA}{STEPS[0]};\n")
    monkeypatch.setattr(postgres_tables, "MIGRATIONS", STEPS)


def test_what_an_older_consentkit_wrote_verifies_and_goes_on(
    older: Path, database: str, tmp_path: Path
) -> None:
    with opened(older) as log:
        assert log.verify().findings == []
        assert [(entry.stmt or {})["n"] for entry in log.find(log.lookup(b"visitor 1"))] == [1, 4]
        receipt = (OLDER / f"{database}.receipt").read_text()
        assert verify_receipt(receipt, log.vkey, next(log.entries(start=3)).entry) == 3
        assert log.append([choice(log, 10)]).result(WAIT)[0].index == 7
        report = log.verify(receipts=[receipt])
        assert (report.findings, report.counts["receipts"]) == ([], 1)
        log.export(tmp_path / "bundle")
        assert verify_bundle(tmp_path / "bundle", log.vkey, receipts=[receipt]).findings == []


def note(folder: Path) -> list[int]:
    with hands(folder) as there:
        return sorted(n for (n,) in there.execute("SELECT n FROM note"))


@pytest.mark.usefixtures("newer")
def test_tables_are_migrated_in_order_and_everything_in_them_still_verifies(
    older: Path, database: str
) -> None:
    with opened(older) as log:
        assert note(older) == [7, 8]
        log.append([choice(log, 10)]).result(WAIT)
        receipt = (OLDER / f"{database}.receipt").read_text()
        assert log.verify(receipts=[receipt]).findings == []
    opened(older).close()
    assert note(older) == [7, 8]


def start(folder: Path, ready: Any, out: Any) -> None:
    ready.wait()
    with opened(folder, timeout=WAIT) as log:
        out.put(log.append([choice(log, os.getpid())]).result(WAIT)[0].index)


@pytest.mark.usefixtures("newer")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers_that_start_at_once_on_older_tables_migrate_them_once(older: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, out = context.Event(), context.Queue()
    workers = [context.Process(target=start, args=(older, ready, out)) for _ in range(4)]
    for worker in workers:
        worker.start()
    ready.set()
    assert sorted(out.get(timeout=60) for _ in workers) == [7, 8, 9, 10]
    for worker in workers:
        worker.join(WAIT)
    assert note(older) == [7, 8]


def test_tables_of_a_newer_consentkit_are_left_alone_whoever_asks(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(older) as running:
        running.append([choice(running, 10)]).result(WAIT)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "MIGRATIONS", STEPS)
            patch.setattr(postgres_tables, "MIGRATIONS", STEPS)
            opened(older).close()
        for options in ({}, {"read_only": True}):
            with pytest.raises(ConfigurationError, match="of version 3, this consentkit knows 1"):
                opened(older, **options).verify()
        # And a worker that was running when the newer one came writes no more.
        error = running.append([choice(running, 11)]).exception(WAIT)
        assert isinstance(error, StoreUnavailable)
        assert "version 3" in str(error.__cause__)


@pytest.mark.usefixtures("newer")
def test_a_migration_that_fails_changes_nothing(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = (*STEPS, "CREATE TABLE more(n INTEGER NOT NULL); INSERT INTO nowhere VALUES (1)")
    for module in (tables, postgres_tables):
        monkeypatch.setattr(module, "MIGRATIONS", broken)
    with pytest.raises(StoreUnavailable):
        opened(older)
    for module in (tables, postgres_tables):
        monkeypatch.setattr(module, "MIGRATIONS", STEPS)
    opened(older).close()
    assert note(older) == [7, 8]


def test_older_tables_that_nobody_has_migrated_are_not_read_as_if_they_were(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MIGRATIONS", STEPS)
    monkeypatch.setattr(postgres_tables, "MIGRATIONS", STEPS)
    with (
        opened(older, read_only=True) as log,
        pytest.raises(ConfigurationError, match="of version 1, this consentkit needs 3"),
    ):
        log.verify()
    assert list(missing(0, STEPS)) == list(missing(1, STEPS)) == list(STEPS)
    assert (list(missing(2, STEPS)), list(missing(3, STEPS))) == ([STEPS[1]], [])
