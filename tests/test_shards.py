"""A year's log is closed and the next one goes on: nobody is asked again, and an auditor sees the seam."""

import asyncio
import json
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sample import Clock, app, august, browsing, choose, policy
from stores import database as hands
from stores import place_in_postgres, store_url

import consentkit.proof
from consentkit.answer import Answer
from consentkit.cli import main
from consentkit.errors import ConfigurationError, LogClosed, LogRefused, VerificationError
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent
from consentkit.proof.address import beside
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind, Record
from consentkit.proof.erasure import requested
from consentkit.proof.handover import Place, Shard, close, located, name_of, prepared, successor_of
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog
from consentkit.proof.rotation import retire, rotate
from consentkit.proof.shards import Shards
from consentkit.proof.succession import Predecessor, Successor

ALONE = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
ORIGIN, NEXT = "shop.example/2026", "shop.example/2027"
WAIT = 30


def opened(folder: Path, **options: Any) -> Shards:
    return Shards.open(store_url(folder), folder / "keys", origin=ORIGIN, **options)


def choice(number: int) -> Record:
    return Record(Kind.CHOICE, 1000 + number, {"n": number})


@pytest.fixture
def folder(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> Path:
    if database == "postgres":
        place_in_postgres(tmp_path, request.getfixturevalue("cluster"), ORIGIN)
    return tmp_path


@pytest.fixture
def shards(folder: Path) -> Iterator[Shards]:
    with_three = opened(folder)
    with_three.append([choice(n) for n in range(3)]).result(WAIT)
    yield with_three
    with_three.close()


def test_what_is_closed_takes_no_more_and_says_where_it_goes_on(shards: Shards, folder: Path) -> None:
    other = opened(folder)
    old = shards.newest.log
    close(shards.newest, NEXT, 5000)
    for log in (old, other.newest.log):  # the process that closed it, and one that knows nothing yet
        error = log.append([choice(9)]).exception(WAIT)
        assert isinstance(error, LogClosed)
        assert (error.successor, NEXT in str(error)) == (NEXT, True)
    assert [entry.kind for entry in old.entries()] == [*[Kind.CHOICE] * 3, Kind.CLOSE]
    with old._store.reading() as view:
        assert [size for size, _ in view.published()][-1] == 4
    other.follow()
    assert other.append([choice(9)]).result(WAIT)[0].index == 1
    assert (other.size, shards.size) == (6, 6)
    other.close()
    with ProofLog.open(store_url(folder), folder / "keys", origin=ORIGIN) as again:
        assert isinstance(again.append([choice(9)]).exception(WAIT), LogClosed)
        assert again.verify().findings == []


def test_the_next_log_begins_with_what_the_last_one_ended_with(shards: Shards) -> None:
    old = shards.newest.log
    text = b"We ask you."
    old.append([Record(Kind.DOCUMENT, 2, {"name": "en", "media_type": "text/plain"}, body=text)]).result(WAIT)
    old.append([Record(Kind.POLICY, 3, {"version": "v1"}, {"actor": "file"}), choice(3)]).result(WAIT)
    new = close(shards.newest, NEXT, 5000).log
    first, document, published = new.entries()
    assert first.stmt == {
        "closed": {
            "origin": ORIGIN,
            "vkey": old.vkey,
            "size": 7,
            "root": first.stmt and first.stmt["closed"]["root"],
        },
        "first": 7,
        "t": 5000,
    }
    assert new.document((document.stmt or {})["sha256"]).body == text  # type: ignore[union-attr]
    assert (published.stmt, published.subj) == ({"version": "v1", "t": 5000}, {"actor": "file"})
    assert new.verify(anchors=[old.checkpoint]).findings == []
    assert new.keys.identity == old.keys.identity != new.vkey
    assert new.lookup(b"x") == old.lookup(b"x"), "whose export names a tag is found in every year by it"


def test_every_year_is_verified_and_to_go_on_from_where_the_one_before_ended(
    shards: Shards, folder: Path
) -> None:
    close(shards.newest, NEXT, 5000).log.close()
    reports = [report for _, report in shards.verify_each(tuple)]
    assert [(report.findings, report.counts["anchors"]) for report in reports] == [([], 1), ([], 2)]
    with hands(folder) as there:
        there.execute("UPDATE opening SET created_ms = created_ms + 1 WHERE idx = 1")
    altered, whole = [report.findings for _, report in shards.verify_each(tuple)]
    assert ([found.index for found in altered], whole) == ([1], [])


def test_entries_are_numbered_through_and_found_by_their_visitor_in_every_year(shards: Shards) -> None:
    def visitor(n: int) -> Record:
        return Record(Kind.CHOICE, 9000 + n, {"n": n}, {"sub": "x"}, shards.lookup(b"cid"))

    shards.append([visitor(3)]).result(WAIT)
    for number, origin in ((4, NEXT), (6, "shop.example/2028")):
        close(shards.newest, origin, 9000 + number)
        shards.follow()
        shards.append([visitor(number)]).result(WAIT)
    found = shards.of_visitor(b"cid")
    assert [entry.index for entry in found] == [3, 6, 9]
    assert [(shards.get(entry.index).stmt or {})["n"] for entry in found] == [3, 4, 6]  # type: ignore[union-attr]
    listed = [entry.index for entry in shards.entries()]
    assert listed == list(range(10)) == list(range(shards.size))
    assert [entry.index for entry in shards.entries(newest_first=True, limit=5)] == listed[:4:-1]
    assert [entry.index for entry in shards.entries(start=2, stop=7)] == listed[2:7]
    assert [entry.index for entry in shards.entries(kind=Kind.SUCCESSION)] == [5, 8]
    proofs = [shards.proof(entry.index) for entry in found]
    assert [verify_receipt(proof["receipt"], proof["vkey"]) for proof in proofs] == [3, 1, 1]
    assert shards.get(99) is None


def test_a_receipt_of_any_year_and_any_key_tells_its_entry_s_number(shards: Shards, tmp_path: Path) -> None:
    log = shards.newest.log
    early = log.append([choice(3)]).result(WAIT)[0]
    rotate(log, 5000)
    retire(log, 5000)
    close(shards.newest, NEXT, 9000)
    shards.follow()
    late = shards.append([choice(4)]).result(WAIT)[0]
    assert late.index < early.index
    assert [shards.proved(each.receipt) for each in (early, late)] == [3, shards.newest.first + late.index]
    for name, origin in (("forged", ORIGIN), ("foreign", "stranger.example")):
        with ProofLog.open(f"sqlite:///{tmp_path}/{name}.db", tmp_path / name, origin=origin) as other:
            receipt = other.append([choice(3)]).result(WAIT)[0].receipt
        with pytest.raises(VerificationError):
            shards.proved(receipt)


def test_a_right_to_erasure_does_not_end_with_the_year(shards: Shards) -> None:
    old = shards.newest.log
    close(shards.newest, NEXT, 5000)
    old.erase(requested([1]), 6000)
    assert [entry.kind for entry in old.entries()][-2:] == [Kind.CLOSE, Kind.TOMBSTONE]
    entry = old.get(1)
    assert entry
    assert entry.subj is None
    assert old.verify().findings == []
    error = old.append([choice(9)]).exception(WAIT)
    assert isinstance(error, LogClosed)
    shards.follow()
    assert [entry.index for entry in shards.entries()] == list(range(5))
    log = shards.newest.log
    assert isinstance(log.append([Successor(ORIGIN, "x").closing(0), choice(9)]).exception(WAIT), LogClosed)
    assert log.append([choice(9)]).result(WAIT)[0].index == 1  # and nothing has closed it


def test_closing_again_ends_what_was_cut_off_and_never_names_another(shards: Shards, folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="another last part"):
        close(shards.newest, "other.example/2026", 0)
    keys = prepared(shards.newest, NEXT)
    shards.newest.log.append([Successor(NEXT, keys.vkeys[0]).closing(5000)]).result(WAIT)
    first = close(shards.newest, NEXT, 6000)
    assert [entry.kind for entry in first.log.entries()] == [Kind.SUCCESSION]
    again = close(shards.newest, NEXT, 7000)
    assert (again.log.vkey, again.log.size, again.first) == (first.log.vkey, 1, 4)
    with pytest.raises(LogClosed):
        close(shards.newest, "shop.example/2028", 7000)
    shutil.rmtree(folder / "keys" / "2027")
    with pytest.raises(ConfigurationError, match="no keys folder"):
        shards.follow()
    Keys.open(folder / "keys" / "2027", NEXT, create=True)
    with pytest.raises(LogRefused, match="aren't those"):
        shards.follow()
    for shard in (first, again):
        shard.log.close()


@pytest.mark.parametrize("name", [ORIGIN, NEXT, "other.example/2027"])
def test_no_log_is_closed_for_one_that_came_before_it(shards: Shards, folder: Path, name: str) -> None:
    """What `close` names stands for good, so it is refused before it is said."""
    for origin in (NEXT, "shop.example/2028"):
        close(shards.newest, origin, 5000).log.close()
        shards.follow()
    with pytest.raises(ConfigurationError, match="needs a name of its own"):
        close(shards.newest, name, 6000)
    assert successor_of(shards.newest.log) is None
    assert [name for _, name in located(Place(store_url(folder), folder / "keys"), ORIGIN)][2:] == [
        "shop.example/2028"
    ]


@pytest.mark.sqlite
def test_a_year_does_not_begin_in_a_store_that_is_there_already(shards: Shards, folder: Path) -> None:
    (folder / "log-2027.db").write_bytes(b"another's")
    with pytest.raises(ConfigurationError, match="needs a name of its own"):
        prepared(shards.newest, NEXT)
    assert not (folder / "keys" / "2027").exists()


@pytest.mark.sqlite
def test_logs_that_lead_round_in_a_circle_are_not_followed_for_ever(shards: Shards, folder: Path) -> None:
    for origin in (NEXT, "shop.example/2028"):
        close(shards.newest, origin, 5000).log.close()
        shards.follow()
    back = shards._shards[1].log.vkey
    shards.newest.log.append([Successor(NEXT, back).closing(5000)]).result(WAIT)
    there = Place(store_url(folder), folder / "keys")
    for follow in (shards.follow, lambda: list(located(there, ORIGIN))):
        with pytest.raises(LogRefused, match="in a circle"):
            follow()
    assert NEXT in (name for _, name in located(there, ORIGIN))  # that one can be looked at all the same


@pytest.mark.parametrize(
    ("store", "own", "expected"),
    [
        ("sqlite:///log.db", "2026", "sqlite:///log-2027.db"),
        ("sqlite:////data/log-2026.db", "2026", "sqlite:////data/log-2027.db"),
        ("postgresql://u:p@h/d", "2026", "postgresql://u:p@h/d?schema=consentkit_2027"),
        (
            "postgresql:///d?host=/x&schema=a_2026",
            "2026",
            "postgresql:///d?host=%2Fx&schema=a_2027",
        ),
    ],
)
@pytest.mark.sqlite
def test_a_year_s_store_lies_beside_the_last_one_s(store: str, own: str, expected: str) -> None:
    assert beside(store, own, "2027") == expected


@pytest.mark.sqlite
def test_where_the_next_log_is_can_be_told_from_any_one_of_them() -> None:
    first = Place("sqlite:///log.db", Path("keys"))
    second = first.of_next(ORIGIN, NEXT)
    assert second == Place("sqlite:///log-2027.db", Path("keys/2027"))
    assert second.of_next(NEXT, "x/2028") == Place("sqlite:///log-2028.db", Path("keys/2028"))
    assert name_of("consent.example.com/Year 2027!") == "year_2027"


# Verification: what stands after `close`, and where the next log begins


class Forger:
    """Signs whatever it likes: it holds all keys, and its sequencer has forgotten the rules."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        monkeypatch.setattr("consentkit.proof.succession.Ending.refusal", lambda *_: None)

    def checked(self, name: str, records: list[Record], olds: tuple[str, ...] = ()) -> set[Any]:
        """Write a log of these and verify it, as a store and as a bundle, both ways; return the findings."""
        folder = self.folder / name
        with ProofLog.open(f"sqlite:///{folder}.db", folder, origin=NEXT) as log:
            log.append(records).result(WAIT)
            found = {(f.index, f.table) for f in log.verify(anchors=olds).findings}
            for start in {0, log.size - 1}:
                bundle = self.folder / f"{name} from {start}"
                log.export(bundle, start)
                ours = verify_bundle(bundle, log.vkey, olds).findings
                alone = ALONE["Audit"](bundle).run(ALONE["read_key"](log.vkey), list(olds), [])
                assert {(f.index, f.table) for f in ours} == {
                    (i, table) for i, table, _ in alone if table != "check"
                }
                assert found == {(f.index, f.table) for f in ours}
        return found


@pytest.fixture
def forger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forger:
    return Forger(tmp_path, monkeypatch)


@pytest.mark.sqlite
def test_nothing_but_tombstones_stands_after_a_close(forger: Forger) -> None:
    closing = Successor("shop.example/2028", "x").closing(1)
    stone = Record(Kind.TOMBSTONE, 2, {"first": 1, "last": 1, "segment": "subj", "reason": "request"})
    kinds = [choice(0), closing, stone, choice(1)]
    assert forger.checked("a", [choice(0), closing]) == set()
    assert forger.checked("b", kinds) >= {(3, "leaf")}
    assert forger.checked("c", [closing, closing]) == {(1, "leaf")}
    assert forger.checked("d", [choice(0), Record(Kind.CLOSE, 1, {"next": {"origin": 5, "vkey": "x"}})]) == {
        (1, "leaf")
    }


@pytest.mark.sqlite
def test_what_stands_after_a_close_can_not_be_left_out_of_a_bundle(forger: Forger, tmp_path: Path) -> None:
    """A range shows all public entries: of those after `close` there are no others."""
    closing = Successor("shop.example/2028", "x").closing(1)
    with ProofLog.open(f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "keys", origin=NEXT) as log:
        log.append([closing, *[choice(n) for n in range(600)]]).result(WAIT)
        log.export(tmp_path / "bundle", 0, 1)
        ours = verify_bundle(tmp_path / "bundle", log.vkey).findings
        alone = ALONE["Audit"](tmp_path / "bundle").run(ALONE["read_key"](log.vkey), [], [])
    told = {(index, table) for index, table, _ in alone if table != "check"}
    assert {(f.index, f.table) for f in ours} == told
    assert (0, "of the entries after this one, which closed the log, not all are shown") in {
        (f.index, f.problem) for f in ours
    }


@pytest.mark.sqlite
def test_a_successor_that_begins_with_something_else_is_found_by_the_last_checkpoint(
    forger: Forger, tmp_path: Path
) -> None:
    with ProofLog.open(f"sqlite:///{tmp_path / 'old.db'}", tmp_path / "old", origin=ORIGIN) as old:
        begun = old.checkpoint
        old.append([choice(0), Successor(NEXT, "x").closing(1)]).result(WAIT)
        kept, vkey = old.checkpoint, old.vkey
        root = consentkit.proof.note.open_checkpoint(kept, old.keys.verifier).root.hex()
        old.erase(requested([0]), 2)
        later = old.checkpoint
    good = Predecessor(ORIGIN, vkey, 2, root, 2)
    liar = Predecessor(ORIGIN, vkey, 2, "00" * 32, 2)
    other = Keys.open(tmp_path / "another", ORIGIN, create=True).vkey
    stranger = Predecessor(ORIGIN, other, 2, root, 2)
    assert forger.checked("good", [good.succession(1)], (kept,)) == set()
    for number, note in enumerate((later, begun)):  # nothing is wrong with them, nor with erasing later
        assert forger.checked(f"beside {number}", [good.succession(1)], (note,)) == set()
    for name, before, note in (("liar", liar, kept), ("stranger", stranger, kept)):
        assert forger.checked(name, [before.succession(1)], (note,)) == {(None, "anchor")}
    assert forger.checked("none", [choice(0)], (kept,)) == {(None, "anchor")}
    assert forger.checked("late", [choice(0), good.succession(1001)]) == {(1, "leaf")}
    itself = Predecessor(NEXT, vkey, 2, root, 2)
    assert forger.checked("itself", [itself.succession(1)]) == {(0, "leaf")}
    for name, stmt in (("empty", {}), ("short", {"closed": {"origin": ORIGIN}, "first": 2})):
        assert forger.checked(name, [Record(Kind.SUCCESSION, 1, stmt)]) == {(0, "leaf")}


# A site


@pytest.mark.sqlite
def test_visitors_notice_nothing_when_the_year_changes_under_a_running_site(tmp_path: Path) -> None:
    clock = Clock(august().now)
    with browsing(app(), tmp_path, clock=clock) as client:
        assert choose(client, "analytics").json()["index"] == (before := client.app.kit.log.size - 1)  # type: ignore[attr-defined]
        root = Shard.of(client.app.kit.log.newest.log, Place(client.app._store, Path(client.app._keys)))  # type: ignore[attr-defined]
        rotate(root.log, 1)
        new = close(root, "shop.example/2027", 1)
        new.log.close()
        assert client.get("/consent/state").json()["allowed"] == ["necessary", "analytics"]
        answer = choose(client, "marketing")
        assert answer.status_code == 201
        last = client.app.kit.log.get(answer.json()["index"])  # type: ignore[attr-defined]
        assert (last.stmt["previous"], answer.json()["index"] > before) == (before, True)
        rows = client.get("/consent/export").json()["records"]
        assert [row["index"] for row in rows] == [before, answer.json()["index"]]
        assert [verify_receipt(row["receipt"], row["vkey"]) >= 0 for row in rows] == [True, True]
        assert client.get("/consent/log/checkpoint").text.startswith("shop.example/2027\n")
        assert client.get("/consent/receipt").status_code == 200
        cookies = dict(client.cookies)
    with browsing(app(), tmp_path, clock=clock) as client:  # as after a restart
        client.cookies.update(cookies)
        assert client.get("/consent/state").json()["allowed"] == ["necessary", "marketing"]
        assert choose(client).status_code == 201
        for _, report in client.app.kit.log.verify_each(claims):  # type: ignore[attr-defined]
            assert report.ok, report.findings


@pytest.mark.sqlite
def test_a_worker_whose_log_was_closed_meanwhile_records_the_answer_all_the_same(tmp_path: Path) -> None:
    """And one that has appended nothing yet sees what another one recorded in the new log."""
    clock = august()

    def kit() -> ConsentKit:
        store = f"sqlite:///{tmp_path / 'log.db'}"
        return ConsentKit(policy(), store=store, keys=tmp_path / "keys", clock=clock)

    def answer(one: ConsentKit, consent: Consent | None, *granted: str) -> Consent:
        categories = {category: category in granted for category in one.edition.policy.categories}
        wish = Answer(categories, one.edition.policy.version, "banner", "en")
        return asyncio.run(one.record(consent, wish, {"ua": "Firefox"}, clock())).consent

    one, other, third = kit(), kit(), kit()
    first = answer(one, None, "analytics")
    close(one.log.newest, "corner-shop/2027", 1).log.close()
    second = answer(other, first)
    assert [shard.log.origin for shard in other.log._shards] == ["corner-shop/consent", "corner-shop/2027"]
    assert second.index > first.index
    assert third.history.newest(first) == second
    assert successor_of(one.log.newest.log) is not None
    for each in (one, other, third):
        each.close()


def run(folder: Path, *arguments: str, code: int = 0) -> Any:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    done = CliRunner().invoke(main, [*arguments, *where, "--json"])
    assert done.exit_code == code, done.output
    return [json.loads(line) for line in done.stdout.splitlines()] if not code else done.output


@pytest.mark.sqlite
def test_an_operator_closes_the_year_and_commands_are_about_the_log_that_goes_on(tmp_path: Path) -> None:
    with browsing(app(), tmp_path, clock=august()) as client:
        choose(client, "analytics")
        closing = ["audit", "close", "--next", "shop.example/2027"]
        (prepared,) = run(tmp_path, *closing)
        assert (prepared["closed"], run(tmp_path, "audit", "log")[0]["kind"]) == (False, "choice")
        (closed,) = run(tmp_path, *closing, "--yes")
        assert (closed["closed"], closed["vkey"]) == (True, prepared["vkey"])
        assert choose(client).status_code == 201
    assert run(tmp_path, "audit", "log")[0]["kind"] == "withdrawal"
    assert run(tmp_path, "key", "list")[0]["keys"] == [{"vkey": closed["vkey"], "signs": True}]
    old = ["--shard", "corner-shop/consent"]
    assert run(tmp_path, "audit", "log", *old)[0]["kind"] == "close"
    for shard in ([], old):
        assert run(tmp_path, "audit", "verify", *shard)[0]["ok"]
    export = tmp_path / "bundle"
    run(tmp_path, "audit", "export", str(export), *old)
    kept = str(export / "checkpoint")
    assert run(tmp_path, "audit", "verify", "--old", kept)[0]["counts"]["anchors"] == 2
    assert "no log shop.example/2030" in run(tmp_path, "audit", "log", "--shard", "shop.example/2030", code=2)
    assert "is closed" in run(tmp_path, "key", "rotate", *old, code=2)
    assert not [*tmp_path.rglob("signing-2.pem")], "nor is a key left that nobody will name"
