"""The tamper table: what each attack on a stored log looks like to a verifier, and what it can't hide."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from forgery import Attack, Forger, attack, copied, shifted, sql, swapped
from stores import Database, copied_log, place_in_postgres, store_url

from consentkit.errors import VerificationError
from consentkit.proof.entry import Kind, Record, Stored, subject_id
from consentkit.proof.log import ProofLog
from consentkit.proof.verify import Report, verify

pytestmark = pytest.mark.sampled
ORIGIN = "shop.example/consent"
WAIT = 30
SIZE = 612
POLICY, NOTICE, CHOICE = 0, 1, 300  # indexes of one entry of each sort
LONELY = 611  # the only entry of its visitor


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


def choice(log: ProofLog, number: int) -> Record:
    cid = b"visitor %d" % (number if number == LONELY else number % 50)
    stmt = {"choices": {"analytics": number % 2 == 0}, "number": number}
    return Record(Kind.CHOICE, 1000 + number, stmt, {"sub": subject_id(cid)}, log.lookup(cid))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, database: str, request: pytest.FixtureRequest) -> Path:
    """A log of 612 entries, its checkpoint published at 0, 200, 400 and 612."""
    folder = tmp_path_factory.mktemp("original")
    if database == "postgres":
        place_in_postgres(folder, request.getfixturevalue("cluster"), ORIGIN)
    for stop in (200, 400, SIZE):
        with opened(folder) as log:
            if not log.size:
                notice = Record(
                    Kind.DOCUMENT, 1, {"name": "en", "media_type": "text/plain"}, body=b"We ask you."
                )
                log.append([Record(Kind.POLICY, 1, {"version": "v1"}), notice]).result(WAIT)
            log.append([choice(log, number) for number in range(log.size, stop)]).result(WAIT)
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Path:
    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    return copied_log(original, tmp_path / "log", cluster)


def audit(folder: Path) -> Report:
    with opened(folder, read_only=True) as log:
        return log.verify()


def flipped(table: str, column: str, where: str = f"idx = {CHOICE}", at: int = 5) -> Attack:
    def change(database: Database) -> None:
        (data,) = database.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
        raw = bytearray(data if isinstance(data, bytes) else data.encode())
        raw[at] ^= 1
        value = bytes(raw) if isinstance(data, bytes) else raw.decode()
        assert database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value,)).rowcount == 1

    return change


# name: (what is done to the database, the entry that must be named, the table it must be named in)
ATTACKS: dict[str, tuple[Attack, int | None, str]] = {
    "an entry's commitment is edited": (flipped("leaf", "entry"), CHOICE, "leaf"),
    "an entry's kind is edited": (flipped("leaf", "entry", at=1), CHOICE, "leaf"),
    "an entry's version is edited": (flipped("leaf", "entry", at=0), CHOICE, "leaf"),
    "a public entry is edited": (flipped("leaf", "entry", f"idx = {NOTICE}", at=20), NOTICE, "leaf"),
    "an entry is emptied": (sql(f"UPDATE leaf SET entry = x'' WHERE idx = {CHOICE}"), CHOICE, "leaf"),
    "a statement is edited": (flipped("opening", "stmt"), CHOICE, "opening"),
    "a statement's salt is edited": (flipped("opening", "salt1"), CHOICE, "opening"),
    "a subject is edited": (flipped("opening", "subj"), CHOICE, "opening"),
    "a subject's salt is edited": (flipped("opening", "salt2"), CHOICE, "opening"),
    "the row's time is edited": (
        sql(f"UPDATE opening SET created_ms = 1 WHERE idx = {CHOICE}"),
        CHOICE,
        "opening",
    ),
    "the visitor's tag is edited": (flipped("opening", "lookup"), CHOICE, "opening"),
    "the visitor's tag is removed": (
        sql(f"UPDATE opening SET lookup = NULL WHERE idx = {CHOICE}"),
        CHOICE,
        "opening",
    ),
    "an entry is deleted": (sql(f"DELETE FROM leaf WHERE idx = {CHOICE}"), CHOICE, "leaf"),
    "a payload is deleted": (sql(f"DELETE FROM opening WHERE idx = {CHOICE}"), CHOICE, "opening"),
    "a payload is blanked": (
        sql(f"UPDATE opening SET salt1 = NULL, stmt = NULL WHERE idx = {CHOICE}"),
        CHOICE,
        "opening",
    ),
    "only a salt is removed": (
        sql(f"UPDATE opening SET salt1 = NULL WHERE idx = {CHOICE}"),
        CHOICE,
        "opening",
    ),
    "an entry and its payload are deleted": (
        sql(f"DELETE FROM leaf WHERE idx = {CHOICE}", f"DELETE FROM opening WHERE idx = {CHOICE}"),
        CHOICE,
        "leaf",
    ),
    "an entry is taken out and the rest moved up": (
        sql(
            f"DELETE FROM leaf WHERE idx = {CHOICE}",
            f"DELETE FROM opening WHERE idx = {CHOICE}",
            *shifted(-1, CHOICE),
        ),
        CHOICE,
        "leaf",
    ),
    "an entry is put in and the rest moved down": (
        sql(*shifted(1, CHOICE), *copied(50, CHOICE)),
        CHOICE,
        "leaf",
    ),
    "an entry is added at the end": (sql(*copied(50, SIZE)), SIZE, "leaf"),
    "an entry is added before the first": (sql(*copied(50, -1)), -1, "leaf"),
    "a payload is added beyond the end": (sql(copied(50, SIZE)[1]), SIZE, "opening"),
    "a payload is added to a public entry": (sql(copied(50, NOTICE)[1]), NOTICE, "opening"),
    "two entries are exchanged": (sql(*swapped("leaf", CHOICE, 450)), CHOICE, "leaf"),
    "two payloads are exchanged": (sql(*swapped("opening", CHOICE, 450)), CHOICE, "opening"),
    "two entries are exchanged with their payloads": (
        sql(*swapped("leaf", 450, CHOICE), *swapped("opening", 450, CHOICE)),
        450,
        "leaf",
    ),
    "the last entries are cut off": (sql("DELETE FROM leaf WHERE idx >= 600"), 600, "leaf"),
    "a stored leaf hash is edited": (
        flipped("tile", "hashes", "level = 0 AND n = 1", at=(CHOICE - 256) * 32),
        CHOICE,
        "tile",
    ),
    "a stored inner hash is edited": (flipped("tile", "hashes", "level = 1", at=40), 256, "tile"),
    "a tile is deleted": (sql("DELETE FROM tile WHERE level = 0 AND n = 1"), 256, "tile"),
    "a tile is cut short": (sql("UPDATE tile SET hashes = substr(hashes, 1, 320) WHERE n = 1"), 266, "tile"),
    "a tile is too long": (
        sql("UPDATE tile SET hashes = CAST(hashes || zeroblob(32) AS BLOB) WHERE n = 2"),
        512,
        "tile",
    ),
    "a tile is added": (sql("INSERT INTO tile VALUES (0, 9, x'00')"), None, "tile"),
    "the head's size is edited": (sql("UPDATE head SET size = 600"), None, "head"),
    "the head's frontier is edited": (flipped("head", "frontier", "id = 0"), None, "head"),
    "the head's signature is edited": (flipped("head", "checkpoint", "id = 0", at=-20), None, "head"),
    "the head's signed size is edited": (
        sql("UPDATE head SET size = 600, checkpoint = replace(checkpoint, '612', '600')"),
        None,
        "head",
    ),
    "the head is an older one": (
        sql("UPDATE head SET size = 400, checkpoint = (SELECT note FROM published WHERE size = 400)"),
        400,
        "anchor",
    ),
    "the head is deleted": (sql("DELETE FROM head"), None, "head"),
    "a published checkpoint is edited": (
        sql("UPDATE published SET note = replace(note, '400', '401') WHERE size = 400"),
        None,
        "published",
    ),
    "a published checkpoint is moved": (
        sql("UPDATE published SET size = 401 WHERE size = 400"),
        None,
        "published",
    ),
    "a document is edited": (sql("UPDATE document SET body = x'00'"), NOTICE, "document"),
    "a document is deleted": (sql("DELETE FROM document"), NOTICE, "document"),
    "a document is added": (sql("INSERT INTO document VALUES ('00', 0, x'00')"), None, "document"),
    "a document's entry is edited": (sql("UPDATE document SET idx = 0"), NOTICE, "document"),
    "all visitors' tags are removed": (sql("UPDATE opening SET lookup = NULL"), CHOICE, "opening"),
    "all visitors' tags are replaced": (sql("UPDATE opening SET lookup = randomblob(16)"), CHOICE, "opening"),
    "an entry is moved to another visitor": (
        sql(f"UPDATE opening SET lookup = (SELECT lookup FROM opening WHERE idx = 50) WHERE idx = {LONELY}"),
        LONELY,
        "opening",
    ),
    "a tag is given to an entry of no visitor": (
        sql(f"UPDATE opening SET lookup = randomblob(16) WHERE idx = {POLICY}"),
        POLICY,
        "opening",
    ),
    "all published checkpoints are deleted": (sql("DELETE FROM published"), None, "published"),
    "a published checkpoint is given a cosignature": (
        sql("UPDATE published SET cosignatures = 'x' WHERE size = 400"),
        None,
        "published",
    ),
    "a published checkpoint is given a time stamp": (
        sql("UPDATE published SET tsr = x'00' WHERE size = 400"),
        None,
        "published",
    ),
    "a trigger is added": (
        sql("CREATE TRIGGER t AFTER INSERT ON leaf BEGIN DELETE FROM opening; END"),
        None,
        "schema",
    ),
    "an index is dropped": (sql("DROP INDEX opening_lookup"), None, "schema"),
    "a table is rebuilt to hold anything": (
        sql(
            "CREATE TABLE loose AS SELECT * FROM leaf",
            "DROP TABLE leaf",
            "ALTER TABLE loose RENAME TO leaf",
            f"UPDATE leaf SET entry = 'text' WHERE idx = {CHOICE}",
        ),
        CHOICE,
        "leaf",
    ),
    "a row without a number is added to it": (
        sql(
            "CREATE TABLE loose AS SELECT * FROM opening",
            "DROP TABLE opening",
            "ALTER TABLE loose RENAME TO opening",
            "INSERT INTO opening(idx) VALUES (NULL), ('x'), (2.5)",
        ),
        None,
        "opening",
    ),
    "a table is dropped": (sql("DROP TABLE opening"), None, "database"),
}


def test_an_untouched_log_is_in_order_and_says_what_it_holds(folder: Path) -> None:
    report = audit(folder)
    assert report.ok, report.findings
    assert report.size == SIZE
    assert report.counts == {
        "policy": 1,
        "document": 1,
        "choice": SIZE - 2,
        "documents": 1,
        "published": 4,
        "anchors": 1,
    }


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_the_database_names_the_entry(folder: Path, name: str) -> None:
    change, index, table = ATTACKS[name]
    attack(folder, change)
    report = audit(folder)
    assert not report.ok
    assert (index, table) in {(finding.index, finding.table) for finding in report.findings}, report.findings


@pytest.mark.parametrize(
    "name", ["a statement is edited", "a stored leaf hash is edited", "an entry's commitment is edited"]
)
def test_an_innocent_entry_is_not_named(folder: Path, name: str) -> None:
    attack(folder, ATTACKS[name][0])
    assert {finding.index for finding in audit(folder).findings} == {CHOICE}


def test_a_change_that_fits_in_with_everything_but_the_signatures_is_narrowed_down(folder: Path) -> None:
    attack(folder, lambda database: Forger(folder).rewrite(database, CHOICE))
    findings = audit(folder).findings
    assert {finding.table for finding in findings} == {"tree", "head", "published", "anchor"}
    (tree,) = [finding for finding in findings if finding.table == "tree"]
    assert tree.index == 200
    assert "200 to 399" in tree.problem


def test_a_change_signed_with_the_key_is_seen_by_the_guard(folder: Path) -> None:
    attack(folder, lambda database: Forger(folder).rewrite(database, CHOICE))
    attack(folder, lambda database: Forger(folder).sign(database, guard=False))
    assert {finding.table for finding in audit(folder).findings} == {"anchor", "tree"}


def test_a_change_signed_with_key_and_guard_is_seen_only_by_who_kept_a_checkpoint(folder: Path) -> None:
    with opened(folder, read_only=True) as log:
        kept = log.checkpoint
    attack(folder, lambda database: Forger(folder).rewrite(database, CHOICE))
    attack(folder, lambda database: Forger(folder).sign(database, guard=True))
    with opened(folder, read_only=True) as log:
        assert log.verify().ok  # README: an operator with database and key can rewrite what nobody anchored
        with log._store.reading() as view:
            report = verify(view, log.vkey, [kept])
    assert [finding.table for finding in report.findings] == ["tree", "anchor"]


def test_a_log_cut_off_and_signed_anew_is_seen_by_the_guard(folder: Path) -> None:
    attack(folder, sql("DELETE FROM leaf WHERE idx >= 600", "DELETE FROM opening WHERE idx >= 600"))
    attack(folder, lambda database: Forger(folder).sign(database, guard=False))
    findings = audit(folder).findings
    assert (600, "anchor") in {(finding.index, finding.table) for finding in findings}


def test_a_guard_that_was_removed_is_reported(folder: Path) -> None:
    (folder / "keys" / "guard").unlink()
    assert [finding.table for finding in audit(folder).findings] == ["guard"]


def test_an_anchor_signed_by_nobody_we_know_is_reported(folder: Path) -> None:
    with opened(folder, read_only=True) as log, log._store.reading() as view:
        assert [finding.table for finding in verify(view, log.vkey, ["nonsense"]).findings] == ["anchor"]
        with pytest.raises(VerificationError):
            verify(view, "nonsense")


def test_time_running_backwards_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([choice(log, 5)]).result(WAIT)
        log._writer._sequencer._t = 0  # type: ignore[union-attr]
        log.append([choice(log, 3)]).result(WAIT)
        assert [(finding.index, finding.table) for finding in log.verify().findings] == [(1, "time")]


def test_an_entry_replayed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", bytes)
    with opened(tmp_path) as log:
        log.append([choice(log, 5), choice(log, 5)]).result(WAIT)
        assert [(finding.index, finding.table) for finding in log.verify().findings] == [(1, "leaf")]


# Erasure (I7): the tombstone says it, the payload is gone.


@pytest.fixture
def erased(folder: Path) -> Path:
    with opened(folder) as log:
        stones = [
            {"first": 300, "last": 301, "segment": "subj", "reason": "request"},
            {"list": [310, 312], "segment": "both", "reason": "retention"},
        ]
        log.append([Record(Kind.TOMBSTONE, 9000, stone) for stone in stones]).result(WAIT)
    attack(
        folder,
        sql(
            "UPDATE opening SET lookup = NULL, salt2 = NULL, subj = NULL WHERE idx IN (300, 301, 310)",
            "UPDATE opening SET salt1 = NULL, stmt = NULL WHERE idx = 310",
            "DELETE FROM opening WHERE idx = 312",
        ),
    )
    return folder


def test_what_a_tombstone_names_may_be_gone(erased: Path) -> None:
    report = audit(erased)
    assert report.ok, report.findings
    assert report.counts["erased"] == 4
    with opened(erased, read_only=True) as log:
        stored = log.get(300)
        assert stored
        assert (stored.subj, stored.stmt is None, stored.intact) == (None, False, True)


@pytest.mark.parametrize(
    ("change", "index"),
    [
        (sql("UPDATE opening SET salt1 = NULL, stmt = NULL WHERE idx = 300"), 300),
        (sql("DELETE FROM opening WHERE idx = 311"), 311),
        (sql("UPDATE opening SET lookup = x'00' WHERE idx = 301"), 301),
        (sql(*copied(20, 312)[1:]), 312),
    ],
)
def test_no_more_and_no_less_than_a_tombstone_names_may_be_gone(
    erased: Path, change: Attack, index: int
) -> None:
    attack(erased, change)
    assert {finding.index for finding in audit(erased).findings} == {index}


@pytest.mark.parametrize(
    "stone",
    [
        {},
        {"first": 1, "last": 2},
        {"first": 1, "last": 9999, "segment": "both"},
        {"list": ["x"], "segment": "stmt"},
    ],
)
def test_a_tombstone_that_says_nothing_sensible_is_named(folder: Path, stone: dict[str, object]) -> None:
    with opened(folder) as log:
        log.append([Record(Kind.TOMBSTONE, 9000, stone)]).result(WAIT)
    assert [(finding.index, finding.table) for finding in audit(folder).findings] == [(SIZE, "leaf")]


# Checks in the domain's terms


def test_checks_see_every_entry_in_order_and_their_words_are_findings(folder: Path) -> None:
    seen: list[int] = []

    def check(stored: Stored) -> Iterator[str]:
        seen.append(stored.index)
        if stored.stmt and stored.stmt.get("number") == CHOICE:
            yield "a choice outside its categories"

    with opened(folder, read_only=True) as log:
        report = log.verify([check])
    assert seen == list(range(SIZE))
    assert [(f.index, f.table, f.problem) for f in report.findings] == [
        (CHOICE, "check", "a choice outside its categories")
    ]


def test_a_check_that_chokes_on_an_entry_is_a_finding(folder: Path) -> None:
    def check(stored: Stored) -> list[str]:
        return [stored.stmt["choices"]["marketing"]] if stored.index == CHOICE and stored.stmt else []

    with opened(folder, read_only=True) as log:
        assert [finding.index for finding in log.verify([check]).findings] == [CHOICE]


def test_findings_stop_at_a_thousand_and_are_counted_on(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([choice(log, number) for number in range(1500)]).result(WAIT)
        report = log.verify([lambda stored: ["no"]])
    assert (len(report.findings), report.more) == (1000, 500)


# Sizes that nobody signed


@pytest.mark.parametrize("size", [2**60, 3, -5])
def test_a_head_that_can_not_be_trusted_makes_no_entry_up_and_hides_none(folder: Path, size: int) -> None:
    attack(folder, sql(f"UPDATE head SET size = {size}, checkpoint = 'x'"))
    report = audit(folder)
    assert report.size == SIZE
    assert {(finding.index, finding.table) for finding in report.findings} == {(None, "head")}


def test_with_no_head_at_all_the_entries_are_checked_all_the_same(folder: Path) -> None:
    attack(folder, sql("DELETE FROM head", f"DELETE FROM leaf WHERE idx = {CHOICE}"))
    assert [(f.index, f.table) for f in audit(folder).findings] == [(CHOICE, "leaf"), (None, "head")]


@pytest.mark.parametrize("guard", [b"", b"hello", b"\xff\xfe", None])
def test_a_guard_that_says_nothing_is_reported(folder: Path, guard: bytes | None) -> None:
    file = folder / "keys" / "guard"
    file.unlink()
    if guard is None:
        file.mkdir()
    else:
        file.write_bytes(guard)
    file.chmod(0o700)
    assert {finding.table for finding in audit(folder).findings} == {"guard" if guard is None else "anchor"}


@pytest.mark.parametrize("stone", [{"list": 5}, {"list": [-(10**15)]}, {"first": -(10**15), "last": 1}])
def test_a_tombstone_that_points_nowhere_is_named(folder: Path, stone: dict[str, object]) -> None:
    with opened(folder) as log:
        log.append([Record(Kind.TOMBSTONE, 9000, {**stone, "segment": "both"})]).result(WAIT)
    assert [(finding.index, finding.table) for finding in audit(folder).findings] == [(SIZE, "leaf")]


def test_clamped_times_are_counted_and_the_furthest_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([choice(log, 9), choice(log, 3), choice(log, 7), choice(log, 9)]).result(WAIT)
        report = log.verify()
    assert report.ok, report.findings
    assert (report.counts["clamped"], report.counts["milliseconds clamped at most"]) == (2, 6)
