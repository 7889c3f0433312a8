"""A site's logs over the years: those that were closed, and the one that goes on (prooflog §3.6)."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

from consentkit.errors import VerificationError
from consentkit.proof.entry import Kind, Record, Stored
from consentkit.proof.handover import Place, Shard, began_at, ended, follow, onward
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Receipt, Verifier
from consentkit.proof.request import Appended
from consentkit.proof.store import Document
from consentkit.proof.verify import Check, Report


class Shards:
    """A site's logs as one: answers go to the newest, and what was said is found in all of them.

    An entry's number is its index in its log and how many entries the logs before had: in the first log both
    are the same. Every method may be called from any thread, and raises what `ProofLog`'s raises.
    """

    def __init__(self, *shards: Shard, goes_on: bool = True, **options: Any) -> None:
        """Take logs that follow each other; with `goes_on` whatever follows them comes along."""
        self._shards = [*shards]
        self._goes_on = goes_on
        self._options = options
        self._lock = threading.Lock()

    @classmethod
    def open(cls, store: str, keys: Path, *, origin: str, **options: Any) -> Self:
        """Open the log at a store and all that have followed it; `options` as `ProofLog.open`."""
        place = Place(store, keys)
        shards = cls(Shard.of(ProofLog.open(store, keys, origin=origin, **options), place), **options)
        try:
            shards.follow()
        except BaseException:
            shards.close()
            raise
        return shards

    def follow(self) -> None:
        """Go on to the newest log, in case somebody has closed the one that was the newest."""
        with self._lock:
            passed = [shard.log.origin for shard in self._shards]
            while self._goes_on and (successor := onward(self.newest.log, passed)) is not None:
                passed.append(successor.origin)
                self._shards.append(follow(self.newest, successor, **self._options))

    def close(self) -> None:
        """Close all of them, as `ProofLog.close`: what is closed for good is something else."""
        for shard in self._shards:
            shard.log.close()

    @property
    def newest(self) -> Shard:
        """The log that answers go to."""
        return self._shards[-1]

    @property
    def places(self) -> list[Place]:
        """Where each of the logs is, the first one first."""
        return [shard.place for shard in self._shards]

    @property
    def origin(self) -> str:
        """The newest log's name."""
        return self.newest.log.origin

    @property
    def keys(self) -> Keys:
        """The newest log's keys folder."""
        return self.newest.log.keys

    @property
    def vkey(self) -> str:
        """The newest log's newest verifier key."""
        return self.newest.log.vkey

    @property
    def size(self) -> int:
        """How many entries there are."""
        self.follow()
        return self.newest.first + self.newest.log.size

    @property
    def checkpoint(self) -> str:
        """The newest log's newest checkpoint."""
        self.follow()
        return self.newest.log.checkpoint

    def lookup(self, cid: bytes) -> bytes:
        """Return the tag under which all the logs find the entries of the visitor `cid`."""
        return self.newest.log.lookup(cid)

    def account(self, name: str) -> bytes:
        """Return the id of an account's answers, 16 bytes as a visitor has them; without our keys nobody can
        tell whose it is. Raises UnicodeEncodeError for a name that is no text."""
        # Longer than any visitor's id: no account's is some visitor's tag.
        return self.lookup(b"consentkit/account/" + name.encode())

    def append(
        self, records: Sequence[Record], *, expected_size: int | None = None
    ) -> "Future[list[Appended]]":
        """Append to the newest log; the future fails with LogClosed when another one follows it by now.

        `expected_size`, if it matters, is how many entries there must be; it fails with SizeMoved when there
        are others. What it resolves to tells indexes in that log.
        """
        shard = self.newest
        return shard.log.append(records, expected_size=shard.own(expected_size))

    def append_about(self, cid: bytes, records: Sequence[Record], after: int) -> "Future[list[Appended]]":
        """Append what is about the visitor `cid`, under the tag the newest log has for them.

        It fails with SizeMoved if that log has something newer of theirs than entry `after`, which is the one
        before the log's first where it has nothing.
        """
        shard = self.newest
        return shard.log.append(shard.tagged(cid, records), after=shard.own(after))

    async def appended(self, cid: bytes, records: Sequence[Record], after: int | None) -> tuple[int, str]:
        """Do the same in a task; return the number and the receipt of the last of them."""
        shard = self.newest
        *_, last = await shard.log.appended(shard.tagged(cid, records), after=shard.own(after))
        return shard.first + last.index, last.receipt

    def __iter__(self) -> Iterator[Shard]:
        """Iterate over the logs, the first one first."""
        return iter(self._shards)

    def shard_of(self, number: int) -> Shard:
        """Return the log in which an entry stands."""
        return next((shard for shard in reversed(self._shards) if shard.first <= number), self._shards[0])

    def get(self, number: int) -> Stored | None:
        """Return one entry, or None when there is none."""
        self.follow()
        shard = self.shard_of(number)
        stored = shard.log.get(number - shard.first)
        return shard.numbered(stored) if stored else None

    def find(self, tag: bytes) -> list[Stored]:
        """Return the entries under a tag that are not erased, oldest first."""
        self.follow()
        return [shard.numbered(stored) for shard in self._shards for stored in shard.log.find(tag)]

    def cited(self, number: int) -> Stored | None:
        """Return the entry that another one names: they do so by the site's numbers, whatever ours are."""
        shard = self._shards[0]
        return self.get(number - began_at(shard.log) + shard.first)

    def of_visitor(self, cid: bytes) -> list[Stored]:
        """Return the entries of the visitor `cid` that are not erased, oldest first."""
        return self.find(self.lookup(cid))

    def proved(self, text: str) -> int:
        """Return the number of the entry that a receipt is for; VerificationError unless it is of these logs.

        Any key counts that one of them ever had, and the entry has to be the one that stands there.
        """
        receipt = Receipt.parse(text)
        origin = receipt.checkpoint.partition("\n")[0]
        shard = next((shard for shard in self._shards if shard.log.origin == origin), self.newest)
        receipt.verify(*map(Verifier.parse, shard.log.keys.vkeys))
        stored = shard.log.get(receipt.index)
        if stored is None or stored.entry != receipt.entry:
            raise VerificationError("the receipt is for another entry than stands in the log")
        return shard.first + receipt.index

    def entries(
        self,
        *,
        kind: Kind | None = None,
        start: int = 0,
        stop: int | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Stored]:
        """Yield entries as `ProofLog.entries` does; those that erase what a closed log held are left out."""
        stop = self.size if stop is None else stop
        left = stop if limit is None else limit
        ends = [*(shard.first for shard in self._shards[1:]), stop]
        spans = list(zip(self._shards, ends, strict=True))
        for shard, end in reversed(spans) if newest_first else spans:
            found = shard.log.entries(
                kind=kind,
                start=max(0, start - shard.first),
                stop=min(stop, end) - shard.first,
                newest_first=newest_first,
                limit=left,
            )
            for stored in found:
                left -= 1
                yield shard.numbered(stored)

    def document(self, sha256: str) -> Document | None:
        """Return a logged document, from the newest log that holds it."""
        found = (shard.log.document(sha256) for shard in reversed(self._shards))
        return next((document for document in found if document), None)

    def receipt(self, number: int, *, cosigned: bool = False) -> str:
        """Return the receipt of one entry, against a checkpoint of its log (see `ProofLog.receipt`)."""
        shard = self.shard_of(number)
        return shard.log.receipt(number - shard.first, cosigned=cosigned)

    def proof(self, number: int, *, cosigned: bool = False) -> dict[str, str]:
        """Return an entry's receipt, and the key that verifies it."""
        return {"receipt": self.receipt(number, cosigned=cosigned), "vkey": self.shard_of(number).log.vkey}

    def verify_each(self, checks: Callable[[], Sequence[Check]]) -> Iterator[tuple[Shard, Report]]:
        """Yield each of the logs, the first one first, and what verifying it tells, in the site's numbers.

        It is verified with what `checks` makes for it, and to go on from where the one before ended.
        """
        self.follow()
        kept: list[str] = []
        for shard in [*self._shards]:
            report = shard.log.verify(checks(), kept)
            report.count_from(shard.first)
            yield shard, report
            closings = shard.log.entries(kind=Kind.CLOSE, newest_first=True, limit=1)
            kept = [ended(shard.log, closing.index)[1] for closing in closings]

    def verify(self, checks: Sequence[Check] = ()) -> Report:
        """Verify the newest log (see `ProofLog.verify`)."""
        return self.newest.log.verify(checks)
