"""What a verification tells: how far it is, and in the end what it looked at and found."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from consentkit.proof.recount import Finding

MAX_FINDINGS = 1000
FURTHEST = "milliseconds clamped at most"

Progress = Callable[[int, int], object]


def untold(done: int, size: int) -> None:
    """Tell nobody how far it is."""


@dataclass(slots=True)
class Report:
    """What was looked at and what doesn't hold; `more` counts findings beyond the first thousand.

    `size` is the whole log's; `scope` are the entries whose payloads were there to be looked at.
    """

    size: int
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    scope: range = range(0)

    @property
    def ok(self) -> bool:
        """True when nothing was found."""
        return not self.findings

    def count(self, name: str, more: int = 1) -> None:
        """One more, or so many, of what `name` says."""
        self.counts[name] = self.counts.get(name, 0) + more

    def clamped(self, t: object, clock: object) -> None:
        """Count an entry whose maker's clock ran behind the log's time `t`, and tell by how much at most."""
        self.count("clamped")
        if type(t) is int and type(clock) is int:
            self.counts[FURTHEST] = max(self.counts.get(FURTHEST, 0), t - clock)

    def count_from(self, first: int) -> None:
        """Tell entries by the numbers they have where the log's own first one is number `first`."""
        self.findings = [
            found if found.index is None else replace(found, index=first + found.index)
            for found in self.findings
        ]

    def add(self, index: int | None, table: str, problem: str) -> None:
        """Note a finding."""
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(index, table, problem))
        else:
            self.more += 1
