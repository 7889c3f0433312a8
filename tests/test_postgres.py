"""The PostgreSQL store where it differs: machines, servers, networks, poolers, and what is in between."""

import asyncio
import gc
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cluster import Cluster, Session
from sample import august, policy
from stores import place_in_postgres, store_url
from wire import Proxy

from consentkit.answer import Answer
from consentkit.cli import main
from consentkit.errors import ConfigurationError, LogRefused, StoreUnavailable
from consentkit.kit import ConsentKit
from consentkit.proof import asyncpg_link, postgres, postgres_session
from consentkit.proof.address import PostgresAddress, read_address
from consentkit.proof.asyncpg_link import Link
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.entry import Kind, Opening, Record, subject_id
from consentkit.proof.erasure import aged, requested, undone
from consentkit.proof.log import ProofLog
from consentkit.proof.postgres import PostgresStore
from consentkit.proof.store import Batch, Head
from consentkit.proof.verify import verify

ORIGIN = "shop.example/consent"
WAIT = 30


def opened(folder: Path, store: str | None = None, **options: Any) -> ProofLog:
    return ProofLog.open(store or store_url(folder), folder / "keys", origin=ORIGIN, **options)


def choice(log: ProofLog, number: int) -> Record:
    cid = b"visitor %d" % (number % 5)
    return Record(Kind.CHOICE, 1000, {"number": number}, {"sub": subject_id(cid)}, log.lookup(cid))


def fill(log: ProofLog, count: int, start: int = 0) -> None:
    log.append([choice(log, number) for number in range(start, start + count)]).result(WAIT)


def refused(log: ProofLog, number: int = 99) -> StoreUnavailable:
    error = log.append([choice(log, number)]).exception(WAIT)
    assert isinstance(error, StoreUnavailable), error
    return error


@pytest.fixture
def folder(tmp_path: Path, cluster: Cluster) -> Path:
    """A log that isn't there yet: its keys, and the URL of a schema of its own."""
    place_in_postgres(tmp_path, cluster, ORIGIN)
    return tmp_path


@pytest.fixture
def log(folder: Path) -> Iterator[ProofLog]:
    with opened(folder, timeout=2) as log:
        yield log


@pytest.fixture
def hands(folder: Path) -> Iterator[Session]:
    """Another connection to the same database."""
    session = Session(store_url(folder))
    yield session
    session.close()


# Machines ---------------------------------------------------------------------------------------------------


def append_on_another_machine(folder: Path, count: int, out: "multiprocessing.Queue[Any]") -> None:
    with opened(folder, timeout=WAIT) as log:
        got = [log.append([choice(log, number)]).result(WAIT)[0] for number in range(count)]
        out.put([(item.index, item.receipt) for item in got])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_four_machines_share_one_history(folder: Path, tmp_path: Path, full: bool) -> None:
    opened(folder).close()
    count, context = 200 if full else 12, multiprocessing.get_context("fork")
    out = context.Queue()
    machines = [tmp_path / f"machine{number}" for number in range(4)]
    workers = []
    for machine in machines:
        machine.mkdir()
        shutil.copytree(folder / "keys", machine / "keys")
        shutil.copy(folder / "store", machine / "store")
        workers.append(context.Process(target=append_on_another_machine, args=(machine, count, out)))
    for worker in workers:
        worker.start()
    receipts = dict(pair for _ in workers for pair in out.get(timeout=60))
    for worker in workers:
        worker.join(WAIT)
    with opened(folder, read_only=True) as log:
        assert sorted(receipts) == list(range(4 * count)) == list(range(log.size))
        assert all(verify_receipt(text, log.vkey) == index for index, text in receipts.items())
        checkpoints = [text.partition("\n\n")[2] for text in receipts.values()]
        with log._store.reading() as view:
            report = verify(view, log.vkey, checkpoints)
        assert report.ok, report.findings
    for machine in machines:  # each one's guard is of this history, too
        opened(machine).close()


def test_a_new_log_needs_keys_that_were_made_for_all_machines(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = cluster.url()
    with pytest.raises(ConfigurationError, match="keygen --log"):
        opened(tmp_path, url)
    assert list(tmp_path.iterdir()) == []
    assert CliRunner().invoke(main, ["init"]).exit_code == 0
    made = CliRunner().invoke(main, ["keygen", "--log", "consent.toml", "--keys", "keys"])
    assert made.exit_code == 0, made.output
    origin = (tmp_path / "keys" / "origin").read_text().strip()
    with ProofLog.open(url, tmp_path / "keys", origin=origin) as log:
        assert log.vkey in made.output
    again = CliRunner().invoke(main, ["keygen", "--log", "consent.toml", "--keys", "keys"])
    assert again.output == made.output


def test_a_site_runs_on_it_and_an_auditor_reads_it(folder: Path) -> None:
    url, clock = store_url(folder), august()
    (folder / "keys" / "origin").write_text("corner-shop/consent\n")
    kit = ConsentKit(policy(), store=url, keys=folder / "keys", clock=clock)
    wish = Answer(
        dict.fromkeys(kit.edition.policy.categories, True), kit.edition.policy.version, "banner", "en"
    )
    recorded = asyncio.run(kit.record(None, wish, {"ua": "Firefox"}, clock()))
    kit.tally.count(kit.edition.policy.version, [("blocked", "youtube")])
    assert [(row.name, row.count, row.day) for row in kit.tally.rows()] == [("youtube", 1, clock().date())]
    assert kit.history.records(recorded.consent)
    vkey = kit.log.vkey
    kit.close()
    where = ["--store", url, "--keys", str(folder / "keys")]
    for command in (
        ["verify"],
        ["log"],
        ["show", str(recorded.consent.index)],
        ["trackers", "--days", "400"],
    ):
        result = CliRunner().invoke(main, ["audit", *command, *where])
        assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["audit", "export", str(folder / "bundle"), *where])
    assert result.exit_code == 0, result.output
    assert verify_bundle(folder / "bundle", vkey).ok


# The server -------------------------------------------------------------------------------------------------


@contextmanager
def server_set(hands: Session, name: str, value: str, back: str) -> Iterator[None]:
    """Change a setting of the whole server, as an administrator does who knows better."""

    def put(statement: str, expected: str) -> None:
        hands.run(f"ALTER SYSTEM {statement}")
        hands.run("SELECT pg_reload_conf()")
        while hands.fetch("SELECT current_setting($1)", name) != [(expected,)]:
            pass  # a session reads its settings again between two commands

    put(f"SET {name} = '{value}'", value)
    try:
        yield
    finally:
        put(f"RESET {name}", back)


@pytest.mark.parametrize(
    ("name", "value", "back"), [("fsync", "off", "on"), ("full_page_writes", "off", "on")]
)
def test_a_server_that_forgets_is_refused_at_the_start_and_at_any_batch(
    log: ProofLog, folder: Path, hands: Session, name: str, value: str, back: str
) -> None:
    fill(log, 1)
    with server_set(hands, name, value, back):
        with pytest.raises(ConfigurationError, match=f"{name} is off"):
            opened(folder)
        assert f"{name} is off" in str(refused(log).__cause__)
        with opened(folder, read_only=True) as audited:
            assert audited.verify().ok
    assert log.append([choice(log, 1)]).result(WAIT)[0].index == 1


def test_a_session_that_does_not_wait_for_the_disk_is_refused(
    log: ProofLog, folder: Path, hands: Session
) -> None:
    with pytest.raises(ConfigurationError, match="synchronous_commit is off"):
        opened(folder, f"{store_url(folder)}&synchronous_commit=off")
    opened(folder, f"{store_url(folder)}&synchronous_commit=local").close()
    named = "local, though there are synchronous standbys"
    with (
        server_set(hands, "synchronous_standby_names", "elsewhere", ""),
        pytest.raises(ConfigurationError, match=named),
    ):
        opened(folder, f"{store_url(folder)}&synchronous_commit=local")


def test_what_an_administrator_keeps_from_reaching_the_standbys_is_not_acknowledged(
    log: ProofLog, hands: Session
) -> None:
    fill(log, 1)
    with server_set(hands, "synchronous_standby_names", "elsewhere", ""):
        waiting = log.append([choice(log, 1)])
        find = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        while not hands.fetch(find):
            assert not waiting.done()
        assert "lost" in str(waiting.exception(WAIT))
    assert log.append([choice(log, 2)]).result(WAIT)[0].index == log.size - 1
    assert log.verify().ok


def test_a_database_in_another_encoding_is_refused(folder: Path, cluster: Cluster, hands: Session) -> None:
    hands.run("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(ConfigurationError, match="UTF8"):
        opened(folder, cluster.url(database="ascii"))


def test_a_standby_is_no_place_to_write_and_one_that_is_behind_is_a_fork(
    log: ProofLog, folder: Path, cluster: Cluster, hands: Session
) -> None:
    """prooflog §6: a failover to a standby that lacks what was acknowledged must stop the service."""
    fill(log, 3)
    copy = cluster.folder / "standby"
    cluster.run("pg_basebackup", "-D", copy, "-h", cluster.folder, "-U", "tests", "-c", "fast", "--no-sync")
    fill(log, 2, 3)
    (copy / "standby.signal").touch()
    cluster.start(copy, port=5433)
    stale = store_url(folder) + "&port=5433"
    try:
        with pytest.raises(ConfigurationError, match="standby"):
            opened(folder, stale)
        with opened(folder, stale, read_only=True) as audited:
            assert audited.size == 3
        cluster.run("pg_ctl", "promote", "-s", "-w", "-D", copy)
        with pytest.raises(LogRefused, match="found 3 entries, expected at least 5 entries"):
            opened(folder, stale)
    finally:
        cluster.stop(copy)
        shutil.rmtree(copy)


def test_connections_that_the_server_closed_are_replaced_before_anybody_notices(
    log: ProofLog, hands: Session
) -> None:
    fill(log, 1)
    assert log.size == 1
    links = [log._store._writer, *log._store._idle]  # type: ignore[attr-defined]
    hands.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
              " AND application_name = 'consentkit'")  # fmt: skip
    while not all(link.stale for link in links):
        pass
    fill(log, 1, 1)
    assert log.size == 2


def test_what_lay_idle_for_long_is_not_used_again(log: ProofLog, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(log, 1)
    first = log._store._writer  # type: ignore[attr-defined]
    fill(log, 1, 1)
    assert log._store._writer is first  # type: ignore[attr-defined]
    monkeypatch.setattr("consentkit.proof.asyncpg_link.IDLE_SECONDS", -1)
    fill(log, 1, 2)
    assert log._store._writer is not first  # type: ignore[attr-defined]


def test_tables_of_another_version_are_not_written_to(log: ProofLog, folder: Path, hands: Session) -> None:
    hands.run("UPDATE version SET version = 9")
    with pytest.raises(ConfigurationError, match="version 9"):
        opened(folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            "CREATE RULE r AS ON INSERT TO leaf DO INSTEAD NOTHING",
            "the rule r changes what is written to leaf",
        ),
        ("ALTER TABLE opening SET UNLOGGED", "opening"),
        ("ALTER TABLE opening ALTER created_ms SET DEFAULT 0", "opening"),
        ("ALTER TABLE leaf DROP CONSTRAINT leaf_pkey", "leaf"),
        ("ALTER TABLE head DROP CONSTRAINT head_id_check", "head"),
        ("ALTER TABLE document ENABLE ROW LEVEL SECURITY", "document"),
        ("ALTER TABLE tile ADD CHECK (level < 9)", "tile"),
        ("CREATE TABLE more () INHERITS (published)", "published"),
        ("DROP INDEX leaf_rare; CREATE INDEX leaf_rare ON leaf(idx)", "leaf_rare"),
    ],
)
def test_tables_that_were_declared_anew_are_a_finding(
    log: ProofLog, hands: Session, change: str, named: str
) -> None:
    hands.run(change)
    findings = [finding for finding in log.verify().findings if finding.table == "schema"]
    assert [finding.problem.partition(" isn't")[0] for finding in findings] == [named]


def test_columns_of_another_type_read_as_ones_that_prove_nothing(log: ProofLog, hands: Session) -> None:
    fill(log, 2)
    hands.run("DROP INDEX leaf_rare; ALTER TABLE leaf ALTER entry TYPE text USING 'x'")
    hands.run("ALTER TABLE head ALTER checkpoint TYPE bytea USING ''")
    tables = {finding.table for finding in log.verify().findings}
    assert tables >= {"leaf", "head", "schema"}


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_forgets_what_it_inherited_ends_no_connection_of_its_parent(log: ProofLog) -> None:
    assert log.size == 0
    links = [log._store._writer, *log._store._idle]  # type: ignore[attr-defined]
    child = os.fork()
    if child == 0:
        warnings.simplefilter("ignore")  # an error would keep asyncpg from closing
        links.clear()
        vars(log).clear()
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    fill(log, 1)
    assert log.size == 1
    assert [log._store._writer, *log._store._idle] == links  # type: ignore[attr-defined]


# Trouble in mid-batch ---------------------------------------------------------------------------------------


def before_the_end(monkeypatch: pytest.MonkeyPatch, what: Callable[[Any], Any]) -> None:
    """Let something happen once, between COPY and COMMIT."""
    finish = postgres_session.PostgresWriting._finish
    left = [1]

    async def happening(self: Any, batch: Batch) -> str:
        if left:
            left.pop()
            await what(self._link.raw)
        return await finish(self, batch)

    monkeypatch.setattr(postgres_session.PostgresWriting, "_finish", happening)


def test_a_backend_that_is_terminated_in_mid_batch_costs_that_batch_only(
    log: ProofLog, hands: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 2)

    async def terminate(raw: Any) -> None:
        await hands._link.raw.execute("SELECT pg_terminate_backend($1, 5000)", raw.get_server_pid())

    before_the_end(monkeypatch, terminate)
    refused(log, 7)
    assert log.size == 2
    assert log.append([choice(log, 8)]).result(WAIT)[0].index == 2
    assert [(entry.stmt or {})["number"] for entry in log.entries()] == [0, 1, 8]
    report = log.verify()
    assert report.ok, report.findings


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_is_killed_in_mid_batch_leaves_nothing_behind(
    log: ProofLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(log, 2)
    child = os.fork()
    if child == 0:

        async def die(raw: Any) -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        before_the_end(monkeypatch, die)
        log.append([choice(log, 7)]).exception(WAIT)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert log.append([choice(log, 8)]).result(WAIT)[0].index == 2
    report = log.verify()
    assert report.ok, report.findings


@pytest.mark.parametrize("cut", ["before", "after"])
def test_an_unknown_outcome_is_told_and_found_out(
    log: ProofLog, folder: Path, cluster: Cluster, cut: Any
) -> None:
    """prooflog I5: the connection ends with COMMIT under way, and the entry is there, or it isn't."""
    fill(log, 2)
    with Proxy(cluster.folder, 6001) as proxy, opened(folder, store_url(folder) + "&port=6001") as far:
        fill(far, 1, 2)
        proxy.cut = cut
        refused(far, 7)
        proxy.cut = None
        assert proxy.cuts == 1
        persisted = cut == "after"
        assert log.size == 3 + persisted
        assert far.append([choice(far, 8)]).result(WAIT)[0].index == 3 + persisted
    assert [(entry.stmt or {})["number"] for entry in log.entries()] == [0, 1, 2, *[7] * persisted, 8]
    fill(log, 1, 9)
    report = log.verify()
    assert report.ok, report.findings


def batch(start: int) -> Batch:
    entry = bytes([1, Kind.CHOICE]) + start.to_bytes(64, "big")
    opening = Opening(start, b"l" * 16, b"1", b"stmt", b"2", b"subj")
    return Batch(start, [entry], [(start, opening)], {(0, 0): b"t"}, Head(start + 1, b"f", f"cp {start}"))


@pytest.fixture
def stores(folder: Path, tmp_path: Path) -> Iterator[tuple[PostgresStore, PostgresStore]]:
    """The stores of two machines."""
    address = read_address(store_url(folder))
    assert isinstance(address, PostgresAddress)
    pair = PostgresStore(address, tmp_path / "turns1", 2), PostgresStore(address, tmp_path / "turns2", 2)
    pair[0].create()
    yield pair
    for store in pair:
        store.close()


def test_a_writer_that_freezes_in_mid_batch_loses_its_turn_to_the_other_machines(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, other = stores
    with other.writing() as session:
        session.commit(batch(0))
    monkeypatch.setattr(postgres, "_FROZEN_MS", 50)
    with pytest.raises(StoreUnavailable), frozen.writing() as late:  # noqa: PT012
        with other.writing() as session:
            session.commit(batch(1))
        late.commit(batch(1))
    with other.reading() as view:
        assert view.head() == Head(2, b"f", "cp 1")


def test_a_writer_that_freezes_within_its_copy_loses_its_turn_as_well(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, other = stores
    with other.writing() as session:
        session.commit(batch(0))
    monkeypatch.setattr(postgres, "_FROZEN_MS", 50)
    monkeypatch.setattr(other, "_timeout", 0.1)

    async def endless() -> AsyncIterator[tuple[int, bytes]]:
        yield 1, b"x"
        await asyncio.Event().wait()

    with pytest.raises(StoreUnavailable), frozen.writing() as late:  # noqa: PT012
        copying = late._link.raw.copy_records_to_table("leaf", columns=("idx", "entry"), records=endless())
        stuck = asyncio.run_coroutine_threadsafe(copying, asyncpg_link._loop.get())
        refusals = 0
        while refusals < 60:
            try:
                with other.writing() as session:
                    session.commit(batch(1))
                break
            except StoreUnavailable:
                refusals += 1
        assert 0 < refusals < 60
        stuck.cancel()
        late.commit(batch(1))
    with other.reading() as view:
        assert view.head() == Head(2, b"f", "cp 1")


def test_a_writer_waits_for_the_other_machine_and_then_gives_up(
    stores: tuple[PostgresStore, PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stores
    with one.writing() as session:
        session.commit(batch(0))
    monkeypatch.setattr(other, "_timeout", 0.05)
    with one.writing() as session:
        with pytest.raises(StoreUnavailable, match="lock"), other.writing():
            pass
        session.commit(batch(1))
    with other.writing() as session:
        session.commit(batch(2))


def test_the_head_is_compared_before_it_is_swapped(stores: tuple[PostgresStore, PostgresStore]) -> None:
    for store in stores:
        with pytest.raises(StoreUnavailable, match="head"), store.writing() as session:
            session.commit(batch(5))
    with stores[0].reading() as view:
        assert (view.head(), list(view.leaves(0, 9))) == (None, [])


def test_a_head_that_does_not_move_takes_the_batch_back(log: ProofLog, hands: Session) -> None:
    fill(log, 1)
    hands.run("CREATE RULE still AS ON UPDATE TO head DO INSTEAD NOTHING")
    refused(log)
    hands.run("DROP RULE still ON head")
    assert hands.fetch("SELECT idx FROM leaf UNION SELECT idx FROM opening") == [(0,)]
    assert log.append([choice(log, 1)]).result(WAIT)[0].index == 1


def test_leaving_without_commit_writes_nothing(stores: tuple[PostgresStore, PostgresStore]) -> None:
    store, _ = stores
    with store.writing() as session:
        assert session.head() is None
    with pytest.raises(ZeroDivisionError), store.writing() as session:  # noqa: PT012
        session.commit(batch(0))
        raise ZeroDivisionError
    with store.reading() as view:
        assert view.head() == Head(1, b"f", "cp 0")  # committed is committed, whatever happens next


def test_a_view_does_not_move_and_can_not_write(stores: tuple[PostgresStore, PostgresStore]) -> None:
    store, other = stores
    with store.reading() as view:
        assert view.head() is None
        with other.writing() as session:
            session.commit(batch(0))
        assert (view.head(), list(view.strays(0))) == (None, [])
    with pytest.raises(StoreUnavailable) as error, store.reading() as view:
        view._fetch("DELETE FROM leaf")
    assert "read-only" in str(error.value.__cause__)


def test_long_scans_come_in_pieces_and_may_be_read_in_turns(log: ProofLog) -> None:
    fill(log, 2500)
    with log._store.reading() as view:
        pairs = list(zip(view.leaves(0, 2**60), view.openings(0, 2**60), strict=True))
        assert [(leaf[0], opening[0]) for leaf, opening in pairs] == [(i, i) for i in range(2500)]
        assert len(list(view.strays(100))) == 2 * 2400
        assert len(list(view.tile_ids())) == 11


def test_what_is_erased_is_gone_from_every_file_of_the_tables_and_the_rest_verifies(
    log: ProofLog, hands: Session, cluster: Cluster
) -> None:
    def left() -> int:
        hands.run("CHECKPOINT")
        stored = b"".join(file.read_bytes() for file in (cluster.data / "base").rglob("*") if file.is_file())
        return sum(secret in stored for secret in secrets)

    fill(log, 40, 4_700_000)  # no other test's words
    mine = log.find(log.lookup(b"visitor 1"))
    openings = [entry.opening for entry in mine if entry.opening]
    secrets = [part for it in openings for part in (it.lookup, it.salt1, it.stmt, it.salt2, it.subj) if part]
    assert left() == len(secrets) == 40
    log.erase(requested([entry.index for entry in mine]), 5000)
    assert left() == 16  # what was said, and its salt
    assert log.find(log.lookup(b"visitor 1")) == []
    log.erase(aged(1001, {"months": 1}), 6000)
    assert left() == 0
    assert log.erase(undone, 7000).indexes == ()
    report = log.verify()
    assert report.ok, report.findings
    assert report.counts["erased"] == 40


def test_rare_kinds_are_found_without_reading_the_choices(log: ProofLog, hands: Session) -> None:
    fill(log, 3)
    log.append([Record(Kind.POLICY, 1, {"version": "v"})]).result(WAIT)
    fill(log, 3)
    with log._store.reading() as view:
        assert view.by_kind(Kind.POLICY, 0, 9, newest_first=False, limit=-1) == [3]
        assert view.by_kind(Kind.CHOICE, 1, 6, newest_first=True, limit=3) == [5, 4, 2]
    hands.run("SET enable_seqscan = off; SET enable_bitmapscan = off")
    query = r"SELECT idx FROM leaf WHERE substr(entry, 2, 1) = '\x05' AND substr(entry, 2, 1) <> '\x01'"
    assert "using leaf_rare" in str(hands.fetch(f"EXPLAIN {query} AND idx >= 0 ORDER BY idx LIMIT 9"))


# Between us and the server ----------------------------------------------------------------------------------

LEFT = """(SELECT count(*) FROM pg_prepared_statements),
    (SELECT count(*) FROM pg_cursors WHERE name <> ''),
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), current_setting('lock_timeout'),
    current_setting('search_path'), current_setting('synchronous_commit')"""


def works_behind_a_pooler(folder: Path, url: str) -> None:
    """Two machines append, read and count, their transactions on whatever connection comes."""
    shutil.copytree(folder / "keys", folder / "keys2")
    with opened(folder, url) as one, ProofLog.open(url, folder / "keys2", origin=ORIGIN, accept_log=0) as two:
        for number in range(6):
            for log in (one, two):
                fill(log, 3, number)
                assert log.find(log.lookup(b"visitor 1"))
        assert one.size == 36
        report = two.verify()
        assert report.ok, report.findings


def test_nothing_is_left_on_connections_that_transactions_share(folder: Path, cluster: Cluster) -> None:
    with Proxy(cluster.folder, 6002, pool=2):
        address = read_address(store_url(folder) + "&port=6002")
        assert isinstance(address, PostgresAddress)
        works_behind_a_pooler(folder, store_url(folder) + "&port=6002")
        link = Link(address, 10)
        seen = [link.run(link.raw.fetch(f"SELECT pg_backend_pid(), {LEFT}"))[0] for _ in range(4)]
        link.close()
    assert len({pid for pid, *_ in seen}) == 2
    assert {tuple(left) for _, *left in seen} == {(0, 0, 0, "0", '"$user", public', "on")}


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="pgbouncer isn't installed")
def test_pgbouncer_may_pool_transactions(folder: Path, cluster: Cluster, tmp_path: Path) -> None:
    room = cluster.folder / "pgbouncer"
    room.mkdir()
    (room / "users").write_text('"tests" ""\n')
    (room / "ini").write_text(
        f"[databases]\npostgres = host={cluster.folder} port=5432\n[pgbouncer]\npool_mode = transaction\n"
        f"default_pool_size = 3\nunix_socket_dir = {room}\nlisten_addr =\nlisten_port = 6543\n"
        f"auth_type = trust\nauth_file = {room / 'users'}\n"
    )
    if cluster.user:
        shutil.chown(room, cluster.user)
    command = ["pgbouncer", "-q", room / "ini"]
    pooler = subprocess.Popen(command, user=cluster.user, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not (room / ".s.PGSQL.6543").exists():
            assert pooler.poll() is None, pooler.communicate()
        url = store_url(folder).replace(str(cluster.folder), str(room)) + "&port=6543"
        works_behind_a_pooler(folder, url)
    finally:
        pooler.terminate()
        pooler.communicate()


# What is told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("postgresql://u:hunter2@127.0.0.1:1/db", StoreUnavailable),
        ("postgresql://u:hunter2@127.0.0.1:port/db", ConfigurationError),
        ("postgresql://u:hunter2@h/db?sslmode=hunter", ConfigurationError),
        ("postgresql://u:hunter2@h/db?x", ConfigurationError),
        ("postgresql://u:hunter2@[h/db", ConfigurationError),
        ("postgresql://u:hunter2@h/db?schema=A-B", ConfigurationError),
        ("postgres://", ConfigurationError),
    ],
)
def test_a_url_that_leads_nowhere_is_told_without_its_password(
    tmp_path: Path, url: str, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(error) as told:
        opened(tmp_path, url)
    assert "hunter2" not in f"{told.value} {told.value.__cause__} {caplog.text}"
    result = CliRunner().invoke(main, ["check", "--store", url, str(tmp_path / "consent.toml")])
    assert "hunter2" not in result.output


def test_a_log_that_is_not_there_is_told_without_the_password(folder: Path) -> None:
    url = store_url(folder).replace("tests@", "tests:hunter2@")
    with pytest.raises(ConfigurationError, match=r"no log at postgresql:///postgres$"):
        opened(folder, url, read_only=True)


def test_without_asyncpg_one_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asyncpg_link", "postgres_session", "postgres"):
        monkeypatch.delitem(sys.modules, f"consentkit.proof.{name}")
    monkeypatch.delitem(sys.modules, "consentkit.tally_postgres", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'consentkit\[postgres\]'"):
        opened(tmp_path, "postgresql://h/db")
