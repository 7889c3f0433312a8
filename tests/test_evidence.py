"""A split view on paper: two signed texts that can't both be true, and nothing else, make evidence."""

import json
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from consentkit.cli import main
from consentkit.errors import VerificationError
from consentkit.proof.entry import Kind, Record
from consentkit.proof.evidence import Evidence, Link, contradiction
from consentkit.proof.log import ProofLog
from consentkit.proof.merkle import leaf_hash, root_of
from consentkit.proof.note import Checkpoint, Receipt, Verifier, sign_note
from consentkit.proof.splitview import evidence_between
from consentkit.proof.tiles import Tree

ORIGIN = "shop.example/consent"
WAIT = 30
Make = Callable[[str, int, int | None], Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Logs under one key, which agree but for entry `k`; kept by name."""
    folder = tmp_path_factory.mktemp("logs")
    keys = folder / "keys"

    def log(name: str, size: int, k: int | None) -> Path:
        place = folder / name
        if not place.exists():
            (keys / "guard").unlink(missing_ok=True)
            with ProofLog.open(f"sqlite:///{folder / name}.db", keys, origin=ORIGIN) as log:
                # Public entries have no salt, so that two logs can agree.
                log.append(
                    [Record(Kind.TOMBSTONE, 1, {"n": -n if n == k else n}) for n in range(size)]
                ).result(WAIT)
                (folder / "vkey").write_text(log.vkey)
                place.mkdir()
                log.export(place / "bundle")
                for index in range(size):
                    (place / f"receipt-{index}").write_text(log.receipt(index))
                (place / "checkpoint").write_text(log.checkpoint)
        return place

    # A new log wants its folder of keys whole: begin one, so that it is there.
    with ProofLog.open(f"sqlite:///{folder / 'first'}.db", keys, origin=ORIGIN):
        pass
    return log


def key(place: Path) -> Verifier:
    return Verifier.parse((place.parent / "vkey").read_text())


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_one_size_and_two_roots_is_evidence_that_an_inspector_can_read(make: Make, tmp_path: Path) -> None:
    a, b = make("a20", 20, None), make("b20", 20, 7)
    out, vkey = tmp_path / "evidence.txt", key(a).vkey
    made = run("audit", "evidence", a / "checkpoint", b / "checkpoint", "--key", vkey, "--out", out)
    assert (made.exit_code, made.stderr) == (0, "")
    text = out.read_text()
    assert f"Whoever holds the key {ORIGIN} ({key(a).id.hex()}) signed both A and B.\n" in text
    roots = [
        Checkpoint.parse((it / "checkpoint").read_text().partition("\n\n")[0] + "\n").root.hex()
        for it in (a, b)
    ]
    assert (
        f"The hash over the entries 0 to 19 is\n{roots[0]} by A, a log of 20 entries, and\n{roots[1]} by B"
        in text
    )
    assert all((it / "checkpoint").read_text() in text for it in (a, b))
    checked = run("audit", "verify", out, "--key", vkey)
    assert (checked.exit_code, "PROVED: Whoever holds" in checked.stdout) == (1, True)
    assert json.loads(run("audit", "verify", out, "--key", vkey, "--json").stdout)["proved"].startswith(
        "Whoever"
    )


def test_receipts_of_both_logs_show_it_wherever_they_speak_of_the_same_entries(make: Make) -> None:
    """Any two receipts do, here: each says what the other's log has on the side where they differ."""
    a, b, k = make("a20", 20, None), make("b23", 23, 7), 7
    proved = {
        pair: Evidence(*((it / f"receipt-{n}").read_text() for it, n in zip((a, b), pair, strict=True)))
        for pair in product((0, 6, 7, 15, 16, 19), (0, 6, 7, 8, 16, 22))
    }
    silent = []
    for pair, evidence in proved.items():
        try:
            assert "They can't both be true" in evidence.verdict(key(a))
        except VerificationError:
            silent.append(pair)
    assert silent == []
    assert "over entry 7 is" in proved[k, k].verdict(key(a))
    assert "over entry 7 is" in proved[6, 7].verdict(key(a))
    assert "over the entries 0 to 15 is" in proved[19, 22].verdict(key(a))


@pytest.mark.parametrize("sizes", [(20, 23), (1, 20), (20, 64)])
def test_logs_that_agree_are_never_accused(make: Make, sizes: tuple[int, int]) -> None:
    a, b = (make(f"a{size}", size, None) for size in sizes)
    indexes = (0, 6, 7, 19)
    texts = [it / "checkpoint" for it in (a, b)]
    texts += [
        it / f"receipt-{n}" for it, size in zip((a, b), sizes, strict=True) for n in indexes if n < size
    ]
    for one, other in combinations([a / "bundle", b / "bundle", *texts], 2):
        with pytest.raises(VerificationError, match="nothing here contradicts"):
            evidence_between(one, other, key(a).vkey)


def test_a_checkpoint_kept_earlier_against_a_later_log_takes_the_bundle(make: Make, tmp_path: Path) -> None:
    a, b = make("a20", 20, None), make("b64", 64, 7)
    with pytest.raises(VerificationError, match="a bundle in place of one"):
        evidence_between(a / "checkpoint", b / "checkpoint", key(a).vkey)
    for one, other in (
        (a / "checkpoint", b / "bundle"),
        (b / "bundle", a / "checkpoint"),
        (a / "bundle", b / "bundle"),
    ):
        evidence = evidence_between(one, other, key(a).vkey)
        again = Evidence.parse(evidence.told(key(a)))
        assert again == evidence
        assert evidence.link
        assert "by A, a log of 20 entries" in again.verdict(key(a))
    later = run("audit", "verify", b / "bundle", "--key", key(a).vkey, "--old", a / "checkpoint")
    assert (later.exit_code, "aren't those it signed" in later.stdout) == (1, True)
    assert "consentkit audit evidence FILE" in later.stdout


def test_a_receipt_of_a_larger_log_against_a_smaller_one_s_bundle(make: Make) -> None:
    a, b = make("a20", 20, None), make("b64", 64, 7)
    evidence = evidence_between(b / "receipt-7", a / "bundle", key(a).vkey)
    assert "over entry 7 is" in evidence.verdict(key(a))


def test_evidence_holds_for_its_key_and_its_bytes_only(make: Make, tmp_path: Path) -> None:
    a, b = make("a20", 20, None), make("b64", 64, 7)
    evidence = evidence_between(a / "checkpoint", b / "bundle", key(a).vkey)
    assert evidence.link
    wrong = [
        Evidence(evidence.a, evidence.b),
        Evidence(evidence.b, evidence.a, evidence.link),
        Evidence(evidence.a, evidence.b, Link(bytes(32), evidence.link.path)),
        Evidence(evidence.a, evidence.b, Link(evidence.link.root, evidence.link.path[:-1])),
        Evidence(evidence.a.replace("\n20\n", "\n19\n"), evidence.b, evidence.link),
        Evidence("", evidence.b, evidence.link),
    ]
    for made_up in wrong:
        with pytest.raises(VerificationError):
            made_up.verdict(key(a))
    out = tmp_path / "evidence"
    out.write_text(evidence.told(key(a)).replace("\n20\n", "\n19\n"))
    checked = run("audit", "verify", out, "--key", key(a).vkey)
    assert (checked.exit_code, checked.stdout.startswith("NOT PROVED: ")) == (2, True)
    other = Verifier(ORIGIN, bytes(32))
    with pytest.raises(VerificationError, match="none of them a known key"):
        evidence.verdict(other)


@pytest.mark.parametrize(
    "part", ["----- A -----", "----- B -----", "----- from A to B -----", "----- end -----"]
)
def test_a_file_that_lacks_a_part_is_no_evidence(make: Make, part: str) -> None:
    a, b = make("a20", 20, None), make("b20", 20, 7)
    text = evidence_between(a / "checkpoint", b / "checkpoint", key(a).vkey).told(key(a))
    assert Evidence.parse(text).verdict(key(a))
    with pytest.raises(VerificationError, match="not evidence"):
        Evidence.parse(text.replace(part, ""))
    with pytest.raises(VerificationError, match="not evidence"):
        Evidence.parse("\n" + text)


def test_a_receipt_fixes_exactly_the_hashes_that_its_entries_have() -> None:
    leaves = [leaf_hash(b"%d" % n) for n in range(13)]
    key = Verifier(ORIGIN, bytes(32))
    tree = Tree(0, lambda *_: b"")
    tree.extend(leaves)
    for size, index in ((13, 6), (13, 12), (8, 0), (1, 0)):
        root = tree.prover(size).root()
        note = sign_note(Checkpoint(ORIGIN, size, root).text, key, lambda _: bytes(64))
        receipt = Receipt(b"%d" % index, index, tuple(tree.prover(size).inclusion(index)), note)
        from consentkit.proof.evidence import _fixed

        fixed = dict(_fixed(receipt, size))
        assert fixed == {(low, high): root_of(leaves[low:high]) for low, high in fixed}
        assert (0, size) in fixed
        assert len(fixed) == 2 * len(receipt.path) + 1
        assert contradiction(fixed, fixed) is None
