"""Commands for the keys that sign the log: add a successor, retire the old one, list who signs."""

import click

from consentkit.kit import utc_now
from consentkit.policy.months import milliseconds
from consentkit.proof import rotation
from consentkit.shell import explained, json_option, log_options, opened, say


@click.group()
def key() -> None:
    """Change the key that signs the log, once a year or when you must."""


@key.command("list")
@log_options
@json_option
def list_(store: str, keys: str, as_json: bool) -> None:
    """List every key the log ever had, the first one first, and whether it signs now."""
    with explained(), opened(store, keys) as log:
        signing = {verifier.vkey for verifier in rotation.in_force(log)}
        rows = [{"vkey": vkey, "signs": vkey in signing} for vkey in log.keys.vkeys]
    text = "\n".join(f"{'signs  ' if row['signs'] else 'retired'}  {row['vkey']}" for row in rows)
    say({"keys": rows}, text, as_json=as_json)


@key.command()
@log_options
@json_option
def rotate(store: str, keys: str, as_json: bool) -> None:
    """Make a new key; from now on it signs beside the old one, which names it in the log.

    Back the keys folder up, hand the new verifier key out, and retire the old one when everybody has it.
    """
    with explained(), opened(store, keys, read_only=False) as log:
        new = rotation.rotate(log, milliseconds(utc_now()))
        folder = log.keys.path
    text = f"New key: {new.vkey}\nBack up {folder} now. Later: consentkit key retire"
    say({"vkey": new.vkey}, text, as_json=as_json)


@key.command()
@log_options
@json_option
def retire(store: str, keys: str, as_json: bool) -> None:
    """Let the older of two keys sign no more. What it signed stays good for ever."""
    with explained(), opened(store, keys, read_only=False) as log:
        old, away = rotation.retire(log, milliseconds(utc_now()))
    told = f"Its private half is now {away}: destroy it, in your backups as well." if away else ""
    text = f"Retired: {old.vkey}\n{told}".strip()
    say({"vkey": old.vkey, "file": str(away) if away else None}, text, as_json=as_json)
