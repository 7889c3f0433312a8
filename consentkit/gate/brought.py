"""What the policy says of the cookies that a request brings: found once, as most visitors bring the same."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Generic, TypeVar

from consentkit.gate.cookies import SPACE, cookie_name

Fact = TypeVar("Fact")


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


class Ends(dict[bytes, float]):
    """The day at whose start a cookie is over by what it tells itself, by its pair as it stands in a header.

    `find` says it by name and value. A visitor's cookies come back with each part of a page.
    """

    MOST = 4096
    LONGEST = 256

    def __init__(self, find: Callable[[str, str], float]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, pair: bytes) -> float:
        value = pair.partition(b"=")[2].strip(SPACE).decode("latin-1")
        end = self._find(cookie_name(pair), value)
        if len(pair) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[pair] = end
        return end


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


NO_ENDS: Mapping[bytes, float] = {}


class Brought(Generic[Fact]):
    """What the policy says of cookies that came together.

    `needs` names for each the category that governs it, None where it needs no consent; `drift` is what to
    count of them; `consent` is the place of the one that holds a consent, None where there is none, or more;
    `births` are the places of those that may tell their own birth, and `ends` says what comes of that.
    """

    __slots__ = ("_births", "_ends", "_passing", "consent", "drift", "needed", "needs")

    def __init__(
        self,
        needs: Iterable[str | None],
        drift: frozenset[Fact],
        consent: int | None = None,
        births: Sequence[int] = (),
        ends: Mapping[bytes, float] = NO_ENDS,
    ) -> None:
        self._births = births
        self._ends = ends
        self.consent = consent
        self.needs = tuple(needs)
        self.needed = frozenset(need for need in self.needs if need is not None)
        self.drift = drift
        self._passing: dict[frozenset[str], list[bool] | None] = {}

    def outlived(self, pairs: Sequence[bytes], allowed: frozenset[str], today: int) -> bool:
        """Return whether one of those that are allowed says itself that its life was over before day `today`;
        `pairs` is what the Cookie header holds that these came in.
        """
        for place in self._births:  # no `any`: this is asked at most requests
            if self.needs[place] in allowed and self._ends[pairs[place]] <= today:
                return True
        return False

    def cut(self, header: bytes, pairs: Sequence[bytes], allowed: frozenset[str]) -> bytes:
        """Return the Cookie header's value that these came in without the denied ones, the others byte for
        byte; the header itself where all of them may pass. `pairs` is what it holds.
        """
        if allowed not in self._passing:
            denied = self.needed - allowed
            # A policy's categories are few, and so are the sets of them.
            self._passing[allowed] = [need not in denied for need in self.needs] if denied else None
        passing = self._passing[allowed]
        return header if passing is None else b";".join(compress(pairs, passing)).lstrip(SPACE)


class ByPairs(Generic[Fact]):
    """What is known of a Cookie header's pairs by their names in order; `find` says it of new ones.

    Reading the names takes longer than all the rest, and the next visitor mostly brings those that another
    one just did: of as many pairs, that is tried first.
    """

    def __init__(self, find: Callable[[tuple[bytes, ...]], Fact]) -> None:
        self._known = ByNames(find)
        self._last: dict[int, tuple[list[bytes], Fact]] = {}

    def of(self, pairs: Sequence[bytes]) -> Fact:
        """Return what is known of these pairs."""
        last = self._last.get(len(pairs))
        if last is not None and all(map(bytes.startswith, pairs, last[0])):
            return last[1]
        names = tuple([pair.partition(b"=")[0] for pair in pairs])
        found = self._known[names]
        marks = [name + b"=" for name in names]
        if names in self._known and all(map(bytes.startswith, pairs, marks)):
            self._last[len(pairs)] = marks, found
        return found
