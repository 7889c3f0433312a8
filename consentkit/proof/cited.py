"""Which documents a log's entries log, and whether each is there as it was logged."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from consentkit.proof.recount import Finding
from consentkit.proof.store import DocumentRow, Source

ATTACHED = "attached"
"""What the statement of a `document` entry has besides where it is a file that somebody attached."""


class Cited:
    """Hears of each `document` entry, then looks at what is stored; `rows` is how many that were."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self.rows = 0

    def add(self, index: int, stmt: Mapping[str, Any]) -> None:
        """Take the statement of a `document` entry; the first one that logs a document counts."""
        self._first.setdefault(str(stmt.get("sha256")), index)

    def settle(self, source: Source) -> Iterator[Finding]:
        """What isn't as the entries say: changed, missing, or logged by none."""
        found = set()
        for row in source.documents():
            self.rows += 1
            found.add(row.sha256)
            problem = self._problem(row)
            if problem:
                yield Finding(self._first.get(row.sha256), "document", problem)
        for digest, index in self._first.items():
            if digest not in found:
                yield Finding(index, "document", f"the document {digest} is missing")

    def _problem(self, row: DocumentRow) -> str | None:
        cited = self._first.get(row.sha256)
        if cited is None:
            return f"no entry logs the document {row.sha256}"
        if row.index is not None and row.index != cited:
            return f"the document {row.sha256} is filed under another entry, {row.index}"
        if sha256(row.body).hexdigest() != row.sha256:
            return f"the document's text isn't the one that entry {cited} logs"
        return None
