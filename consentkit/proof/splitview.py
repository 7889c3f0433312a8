"""Finding the contradiction between two things that one key signed: files, or whole bundles."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from consentkit.errors import VerificationError
from consentkit.proof.bundle import Bundle
from consentkit.proof.evidence import Evidence, Link, read_signed
from consentkit.proof.note import Receipt, Verifier
from consentkit.proof.tiles import Tree


def evidence_between(one: Path, other: Path, vkey: str) -> Evidence:
    """What proves that two bundles, checkpoints or receipts can't both be true of one log.

    VerificationError when they don't contradict each other, or when only a bundle could show it.
    """
    verifier = Verifier.parse(vkey)
    bundles = [Bundle(place) if place.is_dir() else None for place in (one, other)]
    a, b = (_signed(place, bundle) for place, bundle in zip((one, other), bundles, strict=True))
    for evidence in (Evidence(a, b), *_answers(bundles[1], a, verifier), *_answers(bundles[0], b, verifier)):
        with suppress(VerificationError):
            evidence.verdict(verifier)
            return evidence
    for text in (a, b):
        read_signed(text, verifier)  # says what is wrong with it
    hint = "" if any(bundles) else "; a bundle in place of one of them would tell more"
    raise VerificationError(f"nothing here contradicts itself{hint}")


def _signed(place: Path, bundle: Bundle | None) -> str:
    head = bundle.head() if bundle else None
    return head.checkpoint if head else place.read_text("utf-8", "replace") if place.is_file() else ""


def _answers(bundle: Bundle | None, text: str, verifier: Verifier) -> Iterator[Evidence]:
    """A signed text, beside what a bundle's log says of the same entries."""
    head = bundle.head() if bundle else None
    if bundle is None or head is None:
        return
    prover = Tree(head.size, bundle.tile).prover()
    with suppress(VerificationError, LookupError, ValueError):
        size = read_signed(text, verifier)[0].size
        earlier = Tree(size, bundle.tile).prover().root()
        yield Evidence(text, head.checkpoint, Link(earlier, prover.consistency(size)))
    with suppress(VerificationError, LookupError, ValueError):
        index = Receipt.parse(text).index
        entry = dict(bundle.leaves(index, index + 1))[index]
        yield Evidence(text, Receipt(entry, index, tuple(prover.inclusion(index)), head.checkpoint).text)
