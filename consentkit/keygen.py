"""`consentkit keygen`: what has to be there, and secret, before a site runs."""

import secrets
from pathlib import Path

import click

from consentkit.kit import log_origin, read_policy
from consentkit.proof.keys import Keys
from consentkit.shell import explained, keys_option


@click.command()
@click.option(
    "--log", "policy", type=click.Path(path_type=Path), help="Make a log's keys: its site's policy."
)
@keys_option
def keygen(policy: Path | None, keys: str) -> None:
    """Print a new key for CONSENTKIT_SECRET_KEY; with --log make the keys of a log that machines share."""
    if policy is None:
        click.echo(secrets.token_urlsafe(32))
        return
    with explained():
        made = Keys.open(Path(keys), log_origin(read_policy(policy).site.name), create=True)
    click.echo(f"The log's keys are in {keys}: copy that folder to every machine.\nVerifier key: {made.vkey}")
