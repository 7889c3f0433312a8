"""Commands for the keys that sign the log: add a successor, retire the old one, list who signs."""

from pathlib import Path

import click

from consentkit.kit import utc_now
from consentkit.policy.months import milliseconds
from consentkit.proof import rotation
from consentkit.proof.address import read_address
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
@click.option("--copied", is_flag=True, help="Every machine that shares the log has the new key by now.")
@log_options
@json_option
def rotate(copied: bool, store: str, keys: str, as_json: bool) -> None:
    """Make a new key; from now on it signs beside the old one, which names it in the log.

    Back the keys folder up, hand the new verifier key out, and retire the old one when everybody has it.
    Where machines share the log it is made first, and signs once you say --copied: who lacks it can't append.
    """
    with explained(), opened(store, keys, read_only=False) as log:
        folder, signs = log.keys.path, copied or isinstance(read_address(store), Path)
        new = rotation.rotate(log, milliseconds(utc_now())) if signs else rotation.prepare(log)
    done = f"Back up {folder} now. Later: consentkit key retire"
    left = f"Copy the new signing-*.pem in {folder} to every machine's. Then: consentkit key rotate --copied"
    text = f"New key: {new.vkey}\n{done if signs else left}"
    say({"vkey": new.vkey, "signs": signs}, text, as_json=as_json)


@key.command()
@log_options
@json_option
def retire(store: str, keys: str, as_json: bool) -> None:
    """Let the older of two keys sign no more. What it signed stays good for ever.

    Where machines share the log, do it on each: the first time ends it, the others put their copy away.
    """
    with explained(), opened(store, keys, read_only=False) as log:
        old, away = rotation.retire(log, milliseconds(utc_now()))
    told = f"Its private half is now {away}: destroy it, in your backups as well." if away else ""
    text = f"Retired: {old.vkey}\n{told}".strip()
    say({"vkey": old.vkey, "file": str(away) if away else None}, text, as_json=as_json)
