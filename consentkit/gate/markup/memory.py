"""Pieces of pages seen before: what was found on them, so that the same bytes needn't be read again.

Pages of one site repeat each other: heads, menus and footers come back in every answer, whole pages in most.
A piece begins and ends where nothing is open, so that what it needs depends on its own bytes alone; looking
one up compares those bytes, all of them. Only what comes a second time is kept, so that what is one visitor's
isn't; in this process only, a few MB, the oldest given up first.
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

from consentkit.gate.markup.tags import Edits
from consentkit.gate.markup.verdicts import Verdict

PIECE: Final = 1024
"""Bytes after which a piece ends at the next chance: shorter ones cost more look-ups, longer ones are lost to
a single byte that changes with every answer, such as a nonce."""
SHORTEST: Final = 256
"""Bytes of the shortest piece, made where something follows that is never the same."""
LONGEST: Final = 1 << 15
"""Bytes from which a piece made of short ones that keep coming together is long enough."""
_KEY: Final = 24
_ALIKE: Final = 8
_BYTES: Final = 16 << 20
_PAGES: Final = 32
_ONCE: Final = 1 << 14


_key: Final[Callable[[bytes | bytearray, int], tuple[bytes, bytes]]] = Struct(
    f"{_KEY}s{SHORTEST - 2 * _KEY}x{_KEY}s"
).unpack_from
"""What a piece is looked up by: its first bytes, and some a little later."""


Outline = tuple[int, bytes, bytes]
"""What a whole page is looked up by: its length, some of its middle, its last bytes."""


class Piece(NamedTuple):
    """Bytes of a page between two points where nothing is open, and what they need."""

    source: bytes
    edits: Edits
    verdicts: tuple[Verdict, ...]


class Page(NamedTuple):
    """A page as it came and as it goes out, the services made inert on it, and what there is to count."""

    source: bytes
    starter: bytes
    out: bytes
    blocked: frozenset[str]
    seen: frozenset[tuple[str, str]]


class Memory:
    """Remembers pieces by how they begin, and by what comes a little later: menus begin alike everywhere.

    In two generations, so that what is in use stays. Beside them, the last whole pages.
    """

    __slots__ = ("_old", "_once", "_pages", "_size", "_young")

    def __init__(self) -> None:
        self._once: set[Outline | tuple[bytes, bytes]] = set()
        self._pages: dict[Outline, Page] = {}
        self._young: dict[tuple[bytes, bytes], list[Piece]] = {}
        self._old: dict[tuple[bytes, bytes], list[Piece]] = {}
        self._size = 0

    def recall(self, page: bytearray, at: int) -> Piece | None:
        """The piece that the page goes on with, if it has been seen."""
        key = _key(page, at)
        for piece in self._young.get(key, ()):
            if page.startswith(piece.source, at):
                return piece
        for piece in self._old.get(key, ()):
            if page.startswith(piece.source, at):
                self.keep(piece)
                return piece
        return None

    def recall_page(self, source: bytes, starter: bytes) -> Page | None:
        """A whole page, if it was among the last ones, and with the same starter."""
        page = self._pages.get(_outline(source))
        return page if page is not None and page.source == source and page.starter == starter else None

    def keep_page(self, page: Page) -> None:
        """Remember a whole page that comes a second time, in place of the one that has been kept longest."""
        outline = _outline(page.source)
        if outline not in self._once:
            self._note(outline)
            return
        if len(self._pages) >= _PAGES:
            del self._pages[next(iter(self._pages))]
        self._pages[outline] = page

    def is_new(self, page: bytearray, at: int) -> bool:
        """Whether this is the first time that a piece begins so."""
        key = _key(page, at)
        if key in self._once:
            return False
        self._note(key)
        return True

    def _note(self, key: Outline | tuple[bytes, bytes]) -> None:
        if len(self._once) >= _ONCE:
            self._once.clear()
        self._once.add(key)

    def keep(self, piece: Piece) -> None:
        """Remember a piece of at least `SHORTEST` bytes, to be tried before those that begin like it."""
        size = len(piece.source)
        self._size += size + 512
        if self._size > _BYTES // 2:
            self._old, self._young, self._size = self._young, {}, size + 512
        alike = self._young.setdefault(_key(piece.source, 0), [])
        if len(alike) == _ALIKE:
            alike.pop()
        alike.insert(0, piece)


def _outline(page: bytes) -> Outline:
    size = len(page)
    middle = size // 2
    return size, page[middle : middle + _KEY], page[-_KEY:]
