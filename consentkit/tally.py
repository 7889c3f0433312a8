"""What passed the gate, counted by the day, about nobody.

A count belongs to a day (UTC), a policy version, a kind and a name: a service, a host, a cookie, an encoding.
Never to a visitor, a path or a query, so there is nothing here to consent to, to disclose or to erase.
"""

import atexit
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, Protocol, get_args

from consentkit.policy.memory import remembered
from consentkit.policy.months import add_months
from consentkit.proof.forked import anew

logger = logging.getLogger("consentkit")

Kind = Literal[
    "undeclared", "cut", "blocked", "passed", "overridden", "clamped", "expired", "refused", "signal", "told"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""undeclared: passed, though the policy doesn't name it. cut: a cookie that didn't, for that. blocked: held
back. passed: necessary, or allowed by the policy's list. overridden: the site's own mark let it through or
moved it. clamped: a cookie's life was shortened. expired: a cookie was removed. refused: an answer that can't
be read. signal: a visitor who hasn't answered, whose browser objects. told: one who has, of a change."""

FLUSH_SECONDS = 10.0
MONTHS_KEPT = 13
"""A year and the month to compare with: what nobody needs isn't kept. B8 would allow 25."""
MOST_NAMES = 1000
"""Distinct names a day; pages can name any number of hosts, and visitors can write pages. As many services
come on top, so that nobody's inventions crowd them out."""
MOST_WAITING = 2 * MOST_NAMES
MOST_PAGES = 1000
LONGEST_PAGE = 8192
"""Pages that show the same are counted as one: so many different ones between two writes, names of so many
characters in all; what is beyond is counted name by name."""
LONGEST_NAME = 253
OTHER = "…other"
"""What the names beyond a bound are counted as."""

# A cookie named after a visitor or a session would make its name personal, and be of no use in a table.
_NUMBERED: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){2,}-?[0-9a-fA-F]*|[0-9]{6,}")
_RUN: Final = re.compile(r"[0-9A-Za-z]{8,}")
_LONGEST_RUN: Final = 32
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z])[0-9]+(?![0-9A-Za-z])")
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
# A person's address, and whatever is before it.
_ADDRESSED: Final = re.compile(r"(?<=.)(?:@|%40).*", re.DOTALL)
_HOST: Final = re.compile(
    r"\??(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})(?::\d{1,5})?"
    r"|\??(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?"
)
_MADE_UP: Final = re.compile(
    r"(?<![a-z0-9_-])(?:[0-9a-f_-]{8,}(?=\.)|[a-z0-9_-]*?[0-9]{8,}[a-z0-9_-]*+(?=\.))"
)
# Ids of services, and patterns of the policy: what these kinds name, but for hosts in strict mode.
_OURS: Final = frozenset(("blocked", "passed", "overridden", "expired", "signal", "told"))
_BROUGHT: Final = frozenset(("undeclared", "cut"))
_ID: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*|")


_Key = tuple[date, str, Kind, str]
_Page = tuple[date, str, frozenset[tuple[Kind, str]]]


@dataclass(frozen=True, slots=True)
class Row:
    """How often one thing was seen on one day under one policy version (64 hex)."""

    day: date
    version: str
    kind: Kind
    name: str
    count: int


class TallyStore(Protocol):
    """Where counts are kept; both raise StoreUnavailable."""

    def add(self, rows: Iterable[Row], keep_from: date) -> None:
        """Add to the counts that are there, all or none, and delete days before `keep_from`.

        Other processes add to the same ones. `bounded` says which names a day takes.
        """

    def read(self, since: date | None) -> list[Row]:
        """Return the rows of `since` and later, or all, in the order of days."""


class Tally:
    """Counts in memory, writes every ten seconds and at the end.

    A request only ever adds to a dictionary. A store that can't be written to costs a warning; the counts
    wait for the next try, up to a bound, and what is beyond it is counted as `OTHER`.
    """

    def __init__(self, store: TallyStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._reset()
        # What the parent counted is the parent's to write; its thread and locks are no use in a child.
        anew(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._pages: dict[_Page, int] = {}
        self._counts: dict[_Key, int] = {}
        self._warned = False

    def count(self, version: str, pairs: Iterable[tuple[Kind, str]], now: datetime | None = None) -> None:
        """Count each (kind, name) for the day of `now` under policy `version`; never raises, never waits.

        Without `now` the clock is asked. Names lose what could be about somebody: a path or query, control
        characters, ids and long numbers, every number in the name of a cookie that nobody declared (as `*`),
        and what is beyond 253 characters. A frozenset seen before costs least.
        """
        try:
            if pairs:
                page = ((now or self._clock()).date(), version, frozenset(pairs))
                with self._lock:
                    if count := self._pages.get(page):
                        self._pages[page] = count + 1
                    else:
                        self._first(page)
                if self._thread is None:
                    self._start()
        except Exception as error:  # noqa: BLE001 - a page is worth more than its counts
            self._warn("what was seen on a page can't be counted", error)

    def _first(self, page: _Page) -> None:
        keys = list(_keys(page))  # what can't be counted is refused here, never later
        if len(self._pages) < MOST_PAGES and sum(len(name) for _, name in page[2]) <= LONGEST_PAGE:
            self._pages[page] = 1
            return
        for key in keys:
            self._raise(key, 1)

    def _raise(self, key: _Key, count: int) -> None:
        most = 2 * MOST_WAITING if _is_service(key[2], key[3]) else MOST_WAITING
        if key not in self._counts and len(self._counts) >= most:
            key = (*key[:3], OTHER)
        self._counts[key] = self._counts.get(key, 0) + count

    def flush(self) -> None:
        """Write what was counted since the last time; never raises."""
        with self._flushing:
            with self._lock:
                pages, self._pages = self._pages, {}
                taken, self._counts = self._counts, {}
            for page, times in pages.items():
                for key in _keys(page):
                    taken[key] = taken.get(key, 0) + times
            if not taken:
                return
            try:
                rows = [Row(*key, count) for key, count in taken.items()]
                self._store.add(rows, add_months(self._clock(), -MONTHS_KEPT).date())
                self._warned = False
            except Exception as error:  # noqa: BLE001 - the thread must live to try again
                with self._lock:
                    for key, count in taken.items():
                        self._raise(key, count)
                self._warn("what was seen on pages can't be written now; it waits in memory", error)

    def rows(self, since: date | None = None) -> list[Row]:
        """Return what all processes have written and this one has counted; raises StoreUnavailable."""
        self.flush()
        return self._store.read(since)

    def close(self) -> None:
        """Write what is left and let the thread end."""
        self._stopped.set()
        self.flush()
        atexit.unregister(self.close)

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._stopped.is_set():
                return
            thread = threading.Thread(target=self._work, name="consentkit-tally", daemon=True)
            thread.start()
            self._thread = thread
        atexit.register(self.close)

    def _work(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            self.flush()

    def _warn(self, message: str, error: Exception) -> None:
        if not self._warned:  # once an outage, not every ten seconds of it
            self._warned = True
            logger.warning("%s: %s", message, error.__cause__ or error)


def _keys(page: _Page) -> Iterator[_Key]:
    day, version, pairs = page
    for kind, name in pairs:
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not one of {', '.join(KINDS)}")
        plain = plain_name(name)
        # What visitors bring: `cart_42153` and `wp-settings-7` name one of them.
        if kind in _BROUGHT and not _HOST.fullmatch(plain):
            plain = _NUMBER.sub("*", plain)
        yield day, version, kind, plain


@remembered(4 * MOST_NAMES)
def plain_name(name: str) -> str:
    """Return a name as it is counted: about a service, host, cookie or encoding, and about nobody."""
    name = name[:1] + re.split(r"[/?#]", name[1:], maxsplit=1)[0]
    if not name.isprintable():
        name = "".join(char if char.isprintable() else "\ufffd" for char in name)
    if _ADDRESSED.search(name):
        return "*@*"
    if _HOST.fullmatch(name):
        name = _MADE_UP.sub("*", name)
    else:
        name = _RUN.sub(lambda run: "*" if _is_random(run[0]) else run[0], _NUMBERED.sub("*", name))
    return name[:LONGEST_NAME]


def _is_random(run: str) -> bool:
    """Return whether letters and digits in a row, 8 at least, are nobody's words: an id, a key, a token."""
    if len(run) > _LONGEST_RUN or _HEX.fullmatch(run) or sum(map(str.isdigit, run)) > 2:
        return True
    # Words joined by capitals have at least two small letters to each.
    capitals = sum(map(str.isupper, run))
    return capitals < len(run) < 3 * capitals


def _is_service(kind: Kind, name: str) -> bool:
    return kind in _OURS and _ID.fullmatch(name) is not None


Name = tuple[Kind, str]


def bounded(rows: Iterable[Row], names: Callable[[date], set[Name]]) -> Iterator[Row]:
    """Yield rows, those with a name too many as `OTHER`; `names` gives the kinds and names of a day's rows
    in the store.
    """
    days: dict[date, tuple[set[str], set[str]]] = {}
    for row in rows:
        if row.day not in days:
            days[row.day] = set(), set()
            for kind, name in names(row.day):
                if name == OTHER:
                    continue
                days[row.day][_is_service(kind, name)].add(name)
        known = days[row.day][_is_service(row.kind, row.name)]
        if row.name in known or row.name == OTHER:
            yield row
        elif len(known) < MOST_NAMES:
            known.add(row.name)
            yield row
        else:
            yield Row(row.day, row.version, row.kind, OTHER, row.count)
