"""ProofLog: the memory as the rest of consentkit sees it: append, find, prove, verify."""

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Self

from consentkit.errors import ConfigurationError, LogRefused, StoreUnavailable, VerificationError
from consentkit.proof.address import shown
from consentkit.proof.entry import Kind, Record, Stored
from consentkit.proof.erasure import Plan, Wish
from consentkit.proof.export import write_bundle
from consentkit.proof.keys import Keys
from consentkit.proof.listing import cosigned_head, document, get, head_of, listed, page, time_of
from consentkit.proof.merkle import leaf_hash, verify_inclusion
from consentkit.proof.note import Receipt, open_checkpoint
from consentkit.proof.quorum import NONE, Quorum
from consentkit.proof.request import Appended
from consentkit.proof.sequence import Sequencer
from consentkit.proof.store import Document, Head, Store
from consentkit.proof.stores import open_store
from consentkit.proof.tiles import Tree
from consentkit.proof.trust import check_gone, check_guard, trusted_tree
from consentkit.proof.verify import NOBODY, Check, Finding, Progress, Report, Trust, untold, verify
from consentkit.proof.writer import Writer

logger = logging.getLogger("consentkit.proof")

_PAGE = 256
_HALF_MINUTE = 30


class ProofLog:
    """One log, opened. Every method may be called from any thread; reads go to the store each time."""

    def __init__(self, store: Store, keys: Keys, *, writable: bool, publish_every: float, queue: int) -> None:
        self._store = store
        self._keys = keys
        self._writer = Writer(lambda: Sequencer(store, keys, publish_every), queue) if writable else None

    @classmethod
    def open(
        cls,
        store: str,
        keys: Path,
        *,
        origin: str,
        accept_log: int | None = None,
        read_only: bool = False,
        timeout: float = 5.0,  # seconds to wait for another process's lock
        publish_every: float = 10.0,  # seconds between published checkpoints
        queue: int = 16_384,  # records that may wait before append() is refused
    ) -> Self:
        """Open the log at `store` (`sqlite:///relative.db`, `sqlite:////absolute.db`, `postgresql://…`).

        A new SQLite log gets new keys; machines that share a PostgreSQL log share keys made beforehand.
        ConfigurationError for another scheme, for keys that are missing or not the origin's, or for a server
        that can't promise durability; LogRefused when store, keys and guard contradict each other (I6; not
        checked with `read_only`, so that a damaged log can be audited); StoreUnavailable when the store can't
        be used. `accept_log` is the size at which to accept a log whose guard is lost.
        """
        database = open_store(store, keys, timeout)
        try:
            fresh = not database.exists()
            if read_only and fresh:
                raise ConfigurationError(f"there is no log at {shown(store)}")
            opened = Keys.open(keys, origin, create=fresh and database.local)
            log = cls(database, opened, writable=not read_only, publish_every=publish_every, queue=queue)
            if not read_only:
                log._begin(accept_log)
        except BaseException:
            database.close()
            raise
        return log

    def _begin(self, accept_log: int | None) -> None:
        guard = self._keys.guard()  # before the store: it may only be behind what is read after it
        if not self._store.exists():
            check_gone(guard, self._keys.verifiers)
        self._store.create()
        with self._store.reading() as view:
            head = view.head()
        if head is None:
            check_gone(guard, self._keys.verifiers)
            Sequencer(self._store, self._keys, 0).create()
            self._begin(accept_log)  # it may have been another machine that was first
            return
        with self._store.reading() as view:
            head = view.head() or head
            ring = self._keys.ring(head.checkpoint) or self._keys.verifiers
            tree = trusted_tree(head, view.tile, ring)
            if guard is not None:
                check_guard(guard, head, tree, self._keys.verifiers)
        if guard is None and self._keys.guard() is not None:
            self._begin(accept_log)  # another worker has made the log since we looked for a guard
        elif guard is None:
            self._accept(head, accept_log)

    def _accept(self, head: Head, accept_log: int | None) -> None:
        if head.size and accept_log != head.size:
            message = (
                f"the log has no guard; if all its {head.size} entries are there,"
                f" run: consentkit accept-log {head.size}"
            )
            raise LogRefused(message, "no guard", "a guard, or the accepted size")
        self._keys.swap_guard(None, head.checkpoint)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what waits, publish the last checkpoint, let go of the store."""
        if self._writer is not None:
            self._writer.close()
        self._store.close()

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._keys.origin

    @property
    def keys(self) -> Keys:
        """The opened keys folder."""
        return self._keys

    @property
    def vkey(self) -> str:
        """The newest verifier key (C2SP signed-note); outsiders check everything with it."""
        return self._keys.vkey

    @property
    def size(self) -> int:
        """How many entries are durable."""
        return self._head().size

    @property
    def checkpoint(self) -> str:
        """The newest checkpoint, a signed note."""
        return self._head().checkpoint

    def _head(self) -> Head:
        with self._store.reading() as view:
            return head_of(view)

    def lookup(self, cid: bytes) -> bytes:
        """The tag under which the entries of the visitor `cid` are found."""
        return self._keys.lookup(cid)

    def append(
        self, records: Sequence[Record], *, expected_size: int | None = None, after: int | None = None
    ) -> "Future[list[Appended]]":
        """Append records together, all or none; the future resolves when they are durable and proved (I1).

        It fails with StoreUnavailable on any trouble with the store or when too many records wait, and with
        SizeMoved when `expected_size` isn't the log's size, or `after` not the newest entry (-1: none) under
        the first record's tag. ValueError, at once, for a record that has no canonical form.
        """
        return self._open_writer().submit(records, expected_size, after, Future())

    def appended(
        self, records: Sequence[Record], *, expected_size: int | None = None, after: int | None = None
    ) -> "asyncio.Future[list[Appended]]":
        """As `append`, for a task to await: an event loop is woken once for all who wait in it."""
        waiting = asyncio.get_running_loop().create_future()
        return self._open_writer().submit(records, expected_size, after, waiting)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise ConfigurationError("this log was opened for reading only")
        return self._writer

    def get(self, index: int) -> Stored | None:
        """One entry, or None when the log isn't that long; VerificationError when its bytes are no entry.

        One whose payload was tampered with is there all the same, and says that it isn't `intact`.
        """
        with self._store.reading() as view:
            return get(view, index)

    def find(self, lookup: bytes) -> list[Stored]:
        """The entries of one visitor that are not erased, oldest first; as `entries` lists them."""
        with self._store.reading() as view:
            return list(listed(view, view.by_lookup(lookup)))

    def entries(
        self,
        *,
        kind: Kind | None = None,
        start: int = 0,
        stop: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Stored]:
        """Entries with `start <= index < stop`, of one kind or of all, as of now.

        What can't be read as an entry is logged and left out; `verify` says what is wrong with it.
        """
        stop = self.size if stop is None else min(stop, self.size)
        left = stop if limit is None else limit
        while start < stop and left > 0:
            with self._store.reading() as view:
                indexes = page(view, kind, start, stop, newest_first, min(left, _PAGE))
                found = list(listed(view, indexes))
            yield from found
            if not indexes:
                return
            left -= len(found)
            start, stop = (start, indexes[-1]) if newest_first else (indexes[-1] + 1, stop)

    def document(self, sha256: str) -> Document | None:
        """A logged document by the hex SHA-256 of its body; None when the log holds none such.

        Also None, and an error in the program's log, when what is stored isn't what its key says.
        """
        with self._store.reading() as view:
            return document(view, sha256)

    def receipt(self, index: int, *, cosigned: bool = False) -> str:
        """The proof that entry `index` is in the log, against the newest checkpoint (C2SP tlog-proof).

        Or against the newest that witnesses have cosigned, with what they signed. ValueError when there is
        none with such an entry; VerificationError when the store can't prove it any more.
        """
        with self._store.reading() as view:
            head = cosigned_head(view) if cosigned else head_of(view)
            ring = self._keys.ring(head.checkpoint) or self._keys.verifiers
            checkpoint = open_checkpoint(head.checkpoint, *ring)
            try:
                path = Tree(checkpoint.size, view.tile).prover().inclusion(index)
            except LookupError as error:
                raise VerificationError(f"the log's tree has a hole: {error}") from error
            entry = next((entry for _, entry in view.leaves(index, index + 1)), b"")
        verify_inclusion(leaf_hash(entry), index, checkpoint.size, path, checkpoint.root)
        return Receipt(entry, index, tuple(path), head.checkpoint).text

    def verify(
        self,
        checks: Sequence[Check] = (),
        anchors: Sequence[str] = (),
        receipts: Sequence[str] = (),
        progress: Progress = untold,
        trust: Trust = NOBODY,
    ) -> Report:
        """Everything there is to check on this store, against its key, its guard and what was kept."""
        guard, problem = None, "the keys folder holds no guard to compare with"
        try:
            guard = self._keys.guard()
        except ConfigurationError as error:
            problem = str(error)
        try:
            with self._store.reading() as view:
                kept = [*([] if guard is None else [guard]), *anchors]
                check = partial(verify, receipts=receipts, progress=progress, trust=trust)
                report = check(view, self.vkey, kept, checks, hints=self._keys.vkeys)
        except StoreUnavailable as error:
            return Report(0, {}, [Finding(None, "database", str(error.__cause__ or error))])
        if guard is None:
            report.add(None, "guard", problem)
        return report

    def erase(self, wish: Wish, t: int, *, pretend: bool = False) -> Plan:
        """Erase what `wish` (see `erasure`) finds, at `t` (UTC ms); returns it. With `pretend` it only looks.

        Each tombstone is one transaction with what it erases. If it was cut off, doing it again ends it.
        ValueError for what can't be erased; StoreUnavailable when some of it may be left.
        """
        with self._store.reading() as view:
            plan = wish(view)
        if not pretend:
            begun = time.monotonic()
            for stone in plan.tombstones:
                # One that takes long mustn't claim the time it began: a time stamp may have come between.
                late = int(time.monotonic() - begun) // _HALF_MINUTE * _HALF_MINUTE
                self.append([Record(Kind.TOMBSTONE, t + 1000 * late, stone)]).result()
            self._store.scrub()
        return plan

    def export(self, folder: Path, start: int = 0, stop: int | None = None, quorum: Quorum = NONE) -> range:
        """Write the auditor's bundle (prooflog §3.10) into a folder that doesn't exist yet or is empty.

        It shows the entries `start` to `stop` - 1, and says which witnesses there are; returns that range.
        """
        with self._store.reading() as view:
            return write_bundle(view, self._keys.vkeys, folder, start, stop, quorum)

    def first_since(self, t: int) -> int:
        """The index of the first entry made at `t` (UTC ms) or later; the log's size when there is none."""
        with self._store.reading() as view:
            return bisect_left(range(head_of(view).size), t, key=lambda index: time_of(view, index))
