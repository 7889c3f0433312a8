"""What every command shares: exit codes, how a refusal is told, where the log is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from consentkit.proof.handover import Place, located
from consentkit.proof.keys import recorded_origin
from consentkit.proof.log import ProofLog

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
    help="Of a site's logs one that was closed, by its name; else it is the one that goes on.",
)


def log_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the log is."""
    return store_option(keys_option(shard_option(command)))


def where(store: str, keys: str) -> tuple[Place, str]:
    """Return where the log is that the running command is about, and its name. ConfigurationError."""
    origin = recorded_origin(Path(keys))
    if origin is None:
        raise ConfigurationError(f"there are no log keys in {keys}; name their folder with --keys")
    context = click.get_current_context(silent=True)
    return located(Place(store, Path(keys)), origin, context.meta.get(_SHARD) if context else None)


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


def with_log(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the log, opened for reading, as its first argument."""

    @log_options
    @json_option
    @wraps(command)
    def run(*args: Any, store: str, keys: str, **options: Any) -> None:
        with explained(), opened(store, keys) as log:
            command(log, *args, **options)

    return run


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the log as `with_log` does, and then what notes there who reads about people (Q38).

    `note(action, object=index)`, or a range's `from` and `to`, comes before anything is shown. A log that
    can't be written can be read all the same: whoever has its files could anyway.
    """

    @log_options
    @actor_option
    @json_option
    @wraps(command)
    def run(*args: Any, store: str, keys: str, actor: str, **options: Any) -> None:
        def note(action: str, **what: int) -> None:
            try:
                with opened(store, keys, read_only=False) as writable:
                    writable.append([reading(actor, {"action": action, **what}, utc_now())]).result()
            except ConsentKitError as error:
                click.echo(f"Warning: the log can't say that you read this: {error}", err=True)

        with explained(), opened(store, keys) as log:
            command(log, note, *args, **options)

    return run
