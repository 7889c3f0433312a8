"""ConsentKit: rule book, memory, keys and clock composed once; what the gate and the desk talk to."""

import asyncio
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consentkit.assets import served_name
from consentkit.edition import Edition, compile_edition
from consentkit.errors import ChoiceError, ConfigurationError, ConsentKitError, Problem, SizeMoved
from consentkit.policy.change import still_counts
from consentkit.policy.decision import Choice, Consent, Decision, Reason, decide, valid_until
from consentkit.policy.document import read_json, read_toml
from consentkit.policy.version import Policy, from_bytes, resolve
from consentkit.proof.entry import Kind, Record, Stored, subject_id
from consentkit.proof.keys import recorded_origin
from consentkit.proof.log import ProofLog
from consentkit.proof.store import Document

logger = logging.getLogger("consentkit")

PUBLISHER = "file"
MECHANISMS = ("banner", "preferences", "form", "api")
PUBLISH_TRIES = 10
RELOAD_PAUSE = timedelta(seconds=1)


def utc_now() -> datetime:
    """Return the present instant; the only place where the product reads the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """A visitor's answer as received: yes or no per category, on which notice, by which control (A9)."""

    choices: Mapping[str, bool]
    version: str
    mechanism: str
    locale: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer once it is durable: the visitor's new state, what it allows, and the receipt."""

    consent: Consent
    decision: Decision
    receipt: str


class StaleGrant(ChoiceError):
    """Nothing that was granted can be: each category has materially changed since it was shown."""


def read_policy(source: str | Path | Mapping[str, Any]) -> Policy:
    """Return the policy in a TOML or JSON file, or in a mapping of the same shape.

    Raises ConfigurationError if the file can't be read, PolicyError with every problem in it.
    """
    if isinstance(source, Mapping):
        return resolve(source)
    path = Path(source)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy {path} can't be read: {error}") from error
    read = read_json if path.suffix == ".json" else read_toml
    return resolve(read(text, str(path)))


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
    ) -> None:
        wanted = read_policy(policy)
        self.clock = clock
        self.edition: Edition = compile_edition(wanted, prefix)
        self.history: dict[str, Policy] = {}
        self._files: dict[str, str] = {}
        self._notices: dict[str, Mapping[str, str]] = {}
        self._read_to = 0
        self._reload_after = clock()
        # A log keeps the name it was born with, whatever the site calls itself later.
        origin = recorded_origin(Path(keys)) or log_origin(wanted.site.name)
        self.log = ProofLog.open(store, Path(keys), origin=origin, accept_log=accept_log)
        self._publish()

    # What has been published ------------------------------------------------------------------------

    def _publish(self) -> None:
        for _ in range(PUBLISH_TRIES):
            size = self.log.size
            latest = self._learn(size)
            if latest == self._announcement():
                return
            try:
                self.log.append(self._publication(latest), expected_size=size).result()
            except SizeMoved:
                continue
            self._learn(self.log.size)
            return
        raise ConfigurationError("the policy can't be published: other processes keep writing to the log")

    def _announcement(self) -> dict[str, Any]:
        policy = self.edition.policy
        return {"action": "publish", "version": policy.version, "manifest": self.edition.manifest}

    def _publication(self, latest: Mapping[str, Any] | None) -> list[Record]:
        t = _milliseconds(self.clock())
        documents = [
            Record(Kind.DOCUMENT, t, {"name": part.name, "media_type": part.media_type}, body=part.body)
            for part in self.edition.documents()
            if self.log.document(part.sha256) is None
        ]
        stmt = {**self._announcement(), "previous": latest["version"] if latest else None}
        return [*documents, Record(Kind.POLICY, t, stmt, {"actor": PUBLISHER})]

    def _learn(self, size: int) -> dict[str, Any] | None:
        """Read the publications up to `size`; return what the last of them announced."""
        latest = None
        for entry in self.log.entries(kind=Kind.POLICY, stop=size):
            if entry.stmt is None or not entry.intact:
                continue
            latest = {key: entry.stmt[key] for key in ("action", "version", "manifest")}
            if entry.index >= self._read_to:
                self._remember(latest)
        self._read_to = size
        return latest

    def _remember(self, announced: Mapping[str, Any]) -> None:
        version, files = announced["version"], announced["manifest"]["files"]
        document = self.log.document(version)
        if document is not None:
            self.history[version] = from_bytes(document.body)
            self._notices[version] = announced["manifest"]["notices"]
            self._files.update({served_name(name, digest): digest for name, digest in files.items()})

    def knows(self, version: str) -> bool:
        """Return whether the log holds a policy version; looks again at most once a second.

        Never raises: a version that a broken store can't show is one the log doesn't hold.
        """
        now = self.clock()
        if version not in self.history and now >= self._reload_after:
            self._reload_after = now + RELOAD_PAUSE
            try:
                self._learn(self.log.size)
            except ConsentKitError:
                logger.exception("the log can't be read; answers under version %s are denied", version)
        return version in self.history

    def file(self, name: str) -> Document | None:
        """Return a browser file by its URL name, of this edition or of any earlier one."""
        return self.log.document(self._files[name]) if name in self._files else None

    # What a visitor chose ---------------------------------------------------------------------------

    def decide(self, consent: Consent | None, now: datetime) -> Decision:
        """Return what is allowed for a visitor at `now`."""
        for choice in consent.choices.values() if consent else ():
            self.knows(choice.version)
        return decide(self.edition.policy, self.history, consent, now)

    async def record(
        self, consent: Consent | None, answer: Answer, subject: Mapping[str, str], now: datetime
    ) -> Recorded:
        """Make an answer durable, then return the visitor's new state and receipt.

        `consent` is the state before, `subject` coarse facts about the browser (no address, no full user
        agent). Raises ChoiceError with every problem, StaleGrant, StoreUnavailable; then nothing changed.
        """
        shown = self._shown(answer)
        choices = self._choices(consent, answer, shown, now)
        cid = consent.id if consent else secrets.token_bytes(16)
        record = self._entry(cid, consent, choices, answer, subject, now)
        appended = (await asyncio.wrap_future(self.log.append([record])))[0]
        state = Consent(cid, appended.index, choices)
        return Recorded(state, self.decide(state, now), appended.receipt)

    def _shown(self, answer: Answer) -> Policy:
        if not self.knows(answer.version):
            current = self.edition.policy.version
            raise ChoiceError([Problem("policy", "is not a version this site has published", (current,))])
        shown = self.history[answer.version]
        problems = list(_answer_problems(answer, shown, self._notices[answer.version]))
        if problems:
            raise ChoiceError(problems)
        return shown

    def _choices(
        self, consent: Consent | None, answer: Answer, shown: Policy, now: datetime
    ) -> dict[str, Choice]:
        """Merge an answer into the state: an unchanged, still valid answer keeps its instant (A2)."""
        policy, before = self.edition.policy, self.decide(consent, now)
        settled = {Reason.GRANTED: True, Reason.REFUSED: False}
        choices, stale = {}, []
        for category, granted in answer.choices.items():
            if consent and settled.get(before.reasons.get(category, Reason.UNKNOWN)) == granted:
                choices[category] = consent.choices[category]
            elif granted and not still_counts(shown, policy, category):
                stale.append(category)
            else:
                choices[category] = Choice(granted, now.replace(microsecond=0), shown.version)
        if stale and not choices:
            raise StaleGrant([Problem(f"choices.{c}", "has changed since it was shown") for c in stale])
        return choices

    def _entry(
        self,
        cid: bytes,
        consent: Consent | None,
        choices: Mapping[str, Choice],
        answer: Answer,
        subject: Mapping[str, str],
        now: datetime,
    ) -> Record:
        before = self.decide(consent, now).allowed
        withdrawn = any(category in before and not choice.granted for category, choice in choices.items())
        kind = Kind.WITHDRAWAL if withdrawn else Kind.CHOICE
        stmt = {
            "action": kind.label,
            "categories": {"necessary": True, **{c: choice.granted for c, choice in choices.items()}},
            "decided": {c: _milliseconds(choice.decided) for c, choice in choices.items()},
            "until": {
                c: _milliseconds(valid_until(self.history[choice.version], choice))
                for c, choice in choices.items()
            },
            "versions": {c: choice.version for c, choice in choices.items()},
            "policy": answer.version,
            "notice": self._notices[answer.version][answer.locale],
            "locale": answer.locale,
            "mechanism": answer.mechanism,
            "previous": consent.index if consent else None,
        }
        subj = {"sub": subject_id(cid), **subject}
        return Record(kind, _milliseconds(now), stmt, subj, lookup=self.log.lookup(cid))

    def records_of(self, consent: Consent) -> list[Stored]:
        """Return everything the log holds on a visitor, oldest first (Q4, Q28)."""
        return self.log.find(self.log.lookup(consent.id))


def _answer_problems(answer: Answer, shown: Policy, notices: Mapping[str, str]) -> Iterable[Problem]:
    for category in answer.choices.keys() - set(shown.categories):
        yield Problem(f"choices.{category}", "is not a category this site asks about", shown.categories)
    for category in shown.categories:
        if category not in answer.choices:
            yield Problem(f"choices.{category}", "is missing; every category needs a yes or a no")
    if answer.locale not in notices:
        yield Problem("locale", f"{answer.locale!r} has no published notice", tuple(notices))
    if answer.mechanism not in MECHANISMS:
        yield Problem("mechanism", f"{answer.mechanism!r} is unknown", MECHANISMS)


def _milliseconds(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)
