"""A visitor's own entries in words: what was said or became true, when, and how it was said (A16, Q28)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from consentkit.gate.sheet import moment, until
from consentkit.policy.version import CATEGORIES
from consentkit.policy.words import filled, listed
from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import (
    ANSWERS,
    GRANTED,
    NECESSARY,
    REFUSED,
    SIGNAL,
    end_of,
    newest_answer,
)

CONTROLS = {
    "accept-all": ("buttons", "accept"),
    "reject-all": ("buttons", "reject"),
    "save": ("buttons", "save"),
    "opt-out": ("links", "opt_out"),
    "always": ("embed", "always"),
}
"""What was pressed, and where the text on it stands."""

Fact = tuple[str, list[Markup]]
"""A category's name, and what is so about it since."""


class Told(NamedTuple):
    """One entry: when, the text of the button that was pressed or why an operator did it, and its facts."""

    when: Markup
    button: str
    reason: str
    facts: list[Fact]


def chronicle(records: Iterable[Stored], texts: Mapping[str, Any]) -> list[Told]:
    """Return a visitor's entries, given oldest first, newest first in a language's words; no erased ones."""
    told, granted = [], dict[str, int]()
    for record in records:
        if record.stmt is not None:
            told.append(_told(record, record.stmt, granted, texts))
            if record.kind in ANSWERS:
                granted = _granted(record.stmt)
    return [each for each in reversed(told) if each.facts]


def ended(records: Iterable[Stored], category: str) -> datetime | None:
    """Return until when (UTC) a visitor's last answer about a category counts; None where none is told."""
    last = newest_answer(records)
    end = end_of(last.stmt, category) if last is not None and last.stmt is not None else None
    return None if end is None else _instant(end)


def _granted(stmt: Mapping[str, Any]) -> dict[str, int]:
    """What an answer says yes to, with the end of each (UTC ms)."""
    return {each: end_of(stmt, each) or 0 for each, yes in stmt["categories"].items() if yes}


def _told(
    record: Stored, stmt: Mapping[str, Any], granted: Mapping[str, int], texts: Mapping[str, Any]
) -> Told:
    facts = dict(_facts(record, stmt, granted, texts))
    names = {each: str(texts["categories"][each]["name"]) for each in CATEGORIES}
    # What stands in the place of something blocked says yes to what that waits for, and names it.
    given = [names[each] for each in CATEGORIES if _is_given(record, stmt, each)]
    table, name = CONTROLS.get(stmt.get("control", ""), ("buttons", ""))
    return Told(
        moment(_instant(record.t or 0), texts["dates"], clock=True),
        filled(texts[table].get(name, ""), {"category": listed(given, texts["locale"])}),
        (record.subj or {}).get("reason", ""),
        [(names[each], facts[each]) for each in CATEGORIES if each in facts],
    )


def _is_given(record: Stored, stmt: Mapping[str, Any], category: str) -> bool:
    """Whether an entry says yes to a category that has its answer from no entry before."""
    yes = record.kind in ANSWERS and category != NECESSARY and stmt["categories"].get(category)
    return bool(yes) and category not in stmt.get("decided", {})


def _facts(
    record: Stored, stmt: Mapping[str, Any], granted: Mapping[str, int], texts: Mapping[str, Any]
) -> Iterator[tuple[str, list[Markup]]]:
    """Yield by category what an entry says: an answer about each, an end that came, what a signal denies.

    A no to what had a yes that still counted, one of `granted` with its end, is told as withdrawn.
    """
    words = texts["page"]
    if record.kind in ANSWERS:
        for category, yes in stmt["categories"].items():
            if stmt.get("basis", {}).get(category) == SIGNAL:
                yield category, [escape(words["signal"])]
                continue
            withdrawn = not yes and granted.get(category, 0) > (record.t or 0)
            said = [words["withdrawn"]] * withdrawn + [words[GRANTED if yes else REFUSED]]
            end = end_of(stmt, category)
            if category != NECESSARY:
                counted = [] if end is None else [until(_instant(end), texts)]
                yield category, [*map(escape, said), *counted]
    elif record.kind is Kind.EXPIRY:
        for category, end in stmt["expired"].items():
            yield category, [escape(words["expired"]), until(_instant(end), texts)]
    elif record.kind is Kind.SIGNAL:
        for category in stmt["denied"]:
            yield category, [escape(words["signal"])]


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
