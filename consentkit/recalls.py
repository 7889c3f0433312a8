"""Withdrawals that an operator records for a visitor, such as one who has written a letter (A12).

The visitor's cookie still says yes. So every process keeps those of the last two years in mind, reads new
ones every few seconds, and takes them for the visitor's own answer from then on; a page view reads nothing.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from weakref import WeakMethod

from consentkit.policy.decision import Choice, Consent, bases, valid_until
from consentkit.policy.months import add_months, milliseconds
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.version import Policy
from consentkit.proof.entry import Kind, Record, Stored, subject_id
from consentkit.proof.forked import anew
from consentkit.proof.shards import Shards
from consentkit.proof.statement import Occasion, answered, choices_of, newest_answer

logger = logging.getLogger("consentkit")

LOOK_SECONDS = 10.0
MONTHS_HEEDED = 25
"""No answer's cookie lives as long."""
MECHANISM = "operator"

Withdrawn = tuple[int, Mapping[str, Choice]]
"""The number of the last withdrawal for a visitor, and their answers then."""
Heeded = Mapping[str | int, Withdrawn]
"""By the visitor's `sub`; once they are erased, by the number of the answer that was withdrawn."""


class Recalls:
    """The withdrawals recorded for visitors, as this process knows them."""

    def __init__(self, log: Shards, clock: Callable[[], datetime]) -> None:
        """Read them; raises StoreUnavailable."""
        self.heeded: Heeded = {}
        """Another object whenever there is another withdrawal."""
        self.told: list[Callable[[], None]] = []
        """Who is to be called then."""
        self._log = log
        self._read_to = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.look(milliseconds(add_months(clock(), -MONTHS_HEEDED)))
        anew(self._start_over)

    def of(self, consent: Consent) -> Consent:
        """Return the visitor's state: the cookie's, or that of a later withdrawal recorded for them."""
        later = self._later(consent.id, consent.index)
        return Consent(consent.id, *later) if later else consent

    def recalled(self, cid: bytes, index: int) -> bool:
        """Return whether a withdrawal was recorded for a visitor after their answer, entry `index`."""
        return self._later(cid, index) is not None

    def watched(self) -> Heeded:
        """Return what is `heeded`, and from now on look for more."""
        if self._thread is None:
            self._start()
        return self.heeded

    def _later(self, cid: bytes, index: int) -> Withdrawn | None:
        heeded = self.watched()
        if not heeded:
            return None
        found = heeded.get(subject_id(cid)) or heeded.get(index)
        return found if found and found[0] > index else None

    def look(self, since: int = 0) -> None:
        """Read what is new, of entries made at `since` (UTC ms) or later; raises StoreUnavailable."""
        size = self._log.size
        found: dict[str | int, Withdrawn] = {}
        for entry in self._log.entries(kind=Kind.OPERATOR, start=self._read_to, stop=size, newest_first=True):
            if entry.t is not None and entry.t < since:
                break
            if entry.intact and entry.stmt is not None:
                whose = entry.stmt["previous"] if entry.subj is None else entry.subj["sub"]
                found.setdefault(whose, (entry.index, choices_of(entry.stmt)))
        self._read_to = size
        if found:
            self.heeded = {**self.heeded, **found}
            self._tell()

    def _tell(self) -> None:
        for tell in self.told:
            tell()

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()

    def _start(self) -> None:
        look, stopped = WeakMethod(self._look_again), self._stopped
        if not stopped.is_set():
            name = "consentkit-recalls"
            self._thread = threading.Thread(target=_work, args=(look, stopped), name=name, daemon=True)
            self._thread.start()

    def _look_again(self) -> None:
        try:
            self.look()
        except Exception:  # whatever it is: the next look may find it mended
            logger.exception("the log can't be read; withdrawals recorded for visitors have to wait")

    def _start_over(self) -> None:
        # The parent's thread isn't in a child, and its lock may be held there for ever.
        self._thread, self._stopped = None, threading.Event()
        # A cookie that the parent has opened is opened anew, which starts the child's own.
        self._tell()


def _work(look: "WeakMethod[Callable[[], None]]", stopped: threading.Event) -> None:
    while not stopped.wait(LOOK_SECONDS):
        call = look()
        if call is None:
            return
        call()
        del call


def recall(
    records: Iterable[Stored],
    policies: Mapping[str, Policy],
    policy: Policy,
    categories: Iterable[str],
    by: Mapping[str, str],
    now: datetime,
) -> Record | None:
    """Return the entry that withdraws for a visitor what `records`, theirs, say yes to; None for nothing.

    `policy` is the one in force, `policies` all that the log holds, `categories` what to withdraw. `by` is
    the `actor` who records it and the `reason`.
    """
    last = newest_answer(records)
    if last is None or last.stmt is None or last.subj is None or last.opening is None:
        return None
    choices = {c: each for c, each in choices_of(last.stmt).items() if each.version in policies}
    gone = [c for c in categories if c in choices and choices[c].granted]
    if not gone:
        return None
    no = Choice(granted=False, decided=now.replace(microsecond=0), version=policy.version)
    choices |= dict.fromkeys(gone, no)
    regime = str(last.stmt.get("regime", UNKNOWN))
    ends = {c: valid_until(policies[choice.version], choice, regime) for c, choice in choices.items()}
    occasion = Occasion(policy.version, MECHANISM, regime)
    stmt = answered(occasion, choices, ends, gone, now, last.index, bases(policies, choices))
    # Beside the visitor's id: a letter's reason may name them, and erasing them takes it along.
    subject = {"sub": last.subj["sub"], **by}
    return Record(Kind.OPERATOR, milliseconds(now), stmt, subject, lookup=last.opening.lookup)
