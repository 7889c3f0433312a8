"""What a stored value is worth.

Tables hold what they declare, but somebody may have rebuilt them. A value of another type reads as one that
proves nothing: it gets a finding where it stands, not a crash.
"""

from collections.abc import Sequence
from typing import Any

from consentkit.proof.entry import Opening
from consentkit.proof.store import Attested, DocumentRow


def whole(value: object) -> int:
    """Return a whole number, or -1."""
    return value if isinstance(value, int) else -1


def blob(value: object) -> bytes:
    """Return bytes, or none."""
    return value if isinstance(value, bytes) else b""


def text(value: object) -> str:
    """Return a text, or an empty one."""
    return value if isinstance(value, str) else ""


def opening(row: Sequence[Any]) -> tuple[int, Opening]:
    """Return the index and the payload in a row of the table `opening`."""
    index, created, lookup, salt1, stmt, salt2, subj = row
    if not (type(salt1) is type(stmt) is type(salt2) is type(subj) is bytes and any(salt1) and any(salt2)):
        salt1, stmt = _kept(salt1, stmt)
        salt2, subj = _kept(salt2, subj)
    lookup = lookup if lookup is None else blob(lookup)
    return index, Opening(whole(created), lookup, salt1, stmt, salt2, subj)


def _kept(salt: object, payload: object) -> tuple[bytes | None, bytes | None]:
    salt, payload = (part if part is None else blob(part) for part in (salt, payload))
    # Where a store erases by writing zeros over what was there.
    gone = salt is not None and payload is not None and not any(salt) and not any(payload)
    return (None, None) if gone else (salt, payload)


def document(row: Sequence[Any]) -> DocumentRow:
    """Return a row of `document`."""
    return DocumentRow(text(row[0]), whole(row[1]), blob(row[2]))


def attested(row: Sequence[Any]) -> Attested:
    """Return what stands beside a checkpoint in a row of `published`."""
    return Attested(whole(row[0]), text(row[1]), text(row[2]), blob(row[3]))
