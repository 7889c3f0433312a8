"""What the policy says of the cookies that a request brings: found once, as most visitors bring the same."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from math import inf
from typing import Generic, NamedTuple, TypeVar

from consentkit.gate.cookies import SPACE, cookie_name

Fact = TypeVar("Fact")
Fits = Callable[[bytes], object]
"""Returns something, or None where it doesn't fit."""


class ByName(dict[bytes, Fact], Generic[Fact]):
    """What is known of a cookie by its name: `find` says it of a name not seen before.

    Looked up by the name's bytes as they stand in a header, spaces included: a site's names are few and come
    back with every request. What visitors make up is forgotten with the rest.
    """

    MOST = 4096
    LONGEST = 256

    def __init__(self, find: Callable[[str], Fact]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, raw: bytes) -> Fact:
        # Applications take more off a name than browsers do: what they may read as a tracker's, is one's.
        found = self._find(cookie_name(raw).strip())
        if len(raw) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[raw] = found
        return found


class Ends(dict[tuple[bytes, ...], float]):
    """The day at whose start the first of some cookies is over by what they tell themselves, by their pairs
    as they stand in a header; infinite for none.

    `find` says it by name and value of one. A visitor's cookies come back with each part of a page.
    """

    MOST = 1024
    LONGEST = 1024

    def __init__(self, find: Callable[[str, str], float]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, pairs: tuple[bytes, ...]) -> float:
        end = min(map(self._end, pairs), default=inf)
        if sum(map(len, pairs)) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[pairs] = end
        return end

    def _end(self, pair: bytes) -> float:
        value = pair.partition(b"=")[2].strip(SPACE).decode("latin-1")
        return self._find(cookie_name(pair), value)


class ByNames(dict[tuple[bytes, ...], Fact], Generic[Fact]):
    """What is known of cookies that come together, by their names in order; `find` says it of new ones.

    Names as in ByName. What most visitors of a site bring is the same, so one look finds all of it.
    """

    MOST = 1024
    MOST_NAMES = 64
    LONGEST = 2048

    def __init__(self, find: Callable[[tuple[bytes, ...]], Fact]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, names: tuple[bytes, ...]) -> Fact:
        found = self._find(names)
        if len(names) <= self.MOST_NAMES and sum(map(len, names)) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[names] = found
        return found


class Plan(NamedTuple):
    """Which of the cookies that came together pass, None for all; which of those that do tell their birth."""

    passing: list[bool] | None
    telling: list[bool]


NO_ENDS: Mapping[tuple[bytes, ...], float] = {(): inf}


class Brought(Generic[Fact]):
    """What the policy says of cookies that came together.

    `needs` names for each the category that governs it, None where it needs no consent; `drift` is what to
    count of them; `consent` and `anchors` are the places of the ones that hold those, None where there is
    none, or more; `births` says of each whether it may tell its own birth, and `ends` what comes of that.
    """

    __slots__ = ("_births", "_ends", "_plans", "anchors", "consent", "drift", "needed", "needs")

    def __init__(
        self,
        needs: Sequence[str | None],
        drift: frozenset[Fact],
        consent: int | None = None,
        anchors: int | None = None,
        births: Sequence[bool] = (),
        ends: Mapping[tuple[bytes, ...], float] = NO_ENDS,
    ) -> None:
        self.needs = needs
        self.drift = drift
        self.consent = consent
        self.anchors = anchors
        self.needed = frozenset(need for need in needs if need is not None)
        self._births = births
        self._ends = ends
        self._plans: dict[frozenset[str], Plan] = {}

    def outlived(self, pairs: Sequence[bytes], allowed: frozenset[str], today: int) -> bool:
        """Return whether one of those that are allowed says itself that its life was over before day `today`;
        `pairs` is what the Cookie header holds that these came in.
        """
        telling = (self._plans.get(allowed) or self._plan(allowed)).telling
        return self._ends[tuple(compress(pairs, telling))] <= today

    def cut(self, header: bytes, pairs: Sequence[bytes], allowed: frozenset[str]) -> bytes:
        """Return the Cookie header's value that these came in without the denied ones, the others byte for
        byte; the header itself where all of them may pass. `pairs` is what it holds.
        """
        passing = (self._plans.get(allowed) or self._plan(allowed)).passing
        return header if passing is None else b";".join(compress(pairs, passing)).lstrip(SPACE)

    def _plan(self, allowed: frozenset[str]) -> Plan:
        denied = self.needed - allowed
        passing = [need not in denied for need in self.needs] if denied else None
        telling = [tells and need in allowed for tells, need in zip(self._births, self.needs, strict=False)]
        # A policy's categories are few, and so are the sets of them.
        self._plans[allowed] = plan = Plan(passing, telling)
        return plan


class ByCookies(Generic[Fact]):
    """What is known of a Cookie header by the names in it, in their order; `find` says it of new ones.

    Reading the names takes longer than all the rest, and most visitors of a site bring the same. So what came
    twice in a row is told again by one match, where `_last` are two such patterns.
    """

    def __init__(self, find: Callable[[tuple[bytes, ...]], Fact]) -> None:
        self._known = ByNames(find)
        self._last: list[tuple[Fits, Fact]] = []
        self._before: tuple[bytes, ...] = ()

    def of(self, cookies: bytes) -> Fact:
        """Return what is known of these cookies."""
        for fits, fact in self._last:
            if fits(cookies):
                return fact
        names = tuple([pair.partition(b"=")[0] for pair in cookies.split(b";")])
        found = self._known[names]
        # A pattern takes longer to make than a hundred requests to read.
        if names == self._before and names in self._known:
            self._last = [(_fits(names), found), *self._last[:1]]
        self._before = names
        return found


@lru_cache(maxsize=256)
def _fits(names: tuple[bytes, ...]) -> Fits:
    """Return what says whether a Cookie header's value holds cookies of just these names in this order."""
    return re.compile(b";".join(re.escape(name) + b"=[^;]*+" for name in names)).fullmatch
