"""What has been published: every policy version, notice and browser file that the log holds."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from consentkit.assets import served_name
from consentkit.edition import Edition
from consentkit.errors import ConfigurationError, ConsentKitError, LogClosed, SizeMoved
from consentkit.policy.change import still_counts
from consentkit.policy.difference import differs
from consentkit.policy.months import milliseconds
from consentkit.policy.version import Policy, from_bytes
from consentkit.proof.entry import Kind, Record
from consentkit.proof.log import ProofLog
from consentkit.proof.shards import Shards
from consentkit.proof.store import Document

logger = logging.getLogger("consentkit")

PUBLISHER = "file"
"""Who published a policy, where all that is known is that its file had changed."""
PUBLISH_TRIES = 10
RELOAD_PAUSE = timedelta(seconds=1)
DIGITS_NAMED = 16
"""Of a notice's SHA-256, as many at least name it: the ones that its file's name has."""


@dataclass(frozen=True, slots=True)
class Announced:
    """One publication of a policy version: where and when, and its notices' SHA-256 by language."""

    index: int
    at: datetime
    notices: Mapping[str, str]


class Publications:
    """A site's published past, read as its log grows; `policies` has every version by its id (64 hex)."""

    def __init__(
        self, log: ProofLog | Shards, clock: Callable[[], datetime], actor: str | None = None
    ) -> None:
        """Take the log; `actor` is whoever deploys what this process publishes, if that is told (Q8, H14)."""
        self.policies: dict[str, Policy] = {}
        self._actor = actor or PUBLISHER
        self._log = log
        self._clock = clock
        self._files: dict[str, str] = {}
        self._editions: dict[str, list[Announced]] = {}
        self._read_to = 0
        self._reload_after = clock()

    def publish(self, edition: Edition) -> None:
        """Make the log end with `edition`, documents first, unless it does already; log who is asked again.

        Raises StoreUnavailable, or ConfigurationError if other processes keep getting in between, or if the
        log is another environment's.
        """
        for _ in range(PUBLISH_TRIES):
            size = self._log.size
            latest = self._learn(size)
            if latest == _announcement(edition):
                return
            _refuse_another(latest, edition)
            try:
                self._log.append(self._records(edition, latest), expected_size=size).result()
            except (SizeMoved, LogClosed):
                continue
            self._tell(edition.policy, latest)
            self._learn(self._log.size)
            return
        raise ConfigurationError("the policy can't be published: other processes keep writing to the log")

    def _records(self, edition: Edition, latest: Mapping[str, Any] | None) -> list[Record]:
        t = milliseconds(self._clock())
        documents = [
            Record(Kind.DOCUMENT, t, {"name": part.name, "media_type": part.media_type}, body=part.body)
            for part in edition.documents()
            if self._log.document(part.sha256) is None
        ]
        stmt = {**_announcement(edition), "previous": latest["version"] if latest else None}
        return [*documents, Record(Kind.POLICY, t, stmt, {"actor": self._actor})]

    def _tell(self, policy: Policy, latest: Mapping[str, Any] | None) -> None:
        """Log what a publication means for visitors who have answered (E9); a first one finds none."""
        before = self.policies.get(latest["version"]) if latest else None
        version = policy.version[:16]
        asked = [
            c for c in policy.categories if not (before and still_counts(before, policy, c, granted=True))
        ]
        if latest and asked:
            told = "consent policy: version %s asks visitors again about %s: an earlier yes doesn't count"
            logger.warning(told, version, ", ".join(asked))
        else:
            logger.info("consent policy: version %s is published; nobody is asked again", version)

    def _learn(self, size: int) -> dict[str, Any] | None:
        """Read the publications up to `size`; return what the last of them announced."""
        latest = None
        for entry in self._log.entries(kind=Kind.POLICY, stop=size):
            if entry.stmt is None or not entry.intact:
                continue
            latest = {key: entry.stmt[key] for key in ("action", "version", "manifest")}
            if entry.index >= self._read_to:
                self._remember(latest, entry.index, entry.t or 0)
        self._read_to = size
        return latest

    def _remember(self, announced: Mapping[str, Any], index: int, t: int) -> None:
        version, files = announced["version"], announced["manifest"]["files"]
        document = self._log.document(version)
        if document is None:
            logger.error("the log can't show policy %s; answers under it are denied", version)
            return
        try:
            self.policies[version] = from_bytes(document.body)
        except ConsentKitError:
            logger.exception("policy %s can't be read any more; answers under it are denied", version)
            return
        at = datetime.fromtimestamp(t / 1000, UTC)
        edition = Announced(index, at, announced["manifest"]["notices"])
        self._editions.setdefault(version, []).append(edition)
        self._files.update({served_name(name, digest): digest for name, digest in files.items()})

    def latest(self) -> Policy | None:
        """Return the policy that was published last, as the log says now; None if there is none."""
        announced = self._learn(self._log.size)
        return self.policies.get(announced["version"]) if announced else None

    def knows(self, version: str) -> bool:
        """Return whether the log holds a policy version; looks again at most once a second.

        Never raises: a version that a broken store can't show is one the log doesn't hold.
        """
        now = self._clock()
        if version not in self.policies and now >= self._reload_after:
            self._reload_after = now + RELOAD_PAUSE
            try:
                self._learn(self._log.size)
            except ConsentKitError:
                logger.exception("the log can't be read; answers under version %s are denied", version)
        return version in self.policies

    def locales(self, version: str) -> Iterable[str]:
        """Return the languages in which a known version has a notice."""
        return dict.fromkeys(locale for edition in self._editions[version] for locale in edition.notices)

    def shown(self, version: str, locale: str, notice: str | None = None) -> tuple[int, str] | None:
        """Return where a known version's notice in a language was published last, and its SHA-256.

        `notice` is the one that was shown, by DIGITS_NAMED digits of its SHA-256 or more: a cached page may
        show an earlier edition's. None if no publication holds such a one.
        """
        for edition in reversed(self._editions[version]):
            digest = edition.notices.get(locale)
            if digest and (notice is None or (len(notice) >= DIGITS_NAMED and digest.startswith(notice))):
                return edition.index, digest
        return None

    def dated(self) -> list[tuple[datetime, str]]:
        """Return the known versions by the time (UTC) at which each came into force, newest first (E1, E5).

        One that came back is listed twice; one that other software drew anew, once.
        """
        editions = ((each, version) for version, own in list(self._editions.items()) for each in tuple(own))
        found: list[tuple[datetime, str]] = []
        for edition, version in sorted(editions, key=lambda each: each[0].index):
            if not found or found[-1][1] != version:
                found.append((edition.at, version))
        return found[::-1]

    def changed(self, told: str, policy: Policy) -> datetime | None:
        """Return when `policy` came into force (UTC), if visitors are told something else than by another.

        `told` is that one's first DIGITS_NAMED digits. None where the words are the same, or one isn't known.
        """
        if policy.version.startswith(told):
            return None
        old = next((each for version, each in list(self.policies.items()) if version.startswith(told)), None)
        if old is None or not differs(old, policy):
            return None
        return next((at for at, version in self.dated() if version == policy.version), None)

    def file(self, name: str) -> Document | None:
        """Return a browser file by its URL name, of the newest edition or of any earlier one."""
        return self._log.document(self._files[name]) if name in self._files else None


def _announcement(edition: Edition) -> dict[str, Any]:
    return {"action": "publish", "version": edition.policy.version, "manifest": edition.manifest}


def _refuse_another(latest: Mapping[str, Any] | None, edition: Edition) -> None:
    """Test traffic has no place among proofs: a log that says whose it is stays so (H12)."""
    said = latest["manifest"].get("environment") if latest else None
    here = edition.manifest.get("environment")
    if said not in (None, here):
        message = (
            f"this log is of the environment {said!r}, and here is {here!r}: it needs a store of its own"
        )
        raise ConfigurationError(message)
