"""What one entry of the log is: its kind, its bytes, and the commitments to its payload.

A committed entry is `0x01 ‖ kind ‖ C1 ‖ C2`: two salted hashes, so that payload and salt can be erased while
every proof stays valid. A public entry is `0x01 ‖ kind ‖ canonical JSON`: never personal, never erased.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from consentkit.errors import VerificationError
from consentkit.proof.canonical import canonical

VERSION = 0x01
SALT_BYTES = 32
LOOKUP_BYTES = 16
MAX_ENTRY = 0xFFFF  # a C2SP entry bundle has a 16-bit length before each entry
_CLAMP_ROOM = 64  # for the `t` and `clock` of a public entry that has to be clamped
_STMT = sha256(b"consentkit/v1/stmt\0")
_SUBJ = sha256(b"consentkit/v1/subj\0")
"""How each commitment begins: a copy of a hash that has begun takes less time than another one."""
_SUB = b"consentkit/v1/sub\0"


class Kind(IntEnum):
    """What an entry records. Below 0x10 the payload is committed to, from 0x10 on it is public."""

    CHOICE = 0x01
    WITHDRAWAL = 0x02
    EXPIRY = 0x03
    SIGNAL = 0x04
    POLICY = 0x05
    OPERATOR = 0x06
    ACCESS = 0x07
    ATTACHMENT = 0x08
    MESSAGE = 0x09
    TOMBSTONE = 0x10
    KEY = 0x11
    DOCUMENT = 0x12
    CLOSE = 0x13
    SUCCESSION = 0x14

    @property
    def public(self) -> bool:
        """True when the payload stands in the entry itself."""
        return self >= 0x10

    @property
    def label(self) -> str:
        """The kind in words, for people: `choice`, `withdrawal`, …"""
        return self._name_.lower()


@dataclass(frozen=True, slots=True)
class Record:
    """What a caller asks to have logged.

    `t` is UTC milliseconds since the epoch; `lookup` is the 16 bytes of `Keys.lookup(cid)`, needed whenever
    `subj` names a visitor as `sub`; `body` is the text of a DOCUMENT, whose `stmt` is
    `{"name", "media_type"}`. Public kinds take neither `subj` nor `lookup`.

    The log adds `t` to `stmt`, and `clock` (the caller's own `t`) where that ran behind the log's; it adds
    `tag` (the lookup tag in hex) to `subj`, so that the column an entry is found by is committed to as well.
    """

    kind: Kind
    t: int
    stmt: Mapping[str, Any]
    subj: Mapping[str, Any] = field(default_factory=dict)
    lookup: bytes | None = None
    body: bytes | None = None


class Opening(NamedTuple):
    """The payload of a committed entry as stored; erased parts are None."""

    created_ms: int
    lookup: bytes | None
    salt1: bytes | None
    stmt: bytes | None
    salt2: bytes | None
    subj: bytes | None


class Sealed(NamedTuple):
    """An entry ready to be stored: the time it was given (UTC ms) and its bytes, and its opening if committed
    or its document if it has one."""

    t: int
    entry: bytes
    opening: Opening | None
    sha256: str | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as read back. `stmt`, `subj` and `t` are None once erased; `intact` is False if the stored
    payload doesn't open its commitment, and then what it says proves nothing."""

    index: int
    kind: Kind
    t: int | None
    entry: bytes
    stmt: dict[str, Any] | None
    subj: dict[str, Any] | None
    opening: Opening | None = None
    intact: bool = True

    @property
    def salts(self) -> tuple[bytes | None, bytes | None]:
        """The salts of statement and subject; None where erased, and for public entries."""
        return (self.opening.salt1, self.opening.salt2) if self.opening else (None, None)


def commit_stmt(salt: bytes, stmt: bytes) -> bytes:
    """C1: the commitment to a statement's bytes under a 32-byte salt (prooflog §3.1)."""
    commitment = _STMT.copy()
    commitment.update(salt + stmt)
    return commitment.digest()


def commit_subj(salt: bytes, subj: bytes) -> bytes:
    """C2: the commitment to a subject's bytes under a 32-byte salt (prooflog §3.1)."""
    commitment = _SUBJ.copy()
    commitment.update(salt + subj)
    return commitment.digest()


def subject_id(cid: bytes) -> str:
    """What stands for a visitor in `subj.sub`: whoever shows the `cid` proves that a record is theirs."""
    return sha256(_SUB + cid).hexdigest()


class Draft(NamedTuple):
    """A record that was found well-formed, encoded as if the log gave it its own time."""

    kind: Kind
    t: int
    lookup: bytes | None
    stmt: bytes
    subj: bytes
    sha256: str | None
    body: bytes | None

    @classmethod
    def of(cls, record: Record) -> "Draft":
        """Check and encode a record; ValueError says what can't be logged."""
        kind = record.kind if type(record.kind) is Kind else Kind(record.kind)
        if (record.body is not None) != (kind is Kind.DOCUMENT):
            raise ValueError("a document, and nothing else, has a body")
        if kind.public and (record.subj or record.lookup is not None):
            raise ValueError(f"a {kind.label} entry is public: it can't carry a subject")
        if record.lookup is not None and len(record.lookup) != LOOKUP_BYTES:
            raise ValueError(f"a lookup tag is {LOOKUP_BYTES} bytes")
        if "sub" in record.subj and record.lookup is None:
            raise ValueError("an entry that names a visitor needs the tag to find it by")
        if "clock" in record.stmt or "tag" in record.subj:
            raise ValueError("a statement's `clock` and a subject's `tag` are the log's to add")
        stmt, digest = {**record.stmt, "t": record.t}, None
        if record.body is not None:
            stmt["sha256"] = digest = sha256(record.body).hexdigest()
        encoded = canonical(stmt)
        if kind.public and len(encoded) > MAX_ENTRY - _CLAMP_ROOM:
            raise ValueError(
                f"a public entry holds at most {MAX_ENTRY - _CLAMP_ROOM} bytes, this one has {len(encoded)}"
            )
        subj = record.subj if record.lookup is None else {**record.subj, "tag": record.lookup.hex()}
        return cls(kind, record.t, record.lookup, encoded, canonical(subj), digest, record.body)

    def seal(self, t: int, salts: bytes) -> Sealed:
        """The entry at time `t` (≥ the record's own), with 64 fresh random bytes of salt."""
        kind, own, lookup, stmt, subj, digest, body = self
        if t != own:
            # What was read from canonical JSON is written as such; half a batch may need it, under the lock.
            late = {**orjson.loads(stmt), "t": t, "clock": own}
            stmt = orjson.dumps(late, option=orjson.OPT_SORT_KEYS)
        if kind >= 0x10:
            return Sealed(t, _BEGINNING[kind] + stmt, None, digest, body)
        salt1, salt2 = salts[:SALT_BYTES], salts[SALT_BYTES:]
        entry = _BEGINNING[kind] + commit_stmt(salt1, stmt) + commit_subj(salt2, subj)
        return Sealed(t, entry, Opening(t, lookup, salt1, stmt, salt2, subj))


_BEGINNING = {kind: bytes((VERSION, kind)) for kind in Kind}
_KINDS = {beginning: kind for kind, beginning in _BEGINNING.items()}


def kind_of(entry: bytes) -> Kind:
    """The kind of an entry; VerificationError when these bytes are no entry of ours."""
    kind = _KINDS.get(entry[:2])
    if kind is None:
        raise VerificationError(f"not an entry: it begins with {entry[:2].hex() or 'nothing'}")
    if len(entry) != 2 + 32 + 32 and not kind.public:
        raise VerificationError(f"a committed entry is 66 bytes, this one has {len(entry)}")
    return kind


def decode(data: bytes | None) -> dict[str, Any] | None:
    """A stored payload as a dictionary; None for None; VerificationError when it is no JSON object."""
    if data is None:
        return None
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise VerificationError(f"the payload isn't JSON: {error}") from error
    if type(value) is not dict or not isinstance(value.get("t", 0), int):
        raise VerificationError("the payload isn't a JSON object with a time")
    return value


Payload = Callable[[bytes | None], dict[str, Any] | None]


def exact(data: bytes | None) -> dict[str, Any] | None:
    """As `decode`; VerificationError also when it isn't written in the one way there is (see `canonical`)."""
    value = decode(data)
    try:
        same = value is None or canonical(value) == data
    except ValueError as error:
        raise VerificationError(f"the payload isn't canonical JSON: {error}") from error
    if not same:
        raise VerificationError("the payload isn't canonical JSON")
    return value


def opens_stmt(entry: bytes, opening: Opening) -> bool:
    """True when the statement is erased or opens C1."""
    salt, stmt = opening.salt1, opening.stmt
    if stmt is None or salt is None:
        return stmt is salt
    return len(salt) == SALT_BYTES and commit_stmt(salt, stmt) == entry[2:34]


def opens_subj(entry: bytes, opening: Opening) -> bool:
    """True when the subject is erased or opens C2."""
    salt, subj = opening.salt2, opening.subj
    if subj is None or salt is None:
        return subj is salt
    return len(salt) == SALT_BYTES and commit_subj(salt, subj) == entry[34:]


def committed_lookup(subj: bytes | None) -> bytes | None:
    """The lookup tag that a stored subject commits to; None when it has none, is erased or is no subject."""
    try:
        return _tag(orjson.loads(subj or b""))
    except ValueError:
        return None


def _tag(subj: Any) -> bytes | None:
    try:
        return bytes.fromhex(subj["tag"])
    except (KeyError, TypeError, ValueError):
        return None


def read(index: int, entry: bytes, opening: Opening | None) -> Stored:
    """An entry as stored, decoded; VerificationError when it can't be."""
    stored = decoded(index, kind_of(entry), entry, opening)
    if opening is None or stored.kind.public or (opens_stmt(entry, opening) and opens_subj(entry, opening)):
        return stored
    return replace(stored, intact=False)


def decoded(
    index: int, kind: Kind, entry: bytes, opening: Opening | None, payload: Payload = decode
) -> Stored:
    """An entry as `read`, but that its payload opens the commitments is for the caller to see.

    So `intact` says no more than that it is found by the tag that its subject states, unless that is erased.
    `payload` is how payloads are read: `exact` wants more of them.
    """
    if kind >= 0x10:
        public = payload(entry[2:]) or {}
        return Stored(index, kind, public.get("t"), entry, public, None, opening, opening is None)
    if opening is None:
        return Stored(index, kind, None, entry, None, None)
    _, lookup, _, stmt_, _, subj_ = opening
    stmt, subj = payload(stmt_), payload(subj_)
    found = subj is None or lookup == _tag(subj)
    return Stored(index, kind, stmt.get("t") if stmt else None, entry, stmt, subj, opening, found)


def glance(index: int, entry: bytes, opening: Opening | None) -> Stored:
    """As `read`, but a payload that can't be decoded is None, and the entry not intact.

    VerificationError only when the bytes are no entry at all.
    """
    kind = kind_of(entry)
    try:
        return read(index, entry, opening)
    except VerificationError:
        return Stored(index, kind, None, entry, None, None, opening, intact=False)
