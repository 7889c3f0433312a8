"""The sequencer: gives entries their place, signs the tree over them, commits, proves (prooflog §3.4)."""

import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from consentkit.errors import ConsentKitError, LogRefused, SizeMoved, StoreUnavailable, VerificationError
from consentkit.proof.emission import emit
from consentkit.proof.entry import SALT_BYTES, Draft, Kind, Sealed, decode, kind_of
from consentkit.proof.keys import Keys
from consentkit.proof.merkle import leaf_hash, peak_ids, verify_inclusion
from consentkit.proof.note import Checkpoint, Receipt, Verifier, open_checkpoint, signers
from consentkit.proof.store import Batch, DocumentRow, Head, Store, Writing
from consentkit.proof.tiles import Fetch, Tree
from consentkit.proof.tombstones import erasures_of

logger = logging.getLogger("consentkit.proof")

CLOCK_SLACK = 1000  # ms; records that were made at once may well arrive the other way round


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry that is durable: its index, the time it was given, and the receipt that proves it."""

    index: int
    t: int
    receipt: str


@dataclass(frozen=True, slots=True)
class Request:
    """Records to be appended together, and who waits for them."""

    drafts: Sequence[Draft]
    expected_size: int | None
    future: "Future[list[Appended]]"


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
        root, frontier = tree.prover().root(), _frontier(tree)
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


def guarded_size(note: str, verifiers: Sequence[Verifier]) -> int:
    """How many entries the guard answers for; LogRefused when it is no checkpoint of this log."""
    return _open_guard(note, verifiers).size


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


def _frontier(tree: Tree) -> bytes:
    return b"".join(tree.read(level, index) for level, index in peak_ids(tree.size))


class Sequencer:
    """Commits batches, one at a time, on one thread; after any error it starts afresh from the store (I5)."""

    def __init__(self, store: Store, keys: Keys, publish_every: float) -> None:
        self._store = store
        self._keys = keys
        self._publish_every = publish_every
        self._published_at = time.monotonic()
        self._forget()

    def _forget(self) -> None:
        self._session: Writing | None = None
        self._tree: Tree | None = None
        self._checkpoint: str | None = None
        self._guard: str | None = None
        self._ring: tuple[Verifier, ...] = self._keys.verifiers
        self._t = 0
        self._warned = False

    def create(self) -> None:
        """Sign and store the checkpoint of the empty log, unless the log has a head already."""
        with self._store.writing() as session:
            if session.head() is None:
                self._tree, self._guard = Tree(0, session.tile), self._keys.guard()
                self._write(session, self._tree, [], publish=True)
        self._forget()

    def run(self, requests: Sequence[Request]) -> None:
        """Commit what was asked for together; every future is resolved, whatever happens."""
        try:
            answers = self._commit(requests)
        except BaseException as error:  # noqa: BLE001 - nobody may wait for ever, whatever went wrong
            self._forget()
            reason = error.__cause__ or error
            logger.error("a batch of %d requests was not acknowledged: %s", len(requests), reason)
            for request in requests:
                request.future.set_exception(_unavailable(error))
            return
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, SizeMoved):
                request.future.set_exception(answer)
            else:
                request.future.set_result(answer)

    def finish(self) -> None:
        """Publish the last checkpoint; a store that can't be written any more is only reported."""
        try:
            with self._store.writing() as session:
                self._write(session, self._catch_up(session), [], publish=True)
        except ConsentKitError as error:
            self._forget()
            logger.warning("the last checkpoint was not published: %s", error.__cause__ or error)

    def _commit(self, requests: Sequence[Request]) -> list[list[Appended] | SizeMoved]:
        with self._store.writing() as session:
            tree = self._catch_up(session)
            start, sealed, places = tree.size, list[tuple[int, Sealed]](), list[slice | SizeMoved]()
            for request in requests:
                first = len(sealed)
                if request.expected_size not in (None, start + first):
                    places.append(SizeMoved(start + first))
                    continue
                sealed += map(self._seal, request.drafts)
                places.append(slice(first, len(sealed)))
            if not sealed:
                return [place if isinstance(place, SizeMoved) else [] for place in places]
            due = time.monotonic() - self._published_at >= self._publish_every
            # Who trusts one key learns of the next from a published checkpoint that both have signed.
            due = due or any(item.entry[1] == Kind.KEY for _, item in sealed)
            checkpoint = self._write(session, tree, [item for _, item in sealed], publish=due)
        proved = self._prove(tree, start, sealed, checkpoint)
        return [place if isinstance(place, SizeMoved) else proved[place] for place in places]

    def _tile(self, level: int, n: int) -> bytes:
        # Through the session of the moment: the tree outlives a session, and may outlive a connection.
        return self._session.tile(level, n) if self._session else b""

    def _catch_up(self, session: Writing) -> Tree:
        self._session = session
        head = session.head()
        if head is None:
            raise StoreUnavailable("the database holds no log")
        tree = self._tree
        if tree is None or head.checkpoint != self._checkpoint:
            ring = self._keys.ring(head.checkpoint) or self._keys.verifiers
            tree = self._tree = trusted_tree(head, self._tile, ring)
            self._ring = ring
            self._keys.confirm(ring)
            self._checkpoint, self._t = head.checkpoint, _last_t(session.last(head.size))
            self._guard = None  # what it was compared with is no longer what we stand on
        guard = self._keys.guard()
        if guard is None:
            raise LogRefused("the log's guard is gone", "none", "the last checkpoint")
        if guard != self._guard:
            check_guard(guard, head, tree, self._keys.verifiers)
            self._guard = guard
        return tree

    def _seal(self, draft: Draft) -> tuple[int, Sealed]:
        behind, self._t = self._t - draft.record.t, max(self._t, draft.record.t)  # I8
        if behind > CLOCK_SLACK and not self._warned:
            logger.warning("a clock is %d ms behind the log's last entry; times are clamped", behind)
        self._warned = behind > CLOCK_SLACK
        return self._t, draft.seal(self._t, os.urandom(2 * SALT_BYTES))

    def _write(self, session: Writing, tree: Tree, sealed: Sequence[Sealed], *, publish: bool) -> Checkpoint:
        start = tree.size
        tiles = tree.extend([leaf_hash(item.entry) for item in sealed])
        checkpoint = Checkpoint(self._keys.origin, tree.size, tree.prover().root())
        ring = _ring_after(self._ring, sealed, self._keys.verifiers)
        note = self._keys.sign_note(checkpoint.text, ring)
        open_checkpoint(note, *ring)
        batch = Batch(
            start,
            [item.entry for item in sealed],
            [(index, item.opening) for index, item in enumerate(sealed, start) if item.opening],
            tiles,
            Head(tree.size, _frontier(tree), note),
            [
                DocumentRow(item.sha256, index, item.body)
                for index, item in enumerate(sealed, start)
                if item.sha256 is not None and item.body is not None
            ],
            publish,
            [it for index, item in enumerate(sealed, start) for it in erasures_of(index, item.entry)],
        )
        # All that can fail about the guard fails before the commit: who is told no must not be recorded.
        with self._keys.guard_ready(self._guard, note) as swap:
            self._same_guard(self._keys.guard() == self._guard)
            session.commit(batch)
            self._same_guard(swap())
        self._checkpoint, self._guard, self._ring = note, note, ring
        self._keys.confirm(ring)
        if publish:
            self._published_at = time.monotonic()
            emit(checkpoint.origin, checkpoint.size, note)
        return checkpoint

    def _same_guard(self, same: bool) -> None:
        if not same:
            raise LogRefused(
                "the guard was moved by somebody else", "another checkpoint", "the one of this log"
            )

    def _prove(
        self, tree: Tree, start: int, sealed: Sequence[tuple[int, Sealed]], checkpoint: Checkpoint
    ) -> list[Appended]:
        prover, note, appended = tree.prover(), self._checkpoint or "", []
        for index, (t, item) in enumerate(sealed, start):
            path = prover.inclusion(index)
            verify_inclusion(leaf_hash(item.entry), index, checkpoint.size, path, checkpoint.root)
            appended.append(Appended(index, t, Receipt(item.entry, index, tuple(path), note).text))
        return appended


def _ring_after(
    ring: tuple[Verifier, ...], sealed: Sequence[Sealed], ours: Sequence[Verifier]
) -> tuple[Verifier, ...]:
    """The keys in force after these entries: `{"vkey"}` adds one, `{"retired"}` takes one away."""
    for item in sealed:
        if item.entry[1] == Kind.KEY:
            stmt = decode(item.entry[2:]) or {}
            ring = tuple(v for v in ours if v in ring or v.vkey == stmt.get("vkey"))
            ring = tuple(v for v in ring if v.vkey != stmt.get("retired"))
    if not ring:
        raise LogRefused("the last key can't be retired", "no key", "one that signs")
    return ring


def _last_t(last: tuple[bytes, int | None] | None) -> int:
    if last is None:
        return 0
    entry, created_ms = last
    if kind_of(entry).public:
        return int((decode(entry[2:]) or {}).get("t", 0))
    return created_ms or 0


def _unavailable(error: BaseException) -> StoreUnavailable:
    if isinstance(error, StoreUnavailable):
        return error
    unavailable = StoreUnavailable("the consent log can't be written now")
    unavailable.__cause__ = error
    return unavailable
