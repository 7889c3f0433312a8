"""Signed notes, checkpoints and receipts, against the C2SP specifications' own examples."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.errors import VerificationError
from consentkit.proof.merkle import leaf_hash, node_hash
from consentkit.proof.note import (
    Checkpoint,
    Receipt,
    Verifier,
    open_checkpoint,
    open_note,
    receipts,
    sign_note,
    signers,
)
from consentkit.proof.tiles import Tree

# The verifier key and the note of C2SP signed-note.md, "Example".
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1"
    "Yu72IneyaQM=\n"
)

SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MINE = Verifier("log.example/2026", SIGNING.public_key().public_bytes_raw())
OTHER_SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Verifier("log.example/2026", OTHER_SIGNING.public_key().public_bytes_raw())
ENTRY = b"\x01\x01" + bytes(64)


def checkpoint_note(size: int, root: bytes) -> str:
    return sign_note(Checkpoint(MINE.name, size, root).text, MINE, SIGNING.sign)


def receipt_of_two() -> Receipt:
    sibling = leaf_hash(b"the other")
    return Receipt(ENTRY, 0, (sibling,), checkpoint_note(2, node_hash(leaf_hash(ENTRY), sibling)))


def test_the_specifications_example_verifies() -> None:
    verifier = Verifier.parse(SPEC_VKEY)
    assert verifier.name == "example.com/foo"
    assert verifier.vkey == SPEC_VKEY
    assert open_note(SPEC_NOTE, [verifier]) == "This is an example message.\n"


def test_an_altered_text_or_signature_is_refused() -> None:
    verifier = Verifier.parse(SPEC_VKEY)
    for altered in (SPEC_NOTE.replace("This", "That"), SPEC_NOTE.replace("Okn8", "Okn9")):
        with pytest.raises(VerificationError, match="doesn't hold"):
            open_note(altered, [verifier])


def test_signing_gives_a_note_that_opens() -> None:
    note = sign_note("first\n\nlast\n", MINE, SIGNING.sign)
    assert open_note(note, [MINE]) == "first\n\nlast\n"
    assert signers(note) == [f"log.example/2026 ({MINE.id.hex()})"]


def test_unknown_signatures_are_ignored_but_one_known_must_hold() -> None:
    note = sign_note("text\n", MINE, SIGNING.sign)
    line = f"— witness.example {base64.b64encode(bytes(80)).decode()}\n"
    assert open_note(note + line, [MINE]) == "text\n"
    with pytest.raises(VerificationError, match="none of them a known key"):
        open_note(note, [OTHER])
    forged = sign_note("text\n", MINE, OTHER_SIGNING.sign)
    with pytest.raises(VerificationError, match="doesn't hold"):
        open_note(
            forged + sign_note("text\n", OTHER, OTHER_SIGNING.sign).rpartition("\n\n")[2], [MINE, OTHER]
        )


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— name",
        "text\n\n- name AAAAAAA=\n",
        "text\n\n— na+me AAAAAAA=\n",
        "text\n\n—  AAAAAAA=\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name !!!!\n",
        "te\txt\n\n— name AAAAAAA=\n",
        "text\n\n" + "— name AAAAAAA=\n" * 65,
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    with pytest.raises(VerificationError):
        open_note(note, [MINE])


@pytest.mark.parametrize(
    "vkey",
    ["", "name", SPEC_VKEY.replace("530d903a", "530d903b"), SPEC_VKEY.replace("foo", "bar"), SPEC_VKEY[:-4],
     "a b" + SPEC_VKEY, "name+00000000+AgAA"],
)  # fmt: skip
def test_a_wrong_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(VerificationError):
        Verifier.parse(vkey)


def test_a_checkpoint_is_three_lines() -> None:
    checkpoint = Checkpoint(MINE.name, 20852163, bytes(32))
    assert checkpoint.text == f"log.example/2026\n20852163\n{base64.b64encode(bytes(32)).decode()}\n"
    assert Checkpoint.parse(checkpoint.text) == checkpoint
    assert open_checkpoint(checkpoint_note(7, bytes(32)), MINE).size == 7


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n1\n{ROOT}\nextension\n",
        f"\n1\n{ROOT}\n",
        f"o\n１\n{ROOT}\n",
        "o\n1\nAAAA\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT[:-2]}B=\n",
        f"o\n{'9' * 30}\n{ROOT}\n",
    ],
)
def test_anything_else_is_no_checkpoint(text: str) -> None:
    with pytest.raises(VerificationError):
        Checkpoint.parse(text)


def test_a_checkpoint_of_another_log_is_refused_though_our_key_signed_it() -> None:
    note = sign_note(Checkpoint("elsewhere", 1, bytes(32)).text, MINE, SIGNING.sign)
    with pytest.raises(VerificationError, match="elsewhere"):
        open_checkpoint(note, MINE)


def test_a_receipt_verifies_and_survives_parsing() -> None:
    receipt = receipt_of_two()
    assert Receipt.parse(receipt.text) == receipt
    assert receipt.text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert Receipt.parse(receipt.text).verify(MINE).size == 2


def test_the_receipt_of_a_lone_entry_has_exactly_one_blank_line_before_its_checkpoint() -> None:
    receipt = Receipt(ENTRY, 0, (), checkpoint_note(1, leaf_hash(ENTRY)))
    assert "index 0\n\nlog.example" in receipt.text
    assert Receipt.parse(receipt.text).verify(MINE).size == 1


@pytest.mark.parametrize(("start", "count"), [(0, 1), (0, 6), (5, 1), (7, 9), (256, 3)])
def test_receipts_made_together_are_those_made_one_by_one(start: int, count: int) -> None:
    data = [f"entry {i}".encode() for i in range(start + count)]
    leaves = [leaf_hash(entry) for entry in data]
    tree = Tree(0, lambda *_: b"")
    tree.extend(leaves[:start])
    tree.extend(leaves[start:])
    assert tree.growth
    together = receipts(data[start:], tree.growth, "a note\n")
    for index, text in enumerate(together, start):
        assert text == Receipt(data[index], index, tuple(tree.prover().inclusion(index)), "a note\n").text


def test_no_altered_receipt_verifies() -> None:
    text = receipt_of_two().text
    for index, char in enumerate(text):
        altered = text[:index] + ("A" if char != "A" else "B") + text[index + 1 :]
        with pytest.raises(VerificationError):
            Receipt.parse(altered).verify(MINE)
    for length in range(len(text)):
        with pytest.raises(VerificationError):
            Receipt.parse(text[:length]).verify(MINE)


def test_a_receipt_under_another_key_is_refused() -> None:
    with pytest.raises(VerificationError, match="known key"):
        receipt_of_two().verify(OTHER)


@given(st.text(max_size=200), st.integers(0, 500))
@samples(200)
def test_parsers_answer_any_text_with_a_verification_error(noise: str, at: int) -> None:
    text = receipt_of_two().text
    for candidate in (noise, text[:at] + noise + text[at:]):
        try:
            assert Receipt.parse(candidate).text == candidate
        except VerificationError:
            continue
