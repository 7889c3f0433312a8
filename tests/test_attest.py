"""Asking outside, round by round: what is due is asked for, what fails is asked again, nobody waits."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from outside import Answer, Authority, LocalWitness, answering, unsigned_stamp
from sample import app, browsing, choose
from stores import place_in_postgres, store_url

from consentkit.cli import main
from consentkit.errors import ConfigurationError
from consentkit.proof.attest import Attester, Rounds, Stamps, attesting, read_quorum
from consentkit.proof.entry import Kind, Record
from consentkit.proof.handover import Place, close
from consentkit.proof.keys import ATTESTING
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Checkpoint
from consentkit.proof.quorum import Quorum
from consentkit.proof.shards import Shards
from consentkit.proof.store import Attested
from consentkit.proof.stores import open_store
from consentkit.proof.timestamp import read_stamp
from consentkit.proof.turns import turn
from consentkit.proof.verify import Trust

ORIGIN = "shop.example/consent"
WAIT = 30
START = 1_788_177_600_000
HOUR = 3_600_000


class Instant:
    """UTC ms that tests move by hand."""

    def __init__(self) -> None:
        self.t = START

    def __call__(self) -> int:
        return self.t


class Site:
    """A log, and who asks outside for it: stamps come from here, witnesses by HTTP."""

    def __init__(self, folder: Path, witnesses: list[tuple[LocalWitness, str]]) -> None:
        self.log = ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN, publish_every=1e9)
        self.folder, self.clock, self.ahead, self.stamped = folder, Instant(), 0, 0
        for witness, _ in witnesses:
            witness.trust(self.log.vkey)
        lines = [f"witness {it.name} {it.vkey} {url}" for it, url in witnesses]
        self.quorum = Quorum.parse("\n".join([*lines, "quorum none"]))
        self.attester = self.another()

    def another(self) -> Attester:
        """What another process of this machine would ask by."""
        store = open_store(store_url(self.folder), self.folder / "keys", 5)
        lock, stamps = self.folder / "keys" / ATTESTING, Stamps("http://tsa.example", 3600)
        return Attester(store, lock, stamps, self.quorum, self.clock, self.stamp)

    def stamp(self, url: str, note: bytes, seconds: float) -> bytes:
        """Stand in for `stamps.stamp`, whose own tests ask OpenSSL."""
        self.stamped += 1
        return unsigned_stamp(note, self.clock() + self.ahead)

    def grow(self, count: int = 1) -> None:
        self.log.append([Record(Kind.ACCESS, self.clock(), {"n": n}) for n in range(count)]).result(WAIT)

    def rows(self) -> list[Attested]:
        with self.log._store.reading() as view:
            return list(view.attested())

    def published(self) -> list[int]:
        with self.log._store.reading() as view:
            return [size for size, _ in view.published()]


@contextmanager
def site(folder: Path, *answers: Any) -> Iterator[Site]:
    """Yield a site with witnesses that answer so."""
    with ExitStack() as stack:
        witnesses = []
        for number, answer in enumerate(answers):
            witness = answer if isinstance(answer, LocalWitness) else LocalWitness(f"w{number}")
            url = stack.enter_context(answering(witness.answer if answer is witness else answer))
            witnesses.append((witness, url))
        made = Site(folder, witnesses)
        yield made
        made.attester.close()
        made.log.close()


def test_a_round_publishes_stamps_and_has_cosigned_what_is_new(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    if database == "postgres":
        place_in_postgres(tmp_path, request.getfixturevalue("cluster"), ORIGIN)
    one, two = LocalWitness("w1"), LocalWitness("w2")
    with site(tmp_path, one, two) as here:
        here.attester.round()
        assert (here.rows(), here.stamped, one.asked) == ([], 0, [])  # of an empty log nobody speaks
        here.grow(3)
        here.attester.round()
        here.attester.round()
        (row,) = here.rows()
        assert (row.size, len(row.cosignatures.splitlines()), here.published()) == (3, 2, [0, 3])
        assert read_stamp(row.token, here.log.checkpoint.encode()) == START
        here.grow(300)
        here.clock.t += HOUR - 1
        here.attester.round()
        assert [(row.size, bool(row.token)) for row in here.rows()] == [(303, False), (3, True)]
        assert (one.asked, two.asked, here.stamped) == ([0, 3], [0, 3], 1)
        here.clock.t += 1
        here.attester.round()
        assert [bool(row.token) for row in here.rows()] == [True, True]
        here.clock.t += HOUR
        here.attester.round()  # nothing new to stamp
        assert here.stamped == 2
        assert here.log.verify(trust=Trust(read_stamp, here.quorum)).ok


def test_processes_of_a_machine_ask_once_together(tmp_path: Path) -> None:
    witness = LocalWitness("w")
    with site(tmp_path, witness) as here:
        here.grow()
        with turn(tmp_path / "keys" / ATTESTING, 1):
            here.attester.round()
            assert here.rows() == []  # another is at it
        here.attester.round()
        other = here.another()
        other.round()
        here.grow()
        other.round()
        assert (witness.asked, here.stamped) == ([0, 0, 1], 1)  # it can't know what was asked before it came
        other.close()


def test_what_fails_is_told_once_and_asked_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good, calls = LocalWitness("good"), []

    def ill(_: str, body: bytes) -> Answer:
        calls.append(body)
        return 404, "text/plain", b""

    with site(tmp_path, ill, good) as here:
        here.ahead = 30_001
        for _ in range(3):
            here.grow()
            here.attester.round()
        clocks = (
            "it says 2026-08-31 12:00:30+00:00, this machine said 2026-08-31 12:00:00+00:00 when it asked"
        )
        assert [record.getMessage() for record in caplog.records if record.module == "attest"] == [
            f"no time stamp could be had: {clocks}",
            "the witness w0 didn't cosign: it doesn't know this log (status 404)",
        ]
        assert (len(calls), here.stamped) == (3, 1)  # a time stamp is asked for again after a minute
        assert [len(row.cosignatures.splitlines()) for row in here.rows()] == [1, 1, 1]
        here.clock.t += HOUR
        here.grow()
        here.attester.round()
        assert caplog.text.count("the witness w0 didn't cosign") == 2  # and once an hour
        here.ahead = 0
        here.clock.t += 60_000
        here.attester.round()
        assert here.stamped == 3
        assert sum(bool(row.token) for row in here.rows()) == 1


def test_another_machine_that_was_faster_is_no_trouble_but_a_log_cut_off_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = [3, 9]

    def ahead(_: str, __: bytes) -> Answer:
        here.grow(2)  # the others' entries
        return 409, "text/x.tlog.size", b"%d\n" % seen.pop(0)

    with site(tmp_path, ahead) as here:
        here.grow()
        here.attester.round()
        assert "didn't cosign" not in caplog.text
        here.attester.round()
        assert "the witness w0 didn't cosign: it has seen 9 entries, this log shows 3" in caplog.text


def test_a_database_that_is_gone_ends_no_round(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with site(tmp_path) as here:
        here.grow()
        (tmp_path / "log.db").rename(tmp_path / "away")
        here.attester.round()
        (tmp_path / "away").rename(tmp_path / "log.db")
        here.attester.round()
        assert [row.size for row in here.rows()] == [1]
    assert "can't be published now" in caplog.text


def test_spoiled_proofs_are_made_anew(tmp_path: Path) -> None:
    witness = LocalWitness("w")
    with site(tmp_path, witness) as here:
        here.grow()
        here.attester.round()
        here.log._store.attest(1, token=b"spoiled", cosignatures="x\n")
        here.another().round()
        (row,) = here.rows()
        assert read_stamp(row.token, row.note.encode()) == START
        assert here.stamped == 2


def test_an_append_waits_for_nobody_outside(tmp_path: Path) -> None:
    with site(tmp_path) as here:
        here.grow()

        def slowly(*_: object) -> bytes:
            here.grow(5)  # from within the question itself
            raise OSError("nobody there")

        here.attester._stamp = slowly
        here.attester.round()
        assert here.log.size == 6


def test_rounds_go_on_to_the_log_of_the_next_year_and_look_after_the_one_before(tmp_path: Path) -> None:
    clock, stamped = Instant(), []

    def make(place: Place) -> Attester:
        def stamp(_: str, note: bytes, __: float) -> bytes:
            stamped.append(
                (place.keys.name, Checkpoint.parse(note.decode().partition("\n\n")[0] + "\n").size)
            )
            return unsigned_stamp(note, clock())

        store = open_store(place.store, place.keys, 5)
        return Attester(store, place.keys / ATTESTING, Stamps("http://tsa.example", 3600), None, clock, stamp)

    with closing(Shards.open(store_url(tmp_path), tmp_path / "keys", origin="shop.example/2026")) as logs:
        rounds = Rounds(make, lambda: logs.places)
        logs.append([Record(Kind.ACCESS, START, {})] * 3).result(WAIT)
        rounds.go()
        close(logs.newest, "shop.example/2027", START)
        logs.follow()
        clock.t += HOUR
        rounds.go()
        rounds.go()
        assert stamped == [("keys", 3), ("keys", 4), ("2027", 1)]
        assert [shard.log.verify(trust=Trust(read_stamp)).ok for shard in logs._shards] == [True, True]
        rounds.close()


# The operator's options


@pytest.mark.parametrize(
    ("text", "every"),
    [("https://tsa.example/x", 3600), (" http://tsa.example hourly", 3600), ("http://t daily", 86400)],
)
def test_an_authority_is_an_address_and_how_often(text: str, every: int) -> None:
    assert Stamps.parse(text) == Stamps(text.split()[0], every)


@pytest.mark.parametrize(
    "text", ["tsa.example", "file:///etc/passwd", "https://tsa.example weekly", "https://", "http://[", "x y"]
)
def test_what_is_no_address_of_an_authority_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        attesting(text, None, Instant())


def test_a_file_of_witnesses_is_read_or_refused_with_the_reason(tmp_path: Path) -> None:
    file, witness = tmp_path / "witnesses", LocalWitness("w")
    assert attesting(None, None, Instant()) is None
    for text, problem in {
        "quorum w\n": "can't say 'quorum w'",
        f"witness w {witness.vkey}\nquorum w\n": "doesn't say where to ask the witness w",
        f"witness w {witness.vkey} ftp://w.example\nquorum w\n": "not an address",
    }.items():
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=problem):
            attesting(None, file, Instant())
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_quorum(tmp_path / "nowhere")


def test_without_the_extra_an_operator_and_an_auditor_are_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "consentkit.proof.stamps", None)
    with pytest.raises(ConfigurationError, match=r"consentkit\[stamp\]"):
        attesting("https://tsa.example", None, Instant())
    with site(tmp_path) as here:
        here.grow()
        where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
        assert "consentkit[stamp]" in run("audit", "verify", *where, "--tsa-root", "root.pem", code=2)


def test_a_site_asks_while_it_runs_and_an_auditor_is_convinced_by_the_roots_they_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: middleware, thread, OpenSSL's authority, a witness, bundle, both verifiers."""
    monkeypatch.setattr("consentkit.proof.attest.ROUND_SECONDS", 0.01)
    authority, witness, file = Authority(tmp_path / "tsa"), LocalWitness("w"), tmp_path / "witnesses"
    witness.now = int(time.time())
    with browsing(app(), tmp_path, clock=lambda: datetime.now(UTC)) as client:
        witness.trust(client.get("/consent/log/vkey").text.strip())
        choose(client, "analytics")
        assert client.get("/consent/receipt?cosigned").status_code == 404
        client.app.kit.close()
    with answering(authority.answer) as tsa, answering(witness.answer) as url:
        file.write_text(f"witness w {witness.vkey} {url}\nquorum w\n")
        options = {"stamps": tsa, "witnesses": file, "clock": lambda: datetime.now(UTC)}
        with browsing(app(), tmp_path, **options) as client:
            choose(client, "analytics")
            size, store = client.app.kit.log.size, client.app.kit.log.newest.log._store
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with store.reading() as view:
                    rows = list(view.attested())
                if any(row.token for row in rows) and rows[0].size == size and rows[0].cosignatures:
                    break
            proof = client.get("/consent/receipt?cosigned")
            assert (proof.status_code, f"— {witness.name} " in proof.text) == (200, True)
            client.app.kit.close()

    where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    trust = ["--tsa-root", str(authority.root), "--witnesses", str(file)]
    good = json.loads(run("audit", "verify", *where, *trust, "--json"))
    assert (good["ok"], good["counts"]["time stamps"], good["counts"]["not yet witnessed"]) == (True, 1, 0)
    vkey = json.loads(run("audit", "export", str(tmp_path / "b"), *where, *trust[2:], "--json"))["vkey"]
    bundle = ["audit", "verify", str(tmp_path / "b"), "--key", vkey]
    assert "1 time stamps, by whom wasn't checked" in run(*bundle)
    assert "1 time stamps, by" not in run(*bundle, *trust)
    other = Authority(tmp_path / "other").root
    assert "isn't by an authority you trust" in run(*bundle, "--tsa-root", str(other), code=1)
    assert "can't be used" in run(*bundle, "--witnesses", str(other), code=2)


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == code, done.output
    return done.output
