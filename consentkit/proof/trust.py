"""Whether a stored log is what its checkpoint and its guard say (prooflog I6)."""

from collections.abc import Sequence

from consentkit.errors import LogRefused, VerificationError
from consentkit.proof.note import Checkpoint, Verifier, open_checkpoint, signers
from consentkit.proof.store import Head
from consentkit.proof.tiles import Fetch, Tree


def trusted_tree(head: Head, fetch: Fetch, verifiers: Sequence[Verifier]) -> Tree:
    """The tree of a stored log, after its right edge was found to be what the checkpoint signs (I6).

    Raises LogRefused saying what was found and what the key and the checkpoint lead one to expect.
    """
    try:
        checkpoint = open_checkpoint(head.checkpoint, *verifiers)
    except VerificationError as error:
        expected = ", ".join(verifier.vkey for verifier in verifiers)
        raise LogRefused(f"the log's checkpoint isn't ours ({error})", _signed_by(head), expected) from error
    if checkpoint.size != head.size:
        raise LogRefused("the log's head was changed", f"{head.size} entries", f"{checkpoint.size} entries")
    tree = Tree(head.size, fetch)
    try:
        root, frontier = tree.prover().root(), frontier_of(tree)
    except LookupError as error:
        raise LogRefused("the log's tree has a hole", str(error), f"{head.size} entries") from error
    if root != checkpoint.root or frontier != head.frontier:
        raise LogRefused("the log's tree was changed", f"root {root.hex()}", f"root {checkpoint.root.hex()}")
    return tree


def check_guard(note: str, head: Head, tree: Tree, verifiers: Sequence[Verifier]) -> None:
    """Raise LogRefused unless the guard's checkpoint is of this log and the log has gone on from it (I6)."""
    guard = _open_guard(note, verifiers)
    if guard.size > tree.size:
        message = "the log is behind its guard: it was cut off or restored from an older backup"
        raise LogRefused(message, f"{tree.size} entries", f"at least {guard.size} entries")
    root = tree.prover(guard.size).root()
    if root != guard.root:
        message = f"the log's first {guard.size} entries aren't those it answered for"
        raise LogRefused(message, f"root {root.hex()}", f"root {guard.root.hex()}")
    if guard.size == tree.size and note != head.checkpoint:
        # Whoever takes a signature away would have the next checkpoints signed by fewer keys.
        message = "the log's newest checkpoint isn't the one it answered for"
        raise LogRefused(message, f"signed by {_signed_by(head)}", "as the guard is")


def check_gone(note: str | None, verifiers: Sequence[Verifier]) -> None:
    """Raise LogRefused when there is no log any more and its guard says that it had entries (I6)."""
    size = _open_guard(note, verifiers).size if note is not None else 0
    if size:
        raise LogRefused("the log is gone, but its guard is here", "no entries", f"{size} entries")


def _open_guard(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    try:
        return open_checkpoint(note, *verifiers)
    except VerificationError as error:
        raise LogRefused(
            f"the guard is no checkpoint of this log ({error})", "another", verifiers[0].name
        ) from error


def _signed_by(head: Head) -> str:
    try:
        return ", ".join(signers(head.checkpoint))
    except VerificationError as error:
        return str(error)


def frontier_of(tree: Tree) -> bytes:
    """The hashes of the complete subtrees that make up a tree, the largest first."""
    return b"".join(tree.peaks.values())
