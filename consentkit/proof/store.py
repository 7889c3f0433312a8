"""The store protocol: what the log needs from a database, and what a verifier needs from anywhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from consentkit.proof.entry import Kind, Opening


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log: its size, the peaks of its tree (32 bytes each) and its signed checkpoint."""

    size: int
    frontier: bytes | None
    checkpoint: str


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A stored document body; `index` is the entry that logged it first, None where the source can't say."""

    sha256: str
    index: int | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Attested:
    """A published checkpoint, and beside it witnesses' signature lines ("": none), a TimeStampResp (b"")."""

    size: int
    note: str
    cosignatures: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Erasure:
    """The entries `first` to `last` lose `segments`, which are of `stmt` and `subj`.

    A segment goes with its salt, and a subject with the tag it is found by.
    """

    first: int
    last: int
    segments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Batch:
    """One commit: everything that follows the entry `start - 1`, and what that erases of earlier entries."""

    start: int
    entries: Sequence[bytes]
    openings: Sequence[tuple[int, Opening]]
    tiles: Mapping[tuple[int, int], bytes]
    head: Head
    documents: Sequence[DocumentRow] = ()
    publish: bool = False
    erasures: Sequence[Erasure] = ()


class Source(Protocol):
    """One unchanging view of a whole log: a read transaction, or the files of a bundle."""

    def head(self) -> Head | None: ...
    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]: ...
    def openings(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]: ...
    def tile(self, level: int, n: int) -> bytes: ...  # b"" when there is none
    def tile_ids(self) -> Iterator[tuple[int, int]]: ...
    def rows(self) -> int: ...  # how many entries the stored bytes make, whatever the head says
    def strays(
        self, size: int
    ) -> Iterator[tuple[str, int | None]]: ...  # (table, index) of rows outside 0..size
    def published(self) -> Iterator[tuple[int, str]]: ...
    def attested(self) -> Iterator[Attested]: ...  # the largest size first
    def documents(self) -> Iterator[DocumentRow]: ...
    def problems(
        self,
    ) -> Iterator[tuple[int | None, str, str]]: ...  # what couldn't be read: index, table, why


class Reading(Source, Protocol):
    """A Source with the indexes that serving needs."""

    def by_lookup(self, lookup: bytes) -> list[int]: ...
    def by_kind(self, kind: Kind, start: int, stop: int, *, newest_first: bool, limit: int) -> list[int]: ...
    def document(self, sha256: str) -> DocumentRow | None: ...


class Writing(Protocol):
    """One exclusive write: no other process is between `head()` and `commit()`."""

    def head(self) -> Head | None: ...
    def tile(self, level: int, n: int) -> bytes: ...
    def last(self, size: int) -> tuple[bytes, int | None] | None: ...  # the newest entry, its created_ms
    def newest(self, lookup: bytes) -> int: ...  # the index of the newest entry under a tag; -1 for none
    def commit(self, batch: Batch) -> None:
        """Write and sync. An exception means the outcome is unknown (prooflog I5)."""


class Store(Protocol):
    """A database that holds one log. All methods raise StoreUnavailable when it can't be used now."""

    local: bool  # False when other machines may append as well: they need the same keys

    def exists(self) -> bool: ...
    def create(self) -> None: ...
    def writing(self) -> AbstractContextManager[Writing]: ...
    def reading(self) -> AbstractContextManager[Reading]: ...
    def publish(self) -> tuple[Head, bool]:
        """List the newest checkpoint as published; returns the head it is of, and whether that was new."""

    def attest(self, size: int, *, cosignatures: str = "", token: bytes | None = None) -> None:
        """Keep beside the checkpoint published at `size` what was got: lines are added, a token replaced."""

    def scrub(self) -> None:
        """Leave nothing of what was erased in the database's own files, not even beside what is stored."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Document:
    """A document of the log: a policy or a notice, byte for byte as it was logged."""

    sha256: str
    name: str
    media_type: str
    body: bytes = field(repr=False)
    index: int
