"""What an outsider checks, from a store or from files alone: every entry, every hash, every signature.

Pure: the log is read through a `store.Source`; nothing here trusts a row that a signature doesn't cover.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from consentkit.errors import VerificationError
from consentkit.proof.cited import Cited
from consentkit.proof.entry import Kind, Opening, Stored, decoded, exact, kind_of, opens_stmt, opens_subj
from consentkit.proof.keyring import Keyring
from consentkit.proof.merkle import leaf_hash
from consentkit.proof.note import Checkpoint
from consentkit.proof.recount import Finding, Recount
from consentkit.proof.report import Progress, Report, untold
from consentkit.proof.store import Head, Source
from consentkit.proof.succession import Bounds
from consentkit.proof.tiles import WIDTH
from consentkit.proof.tombstones import Tombstones
from consentkit.proof.witnessed import Testimony, Trust

__all__ = ["Check", "Finding", "Progress", "Report", "Trust", "untold", "verify"]

Check = Callable[[Stored], Iterable[str]]
NOBODY = Trust()
BESIDE = "of the log before, to be compared with that one"
"""What is counted of checkpoints that were kept, but that this log alone can't be compared with."""


def verify(
    source: Source,
    vkey: str,
    anchors: Sequence[str] = (),
    checks: Sequence[Check] = (),
    *,
    receipts: Sequence[str] = (),
    scope: range | None = None,
    progress: Progress = untold,
    hints: Sequence[str] = (),
    trust: Trust = NOBODY,
) -> Report:
    """Check a whole log against its verifier key.

    `anchors` are checkpoints (signed notes) that were kept elsewhere: the log must contain what they signed.
    `receipts` must hold, and so must the checkpoints in them. `checks` are called with each entry in order
    and return what is wrong with it in the domain's terms. Outside `scope`, entries and payloads needn't be
    shown, but the hashes must. `progress` is called with how many entries are done, and of how many.
    `hints` are further keys of the log, which count once its own entries vouch for them. `trust` says who
    outside the log is believed.
    Never raises for what the log holds; a `vkey` that isn't one is a VerificationError.
    """
    return _Audit(source, Keyring(vkey, hints), checks, scope, trust).run(anchors, receipts, progress)


class _Audit:
    def __init__(
        self,
        source: Source,
        keyring: Keyring,
        checks: Sequence[Check],
        scope: range | None,
        trust: Trust,
    ) -> None:
        self._scope = scope
        self._source = source
        self._keyring = keyring
        self._checks = checks
        self._report = Report(0)
        self._commitments: set[bytes] = set()
        self._cited = Cited()
        self._tombstones = Tombstones()
        first = next((entry for _, entry in source.leaves(0, 1)), b"")
        self._bounds = Bounds(keyring.origin, first)
        self._testimony = Testimony(trust)
        self._t = 0

    def run(self, anchors: Sequence[str], receipts: Sequence[str], progress: Progress) -> Report:
        report = self._report
        head = self._source.head()
        size = self._size(self._read_head(head))
        report.size = size
        report.scope = range(size) if self._scope is None else self._scope
        for table, index in self._source.strays(size):
            report.add(index, table, f"a row outside the log of {size} entries")
        self._read_signed(anchors)
        self._read_receipts(receipts)
        recount = Recount({size, *(signed.checkpoint.size for signed in self._keyring.signed)})
        for start in range(0, size, WIDTH):
            progress(start, size)
            self._pass(recount, start, min(start + WIDTH, size))
        progress(size, size)
        self._settle(recount, size)
        self._check_frontier(head, recount)
        self._check_documents()
        for place, name, problem in self._source.problems():
            report.add(place, name, problem)
        report.findings.sort(key=lambda finding: (finding.index is None, finding.index or 0))
        return report

    def _size(self, checkpoint: Checkpoint | None) -> int:
        # A size that nobody signed isn't believed: it would make up missing entries, or hide others.
        rows = self._source.rows()
        signed = checkpoint is not None and (self._keyring.trusts_last() or checkpoint.size <= rows)
        return checkpoint.size if checkpoint and signed else rows

    def _read_head(self, head: Head | None) -> Checkpoint | None:
        if head is None:
            self._report.add(None, "head", "the log has no head")
            return None
        checkpoint = self._open("head", head.checkpoint)
        if checkpoint and checkpoint.size != head.size:
            problem = f"the head says {head.size} entries, its checkpoint signs {checkpoint.size}"
            self._report.add(None, "head", problem)
        return checkpoint

    def _open(self, table: str, note: str) -> Checkpoint | None:
        try:
            return self._keyring.open(table, note)
        except VerificationError as error:
            self._report.add(None, table, f"the checkpoint can't be trusted: {error}")
            return None

    def _read_signed(self, anchors: Sequence[str]) -> None:
        listed: dict[int, Checkpoint | None] = {}
        for size, note in self._source.published():
            checkpoint = listed[size] = self._open("published", note)
            self._report.count("published")
            if checkpoint and checkpoint.size != size:
                problem = f"the checkpoint published for {size} entries signs {checkpoint.size}"
                self._report.add(None, "published", problem)
                listed[size] = None
        if 0 not in listed:
            self._report.add(None, "published", "the checkpoint of the empty log was taken out")
        for row in self._source.attested():
            for problem in self._testimony.hear(row, listed.get(row.size)):
                self._report.add(None, "published", problem)
        self._testimony.heard()
        for note in anchors:
            self._report.count("anchors")
            other = self._bounds.compare(note)
            if other is None:
                self._open("anchor", note)
            elif other:
                self._report.add(None, "anchor", other)
        if self._bounds.beside:
            self._report.count(BESIDE, self._bounds.beside)

    def _read_receipts(self, receipts: Sequence[str]) -> None:
        for text in receipts:
            self._report.count("receipts")
            try:
                # What it was proved against must be of this log, and then so is what it proves.
                self._keyring.open_receipt(text)
            except VerificationError as error:
                self._report.add(None, "receipt", f"it doesn't hold: {error}")

    def _pass(self, recount: Recount, start: int, stop: int) -> None:
        entries = dict(self._source.leaves(start, stop))
        if not entries and not range(
            max(start, self._report.scope.start), min(stop, self._report.scope.stop)
        ):
            recount.believe(self._source.tile(0, start // WIDTH), stop - start)
            return
        openings = dict(self._source.openings(start, stop))
        leaves = [leaf_hash(entries[i]) if i in entries else b"" for i in range(start, stop)]
        recount.add(leaves, self._source.tile(0, start // WIDTH))
        kinds: Counter[Kind] = Counter()
        for index in range(start, stop):
            if index not in entries:
                continue
            entry = entries[index]
            try:
                kind = kind_of(entry)
            except VerificationError as error:
                self._report.add(index, "leaf", str(error))
                continue
            kinds[kind] += 1
            self._entry(index, kind, entry, openings.get(index))
        for kind, number in kinds.items():
            self._report.count(kind.label, number)

    def _entry(self, index: int, kind: Kind, entry: bytes, opening: Opening | None) -> None:
        public = kind >= 0x10
        if public or self._bounds.closed is not None:
            for problem in self._bounds.add(index, kind, entry):
                self._report.add(index, "leaf", problem)
        if public and opening:
            self._report.add(index, "opening", "a payload was added to a public entry")
        elif not public and not self._opening(index, entry, opening):
            return
        try:
            stored = decoded(index, kind, entry, None if public else opening, exact)
        except VerificationError as error:
            self._report.add(index, "leaf" if public else "opening", str(error))
            return
        self._payload(stored)

    def _opening(self, index: int, entry: bytes, opening: Opening | None) -> bool:
        commitment = entry[2:34]
        if commitment in self._commitments:
            self._report.add(index, "leaf", "the same commitment as an earlier entry: a replay")
        self._commitments.add(commitment)
        if opening is None and index not in self._report.scope:
            self._report.count("not shown")
            return False
        stmt = opening is None or opens_stmt(entry, opening)
        subj = opening is None or opens_subj(entry, opening)
        if not stmt:
            self._report.add(index, "opening", "the statement doesn't open the entry's commitment")
        if not subj:
            self._report.add(index, "opening", "the subject doesn't open the entry's commitment")
        if stmt and subj and self._tombstones.missing(index, opening):
            self._report.count("erased")
        return stmt and subj

    def _payload(self, stored: Stored) -> None:
        index, t, stmt = stored.index, stored.t, stored.stmt
        if t is not None:
            if t < self._t:
                self._report.add(index, "time", f"time runs backwards, from {self._t} to {t}")
            else:
                self._t = t
            if problem := self._testimony.problem(index, t, (stmt or {}).get("clock")):
                self._report.add(index, "time", problem)
            if stored.opening and stored.opening.created_ms != t:
                self._report.add(index, "opening", "the row's time isn't the statement's")
        if stored.kind >= 0x10:
            self._public(stored)
        if not stored.intact:
            problem = "the tag it is found by isn't the one that its subject commits to"
            self._report.add(index, "opening", problem)
        if stmt and "clock" in stmt:
            self._report.clamped(t, stmt["clock"])
        for check in self._checks:
            try:
                for problem in check(stored):
                    self._report.add(index, "check", problem)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                problem = f"it says nothing that can be checked ({type(error).__name__}: {error})"
                self._report.add(index, "check", problem)

    def _public(self, stored: Stored) -> None:
        stmt = stored.stmt or {}
        if stored.kind is Kind.TOMBSTONE:
            for problem in self._tombstones.add(stored):
                self._report.add(stored.index, "leaf", problem)
        if stored.kind is Kind.KEY and stmt:
            self._keyring.learn(stored.index, stmt)
        if stored.kind is Kind.DOCUMENT and stmt:
            self._cited.add(stored.index, stmt)

    def _settle(self, recount: Recount, size: int) -> None:
        signed = [it.checkpoint for it in self._keyring.signed if it.table == "head"]
        root = next((checkpoint.root for checkpoint in signed if checkpoint.size == size), None)
        for finding in recount.differences(root):
            self._report.add(finding.index, finding.table, finding.problem)
        for finding in recount.tiles(self._source, root):
            self._report.add(finding.index, finding.table, finding.problem)
        for finding in self._tombstones.settle(self._source):
            self._report.add(finding.index, finding.table, finding.problem)
        for index, problem in self._bounds.settle(size):
            self._report.add(index, "leaf", problem)
        for finding in self._keyring.findings(recount.agrees):
            self._report.add(finding.index, finding.table, finding.problem)
        self._report.counts |= self._testimony.counts(size, recount.agrees)
        for problem in self._testimony.findings(self._t, recount.agrees):
            self._report.add(None, "outside", problem)
        good, bad = 0, 0
        for it in sorted(self._keyring.signed, key=lambda it: it.checkpoint.size):
            table, checkpoint = it.table, it.checkpoint
            if checkpoint.size > self._report.size:
                problem = f"a checkpoint signs {checkpoint.size} entries: the log was cut off or restored"
                self._report.add(self._report.size, table, problem)
            elif recount.agrees(checkpoint.size, checkpoint.root):
                good = checkpoint.size if not bad else good
            else:
                bad = bad or checkpoint.size
                self._report.add(None, table, f"the first {checkpoint.size} entries aren't those it signed")
        if bad:
            problem = f"one of the entries {good} to {bad - 1} was changed, added or removed"
            self._report.add(good, "tree", problem)

    def _check_frontier(self, head: Head | None, recount: Recount) -> None:
        if head is None or head.frontier is None or head.size != self._report.size:
            return
        if head.frontier not in recount.frontiers():
            self._report.add(None, "head", "the stored frontier isn't the tree's")

    def _check_documents(self) -> None:
        for finding in self._cited.settle(self._source):
            self._report.add(finding.index, finding.table, finding.problem)
        if self._cited.rows:
            self._report.count("documents", self._cited.rows)
