"""How commands are told whom they concern: by entries, by a visitor's receipt, by the tag of an export."""

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from consentkit.proof.entry import LOOKUP_BYTES
from consentkit.proof.shards import Shards

ACCOUNT = "account:"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def people_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `indexes`, `receipts` and `visitors`."""
    tag = click.option(
        "--visitor",
        "visitors",
        multiple=True,
        metavar="TAG",
        help="The `tag` that a visitor's own export shows as part of the subject, or account:ID for one that"
        " signs in: all their records.",
    )
    receipt = click.option(
        "--receipt", "receipts", multiple=True, type=FILE, help="A visitor's receipt: all their records."
    )
    index = click.argument("indexes", nargs=-1, type=click.IntRange(min=0), metavar="[INDEX]...")
    return index(receipt(tag(command)))


def records_of(
    log: Shards, indexes: Iterable[int], receipts: Iterable[Path], visitors: Iterable[str]
) -> list[int]:
    """Return the entries themselves, and all those of the visitors that receipts and tags stand for.

    VerificationError for a receipt that isn't these logs', UsageError for what is no tag.
    """
    found = [*indexes]
    found += [index for path in receipts for index in _same_visitor(log, path)]
    return found + [entry.index for visitor in visitors for entry in log.find(_tag(log, visitor))]


def tag_of(log: Shards, index: int) -> bytes | None:
    """Return the tag by which all entries of an entry's visitor are found; None where it tells nobody."""
    entry = log.get(index)
    return entry.opening.lookup if entry and entry.opening and entry.intact else None


def _same_visitor(log: Shards, receipt: Path) -> list[int]:
    """The entries of the visitor whose receipt this is; its own only, once that doesn't say who it was."""
    index = log.proved(receipt.read_text("utf-8", "replace"))
    tag = tag_of(log, index)
    return [index, *(found.index for found in log.find(tag))] if tag else [index]


def _tag(log: Shards, text: str) -> bytes:
    if text.startswith(ACCOUNT):
        return log.lookup(log.account(text.removeprefix(ACCOUNT)))
    try:
        tag = bytes.fromhex(text)
    except ValueError:
        tag = b""
    if len(tag) != LOOKUP_BYTES:
        raise click.UsageError(f"a visitor's tag is {2 * LOOKUP_BYTES} hex digits, not {text[:80]!r}")
    return tag
