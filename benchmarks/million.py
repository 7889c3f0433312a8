"""What a log of a million entries costs: to append to, to keep, to verify.

    python benchmarks/million.py [--json] [--entries N] [--rounds N] [--folder FOLDER] [--anew]

The log is a site's: its policy and notices are published by the kit, and every further entry is the choice of
another visitor with all the fields that the kit gives one. It is made by `ProofLog.append`, some thousand
records a batch, which takes minutes; so it is kept in FOLDER (the system's place for temporary files by
default), with a bundle of it, for the next run: `--anew` makes another, as after a change of what a choice
states. Each run adds what it appends. With its bundle it takes 2.5 GB.

Appending: 1,024 records wait at any time, each with its receipt to come; a new log and the large one take
turns. Verifying: each way in a process of its own, for its memory. Beside them a bare loop over the same rows
that does nothing but the hashes that can't be avoided: leaf, two commitments and a node for each entry.
Seconds are told on the wall and of the processor; a ratio is to the loop's, of the processor.
"""

import argparse
import asyncio
import multiprocessing
import os
import re
import runpy
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import orjson

from consentkit.answer import Answer
from consentkit.kit import ConsentKit
from consentkit.proof.bundle import verify_bundle
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.log import ProofLog

POLICY = {
    "site": {
        "name": "Bench",
        "controller": "Bench SAS",
        "contact": "privacy@bench.example",
        "policy_url": "/privacy",
        "languages": ["en"],
    },
    "services": ["google-analytics", "meta-pixel", "youtube"],
}
ORIGIN = "bench/consent"
BATCH = 4096
WAITING = 1024
SECONDS = 10.0  # to verify a million entries
BYTES = 1000  # a record
PARTS = ("lookup", "salt1", "stmt", "salt2", "subj")
RATE = 0.6  # of the empty log's


@dataclass(frozen=True)
class Cost:
    """What one verification took: seconds on the wall and of the processor, and megabytes held at most."""

    wall: float
    processor: float
    memory: float


def opened(folder: Path, **options: Any) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin=ORIGIN, **options)


def begin(folder: Path) -> dict[str, Any]:
    """Publish the policy in a new log; return what a choice under it states and says of its subject."""
    folder.mkdir(parents=True)
    kit = ConsentKit(POLICY, store=f"sqlite:///{folder / 'log.db'}", keys=folder / "keys")
    now, policy = datetime.now(UTC), kit.edition.policy
    subject, consent, index = {"ua": "Mobile Safari", "country": "FR"}, None, 0
    for yes in (False, True):  # the second one names the first
        choices, control = dict.fromkeys(policy.categories, yes), "accept-all" if yes else "reject-all"
        client = time.time_ns() // 10**6
        answer = Answer(choices, policy.version, "preferences", "en", control=control, client=client)
        consent = asyncio.run(kit.record(consent, answer, subject, now)).consent
        index = consent.index
    entry = kit.log.get(index)
    kit.close()
    if entry is None or entry.stmt is None or entry.subj is None:
        raise RuntimeError("the log lost what was just appended")
    stmt = {name: value for name, value in entry.stmt.items() if name not in ("t", "clock")}
    subj = {name: value for name, value in entry.subj.items() if name not in ("sub", "tag")}
    (folder / "choice.json").write_bytes(orjson.dumps({"stmt": stmt, "subj": subj}))
    return {"stmt": stmt, "subj": subj}


def choice(log: ProofLog, made: dict[str, Any]) -> Record:
    """Return the choice of a visitor who was never seen before."""
    cid = os.urandom(16)
    subj = {"sub": subject_id(cid), **made["subj"]}
    return Record(Kind.CHOICE, time.time_ns() // 10**6, made["stmt"], subj, log.lookup(cid))


def build(folder: Path, entries: int) -> None:
    """Make the log, and its bundle, unless they are there."""
    if (folder / "bundle").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    made = begin(folder)
    with opened(folder) as log, click.progressbar(length=entries, label="Making the log") as bar:
        pending, left = None, entries - log.size
        while left > 0:
            records = [choice(log, made) for _ in range(min(BATCH, left))]
            if pending:
                pending.result()
            pending = log.append(records)
            left -= len(records)
            bar.update(len(records))
        if pending:
            pending.result()
        log.export(folder / "making")
    (folder / "making").rename(folder / "bundle")


# Appending


def append(log: ProofLog, made: dict[str, Any], records: int) -> tuple[float, float]:
    """Append so many records one by one, some waiting at any time; return seconds, wall and processor."""
    wall, spent, waiting = time.perf_counter(), time.process_time(), deque[Any]()
    for _ in range(records):
        if len(waiting) == WAITING:
            waiting.popleft().result()
        waiting.append(log.append([choice(log, made)]))
    for future in waiting:
        future.result()
    return time.perf_counter() - wall, time.process_time() - spent


def appending(folder: Path, rounds: int, records: int) -> dict[str, Any]:
    """Return the rates of both logs by the wall, and how near the large one comes by either clock."""
    made = orjson.loads((folder / "choice.json").read_bytes())
    found: dict[str, list[tuple[float, float]]] = {"empty": [], "full": []}
    with opened(folder) as full:
        append(full, made, WAITING)
        for _ in range(rounds):
            found["full"].append(append(full, made, records))
            with tempfile.TemporaryDirectory(dir=folder) as name, opened(Path(name)) as empty:
                append(empty, made, WAITING)
                found["empty"].append(append(empty, made, records))
    empty, full_ = (
        [statistics.median(times) for times in zip(*found[name], strict=True)] for name in ("empty", "full")
    )
    return {
        "empty": records / empty[0],
        "full": records / full_[0],
        "wall": empty[0] / full_[0],
        "processor": empty[1] / full_[1],
    }


# Verifying


def bare(folder: Path) -> None:
    """Read each row, and do the hashes that can't be avoided."""
    connection = sqlite3.connect(folder / "log.db")
    rows = connection.execute(
        "SELECT entry, salt1, stmt, salt2, subj FROM leaf LEFT JOIN opening USING (idx) ORDER BY idx"
    )
    stmt_mark, subj_mark, node = b"consentkit/v1/stmt\0", b"consentkit/v1/subj\0", bytes(65)
    for entry, salt1, stmt, salt2, subj in rows:
        sha256(b"\0" + entry).digest()
        sha256(node).digest()
        if stmt is not None:
            sha256(stmt_mark + salt1 + stmt).digest()
            sha256(subj_mark + salt2 + subj).digest()
    connection.close()


def in_the_store(folder: Path) -> None:
    with opened(folder, read_only=True) as log:
        good(log.verify(claims()).ok)


def in_the_bundle(folder: Path) -> None:
    vkey = (folder / "bundle" / "policy.txt").read_text().split()[1]
    good(verify_bundle(folder / "bundle", vkey, checks=claims()).ok)


def alone(folder: Path) -> None:
    bundle = folder / "bundle"
    script = runpy.run_path(str(bundle / "verify.py"))
    key = script["read_key"]((bundle / "policy.txt").read_text().split()[1])
    good(not script["Audit"](bundle).run(key, [], []))


def exporting(folder: Path) -> None:
    with opened(folder, read_only=True) as log, tempfile.TemporaryDirectory(dir=folder) as name:
        log.export(Path(name) / "bundle")


def good(ok: bool) -> None:
    if not ok:
        raise RuntimeError("the log doesn't verify")


WAYS: dict[str, Callable[[Path], None]] = {
    "the bare loop": bare,
    "the log in its store": in_the_store,
    "its bundle, by consentkit": in_the_bundle,
    "its bundle, by verify.py": alone,
    "(writing the bundle)": exporting,
}


def costs(way: str, folder: Path) -> Cost:
    """Do it here; return what it cost."""
    before = held()
    wall, spent = time.perf_counter(), time.process_time()
    WAYS[way](folder)
    return Cost(time.perf_counter() - wall, time.process_time() - spent, held() - before)


def held() -> float:
    """Return the most megabytes that this process has held, as Linux tells it."""
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak) / 1024


def verifying(folder: Path, rounds: int, ways: list[str]) -> dict[str, Cost]:
    """Return the medians over the rounds, in which the ways take turns."""
    found: dict[str, list[Cost]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, list_ in found.items():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                list_.append(process.submit(costs, way, folder).result())
    fields = Cost.__annotations__
    return {
        way: Cost(*(statistics.median(getattr(cost, name) for cost in each) for name in fields))
        for way, each in found.items()
    }


# Telling


def sizes(folder: Path) -> dict[str, Any]:
    """Return the bytes a record takes: of the store's file and its tables, of a payload, of the bundle."""
    with opened(folder, read_only=True) as log:
        entries = log.size
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        query = f"SELECT {', '.join(f'avg(length({part}))' for part in PARTS)} FROM opening WHERE idx > ?"  # noqa: S608
        parts = connection.execute(query, (entries - 10_000,)).fetchone()
        tables = {}
        with suppress(sqlite3.OperationalError):  # not every SQLite counts its pages
            tables = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    bundle = sum(path.stat().st_size for path in (folder / "bundle").rglob("*") if path.is_file())
    return {
        "record": (folder / "log.db").stat().st_size / entries,
        "payload": {"entry": 66, **dict(zip(PARTS, parts, strict=True))},
        "tables": {name: size / entries for name, size in tables.items() if size > entries},
        "bundle": bundle / entries,
    }


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--entries", type=int, default=1_000_000, help="how large the log is")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median counts")
    parser.add_argument("--records", type=int, default=20_000, help="appended to each log in a round")
    parser.add_argument("--only", action="append", choices=list(WAYS), help="verify in these ways alone")
    parser.add_argument("--anew", action="store_true", help="make the log anew")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where it lies")
    options = parser.parse_args()
    folder = options.folder / f"consentkit-log-of-{options.entries}"
    if options.anew:
        shutil.rmtree(folder, ignore_errors=True)
    build(folder, options.entries)
    value: dict[str, Any] = {"entries": options.entries, "sizes": sizes(folder)}
    value["verifying"] = verifying(folder, options.rounds, options.only or list(WAYS))
    value["appending"] = appending(folder, options.rounds, options.records) if not options.only else {}
    if options.json:
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))
        return
    click.echo("\n".join(table(value)))


def table(value: dict[str, Any]) -> list[str]:
    """Return what was measured as lines for people."""
    size = value["sizes"]
    lines = [
        f"{value['entries']:,} entries of {size['record']:.0f} bytes each, {size['bundle']:.0f} in a bundle",
        "  tables:  " + ", ".join(f"{name} {count:.0f}" for name, count in size["tables"].items()),
        "  payload: " + ", ".join(f"{name} {count:.0f}" for name, count in size["payload"].items()),
        "",
        f"{'':<28}{'seconds':>9}{'processor':>11}{'x loop':>8}{'MB held':>9}",
    ]
    loop = value["verifying"].get("the bare loop")
    for way, cost in value["verifying"].items():
        ratio = f"{cost.processor / loop.processor:8.2f}" if loop else f"{'':8}"
        lines.append(f"{way:<28}{cost.wall:9.1f}{cost.processor:11.1f}{ratio}{cost.memory:9.0f}")
    if rate := value["appending"]:
        lines += [
            "",
            f"{'':<28}{'receipts/s':>11}",
            f"{'an empty log':<28}{rate['empty']:11,.0f}",
            f"{'this log':<28}{rate['full']:11,.0f}",
            f"{'of the empty log':<28}{rate['wall']:11.2f}   (by the processor {rate['processor']:.2f})",
            "",
            f"{'met' if rate['wall'] >= RATE else 'NOT MET'}: at least {RATE} of the empty log's rate",
        ]
    lines.append(f"{'met' if size['record'] <= BYTES else 'NOT MET'}: at most {BYTES:,} bytes a record")
    if cost := value["verifying"].get("the log in its store"):
        lines.append(f"{'met' if cost.wall <= SECONDS else 'NOT MET'}: verified in {SECONDS:.0f} s at most")
    return lines


if __name__ == "__main__":
    main()
