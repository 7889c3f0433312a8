"""Commands of proof: write the auditor's bundle on the operator's machine, verify it on the auditor's."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from consentkit.errors import VerificationError
from consentkit.policy.months import milliseconds
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.claims import claims
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Verifier
from consentkit.proof.verify import Progress, Report, untold
from consentkit.shell import FINDING, Note, explained, json_option, log_options, opened, say, with_reading

TEXTS = click.File("rb")


@click.command()
@with_reading
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--bundle", is_flag=True, expose_value=False, help="The one format there is.")
@click.option("--from", "start", default="0", metavar="WHEN", help="The first entry, or its day.")
@click.option("--to", "stop", metavar="WHEN", help="The first entry, or day, that is left out.")
def export(log: ProofLog, note: Note, folder: Path, start: str, stop: str | None, as_json: bool) -> None:
    """Write the auditor's bundle, of the whole log or a range, to FOLDER; it verifies without this machine.

    WHEN is an index or an instant such as 2026-08-31 or 2026-08-31T12:00:00+00:00.
    """
    first, end = _place(log, start), None if stop is None else _place(log, stop)
    # With what says so, where nothing ends the range before it.
    note("export", **{"from": first, "to": log.size if end is None else end})
    shown = log.export(folder, first, end)
    text = (
        f"Wrote {len(shown)} of {log.size} entries to {folder}.\n"
        f"Verify: consentkit audit verify {folder} --key '{log.vkey}'\n"
        f"or:     python3 -I {folder}/verify.py --key '{log.vkey}'"
    )
    value = {"folder": str(folder), "size": log.size, "vkey": log.vkey, "from": shown.start, "to": shown.stop}
    say(value, text, as_json=as_json)


def _place(log: ProofLog, when: str) -> int:
    if when.isascii() and when.isdecimal():
        return int(when)
    try:
        instant = datetime.fromisoformat(when)
    except ValueError:
        raise click.UsageError(f"{when!r} is no index and no day such as 2026-08-31") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return log.first_since(milliseconds(instant))


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--key", "vkey", help="The verifier key; needed for a bundle or a receipt.")
@click.option("--old", "--anchor", "olds", multiple=True, type=TEXTS, help="A checkpoint you kept earlier.")
@click.option("--receipt", "receipts", multiple=True, type=TEXTS, help="A receipt that must hold with it.")
@log_options
@json_option
def verify(
    path: Path | None,
    vkey: str | None,
    olds: tuple[Any, ...],
    receipts: tuple[Any, ...],
    store: str,
    keys: str,
    as_json: bool,
) -> None:
    """Verify the log, or offline an exported bundle or a visitor's receipt at PATH.

    Exit code 1, naming each entry that is wrong.
    """
    if path is not None and vkey is None:
        raise click.UsageError("a bundle or receipt needs --key: the verifier key, from anywhere but itself")
    if path is not None and path.is_file():
        sys.exit(check_receipt(path, known(vkey or ""), as_json=as_json))
    kept, held = ([file.read().decode("utf-8", "replace") for file in files] for files in (olds, receipts))
    with explained(), _progress() as progress:
        if path is None:
            with opened(store, keys) as log:
                report = log.verify(claims(), kept, held, progress)
        else:
            report = verify_bundle(path, known(vkey or ""), kept, claims(), held, progress)
    rows = [{"index": f.index, "table": f.table, "problem": f.problem} for f in report.findings]
    value = {
        "ok": report.ok,
        "size": report.size,
        "from": report.scope.start,
        "to": report.scope.stop,
        "counts": report.counts,
        "findings": rows,
        "more": report.more,
    }
    say(value, "\n".join(report_lines(report)), as_json=as_json)
    sys.exit(0 if report.ok else FINDING)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield what shows on a terminal how far a verification is; elsewhere it shows nothing."""
    if not sys.stderr.isatty():
        yield untold
        return
    with click.progressbar(length=1, label="Verifying", file=sys.stderr) as bar:

        def tell(done: int, size: int) -> None:
            bar.length = max(size, 1)
            bar.update(done - bar.pos)

        yield tell


def check_receipt(path: Path, vkey: str, *, as_json: bool) -> int:
    """Verify a receipt on its own and say so; returns the exit code."""
    try:
        index = verify_receipt(path.read_text("utf-8", "replace"), vkey)
    except VerificationError as error:
        say({"ok": False, "problem": str(error)}, f"BAD: {error}", as_json=as_json)
        return FINDING
    say({"ok": True, "index": index}, f"GOOD: entry {index} is in the log with this key", as_json=as_json)
    return 0


def known(vkey: str) -> str:
    """Return `vkey` if it is a verifier key; UsageError when it isn't."""
    try:
        return Verifier.parse(vkey).vkey
    except VerificationError as error:
        raise click.UsageError(str(error)) from error


def report_lines(report: Report) -> Iterator[str]:
    """Yield a report's findings for people, and last the verdict with what was looked at."""
    for finding in report.findings:
        place = f"entry {finding.index}" if finding.index is not None else "log"
        yield f"{place}: {finding.problem} ({finding.table})"
    if report.more:
        yield f"and {report.more} findings more"
    counted = ", ".join(f"{count} {name}" for name, count in report.counts.items())
    whole = len(report.scope) == report.size
    shown = f"{report.size} entries" if whole else f"entries {report.scope.start} to {report.scope.stop - 1}"
    of = "" if whole else f" of {report.size}"
    yield f"{'GOOD' if report.ok else 'BAD'}: {shown}{of} checked ({counted})"
