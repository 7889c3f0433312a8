"""Commands that erase: what a visitor asks to be forgotten, and what the policy's rule says has aged."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from consentkit.errors import ConfigurationError
from consentkit.kit import utc_now
from consentkit.people import people_options, records_of
from consentkit.policy.months import add_months, milliseconds
from consentkit.proof.erasure import Plan, Wish, aged, requested, undone
from consentkit.proof.handover import Shard
from consentkit.proof.shards import Shards
from consentkit.publication import Publications
from consentkit.shell import explained, json_option, log_options, opened_site, say

MOST_LISTED = 20


@click.command()
@people_options
@click.option("--again", is_flag=True, help="What was erased once and is back, such as from old rows.")
@click.option("--yes", is_flag=True, help="Do it; without this you are told what would go.")
@log_options
@json_option
def erase(
    indexes: tuple[int, ...],
    receipts: tuple[Path, ...],
    visitors: tuple[str, ...],
    again: bool,
    yes: bool,
    store: str,
    keys: str,
    as_json: bool,
) -> None:
    """Erase on request who the records at INDEX are about, or all that are one visitor's.

    What was answered stays, about nobody, and the log says in a public entry what went. Run it again if it
    was cut off. Backups keep what they hold until they expire. All of a site's logs are looked through.
    """
    if bool(indexes or receipts or visitors) == again:
        raise click.UsageError("name what to erase: an INDEX, --receipt, --visitor; or --again alone")
    with explained(), opened_site(store, keys, read_only=not yes) as logs:
        wanted = records_of(logs, indexes, receipts, visitors)
        wishes = dict.fromkeys(logs, undone) if again else _requested(logs, wanted)
        _erase(wishes, yes=yes, as_json=as_json)
    if not yes:
        raise click.UsageError("nothing was erased; to do it, add --yes")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@log_options
@json_option
def retain(dry_run: bool, store: str, keys: str, as_json: bool) -> None:
    """Erase the records about visitors that the published policy's retention rule doesn't keep any longer.

    Meant to be run every day. Without [retention] in the policy there is no rule, and nothing is erased.
    """
    with explained(), opened_site(store, keys, read_only=dry_run) as logs:
        policy = Publications(logs, utc_now).latest()
        rule = policy.retention if policy else None
        if policy is None or rule is None:
            raise ConfigurationError("the published policy has no [retention]: set months and reason first")
        # Counted back from a month's last days this may spare a record for a few days; it takes none early.
        before = milliseconds(add_months(utc_now(), -rule.months))
        why = {"months": rule.months, "policy": policy.version}
        wish = aged(before, why, milliseconds(utc_now()))
        _erase(dict.fromkeys(logs, wish), yes=not dry_run, as_json=as_json)


def _requested(logs: Shards, numbers: Iterable[int]) -> dict[Shard, Wish]:
    by_shard = groupby(sorted(set(numbers)), logs.shard_of)
    return {
        shard: requested([number - shard.first for number in group], first=shard.first)
        for shard, group in by_shard
    }


def _erase(wishes: Mapping[Shard, Wish], *, yes: bool, as_json: bool) -> None:
    now = milliseconds(utc_now())
    try:
        # None of the logs loses anything where another one refuses.
        for pretend in (True, False) if yes else (True,):
            plans = {shard: shard.log.erase(wish, now, pretend=pretend) for shard, wish in wishes.items()}
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    plan = Plan(
        tuple(shard.first + index for shard, plan in plans.items() for index in plan.indexes),
        tuple(stone for plan in plans.values() for stone in plan.tombstones),
    )
    say(_told(plan, yes=yes), "\n".join(_lines(plan, yes=yes)), as_json=as_json)


def _told(plan: Plan, *, yes: bool) -> dict[str, Any]:
    return {"erased": yes, "indexes": plan.indexes, "tombstones": plan.tombstones}


def _lines(plan: Plan, *, yes: bool) -> Iterable[str]:
    if not plan.indexes:
        yield "Nothing is left to erase." + (" The files were cleared again." if yes else "")
        return
    count = f"{len(plan.indexes)} record" + ("s" if len(plan.indexes) > 1 else "")
    listed = ", ".join(map(str, plan.indexes[:MOST_LISTED])) + (", …" if plan.indexes[MOST_LISTED:] else "")
    both = any(stone["segment"] == "both" for stone in plan.tombstones)
    what = "who they were about, and what was said" if both else "who they were about"
    yield f"{'Erased' if yes else 'Would be erased'}: {what}, of {count}: {listed}."
    if yes:
        yield "Backups and copies of the database keep it until they expire."
