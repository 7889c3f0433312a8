"""`consentkit audit close`: end the year's log, begin the next one."""

import click

from consentkit.kit import utc_now
from consentkit.policy.months import milliseconds
from consentkit.proof import handover
from consentkit.proof.log import ProofLog
from consentkit.shell import explained, json_option, log_options, say, where


@click.command()
@click.option(
    "--next", "following", required=True, metavar="ORIGIN", help="Such as consent.example.com/2027."
)
@click.option("--yes", is_flag=True, help="Do it; without this only the next log's keys are made.")
@log_options
@json_option
def close(following: str, yes: bool, store: str, keys: str, as_json: bool) -> None:
    """Close the log for good, and begin the next one, named ORIGIN, where it ends.

    Beside the closed log's store and keys folder the next one gets its own. A running site goes on there by
    itself; nobody is asked again. Export the closed log and hand its last checkpoint out: it is final.
    """
    with explained():
        place, origin = where(store, keys)
        with ProofLog.open(place.store, place.keys, origin=origin) as log:
            shard = handover.Shard.of(log, place)
            folder = place.of_next(origin, following).keys
            vkey = handover.prepared(shard, following).vkeys[0]
            if yes:
                handover.close(shard, following, milliseconds(utc_now())).log.close()
    done = f"{origin} is closed; {following} goes on."
    left = f"Back {folder} up, and copy it to every machine that shares the log. Then, to close: add --yes"
    text = f"Next key: {vkey}\n{done if yes else left}"
    say(
        {"closed": yes, "origin": origin, "next": following, "vkey": vkey, "keys": str(folder)},
        text,
        as_json=as_json,
    )
