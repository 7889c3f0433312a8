"""What every command shares: exit codes, how a refusal is told, where the log is."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from getpass import getuser
from pathlib import Path
from typing import Any

import click
import orjson

from consentkit.access import reading
from consentkit.errors import ConfigurationError, ConsentKitError, StoreUnavailable, VerificationError
from consentkit.kit import utc_now
from consentkit.middleware import KEYS, STORE
from consentkit.proof.handover import Place, Shard, began_at, located
from consentkit.proof.keys import recorded_origin
from consentkit.proof.log import ProofLog
from consentkit.proof.shards import Shards

FINDING, USAGE = 1, 2
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
store_option = click.option("--store", envvar="CONSENTKIT_STORE", default=STORE, show_default=True)
keys_option = click.option("--keys", envvar="CONSENTKIT_KEYS", default=KEYS, show_default=True)
witnesses_option = click.option(
    "--witnesses",
    envvar="CONSENTKIT_WITNESSES",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that names the log's witnesses, and how many it takes (C2SP tlog-policy).",
)

actor_option = click.option(
    "--actor", default=getuser, metavar="NAME", help="Who does this, for the log; else this machine's user."
)

Note = Callable[..., None]
"""Writes to the log what is read, before it is shown."""


@contextmanager
def explained() -> Iterator[None]:
    """Turn what consentkit refuses into its message and exit code: 1 for a damaged log, else 2."""
    try:
        yield
    except ConsentKitError as error:
        why = f": {error.__cause__}" if isinstance(error, StoreUnavailable) and error.__cause__ else ""
        refused = Damaged if isinstance(error, VerificationError) else click.ClickException
        raise refused(f"{error}{why}") from error


click.ClickException.exit_code = USAGE


class Damaged(click.ClickException):
    """The log itself is what keeps a command from answering."""

    exit_code = FINDING


def say(value: Any, text: str, *, as_json: bool) -> None:
    """Print a result: `value` as one JSON line, or `text` for people."""
    click.echo(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() if as_json else text)


def _wanted(context: click.Context, _: click.Parameter, origin: str | None) -> None:
    context.meta[_SHARD] = origin


_SHARD = "consentkit.shard"
shard_option = click.option(
    "--shard",
    metavar="ORIGIN",
    expose_value=False,
    callback=_wanted,
    help="One of a site's logs, by its name; an INDEX then counts within it, else from the first log on.",
)


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the log is."""
    return store_option(keys_option(shard_option(command)))


def where(store: str, keys: str) -> tuple[Place, str]:
    """Return where the log is that the running command is about, and its name. ConfigurationError."""
    wanted = _named()
    for place, origin in _located(store, keys):
        if origin == wanted:
            return place, origin
    if wanted is not None:
        raise ConfigurationError(f"there is no log {wanted} here; the newest is {origin}")
    return place, origin


def _named() -> str | None:
    context = click.get_current_context(silent=True)
    return context.meta.get(_SHARD) if context else None


def _located(store: str, keys: str) -> Iterator[tuple[Place, str]]:
    origin = recorded_origin(Path(keys))
    if origin is None:
        raise ConfigurationError(f"there are no log keys in {keys}; name their folder with --keys")
    return located(Place(store, Path(keys)), origin)


@contextmanager
def opened(
    store: str, keys: str, *, read_only: bool = True, accept_log: int | None = None
) -> Iterator[ProofLog]:
    """Yield the log; for reading only it may be damaged, so that it can be audited all the same.

    `accept_log` is the size at which to accept a log whose guard is lost.
    """
    place, origin = where(store, keys)
    with ProofLog.open(
        place.store, place.keys, origin=origin, read_only=read_only, accept_log=accept_log
    ) as log:
        yield log


@contextmanager
def opened_site(store: str, keys: str, *, read_only: bool = True, whole: bool = False) -> Iterator[Shards]:
    """Yield all of the site's logs, numbered through.

    Or the one that --shard names alone, by its own numbers, unless `whole` is wanted.
    """
    alone = not whole and _named() is not None
    with ExitStack() as stack:
        shards = []
        for place, origin in [where(store, keys)] if alone else [*_located(store, keys)]:
            log = ProofLog.open(place.store, place.keys, origin=origin, read_only=read_only)
            stack.enter_context(log)
            shards.append(Shard(log, place, 0 if alone else _first(log, lenient=read_only)))
        yield Shards(*shards, goes_on=False)


def _first(log: ProofLog, *, lenient: bool) -> int:
    try:
        return began_at(log)
    except (StoreUnavailable, VerificationError):
        if lenient:
            return 0  # a damaged log is there to be looked at
        raise


def with_logs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the site's logs as `opened_site` does, for reading, as its first argument."""

    @log_options
    @json_option
    @wraps(command)
    def run(*args: Any, store: str, keys: str, **options: Any) -> None:
        with explained(), opened_site(store, keys) as logs:
            command(logs, *args, **options)

    return run


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the logs as `with_logs` does, and what notes in the newest who reads about people (Q38).

    `note(action, object=index)`, or a range's `from` and `to`, comes before anything is shown. A log that
    can't be written can be read all the same: whoever has its files could anyway.
    """

    @log_options
    @actor_option
    @json_option
    @wraps(command)
    def run(*args: Any, store: str, keys: str, actor: str, **options: Any) -> None:
        def note(action: str, **what: int) -> None:
            # An entry names others by the site's numbers, whatever the command's are.
            before = began_at(logs.newest.log) - logs.newest.first
            said = {"action": action, **{name: before + number for name, number in what.items()}}
            try:
                with opened_site(store, keys, read_only=False, whole=True) as writable:
                    writable.append([reading(actor, said, utc_now())]).result()
            except ConsentKitError as error:
                click.echo(f"Warning: the log can't say that you read this: {error}", err=True)

        with explained(), opened_site(store, keys) as logs:
            command(logs, note, *args, **options)

    return run
