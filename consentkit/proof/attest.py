"""Getting others to speak for the log: a thread, beside the writer, that asks witnesses and stamps the time.

Every ten seconds the newest checkpoint is published and sent to the witnesses, every hour (or day) it is
time-stamped. None of that is on anybody's way: an append waits at most for one small row to be written. What
fails is logged and tried again.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from consentkit.errors import (
    ConfigurationError,
    ConsentKitError,
    OutsideRefused,
    StoreUnavailable,
    VerificationError,
)
from consentkit.proof.cosignature import own_lines
from consentkit.proof.emission import emit
from consentkit.proof.handover import Place
from consentkit.proof.keys import ATTESTING
from consentkit.proof.listing import head_of
from consentkit.proof.note import Checkpoint, split_note
from consentkit.proof.posting import web_address
from consentkit.proof.quorum import Quorum, Witness
from consentkit.proof.store import Head, Store
from consentkit.proof.stores import open_store
from consentkit.proof.tiles import Tree
from consentkit.proof.timestamp import read_stamp
from consentkit.proof.turns import turn
from consentkit.proof.witness import cosign
from consentkit.proof.witnessed import SLACK, told

logger = logging.getLogger("consentkit.proof")

ROUND_SECONDS = 10.0
PERIODS = {"hourly": 3600, "daily": 24 * 3600}
_ANSWER_SECONDS = 10.0
_LOCK_SECONDS = 5.0
_END_SECONDS = 2.0
_AGAIN_MS = 60_000
"""After a time stamp couldn't be had."""
_TOLD_MS = 3_600_000
NEEDS_STAMP = "time stamps need rfc3161-client: pip install 'consentkit[stamp]'"

Clock = Callable[[], int]  # UTC ms
Stamp = Callable[[str, bytes, float], bytes]


@dataclass(frozen=True, slots=True)
class Stamps:
    """Where time stamps come from, and after how many seconds the next one is due."""

    url: str
    every: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address, after which `daily` or `hourly` may stand; ConfigurationError when it is none."""
        url, _, period = text.strip().partition(" ")
        if period.strip() not in ("", *PERIODS):
            raise ConfigurationError(f"time stamps are made hourly or daily, not {period.strip()[:40]!r}")
        return cls(web_address(url), PERIODS[period.strip() or "hourly"])


def read_quorum(file: Path) -> Quorum:
    """The witnesses in a file (C2SP tlog-policy); ConfigurationError says what is wrong with it."""
    try:
        return Quorum.parse(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, VerificationError) as error:
        raise ConfigurationError(f"the witnesses in {file} can't be used: {error}") from error


def stamper() -> Stamp:
    """What asks for a time stamp; ConfigurationError without the extra `stamp`."""
    try:
        from consentkit.proof.stamps import stamp
    except ImportError as error:
        raise ConfigurationError(NEEDS_STAMP) from error
    return stamp


class Attester:
    """Asks outside for one log. Of the processes of a machine one at a time does; `lock` is a file of theirs.

    `store` is its own to use and close.
    """

    def __init__(
        self,
        store: Store,
        lock: Path,
        stamps: Stamps | None,
        quorum: Quorum | None,
        clock: Clock,
        stamp: Stamp | None,
    ) -> None:
        self._store = store
        self._lock = lock
        self._stamps = stamps
        self._witnesses = list(quorum.witnesses.values()) if quorum else []
        self._clock = clock
        self._stamp = stamp
        self._seen: dict[str, int] = {}
        self._listed = -1
        self._cosigned: set[str] = set()
        self._due = 0
        self._told: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def round(self) -> None:
        """Publish the newest checkpoint and have it cosigned and, when that is due, time-stamped.

        Never raises: what doesn't work now is logged, once an hour if it stays the same, and left to the next
        round.
        """
        try:
            with ExitStack() as held:
                try:
                    held.enter_context(turn(self._lock, 0))
                except StoreUnavailable:
                    return  # another process of this machine is at it
                self._attest()
        except ConsentKitError as error:
            self._tell(f"the newest checkpoint can't be published now: {error.__cause__ or error}")
        except Exception as error:  # noqa: BLE001 - the thread must live to try again
            self._tell(f"nobody outside can be asked to speak for the log: {error!r}")

    def _attest(self) -> None:
        now, head = self._clock(), self._publish()
        if not head.size:
            return  # of an empty log nobody has anything to say
        try:
            self._stamp_if_due(head, now)  # first: entries that come now are later than what is stamped
        except OutsideRefused as error:
            self._due = now + _AGAIN_MS
            self._tell(f"no time stamp could be had: {error}")
        for witness in self._witnesses:
            try:
                self._ask(witness, head)
            except OutsideRefused as error:
                if not error.seen or error.seen > self._head().size:  # else another machine was faster
                    self._tell(f"the witness {witness.name} didn't cosign: {error}")

    def _tell(self, trouble: str) -> None:
        """Log a trouble, but not the same one every ten seconds."""
        now = self._clock()
        self._told = {text: t for text, t in self._told.items() if now - t < _TOLD_MS}
        if trouble not in self._told:
            self._told[trouble] = now
            logger.warning("%s", trouble)

    def _publish(self) -> Head:
        head = self._head()
        if head.size != self._listed:
            head, new = self._store.publish()
            self._listed, self._cosigned = head.size, set() if new else self._cosigners(head)
            if new:
                emit(Checkpoint.parse(split_note(head.checkpoint)[0]).origin, head.size, head.checkpoint)
        return head

    def _head(self) -> Head:
        with self._store.reading() as view:
            return head_of(view)

    def _cosigners(self, head: Head) -> set[str]:
        """Who has cosigned a checkpoint already, asked by this process or another."""
        with self._store.reading() as view:
            row = next(view.attested(), None)
        if row is None or row.size != head.size or not row.cosignatures:
            return set()
        with suppress(VerificationError):
            return {it.name for it in self._witnesses if own_lines(row.cosignatures, it.verifier)}
        return set()

    def _ask(self, witness: Witness, head: Head) -> None:
        if witness.name in self._cosigned:
            return

        def prove(seen: int) -> Sequence[bytes]:
            with self._store.reading() as view:
                return Tree(head.size, view.tile).prover().consistency(seen)

        seen = self._seen.get(witness.name, 0)
        lines = cosign(witness, head.checkpoint, seen, prove, _ANSWER_SECONDS)
        self._store.attest(head.size, cosignatures=lines)
        self._cosigned.add(witness.name)
        self._seen[witness.name] = head.size

    def _stamp_if_due(self, head: Head, now: int) -> None:
        if self._stamps is None or self._stamp is None or now < self._due:
            return
        size, moment = self._last_stamp()
        self._due = moment + 1000 * self._stamps.every
        if now < self._due or size == head.size:
            return
        token = self._stamp(self._stamps.url, head.checkpoint.encode(), _ANSWER_SECONDS)
        moment = read_stamp(token, head.checkpoint.encode())
        if abs(moment - now) > SLACK // 2:
            # Whoever verifies would have to believe one clock or the other.
            raise OutsideRefused(f"it says {told(moment)}, this machine said {told(now)} when it asked")
        self._store.attest(head.size, token=token)
        self._due = moment + 1000 * self._stamps.every

    def _last_stamp(self) -> tuple[int, int]:
        """The newest time stamp that is kept: the size it is over, and its time (UTC ms); zeros for none."""
        with self._store.reading() as view:
            for row in view.attested():
                with suppress(VerificationError):
                    if row.token:
                        return row.size, read_stamp(row.token, row.note.encode())
        return 0, 0


Make = Callable[[Place], Attester]


class Rounds:
    """A thread that goes round a site's logs: the newest, and those closed, in which tombstones may come yet.

    `places` says where they are, `make` what asks for one of them.
    """

    def __init__(self, make: Make, places: Callable[[], Sequence[Place]]) -> None:
        self._make = make
        self._places = places
        self._attesters: dict[Place, Attester] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="consentkit-attester", daemon=True)

    def start(self) -> None:
        """Begin the rounds."""
        self._thread.start()

    def close(self) -> None:
        """End the rounds; one that waits for an answer from outside is left to it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_END_SECONDS)
        for attester in self._attesters.values():
            attester.close()

    def _work(self) -> None:
        while not self._stopped.wait(ROUND_SECONDS):
            self.go()

    def go(self) -> None:
        """Go round once."""
        for place in self._places():
            if place not in self._attesters:
                self._attesters[place] = self._make(place)
            self._attesters[place].round()


def attesting(stamps: str | None, witnesses: str | Path | None, clock: Clock) -> Make | None:
    """What asks outside for a log, as its operator wants it; None: nobody is asked.

    `stamps` is an authority's address (see `Stamps.parse`), `witnesses` a file (see `read_quorum`). Raises
    ConfigurationError; touches nothing else.
    """
    if not stamps and not witnesses:
        return None
    wanted = Stamps.parse(stamps) if stamps else None
    quorum = read_quorum(Path(witnesses)) if witnesses else None
    for witness in quorum.witnesses.values() if quorum else ():
        if witness.url is None:
            raise ConfigurationError(f"{witnesses} doesn't say where to ask the witness {witness.name}")
        web_address(witness.url)
    stamp = stamper() if wanted else None

    def make(place: Place) -> Attester:
        store = open_store(place.store, place.keys, _LOCK_SECONDS)
        return Attester(store, place.keys / ATTESTING, wanted, quorum, clock, stamp)

    return make
