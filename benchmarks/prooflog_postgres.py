"""The PostgreSQL rows of prooflog.py: two processes that append to one log, on a server of their own."""

import asyncio
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import asyncpg
from callers import ORIGIN, Caller, Round, busy, choice
from cluster import Cluster
from prooflog_sqlite import Row, row

from consentkit.proof.address import read_address
from consentkit.proof.keys import Keys
from consentkit.proof.log import ProofLog

PROCESSES = 2
CALLERS = 512  # of each process
CONNECTIONS = 64  # of all processes
COLUMNS = ("created_ms", "lookup", "stmt", "subj")
PLAIN = """CREATE TABLE plain(
    id bigserial PRIMARY KEY, created_ms bigint, lookup bytea, stmt bytea, subj bytea);
    CREATE INDEX plain_lookup ON plain(lookup)"""
INSERT = "INSERT INTO plain(created_ms, lookup, stmt, subj) VALUES ($1, $2, $3, $4)"


async def connected(url: str) -> Any:
    """Return a connection to a store's database."""
    address = read_address(url)
    if isinstance(address, Path):
        raise TypeError(address)
    return await asyncpg.connect(address.url)


class Grouping:
    """Plain group commit: a COPY of what arrived during the last one; no order, no tree, no receipt."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._queue: list[tuple[Row, asyncio.Future[None]]] = []
        self._work: asyncio.Task[None] | None = None

    def add(self, values: Row) -> asyncio.Future[None]:
        future = asyncio.get_running_loop().create_future()
        self._queue.append((values, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._commit())
        return future

    async def _commit(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            records = [values for values, _ in batch]
            await self._connection.copy_records_to_table("plain", columns=COLUMNS, records=records)
            for _, future in batch:
                future.set_result(None)


async def worker(url: str, keys: Path, orders: Connection) -> None:
    """Do what is ordered for so many seconds, and tell how it went, until there is no more to do."""
    pool = [await connected(url) for _ in range(CONNECTIONS // PROCESSES)]
    statements = [await connection.prepare(INSERT) for connection in pool]
    log, group = ProofLog.open(url, keys, origin=ORIGIN, timeout=30), Grouping(await connected(url))

    def ours(number: int) -> Any:
        return log.appended([choice(log, number)])

    def plain(number: int) -> Any:
        return group.add(row(log, number))

    def naive(statement: Any) -> Caller:
        return lambda number: statement.fetch(*row(log, number))

    callers: dict[str, list[Caller]] = {
        "ours": [ours] * CALLERS,
        "plain": [plain] * CALLERS,
        "naive": [naive(statement) for statement in statements],
    }
    loop = asyncio.get_running_loop()
    orders.send(None)
    while order := await loop.run_in_executor(None, orders.recv):
        spent = time.process_time()
        waits = await busy(callers[order[0]], order[1])
        orders.send((waits, time.process_time() - spent))
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


def one_round(name: str, seconds: float, cluster: Cluster, ends: list[Connection]) -> Round:
    """Let all processes do the same for so many seconds."""
    before = server_time(cluster)
    for end in ends:
        end.send((name, seconds))
    answers = [end.recv() for end in ends]
    waits = sorted(wait for waits, _ in answers for wait in waits)
    spent = sum(cpu for _, cpu in answers) + server_time(cluster) - before
    count = len(waits)
    middle, late = waits[count // 2] * 1e3, waits[count * 99 // 100] * 1e3
    return Round(f"postgres {name}", count / seconds, middle, late, 0.0, spent / count * 1e6)


def rounds_of(cluster: Cluster, url: str, keys: Path, rounds: int, seconds: float) -> list[Round]:
    """Return what each round came to, of all; the first round warms up."""
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
        for name in ("ours", "plain", "naive"):
            one = one_round(name, seconds if number else seconds / 4, cluster, ends)
            found += [one] if number else []
    for end in ends:
        end.send(None)
    for each in workers:
        each.join()
    return found


def measure(folder: Path, rounds: int, seconds: float) -> list[Round]:
    """Measure on a cluster in `folder`."""
    cluster = Cluster(room=folder)
    try:
        with tempfile.TemporaryDirectory() as place:
            keys, url = Path(place) / "keys", cluster.url("bench")
            Keys.open(keys, ORIGIN, create=True)
            ProofLog.open(url, keys, origin=ORIGIN).close()
            asyncio.run(plain_table(url))
            return rounds_of(cluster, url, keys, rounds, seconds)
    finally:
        cluster.remove()


async def plain_table(url: str) -> None:
    """Make the table that the others write to."""
    connection = await connected(url)
    await connection.execute(PLAIN)
    await connection.close()
