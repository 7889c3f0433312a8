"""One log closed and the next one begun: where it is, and what it begins with (prooflog §3.6).

Each of a site's logs has a store and a keys folder of its own, beside the first one's and named after the
last part of its origin: `consentkit-2027.db` (or the schema `consentkit_2027`) and `consentkit-keys/2027`.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from heapq import merge
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from consentkit.errors import ConfigurationError, LogClosed, LogRefused, SizeMoved, StoreUnavailable
from consentkit.proof.address import beside
from consentkit.proof.cited import ATTACHED
from consentkit.proof.entry import Kind, Record, Stored
from consentkit.proof.keys import Keys, recorded_origin, used
from consentkit.proof.log import ProofLog
from consentkit.proof.note import open_checkpoint
from consentkit.proof.stores import open_store
from consentkit.proof.succession import Predecessor, Successor, predecessor_in


def name_of(origin: str) -> str:
    """Return what a log's store and keys folder are named after: its origin's last part, as `2027`."""
    return re.sub(r"[^a-z0-9]+", "_", origin.rpartition("/")[2].lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a log is: the URL of its store and its keys folder."""

    store: str
    keys: Path

    def of_next(self, own: str, origin: str) -> "Place":
        """Return where the log `origin` is that follows the one here, whose origin is `own`."""
        old, new = name_of(own), name_of(origin)
        if not new or old == new:
            message = f"{origin!r} needs another last part than {own!r}, in letters or digits: files bear it"
            raise ConfigurationError(message)
        folder = self.keys.parent if self.keys.name == old else self.keys
        return Place(beside(self.store, old, new), folder / new)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the logs. Entries are numbered through: `first` is how many there were in the logs before."""

    log: ProofLog
    place: Place
    first: int

    @classmethod
    def of(cls, log: ProofLog, place: Place) -> Self:
        """Take an opened log, which may be the first or itself follow another one."""
        return cls(log, place, began_at(log))

    def own(self, number: int | None) -> int | None:
        """Return where in this log stands what is numbered through, such as its size; None stays None."""
        return None if number is None else number - self.first

    def tagged(self, cid: bytes, records: Iterable[Record]) -> list[Record]:
        """Return records under the tag by which this log finds the visitor `cid`."""
        tag = self.log.lookup(cid)
        return [replace(record, lookup=tag) for record in records]

    def numbered(self, stored: Stored) -> Stored:
        """Return an entry of this log by its number."""
        return replace(stored, index=self.first + stored.index) if self.first else stored


def began_at(log: ProofLog) -> int:
    """Return how many entries there were in the logs before this one."""
    entry = log.get(0)
    before = predecessor_in(entry.entry) if entry else None
    return before.first if before else 0


def successor_of(log: ProofLog) -> Successor | None:
    """Return which log follows a closed one; None while it goes on. StoreUnavailable if it can't be read."""
    closing = next(log.entries(kind=Kind.CLOSE, newest_first=True, limit=1), None)
    return Successor.named(closing.stmt or {}) if closing else None


def ended(log: ProofLog, index: int) -> tuple[int, str]:
    """Return the size and the checkpoint that a log ended with, which the entry `index` closed."""
    with log._store.reading() as view:
        return min(row for row in view.published() if row[0] > index)


def onward(log: ProofLog, before: Container[str]) -> Successor | None:
    """Return which log follows a closed one; None while it goes on.

    LogRefused when it is one of those `before`, by their origins: whoever followed would never arrive.
    """
    successor = successor_of(log)
    if successor and successor.origin in before:
        message = f"the logs lead round in a circle: {log.origin} was closed for one that came before it"
        raise LogRefused(message, successor.origin, "a new one")
    return successor


def located(place: Place, origin: str) -> Iterator[tuple[Place, str]]:
    """Yield where each of a site's logs is, and its name, given where the first one is.

    ConfigurationError when there is no log at the place at all; LogRefused when they lead round in a circle.
    What can't be read is the newest there is: it may be looked at because it is damaged.
    """
    passed: list[str] = []
    while True:
        passed.append(origin)
        yield place, origin
        with ProofLog.open(place.store, place.keys, origin=origin, read_only=True) as log:
            try:
                successor = onward(log, passed)
                following = follow(Shard(log, place, 0), successor, read_only=True) if successor else None
            except (ConfigurationError, StoreUnavailable):
                return
        if following is None:
            return
        with following.log as log:
            begun = log.size
        if not begun:
            return
        place, origin = following.place, following.log.origin


def prepared(shard: Shard, origin: str) -> Keys:
    """Make the keys of the log `origin` that is to follow this one, unless they are there; return them.

    They remember by what the site's visitors know it, and by what it finds them. ConfigurationError for a
    name that can't be, or that a log bore already; LogClosed when another one follows.
    """
    place = shard.place.of_next(shard.log.origin, origin)
    successor = successor_of(shard.log)
    if successor and successor.origin != origin:
        raise LogClosed(shard.log.origin, successor.origin)
    if successor is None and _begun(place, origin):
        message = f"there is or was a log {origin} or its store already; another one needs a name of its own"
        raise ConfigurationError(message)
    return Keys.open(place.keys, origin, create=successor is None, after=shard.log.keys)


def _begun(place: Place, origin: str) -> bool:
    """Return whether a log was begun there, or `origin` is that of the first one, whose keys are above."""
    store = open_store(place.store, place.keys, 5.0)
    try:
        return origin == recorded_origin(place.keys.parent) or used(place.keys) or store.exists()
    finally:
        store.close()


def close(shard: Shard, origin: str, t: int) -> Shard:
    """Close a log for good at `t` (UTC ms), and begin the one named `origin` where it ended; return that.

    Again after it was cut off, it ends it. Raises what `prepared` and `follow` do.
    """
    keys = prepared(shard, origin)
    successor = successor_of(shard.log)
    if successor is None:
        successor = Successor(origin, keys.vkeys[0])
        shard.log.append([successor.closing(t)]).result()
    return follow(shard, successor)


def follow(shard: Shard, successor: Successor, **options: Any) -> Shard:
    """Open the log that follows a closed one, which is begun if nobody has; `options` as `ProofLog.open`.

    ConfigurationError when its keys, or with `read_only` its store, aren't here; LogRefused when they are
    others than it was closed for.
    """
    place = shard.place.of_next(shard.log.origin, successor.origin)
    keys = Keys.open(place.keys, successor.origin, create=False)
    if keys.vkeys[0] != successor.vkey:
        message = f"the keys in {place.keys} aren't those that {shard.log.origin} was closed for"
        raise LogRefused(message, keys.vkeys[0], successor.vkey)
    log = ProofLog.open(place.store, place.keys, origin=successor.origin, **options)
    if not log.size and not options.get("read_only"):
        with suppress(SizeMoved):  # somebody else has begun it
            log.append(list(_beginning(shard)), expected_size=0).result()
    return Shard.of(log, place)


def _beginning(shard: Shard) -> Iterator[Record]:
    """Yield what the next log begins with: where this one ended, and what answers may go on to name."""
    closing = next(shard.log.entries(kind=Kind.CLOSE, newest_first=True, limit=1))
    t = closing.t or 0
    size, note = ended(shard.log, closing.index)
    checkpoint = open_checkpoint(note, *shard.log.keys.verifiers)
    before = Predecessor(shard.log.origin, shard.log.vkey, size, checkpoint.root.hex(), shard.first + size)
    yield before.succession(t)
    # A year's answers are passed over: only what they name is read.
    named = (shard.log.entries(kind=kind, stop=closing.index) for kind in (Kind.DOCUMENT, Kind.POLICY))
    for entry in merge(*named, key=attrgetter("index")):
        stmt = entry.stmt or {}
        if entry.kind is Kind.DOCUMENT:
            if ATTACHED in stmt:
                continue  # no answer names it
            if document := shard.log.document(str(stmt.get("sha256"))):
                yield Record(Kind.DOCUMENT, t, _said(stmt), body=document.body)
        elif stmt and entry.intact:
            yield Record(Kind.POLICY, t, _said(stmt), entry.subj or {})


def _said(stmt: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stmt.items() if name not in ("t", "clock", "sha256")}
