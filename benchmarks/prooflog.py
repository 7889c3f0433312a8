"""What the proof log costs, beside what one would do without it, on the same server in the same run.

    python benchmarks/prooflog.py [--json] [--rounds N] [--seconds S] [--folder FOLDER]

PostgreSQL: two processes with 512 callers each ask for a record and wait for the receipt before they ask for
the next; entries are committed to, hashed into the tree, signed and proved. Beside them the naive log: an
INSERT of the same bytes for each record, over 64 connections of the same two processes, with prepared
statements. The two take turns in each round, on a cluster of their own in FOLDER (the system's place for
temporary files by default; memory would make syncing free, and the naive log with it). Medians over the
rounds are compared: records a second, and processor time a record, the server's included. Where other work
shares the machine, the 64 server processes of the naive log get more of it than our few; the second figure
says what the log costs all the same.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import asyncpg
import click
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from cluster import Cluster

from consentkit.proof.address import read_address
from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog

ORIGIN = "bench/consent"
PROCESSES = 2
CALLERS = 512  # of each process
CONNECTIONS = 64  # of all processes
BAR = 4.0
STMT = {
    "action": "choice",
    "categories": {"necessary": True, "preferences": False, "analytics": True, "marketing": False},
    "decided": {"preferences": 1788177600000, "analytics": 1788177600000, "marketing": 1788177600000},
    "versions": {"preferences": "a" * 64, "analytics": "a" * 64, "marketing": "a" * 64},
    "policy": "a" * 64,
    "notice": "b" * 64,
    "locale": "en",
    "mechanism": "banner",
}
NAIVE = """CREATE TABLE naive(
    id bigserial PRIMARY KEY, created_ms bigint, lookup bytea, stmt bytea, subj bytea)"""
INSERT = "INSERT INTO naive(created_ms, lookup, stmt, subj) VALUES ($1, $2, $3, $4)"


@dataclass(frozen=True)
class Round:
    """What one round came to: records a second, and processor seconds a record."""

    name: str
    rate: float
    cost: float


async def busy(callers: list[Callable[[int], Coroutine[Any, Any, object]]], seconds: float) -> int:
    """Let each caller ask again as soon as it is answered; return how many answers there were."""
    end = time.monotonic() + seconds

    async def ask(caller: Callable[[int], Coroutine[Any, Any, object]], number: int) -> int:
        answers = 0
        while time.monotonic() < end:
            await caller(number * 1_000_000 + answers)
            answers += 1
        return answers

    return sum(await asyncio.gather(*(ask(caller, number) for number, caller in enumerate(callers))))


async def worker(url: str, keys: Path, orders: Connection) -> None:
    """Do what is ordered for so many seconds, and tell how much that was, until there is no more to do."""
    pool = [await connected(url) for _ in range(CONNECTIONS // PROCESSES)]
    statements = [await connection.prepare(INSERT) for connection in pool]
    stmt, log = orjson.dumps(STMT), ProofLog.open(url, keys, origin=ORIGIN, timeout=30)

    def group(number: int) -> Any:
        cid = number.to_bytes(16, "big")
        record = Record(Kind.CHOICE, time.time_ns() // 10**6, STMT, {"sub": subject_id(cid)}, log.lookup(cid))
        return asyncio.wrap_future(log.append([record]))

    def naive(statement: Any) -> Any:
        async def insert(number: int) -> None:
            cid = number.to_bytes(16, "big")
            subj = orjson.dumps({"sub": subject_id(cid)})
            await statement.fetch(time.time_ns() // 10**6, log.lookup(cid), stmt, subj)

        return insert

    callers = {"group": [group] * CALLERS, "naive": [naive(statement) for statement in statements]}
    loop = asyncio.get_running_loop()
    orders.send(None)
    while order := await loop.run_in_executor(None, orders.recv):
        spent = time.process_time()
        orders.send((await busy(callers[order[0]], order[1]), time.process_time() - spent))
    log.close()
    for connection in pool:
        await connection.close()


def work(url: str, keys: Path, orders: Connection) -> None:
    asyncio.run(worker(url, keys, orders))


def server_time(cluster: Cluster) -> float:
    """Return the seconds of processor time that the server's processes have used, as Linux tells it."""
    parent = (cluster.data / "postmaster.pid").read_text().split()[0]
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        fields = status.read_text().rpartition(")")[2].split()
        if fields[1] == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(cluster: Cluster, url: str, keys: Path, rounds: int, seconds: float) -> list[Round]:
    """Return what each round came to, of both."""
    context = multiprocessing.get_context("spawn")
    ends, workers, found = [], [], []
    for _ in range(PROCESSES):
        mine, theirs = context.Pipe()
        workers.append(context.Process(target=work, args=(url, keys, theirs), daemon=True))
        workers[-1].start()
        ends.append(mine)
    for end in ends:
        end.recv()
    for number in range(rounds + 1):
        for name in ("group", "naive"):
            before = server_time(cluster)
            for end in ends:
                end.send((name, seconds))
            answers = [end.recv() for end in ends]
            records = sum(count for count, _ in answers)
            spent = sum(cpu for _, cpu in answers) + server_time(cluster) - before
            if number:  # the first round warms up
                found.append(Round(name, records / seconds, spent / records))
    for end in ends:
        end.send(None)
    for each in workers:
        each.join()
    return found


def main() -> None:
    """Measure, and print the ratio or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median counts")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="how long each of the two lasts in a round"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the cluster lies"
    )
    options = parser.parse_args()
    cluster = Cluster(room=options.folder)
    try:
        with tempfile.TemporaryDirectory() as folder:
            keys, url = Path(folder) / "keys", cluster.url("bench")
            Keys.open(keys, ORIGIN, create=True)
            ProofLog.open(url, keys, origin=ORIGIN).close()
            asyncio.run(naive_table(url))
            found = measure(cluster, url, keys, options.rounds, options.seconds)
    finally:
        cluster.remove()
    rate = ratio(found, lambda one: one.rate)
    cost = ratio(found, lambda one: one.cost)
    if options.json:
        value = {"rounds": found, "rate": rate, "cost": cost, "bar": BAR, "met": rate >= BAR}
        click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))
        return
    click.echo(f"{'':<56}{'records/s':>12}{'processor':>12}   (x naive)")
    click.echo(f"{f'PostgreSQL, {PROCESSES} x {CALLERS} callers, receipts':<56}{rate:>12.2f}{cost:>12.2f}")
    click.echo(f"\n{'met' if rate >= BAR else 'NOT MET'}: at least {BAR:.0f} times an INSERT per record")


def ratio(found: list[Round], value: Callable[[Round], float]) -> float:
    """Return the median of ours over that of the naive log."""
    ours, naive = (
        statistics.median(value(one) for one in found if one.name == name) for name in ("group", "naive")
    )
    return ours / naive


async def connected(url: str) -> Any:
    """Return a connection to a store's database."""
    address = read_address(url)
    if isinstance(address, Path):
        raise TypeError(address)
    return await asyncpg.connect(address.url)


async def naive_table(url: str) -> None:
    """Make the table that the naive log is."""
    connection = await connected(url)
    await connection.execute(NAIVE)
    await connection.close()


if __name__ == "__main__":
    main()
