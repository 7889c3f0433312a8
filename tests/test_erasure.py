"""Erasure: gone from every byte on disk, said in a tombstone, and all that is left still verifies (I7)."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from consentkit.errors import StoreUnavailable
from consentkit.proof import erasure
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.entry import Kind, Opening, Record, Stored, subject_id
from consentkit.proof.erasure import aged, requested, undone
from consentkit.proof.log import ProofLog
from consentkit.proof.sqlite import SqliteStore
from consentkit.proof.store import Batch, Erasure, Head

ORIGIN = "shop.example/consent"
WAIT = 30
VISITORS = 7


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


def choice(log: ProofLog, number: int, t: int = 1000) -> Record:
    cid = b"visitor %d" % (number % VISITORS)
    stmt = {"number": number, "answered": f"what number {number} said"}
    subj = {"sub": subject_id(cid), "ua": f"browser of number {number}"}
    return Record(Kind.CHOICE, t, stmt, subj, log.lookup(cid))


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ProofLog]:
    """Twenty choices of seven visitors at 1000 to 1019, entry 10 a policy and entry 11 a document."""
    with opened(tmp_path, timeout=0.1) as log:
        log.append([choice(log, n, 1000 + n) for n in range(10)]).result(WAIT)
        document = Record(Kind.DOCUMENT, 1010, {"name": "en", "media_type": "text/plain"}, body=b"We ask.")
        log.append([Record(Kind.POLICY, 1010, {"version": "v"}, {"actor": "file"}), document]).result(WAIT)
        log.append([choice(log, n, 1000 + n) for n in range(12, 22)]).result(WAIT)
        yield log


def entry(log: ProofLog, index: int) -> Stored:
    found = log.get(index)
    assert found
    return found


def secrets_of(log: ProofLog, *indexes: int, segment: str = "subj") -> list[bytes]:
    """Return what must be nowhere any more: payloads and salts."""
    openings = [opening for index in indexes if (opening := entry(log, index).opening)]
    parts = [part for o in openings for part in (o.salt2, o.subj)]
    parts += [part for o in openings for part in (o.salt1, o.stmt) if segment == "both"]
    return [part for part in parts if part]


def on_disk(folder: Path) -> bytes:
    """Return every byte of the database, its write-ahead file, its index of that, its lock, and the keys."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {"log.db", "log.db-wal", "log.db.lock", "guard"} <= {file.name for file in files}
    return b"".join(file.read_bytes() for file in files)


def good(log: ProofLog, **counts: int) -> None:
    report = log.verify()
    assert report.ok, report.findings
    assert {name: report.counts.get(name) for name in counts} == counts


def stones(log: ProofLog) -> list[dict[str, Any]]:
    return [it.stmt or {} for it in log.entries(kind=Kind.TOMBSTONE)]


def test_who_it_was_is_gone_from_every_byte_and_what_was_said_stays(log: ProofLog, tmp_path: Path) -> None:
    mine = [it.index for it in log.find(log.lookup(b"visitor 3"))]
    receipts = [log.receipt(index) for index in mine]
    secrets = [*secrets_of(log, *mine), log.lookup(b"visitor 3"), subject_id(b"visitor 3").encode()]
    assert all(secret in on_disk(tmp_path) for secret in secrets)
    plan = log.erase(requested(mine), 5000)
    assert plan.indexes == tuple(mine) == (3, 17)
    left = [secret for secret in secrets if secret in on_disk(tmp_path)]
    assert left == []
    assert stones(log) == [{"list": [3, 17], "segment": "subj", "reason": "request", "t": 5000}]
    assert [entry(log, index).subj for index in mine] == [None, None]
    assert (entry(log, 3).stmt or {})["number"] == 3
    assert log.find(log.lookup(b"visitor 3")) == []
    assert [verify_receipt(text, log.vkey) for text in receipts] == mine
    good(log, erased=2, tombstone=1)


def test_neighbours_keep_all_they_had(log: ProofLog) -> None:
    before = {it.index: it for it in log.entries()}
    log.erase(requested([3, 4]), 5000)
    assert {it.index: it for it in log.entries(stop=22) if it.index not in (3, 4)} == {
        index: it for index, it in before.items() if index not in (3, 4)
    }


def test_by_retention_rule_both_segments_go_but_never_what_was_published(
    log: ProofLog, tmp_path: Path
) -> None:
    secrets = secrets_of(log, *range(10), *range(12, 15), segment="both")
    assert all(secret in on_disk(tmp_path) for secret in secrets)
    plan = log.erase(aged(1015, {"months": 24}), 9000)
    assert plan.indexes == (*range(10), *range(12, 15))
    assert [secret for secret in secrets if secret in on_disk(tmp_path)] == []
    stone = {"list": [[0, 9], [12, 14]], "segment": "both", "reason": "retention", "months": 24, "t": 9000}
    assert stones(log) == [stone]
    assert (entry(log, 10).stmt, entry(log, 15).subj is None) == ({"version": "v", "t": 1010}, False)
    assert entry(log, 9).stmt is entry(log, 9).t is None
    assert entry(log, 9).intact
    good(log, erased=13)


def test_a_clock_that_ran_ahead_once_spares_no_record_after_it(log: ProofLog) -> None:
    """Their times were clamped to its; what their own clocks said counts until that time has come."""
    for t in (10**13, 1500, 3000):
        log.append([choice(log, 1, t)]).result(WAIT)
    clamped = log.size - 2
    assert (entry(log, clamped).stmt or {})["clock"] == 1500
    found = [log.erase(aged(2000, {}, now), 10**13, pretend=True).indexes for now in (4000, 10**13)]
    assert clamped in found[0]
    assert set(found[0]) - set(found[1]) == {clamped}
    log.erase(aged(2000, {}, 4000), 10**13)
    assert log.verify().findings == []


def test_a_later_run_of_the_rule_names_only_what_has_come_of_age_since(log: ProofLog) -> None:
    log.erase(requested([13]), 4000)
    log.erase(aged(1005, {}), 9000)
    log.erase(aged(1017, {}), 9001)
    # Entry 13 has lost its subject already, and loses its statement; a policy parts two ranges.
    assert [stone["list"] for stone in stones(log)] == [[13], [[0, 4]], [[5, 9], [12, 16]]]
    log.erase(aged(1017, {}), 9002)
    assert len(stones(log)) == 3
    good(log, erased=15)


def test_a_range_runs_over_what_is_gone_or_public_and_stops_at_what_stays(log: ProofLog) -> None:
    log.append([Record(Kind.TOMBSTONE, 1030, {"list": [2], "segment": "both"})]).result(WAIT)
    document = Record(Kind.DOCUMENT, 1031, {"name": "fr", "media_type": "text/plain"}, body=b"Bonjour")
    log.append([document, choice(log, 1, 1032)]).result(WAIT)
    log.erase(aged(2000, {}), 9000)
    assert stones(log)[-1]["list"] == [[0, 9], [12, 24]]
    good(log, erased=21)


def test_erasing_again_changes_nothing_but_ends_what_was_cut_off(
    log: ProofLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = secrets_of(log, 3, 5)

    def cut_off(self: SqliteStore) -> None:
        raise StoreUnavailable("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "scrub", cut_off)
        with pytest.raises(StoreUnavailable):
            log.erase(requested([3, 5]), 5000)
    assert any(secret in on_disk(tmp_path) for secret in secrets)
    size = log.size
    assert log.erase(requested([3, 5]), 5001).indexes == ()
    assert log.size == size
    assert not any(secret in on_disk(tmp_path) for secret in secrets)
    good(log, erased=2)


def test_rows_put_back_in_spite_of_their_tombstone_are_an_alarm_and_go_again(
    log: ProofLog, tmp_path: Path
) -> None:
    shutil.copy(tmp_path / "log.db", tmp_path / "backup.db")
    shutil.copy(tmp_path / "log.db-wal", tmp_path / "backup.db-wal")
    log.erase(requested([3]), 5000)
    log.erase(aged(1002, {}), 5001)
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("ATTACH ? AS backup", (str(tmp_path / "backup.db"),))
        database.execute("INSERT OR REPLACE INTO opening SELECT * FROM backup.opening WHERE idx < 4")
    for file in tmp_path.glob("backup*"):
        file.unlink()
    assert {(f.index, f.table) for f in log.verify().findings} == {(i, "opening") for i in (0, 1, 3)}
    secrets = [*secrets_of(log, 0, 1, segment="both"), *secrets_of(log, 3)]
    assert log.erase(undone, 6000).indexes == (0, 1, 3)
    assert not any(secret in on_disk(tmp_path) for secret in secrets)
    good(log, erased=3)
    assert log.erase(undone, 6001).indexes == ()


def test_what_would_go_can_be_looked_at_first(log: ProofLog) -> None:
    size = log.size
    assert log.erase(requested([3, 5]), 5000, pretend=True).indexes == (3, 5)
    assert log.size == size
    assert entry(log, 3).subj


@pytest.mark.parametrize(
    ("index", "segment", "why"),
    [
        (99, "subj", "no entry 99"),
        (-1, "subj", "no entry -1"),
        (11, "subj", "entry 11 is a document"),
        (10, "both", "entry 10 is a policy"),
    ],
)
def test_what_is_not_there_or_about_nobody_is_not_erased(
    log: ProofLog, index: int, segment: Any, why: str
) -> None:
    size = log.size
    with pytest.raises(ValueError, match=why):
        log.erase(requested([3, index], segment), 5000)
    assert log.size == size
    assert entry(log, 3).subj


def test_who_published_can_be_erased(log: ProofLog) -> None:
    log.erase(requested([10]), 5000)
    assert (entry(log, 10).stmt, entry(log, 10).subj) == ({"version": "v", "t": 1010}, None)
    good(log, erased=1)


def test_a_reader_that_holds_on_to_the_old_pages_is_told_and_erasing_again_clears_them(
    log: ProofLog, tmp_path: Path
) -> None:
    secrets = secrets_of(log, 3)
    other = SqliteStore(tmp_path / "log.db")
    with other.reading() as view:
        assert view.head()
        with pytest.raises(StoreUnavailable, match="erase again"):
            log.erase(requested([3]), 5000)
    log.erase(requested([3]), 5001)
    assert not any(secret in on_disk(tmp_path) for secret in secrets)
    assert [stone["list"] for stone in stones(log)] == [[3]]
    log.append([choice(log, 1, 6000)]).result(WAIT)
    good(log, erased=1)
    other.close()


def test_another_worker_goes_on_after_an_erasure(log: ProofLog, tmp_path: Path) -> None:
    with opened(tmp_path) as other:
        other.append([choice(log, 1, 2000)]).result(WAIT)
        log.erase(requested([3, 22]), 5000)
        assert other.append([choice(log, 2, 6000)]).result(WAIT)[0].index == 24
        good(other, erased=2)


def test_the_file_shrinks_by_what_the_readme_says_and_the_log_stays_what_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([choice(log, n, 1000 + n) for n in range(300)]).result(WAIT)
        secrets = set(secrets_of(log, *range(300)))
        log.erase(requested(range(40, 280)), 5000)
        log.erase(aged(1200, {"months": 24}), 9000)
        before = {it.index: it for it in log.entries()}
    readme = Path(__file__).parent.parent.joinpath("README.md").read_text("utf-8")
    (statements,) = re.findall(r"```sql\n(.*?)```", readme, re.DOTALL)
    size = (tmp_path / "log.db").stat().st_size
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as connection:
        connection.executescript(statements)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert (tmp_path / "log.db").stat().st_size < 0.6 * size
    with opened(tmp_path) as log:
        good(log, erased=280)
        assert {it.index: it for it in log.entries()} == before
        kept = set(secrets_of(log, *range(280, 300)))
    data = (tmp_path / "log.db").read_bytes()
    assert {secret for secret in secrets if secret in data} == kept


def test_an_erased_log_is_exported_and_the_bundle_verifies(log: ProofLog, tmp_path: Path) -> None:
    secrets = [secret.decode() for secret in secrets_of(log, 3) if secret[:1] == b"{"]
    log.erase(requested([3]), 5000)
    log.erase(aged(1002, {}), 5001)
    log.export(tmp_path / "bundle")
    report = verify_bundle(tmp_path / "bundle", log.vkey)
    assert report.ok, report.findings
    assert report.counts["erased"] == 3
    texts = [
        file.read_bytes().decode("latin-1") for file in (tmp_path / "bundle").rglob("*") if file.is_file()
    ]
    assert not any(secret in text for secret in secrets for text in texts)


def test_tombstones_stay_small_and_transactions_short_however_much_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_MOST_ENTRIES", 100)
    monkeypatch.setattr(erasure, "_MOST_RANGES", 10)
    with opened(tmp_path) as log:
        log.append([Record(Kind.CHOICE, 1, {"n": n}) for n in range(120)]).result(WAIT)
        scattered = log.erase(requested(range(0, 120, 5)), 2, pretend=True)
        assert [len(stone["list"]) for stone in scattered.tombstones] == [10, 10, 4]
        old = log.erase(aged(9, {}), 2)
        assert [stone["list"] for stone in old.tombstones] == [[[0, 99]], [[100, 119]]]
        good(log, erased=120, tombstone=2)


# The bytes of SQLite's pages


def churned(folder: Path, steps: int) -> tuple[set[bytes], set[bytes]]:
    """Append and erase at random, then scrub; returns the ends of what is gone and of what stays."""
    random, gone, kept = Random(3), set[bytes](), dict[int, Opening]()  # noqa: S311
    store, size = SqliteStore(folder / "log.db"), 0
    store.create()
    for _ in range(steps):
        for _ in range(400):
            sizes = (16, 32, random.randrange(9, 600), 32, 99)
            kept[size] = Opening(size, *map(random.randbytes, sizes))
            size += 1
        new = list(kept.items())[-400:]
        erased = [Erasure(i, i, frozenset({"subj", "stmt"})) for i in random.sample(sorted(kept), 300)]
        lost = [kept.pop(erasure.first) for erasure in erased]
        gone |= {part[-9:] for o in lost for part in (o.lookup, o.salt1, o.stmt, o.salt2, o.subj) if part}
        with store.writing() as session:
            entries, head = [bytes(66)] * 400, Head(size, b"", "")
            session.commit(Batch(size - 400, entries, new, {}, head, erasures=erased))
    store.scrub()
    store.close()
    return gone, {(o.subj or b"")[-9:] for o in kept.values()}


def test_nothing_erased_is_left_beside_what_sqlite_stores(tmp_path: Path, full: bool) -> None:
    """secure_delete alone leaves copies of what SQLite moved to another page before it went."""
    gone, kept = churned(tmp_path, steps=40 if full else 8)
    data = b"".join(file.read_bytes() for file in tmp_path.glob("log.db*"))
    found = {data[i : i + 9] for i in range(len(data)) if data[i : i + 9] in gone or data[i : i + 9] in kept}
    assert found == kept
