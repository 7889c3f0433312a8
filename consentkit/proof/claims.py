"""What an entry must say to be believed, beyond its hashes: the checks a verifier runs in log order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import orjson

from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import ANSWERS, GRANTED, NECESSARY, OTHERS, REFUSED

Check = Callable[[Stored], Iterable[str]]
TOLD = ("mechanism", "regime", "locale")
_APART = frozenset({"t", "clock", "client", "previous", "until"})
_MOST_HELD = 4096
LONGEST = 24 * 31 * 86_400_000
"""The months that an answer may count at most, in ms: no law that is known has more than Spain's 24 (L24)."""


def claims() -> Sequence[Check]:
    """Return fresh checks for one verification; feed them the entries in order.

    They hold that a policy is published after its texts; that every answer names policy versions, and a
    notice, that the log published before it, how it came about and under which law, the visitor's entry
    before, says yes or no about `necessary` and each optional category, on what basis, and until when; that
    an operator says yes to nothing; and that what is attached to a version is logged, as the version is.
    """
    return (_Claims().check,)


class _Claims:
    """Remembers what has been published so far, and how answers looked that held.

    Another of the same look holds too: publishing only adds. Most of a log's answers are of few looks.
    """

    def __init__(self) -> None:
        self._versions: set[str] = set()
        self._notices: set[str] = set()
        self._documents: set[str] = set()
        self._held: set[bytes] = set()
        self._first = 0  # how many entries the logs before had

    def check(self, entry: Stored) -> Iterable[str]:
        stmt = entry.stmt
        if stmt is None:
            return ()
        if entry.kind in ANSWERS:
            look = _look(entry.kind, stmt)
            held = () if look in self._held else self._answer(entry.kind, stmt, look)
            return chain(held, _ends(stmt), _before(stmt, self._first + entry.index))
        if entry.kind is Kind.POLICY:
            return self._policy(stmt)
        if entry.kind is Kind.DOCUMENT:
            self._documents.add(str(stmt.get("sha256")))
        elif entry.kind is Kind.ATTACHMENT:
            return self._attached(stmt)
        elif entry.kind is Kind.SUCCESSION and type(stmt.get("first")) is int:
            self._first = stmt["first"]
        return ()

    def _policy(self, stmt: dict[str, Any]) -> Iterator[str]:
        version, notices = str(stmt.get("version")), _texts(stmt.get("manifest", {}).get("notices"))
        self._versions.add(version)
        self._notices.update(notices)
        for digest in (version, *notices) if "manifest" in stmt else ():
            if digest not in self._documents:
                yield f"publishes the text {digest}, which is not logged before it"

    def _attached(self, stmt: dict[str, Any]) -> Iterator[str]:
        if stmt.get("policy") not in self._versions:
            yield f"attaches to policy version {stmt.get('policy')}, which was not published before it"
        if stmt.get("sha256") not in self._documents:
            yield f"attaches the file {stmt.get('sha256')}, which is not logged before it"

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
    if OTHERS not in stmt.get("basis", ()) and set(stmt.get("basis", ())) != set(categories):
        yield "does not say on what basis each category is answered"
    for field in TOLD:
        # Nobody is shown a notice, in any language, when an operator answers.
        if not (kind is Kind.OPERATOR and field == "locale") and not isinstance(stmt.get(field), str):
            yield f"does not say its {field}"
    if any(instant > stmt["t"] for instant in decided.values()):
        yield "was decided after it was logged"
    if kind is Kind.OPERATOR and any(categories[c] and c not in decided for c in optional):
        yield "is an operator's yes, which only a visitor can say"


def _ends(stmt: dict[str, Any]) -> Iterator[str]:
    """An answer counts from its own instant on, and for no longer than any law lets it."""
    until, decided = stmt.get("until", {}), stmt.get("decided", {})
    here = stmt.get("clock", stmt["t"])
    for category, granted in stmt.get("categories", {}).items():
        end = until.get(category, until.get(GRANTED if granted else REFUSED))
        if category != NECESSARY and end is not None:
            begun = decided.get(category, here)
            if not begun < end <= begun + LONGEST:
                yield f"ends its answer about {category} before it began, or later than any law lets it"


def _before(stmt: dict[str, Any], number: int) -> Iterator[str]:
    previous = stmt.get("previous")
    if previous is not None and not (type(previous) is int and 0 <= previous < number):
        yield f"names as the visitor's entry before it {previous}, which is not before it"
