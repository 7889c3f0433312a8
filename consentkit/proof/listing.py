"""Entries as they are listed: one view of the log, what stands where, and what can't be read left out."""

import logging
from collections.abc import Iterator, Sequence
from hashlib import sha256 as hashed

from consentkit.errors import StoreUnavailable, VerificationError
from consentkit.proof.entry import Kind, Opening, Stored, glance
from consentkit.proof.store import Document, Head, Reading

logger = logging.getLogger("consentkit.proof")

_MAX_INDEX = 2**63 - 1  # what the databases can count


def head_of(view: Reading) -> Head:
    """The head of a log; StoreUnavailable when there is none."""
    head = view.head()
    if head is None:
        raise StoreUnavailable("the database holds no log")
    return head


def cosigned_head(view: Reading) -> Head:
    """The newest checkpoint that witnesses cosigned, their lines with it; ValueError when there is none."""
    for row in view.attested():
        if row.cosignatures:
            return Head(row.size, None, row.note + row.cosignatures)
    raise ValueError("no witness has cosigned this log")


def get(view: Reading, index: int) -> Stored | None:
    """One entry, or None when the log isn't that long; VerificationError when its bytes are no entry."""
    row = _rows(view, index, index + 1).get(index) if 0 <= index < _MAX_INDEX else None
    return glance(index, *row) if row else None


def time_of(view: Reading, index: int) -> int:
    """When an entry was made, in UTC ms; 0 when it doesn't say."""
    for _, opening in view.openings(index, index + 1):
        return opening.created_ms
    entry = get(view, index)
    return (entry.t if entry else None) or 0


def listed(view: Reading, indexes: Sequence[int]) -> Iterator[Stored]:
    """These entries, but for what can't be read as one: that is logged and left out.

    What follows each other is read in one question to the store.
    """
    rows: dict[int, tuple[bytes, Opening | None]] = {}
    for start, stop in _runs([index for index in indexes if 0 <= index < _MAX_INDEX]):
        rows |= _rows(view, start, stop)
    for index in indexes:
        try:
            if index in rows:
                yield glance(index, *rows[index])
        except VerificationError as error:
            logger.error("entry %d can't be read: %s", index, error)


def document(view: Reading, sha256: str) -> Document | None:
    """A logged document by the hex SHA-256 of its body; None when the log holds none such.

    Also None, and an error in the program's log, when what is stored isn't what its key says.
    """
    row = view.document(sha256)
    if row is None:
        return None
    entry = next(listed(view, [row.index or 0]), None)
    stmt = (entry.stmt if entry else None) or {}
    if hashed(row.body).hexdigest() != sha256 or stmt.get("sha256") != sha256:
        logger.error("the stored document %s isn't the one that was logged", sha256)
        return None
    return Document(sha256, str(stmt.get("name")), str(stmt.get("media_type")), row.body, row.index or 0)


def page(
    view: Reading, kind: Kind | None, start: int, stop: int, newest_first: bool, limit: int
) -> Sequence[int]:
    """The next indexes, at most `limit`, of the entries `start <= index < stop`, of one kind or of all."""
    if kind is not None:
        return view.by_kind(kind, start, stop, newest_first=newest_first, limit=limit)
    if newest_first:
        return range(stop - 1, max(start, stop - limit) - 1, -1)
    return range(start, min(stop, start + limit))


def _rows(view: Reading, start: int, stop: int) -> dict[int, tuple[bytes, Opening | None]]:
    openings = dict(view.openings(start, stop))
    return {index: (entry, openings.get(index)) for index, entry in view.leaves(start, stop)}


def _runs(indexes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield `start, stop` of what follows each other without a gap."""
    ordered = sorted(indexes)
    first = 0
    for place in range(1, len(ordered) + 1):
        if place == len(ordered) or ordered[place] != ordered[place - 1] + 1:
            yield ordered[first], ordered[place - 1] + 1
            first = place
