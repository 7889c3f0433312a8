"""What an entry must say to be believed, beyond its hashes: the checks a verifier runs in log order."""

from collections.abc import Callable, Sequence
from typing import Any

from consentkit.proof.entry import Kind, Stored

Check = Callable[[Stored], Sequence[str]]
ANSWERS = frozenset({Kind.CHOICE, Kind.WITHDRAWAL})
NECESSARY = "necessary"
_BOOL = frozenset({bool})


def claims() -> Sequence[Check]:
    """Return fresh checks for one verification; feed them the entries in order.

    They hold that every answer names a policy version and a notice that the log published before it, and
    says yes or no about `necessary` and each optional category it gives an instant and an end for.
    """
    published = _Published()
    return (published.check, _complete)


class _Published:
    """Remembers what has been published so far, and objects to an answer about anything else."""

    def __init__(self) -> None:
        self._versions: set[str] = set()
        self._notices: set[str] = set()

    def check(self, entry: Stored) -> Sequence[str]:
        stmt, problems = entry.stmt, []
        if stmt is None:
            return ()
        if entry.kind is Kind.POLICY:
            self._versions.add(str(stmt.get("version")))
            self._notices.update(_texts(stmt.get("manifest", {}).get("notices")))
        elif entry.kind in ANSWERS:
            if stmt.get("policy") not in self._versions:
                problems.append(
                    f"answers policy version {stmt.get('policy')}, which was not published before it"
                )
            if stmt.get("notice") not in self._notices:
                problems.append(f"answers notice {stmt.get('notice')}, which was not published before it")
        return problems


def _texts(notices: Any) -> list[str]:
    return [str(digest) for digest in notices.values()] if isinstance(notices, dict) else []


def _complete(entry: Stored) -> Sequence[str]:
    stmt, problems = entry.stmt, []
    if stmt is None or entry.kind not in ANSWERS:
        return ()
    get = stmt.get
    categories, decided = get("categories", {}), get("decided", {})
    optional = {*categories}
    optional.discard(NECESSARY)
    if categories.get(NECESSARY) is not True or not _BOOL.issuperset(map(type, categories.values())):
        problems.append("does not say yes or no about every category")
    if not optional == {*decided} == {*get("until", ())} == {*get("versions", ())}:
        wrong = [name for name in ("decided", "until", "versions") if {*get(name, ())} != optional]
        problems += [f"gives {name} for other categories than it answers" for name in wrong]
    instants = [decided[category] for category in optional if category in decided]
    if instants and max(instants) > stmt["t"]:
        problems.append("was decided after it was logged")
    return problems
