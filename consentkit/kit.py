"""ConsentKit: rule book, memory, keys and clock composed once; what the gate and the desk talk to."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from consentkit.answer import Answer, StaleGrant, problems_of, understood
from consentkit.edition import Edition, compile_edition
from consentkit.errors import (
    ChoiceError,
    ConfigurationError,
    LogClosed,
    OutcomeUnknown,
    Problem,
    SizeMoved,
    StoreUnavailable,
)
from consentkit.history import TRIES, History, Past
from consentkit.policy.change import still_counts
from consentkit.policy.coded import Declared
from consentkit.policy.decision import (
    Choice,
    Consent,
    Decision,
    Reason,
    bases,
    confirmed,
    decide,
    valid_until,
)
from consentkit.policy.lint import lint
from consentkit.policy.months import milliseconds
from consentkit.policy.reading import read_json, read_toml
from consentkit.policy.version import Policy, resolve
from consentkit.proof.attest import Rounds, attesting
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.keys import recorded_origin
from consentkit.proof.shards import Shards
from consentkit.proof.statement import answered
from consentkit.publication import Publications
from consentkit.recalls import Recalls
from consentkit.setters import declared_cookies
from consentkit.tally import Tally
from consentkit.tally_stores import open_store

logger = logging.getLogger("consentkit")

MOST_TOLD = 5
"""Lines that the log gets on a policy: every process of a site writes them at every start."""


def utc_now() -> datetime:
    """Return the present instant; the only place where the product reads the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer once it is durable: the visitor's new state, what it allows, and the receipt."""

    consent: Consent
    decision: Decision
    receipt: str


def read_policy(source: str | Path | Mapping[str, Any], coded: Sequence[Declared] = ()) -> Policy:
    """Return the policy in a TOML or JSON file, or in a mapping of the same shape, and in code.

    Raises ConfigurationError if the file can't be read, PolicyError with every problem in it.
    """
    if isinstance(source, Mapping):
        return resolve(source, coded)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy {path} can't be read: {error}") from error
    read = read_json if path.suffix == ".json" else read_toml
    return resolve(read(text, str(path)), coded)


def _tell(policy: Policy, coded: Sequence[Declared]) -> None:
    """Log what a policy departs from; what is only worth knowing is for who checks it."""
    warnings = [finding for finding in lint(policy, coded) if finding.severity == "warning"]
    for finding in warnings[:MOST_TOLD]:
        logger.warning("consent policy: %s", finding)
    if len(warnings) > MOST_TOLD:
        logger.warning("consent policy: %d more: consentkit check lists them", len(warnings) - MOST_TOLD)


def log_origin(site: str) -> str:
    """Return the log's name for a site's name: lower case, without the spaces a checkpoint forbids."""
    return f"{re.sub(r'[^a-z0-9.]+', '-', site.lower()).strip('-') or 'site'}/consent"


class ConsentKit:
    """One site's consent: the policy in force, every version ever published, and the log.

    Opening it publishes `policy` unless the log ends with it already, so that nothing is ever served
    that the log doesn't hold. Raises ConfigurationError, PolicyError, LogRefused, StoreUnavailable.
    """

    def __init__(
        self,
        policy: str | Path | Mapping[str, Any],
        *,
        store: str,
        keys: str | Path,
        prefix: str = "/consent",
        clock: Callable[[], datetime] = utc_now,
        accept_log: int | None = None,
        stamps: str | None = None,
        witnesses: str | Path | None = None,
        environment: str | None = None,
        actor: str | None = None,
        accounts: bool = False,
        unsettled: bool = False,
    ) -> None:
        """Open it; `accounts`: a choice may count for one (L11); `unsettled`: see `compile_edition`."""
        coded = declared_cookies()
        wanted = read_policy(policy, coded)
        _tell(wanted, coded)
        self.clock = clock
        asking = attesting(stamps, witnesses, lambda: milliseconds(clock()))
        self.edition: Edition = compile_edition(
            wanted, prefix, environment, accounts=accounts, unsettled=unsettled
        )
        # A log keeps the name it was born with, whatever the site calls itself later.
        origin = recorded_origin(Path(keys)) or log_origin(wanted.site.name)
        self.log = Shards.open(store, Path(keys), origin=origin, accept_log=accept_log)
        self.published = Publications(self.log, clock, actor)
        self.published.publish(self.edition)
        self.recalls = Recalls(self.log, clock)
        self.history = History(self.log, self.decide, self._ends)
        self.tally = Tally(open_store(store), clock)
        self._rounds = Rounds(asking, lambda: self.log.places) if asking else None
        if self._rounds:
            self._rounds.start()

    def close(self) -> None:
        """Write what was counted and what waits for the log; let go of both."""
        self.recalls.close()
        self.tally.close()
        if self._rounds:
            self._rounds.close()
        self.log.close()

    def decide(self, consent: Consent | None, now: datetime, regime: str | None = None) -> Decision:
        """Return what is allowed for a visitor at `now`; without a `regime`, under the site's own."""
        policies, policy = self.published.policies, self.edition.policy
        for choice in consent.choices.values() if consent else ():
            if choice.version not in policies:
                self.published.knows(choice.version)
        return decide(policy, policies, consent, now, regime or policy.regime)

    async def record(
        self,
        consent: Consent | None,
        answer: Answer,
        subject: Mapping[str, str],
        now: datetime,
        regime: str | None = None,
        signals: Sequence[str] = (),
    ) -> Recorded:
        """Make an answer durable, then return the visitor's new state and receipt.

        `consent` is the state before, `subject` coarse facts about the browser (no address, no full user
        agent), `regime` the visitor's, None for the site's, `signals` what they object to. Raises
        ChoiceError with every problem, StaleGrant, StoreUnavailable; then nothing changed, but after an
        OutcomeUnknown the answer may be in the log.
        """
        again = partial(self._recorded, consent, answer, subject, now, regime, signals)
        try:
            return await again()
        except OutcomeUnknown as unknown:
            # The log begins afresh with what it holds, and so do we: with our answer, or without.
            try:
                return await again()
            except StoreUnavailable:
                raise unknown from None

    async def _recorded(
        self,
        consent: Consent | None,
        answer: Answer,
        subject: Mapping[str, str],
        now: datetime,
        regime: str | None,
        signals: Sequence[str],
    ) -> Recorded:
        shown = self._shown(answer)
        for left in reversed(range(TRIES)):
            past = await asyncio.to_thread(self._past, consent, signals, now, regime)
            before = self.decide(past.consent, now, regime)
            heard, denied = understood(answer, self.edition.policy, shown, before, signals)
            choices = self._choices(past.consent, heard, shown, now, before)
            cid = past.consent.id if past.consent else secrets.token_bytes(16)
            record = self._entry(cid, past, before, choices, answer, subject, now, signals, denied)
            due = past.due if left else ()  # at the end the answer alone matters
            try:
                after = past.after if due else None
                number, receipt = await self.log.appended(cid, [*due, record], after)
                break
            except SizeMoved:
                continue  # what is due may have been written meanwhile
            except LogClosed:
                await asyncio.to_thread(self.log.follow)
        else:
            raise StoreUnavailable("the consent log is closed, and no other goes on")
        account = past.consent is not None and past.consent.account
        state = Consent(cid, number, choices, account)
        return Recorded(state, self.decide(state, now, regime), receipt)

    def _past(
        self, consent: Consent | None, signals: Sequence[str], now: datetime, regime: str | None
    ) -> Past:
        if consent is None:
            return Past(None)
        return self.history.past(consent, self.edition.policy, signals, now, regime)

    def _shown(self, answer: Answer) -> Policy:
        if not self.published.knows(answer.version):
            current = self.edition.policy.version
            raise ChoiceError([Problem("policy", "is not a version this site has published", (current,))])
        shown = self.published.policies[answer.version]
        problems = list(problems_of(answer, shown, self.published))
        if problems:
            raise ChoiceError(problems)
        return shown

    def _choices(
        self, consent: Consent | None, answer: Answer, shown: Policy, now: datetime, before: Decision
    ) -> dict[str, Choice]:
        """Merge an answer into the state: an unchanged, still valid answer keeps its instant (A2).

        So does the answer about a category that an older notice didn't ask about.
        """
        policy, policies = self.edition.policy, self.published.policies
        settled = {Reason.GRANTED: True, Reason.REFUSED: False}
        others = before.until.keys() - answer.choices.keys()
        choices = {category: consent.choices[category] for category in others} if consent else {}
        stale = []
        for category, granted in answer.choices.items():
            if consent and settled.get(before.reasons.get(category, Reason.UNKNOWN)) == granted:
                said = consent.choices[category]
                choices[category] = confirmed(policies[said.version], said, before.regime)
            elif granted and not still_counts(shown, policy, category, granted=True):
                stale.append(category)
            else:
                basis = shown.basis(before.regime)
                choices[category] = Choice(granted, now.replace(microsecond=0), shown.version, basis)
        if stale and not choices.keys() & answer.choices.keys():
            raise StaleGrant([Problem(f"choices.{c}", "has changed since it was shown") for c in stale])
        return choices

    def _entry(
        self,
        cid: bytes,
        past: Past,
        before: Decision,
        choices: Mapping[str, Choice],
        answer: Answer,
        subject: Mapping[str, str],
        now: datetime,
        signals: Sequence[str],
        denied: Collection[str],
    ) -> Record:
        granted = {category for category, why in before.reasons.items() if why is Reason.GRANTED}
        withdrawn = any(not choices[category].granted for category in granted & choices.keys())
        kind = Kind.WITHDRAWAL if withdrawn else Kind.CHOICE
        account = past.consent is not None and past.consent.account
        occasion = answer.occasion(self.published, before.regime, signals, account=account)
        earlier = past.consent.choices if past.consent else {}
        given = [category for category, choice in choices.items() if choice is not earlier.get(category)]
        rests = bases(self.published.policies, choices)
        ends = self._ends(Consent(cid, 0, choices))
        stmt = answered(occasion, choices, ends, given, now, past.previous, rests, denied)
        return Record(kind, milliseconds(now), stmt, {"sub": subject_id(cid), **subject})

    def _ends(self, consent: Consent) -> dict[str, datetime]:
        """When each answer no longer counts where it was given, of those under a version the log holds."""
        policies, choices = self.published.policies, consent.choices.items()
        known = {c: choice for c, choice in choices if choice.version in policies}
        return {
            c: valid_until(policies[choice.version], choice, choice.regime) for c, choice in known.items()
        }
