"""A split view, put on paper: two texts that one key signed and that can't both be true of one log.

Pure. What a log signs fixes the hash over a range of its entries: a checkpoint fixes that over all, a receipt
also those beside its entry on the way up (RFC 6962 §2.1.1). Two different hashes over one range are a
contradiction that anybody with the key can check, and that nobody without it can make up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from consentkit.errors import VerificationError
from consentkit.proof.merkle import leaf_hash, node_hash, split, verify_consistency
from consentkit.proof.note import Checkpoint, Receipt, Verifier, decode64, encode64, open_checkpoint

TITLE = "consentkit-evidence/1"
_RECEIPT = "c2sp.org/tlog-proof"
_A, _B, _LINK, _END = (f"----- {name} -----" for name in ("A", "B", "from A to B", "end"))

Ranges = Mapping[tuple[int, int], bytes]
"""The hash over the entries from the first number up to, but without, the second."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a larger log counts the entries that a smaller one has: its root over those, and the proof."""

    root: bytes
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Two signed texts, checkpoints or receipts; with `link`, B is the larger."""

    a: str
    b: str
    link: Link | None = None

    @classmethod
    def parse(cls, text: str) -> "Evidence":
        """Read what `told` wrote; what it says in words isn't looked at. VerificationError if it is none."""
        lines = text.split("\n")
        try:
            places = [lines.index(mark) for mark in (_A, _B, _LINK, _END)]
        except ValueError:
            raise VerificationError("not evidence: it lacks one of its parts") from None
        if lines[0] != TITLE or places != sorted(places):
            raise VerificationError("not evidence: it doesn't begin as one")
        a, b, link = (lines[start + 1 : stop] for start, stop in pairwise(places))
        root, *path = map(decode64, link) if link else (b"",)
        return cls(_ended(a), _ended(b), Link(root, path) if link else None)

    def told(self, verifier: Verifier) -> str:
        """The evidence as a file that says in words what it is; VerificationError when it proves nothing."""
        link = [encode64(node) for node in (self.link.root, *self.link.path)] if self.link else []
        check = f"To check it: consentkit audit verify FILE --key '{verifier.vkey}'"
        warning = "Take that key from anywhere but this file. These words prove nothing, the texts below do."
        head = [TITLE, "", self.verdict(verifier), "", check, warning, ""]
        parts = [_A, self.a.removesuffix("\n"), _B, self.b.removesuffix("\n"), _LINK, *link, _END]
        return "\n".join([*head, *parts, ""])

    def verdict(self, verifier: Verifier) -> str:
        """What is proved against the holder of a key, in words; VerificationError when nothing is."""
        (one, ours), (other, theirs) = (read_signed(text, verifier) for text in (self.a, self.b))
        if self.link:
            size, root = one.size, self.link.root
            verify_consistency(size, other.size, self.link.path, root, other.root)
            theirs = {**theirs, (0, size): root}
        place = contradiction(ours, theirs)
        if place is None:
            raise VerificationError("the two texts don't contradict each other")
        low, high = place
        what = f"entry {low}" if high - low == 1 else f"the entries {low} to {high - 1}"
        return "\n".join(
            [
                f"Whoever holds the key {verifier.name} ({verifier.id.hex()}) signed both A and B.",
                f"They can't both be true of one log. The hash over {what} is",
                f"{ours[place].hex()} by A, a log of {one.size} entries, and",
                f"{theirs[place].hex()} by B, a log of {other.size} entries.",
                "So the log was changed after it was signed, or two versions of it were shown.",
            ]
        )


def read_signed(text: str, verifier: Verifier) -> tuple[Checkpoint, Ranges]:
    """The checkpoint that a text is or holds, and all that it fixes; VerificationError if it isn't signed."""
    if not text.startswith(_RECEIPT):
        checkpoint = open_checkpoint(text, verifier)
        return checkpoint, {(0, checkpoint.size): checkpoint.root}
    receipt = Receipt.parse(text)
    checkpoint = receipt.verify(verifier)
    return checkpoint, dict(_fixed(receipt, checkpoint.size))


def contradiction(ours: Ranges, theirs: Ranges) -> tuple[int, int] | None:
    """The smallest range that both give a hash for, and not the same; None when there is none."""
    differing = [place for place in ours.keys() & theirs.keys() if ours[place] != theirs[place]]
    return min(differing, key=lambda place: (place[1] - place[0], place), default=None)


def _fixed(receipt: Receipt, size: int) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Every range that a receipt fixes: its entry's, all those beside it, and all those above."""
    own, low, high, beside = receipt.index, 0, size, []
    while high - low > 1:
        middle = low + split(high - low)
        beside.append(((middle, high) if own < middle else (low, middle), (low, high)))
        low, high = (low, middle) if own < middle else (middle, high)
    node = leaf_hash(receipt.entry)
    yield (low, high), node
    for (place, above), sibling in zip(reversed(beside), receipt.path, strict=True):
        yield place, sibling
        node = node_hash(node, sibling) if place[0] > own else node_hash(sibling, node)
        yield above, node


def _ended(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
