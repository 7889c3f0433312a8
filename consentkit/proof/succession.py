"""Where one log ends and the next one begins, and what a verifier holds of the two entries that say so.

- `close`, the last statement of a log: `{"next": {"origin", "vkey"}}`, the log that follows and its key
- `succession`, the first entry of that one: `{"closed": {"origin", "size", "root", "vkey"}, "first"}`, where
  the log before it ended, and how many entries the site's logs had until then

After `close` stand tombstones only: a year that is over ends nobody's right to erasure (prooflog §3.6, §3.10
rule 8).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consentkit.errors import LogClosed, VerificationError
from consentkit.proof.entry import Draft, Kind, Record, decode, exact, kind_of
from consentkit.proof.note import Verifier, open_checkpoint

Last = tuple[bytes, int | None]


@dataclass(frozen=True, slots=True)
class Successor:
    """The log that follows a closed one: its name and its first verifier key."""

    origin: str
    vkey: str

    def closing(self, t: int) -> Record:
        """Return the entry that closes a log at `t` (UTC ms) in favour of this one."""
        return Record(Kind.CLOSE, t, {"next": {"origin": self.origin, "vkey": self.vkey}})

    @classmethod
    def named(cls, stmt: Mapping[str, Any]) -> "Successor | None":
        """Return whom a `close` entry names; None when it names nobody."""
        named = stmt.get("next")
        if not isinstance(named, dict) or not _texts(named, "origin", "vkey"):
            return None
        return cls(named["origin"], named["vkey"])


@dataclass(frozen=True, slots=True)
class Predecessor:
    """Where the log before a log ended; `first` is how many entries the site's logs had until then."""

    origin: str
    vkey: str
    size: int
    root: str  # hex
    first: int

    def succession(self, t: int) -> Record:
        """Return the first entry of the log that goes on from here at `t` (UTC ms)."""
        closed = {"origin": self.origin, "vkey": self.vkey, "size": self.size, "root": self.root}
        return Record(Kind.SUCCESSION, t, {"closed": closed, "first": self.first})

    @classmethod
    def named(cls, stmt: Mapping[str, Any]) -> "Predecessor | None":
        """Return whom a `succession` entry names; None when it names nobody."""
        closed, first = stmt.get("closed"), stmt.get("first")
        if not isinstance(closed, dict) or not _texts(closed, "origin", "vkey", "root"):
            return None
        size = closed.get("size")
        if type(size) is not int or type(first) is not int or not 0 <= size <= first:
            return None
        return cls(closed["origin"], closed["vkey"], size, closed["root"], first)


def _texts(named: Mapping[str, Any], *fields: str) -> bool:
    return all(isinstance(named.get(field), str) for field in fields)


def predecessor_in(entry: bytes) -> Predecessor | None:
    """Return whom a log's first entry names as the log before it; None when it isn't a `succession`."""
    try:
        return Predecessor.named(exact(entry[2:]) or {}) if kind_of(entry) is Kind.SUCCESSION else None
    except VerificationError:
        return None


class Ending:
    """What a log's last entries say: its latest time, and whether it was closed."""

    def __init__(
        self, origin: str, last: Callable[[int], Last | None] = lambda _: None, size: int = 0
    ) -> None:
        """`last` returns the newest entry of the first so many, and its row's time if it has one."""
        self._origin = origin
        self._successor: str | None = None
        found = last(size)
        self.t = _time_of(found)
        while found and kind_of(found[0]) is Kind.TOMBSTONE:  # these may follow `close`
            size -= 1
            found = last(size)
        if found and kind_of(found[0]) is Kind.CLOSE:
            self._close(_stmt(found[0]))

    def _close(self, stmt: Mapping[str, Any]) -> None:
        successor = Successor.named(stmt)
        self._successor = successor.origin if successor else "another log"

    def refusal(self, drafts: Sequence[Draft]) -> LogClosed | None:
        """Return why these can't be appended next; when they can, the log ends with them from now on."""
        before = self._successor
        for draft in drafts:
            if self._successor is not None and draft.kind is not Kind.TOMBSTONE:
                refused, self._successor = LogClosed(self._origin, self._successor), before
                return refused
            if draft.kind is Kind.CLOSE:
                self._close(decode(draft.stmt) or {})
        return None


def _time_of(last: Last | None) -> int:
    if last is None:
        return 0
    entry, created_ms = last
    if kind_of(entry).public:
        return int((decode(entry[2:]) or {}).get("t", 0))
    return created_ms or 0


class Bounds:
    """Checks that only tombstones follow `close`, and that a log begins where the one before it ended."""

    def __init__(self, origin: str, first: bytes) -> None:
        """`origin` is the log's own name, `first` its entry 0 (b"" where there is none)."""
        before = predecessor_in(first)
        self._before = before if before and before.origin != origin else None
        self.beside = 0
        """How many checkpoints of the log before are of another size than this one goes on from."""
        self.closed: int | None = None
        """Where the log was closed; an entry before that, unless it is public, needs no look."""
        self._after = 0

    def add(self, index: int, kind: Kind, entry: bytes) -> Iterator[str]:
        """Take the next entry; yields what is wrong with where it stands, or with what it names."""
        if self.closed is not None:
            self._after += 1
            if kind is not Kind.TOMBSTONE:
                yield f"it stands after entry {self.closed}, which closed the log"
        if kind is Kind.CLOSE:
            self.closed = index if self.closed is None else self.closed
            if not Successor.named(_stmt(entry)):
                yield "it closes the log without a word on the one that follows"
        if kind is Kind.SUCCESSION and (index or not self._before):
            yield "it doesn't say, as a log's first entry, where another log ended"

    def settle(self, size: int) -> Iterator[tuple[int, str]]:
        """Yield what a log of `size` entries keeps back after it was closed: the index, and the problem."""
        if self.closed is not None and self._after < size - 1 - self.closed:
            yield self.closed, "of the entries after this one, which closed the log, not all are shown"

    def compare(self, note: str) -> str | None:
        """Return what a checkpoint of the log before says against this one: "" for nothing.

        None when it isn't a checkpoint of that log. One of another size can't be compared: only the log
        before can show what it signed, and erasing goes on there after the close.
        """
        before = self._before
        if before is None or note.partition("\n")[0] != before.origin:
            return None
        try:
            checkpoint = open_checkpoint(note, Verifier.parse(before.vkey))
        except VerificationError as error:
            return f"the checkpoint of {before.origin} can't be trusted: {error}"
        if checkpoint.size != before.size:
            self.beside += 1
        elif checkpoint.root.hex() != before.root:
            return f"{before.origin} ended with other entries than this log goes on from"
        return ""


def _stmt(entry: bytes) -> Mapping[str, Any]:
    try:
        return exact(entry[2:]) or {}
    except VerificationError:
        return {}
