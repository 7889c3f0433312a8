"""What an entry must say to be believed, beyond its hashes: the checks a verifier runs in log order."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import ANSWERS, GRANTED, NECESSARY, OTHERS, REFUSED

Check = Callable[[Stored], Iterator[str]]


def claims() -> Sequence[Check]:
    """Return fresh checks for one verification; feed them the entries in order.

    They hold that every answer names policy versions, and a notice, that the log published before it, says
    yes or no about `necessary` and each optional category, on what basis, and until when; and that an
    operator says yes to nothing.
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
            for version in dict.fromkeys((stmt.get("policy"), *_texts(stmt.get("versions")))):
                if version not in self._versions:
                    yield f"answers policy version {version}, which was not published before it"
            # Nobody is shown a notice when an operator answers.
            if entry.kind is not Kind.OPERATOR and stmt.get("notice") not in self._notices:
                yield f"answers notice {stmt.get('notice')}, which was not published before it"


def _texts(named: Any) -> list[str]:
    return [str(digest) for digest in named.values()] if isinstance(named, dict) else []


def _complete(entry: Stored) -> Iterator[str]:
    stmt = entry.stmt
    if entry.kind not in ANSWERS or stmt is None:
        return
    categories, until, decided = (stmt.get(field, {}) for field in ("categories", "until", "decided"))
    optional = set(categories) - {NECESSARY}
    if categories.get(NECESSARY) is not True or not all(isinstance(v, bool) for v in categories.values()):
        yield "does not say yes or no about every category"
    for field in ("decided", "until", "versions", "basis"):
        if set(stmt.get(field, {})) - optional - {NECESSARY, GRANTED, REFUSED, OTHERS}:
            yield f"gives {field} for other categories than it answers"
    for category in sorted(optional):
        if not {category, GRANTED if categories[category] else REFUSED} & set(until):
            yield f"does not say until when its answer about {category} counts"
    if "basis" in stmt and OTHERS not in stmt["basis"] and set(stmt["basis"]) != set(categories):
        yield "does not say on what basis each category is answered"
    if any(instant > stmt["t"] for instant in decided.values()):
        yield "was decided after it was logged"
    if entry.kind is Kind.OPERATOR and any(categories[c] and c not in decided for c in optional):
        yield "is an operator's yes, which only a visitor can say"
