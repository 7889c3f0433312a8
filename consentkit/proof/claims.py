"""What an entry must say to be believed, beyond its hashes: the checks a verifier runs in log order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson

from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import ANSWERS, GRANTED, NECESSARY, OTHERS, REFUSED

Check = Callable[[Stored], Iterable[str]]
_APART = frozenset({"t", "clock", "client", "previous", "until"})
_MOST_HELD = 4096


def claims() -> Sequence[Check]:
    """Return fresh checks for one verification; feed them the entries in order.

    They hold that every answer names policy versions, and a notice, that the log published before it, says
    yes or no about `necessary` and each optional category, on what basis, and until when; and that an
    operator says yes to nothing.
    """
    return (_Claims().check,)


class _Claims:
    """Remembers what has been published so far, and how answers looked that held.

    Another of the same look holds too: publishing only adds. Most of a log's answers are of few looks.
    """

    def __init__(self) -> None:
        self._versions: set[str] = set()
        self._notices: set[str] = set()
        self._held: set[bytes] = set()

    def check(self, entry: Stored) -> Iterable[str]:
        stmt = entry.stmt
        if stmt is None:
            return ()
        if entry.kind is Kind.POLICY:
            self._versions.add(str(stmt.get("version")))
            self._notices.update(_texts(stmt.get("manifest", {}).get("notices")))
        elif entry.kind in ANSWERS:
            look = _look(entry.kind, stmt)
            if look not in self._held:
                return self._answer(entry.kind, stmt, look)
        return ()

    def _answer(self, kind: Kind, stmt: dict[str, Any], look: bytes | None) -> Iterator[str]:
        holds = True
        for problem in chain(self._unpublished(kind, stmt), _incomplete(kind, stmt)):
            holds = False
            yield problem
        if holds and look is not None:
            if len(self._held) >= _MOST_HELD:
                self._held.clear()
            self._held.add(look)

    def _unpublished(self, kind: Kind, stmt: dict[str, Any]) -> Iterator[str]:
        for version in dict.fromkeys((stmt.get("policy"), *_texts(stmt.get("versions")))):
            if version not in self._versions:
                yield f"answers policy version {version}, which was not published before it"
        # Nobody is shown a notice when an operator answers.
        if kind is not Kind.OPERATOR and stmt.get("notice") not in self._notices:
            yield f"answers notice {stmt.get('notice')}, which was not published before it"


def _look(kind: Kind, stmt: dict[str, Any]) -> bytes | None:
    """All of an answer that tells whether it holds; None where it depends on its instants as well."""
    if "decided" in stmt:
        return None
    rest = {name: value for name, value in stmt.items() if name not in _APART}
    return orjson.dumps((kind, rest, [*stmt.get("until", ())]))


def _texts(named: Any) -> list[str]:
    return [str(digest) for digest in named.values()] if isinstance(named, dict) else []


def _incomplete(kind: Kind, stmt: dict[str, Any]) -> Iterator[str]:
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
    if kind is Kind.OPERATOR and any(categories[c] and c not in decided for c in optional):
        yield "is an operator's yes, which only a visitor can say"
