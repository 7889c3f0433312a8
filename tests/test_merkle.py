"""The tree against an independent recursive reading of RFC 6962 and against published roots."""

import random
from hashlib import sha256

import pytest

from consentkit.errors import VerificationError
from consentkit.proof import merkle
from consentkit.proof.merkle import Prover, leaf_hash, verify_consistency, verify_inclusion
from consentkit.proof.tiles import Tree, tile_path, tiles_of

# Inputs and roots by tree size, as published by transparency-dev/merkle (testonly/constants.go).
PUBLISHED_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                    "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
PUBLISHED_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def naive_root(data: list[bytes]) -> bytes:
    if len(data) < 2:
        return sha256(b"\0" + data[0]).digest() if data else sha256().digest()
    k = split(len(data))
    return sha256(b"\1" + naive_root(data[:k]) + naive_root(data[k:])).digest()


def naive_path(m: int, data: list[bytes]) -> list[bytes]:
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*naive_path(m, data[:k]), naive_root(data[k:])]
    return [*naive_path(m - k, data[k:]), naive_root(data[:k])]


def naive_subproof(m: int, data: list[bytes], whole: bool) -> list[bytes]:
    if m == len(data):
        return [] if whole else [naive_root(data)]
    k = split(len(data))
    if m <= k:
        return [*naive_subproof(m, data[:k], whole), naive_root(data[k:])]
    return [*naive_subproof(m - k, data[k:], False), naive_root(data[:k])]


def entries(size: int) -> list[bytes]:
    return [f"entry {i}".encode() for i in range(size)]


def grown(data: list[bytes], step: int) -> tuple[Tree, dict[tuple[int, int], bytes]]:
    stored: dict[tuple[int, int], bytes] = {}
    tree = Tree(0, lambda level, n: stored[level, n])
    for start in range(0, len(data), step):
        stored |= tree.extend([leaf_hash(entry) for entry in data[start : start + step]])
    return tree, stored


def reopened(stored: dict[tuple[int, int], bytes], size: int) -> Tree:
    return Tree(size, lambda level, n: stored.get((level, n), b""))


def test_roots_are_the_published_ones() -> None:
    data = [bytes.fromhex(leaf) for leaf in PUBLISHED_LEAVES]
    for size, root in enumerate(PUBLISHED_ROOTS):
        tree, _ = grown(data[:size], 3)
        assert tree.prover().root().hex() == root
        assert merkle.root_of([leaf_hash(entry) for entry in data[:size]]).hex() == root


def test_every_proof_of_a_small_tree_is_the_references_and_verifies() -> None:
    data = entries(40)
    tree, _ = grown(data, 7)
    roots = [naive_root(data[:size]) for size in range(41)]
    for size in range(1, 41):
        prover = tree.prover(size)
        assert prover.root() == roots[size]
        for index in range(size):
            path = prover.inclusion(index)
            assert path == naive_path(index, data[:size])
            verify_inclusion(leaf_hash(data[index]), index, size, path, roots[size])
        for old in range(1, size + 1):
            path = prover.consistency(old)
            assert path == naive_subproof(old, data[:size], True)
            verify_consistency(old, size, path, roots[old], roots[size])


def test_proofs_hold_over_tile_borders_and_after_reloading(full: bool) -> None:
    sizes = [255, 256, 257, 511, 513, 600] + ([65_535, 65_536, 65_537] if full else [])
    for size in sizes:
        data = entries(size)
        for step in (1, 100, size):
            tree, stored = grown(data, step)
            again = reopened(stored, size)
            root = merkle.root_of([leaf_hash(entry) for entry in data])
            assert tree.prover().root() == again.prover().root() == root
            for index in (0, size // 2, size - 1):
                verify_inclusion(leaf_hash(data[index]), index, size, again.prover().inclusion(index), root)
            assert {(level, n): len(tile) // 32 for (level, n), tile in stored.items()} == {
                (level, n): width for level, n, width in tiles_of(size)
            }


def test_the_new_leaves_paths_are_checked_together_and_no_altered_one_passes() -> None:
    chance = random.Random(6)  # noqa: S311
    for start, count in ((0, 1), (0, 5), (1, 1), (3, 4), (6, 7), (8, 8), (255, 2), (300, 33)):
        data = entries(start + count)
        tree, _ = grown(data[:start], 50)
        leaves = [leaf_hash(entry) for entry in data[start:]]
        tree.extend(leaves)
        growth, root = tree.growth, naive_root(data)
        assert growth
        assert growth.root == root
        growth.check(leaves, root)
        for _, row in growth.levels:
            place = chance.randrange(len(row))
            row[place] = bytes([row[place][0] ^ 1]) + row[place][1:]
            with pytest.raises(VerificationError):
                growth.check(leaves, root)
            row[place] = bytes([row[place][0] ^ 1]) + row[place][1:]
        with pytest.raises(VerificationError):
            growth.check([*leaves[:-1], bytes(32)], root)
        growth.check(leaves, root)


def test_a_tree_grows_on_from_its_stored_tiles() -> None:
    data = entries(700)
    _, stored = grown(data[:300], 300)
    tree = reopened(stored, 300)
    tree.extend([leaf_hash(entry) for entry in data[300:]])
    assert tree.prover().root() == naive_root(data)


def test_no_altered_inclusion_proof_passes() -> None:
    data = entries(11)
    prover = grown(data, 11)[0].prover()
    root = prover.root()
    for index in range(11):
        leaf, path = leaf_hash(data[index]), prover.inclusion(index)
        wrong = [(leaf, other, 11, path, root) for other in range(-1, 13) if other != index]
        wrong += [(leaf_hash(b"other"), index, 11, path, root), (leaf, index, 11, path, leaf)]
        wrong += [(leaf, index, 11, path[:-1], root), (leaf, index, 11, [*path, leaf], root)]
        wrong += [(leaf, index, 11, [*path[:i], leaf, *path[i + 1 :]], root) for i in range(len(path))]
        for case in wrong:
            with pytest.raises(VerificationError):
                verify_inclusion(*case)


def test_the_empty_proof_of_nothing_is_refused() -> None:
    with pytest.raises(VerificationError, match="32 bytes"):
        verify_inclusion(b"", 0, 1, [], b"")


def test_consistency_refuses_size_zero_and_alterations() -> None:
    data = entries(13)
    prover = grown(data, 13)[0].prover()
    roots = [naive_root(data[:size]) for size in range(14)]
    for old in range(14):
        path = prover.consistency(old) if old else []
        if not old:
            with pytest.raises(VerificationError, match="no consistency"):
                verify_consistency(0, 13, [], roots[0], roots[13])
            continue
        wrong = [(old, 13, [*path, roots[3]], roots[old], roots[13]), (old, 13, path, roots[0], roots[13])]
        wrong += [(old, 13, path, roots[old], roots[0])] + (
            [(old, 13, path[:-1], roots[old], roots[13])] if path else []
        )
        wrong += [
            (old, 13, [*path[:i], roots[0], *path[i + 1 :]], roots[old], roots[13]) for i in range(len(path))
        ]
        for case in wrong:
            with pytest.raises(VerificationError):
                verify_consistency(*case)
    with pytest.raises(VerificationError):
        verify_consistency(5, 4, [], roots[5], roots[4])


def test_a_prover_knows_its_bounds() -> None:
    prover = Prover(3, lambda *_: bytes(32))
    for index in (-1, 3):
        with pytest.raises(ValueError, match="no entry"):
            prover.inclusion(index)
    with pytest.raises(ValueError, match="no consistency"):
        prover.consistency(0)


def test_random_bytes_never_pass_as_a_proof() -> None:
    chance = random.Random(6962)  # noqa: S311 - repeatable on purpose
    for _ in range(300):
        size = chance.randrange(1, 40)
        path = [chance.randbytes(32) for _ in range(chance.randrange(7))]
        with pytest.raises(VerificationError):
            verify_inclusion(chance.randbytes(32), chance.randrange(40), size, path, chance.randbytes(32))


def test_tile_paths_are_those_of_the_specification() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 5, 17) == "tile/1/005.p/17"
    assert tile_path("entries", 273, 112) == "tile/entries/273.p/112"
    widths = list(tiles_of(70_000))
    assert len([tile for tile in widths if tile[0] == 0]) == 274
    assert widths[273] == (0, 273, 112)
    assert widths[-2:] == [(1, 1, 17), (2, 0, 1)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
