"""Commands of proof: write the auditor's bundle on the operator's machine, verify it on the auditor's."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from consentkit.errors import VerificationError
from consentkit.policy.months import milliseconds
from consentkit.proof.attest import read_quorum, stamper
from consentkit.proof.bundle import verify_bundle, verify_receipt
from consentkit.proof.claims import claims
from consentkit.proof.emission import checkpoints_in
from consentkit.proof.evidence import TITLE, Evidence
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Verifier
from consentkit.proof.quorum import NONE
from consentkit.proof.shards import Shards
from consentkit.proof.splitview import evidence_between
from consentkit.proof.verify import Progress, Report, Trust, untold
from consentkit.shell import (
    FINDING,
    USAGE,
    Note,
    explained,
    json_option,
    log_options,
    opened_site,
    say,
    with_reading,
    witnesses_option,
)

TEXTS = click.File("rb")


@click.command()
@with_reading
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--bundle", is_flag=True, expose_value=False, help="The one format there is.")
@click.option("--from", "start", metavar="WHEN", help="The first entry, or its day.")
@click.option("--to", "stop", metavar="WHEN", help="The first entry, or day, that is left out.")
@witnesses_option
def export(
    logs: Shards,
    note: Note,
    folder: Path,
    start: str | None,
    stop: str | None,
    witnesses: Path | None,
    as_json: bool,
) -> None:
    """Write the auditor's bundle, of the whole log or a range, to FOLDER; it verifies without this machine.

    WHEN is an INDEX or an instant such as 2026-08-31 or 2026-08-31T12:00:00+00:00. A bundle is of one log,
    and counts within it.
    """
    log, before = logs.newest.log, logs.newest.first
    quorum = read_quorum(witnesses) if witnesses else NONE
    first = 0 if start is None else _place(log, start, before)
    end = None if stop is None else _place(log, stop, before)
    # With what says so, where nothing ends the range before it.
    note("export", **{"from": before + first, "to": before + (log.size if end is None else end)})
    shown = log.export(folder, first, end, quorum)
    text = (
        f"Wrote {len(shown)} of {log.size} entries to {folder}.\n"
        f"Verify: consentkit audit verify {folder} --key '{log.vkey}'\n"
        f"or:     python3 -I {folder}/verify.py --key '{log.vkey}'"
    )
    if not shown:
        text = f"No entry stands in that range: try without --from and --to.\n{text}"
    value = {"folder": str(folder), "size": log.size, "vkey": log.vkey, "from": shown.start, "to": shown.stop}
    say(value, text, as_json=as_json)


def _place(log: ProofLog, when: str, before: int) -> int:
    if when.isascii() and when.isdecimal():
        if int(when) < before:
            raise click.UsageError(f"entry {when} stands in an earlier log: name that with --shard")
        return int(when) - before
    try:
        instant = datetime.fromisoformat(when)
    except ValueError:
        raise click.UsageError(f"{when!r} is no index and no day such as 2026-08-31") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return log.first_since(milliseconds(instant))


@click.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--key", "vkey", help="The verifier key; needed for a bundle or a receipt.")
@click.option(
    "--old", "--anchor", "olds", multiple=True, type=TEXTS, help="A checkpoint you kept, or log lines."
)
@click.option("--receipt", "receipts", multiple=True, type=TEXTS, help="A receipt that must hold with it.")
@click.option(
    "--tsa-root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificates (PEM) of the authority whose time stamps you trust.",
)
@witnesses_option
@log_options
@json_option
def verify(
    path: Path | None,
    vkey: str | None,
    olds: tuple[Any, ...],
    receipts: tuple[Any, ...],
    roots: tuple[Path, ...],
    witnesses: Path | None,
    store: str,
    keys: str,
    as_json: bool,
) -> None:
    """Verify the log, or offline an exported bundle, a visitor's receipt or evidence at PATH.

    Exit code 1, naming each entry that is wrong; also for evidence that proves what it says.
    """
    if path is not None and vkey is None:
        raise click.UsageError("a bundle or receipt needs --key: the verifier key, from anywhere but itself")
    if path is not None and path.is_file():
        sys.exit(check_file(path, known(vkey or ""), as_json=as_json))
    kept, held = ([file.read().decode("utf-8", "replace") for file in files] for files in (olds, receipts))
    kept = [note for text in kept for note in checkpoints_in(text)]
    with explained(), _progress() as progress:
        trust = trusting(roots, witnesses)
        if path is None:
            with opened_site(store, keys) as logs:
                report = logs.newest.log.verify(claims(), kept, held, progress, trust)
                report.count_from(logs.newest.first)
        else:
            report = verify_bundle(path, known(vkey or ""), kept, claims(), held, progress, trust)
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
    lines = [*report_lines(report)]
    if path is not None and {"anchor", "receipt"} & {finding.table for finding in report.findings}:
        lines.insert(
            -1, f"If that key signed both, keep proof: consentkit audit evidence FILE {path} --key …"
        )
    say(value, "\n".join(lines), as_json=as_json)
    sys.exit(0 if report.ok else FINDING)


def trusting(roots: Sequence[Path], witnesses: Path | None) -> Trust:
    """Whom to believe beside the log; ConfigurationError for a file that can't be used."""
    quorum = read_quorum(witnesses) if witnesses else None
    if not roots:
        return Trust(None, quorum)
    stamper()  # says what is missing, if it is
    from consentkit.proof.stamps import roots_in, stamped_by

    return Trust(stamped_by(roots_in(roots)), quorum)


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


@click.command()
@click.argument("a", type=click.Path(exists=True, path_type=Path))
@click.argument("b", type=click.Path(exists=True, path_type=Path))
@click.option("--key", "vkey", required=True, help="The verifier key, from anywhere but A and B.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write.")
@json_option
def evidence(a: Path, b: Path, vkey: str, out: Path, as_json: bool) -> None:
    """Put on paper that A and B, which one key signed, can't both be true of one log.

    A and B are checkpoints, receipts or bundles. Anybody can check the file: consentkit audit verify.
    """
    with explained():
        found = evidence_between(a, b, known(vkey))
        verdict = found.verdict(Verifier.parse(vkey))
    try:
        out.write_text(found.told(Verifier.parse(vkey)), "utf-8")
    except OSError as error:
        raise click.ClickException(f"{out} can't be written: {error.strerror}") from error
    say({"file": str(out), "proved": verdict}, f"{verdict}\nWrote {out}.", as_json=as_json)


def check_file(path: Path, vkey: str, *, as_json: bool) -> int:
    """Verify a receipt or evidence on its own and say so; returns the exit code."""
    text = path.read_text("utf-8", "replace")
    if not text.startswith(TITLE):
        return check_receipt(path, vkey, as_json=as_json)
    try:
        verdict = Evidence.parse(text).verdict(Verifier.parse(vkey))
    except VerificationError as error:
        say({"proved": None, "problem": str(error)}, f"NOT PROVED: {error}", as_json=as_json)
        return USAGE
    say({"proved": verdict}, f"PROVED: {verdict}", as_json=as_json)
    return FINDING


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
