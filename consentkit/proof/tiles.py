"""C2SP tlog-tiles: where a tree's hashes live, and the right edge of a tree that grows."""

from collections.abc import Callable, Iterator, Sequence

from consentkit.proof.merkle import HASH_BYTES, Prover, node_hash, root_of

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
    """A growing tree: its right edge and recent nodes in memory, older tiles fetched when asked for.

    `fetch(level, n)` returns a stored tile's bytes, of which only those within `size` are used.
    """

    def __init__(self, size: int, fetch: Fetch) -> None:
        self.size = size
        self._fetch = fetch
        self._edge: dict[int, tuple[int, bytes]] = {}
        self._nodes: dict[tuple[int, int], bytes] = {}

    def extend(self, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """Append leaf hashes; returns the tiles that changed, whole, by `(level, n)`."""
        if len(self._nodes) > _KEPT_NODES:
            self._nodes.clear()
        before = self.size
        for leaf in leaves:
            self._push(leaf)
        changed: dict[tuple[int, int], bytes] = {}
        level = 0
        while self.size >> (HEIGHT * level):
            changed |= self._grown(level, before >> (HEIGHT * level))
            level += 1
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
            node = self._nodes[level, index] = root_of(split_hashes(part))
        return node

    def prover(self, size: int | None = None) -> Prover:
        """Proofs and the root at `size` (default: now)."""
        return Prover(self.size if size is None else size, self.read)

    def _push(self, leaf: bytes) -> None:
        level, index, node = 0, self.size, leaf
        self._nodes[0, index] = node
        while index & 1:
            node = node_hash(self.read(level, index - 1), node)
            level, index = level + 1, index >> 1
            self._nodes[level, index] = node
        self.size += 1

    def _grown(self, level: int, before: int) -> dict[tuple[int, int], bytes]:
        now = self.size >> (HEIGHT * level)
        changed = {}
        for n in range(before // WIDTH, -(-now // WIDTH)):
            first, last = max(before, n * WIDTH), min(now, (n + 1) * WIDTH)
            if first < last:
                old = self._tile(level, n)[: (first - n * WIDTH) * HASH_BYTES] if first > n * WIDTH else b""
                fresh = b"".join(self._nodes[level * HEIGHT, i] for i in range(first, last))
                changed[level, n] = old + fresh
                self._edge[level] = n, old + fresh
        return changed

    def _tile(self, level: int, n: int) -> bytes:
        number, data = self._edge.get(level, (-1, b""))
        return data if n == number else self._fetch(level, n)
