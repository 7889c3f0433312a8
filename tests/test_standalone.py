"""The verifier inside a bundle: nothing but Python, and the same answer as `consentkit audit verify`."""

import ast
import asyncio
import json
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from outside import LocalWitness, unsigned_stamp
from sample import Clock, august, policy

import consentkit.proof
from consentkit.answer import Answer
from consentkit.kit import ConsentKit
from consentkit.proof.bundle import verify_bundle
from consentkit.proof.claims import claims
from consentkit.proof.entry import Draft, Kind, Record, subject_id
from consentkit.proof.erasure import aged, requested
from consentkit.proof.log import ProofLog
from consentkit.proof.quorum import Quorum
from consentkit.proof.rotation import retire, rotate

SOURCE = Path(consentkit.proof.__file__).with_name("verify.py.txt")
ALONE = runpy.run_path(str(SOURCE))
WAIT = 30


def answer(kit: ConsentKit, *granted: str) -> Answer:
    choices = {category: category in granted for category in kit.edition.policy.categories}
    return Answer(choices, kit.edition.policy.version, "banner", "en")


def milliseconds(clock: Clock) -> int:
    return round(clock().timestamp() * 1000)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProofLog]:
    """A site's log of some 1,100 entries under two policies and two keys, with erasures."""
    folder, clock = tmp_path_factory.mktemp("site"), august()
    store, keys = f"sqlite:///{folder / 'log.db'}", folder / "keys"
    for services in (["google-analytics"], ["google-analytics", "youtube"]):
        kit = ConsentKit(policy(services=services), store=store, keys=keys, clock=clock)
        genuine = asyncio.run(kit.record(None, answer(kit, "analytics"), {"ua": "Firefox"}, clock())).consent
        entry = kit.log.get(genuine.index)
        assert entry
        stmt = {key: value for key, value in (entry.stmt or {}).items() if key != "t"}
        for _ in range(2):
            clock.move(days=1)
            t, visitors = milliseconds(clock), [os.urandom(16) for _ in range(250)]
            subjects = [({"sub": subject_id(cid)}, kit.log.lookup(cid)) for cid in visitors]
            records = [Record(Kind.CHOICE, t, stmt, subj, tag) for subj, tag in subjects]
            kit.log.append(records).result(WAIT)
        change_key = retire if len(kit.log.keys.verifiers) > 1 else rotate
        change_key(kit.log.newest.log, milliseconds(clock))
        kit.log.newest.log.erase(
            requested([genuine.index, genuine.index + 3, genuine.index + 4]), milliseconds(clock)
        )
        kit.close()
    with ProofLog.open(store, keys, origin="corner-shop/consent") as log:
        log.erase(aged(milliseconds(august()) + 1000, {"months": 6}), milliseconds(clock))
        speak_for(log, milliseconds(clock))
        yield log


WITNESSES = [LocalWitness(f"witness.example/{number}") for number in range(3)]
LINES = "".join(f"witness w{number} {it.vkey}\n" for number, it in enumerate(WITNESSES))
QUORUM = Quorum.parse(f"{LINES}group most 2 w0 w1 w2\nquorum most\n")


def speak_for(log: ProofLog, t: int) -> None:
    """Have the newest checkpoint time-stamped and cosigned by two of three at `t` (UTC ms)."""
    head, _ = log._store.publish()
    text = head.checkpoint.rpartition("\n\n")[0] + "\n"
    lines = "".join(witness.cosignature(text) for witness in WITNESSES[:2])
    log._store.attest(head.size, cosignatures=lines, token=unsigned_stamp(head.checkpoint.encode(), t))


SPANS = {"whole": (0, None), "middle": (600, 650), "start": (0, 40), "end": (1000, None), "none": (300, 300)}


@pytest.fixture(scope="module")
def exported(site: ProofLog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    for name, (start, stop) in SPANS.items():
        site.export(folder / name, start, stop, QUORUM)
    return folder


def both(folder: Path, vkey: str, olds: Sequence[str] = (), receipts: Sequence[str] = ()) -> tuple[Any, Any]:
    """Return what each verifier finds, as comparable values."""
    report = verify_bundle(folder, vkey, olds, claims(), receipts)
    audit = ALONE["Audit"](folder)
    found = audit.run(ALONE["read_key"](vkey), list(olds), list(receipts))
    if report.more:  # too many to compare
        return (report.ok, report.scope), (not found, audit.scope)
    ours = {(finding.index, finding.table) for finding in report.findings}
    alone = {(index, table) for index, table, _ in found}
    return (ours, report.counts, report.size, report.scope), (alone, audit.counts, audit.size, audit.scope)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", "-W", "error", str(folder / "verify.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent)


@pytest.mark.parametrize("name", SPANS)
def test_a_bundle_of_any_range_holds_to_both(exported: Path, site: ProofLog, name: str) -> None:
    with site._store.reading() as view:
        olds = [note for _, note in view.published()]
    receipts = [site.receipt(index) for index in (0, 255, 256, 600, site.size - 1)]
    for vkey in site.keys.vkeys:
        ours, alone = both(exported / name, vkey, olds, receipts)
        assert ours == alone
        assert ours[0] == set()
    assert ours[1]["receipts"] == 5
    assert ours[1]["cosignatures"] == 2
    assert ours[2] == site.size > 1024


def test_a_range_shows_its_own_payloads_and_of_the_rest_only_what_explains_them(
    exported: Path, site: ProofLog
) -> None:
    folder = exported / "middle"
    lines = [json.loads(line) for line in (folder / "openings.jsonl").read_text().splitlines()]
    policies = [entry.index for entry in site.entries(kind=Kind.POLICY)]
    shown = {entry.index for entry in site.entries(start=600, stop=650) if not entry.kind.public}
    assert {line["idx"] for line in lines} == {*policies, *shown}
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert (manifest["from"], manifest["to"]) == (600, 650)
    tiles = {path.name[:3] for path in (folder / "tile/entries").iterdir()}
    assert tiles == {"000", "002", "004"}  # policies, the range, tombstones


def test_it_runs_on_its_own_and_says_so_in_words(exported: Path, site: ProofLog, tmp_path: Path) -> None:
    folder = shutil.copytree(exported / "middle", tmp_path / "bundle")
    good = run(folder, "--key", site.vkey)
    assert (good.returncode, good.stderr) == (0, "")
    assert f"GOOD: entries 600 to 649 of {site.size} checked" in good.stdout
    (tmp_path / "old").write_text(site.checkpoint)
    (tmp_path / "receipt").write_text(site.receipt(7))
    kept = ["--old", str(tmp_path / "old"), "--receipt", str(tmp_path / "receipt"), str(folder)]
    assert json.loads(run(folder, "--key", site.vkey, "--json", *kept).stdout)["counts"]["receipts"] == 1
    (tmp_path / "receipt").write_text(site.receipt(7).replace("index 7", "index 8"))
    bad = run(folder, "--key", site.vkey, *kept)
    assert bad.returncode == 1
    assert "log: the proof leads to another root (receipt)\nBAD" in bad.stdout
    for wrong in ([], ["--key", "nonsense"]):
        assert run(folder, *wrong).returncode == 2


def test_it_needs_no_newer_python_than_it_says() -> None:
    tree = ast.parse(SOURCE.read_text(), feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.Match | ast.TryStar) for node in ast.walk(tree))


# Forgers: whatever is done to the files, both say the same


def altered(data: bytearray, what: str, random: Random) -> bytearray:
    at = random.randrange(len(data) + 1)
    if what == "flip" and at < len(data):
        data[at] ^= 1 << random.randrange(8)
    elif what == "cut":
        del data[at:]
    elif what == "insert":
        data[at:at] = random.choice([b"x", b"\n", b"0", b"{}", b"null", bytes(random.randrange(70))])
    elif what == "line":
        lines = bytes(data).splitlines(keepends=True)
        place, skip, again = random.randrange(len(lines) + 1), random.randrange(2), random.randrange(2)
        data = bytearray(b"".join([*lines[: place + again], *lines[place + skip :]]))
    return data


def spoil(folder: Path, random: Random) -> str:
    """Do something to one file at random; returns what."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    # Each sort of file as often as any other, however many there are.
    sort = random.choice(sorted({name.split("/")[0] for name in names} - {"verify.py"}))
    file = folder / random.choice([name for name in names if name.split("/")[0] == sort])
    what = random.choice(["flip", "flip", "flip", "cut", "remove", "insert", "line", "swap"])
    if what == "remove":
        file.unlink()
    elif what == "swap":
        file.write_bytes((folder / random.choice(names)).read_bytes())
    else:
        file.write_bytes(altered(bytearray(file.read_bytes()), what, random))
    return f"{what} {file.relative_to(folder)}"


def relist(folder: Path) -> None:
    """Make the manifest agree with the files, as whoever changes them would, if it is still one."""
    try:
        manifest = json.loads((folder / "MANIFEST.json").read_bytes())
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "MANIFEST.json"]
        named = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
        manifest["files"] = {name: sha256(data).hexdigest() for name, data in named.items()}
        (folder / "MANIFEST.json").write_text(json.dumps(manifest))
    except (OSError, ValueError, TypeError):
        pass


@pytest.mark.parametrize("name", ["whole", "middle"])
def test_both_say_the_same_of_whatever_was_done_to_the_files(
    exported: Path, site: ProofLog, tmp_path: Path, full: bool, name: str
) -> None:
    kept, noticed = ([site.checkpoint], [site.receipt(3)]), 0
    for seed in range(400 if full else 12):
        random = Random(f"{name} {seed}")  # noqa: S311
        folder = shutil.copytree(exported / name, tmp_path / str(seed))
        done = [spoil(folder, random) for _ in range(random.randrange(1, 3))]
        relist(folder)
        ours, alone = both(folder, random.choice(site.keys.vkeys), *kept)
        assert ours == alone, (seed, done)
        noticed += ours[0] not in (set(), True)
        shutil.rmtree(folder)
    assert noticed > 6


ODD = (
    *("NaN", "-Infinity", "1e400", "1.0", "9007199254740992", "-0", "01", "123456789012345678901234567890"),
    *('"\\ud800"', '"\\u0041"', '"\\u001F"', '{"é":1}', '{"b":1,"a":2}', '{"a":1,"a":1}', " 1", "1 "),
    *("[" * depth + "]" * depth for depth in (64, 300, 900, 1020, 100_000)),
)
PLAIN = (
    '"é\\b\\f\\n\\r\\t\\u0000\\u001f\\"\\\\\x7f\u2028"',
    "-9007199254740991",
    "[" * 63 + "]" * 63,
    "[true,null]",
)


def test_both_want_a_payload_in_the_one_way_there_is_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8785: two readers of a number or a name that isn't exact may read two things."""
    monkeypatch.setattr(Draft, "of", lambda draft: draft)
    texts = [f'{{"t":1000,"x":{value}}}'.encode() for value in (*ODD, *PLAIN)]
    drafts = [Draft(Kind.SIGNAL, 1000, None, text, b"{}", None, None) for text in texts]
    drafts += [Draft(Kind.SIGNAL, 1000, None, b'{"t":1000}', b'{"x":1.5}', None, None)]
    drafts += [Draft(Kind.DOCUMENT, 1000, None, b'{ "t":1000}', b"", None, None)]
    with ProofLog.open(f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "keys", origin="odd/1") as log:
        log.append(drafts).result(WAIT)  # type: ignore[arg-type]
        log.export(tmp_path / "bundle")
        ours, alone = both(tmp_path / "bundle", log.vkey)
    assert ours == alone
    wrong = {(index, "opening") for index in (*range(len(ODD)), len(texts))} | {(len(texts) + 1, "leaf")}
    assert ours[0] == wrong


# Ed25519, our own


def holds(public: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_signatures_are_judged_as_cryptography_judges_them() -> None:
    random, order = Random(8), ALONE["ORDER"]  # noqa: S311
    for number in range(12):
        key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        public, text = key.public_key().public_bytes_raw(), random.randbytes(number * 9)
        signature = key.sign(text)
        s = int.from_bytes(signature[32:], "little")
        flipped = bytearray(signature)
        flipped[random.randrange(64)] ^= 1 << random.randrange(8)
        tries = [
            (public, text, signature),
            (public, text + b"x", signature),
            (public, text, bytes(flipped)),
            (public, text, signature[:32] + (s + order).to_bytes(32, "little")),
            (public, text, signature[:-1]),
            (public, text, bytes(64)),
        ]
        assert [ALONE["signed"](*it) for it in tries] == [holds(*it) for it in tries]
        assert [holds(*it) for it in tries] == [True, False, False, False, False, False]


VECTORS = """
d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a -
e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025 af82
6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
"""


def test_the_vectors_of_rfc_8032_hold() -> None:
    words = [bytes.fromhex(word.strip("-")) for word in VECTORS.split()]
    assert [ALONE["signed"](*words[i : i + 3]) for i in (0, 3)] == [True, True]
