"""Commands for what shows a published version, such as screenshots: attach files, list, fetch them (Q9)."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import click

from consentkit.kit import utc_now
from consentkit.policy.months import milliseconds
from consentkit.proof.cited import ATTACHED
from consentkit.proof.entry import Kind, Record, Stored
from consentkit.proof.shards import Shards
from consentkit.proof.told import when
from consentkit.publication import Publications
from consentkit.shell import (
    FINDING,
    actor_option,
    explained,
    json_option,
    log_options,
    opened_site,
    say,
    with_logs,
)

MOST: Final = 8 << 20
"""Bytes of one file: a picture of a page is smaller, and every bundle carries it."""
LEAST_DIGITS: Final = 8
"""Of a version, or of a notice's SHA-256, at least."""
FORMS: Final[Mapping[str, tuple[str, bytes]]] = {
    ".png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    ".webp": ("image/webp", b"RIFF"),
    ".pdf": ("application/pdf", b"%PDF-"),
    ".json": ("application/json", b""),
    ".html": ("text/html", b""),
    ".txt": ("text/plain", b""),
    ".csv": ("text/csv", b""),
}
"""What may be attached, by the end of its name: the media type, and how such a file begins."""

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("version")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@actor_option
@log_options
@json_option
def attach(version: str, files: tuple[Path, ...], actor: str, store: str, keys: str, as_json: bool) -> None:
    """Attach to a policy VERSION, or to a notice by its SHA-256, what shows it: screenshots, test reports.

    VERSION is eight of its digits or more, or "current". The log keeps the bytes of each FILE under their
    SHA-256, and an entry that says who attached it to what, and when; no retention rule ends it. Bundles
    carry both, and verifying them says if one was changed. An earlier one is never replaced.
    """
    read = [_read(path) for path in files]
    with explained(), opened_site(store, keys, read_only=False, whole=True) as logs:
        about = _about(Publications(logs, utc_now), version)
        records = list(_records(logs, about, read, actor))
        newest = logs.newest
        appended = newest.log.append(records).result()
        numbers = [
            newest.first + each.index
            for each, record in zip(appended, records, strict=True)
            if record.kind is Kind.ATTACHMENT
        ]
    rows: list[dict[str, Any]] = [
        {"index": n, **about, **stmt} for n, (stmt, _) in zip(numbers, read, strict=True)
    ]
    told = [f"Attached to {about['policy'][:16]}: {row['name']}, entry {row['index']}." for row in rows]
    say({"attached": rows}, "\n".join(told), as_json=as_json)


@click.command()
@with_logs
@click.argument("version", required=False)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Write the files there."
)
def attached(logs: Shards, version: str | None, folder: Path | None, as_json: bool) -> None:
    """List what is attached to each published version, or to VERSION; exit code 1 where one has nothing."""
    published = Publications(logs, utc_now)
    published.latest()
    wanted = None if version is None else _about(published, version)["policy"]
    found: dict[str, list[Stored]] = {}
    for entry in logs.entries(kind=Kind.ATTACHMENT):
        if entry.intact and entry.stmt is not None:
            found.setdefault(entry.stmt["policy"], []).append(entry)
    dated = {each: instant for instant, each in reversed(published.dated()) if wanted in (None, each)}
    rows: list[dict[str, Any]] = [
        {"version": each, "published": at.isoformat(), "files": [*map(_row, found.get(each, []))]}
        for each, at in dated.items()
    ]
    if folder is not None:
        with explained():
            _write(logs, folder, (entry for each in dated for entry in found.get(each, [])))
    say({"versions": rows}, "\n".join(_lines(rows)), as_json=as_json)
    sys.exit(0 if all(row["files"] for row in rows) else FINDING)


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return what an entry says of a file, and its bytes; UsageError for what can't be attached."""
    if not path.name.isprintable():
        raise click.UsageError(f"{path.name!a} has signs in it that no list can show: rename it")
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise click.UsageError(f"{path.name}: only {', '.join(FORMS)} can be attached")
    media_type, beginning = form
    try:
        body = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path} can't be read: {error.strerror}") from error
    if not body or len(body) > MOST:
        raise click.UsageError(f"{path.name} has {len(body)} bytes; it may have 1 to {MOST}")
    if not body.startswith(beginning):
        raise click.UsageError(f"{path.name} isn't {media_type}: it begins otherwise")
    return {"name": path.name, "media_type": media_type, "sha256": sha256(body).hexdigest()}, body


def _about(published: Publications, wanted: str) -> dict[str, str]:
    """Return the version, and the notice if that is meant, which digits stand for; UsageError for none."""
    latest = published.latest()
    if wanted == "current" and latest is not None:
        return {"policy": latest.version}
    if len(wanted) >= LEAST_DIGITS:
        for version in published.policies:
            if version.startswith(wanted):
                return {"policy": version}
        for version in published.policies:
            for locale in published.locales(version):
                shown = published.shown(version, locale)
                if shown is not None and shown[1].startswith(wanted):
                    return {"policy": version, "notice": shown[1]}
    raise click.UsageError(
        f"{wanted!r} is no published version or notice: {LEAST_DIGITS} of its digits or more, or current;"
        " list them: consentkit audit attached"
    )


def _records(
    logs: Shards, about: Mapping[str, str], files: Iterable[tuple[dict[str, Any], bytes]], actor: str
) -> Iterator[Record]:
    """Yield an entry for each file, and before it one with the bytes, unless the newest log has those."""
    t, there = milliseconds(utc_now()), set[str]()
    for stmt, body in files:
        digest = stmt["sha256"]
        if digest not in there and logs.newest.log.document(digest) is None:
            named = {"name": stmt["name"], "media_type": stmt["media_type"], ATTACHED: True}
            yield Record(Kind.DOCUMENT, t, named, body=body)
        there.add(digest)
        yield Record(Kind.ATTACHMENT, t, {**about, **stmt}, {"actor": actor})


def _row(entry: Stored) -> dict[str, Any]:
    stmt, subject = entry.stmt or {}, entry.subj or {}
    said: dict[str, Any] = {
        name: stmt[name] for name in ("name", "media_type", "sha256", "notice") if name in stmt
    }
    return {"index": entry.index, "time": when(entry), **said, "actor": subject.get("actor")}


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{row['version'][:16]}  {row['published'][:10]}" + (
            "" if row["files"] else "  nothing is attached"
        )
        for file in row["files"]:
            name = file["name"] if file["name"].isprintable() else ascii(file["name"])
            what = f"{file['sha256'][:16]}  {name} ({file['actor']})"
            yield f"  {file['index']:>8}  {file['time']}  {what}"


def _write(logs: Shards, folder: Path, entries: Iterable[Stored]) -> None:
    """Write each file under its SHA-256's beginning and its name, which somebody else chose."""
    for entry in entries:
        stmt = entry.stmt or {}
        document = logs.document(str(stmt.get("sha256")))
        if document is None:
            raise click.ClickException(f"entry {entry.index}: its file isn't in the log any more")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{document.sha256[:16]}-{Path(stmt['name']).name}").write_bytes(document.body)
        except OSError as error:
            raise click.ClickException(f"{folder} can't be written: {error.strerror}") from error
