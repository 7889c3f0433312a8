"""What others said of checkpoints bounds what entries can claim, to both verifiers alike."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from outside import LocalWitness, unsigned_stamp
from stores import copied_log, database, place_in_postgres, store_url

import consentkit.proof
from consentkit.proof.bundle import verify_bundle
from consentkit.proof.entry import Kind, Record
from consentkit.proof.erasure import requested
from consentkit.proof.log import ProofLog
from consentkit.proof.quorum import NONE, Quorum
from consentkit.proof.timestamp import read_stamp
from consentkit.proof.verify import Report, Trust
from consentkit.proof.witnessed import LATE, SLACK

ALONE = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
ORIGIN = "shop.example/consent"
WAIT = 30
HOUR = 3_600_000
KINDS = ("note", "tsr", "cosignatures")
START = 1_788_177_600_000  # 31 August 2026, noon
ONE, TWO = LocalWitness("w.example/1"), LocalWitness("w.example/2")
POLICY = f"witness w1 {ONE.vkey}\nwitness w2 {TWO.vkey}\ngroup some {{}} w1 w2\nquorum some\n"


def opened(folder: Path) -> ProofLog:
    return ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN)


def grow(log: ProofLog, *times: int) -> None:
    log.append([Record(Kind.ACCESS, t, {"n": n}) for n, t in enumerate(times)]).result(WAIT)


def publish(log: ProofLog, stamped: int | None = None, by: Sequence[LocalWitness] = ()) -> None:
    """List the newest checkpoint, time-stamped at `stamped` (UTC ms), and cosigned a second later."""
    head, _ = log._store.publish()
    text, token = head.checkpoint.rpartition("\n\n")[0] + "\n", None
    if stamped is not None:
        token = unsigned_stamp(head.checkpoint.encode(), stamped)
        ONE.now = TWO.now = stamped // 1000 + 1
    lines = "".join(witness.cosignature(text) for witness in by)
    log._store.attest(head.size, cosignatures=lines, token=token)


def hourly(log: ProofLog, hours: int) -> None:
    """Ten entries an hour, four minutes between them, each hour stamped at its end."""
    for hour in range(hours):
        begin = START + hour * HOUR
        grow(log, *range(begin, begin + 40 * 60_000, 4 * 60_000))
        publish(log, begin + HOUR, [ONE, TWO][: hour + 1])


def audits(log: ProofLog, folder: Path, policy: str | None = None, **options: Any) -> Report:
    """What a store's verification finds, once a bundle's and the bundle's own file were found to agree."""
    quorum = Quorum.parse(policy) if policy else None
    report = log.verify(trust=Trust(quorum=quorum, **options))
    log.export(folder, quorum=quorum or NONE)
    agreed(folder, log.vkey, report)
    shutil.rmtree(folder)
    return report


def agreed(folder: Path, vkey: str, report: Report | None = None) -> Report:
    bundled = verify_bundle(folder, vkey)
    audit = ALONE["Audit"](folder)
    found = audit.run(ALONE["read_key"](vkey), [], [])
    assert (places(bundled), bundled.counts) == ([place[:2] for place in found], audit.counts)
    if report:
        counts = {name: count for name, count in report.counts.items() if name != "anchors"}
        assert (places(bundled), bundled.counts) == (places(report), counts)
    return bundled


def places(report: Report) -> list[tuple[int | None, str]]:
    return [(finding.index, finding.table) for finding in report.findings]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[ProofLog]:
    with opened(tmp_path) as log:
        yield log


def test_a_log_stamped_each_hour_holds_and_tells_for_how_long_times_were_open(
    log: ProofLog, tmp_path: Path
) -> None:
    hourly(log, 4)
    grow(log, START + 4 * HOUR + 1)
    report = audits(log, tmp_path / "bundle", POLICY.format("any"))
    assert report.ok, report.findings
    assert report.counts == {
        "access": 41,
        "published": 5,
        "anchors": 1,
        "time stamps, by whom wasn't checked": 4,
        "not yet stamped": 1,
        "minutes until stamped at most": 60,
        "cosignatures": 7,
        "not yet witnessed": 1,
    }


def test_a_time_stamp_taken_away_shows_in_how_long_times_were_open(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 4)
    with database(tmp_path) as hands:
        assert hands.execute("UPDATE published SET tsr = NULL WHERE size = 20").rowcount == 1
        assert hands.execute("DELETE FROM published WHERE size = 30").rowcount == 1
    report = audits(log, tmp_path / "bundle")
    assert report.ok
    assert report.counts["minutes until stamped at most"] == 180


def test_an_entry_later_than_the_time_stamp_over_it_is_found(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 1)
    late = START + 3 * HOUR + SLACK
    grow(log, START + 2 * HOUR, late, late + 1, late + 5)
    publish(log, START + 3 * HOUR)
    report = audits(log, tmp_path / "bundle")
    assert places(report) == [(12, "time"), (13, "time")]
    assert "was time-stamped at 2026-08-31 15:00:00" in report.findings[0].problem


def test_only_the_clock_that_ran_ahead_is_found_not_who_was_clamped_to_it(
    log: ProofLog, tmp_path: Path
) -> None:
    for t in (START, START + 9 * HOUR, START + 1000, START + 2000):
        grow(log, t)
    publish(log, START + HOUR)
    report = audits(log, tmp_path / "bundle")
    assert (places(report), report.counts["clamped"]) == ([(1, "time")], 2)


def test_an_entry_made_up_for_an_hour_that_is_stamped_already_is_found(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 1)
    grow(log, START + HOUR // 2, START + HOUR - SLACK - 1, START + HOUR - SLACK, START + 2 * HOUR)
    report = audits(log, tmp_path / "bundle")
    assert places(report) == [(10, "time"), (11, "time")]
    assert "wasn't there when the log was time-stamped at 2026-08-31 13:00:00" in report.findings[0].problem


def test_an_erasure_that_takes_long_does_not_claim_the_time_it_began(
    log: ProofLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each tombstone takes two minutes here, and the log is time-stamped meanwhile."""
    hourly(log, 1)
    seconds = iter(range(0, 999, 120))

    def monotonic() -> int:
        passed = next(seconds)
        if passed > 120:
            publish(log, START + 2 * HOUR + 1000 * passed)
        return passed

    monkeypatch.setattr("consentkit.proof.erasure._MOST_ENTRIES", 1)
    monkeypatch.setattr("consentkit.proof.log.time", SimpleNamespace(monotonic=monotonic))
    log.erase(requested([2, 5, 7]), START + 2 * HOUR)
    report = audits(log, tmp_path / "bundle")
    assert places(report) == []
    assert (report.counts["tombstone"], report.counts["time stamps, by whom wasn't checked"]) == (3, 3)


def test_every_time_stamp_counts_not_only_the_next(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 1)
    grow(log, START + 5 * HOUR)
    publish(log, START + 9 * HOUR)  # late
    grow(log, START + 9 * HOUR)
    publish(log, START + 2 * HOUR)  # and yet before
    report = audits(log, tmp_path / "bundle")
    assert places(report) == [(10, "time"), (11, "time")]


def test_who_names_an_authority_wants_its_time_stamps(log: ProofLog, tmp_path: Path) -> None:
    grow(log, START)
    (finding,) = log.verify(trust=Trust(read_stamp)).findings
    assert (finding.table, "no time stamp" in finding.problem) == ("outside", True)
    publish(log, START + HOUR)
    report = log.verify(trust=Trust(read_stamp))
    assert (report.ok, report.counts["time stamps"]) == (True, 1)


def test_a_quorum_that_nothing_has_is_found(log: ProofLog, tmp_path: Path) -> None:
    grow(log, START)
    publish(log, START, [ONE])
    assert audits(log, tmp_path / "bundle", POLICY.format("any")).ok
    report = audits(log, tmp_path / "bundle", POLICY.format("all"))
    assert places(report) == [(None, "outside")]
    assert report.counts["not yet witnessed"] == 1
    publish(log, START, [TWO])  # by and by
    assert audits(log, tmp_path / "bundle", POLICY.format("all")).ok
    stranger = f"witness w1 {LocalWitness('w').vkey}\nquorum w1\n"
    assert places(audits(log, tmp_path / "bundle", stranger)) == [(None, "outside")]


def test_witnesses_that_fell_silent_are_found(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 1)
    grow(log, ONE.now * 1000 + LATE)
    assert audits(log, tmp_path / "bundle", POLICY.format("any")).ok
    grow(log, ONE.now * 1000 + LATE + 1)
    report = audits(log, tmp_path / "bundle", POLICY.format("any"))
    assert (places(report), report.counts["not yet witnessed"]) == ([(None, "outside")], 2)


def test_an_auditor_s_own_witnesses_come_before_those_that_a_bundle_names(
    log: ProofLog, tmp_path: Path
) -> None:
    grow(log, START)
    publish(log, START, [ONE])
    log.export(tmp_path / "bundle", quorum=Quorum.parse(POLICY.format("any")))
    assert agreed(tmp_path / "bundle", log.vkey).ok
    mine = f"witness w2 {TWO.vkey}\nquorum w2\n"
    report = verify_bundle(tmp_path / "bundle", log.vkey, trust=Trust(quorum=Quorum.parse(mine)))
    assert places(report) == [(None, "outside")]
    audit = ALONE["Audit"](tmp_path / "bundle")
    found = audit.run(ALONE["read_key"](log.vkey), [], [], ALONE["Witnesses"](mine))
    assert [place[:2] for place in found] == places(report)
    (tmp_path / "mine").write_text(mine)
    for policy, code, words in (("mine", 1, "the quorum w2 asks for"), ("log.db", 2, "control characters")):
        command = [sys.executable, "-I", tmp_path / "bundle/verify.py", "--witnesses", tmp_path / policy]
        done = subprocess.run([*command, "--key", log.vkey], capture_output=True, text=True, check=False)
        assert (done.returncode, words in done.stdout + done.stderr) == (code, True)


def test_a_range_brings_what_was_said_before_and_after_it(log: ProofLog, tmp_path: Path) -> None:
    hourly(log, 6)
    log.export(tmp_path / "bundle", 24, 27, Quorum.parse(POLICY.format("any")))
    names = {path.name for path in (tmp_path / "bundle/published").iterdir()}
    assert names == {"0.note"} | {f"{n}.{kind}" for n in (20, 30, 60) for kind in KINDS}
    assert agreed(tmp_path / "bundle", log.vkey).ok


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, database: str, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path_factory.mktemp("original")
    if database == "postgres":
        place_in_postgres(folder, request.getfixturevalue("cluster"), ORIGIN)
    with opened(folder) as log:
        hourly(log, 3)
    return folder


def copying(column: str) -> str:
    there = f"SELECT {column} FROM published WHERE size = 30"
    return f"UPDATE published SET {column} = ({there}) WHERE size = 20"


ATTACKS = {
    "a time stamp moved": copying("tsr"),
    "a time stamp spoiled": "UPDATE published SET tsr = x'30' WHERE size = 20",
    "a cosignature moved": copying("cosignatures"),
    "a cosignature spoiled": "UPDATE published SET cosignatures = 'x' WHERE size = 20",
    "a checkpoint forged": "UPDATE published SET note = replace(note, '20', '21') WHERE size = 20",
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", ATTACKS)
def test_what_was_done_to_it_is_found_in_either_store(
    original: Path, tmp_path: Path, database: str, name: str, request: pytest.FixtureRequest
) -> None:
    from stores import database as hands_on

    cluster = request.getfixturevalue("cluster") if database == "postgres" else None
    folder = copied_log(original, tmp_path / "log", cluster)
    with opened(folder) as log:
        with hands_on(folder) as hands:
            assert hands.execute(ATTACKS[name]).rowcount == 1
        found = set(places(audits(log, tmp_path / "bundle", POLICY.format("any"))))
    assert found == {(None, "published")}


def test_stores_list_a_checkpoint_once_and_keep_what_comes_beside_it(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgres":
        place_in_postgres(tmp_path, request.getfixturevalue("cluster"), ORIGIN)
    with opened(tmp_path) as log:
        store = log._store
        grow(log, START)
        assert [store.publish(), store.publish()] == [(log._head(), True), (log._head(), False)]
        with store.reading() as view:
            assert list(view.attested()) == []
        store.attest(1, token=b"one")
        store.attest(1, cosignatures="— a AAAA\n")
        store.attest(1, cosignatures="— b AAAA\n", token=b"two")
        store.attest(7, token=b"nowhere")
        store.attest(0, token=b"zero")
        with store.reading() as view:
            rows = [(row.size, row.cosignatures, row.token) for row in view.attested()]
        assert rows == [(1, "— a AAAA\n— b AAAA\n", b"two"), (0, "", b"zero")]
