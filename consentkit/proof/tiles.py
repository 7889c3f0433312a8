"""C2SP tlog-tiles: where a tree's hashes live, and the right edge of a tree that grows."""

from collections.abc import Callable, Iterator, Sequence

from consentkit.proof.merkle import HASH_BYTES, Growth, Prover, peak_ids, root_of

HEIGHT = 8
WIDTH = 1 << HEIGHT
_KEPT_NODES = 1 << 16

Fetch = Callable[[int, int], bytes]


def tile_path(level: int | str, n: int, width: int = WIDTH) -> str:
    """The path of a tile, or of an entry bundle (`level="entries"`), below the log's prefix."""
    digits = f"{n:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def tiles_of(size: int) -> Iterator[tuple[int, int, int]]:
    """`(level, n, width)` of every tile of a tree of `size`, level by level."""
    level = 0
    while count := size >> (HEIGHT * level):
        for n in range(-(-count // WIDTH)):
            yield level, n, min(WIDTH, count - n * WIDTH)
        level += 1


def split_hashes(data: bytes) -> list[bytes]:
    """The 32-byte hashes that a tile consists of."""
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


class Tree:
    """A growing tree: its right edge in memory, older tiles fetched when asked for.

    `fetch(level, n)` returns a stored tile's bytes, of which only those within `size` are used.
    """

    def __init__(self, size: int, fetch: Fetch) -> None:
        self.size = size
        self._fetch = fetch
        self._edge: dict[tuple[int, int], bytes] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._peaks: dict[int, bytes] | None = None
        self.growth: Growth | None = None
        """The way to the root from the leaves that were appended last."""

    @property
    def peaks(self) -> dict[int, bytes]:
        """The hashes of the complete subtrees that make up the tree, by level, the largest first."""
        if self._peaks is None:
            self._peaks = {level: self.read(level, index) for level, index in peak_ids(self.size)}
        return self._peaks

    def extend(self, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """Append leaf hashes; returns the tiles that changed, whole, by `(level, n)`."""
        if not leaves:
            return {}
        growth = self.growth = Growth.of(self.size, self.peaks, leaves)
        changed: dict[tuple[int, int], bytes] = {}
        for level in range(0, len(growth.levels), HEIGHT):
            changed |= self._grown(level // HEIGHT, growth.complete(level))
        grown = {level for level, _ in changed}
        self._edge = {at: tile for at, tile in self._edge.items() if at[0] not in grown} | changed
        self.size, self._peaks = growth.size, growth.peaks(self.peaks)
        return changed

    def read(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree (a `merkle.Reader`)."""
        node = self._nodes.get((level, index))
        if node is None:
            start = index << (level % HEIGHT)
            data = self._tile(level // HEIGHT, start // WIDTH)
            first = start % WIDTH * HASH_BYTES
            part = data[first : first + (HASH_BYTES << (level % HEIGHT))]
            if len(part) != HASH_BYTES << (level % HEIGHT):
                raise LookupError(f"tile {level // HEIGHT}/{start // WIDTH} is missing or too short")
            if len(self._nodes) > _KEPT_NODES:
                self._nodes.clear()
            node = self._nodes[level, index] = root_of(split_hashes(part))
        return node

    def prover(self, size: int | None = None) -> Prover:
        """Proofs and the root at `size` (default: now)."""
        return Prover(self.size if size is None else size, self.read)

    def _grown(self, level: int, fresh: list[bytes]) -> dict[tuple[int, int], bytes]:
        start, changed = self.size >> (HEIGHT * level), {}
        while fresh:
            n, kept = divmod(start, WIDTH)
            old = self._tile(level, n)[: kept * HASH_BYTES] if kept else b""
            changed[level, n] = old + b"".join(fresh[: WIDTH - kept])
            start, fresh = start + WIDTH - kept, fresh[WIDTH - kept :]
        return changed

    def _tile(self, level: int, n: int) -> bytes:
        known = self._edge.get((level, n))
        return self._fetch(level, n) if known is None else known
