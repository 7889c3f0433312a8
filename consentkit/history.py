"""What the log holds on a visitor: read back, and what became true of it since, written once.

An answer that has run out, under the regime that it was given under, and a browser's objection, are entries
only for a visitor who has an id, once for each answer; written with the question for a state or the next
answer, never by a page view. So is the end of a message, once for each policy version that it told of.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from consentkit.errors import ConsentKitError, LogClosed, SizeMoved
from consentkit.policy.decision import ON, Consent, Decision, Reason
from consentkit.policy.months import milliseconds
from consentkit.policy.signals import denied
from consentkit.policy.version import Policy
from consentkit.proof.entry import Kind, Record, Stored, subject_id
from consentkit.proof.shards import Shards
from consentkit.proof.statement import choices_of, newest_answer

logger = logging.getLogger("consentkit")

TRIES = 5
"""To write what must be written once where the visitor's other tabs write; the next question tries again."""

RUN_OUT = frozenset({Reason.EXPIRED, *ON.values()})
"""The reasons under which an answer that has ended is over: also what is on without one had one."""

Decide = Callable[[Consent | None, datetime, str | None], Decision]
Ends = Callable[[Consent], Mapping[str, datetime]]


@dataclass(frozen=True, slots=True)
class Past:
    """A visitor's newest state, the index of their last entry that isn't erased, what is still to be written
    about it, and after which entry: the newest there is of theirs, or the one before the newest log's first.
    """

    consent: Consent | None
    previous: int | None = None
    due: tuple[Record, ...] = ()
    after: int = -1


class History:
    """The visitors' entries in the site's logs. What reads takes its time: call it in a thread."""

    def __init__(self, log: Shards, decide: Decide, ends: Ends) -> None:
        self._log = log
        self._decide = decide
        self._ends = ends

    def records(self, consent: Consent) -> list[Stored]:
        """Return everything the log holds on a visitor, oldest first (Q4, Q28).

        An index can lead astray, so each record must itself be about this visitor. Raises StoreUnavailable.
        """
        return _theirs(consent, self._log.of_visitor(consent.id))

    def latest(self, consent: Consent) -> Consent:
        """Return a visitor's state as the log last recorded it, if that is newer than their cookie.

        Two tabs can answer at once, and the browser may keep the earlier answer's cookie; an operator may
        have withdrawn for them. Raises StoreUnavailable.
        """
        return _state(consent, self.records(consent))

    def newest(self, consent: Consent) -> Consent:
        """Return the same; where the log can't be read, the cookie's word counts."""
        try:
            return self.latest(consent)
        except ConsentKitError:
            logger.exception("the log can't be read; the cookie counts")
            return consent

    def past(
        self,
        consent: Consent,
        policy: Policy,
        signals: Iterable[str],
        now: datetime,
        regime: str | None,
        closed: int | None = None,
    ) -> Past:
        """Return what an answer at `now` follows, as the log has it; `regime` is the visitor's, None for the
        site's, `closed` as `noted` has it. Raises StoreUnavailable.
        """
        after = self._log.newest.first - 1
        found = self._log.of_visitor(consent.id)
        after = max(after, found[-1].index) if found else after
        records = _theirs(consent, found)
        newest = _state(consent, records)
        due = (
            *self._due(newest, records, policy, signals, now, regime),
            *self._closed(newest, records, policy, closed, now),
        )
        # An erased one isn't named: that would say whose it was.
        return Past(newest, records[-1].index if records else None, due, after)

    def noted(
        self,
        consent: Consent,
        policy: Policy,
        signals: Iterable[str],
        now: datetime,
        regime: str | None,
        closed: int | None = None,
    ) -> Consent:
        """Return a visitor's newest state, and write what has become true of it and isn't in the log yet.

        `closed` is the UTC day that the message told which they have closed just now, if they have: on it
        what they are told of had changed (E3).

        Never raises: where the log can't be used, the cookie's word counts.
        """
        try:
            for _ in range(TRIES):
                past = self.past(consent, policy, signals, now, regime, closed)
                consent = past.consent or consent
                if not past.due:
                    break
                try:
                    self._log.append_about(consent.id, past.due, past.after).result()
                    break
                except SizeMoved:
                    continue  # perhaps another tab has written it
                except LogClosed:
                    self._log.follow()
        except ConsentKitError:
            logger.exception("the log can't be used; the cookie counts")
        return consent

    def _due(
        self,
        consent: Consent,
        records: Collection[Stored],
        policy: Policy,
        signals: Iterable[str],
        now: datetime,
        regime: str | None,
    ) -> Iterator[Record]:
        if all(record.index != consent.index for record in records):
            return  # erased: nobody is to be named with it again
        decision = self._decide(consent, now, regime)
        # Where a visitor is, or is taken to be, may change back: only what ended where it was said is over.
        reasons, ends = decision.reasons, self._ends(consent)
        expired = (c for c, end in ends.items() if end <= now and reasons.get(c) in RUN_OUT)
        over = {c: milliseconds(ends[c]) for c in expired}
        # An end that was told and lies after the decision is of that decision.
        told = [stmt["expired"] for stmt in _statements(records, Kind.EXPIRY)]
        made = {c: milliseconds(consent.choices[c].decided) for c in over}
        new = {c: end for c, end in over.items() if all(each.get(c, 0) <= made[c] for each in told)}
        about = {"answer": consent.index, "policy": policy.version}
        if new:
            yield self._record(Kind.EXPIRY, consent, {**about, "expired": new}, now)
        known = {
            stmt["signal"] for stmt in _statements(records, Kind.SIGNAL) if stmt["answer"] == consent.index
        }
        for signal in signals:
            if signal not in known:
                off = denied(policy, signal)
                against = [category for category in off if reasons.get(category) is Reason.GRANTED]
                stmt = {**about, "signal": signal, "denied": off, "against": against}
                yield self._record(Kind.SIGNAL, consent, stmt, now)

    def _closed(
        self,
        consent: Consent,
        records: Collection[Stored],
        policy: Policy,
        closed: int | None,
        now: datetime,
    ) -> Iterator[Record]:
        """That a visitor has been told of a version, and has closed the message: once for each (E3, E4)."""
        before = (stmt["policy"] for stmt in _statements(records, Kind.MESSAGE))
        if closed is None or policy.version in before or all(r.index != consent.index for r in records):
            return
        stmt = {"answer": consent.index, "policy": policy.version, "changed": closed}
        yield self._record(Kind.MESSAGE, consent, stmt, now)

    @staticmethod
    def _record(kind: Kind, consent: Consent, stmt: Mapping[str, Any], now: datetime) -> Record:
        return Record(kind, milliseconds(now), stmt, {"sub": subject_id(consent.id)})


def _statements(records: Iterable[Stored], kind: Kind) -> Iterator[dict[str, Any]]:
    return (record.stmt for record in records if record.kind is kind and record.stmt is not None)


def _theirs(consent: Consent, found: Iterable[Stored]) -> list[Stored]:
    subject = subject_id(consent.id)
    return [record for record in found if record.intact and (record.subj or {}).get("sub") == subject]


def _state(consent: Consent, records: Iterable[Stored]) -> Consent:
    last = newest_answer(records)
    if last is None or last.stmt is None or last.index <= consent.index:
        return consent
    return replace(consent, index=last.index, choices=choices_of(last.stmt))
