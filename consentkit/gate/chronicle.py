"""A visitor's own entries in words: what was said or became true, when, and how it was said (A16, Q28)."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from consentkit.gate.sheet import moment, until
from consentkit.policy.version import CATEGORIES
from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import ANSWERS, GRANTED, REFUSED

CONTROLS = {"accept-all": "accept", "reject-all": "reject", "save": "save"}
"""What was pressed, and the text on it."""

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
    told = [_told(record, record.stmt, texts) for record in records if record.stmt is not None]
    return [each for each in reversed(told) if each.facts]


def _told(record: Stored, stmt: Mapping[str, Any], texts: Mapping[str, Any]) -> Told:
    facts = dict(_facts(record.kind, stmt, texts))
    names = {each: str(texts["categories"][each]["name"]) for each in CATEGORIES}
    control = CONTROLS.get(stmt.get("control", ""), "")
    return Told(
        moment(_instant(record.t or 0), texts["dates"], clock=True),
        texts["buttons"][control] if control else "",
        (record.subj or {}).get("reason", ""),
        [(names[each], facts[each]) for each in CATEGORIES if each in facts],
    )


def _facts(
    kind: Kind, stmt: Mapping[str, Any], texts: Mapping[str, Any]
) -> Iterator[tuple[str, list[Markup]]]:
    """Yield by category what an entry says: an answer about each, an end that came, what a signal denies."""
    words = texts["page"]
    if kind in ANSWERS:
        ends = stmt.get("until", {})
        for category, granted in stmt["categories"].items():
            end = ends.get(category, ends.get(GRANTED if granted else REFUSED))
            said = escape(words[GRANTED if granted else REFUSED])
            if category != "necessary":
                yield category, [said] if end is None else [said, until(_instant(end), texts)]
    elif kind is Kind.EXPIRY:
        for category, end in stmt["expired"].items():
            yield category, [until(_instant(end), texts), escape(words["unknown"])]
    elif kind is Kind.SIGNAL:
        for category in stmt["denied"]:
            yield category, [escape(words["signal"])]


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
