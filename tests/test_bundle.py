"""The auditor's bundle: files alone tell the same story, and any file that doesn't is found."""

import base64
import json
import runpy
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

import consentkit.proof
from consentkit.errors import ConfigurationError, VerificationError
from consentkit.proof.bundle import Bundle, verify_bundle, verify_receipt
from consentkit.proof.entry import Kind, Opening, Record
from consentkit.proof.log import ProofLog
from consentkit.proof.merkle import leaf_hash
from consentkit.proof.note import Receipt, Verifier, open_checkpoint

VERIFIER = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
ORIGIN = "shop.example/consent"
WAIT = 30
SIZE, CHOICE = 300, 270
DOCUMENT = sha256(b"We ask you.").hexdigest()


def opened(folder: Path, **options: object) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    for stop in (100, SIZE):
        with opened(folder) as log:
            if not log.size:
                notice = Record(
                    Kind.DOCUMENT, 1, {"name": "en", "media_type": "text/plain"}, body=b"We ask you."
                )
                log.append([notice]).result(WAIT)
            records = [Record(Kind.CHOICE, n, {"n": n}, {"country": "FR"}) for n in range(log.size, stop)]
            log.append(records).result(WAIT)
    return folder


@pytest.fixture
def bundle(source: Path, tmp_path: Path) -> tuple[Path, str]:
    with opened(source, read_only=True) as log:
        log.export(tmp_path / "bundle")
        return tmp_path / "bundle", log.vkey


def test_a_bundle_verifies_with_nothing_but_the_key(bundle: tuple[Path, str], source: Path) -> None:
    folder, vkey = bundle
    with opened(source, read_only=True) as log:
        anchors = [log.checkpoint, Receipt.parse(log.receipt(5)).checkpoint]
        in_store = log.verify()
    report = verify_bundle(folder, vkey, anchors)
    assert report.ok, report.findings
    assert report.counts == {"choice": SIZE - 1, "document": 1, "documents": 1, "published": 3, "anchors": 2}
    assert in_store.ok
    assert report.size == in_store.size == SIZE


def test_the_files_are_where_tlog_tiles_says(bundle: tuple[Path, str], source: Path) -> None:
    folder, vkey = bundle
    names = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert names == {
        "MANIFEST.json",
        "checkpoint",
        "policy.txt",
        "verify.py",
        "openings.jsonl",
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
        "published/0.note",
        "published/100.note",
        "published/300.note",
        f"documents/{DOCUMENT}",
    }
    assert (folder / "policy.txt").read_text() == f"log {vkey}\nquorum none\n"
    checkpoint = open_checkpoint((folder / "checkpoint").read_text(), Verifier.parse(vkey))
    assert checkpoint.size == SIZE
    framed = (folder / "tile/entries/001.p/44").read_bytes()
    assert framed[:2] == b"\x00\x42"
    assert leaf_hash(framed[2:68]) == (folder / "tile/0/001.p/44").read_bytes()[:32]
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert (manifest["origin"], manifest["vkey"], manifest["from"], manifest["to"]) == (ORIGIN, vkey, 0, SIZE)


def test_the_bundle_holds_no_way_to_find_a_visitor(bundle: tuple[Path, str]) -> None:
    lines = (bundle[0] / "openings.jsonl").read_text().splitlines()
    assert all(set(json.loads(line)) == {"idx", "t", "salt1", "stmt", "salt2", "subj"} for line in lines)


def test_a_bundle_never_mixes_with_what_is_there(bundle: tuple[Path, str], source: Path) -> None:
    with opened(source, read_only=True) as log, pytest.raises(ConfigurationError, match="isn't empty"):
        log.export(bundle[0])


def bytes_changed(name: str, at: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[at] ^= 1
        (folder / name).write_bytes(data)

    return change


def line_changed(index: int, **fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        lines = [json.loads(line) for line in (folder / "openings.jsonl").read_text().splitlines()]
        for line in lines:
            if line["idx"] == index:
                line.update(fields)
        (folder / "openings.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    return change


def lines_filtered(keep: Callable[[dict[str, object]], int]) -> Callable[[Path], None]:
    """Each line as often as `keep` says."""

    def change(folder: Path) -> None:
        lines = (folder / "openings.jsonl").read_text().splitlines(keepends=True)
        (folder / "openings.jsonl").write_text("".join(line * keep(json.loads(line)) for line in lines))

    return change


def written(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)


def appended(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + data)


def cut(name: str, length: int) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:length])


def removed(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


FORGED = base64.b64encode(b'{"n":0,"t":270}').decode()

# name: (what is done to the files, the entry to be named, the table to be named)
ATTACKS: dict[str, tuple[Callable[[Path], object], int | None, str]] = {
    "entry edited": (bytes_changed("tile/entries/001.p/44", (CHOICE - 256) * 68 + 10), CHOICE, "leaf"),
    "entries cut off": (cut("tile/entries/001.p/44", 20 * 68), 276, "leaf"),
    "entry cut in two": (cut("tile/entries/001.p/44", 20 * 68 + 9), 276, "leaf"),
    "entries gone": (removed("tile/entries/000"), 0, "leaf"),
    "entry added": (
        appended("tile/entries/001.p/44", b"\x00\x01x"),
        SIZE,
        "leaf",
    ),
    "hash edited": (bytes_changed("tile/0/001.p/44", (CHOICE - 256) * 32), CHOICE, "tile"),
    "inner hash edited": (bytes_changed("tile/1/000.p/1", 3), 0, "tile"),
    "tile gone": (removed("tile/1/000.p/1"), 0, "tile"),
    "statement edited": (line_changed(CHOICE, stmt=FORGED), CHOICE, "opening"),
    "subject edited": (line_changed(CHOICE, subj=FORGED), CHOICE, "opening"),
    "salt edited": (line_changed(CHOICE, salt1=base64.b64encode(bytes(32)).decode()), CHOICE, "opening"),
    "time edited": (line_changed(CHOICE, t=1), CHOICE, "opening"),
    "payload blanked": (line_changed(CHOICE, stmt=None, salt1=None), CHOICE, "opening"),
    "payload gone": (lines_filtered(lambda line: line["idx"] != CHOICE), CHOICE, "opening"),
    "payload moved": (line_changed(CHOICE, idx=SIZE), SIZE, "opening"),
    "payload twice": (lines_filtered(lambda line: 1 + (line["idx"] == CHOICE)), None, "openings.jsonl"),
    "payload not base64": (line_changed(CHOICE, stmt="???"), CHOICE, "opening"),
    "payload not text": (line_changed(CHOICE, stmt=5), None, "openings.jsonl"),
    "index not a number": (line_changed(CHOICE, idx="270"), CHOICE, "opening"),
    "payloads not JSON": (written("openings.jsonl", b"{]\n[]\n5\n"), 1, "opening"),
    "checkpoint edited": (bytes_changed("checkpoint", -20), None, "head"),
    "checkpoint not a note": (written("checkpoint", b"hello"), None, "checkpoint"),
    "checkpoint not text": (written("checkpoint", b"\xff\xfe"), None, "checkpoint"),
    "checkpoint gone": (removed("checkpoint"), None, "head"),
    "checkpoint huge": (
        written("checkpoint", b"o\n999999999999999999\n" + base64.b64encode(bytes(32)) + b"\n\n\n"),
        None,
        "head",
    ),
    "published edited": (bytes_changed("published/100.note", -20), None, "published"),
    "published renamed": (
        lambda folder: (folder / "published/100.note").rename(folder / "published/x.note"),
        None,
        "published",
    ),
    "document edited": (written(f"documents/{DOCUMENT}", b"We don't ask."), 0, "document"),
    "document gone": (removed(f"documents/{DOCUMENT}"), 0, "document"),
    "document added": (written("documents/00", b"x"), None, "document"),
}


def alone(folder: Path, vkey: str, *, old: Sequence[str] = (), receipts: Sequence[str] = ()) -> Any:
    """Return what the bundle's own verifier finds; the code is ours, as the bundle's may be tampered with."""
    audit = VERIFIER["Audit"](folder)
    found = audit.run(VERIFIER["read_key"](vkey), list(old), list(receipts))
    # The choices here say nothing at all: what is to be said of that is test_standalone's to compare.
    return {(index, table) for index, table, _ in found if table != "check"}, audit.counts


def same_alone(folder: Path, vkey: str, anchors: Sequence[str] = (), receipts: Sequence[str] = ()) -> None:
    """Both verifiers count the same, and find fault with the same."""
    report = verify_bundle(folder, vkey, anchors, receipts=receipts)
    found, counts = alone(folder, vkey, old=anchors, receipts=receipts)
    assert found == {(finding.index, finding.table) for finding in report.findings}
    assert counts == report.counts


def relisted(folder: Path) -> None:
    """Make the manifest agree with the files, as whoever changes them would."""
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "MANIFEST.json"]
    manifest["files"] = {
        file.relative_to(folder).as_posix(): sha256(file.read_bytes()).hexdigest() for file in files
    }
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_tampered_bundle_is_found_though_its_manifest_agrees(bundle: tuple[Path, str], name: str) -> None:
    folder, vkey = bundle
    change, index, table = ATTACKS[name]
    change(folder)
    relisted(folder)
    report = verify_bundle(folder, vkey)
    assert (index, table) in {(finding.index, finding.table) for finding in report.findings}, report.findings
    same_alone(folder, vkey)


@pytest.mark.parametrize(
    ("change", "table"),
    [
        (bytes_changed("policy.txt", 0), "policy.txt"),
        (removed("policy.txt"), "policy.txt"),
        (written("notes.txt", b"hello"), "notes.txt"),
        (written("MANIFEST.json", b"{}"), "MANIFEST.json"),
        (written("MANIFEST.json", b"not json"), "MANIFEST.json"),
        (removed("MANIFEST.json"), "MANIFEST.json"),
    ],
)
def test_files_that_the_manifest_does_not_vouch_for_are_found(
    bundle: tuple[Path, str], change: Callable[[Path], object], table: str
) -> None:
    folder, vkey = bundle
    change(folder)
    assert table in {finding.table for finding in verify_bundle(folder, vkey).findings}
    same_alone(folder, vkey)


def test_an_older_bundle_is_found_by_a_newer_anchor(
    bundle: tuple[Path, str], source: Path, tmp_path: Path
) -> None:
    folder, vkey = bundle
    (folder / "checkpoint").write_bytes((folder / "published/100.note").read_bytes())
    with opened(source, read_only=True) as log:
        report = verify_bundle(folder, vkey, [log.checkpoint])
    assert (100, "anchor") in {(finding.index, finding.table) for finding in report.findings}


def test_a_bundle_of_another_key_is_not_believed(bundle: tuple[Path, str], tmp_path: Path) -> None:
    with opened(tmp_path) as other:
        report = verify_bundle(bundle[0], other.vkey)
    assert "head" in {finding.table for finding in report.findings}


def test_a_hole_in_the_store_stays_a_hole_in_the_bundle(source: Path, tmp_path: Path) -> None:
    with opened(source, read_only=True) as log, log._store.reading() as view:
        copy = sqlite3.connect(tmp_path / "log.db")
        view._connection.backup(copy)  # type: ignore[attr-defined]
        vkey = log.vkey
    with closing(copy), copy:
        copy.execute("DELETE FROM leaf WHERE idx = ?", (CHOICE,))
    with ProofLog.open(
        f"sqlite:///{tmp_path / 'log.db'}", source / "keys", origin=ORIGIN, read_only=True
    ) as log:
        log.export(tmp_path / "bundle")
    assert CHOICE in {finding.index for finding in verify_bundle(tmp_path / "bundle", vkey).findings}


def test_a_folder_that_is_no_bundle_is_told_so_without_a_crash(
    tmp_path: Path, bundle: tuple[Path, str]
) -> None:
    for folder in (tmp_path / "nothing", tmp_path):
        assert not verify_bundle(folder, bundle[1]).ok


def test_erased_payloads_travel_as_null(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append([Record(Kind.CHOICE, 1, {"n": 1})]).result(WAIT)
        log.append([Record(Kind.TOMBSTONE, 2, {"list": [0], "segment": "both"})]).result(WAIT)
        vkey = log.vkey
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("UPDATE opening SET salt1 = NULL, stmt = NULL, salt2 = NULL, subj = NULL")
    with opened(tmp_path, read_only=True) as log:
        log.export(tmp_path / "bundle")
    assert json.loads((tmp_path / "bundle" / "openings.jsonl").read_text())["stmt"] is None
    report = verify_bundle(tmp_path / "bundle", vkey)
    assert report.ok, report.findings
    assert report.counts["erased"] == 1
    assert list(Bundle(tmp_path / "bundle").openings(0, 9)) == [(0, Opening(1, None, None, None, None, None))]


def test_a_receipt_is_checked_on_its_own(source: Path) -> None:
    with opened(source, read_only=True) as log:
        text, stored = log.receipt(7), log.get(7)
        assert stored
        assert verify_receipt(text, log.vkey) == 7
        assert verify_receipt(text, log.vkey, stored.entry) == 7
        with pytest.raises(VerificationError, match="another entry"):
            verify_receipt(text, log.vkey, b"\x01\x01" + bytes(64))
        with pytest.raises(VerificationError):
            verify_receipt(text.replace("index 7", "index 8"), log.vkey)


def test_a_folder_that_can_not_be_written_is_told_in_words(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with opened(source, read_only=True) as log:
        for folder in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(ConfigurationError, match="file"):
                log.export(folder)


def test_a_bundle_tells_a_visitor_s_tag_under_its_commitment(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        record = Record(Kind.CHOICE, 1, {"n": 1}, {"sub": "x"}, log.lookup(b"visitor"))
        log.append([record]).result(WAIT)
        log.export(tmp_path / "bundle")
        assert verify_bundle(tmp_path / "bundle", log.vkey).ok
        (opening,) = dict(Bundle(tmp_path / "bundle").openings(0, 1)).values()
        assert opening.lookup == log.lookup(b"visitor")
