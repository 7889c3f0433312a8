"""The command line: each command a few lines over the kit. Exit code 0 good, 1 finding, 2 usage."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from consentkit.access import is_personal
from consentkit.asking import rates, visitor
from consentkit.attaching import attach, attached
from consentkit.auditing import evidence, export, verify
from consentkit.checkup import declared_by, missing_from, still_in
from consentkit.closing import close
from consentkit.desk import trackers as seen_trackers
from consentkit.erasing import erase, retain
from consentkit.errors import PolicyError
from consentkit.keygen import keygen
from consentkit.kit import read_policy, utc_now
from consentkit.policy.document import schema
from consentkit.policy.hooks import known_hooks
from consentkit.policy.lint import lint
from consentkit.policy.locales import ENDONYMS
from consentkit.policy.registry import known_services, service_to
from consentkit.policy.words import locales
from consentkit.proof.entry import Kind
from consentkit.proof.shards import Shards
from consentkit.proof.telling import lines
from consentkit.proof.told import about, record, texts, when
from consentkit.publication import Publications
from consentkit.shell import (
    FINDING,
    Note,
    explained,
    json_option,
    log_options,
    opened,
    say,
    store_option,
    with_logs,
    with_reading,
)
from consentkit.signing import key
from consentkit.tally_stores import open_store
from consentkit.versions import inventory, versions
from consentkit.withdrawing import withdraw

PORT = click.IntRange(0, 65535)
TEMPLATE = Path(__file__).parent / "policy" / "template.toml"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="consentkit")
def main() -> None:
    """Cookie consent that the server enforces and an auditor can verify."""


@main.command()
@click.option("--port", default=8000, type=PORT, show_default=True, help="Where the shop listens.")
@click.option("--tracker-port", default=8001, type=PORT, show_default=True, help="Where the tracker listens.")
def demo(port: int, tracker_port: int) -> None:
    """Run a shop full of trackers, on this machine only, with consentkit mounted."""
    from consentkit.demo.run import main as run_demo

    run_demo(port, tracker_port)


@main.command()
@click.argument("path", type=click.Path(path_type=Path), default="consent.toml")
def init(path: Path) -> None:
    """Write a policy to start from, with what each line means."""
    if path.exists():
        raise click.ClickException(f"{path} is there already; nothing was written")
    try:
        path.write_text(TEMPLATE.read_text("utf-8"), "utf-8")
    except OSError as error:
        raise click.ClickException(f"{path} can't be written: {error.strerror}") from error
    click.echo(f"Wrote {path}. Next: edit it, then run: consentkit check {path}")


@main.command()
@click.argument("path", type=click.Path(path_type=Path), default="consent.toml")
@click.option("--schema", "show_schema", is_flag=True, help="Print the JSON Schema of a policy file.")
@click.option(
    "--app", help="The application, such as app:app: the cookies its code declares are checked too."
)
@click.option(
    "--page",
    "pages",
    multiple=True,
    metavar="URL|FILE",
    help="A page of the site: another consent tool's own script in it is warned of.",
)
@store_option
@json_option
def check(
    path: Path, show_schema: bool, app: str | None, pages: tuple[str, ...], store: str, as_json: bool
) -> None:
    """Check a policy file; every mistake is listed at once.

    Then what doesn't hold as it is declared, and what an authority asks for otherwise, with the source. Where
    the site's store is, hosts, cookies and services that were seen but aren't in the policy are warned of.
    """
    if show_schema:
        click.echo(json.dumps(schema(), indent=2))
        return
    try:
        with explained():
            coded = declared_by(app)
            policy = read_policy(path, coded)
    except click.ClickException as refused:
        problems = refused.__cause__.problems if isinstance(refused.__cause__, PolicyError) else None
        if problems is None:
            raise
        rows = [{"path": p.path, "message": p.message, "allowed": p.allowed} for p in problems]
        # A file that isn't even TOML or JSON is what its one problem begins with.
        head = [] if problems[0].path == str(path) else [f"{path} isn't good:"]
        say({"ok": False, "problems": rows}, "\n".join([*head, *map(str, problems)]), as_json=as_json)
        sys.exit(FINDING)
    undeclared, blocked, warnings = missing_from(store, policy)
    warnings += still_in(pages)
    text = f"{path} is good: version {policy.version[:16]}, {len(policy.services)} services declared."
    value = {"ok": True, "version": policy.version, "undeclared": undeclared, "blocked": blocked}
    findings = lint(policy, coded)
    told = [f"{finding.severity.capitalize()}: {finding}" for finding in findings]
    told += [f"Warning: {warning}" for warning in warnings]
    say(value | {"warnings": warnings, "findings": findings}, "\n".join([text, *told]), as_json=as_json)


@main.command()
@click.argument("id_", metavar="[ID]", required=False)
@click.option(
    "--policy", type=click.Path(path_type=Path), help="A policy file: only the words that hold in it."
)
@json_option
def services(id_: str | None, policy: Path | None, as_json: bool) -> None:
    """List the services that consentkit knows, by the id that a policy names them with.

    Or show one: what is said to its vendor of a visitor's choice, word by word, in each mode there is.
    """
    if id_ is not None:
        _show_service(id_, policy, as_json=as_json)
        return
    for known in sorted(known_services().values(), key=lambda service: service.id):
        text = f"{known.id:<24}  {known.category:<11}  {known.name}"
        say({"id": known.id, "category": known.category, "name": known.name}, text, as_json=as_json)


def _show_service(id_: str, policy: Path | None, *, as_json: bool) -> None:
    service = known_services().get(id_)
    if service is None:
        raise click.ClickException(f"{id_!r} is not a known service; consentkit services lists them")
    with explained():
        rows = known_hooks() if policy is None else read_policy(policy).hooks
    hooks = [hook for hook in rows if id_ in hook.services]
    words = [line for hook in hooks for line in hook.lines()] or ["Its vendor is told nothing."]
    head = f"{service.id}: {service.name}, of {service.vendor} ({service.country}), {service.category}"
    value = {**service_to(service), "hooks": [hook.plain() for hook in hooks]}
    say(value, "\n".join([head, *words]), as_json=as_json)


@main.command()
@json_option
def languages(as_json: bool) -> None:
    """List the languages that consentkit has texts in, by the code that a policy names them with."""
    for code in locales():
        say({"code": code, "name": ENDONYMS[code]}, f"{code:<5}  {ENDONYMS[code]}", as_json=as_json)


@main.command("accept-log")
@click.argument("size", type=click.IntRange(min=0))
@log_options
@json_option
def accept_log(size: int, store: str, keys: str, as_json: bool) -> None:
    """Accept a log of SIZE entries whose guard is lost, as the server's refusal tells its size.

    Only you can know that none is missing: compare with a checkpoint or receipt that somebody else keeps.
    """
    with explained():
        with opened(store, keys):
            pass  # there is one: a new one isn't made where the path is wrong
        with opened(store, keys, read_only=False, accept_log=size) as log:
            found = log.size
    say({"size": found}, f"The log has its guard again, at {found} entries.", as_json=as_json)


main.add_command(keygen)
main.add_command(withdraw)
main.add_command(erase)
main.add_command(retain)
main.add_command(key)


@main.group()
def audit() -> None:
    """Read, verify and export the consent log."""


audit.add_command(verify)
audit.add_command(export)
audit.add_command(close)
audit.add_command(evidence)
audit.add_command(attach)
audit.add_command(attached)
audit.add_command(visitor)
audit.add_command(rates)
audit.add_command(versions)
audit.add_command(inventory)


@audit.command("log")
@with_logs
@click.option("--kind", type=click.Choice([kind.label for kind in Kind]), help="Only entries of one kind.")
@click.option("--limit", default=20, show_default=True, help="How many entries, newest first.")
def audit_log(log: Shards, kind: str | None, limit: int, as_json: bool) -> None:
    """List entries, newest first: what was said, and when. Who it was about is for show, which is logged."""
    wanted = next((k for k in Kind if k.label == kind), None)
    for entry in log.entries(kind=wanted, newest_first=True, limit=limit):
        text = f"{entry.index:>8}  {entry.kind.label:<10}  {when(entry)}  {about(entry)}"
        value = {name: each for name, each in record(entry).items() if name != "subject"}
        say(value, text, as_json=as_json)


@audit.command()
@with_reading
@click.argument("index", type=int)
def show(log: Shards, note: Note, index: int, as_json: bool) -> None:
    """Show one entry: what was said, and the words that were on the screen; all of it with --json."""
    entry = log.get(index)
    if entry is None:
        raise click.ClickException(f"the log has no entry {index}; it has {log.size}")
    if is_personal(entry):
        note("show", object=index)
    value = record(entry) | texts(log, entry)
    say(value, "\n".join(lines(value)), as_json=as_json)


@audit.command()
@log_options
@click.option("--days", default=seen_trackers.DAYS, type=click.IntRange(1, 400), show_default=True)
@json_option
def trackers(store: str, keys: str, days: int, as_json: bool) -> None:
    """List the services, hosts and cookies seen on the site's pages, counted by the day, about nobody.

    Only what the server sees: what the guard holds in a browser isn't counted.
    """
    since = utc_now().date() - timedelta(days=days - 1)
    with explained(), opened(store, keys) as log:
        seen = seen_trackers.summed(open_store(store).read(since), Publications(log, utc_now))
    text = "\n".join(seen_trackers.lines(seen)) or f"Nothing was counted in the last {days} days."
    value = {"since": since.isoformat(), "rows": [seen_trackers.plain(one) for one in seen]}
    say(value, text, as_json=as_json)


@audit.command()
@with_reading
@click.argument("index", type=int)
def receipt(log: Shards, note: Note, index: int, as_json: bool) -> None:
    """Print an entry's receipt: its inclusion proof under the latest checkpoint."""
    try:
        entry = log.get(index)
        if entry is not None and is_personal(entry):
            note("receipt", object=index)
        text = log.receipt(index)
    except ValueError as error:
        raise click.ClickException(f"the log has no entry {index}; it has {log.size}") from error
    # `say` ends the line: a verifier takes not one byte more.
    say({"index": index, "receipt": text}, text.removesuffix("\n"), as_json=as_json)


@audit.command()
@click.argument("base")
@click.option("--prefix", envvar="CONSENTKIT_PREFIX", default="/consent", show_default=True)
def link(base: str, prefix: str) -> None:
    """Print an address that opens the audit pages of the site at BASE.

    It works for 15 minutes; the browser that opened it stays in for eight hours.
    """
    from consentkit.desk.auth import link as make_link

    secret = os.environ.get("CONSENTKIT_SECRET_KEY")
    if not secret:
        raise click.ClickException("set CONSENTKIT_SECRET_KEY to the site's key first")
    if not base.startswith(("http://", "https://")):
        raise click.UsageError(f"BASE is the site's origin, such as https://shop.example, not {base!r}")
    click.echo(make_link(secret, base, prefix))
