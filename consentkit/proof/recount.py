"""Counting a log again: two accounts of one tree, by its entries and by its stored hashes, side by side."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

from consentkit.proof.merkle import EMPTY_ROOT, HASH_BYTES, fold, peaks_of, push, root_of
from consentkit.proof.store import Source
from consentkit.proof.tiles import HEIGHT, WIDTH, split_hashes, tiles_of

_HOLE = bytes(HASH_BYTES)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that doesn't hold: the entry it concerns (None: the log as a whole), where, and what."""

    index: int | None
    table: str
    problem: str


class Account:
    """The roots that a row of leaf hashes leads to, at the sizes asked for."""

    def __init__(self, sizes: Iterable[int]) -> None:
        self._wanted = sorted(sizes)
        self._peaks: list[bytes] = []
        self._edge: list[bytes] = []  # the peaks right of the full tiles
        self.size = 0
        self.blocks: list[bytes] = []  # the roots of full tiles
        self.roots: dict[int, bytes] = {0: EMPTY_ROOT}

    def add(self, leaves: Sequence[bytes]) -> None:
        """The next (at most 256) leaf hashes; only the last call may have fewer."""
        last = self.size + len(leaves)
        for size in self._wanted[bisect_right(self._wanted, self.size) : bisect_right(self._wanted, last)]:
            self.roots[size] = fold(self._peaks + peaks_of(leaves[: size - self.size]))
        if len(leaves) == WIDTH:
            block = root_of(leaves)
            push(self._peaks, len(self.blocks), block)
            self.blocks.append(block)
            self._edge = []
        else:
            self._edge = peaks_of(leaves)
        self.size = last

    def peaks(self) -> list[bytes]:
        """The complete subtrees of the whole row, largest first."""
        return self._peaks + self._edge


class Recount:
    """What entries say, what tiles say, where they differ, and which of them the signature believes."""

    def __init__(self, sizes: set[int]) -> None:
        self.by_entries = self.by_tiles = Account(sizes)  # one account until they differ
        self._differing: list[tuple[int, bool]] = []

    def add(self, computed: Sequence[bytes], stored: bytes) -> None:
        """One tile's worth: leaf hashes of the entries (empty where missing) and the stored tile."""
        width, start = len(computed), self.by_entries.size
        kept = stored[: width * HASH_BYTES]
        if len(kept) == width * HASH_BYTES and b"".join(computed) == kept:
            self._agreed(computed)
            return
        hashes = [*split_hashes(kept), *[b""] * width][:width]
        pairs = list(zip(computed, hashes, strict=True))
        different = [(i, leaf) for i, (leaf, kept) in enumerate(pairs) if not leaf or leaf != kept]
        self._differing += [(start + i, not leaf) for i, leaf in different]
        if self.by_tiles is self.by_entries:
            self.by_tiles = deepcopy(self.by_entries)
        self.by_entries.add([leaf or kept or _HOLE for leaf, kept in pairs])
        self.by_tiles.add([kept if len(kept) == HASH_BYTES else leaf or _HOLE for leaf, kept in pairs])

    def believe(self, stored: bytes, width: int) -> None:
        """One tile's worth whose entries aren't shown: the signature tells if its hashes are right."""
        self._agreed(split_hashes(stored[: width * HASH_BYTES].ljust(width * HASH_BYTES, b"\0")))

    def _agreed(self, leaves: Sequence[bytes]) -> None:
        self.by_entries.add(leaves)
        if self.by_tiles is not self.by_entries:
            self.by_tiles.add(leaves)

    def frontiers(self) -> list[bytes]:
        """The peaks of the tree, joined, by each account."""
        return [b"".join(account.peaks()) for account in (self.by_entries, self.by_tiles)]

    def agrees(self, size: int, root: bytes) -> bool:
        """True when entries or tiles lead to `root` at `size`."""
        return root in (self.by_entries.roots.get(size), self.by_tiles.roots.get(size))

    def differences(self, root: bytes | None) -> Iterator[Finding]:
        """Each entry where entries and tiles differ, blaming the side that the signed `root` contradicts."""
        size = self.by_entries.size
        tile_at_fault = root is not None and self.by_entries.roots.get(size) == root
        for index, missing in self._differing:
            if missing:
                yield Finding(index, "leaf", "the entry is missing")
            elif tile_at_fault:
                yield Finding(index, "tile", "the stored leaf hash isn't the entry's")
            else:
                yield Finding(index, "leaf", "the entry isn't the one that the tree was built over")

    def tiles(self, source: Source, root: bytes | None) -> Iterator[Finding]:
        """What is wrong with the stored tiles above the leaves, and with tiles that shouldn't be there."""
        size = self.by_entries.size
        account = self.by_entries if self.by_entries.roots.get(size) == root else self.by_tiles
        expected = {(level, n): width for level, n, width in tiles_of(size)}
        rows = {0: account.blocks}  # hashes at tile level `key + 1`
        for (level, n), width in expected.items():
            stored = source.tile(level, n)
            if len(stored) != width * HASH_BYTES:
                first = n << (HEIGHT * (level + 1))
                yield Finding(
                    first, "tile", f"tile {level}/{n} has {len(stored) / HASH_BYTES:g} hashes, not {width}"
                )
            if level:
                row = rows[level - 1]
                yield from _compare(level, n, row[n * WIDTH : n * WIDTH + width], split_hashes(stored))
                if n == 0:
                    full = len(row) // WIDTH
                    rows[level] = [root_of(row[i * WIDTH : (i + 1) * WIDTH]) for i in range(full)]
        for level, n in source.tile_ids():
            if (level, n) not in expected:
                yield Finding(
                    None, "tile", f"there is a tile {level}/{n} that a log of {size} entries doesn't have"
                )


def _compare(level: int, n: int, row: Sequence[bytes], stored: Sequence[bytes]) -> Iterator[Finding]:
    span = 1 << (HEIGHT * level)
    for i, (expected, found) in enumerate(zip(row, stored, strict=False)):
        if expected != found:
            first = (n * WIDTH + i) * span
            problem = f"tile {level}/{n} doesn't hold the hash over entries {first} to {first + span - 1}"
            yield Finding(first, "tile", problem)
