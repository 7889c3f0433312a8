"""The sequencer: gives entries their place, signs the tree over them, commits, proves (prooflog §3.4)."""

import logging
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, islice
from operator import attrgetter

from consentkit.errors import (
    LogClosed,
    LogRefused,
    OutcomeUnknown,
    SizeMoved,
    StoreUnavailable,
    VerificationError,
)
from consentkit.proof.emission import emit
from consentkit.proof.entry import SALT_BYTES, Draft, Kind, Sealed, decode
from consentkit.proof.keys import Keys
from consentkit.proof.merkle import fold, leaf_hashes
from consentkit.proof.note import Checkpoint, Receipt, Verifier, open_checkpoint, receipts
from consentkit.proof.request import Appended, Reply, Request, answer
from consentkit.proof.store import Batch, DocumentRow, Head, Store, Writing
from consentkit.proof.succession import Ending
from consentkit.proof.tiles import Tree
from consentkit.proof.tombstones import erasures_of
from consentkit.proof.trust import check_guard, frontier_of, trusted_tree

logger = logging.getLogger("consentkit.proof")

CLOCK_SLACK = 1000  # ms; records that were made at once may well arrive the other way round


class Sequencer:
    """Commits batches, one at a time, on one thread; after any error it starts afresh from the store (I5)."""

    def __init__(self, store: Store, keys: Keys, publish_every: float) -> None:
        self._store = store
        self._keys = keys
        self._publish_every = publish_every
        self._published_at = time.monotonic()
        self._left = False
        self._begun = False
        """Whether the batch may be on the disk already."""
        self._forget()

    def _forget(self) -> None:
        self._session: Writing | None = None
        self._tree: Tree | None = None
        self._checkpoint: str | None = None
        self._guard: str | None = None
        self._ring: tuple[Verifier, ...] = self._keys.verifiers
        self._t = 0
        self._ending = Ending(self._keys.origin)
        self._warned = False

    def create(self) -> None:
        """Sign and store the checkpoint of the empty log, unless the log has a head already."""
        with self._store.writing() as session:
            if session.head() is None:
                self._tree, self._guard = Tree(0, session.tile), self._keys.guard()
                self._write(session, self._tree, [], publish=True)
        self._forget()

    def run(self, requests: Sequence[Request]) -> None:
        """Commit what was asked for together; everybody is answered, whatever happens."""
        replies: Sequence[Reply]
        self._begun = False
        try:
            replies = self._commit(requests)
        except BaseException as error:  # noqa: BLE001 - nobody may wait for ever, whatever went wrong
            self._forget()
            reason = error.__cause__ or error
            logger.error("a batch of %d requests was not acknowledged: %s", len(requests), reason)
            replies = [_unavailable(error, unknown=self._begun) for _ in requests]
        answer(requests, replies)

    @property
    def patience(self) -> float | None:
        """In how many seconds `publish` is due; None when nothing is left to publish."""
        return max(0.0, self._published_at + self._publish_every - time.monotonic()) if self._left else None

    def publish(self) -> None:
        """Publish the last checkpoint, unless it is; if that fails, it is reported, and due again."""
        if not self._left:
            return
        self._published_at = time.monotonic()
        try:
            head, new = self._store.publish()
        except Exception as error:  # noqa: BLE001 - the thread must live, for appends wait for it
            logger.warning("the last checkpoint was not published: %s", error.__cause__ or error)
            return
        self._left = False
        if new:
            emit(self._keys.origin, head.size, head.checkpoint)

    def _commit(self, requests: Sequence[Request]) -> list[Reply]:
        asked = [draft for request in requests for draft in request.drafts]
        # Before the lock, which all others wait for, so at the time this process knows of.
        sealed = _seal(asked, self._t)
        with self._store.writing() as session:
            tree = self._catch_up(session)
            places, drafts = _placed(requests, tree.size, self._ending, session.newest)
            if len(drafts) < len(asked):
                sealed = _seal(drafts, self._t)
            if not sealed:
                return [[] if isinstance(place, slice) else place for place in places]
            self._clamp(drafts, sealed)
            due = time.monotonic() - self._published_at >= self._publish_every
            # Who trusts one key learns of the next from a published checkpoint that both have signed.
            # And a log's end is what the next one begins with.
            due = due or any(draft.kind in (Kind.KEY, Kind.CLOSE) for draft in drafts)
            checkpoint = self._write(session, tree, sealed, publish=due)
        proved = self._prove(tree, sealed, checkpoint)
        return [proved[place] if isinstance(place, slice) else place for place in places]

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
            self._ending = Ending(self._keys.origin, session.last, head.size)
            self._checkpoint, self._t = head.checkpoint, self._ending.t
            self._guard = None  # what it was compared with is no longer what we stand on
        guard = self._keys.guard(self._guard)
        if guard is None:
            raise LogRefused("the log's guard is gone", "none", "the last checkpoint")
        if guard != self._guard:
            check_guard(guard, head, tree, self._keys.verifiers)
            self._guard = guard
        return tree

    def _clamp(self, drafts: Sequence[Draft], sealed: list[Sealed]) -> None:
        """Let none of what was sealed before the log was looked at be earlier than its last entry (I8)."""
        early = bisect_left(sealed, self._t, key=attrgetter("t"))
        sealed[:early] = _seal(drafts[:early], self._t)
        self._t = sealed[-1].t
        behind = max(item.t - draft.t for item, draft in zip(sealed, drafts, strict=True))
        if behind > CLOCK_SLACK and not self._warned:
            logger.warning("a clock is %d ms behind the log's last entry; times are clamped", behind)
        self._warned = behind > CLOCK_SLACK

    def _write(self, session: Writing, tree: Tree, sealed: Sequence[Sealed], *, publish: bool) -> Checkpoint:
        start, entries = tree.size, [item.entry for item in sealed]
        public = [(index, item) for index, item in enumerate(sealed, start) if item.opening is None]
        tiles = tree.extend(leaf_hashes(entries))
        checkpoint = Checkpoint(self._keys.origin, tree.size, fold(list(tree.peaks.values())))
        ring = _ring_after(self._ring, (item.entry for _, item in public), self._keys.verifiers)
        note = self._keys.sign_note(checkpoint.text, ring)
        open_checkpoint(note, *ring)
        batch = Batch(
            start,
            entries,
            [(index, item.opening) for index, item in enumerate(sealed, start) if item.opening],
            tiles,
            Head(tree.size, frontier_of(tree), note),
            [
                DocumentRow(item.sha256, index, item.body)
                for index, item in public
                if item.sha256 is not None and item.body is not None
            ],
            publish,
            [erasure for index, item in public for erasure in erasures_of(index, item.entry)],
        )
        # All that can fail about the guard fails before the commit: who is told no must not be recorded.
        with self._keys.guard_ready(self._guard, note) as swap:
            self._same_guard(self._keys.guard(self._guard) == self._guard)
            self._begun = True
            session.commit(batch)
            self._same_guard(swap())
        if ring != self._ring:
            self._keys.confirm(ring)
        self._checkpoint, self._guard, self._ring = note, note, ring
        self._left = not publish
        if publish:
            self._published_at = time.monotonic()
            emit(checkpoint.origin, checkpoint.size, note)
        return checkpoint

    def _same_guard(self, same: bool) -> None:
        if not same:
            raise LogRefused(
                "the guard was moved by somebody else", "another checkpoint", "the one of this log"
            )

    def _prove(self, tree: Tree, sealed: Sequence[Sealed], checkpoint: Checkpoint) -> list[Appended]:
        growth, note, entries = tree.growth, self._checkpoint or "", [item.entry for item in sealed]
        if growth is None:
            raise VerificationError("nothing was appended to the tree")
        texts = receipts(entries, growth, note)
        if len(texts) > 1:
            growth.check(leaf_hashes(entries), checkpoint.root)
        # One of them is read as its holder will read it; the signature was checked before the commit.
        number = int.from_bytes(checkpoint.root[:4]) % len(texts)
        told = Receipt.parse(texts[number])
        told.prove(checkpoint)
        if (told.entry, told.index, told.checkpoint) != (entries[number], growth.start + number, note):
            raise VerificationError("a receipt is about another entry")
        times = map(attrgetter("t"), sealed)
        return list(map(Appended, range(growth.start, growth.size), times, texts))


def _placed(
    requests: Sequence[Request], size: int, ending: Ending, newest: Callable[[bytes], int]
) -> tuple[list[slice | SizeMoved | LogClosed], list[Draft]]:
    """Where in a batch each request's records are, or why they aren't; and the records, in order."""
    places, drafts = list[slice | SizeMoved | LogClosed](), list[Draft]()
    asked_after = any(request.after is not None for request in requests)
    written = set[bytes | None]()
    for request in requests:
        first = len(drafts)
        moved = request.expected_size not in (None, size + first)
        if request.after is not None and not moved:
            tag = request.drafts[0].lookup if request.drafts else None
            moved = tag in written or newest(tag or b"") != request.after
        refused = SizeMoved(size + first) if moved else ending.refusal(request.drafts)
        if refused is None:
            drafts += request.drafts
            if asked_after:
                written.update(draft.lookup for draft in request.drafts)
        places.append(refused or slice(first, len(drafts)))
    return places, drafts


def _seal(drafts: Sequence[Draft], t: int) -> list[Sealed]:
    """Entries with fresh salts, at `t` (UTC ms) or later, none before its record or its predecessor."""
    size = 2 * SALT_BYTES
    salts = os.urandom(size * len(drafts))
    times = islice(accumulate((draft.t for draft in drafts), max, initial=t), 1, None)
    return [
        draft.seal(t, salts[start : start + size])
        for start, t, draft in zip(range(0, len(salts), size), times, drafts, strict=True)
    ]


def _ring_after(
    ring: tuple[Verifier, ...], entries: Iterable[bytes], ours: Sequence[Verifier]
) -> tuple[Verifier, ...]:
    """The keys in force after these entries: `{"vkey"}` adds one, `{"retired"}` takes one away."""
    for entry in entries:
        if entry[1] == Kind.KEY:
            stmt = decode(entry[2:]) or {}
            ring = tuple(v for v in ours if v in ring or v.vkey == stmt.get("vkey"))
            ring = tuple(v for v in ring if v.vkey != stmt.get("retired"))
    if not ring:
        raise LogRefused("the last key can't be retired", "no key", "one that signs")
    return ring


def _unavailable(error: BaseException, *, unknown: bool) -> StoreUnavailable:
    if isinstance(error, StoreUnavailable) and not unknown:
        return error
    told = str(error) if isinstance(error, StoreUnavailable) else "the consent log can't be written now"
    unavailable = OutcomeUnknown(told) if unknown else StoreUnavailable(told)
    unavailable.__cause__ = error.__cause__ if isinstance(error, StoreUnavailable) else error
    return unavailable
