"""Whose signatures count: one key that is trusted, and those that the log's own entries hand on from it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consentkit.errors import VerificationError
from consentkit.proof.note import Checkpoint, Receipt, Verifier, open_checkpoint, signer_ids
from consentkit.proof.recount import Finding

Agrees = Callable[[int, bytes], bool]  # whether the log leads to a root at a size


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint, where it is from, and the keys whose signatures on it hold."""

    table: str
    checkpoint: Checkpoint
    vkeys: frozenset[str]


class Keyring:
    """Opens checkpoints, and says in the end which of them nobody vouches for.

    `hints` are keys that somebody says the log had; they open a checkpoint, but count for nothing until an
    entry names them that stands under a signature that counts.
    """

    def __init__(self, vkey: str, hints: Sequence[str] = ()) -> None:
        trusted = Verifier.parse(vkey)
        self.origin = trusted.name
        self._known = {trusted.id: trusted}
        for hint in hints:
            try:
                verifier = Verifier.parse(hint)
            except VerificationError:
                continue
            if verifier.name == trusted.name:
                self._known.setdefault(verifier.id, verifier)
        self._trusted = {trusted.vkey}
        self._named: list[tuple[int, frozenset[str]]] = []
        self._changes: list[tuple[int, frozenset[str]]] = []
        self.signed: list[Signed] = []

    def open(self, table: str, note: str) -> Checkpoint:
        """Read a checkpoint and keep it; VerificationError unless a key that we know of signed it."""
        return self._keep(table, open_checkpoint(note, *self._known.values()), note)

    def open_receipt(self, text: str) -> Checkpoint:
        """Read a receipt and keep the checkpoint it was proved against; VerificationError if it wasn't."""
        receipt = Receipt.parse(text)
        return self._keep("receipt", receipt.verify(*self._known.values()), receipt.checkpoint)

    def _keep(self, table: str, checkpoint: Checkpoint, note: str) -> Checkpoint:
        numbers = {number for name, number in signer_ids(note) if name == checkpoint.origin}
        vkeys = frozenset(verifier.vkey for number, verifier in self._known.items() if number in numbers)
        self.signed.append(Signed(table, checkpoint, vkeys))
        return checkpoint

    def trusts_last(self) -> bool:
        """True when the trusted key itself signed what was opened last."""
        return bool(self.signed[-1].vkeys & self._trusted)

    def learn(self, index: int, stmt: Mapping[str, Any]) -> None:
        """Take a `key` entry: who it names, and who signs from its own checkpoint on."""
        listed = stmt.get("signers")
        signers = frozenset(map(str, listed)) if isinstance(listed, list) else frozenset()
        named = {str(stmt[field]) for field in ("vkey", "retired") if field in stmt}
        self._named.append((index, signers | named))
        if signers:
            # Who signed before it, unless an earlier entry says: all that it doesn't bring itself.
            if not self._changes:
                self._changes.append((-1, (signers | named) - {str(stmt.get("vkey"))}))
            self._changes.append((index, signers))

    def findings(self, agrees: Agrees) -> Iterator[Finding]:
        """What is signed by keys that nobody vouches for, or by others than were in force at its size."""
        self._spread(agrees)
        for signed in self.signed:
            if not signed.vkeys & self._trusted:
                problem = "signed by a key that no entry under a trusted one names"
                yield Finding(None, signed.table, problem)
            elif signed.vkeys != self._in_force(signed):
                size = signed.checkpoint.size
                yield Finding(
                    None, signed.table, f"signed by other keys than were in force at {size} entries"
                )

    def _spread(self, agrees: Agrees) -> None:
        """Trust whom an entry names that stands under a checkpoint of a trusted key."""
        left = [signed for signed in self.signed if agrees(signed.checkpoint.size, signed.checkpoint.root)]
        reach, grown = 0, True
        while grown:
            reach = max([reach, *(s.checkpoint.size for s in left if s.vkeys & self._trusted)])
            before = len(self._trusted)
            self._trusted.update(vkey for index, named in self._named if index < reach for vkey in named)
            grown = len(self._trusted) > before

    def _in_force(self, signed: Signed) -> frozenset[str]:
        size, force = signed.checkpoint.size, signed.vkeys
        for index, signers in self._changes:
            if index < size:
                force = signers
        return force
