"""What somebody does to a stored log who may write to its database, and what who has the key as well."""

from collections.abc import Callable
from pathlib import Path

from stores import Database, database

from consentkit.proof.entry import Kind, canonical, commit_stmt, commit_subj
from consentkit.proof.keys import Keys, recorded_origin
from consentkit.proof.merkle import leaf_hash, peak_ids
from consentkit.proof.note import Checkpoint, sign_note
from consentkit.proof.tiles import Tree

Attack = Callable[[Database], object]


def attack(folder: Path, change: Attack) -> None:
    """Do it to the log of `folder`."""
    with database(folder) as hands:
        change(hands)


def sql(*statements: str) -> Attack:
    def change(database: Database) -> None:
        for statement in statements:
            assert database.execute(statement).rowcount != 0

    return change


def swapped(table: str, one: int, other: int) -> tuple[str, ...]:
    return tuple(
        f"UPDATE {table} SET idx = {new} WHERE idx = {old}"
        for old, new in ((one, -9), (other, one), (-9, other))
    )


def shifted(by: int, since: int) -> tuple[str, ...]:
    statements = [
        (
            f"UPDATE {table} SET idx = -idx - 1 WHERE idx >= {since}",
            f"UPDATE {table} SET idx = -idx - 1 + {by} WHERE idx < 0",
        )
        for table in ("leaf", "opening")
    ]
    return tuple(statement for pair in statements for statement in pair)


def copied(source: int, target: int) -> tuple[str, str]:
    opening = "created_ms, lookup, salt1, stmt, salt2, subj"
    return (
        f"INSERT INTO leaf SELECT {target}, entry FROM leaf WHERE idx = {source}",
        f"INSERT INTO opening SELECT {target}, {opening} FROM opening WHERE idx = {source}",
    )


def made_up(index: int, t: int) -> Attack:
    """A record that nobody made, of a visitor who never came."""
    salt, stmt, subj = bytes([7] * 32), canonical({"choices": {"analytics": True}, "t": t}), canonical({})

    def change(database: Database) -> None:
        entry = bytes([1, Kind.CHOICE]) + commit_stmt(salt, stmt) + commit_subj(salt, subj)
        database.execute("INSERT INTO leaf VALUES (?, ?)", (index, entry))
        row = (index, t, None, salt, stmt, salt, subj)
        database.execute("INSERT INTO opening VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    return change


def excused(index: int, victim: int, t: int) -> Attack:
    """A tombstone for an erasure that nobody asked for."""
    stone = {"first": victim, "last": victim, "segment": "stmt", "reason": "request", "t": t}

    def change(database: Database) -> None:
        entry = bytes([1, Kind.TOMBSTONE]) + canonical(stone)
        database.execute("INSERT INTO leaf VALUES (?, ?)", (index, entry))

    return change


class Forger:
    """Someone who may write to the database, and knows how the tree is built."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _keys(self) -> Keys:
        return Keys.open(self.folder / "keys", str(recorded_origin(self.folder / "keys")), create=False)

    def rewrite(self, database: Database, index: int) -> None:
        """Turn one refusal into a grant, with everything that follows from it but the signatures."""
        salt = bytes(32)
        stmt = canonical({"choices": {"analytics": True}, "number": 999, "t": 1000 + index})
        (entry,) = database.execute("SELECT entry FROM leaf WHERE idx = ?", (index,)).fetchone()
        entry = entry[:2] + commit_stmt(salt, stmt) + entry[34:]
        database.execute("UPDATE leaf SET entry = ? WHERE idx = ?", (entry, index))
        database.execute("UPDATE opening SET salt1 = ?, stmt = ? WHERE idx = ?", (salt, stmt, index))
        self.rebuild(database)

    def rebuild(self, database: Database) -> Tree:
        tiles: dict[tuple[int, int], bytes] = {}
        tree = Tree(0, lambda level, n: tiles.get((level, n), b""))
        leaves = [leaf_hash(entry) for (entry,) in database.execute("SELECT entry FROM leaf ORDER BY idx")]
        database.execute("DELETE FROM tile")
        tiles |= tree.extend(leaves)
        for (level, n), hashes in tiles.items():
            database.execute("INSERT INTO tile VALUES (?, ?, ?)", (level, n, hashes))
        frontier = b"".join(tree.read(level, index) for level, index in peak_ids(tree.size))
        database.execute("UPDATE head SET size = ?, frontier = ?", (tree.size, frontier))
        return tree

    def sign(self, database: Database, *, guard: bool) -> None:
        """With the key as well: sign everything anew, and with `guard` that too."""
        keys, tree = self._keys(), self.rebuild(database)
        note = lambda size: sign_note(  # noqa: E731
            Checkpoint(keys.origin, size, tree.prover(size).root()).text, keys.verifier, keys.sign
        )
        for (size,) in database.execute("SELECT size FROM published").fetchall():
            if size <= tree.size:
                database.execute("UPDATE published SET note = ? WHERE size = ?", (note(size), size))
        database.execute("DELETE FROM published WHERE size > ?", (tree.size,))
        database.execute("UPDATE head SET checkpoint = ?", (note(tree.size),))
        if guard:
            assert keys.swap_guard(keys.guard(), note(tree.size))
