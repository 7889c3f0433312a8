"""Commands about what was published: the versions, who published which, what changed, what one declares."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from consentkit.asking import Instant
from consentkit.kit import utc_now
from consentkit.policy.difference import changes
from consentkit.policy.notice import compose
from consentkit.policy.version import Policy
from consentkit.proof.entry import Kind
from consentkit.proof.shards import Shards
from consentkit.publication import Publications
from consentkit.shell import say, with_logs


@click.command()
@with_logs
@click.option("--at", type=Instant, help="Only the version that was in force then (UTC).")
def versions(logs: Shards, at: datetime | None, as_json: bool) -> None:
    """List the published policy versions, oldest first: since when, by whom, and what each changed."""
    published = _published(logs)
    rows: list[dict[str, Any]] = []
    before = None
    for index, instant, version, actor in _publications(logs, published):
        policy = published.policies[version]
        row = {"entry": index, "since": instant.isoformat(), "version": version, "actor": actor}
        rows.append(row | {"changes": _changes(before, policy) if before is not None else []})
        before = policy
    if at is not None:
        rows = [row for row in rows if row["since"] <= at.replace(tzinfo=UTC).isoformat()][-1:]
    text = "\n".join(line for row in rows for line in _version_lines(row))
    say({"versions": rows}, text or "Nothing was published.", as_json=as_json)


@click.command()
@with_logs
@click.option("--at", type=Instant, help="As it was in force then (UTC); without it, now.")
def inventory(logs: Shards, at: datetime | None, as_json: bool) -> None:
    """List what the policy in force declares: each service, its vendor and country, purposes and trackers.

    With the day on which a version first named it, in English where the site has it, as these commands are,
    else in its own language, as visitors are told.
    """
    published = _published(logs)
    instant = utc_now() if at is None else at.replace(tzinfo=UTC)
    dated = [(since, version) for since, version in reversed(published.dated()) if since <= instant]
    if not dated:
        raise click.ClickException(f"no policy was in force at {instant.isoformat()}")
    policy = published.policies[dated[-1][1]]
    first = {"consentkit": dated[0][0].isoformat()}  # what it keeps itself is in every notice
    for since, version in dated:
        for service in published.policies[version].services:
            first.setdefault(service, since.isoformat())
    notice = compose(policy, _read_in(policy), "")
    rows = [
        {"category": category["id"], **service, "since": first[service["id"]]}
        for category in notice["categories"]
        for service in category["services"]
    ]
    said = {"version": policy.version, "controller": policy.site.controller, "contact": policy.site.contact}
    text = [f"Version {policy.version[:16]}, {said['controller']}, {said['contact']}"]
    text += [line for row in rows for line in _service_lines(row)]
    say({**said, "services": rows}, "\n".join(text), as_json=as_json)


def _published(logs: Shards) -> Publications:
    published = Publications(logs, utc_now)
    published.latest()
    return published


def _publications(logs: Shards, published: Publications) -> Iterator[tuple[int, datetime, str, str | None]]:
    """Yield the entry, the instant, the version and the actor of each that took another one's place."""
    last = None
    for entry in logs.entries(kind=Kind.POLICY):
        stmt = entry.stmt or {}
        version = stmt.get("version")
        if entry.intact and version in published.policies and version != last:
            last = version
            actor = (entry.subj or {}).get("actor")
            yield entry.index, datetime.fromtimestamp((entry.t or 0) / 1000, UTC), str(version), actor


def _changes(old: Policy, new: Policy) -> list[dict[str, Any]]:
    found = changes(old, new, _read_in(new))
    return [{"added": each.added, "about": list(each.about), "said": each.said} for each in found]


def _read_in(policy: Policy) -> str:
    """The language of what a command tells: its own, if visitors are told in that too."""
    return "en" if "en" in policy.site.languages else policy.site.default_language


def _version_lines(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{row['entry']:>8}  {row['since'][:19]}Z  {row['version'][:16]}  {row['actor'] or 'erased'}"
    for change in row["changes"]:
        for said in change["said"]:
            told = ", ".join([*change["about"], *said])
            yield f"          {'+' if change['added'] else '-'} {told}"


def _service_lines(row: Mapping[str, Any]) -> Iterator[str]:
    where = f", {row['country']}" if row["country"] else ""
    yield f"{row['category']:<12} {row['name']} ({row['vendor']}{where}), since {row['since'][:10]}"
    yield f"             {', '.join(row['purposes'])}"
    for tracker in row["trackers"]:
        yield f"               {tracker['name']}: {tracker['lifetime']}"
