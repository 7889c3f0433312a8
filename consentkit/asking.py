"""Commands that answer an auditor's questions from the log: one visitor's history, everybody's rates."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from consentkit.kit import utc_now
from consentkit.people import people_options, records_of, tag_of
from consentkit.policy.decision import ON
from consentkit.policy.months import milliseconds
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.version import Policy
from consentkit.proof.entry import Kind, Stored
from consentkit.proof.shards import Shards
from consentkit.proof.statement import ANSWERS, NECESSARY, choices_of, end_of
from consentkit.proof.told import about, record, when
from consentkit.publication import Publications
from consentkit.shell import Note, say, with_logs, with_reading

FEWEST: Final = 5
"""Answers in a row of rates: of fewer nothing is told, because they may be one person's."""
GROUPS: Final = ("version", "day", "month", "locale", "regime", "mechanism", "control", "size")

Instant = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command()
@with_reading
@people_options
@click.option("--at", type=Instant, help="Also what was in force then (UTC): a day or an instant.")
def visitor(
    logs: Shards,
    note: Note,
    indexes: tuple[int, ...],
    receipts: tuple[Path, ...],
    visitors: tuple[str, ...],
    at: datetime | None,
    as_json: bool,
) -> None:
    """List everything the log holds on the visitor that an INDEX is about, oldest first.

    Refusals, withdrawals, ends and objections as well; each names the entry before. Reading it is an entry.
    """
    if not (indexes or receipts or visitors):
        raise click.UsageError("name whose records: an INDEX, --receipt, --visitor")
    found = (tag_of(logs, index) for index in records_of(logs, indexes, receipts, visitors))
    entries = [entry for tag in dict.fromkeys(found) if tag is not None for entry in logs.find(tag)]
    if entries:
        note("visitor", object=entries[0].index)
    held = None if at is None else _in_force(entries, milliseconds(at.replace(tzinfo=UTC)))
    text = [f"{each.index:>8}  {each.kind.label:<10}  {when(each)}  {about(each)}" for each in entries]
    text += [] if held is None else _state_lines(held)
    value = {"records": [record(each) for each in entries], "in_force": held}
    say(value, "\n".join(text) or "Nothing is held: no such visitor, or an erased one.", as_json=as_json)


def _in_force(entries: Iterable[Stored], t: int) -> dict[str, Any]:
    """What a visitor's answers said at an instant (UTC ms): by category, and the entry that said so last."""
    said = [each for each in entries if each.kind in ANSWERS and each.stmt and (each.t or 0) <= t]
    if not said or said[-1].stmt is None:
        return {"entry": None, "categories": {}}
    stmt = said[-1].stmt
    states = {
        category: {
            "granted": choice.granted,
            "decided": choice.decided.isoformat(),
            "valid_until": datetime.fromtimestamp(end / 1000, UTC).isoformat(),
            "counts": t < end,
        }
        for category, choice in choices_of(stmt).items()
        if (end := end_of(stmt, category)) is not None
    }
    return {"entry": said[-1].index, "policy": stmt["policy"], "categories": states}


def _state_lines(held: Mapping[str, Any]) -> Iterator[str]:
    if held["entry"] is None:
        yield "In force then: nothing; no answer had been given."
    else:
        yield f"In force then, by entry {held['entry']} under version {held['policy'][:16]}:"
    for category, state in held["categories"].items():
        said = "yes" if state["granted"] else "no"
        over = "" if state["counts"] else ", over by then"
        yield f"  {category:<12} {said:<4} since {state['decided']}, until {state['valid_until']}{over}"


@click.command()
@with_logs
@click.option("--by", type=click.Choice(GROUPS), default="version", show_default=True)
@click.option("--from", "start", type=Instant, help="The first day or instant (UTC).")
@click.option("--to", "stop", type=Instant, help="The first day or instant that is left out.")
def rates(logs: Shards, by: str, start: datetime | None, stop: datetime | None, as_json: bool) -> None:
    """Count how visitors have answered, by policy version, day, language, …; about nobody.

    Every answer counts, also a visitor's second. Rows of fewer than five answers keep theirs to themselves.
    All, some, none: what was on then, of each category that the version asks about; a press can be about one.
    """
    published = Publications(logs, utc_now)
    published.latest()
    first, last = (None if each is None else milliseconds(each.replace(tzinfo=UTC)) for each in (start, stop))
    groups: dict[str, Counter[str]] = {}
    for kind in (Kind.CHOICE, Kind.WITHDRAWAL):
        for entry in logs.entries(kind=kind):
            t = entry.t or 0
            if entry.intact and entry.stmt and (first or 0) <= t and (last is None or t < last):
                on = _on(entry.stmt, published.policies.get(entry.stmt["policy"]))
                groups.setdefault(_group(entry.stmt, by), Counter()).update(_counted(kind, entry.stmt, on))
    rows = [_rate(name, counts) for name, counts in sorted(groups.items())]
    say({"by": by, "rows": rows}, "\n".join(map(_rate_line, rows)) or "No answers.", as_json=as_json)


def _group(stmt: Mapping[str, Any], by: str) -> str:
    if by in ("day", "month"):
        return datetime.fromtimestamp(stmt["t"] / 1000, UTC).date().isoformat()[: 10 if by == "day" else 7]
    return str(stmt.get("policy" if by == "version" else by, ""))


def _on(stmt: Mapping[str, Any], policy: Policy | None) -> list[bool]:
    """Whether each category was on once that was said: one without an answer as the regime has it (L24)."""
    answers = {each: yes for each, yes in stmt["categories"].items() if each != NECESSARY}
    if policy is not None:
        regime = stmt.get("regime", UNKNOWN)
        answers = {each: policy.kind_of(regime, each) in ON for each in policy.categories} | answers
    return [*answers.values()]


def _counted(kind: Kind, stmt: Mapping[str, Any], on: Collection[bool]) -> Iterator[str]:
    """What one answer counts as; a category's name stands for a yes to it."""
    answers = {each: yes for each, yes in stmt["categories"].items() if each != NECESSARY}
    yield "answers"
    if kind is Kind.WITHDRAWAL:
        yield "withdrawals"
    yield "all" if all(on) else "some" if any(on) else "none"
    yield from (f"yes.{each}" for each, yes in answers.items() if yes)


def _rate(name: str, counts: Counter[str]) -> dict[str, Any]:
    answers = counts["answers"]
    if answers < FEWEST:
        return {"group": name, "answers": None}
    said = {each: counts[each] for each in ("all", "some", "none", "withdrawals")}
    yes = {each.removeprefix("yes."): count for each, count in sorted(counts.items()) if each[:4] == "yes."}
    return {"group": name, "answers": answers, **said, "yes": yes}


def _rate_line(row: Mapping[str, Any]) -> str:
    if row["answers"] is None:
        return f"{row['group'][:16]:<16}  fewer than {FEWEST} answers"
    of = row["answers"]
    said = ", ".join(f"{each} {row[each]}" for each in ("all", "some", "none", "withdrawals"))
    yes = ", ".join(f"{each} {100 * count // of} %" for each, count in row["yes"].items())
    return f"{row['group'][:16]:<16}  {of} answers: {said}; yes: {yes or 'none'}"
