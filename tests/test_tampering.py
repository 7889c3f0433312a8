"""prooflog §8: who notices each attack, made with the database alone and then with the key as well.

Three look: `verify` on the operator's machine with the key folder's guard, and whoever brings a receipt from
before: the victim, and a visitor who came later. What passes `verify` alone stands in SECURITY.md.
"""

from pathlib import Path

import pytest
from forgery import Attack, Forger, attack, copied, excused, made_up, shifted, sql, swapped
from stores import Database, copied_log, place_in_postgres, store_url

from consentkit.proof.bundle import verify_receipt
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.log import ProofLog
from consentkit.proof.verify import verify

pytestmark = pytest.mark.sampled
ORIGIN = "shop.example/consent"
WAIT = 30
SIZE, VICTIM, LATER, CUT = 30, 12, 28, 24


def opened(folder: Path) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN)


def choice(log: ProofLog, number: int) -> Record:
    cid = b"visitor %d" % number
    stmt = {"choices": {"analytics": False}, "number": number}
    return Record(Kind.CHOICE, 1000 + number, stmt, {"sub": subject_id(cid)}, log.lookup(cid))


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory, database: str, request: pytest.FixtureRequest
) -> tuple[Path, str, str]:
    """A log of 30 entries and two visitors' receipts, each as it came with the answer."""
    folder = tmp_path_factory.mktemp("original")
    if database == "postgres":
        place_in_postgres(folder, request.getfixturevalue("cluster"), ORIGIN)
    with opened(folder) as log:
        receipts = [log.append([choice(log, number)]).result(WAIT)[0].receipt for number in range(SIZE)]
    return folder, receipts[VICTIM], receipts[LATER]


def edited(database: Database) -> None:
    """The victim's refusal becomes a grant, in the payload alone."""
    changed = database.execute("UPDATE opening SET stmt = x'7b7d' WHERE idx = ?", (VICTIM,))
    assert changed.rowcount == 1


def rewritten(database: Database) -> None:
    Forger(Path()).rewrite(database, VICTIM)


def both(*changes: Attack) -> Attack:
    return lambda database: [change(database) for change in changes]


REMOVED = (f"DELETE FROM leaf WHERE idx = {VICTIM}", f"DELETE FROM opening WHERE idx = {VICTIM}")
CUT_OFF = (f"DELETE FROM leaf WHERE idx >= {CUT}", f"DELETE FROM opening WHERE idx >= {CUT}")
EXCHANGED = (*swapped("leaf", VICTIM, 20), *swapped("opening", VICTIM, 20))
BLANKED = f"UPDATE opening SET salt1 = NULL, stmt = NULL WHERE idx = {VICTIM}"

VERIFY, HIS, HERS = "verify", "the victim's receipt", "a later visitor's receipt"
ALL, NOBODY = {VERIFY, HIS, HERS}, set[str]()

# What is done, and who notices: with the database alone, and once all that it changes is signed anew.
ATTACKS: dict[str, tuple[Attack, set[str], set[str] | None]] = {
    "a payload is edited": (edited, {VERIFY}, {VERIFY}),
    "a payload and its entry are edited": (rewritten, ALL, {HIS, HERS}),
    "a record is deleted": (sql(*REMOVED), {VERIFY}, None),
    "a record is deleted and the rest moved up": (
        sql(*REMOVED, *shifted(-1, VICTIM)),
        {VERIFY},
        {HIS, HERS},
    ),
    "two records are exchanged": (sql(*EXCHANGED), {VERIFY}, ALL),  # time runs backwards
    "a payload is deleted without a tombstone": (sql(BLANKED), {VERIFY}, {VERIFY}),
    "a payload is deleted, with a tombstone made up": (
        both(sql(BLANKED), excused(SIZE, VICTIM, 9000)),
        {VERIFY},
        NOBODY,
    ),
    "a record is put in": (both(sql(*shifted(1, 5)), made_up(5, 1004)), {VERIFY}, {HIS, HERS}),
    "a record is made up at the end": (made_up(SIZE, 9000), {VERIFY}, NOBODY),
    "the last records are cut off": (sql(*CUT_OFF), {VERIFY}, {HERS}),
    "an old record is replayed at the end": (sql(*copied(VICTIM, SIZE)), {VERIFY}, {VERIFY}),
}


def noticing(folder: Path, his: str, hers: str) -> set[str]:
    with opened_for_audit(folder) as log:
        found = set() if log.verify().ok else {VERIFY}
        with log._store.reading() as view:
            for who, receipt in ((HIS, his), (HERS, hers)):
                findings = verify(view, log.vkey, receipts=[receipt]).findings
                found |= {who for finding in findings if finding.table == "receipt"}
        # On its own, without the log, a receipt holds for ever.
        assert [verify_receipt(receipt, log.vkey) for receipt in (his, hers)] == [VICTIM, LATER]
    return found


def opened_for_audit(folder: Path) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN, read_only=True)


@pytest.fixture
def folder(
    original: tuple[Path, str, str], tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> Path:
    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    return copied_log(original[0], tmp_path / "log", cluster)


def test_nobody_has_anything_to_say_about_an_untouched_log(
    folder: Path, original: tuple[Path, str, str]
) -> None:
    assert noticing(folder, *original[1:]) == NOBODY


@pytest.mark.parametrize("name", ATTACKS)
def test_with_the_database_alone(folder: Path, original: tuple[Path, str, str], name: str) -> None:
    change, expected, _ = ATTACKS[name]
    attack(folder, change)
    assert noticing(folder, *original[1:]) == expected


@pytest.mark.parametrize("name", [name for name in ATTACKS if ATTACKS[name][2] is not None])
def test_with_the_key_as_well(folder: Path, original: tuple[Path, str, str], name: str) -> None:
    change, _, expected = ATTACKS[name]
    attack(folder, change)
    attack(folder, lambda database: Forger(folder).sign(database, guard=True))
    assert noticing(folder, *original[1:]) == expected
