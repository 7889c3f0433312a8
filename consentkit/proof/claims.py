"""What an entry must say to be believed, beyond its hashes: the checks a verifier runs in log order."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from consentkit.proof.entry import Kind, Stored

Check = Callable[[Stored], Iterator[str]]
ANSWERS = (Kind.CHOICE, Kind.WITHDRAWAL)
NECESSARY = "necessary"


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

    def check(self, entry: Stored) -> Iterator[str]:
        stmt = entry.stmt
        if stmt is None:
            return
        if entry.kind is Kind.POLICY:
            self._versions.add(str(stmt.get("version")))
            self._notices.update(_texts(stmt.get("manifest", {}).get("notices")))
        elif entry.kind in ANSWERS:
            if stmt.get("policy") not in self._versions:
                yield f"answers policy version {stmt.get('policy')}, which was not published before it"
            if stmt.get("notice") not in self._notices:
                yield f"answers notice {stmt.get('notice')}, which was not published before it"


def _texts(notices: Any) -> list[str]:
    return [str(digest) for digest in notices.values()] if isinstance(notices, dict) else []


def _complete(entry: Stored) -> Iterator[str]:
    if entry.kind not in ANSWERS or entry.stmt is None:
        return
    categories = entry.stmt.get("categories", {})
    optional = set(categories) - {NECESSARY}
    if categories.get(NECESSARY) is not True or not all(isinstance(v, bool) for v in categories.values()):
        yield "does not say yes or no about every category"
    for field in ("decided", "until", "versions"):
        if set(entry.stmt.get(field, {})) != optional:
            yield f"gives {field} for other categories than it answers"
    if any(entry.stmt["decided"][c] > entry.stmt["t"] for c in optional & set(entry.stmt.get("decided", {}))):
        yield "was decided after it was logged"
