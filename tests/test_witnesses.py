"""Witnesses: who cosigned a checkpoint, whether they are enough, and asking one (C2SP tlog-witness)."""

import runpy
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from outside import LocalWitness, answering
from real_witness import RealWitness, real_witness

import consentkit.proof
from consentkit.errors import OutsideRefused, VerificationError
from consentkit.proof.cosignature import cosigned, own_lines
from consentkit.proof.entry import Kind, Record
from consentkit.proof.log import ProofLog
from consentkit.proof.note import COSIGNATURE, Receipt, Verifier, open_checkpoint
from consentkit.proof.quorum import Quorum, Witness
from consentkit.proof.tiles import Tree
from consentkit.proof.witness import cosign

ALONE = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
ORIGIN = "shop.example/consent"
WAIT = 30


def opened(folder: Path) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN)


def grow(log: ProofLog, count: int) -> None:
    log.append([Record(Kind.CHOICE, 1, {"n": n}) for n in range(count)]).result(WAIT)


# Policies

W = [LocalWitness(f"witness.example/w{number}") for number in range(1, 6)]
LINES = "".join(f"witness w{number} {it.vkey}\n" for number, it in enumerate(W, 1))
NESTED = f"""# who has to have seen it
log {W[0].vkey} https://log.example
{LINES}
\tgroup north 2 w1 w2  w3
group south any w4 w5
group both all north south\t
quorum both"""


def verifiers(*numbers: int) -> set[Verifier]:
    return {Verifier.parse(W[number - 1].vkey, COSIGNATURE) for number in numbers}


@pytest.mark.parametrize(
    ("policy", "enough", "too_few"),
    [
        (NESTED, [(1, 2, 4), (2, 3, 5), (1, 2, 3, 4, 5)], [(1, 4), (1, 2, 3), (4, 5), ()]),
        (f"{LINES}quorum w3", [(3,), (1, 3)], [(1, 2, 4, 5), ()]),
        (f"{LINES}quorum none", [(), (1,)], []),
        (f"{LINES}group most 3 w1 w2 w3 w4 w5\nquorum most\n", [(1, 3, 5)], [(1, 3)]),
    ],
    ids=["nested", "one", "none", "most"],
)
def test_a_quorum_is_what_the_policy_says(
    policy: str, enough: list[tuple[int, ...]], too_few: list[tuple[int, ...]]
) -> None:
    quorum, alone = Quorum.parse(policy), ALONE["Witnesses"](policy)
    again = Quorum.parse(quorum.text)
    for numbers in enough + too_few:
        found = verifiers(*numbers)
        keys = {(it.name, it.id): 0 for it in found}
        assert [quorum.met(found), again.met(found), alone.met(keys)] == [numbers in enough] * 3


BAD_POLICIES = {
    "no quorum": LINES,
    "two quorums": "quorum none\nquorum none\n",
    "quorum of somebody unknown": f"{LINES}quorum w9\n",
    "a name twice": f"{LINES}witness w1 {LocalWitness('x').vkey}\nquorum none\n",
    "a key twice": f"{LINES}witness w9 {W[0].vkey}\nquorum none\n",
    "a witness named none": f"witness none {W[0].vkey}\nquorum none\n",
    "a log's key": f"witness w1 {Verifier('w', bytes(32)).vkey}\nquorum none\n",
    "a group of nobody": f"{LINES}group g any\nquorum none\n",
    "a group before its members": f"group g any w1\n{LINES}quorum g\n",
    "a member of two groups": f"{LINES}group a any w1\ngroup b any w1\nquorum a\n",
    "a member twice": f"{LINES}group a 2 w1 w1\nquorum a\n",
    "a group with none": f"{LINES}group a any none\nquorum a\n",
    "more than there are": f"{LINES}group a 3 w1 w2\nquorum a\n",
    "fewer than one": f"{LINES}group a 0 w1 w2\nquorum a\n",
    "an odd number": f"{LINES}group a 02 w1 w2\nquorum a\n",
    "a word of its own": "cosigner x\nquorum none\n",
    "a control character": "quorum none\r\n",
    "nothing": "",
}


@pytest.mark.parametrize("name", BAD_POLICIES)
def test_a_policy_that_is_none_is_refused_by_both(name: str) -> None:
    with pytest.raises(VerificationError):
        Quorum.parse(BAD_POLICIES[name])
    with pytest.raises(ALONE["Bad"]):
        ALONE["Witnesses"](BAD_POLICIES[name])


NAMES = ["w1", "w2", "w3", "a", "b", "any", "all", "1", "2"]


def rule(random: Random) -> str:
    """A line that may well make sense, below what stands above it."""
    rest = random.sample(NAMES, random.randrange(1, 4))
    group = ["group", random.choice("ab"), random.choice(["any", "all", "2", "0"]), *rest]
    return " ".join(
        random.choice([group, group, ["quorum", rest[0]], ["log", *rest], ["witness", *rest], [""]])
    )


def test_policies_made_of_any_lines_are_read_alike_by_both(full: bool) -> None:
    read, rounds = 0, 20_000 if full else 600
    for seed in range(rounds):
        random = Random(seed)  # noqa: S311
        lines = [rule(random) for _ in range(random.randrange(4))]
        text = "\n".join([LINES, *lines, random.choice(["quorum a", "quorum none", "quorum w1"])])
        told: list[object] = []
        for parse, bad, name in (
            (Quorum.parse, VerificationError, "name"),
            (ALONE["Witnesses"], ALONE["Bad"], "quorum"),
        ):
            try:
                told.append(getattr(parse(text), name))
            except bad:
                told.append(None)
        assert told[0] == told[1], text
        read += told[0] is not None
    assert rounds / 5 < read < rounds * 4 / 5


# Cosignatures


def test_a_cosignature_counts_for_its_key_its_checkpoint_and_its_time(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        grow(log, 3)
        note = log.checkpoint
    text = note.rpartition("\n\n")[0] + "\n"
    one, other = W[0], LocalWitness(W[0].name)  # of the same name
    line = one.cosignature(text)
    keys = [Verifier.parse(it.vkey, COSIGNATURE) for it in (one, other)]
    assert cosigned(note, line + other.cosignature(text), keys) == {keys[0]: one.now, keys[1]: one.now}
    assert cosigned(note, line, keys[1:]) == {}
    assert own_lines(other.cosignature(text) + line, keys[0]) == line
    later = ALONE["decode64"](line.split(" ")[2].strip())
    later = later[:4] + (one.now + 1).to_bytes(8, "big") + later[12:]
    wrong = [
        one.cosignature(text.replace("\n3\n", "\n4\n")),
        f"— {one.name} {consentkit.proof.note.encode64(later)}\n",
        f"— {one.name} {consentkit.proof.note.encode64(later[:12])}\n",
        line.replace("— ", "- "),
        "",
        "x",
    ]
    alone = ALONE["Witnesses"](f"witness w1 {one.vkey}\nquorum w1\n")
    assert alone.cosigned(note, line) == {(one.name, one.id): one.now}
    for lines in wrong:
        with pytest.raises(VerificationError):
            cosigned(note, lines, keys)
        with pytest.raises(ALONE["Bad"]):
            alone.cosigned(note, lines)


# Asking

Ask = Callable[..., str]


def asking(log: ProofLog, name: str, vkey: str, url: str) -> Ask:
    witness = Witness("w", Verifier.parse(vkey, COSIGNATURE), f"{url}/")
    assert witness.verifier.name == name

    def ask(seen: int, note: str | None = None) -> str:
        def prove(size: int) -> list[bytes]:
            with log._store.reading() as view:
                return Tree(log.size, view.tile).prover().consistency(size)

        return cosign(witness, note or log.checkpoint, seen, prove, 5)

    return ask


def test_a_witness_cosigns_each_continuation_and_the_cosigned_checkpoint_is_a_note(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        witness = LocalWitness("witness.example/w1", log.vkey)
        with answering(witness.answer) as url:
            ask = asking(log, witness.name, witness.vkey, url)
            seen = 0
            for count in (1, 6, 1, 300, 700):
                grow(log, count)
                lines = ask(seen)
                seen = log.size
                note = log.checkpoint
                key = Verifier.parse(witness.vkey, COSIGNATURE)
                assert cosigned(note, lines, [key]) == {key: witness.now}
                assert open_checkpoint(note + lines, Verifier.parse(log.vkey)).size == log.size
                log._store.publish()
                log._store.attest(log.size, cosignatures=lines)
            grow(log, 1)
            proof = Receipt.parse(log.receipt(5, cosigned=True))
            assert proof.verify(Verifier.parse(log.vkey)).size == seen
            assert list(cosigned(proof.checkpoint, proof.checkpoint.rpartition("\n\n")[2], [key])) == [key]
            with pytest.raises(ValueError, match="no entry 1008"):
                log.receipt(1008, cosigned=True)
            assert witness.asked == [0, 1, 7, 8, 308]


def test_a_witness_that_has_seen_another_size_is_asked_again_from_there(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        grow(log, 5)
        witness = LocalWitness("w", log.vkey)
        with answering(witness.answer) as url:
            ask = asking(log, "w", witness.vkey, url)
            ask(0)
            grow(log, 9)
            ask(0)
            assert witness.asked == [0, 0, 5]
            ask(3)
            assert witness.asked[3:] == [3, 14]  # nothing new is cosigned anew


def test_a_log_cut_off_or_split_gets_no_cosignature(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        grow(log, 5)
        early = log.checkpoint
        grow(log, 3)
        witness = LocalWitness("w", log.vkey)
        with answering(witness.answer) as url:
            ask = asking(log, "w", witness.vkey, url)
            ask(0)
            with pytest.raises(OutsideRefused, match="seen 8 entries, this log shows 5"):
                ask(0, early)
            witness.seen = (8, bytes(32))
            grow(log, 1)
            with pytest.raises(OutsideRefused, match="contradicts what it saw"):
                ask(8)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((404, b""), "doesn't know this log"),
        ((403, b""), "trusts another key"),
        ((429, b""), "status 429"),
        ((303, b""), "status 303"),
        ((409, b"many\n"), "doesn't say which"),
        ((409, b"0\n"), "another log of 0 entries"),
        ((200, b""), "doesn't hold"),
        ((200, b"\xff\n"), "doesn't hold"),
    ],
    ids=["404", "403", "429", "303", "409 in words", "409 again", "empty", "not text"],
)
def test_a_witness_that_refuses_is_told_of_in_words(
    tmp_path: Path, answer: tuple[int, bytes], problem: str
) -> None:
    with opened(tmp_path) as log:
        grow(log, 1)
        witness, (status, body) = LocalWitness("w", log.vkey), answer
        with (
            answering(lambda *_: (status, "text/plain", body)) as url,
            pytest.raises(OutsideRefused, match=problem),
        ):
            asking(log, "w", witness.vkey, url)(0)


def test_a_cosignature_by_another_key_or_over_another_checkpoint_is_not_kept(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        grow(log, 1)
        witness, other = LocalWitness("w", log.vkey), LocalWitness("w", log.vkey)
        with answering(other.answer) as url, pytest.raises(OutsideRefused, match="by the key"):
            asking(log, "w", witness.vkey, url)(0)
        line = witness.cosignature("something else\n").encode()
        with (
            answering(lambda *_: (200, "text/plain", line)) as url,
            pytest.raises(OutsideRefused, match="the signature of w doesn't hold"),
        ):
            asking(log, "w", witness.vkey, url)(0)


def test_a_witness_of_others_making_agrees(tmp_path: Path, full: bool) -> None:
    """aics-witness, another implementation of tlog-witness, on a Python that it runs on."""
    if not full:
        pytest.skip("a witness of others' making is asked with --full only")
    with opened(tmp_path) as log, real_witness(tmp_path, ORIGIN, log.vkey) as witness:
        _agree(log, witness)


def _agree(log: ProofLog, witness: RealWitness) -> None:
    ask, seen = asking(log, "witness.example/real", witness.vkey, witness.url), 0
    key = Verifier.parse(witness.vkey, COSIGNATURE)
    for count in (1, 6, 1, 255, 700):
        grow(log, count)
        assert list(cosigned(log.checkpoint, ask(seen), [key])) == [key]
        seen = log.size
    early = log.checkpoint
    grow(log, 5)
    assert ask(0)
    with pytest.raises(OutsideRefused, match="this log shows"):
        ask(0, early)
