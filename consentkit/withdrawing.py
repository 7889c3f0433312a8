"""The command by which an operator records a withdrawal that came by letter, mail or telephone (A12)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from consentkit.errors import ConfigurationError
from consentkit.kit import utc_now
from consentkit.people import people_options, records_of, tag_of
from consentkit.policy.document import OPTIONAL_CATEGORIES
from consentkit.proof.entry import Record
from consentkit.proof.shards import Shards
from consentkit.publication import Publications
from consentkit.recalls import recall
from consentkit.shell import actor_option, explained, json_option, log_options, opened_site, say


@click.command()
@people_options
@click.option(
    "--category",
    "categories",
    multiple=True,
    type=click.Choice(OPTIONAL_CATEGORIES),
    help="What is withdrawn; without it, everything.",
)
@click.option("--reason", required=True, help="Why it is recorded here, such as: letter of 3 May.")
@actor_option
@log_options
@json_option
def withdraw(
    indexes: tuple[int, ...],
    receipts: tuple[Path, ...],
    visitors: tuple[str, ...],
    categories: tuple[str, ...],
    reason: str,
    actor: str,
    store: str,
    keys: str,
    as_json: bool,
) -> None:
    """Withdraw, for the visitor that an INDEX is about, what they have said yes to.

    The site heeds it within ten seconds, without a restart. The visitor's browser is told with its next
    question: in each new tab, and with any page that no cache keeps. Who asks to be forgotten as well is
    erased afterwards, and the withdrawal goes on; the other way round nobody can be found. In which of the
    site's logs they have answered makes no difference: the withdrawal stands in the one that goes on.
    """
    if not (indexes or receipts or visitors):
        raise click.UsageError("name whose consent is withdrawn: an INDEX, --receipt, --visitor")
    if not reason.strip():
        raise click.UsageError("--reason is empty: it is what an auditor will read")
    by = {"actor": actor, "reason": reason.strip()}
    with explained():
        with opened_site(store, keys) as named:
            found = (tag_of(named, index) for index in records_of(named, indexes, receipts, visitors))
            tags = dict.fromkeys(tag for tag in found if tag is not None)
        with opened_site(store, keys, read_only=False, whole=True) as log:
            records = _records(log, tags, categories or OPTIONAL_CATEGORIES, by)
            appended = log.append(records).result() if records else []
            first = log.newest.first
    rows: list[dict[str, Any]] = [
        {"index": first + each.index, "categories": record.stmt["categories"]}
        for each, record in zip(appended, records, strict=True)
    ]
    told = [f"Withdrawn: entry {row['index']}." for row in rows]
    text = "\n".join(told) or "There is nothing to withdraw: no visitor found here has a yes left."
    say({"withdrawn": rows}, text, as_json=as_json)


def _records(
    log: Shards, tags: Iterable[bytes], categories: tuple[str, ...], by: dict[str, str]
) -> list[Record]:
    published = Publications(log, utc_now)
    policy = published.latest()
    if policy is None:
        raise ConfigurationError("the log holds no policy: nobody can have said yes to it")
    found = (recall(log.find(tag), published.policies, policy, categories, by, utc_now()) for tag in tags)
    return [record for record in found if record is not None]
