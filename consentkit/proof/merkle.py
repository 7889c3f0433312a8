"""The RFC 6962 hash tree: hashing, roots and proofs, with no storage and no I/O.

A *reader* `(level, index) -> 32 bytes` gives the hash of the complete subtree over the leaves
`index * 2**level` up to `(index + 1) * 2**level`; who keeps those hashes is the caller's business.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from consentkit.errors import VerificationError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
_LEAF, _NODE = sha256(b"\x00"), sha256(b"\x01")
"""How each hash begins: a copy of one that has begun takes less time than another one."""

Reader = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry as a leaf (RFC 6962 §2.1)."""
    return leaf_hashes([entry])[0]


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """The hashes of entries as leaves, in order."""
    hashes, begin = list[bytes](), _LEAF.copy
    for entry in entries:
        hashed = begin()
        hashed.update(entry)
        hashes.append(hashed.digest())
    return hashes


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children (RFC 6962 §2.1)."""
    hashed = _NODE.copy()
    hashed.update(left + right)
    return hashed.digest()


def _parents(row: Sequence[bytes]) -> list[bytes]:
    """The level above a row that begins at an even index; an odd last node stands for itself there."""
    if len(row) < 3:  # so are all of them where a single leaf joins
        return [node_hash(*row)] if len(row) == 2 else list(row)
    above, begin = list[bytes](), _NODE.copy
    for left, right in zip(row[::2], row[1::2], strict=False):
        hashed = begin()
        hashed.update(left + right)
        above.append(hashed.digest())
    return [*above, row[-1]] if len(row) & 1 else above


def push(peaks: list[bytes], count: int, node: bytes) -> None:
    """Add one subtree to the `peaks` of a row of `count` equal subtrees, in place."""
    while count & 1:
        node = node_hash(peaks.pop(), node)
        count >>= 1
    peaks.append(node)


def fold(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given from the largest (left) to the smallest (right)."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def peaks_of(nodes: Sequence[bytes]) -> list[bytes]:
    """The peaks of a row of equal subtrees."""
    peaks: list[bytes] = []
    for count, node in enumerate(nodes):
        push(peaks, count, node)
    return peaks


def root_of(nodes: Sequence[bytes]) -> bytes:
    """The root over a row of equal subtrees, for example over leaf hashes."""
    if not nodes:
        return EMPTY_ROOT
    row = nodes
    while len(row) > 1:
        row = _parents(row)
    return row[0]


def peak_ids(size: int) -> list[tuple[int, int]]:
    """`(level, index)` of the complete subtrees that make up a tree of `size`, largest first."""
    ids, start = [], 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            ids.append((level, start >> level))
            start += 1 << level
    return ids


@dataclass(frozen=True, slots=True)
class Growth:
    """Leaves `start` to `size - 1` joining a tree, and all the nodes that lead from them to the root.

    A level is the index (even) of its first node, and the hashes from there to the tree's right edge; the
    first level are leaves, the last is the root. The last node of a level may be over fewer leaves.
    """

    start: int
    size: int
    levels: tuple[tuple[int, list[bytes]], ...]

    @classmethod
    def of(cls, start: int, peaks: Mapping[int, bytes], leaves: Sequence[bytes]) -> "Growth":
        """Add leaf hashes (at least one) to a tree of `start` leaves, whose `peaks` are given by level."""
        size, row, levels = start + len(leaves), list(leaves), []
        for level in range(size.bit_length() + 1):
            first = start >> level
            if first & 1:
                first, row = first - 1, [peaks[level], *row]
            levels.append((first, row))
            if not first and len(row) == 1:
                break
            row = _parents(row)
        return cls(start, size, tuple(levels))

    @property
    def root(self) -> bytes:
        """The root over all leaves."""
        return self.levels[-1][1][0]

    def complete(self, level: int) -> list[bytes]:
        """The nodes of a level that became complete subtrees, in order."""
        if level >= len(self.levels):
            return []
        first, row = self.levels[level]
        return row[(self.start >> level) - first : (self.size >> level) - first]

    def path(self, index: int) -> tuple[bytes, ...]:
        """The audit path of one of the new leaves, from its sibling up (RFC 6962 §2.1.1)."""
        siblings = ((row, (index >> level ^ 1) - first) for level, (first, row) in enumerate(self.levels))
        return tuple(row[place] for row, place in siblings if place < len(row))

    def peaks(self, before: Mapping[int, bytes]) -> dict[int, bytes]:
        """The peaks of the grown tree, given those of the tree before."""
        ends = {level: self.complete(level)[-1:] for level, _ in peak_ids(self.size)}
        return {level: end[0] if end else before[level] for level, end in ends.items()}

    def check(self, leaves: Sequence[bytes], root: bytes) -> None:
        """Raise VerificationError unless the path of each of the leaf hashes leads to `root`.

        It is `verify_inclusion` for all of them at once: a step that paths share is taken once.
        """
        first, row = self.levels[0]
        _check_lengths(root, *(row[0] for _, row in self.levels))
        sound = row[self.start - first :] == leaves and self.levels[-1] == (0, [root])
        for level, ((first, row), (above, parents)) in enumerate(pairwise(self.levels)):
            whole = first + len(row) == (self.size - 1 >> level) + 1
            sound = sound and whole and _parents(row) == parents[(first >> 1) - above :]
        if not sound:
            raise VerificationError("the paths of new entries don't lead to the root")


def split(width: int) -> int:
    """The largest power of two smaller than `width` (RFC 6962 §2.1)."""
    return 1 << ((width - 1).bit_length() - 1)


class Prover:
    """Proofs about one tree size; hashes over its ragged right edge are computed once and kept."""

    def __init__(self, size: int, read: Reader) -> None:
        self.size = size
        self._read = read
        self._ragged: dict[tuple[int, int], bytes] = {}

    def root(self) -> bytes:
        """The root of the tree."""
        return self._range(0, self.size) if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of the leaf `index`, from its sibling up (RFC 6962 §2.1.1)."""
        if not 0 <= index < self.size:
            raise ValueError(f"no entry {index} in a tree of {self.size}")
        low, high, path = 0, self.size, []
        while high - low > 1:
            middle = low + split(high - low)
            if index < middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        return path[::-1]

    def consistency(self, size: int) -> list[bytes]:
        """The proof that the tree of the smaller `size` is a prefix of this one (RFC 6962 §2.1.2)."""
        if not 0 < size <= self.size:
            raise ValueError(f"no consistency from {size} to {self.size}")
        low, high, path = 0, self.size, []
        while size != high:
            middle = low + split(high - low)
            if size <= middle:
                path.append(self._range(middle, high))
                high = middle
            else:
                path.append(self._range(low, middle))
                low = middle
        if low:
            path.append(self._range(low, high))
        return path[::-1]

    def _range(self, low: int, high: int) -> bytes:
        width = high - low
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self._read(level, low >> level)
        known = self._ragged.get((low, high))
        if known is None:
            middle = low + split(width)
            known = node_hash(self._range(low, middle), self._range(middle, high))
            self._ragged[low, high] = known
        return known


def _check_lengths(*hashes: bytes) -> None:
    # Without this an inclusion "proof" of nothing in a tree of size 1 would pass (prooflog §5, trap 1).
    if any(len(value) != HASH_BYTES for value in hashes):
        raise VerificationError(f"a hash in the proof isn't {HASH_BYTES} bytes long")


def _check_root(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise VerificationError(f"the proof leads to root {found.hex()}, not to {expected.hex()}")


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that `leaf` (a leaf hash) is entry `index` of the tree (RFC 9162 §2.1.3.2).

    Raises VerificationError when the proof is malformed or leads to another root.
    """
    _check_lengths(leaf, root, *path)
    if not 0 <= index < size:
        raise VerificationError(f"there is no entry {index} in a tree of {size}")
    fn, sn, result = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise VerificationError("the inclusion proof is too long")
        if fn & 1 or fn == sn:
            result = node_hash(sibling, result)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise VerificationError("the inclusion proof is too short")
    _check_root(result, root)


def verify_consistency(size1: int, size2: int, path: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that tree 1 is a prefix of tree 2 (RFC 9162 §2.1.4.2); `size1` must be positive.

    Raises VerificationError. A size-0 tree is a prefix of everything and proves nothing, so it is refused
    here; callers that meet one (tlog-witness's `old 0`) handle it themselves.
    """
    _check_lengths(root1, root2, *path)
    if not 0 < size1 <= size2:
        raise VerificationError(f"no consistency can be proved from size {size1} to {size2}")
    if size1 == size2:
        if path:
            raise VerificationError("equal sizes need an empty consistency proof")
        return _check_root(root1, root2)
    nodes = [root1, *path] if size1 & (size1 - 1) == 0 else list(path)
    if not path or not nodes:
        raise VerificationError("the consistency proof is empty")
    old, new = _fold_consistency(size1 - 1, size2 - 1, nodes)
    _check_root(old, root1)
    return _check_root(new, root2)


def _fold_consistency(fn: int, sn: int, nodes: Sequence[bytes]) -> tuple[bytes, bytes]:
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if sn == 0:
            raise VerificationError("the consistency proof is too long")
        if fn & 1 or fn == sn:
            old, new = node_hash(node, old), node_hash(node, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, node)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise VerificationError("the consistency proof is too short")
    return old, new
