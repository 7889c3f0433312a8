"""What the proof log does, beside what one would do without it, in the same run.

    python benchmarks/prooflog.py [--json] [--rounds N] [--seconds S] [--folder FOLDER] [--only STORE]

Callers ask for a record and wait for the receipt before they ask for the next. "ours" commits to each entry,
hashes it into the tree, signs, commits to the disk, moves the guard, proves, and checks what it answers.
Beside it, with the same payloads and the same durability:

- "naive": a commit for each record. SQLite: one thread, WAL and FULL. PostgreSQL: prepared INSERTs over 64
  connections of the same two processes;
- "plain": group commit by natural batching and nothing else: no order, no tree, no signature, no receipt;
- "harness": making the records and waiting for them, with no log at all. It is part of every row's cost.

"+2 ms" are the same with 2 ms added to each sync (`tests/faults.c`, preloaded; needs a C compiler and Linux):
a disk behind a network. The cases take turns in each round; medians over the rounds are shown. "cpu" is
processor time a record in µs, everything in the process included, and the PostgreSQL server with it.

The files lie in FOLDER (the system's place for temporary files by default; memory would make syncing free,
and the naive log with it). Rates and waits are this machine's, whatever else it does slows them, ratios less.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from callers import Round, middle
from prooflog_postgres import measure as measure_postgres

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"


@dataclass(frozen=True)
class Bar:
    """What was to be reached, and what was; `most` when it may be at most that."""

    what: str
    found: float
    bar: float
    most: bool = False
    wish: bool = False

    @property
    def met(self) -> bool:
        return self.found <= self.bar if self.most else self.found >= self.bar

    def __str__(self) -> str:
        said = ("met" if self.met else "missed") if not self.wish else ("wish met" if self.met else "wish")
        return f"{said:<9} {self.found:>10,.2f}  {'<=' if self.most else '>='} {self.bar:>9,.2f}  {self.what}"


def measure_sqlite(folder: Path, rounds: int, seconds: float) -> tuple[list[Round], dict[str, float]]:
    """Run the SQLite rows in a process of their own; those with a slow disk only where one can be played."""
    with tempfile.TemporaryDirectory() as place:
        command = ["--rounds", str(rounds), "--seconds", str(seconds), "--folder", str(folder)]
        environment, compiler = dict(os.environ), shutil.which("cc") or shutil.which("gcc")
        if compiler and sys.platform == "linux":
            library = str(Path(place) / "faults.so")
            source = TESTS / "faults.c"
            subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
            environment["LD_PRELOAD"] = library
            command += ["--library", library]
        script = [sys.executable, str(HERE / "prooflog_sqlite.py"), *command]
        told = subprocess.run(script, env=environment, stdout=subprocess.PIPE, check=True).stdout
    value = json.loads(told)
    return [Round(**one) for one in value["rounds"]], value["size"]


def sqlite_bars(found: list[Round], size: dict[str, float]) -> Iterator[Bar]:
    """What the log in SQLite is measured by."""
    row = {name: middle(found, name) for name in {one.name for one in found}}
    yield Bar("x naive, 256 callers", row["ours 256"].rate / row["naive"].rate, 4)
    if "naive, +2 ms" in row:
        slow = row["ours 256, +2 ms"].rate / row["naive, +2 ms"].rate
        yield Bar("x naive, 256 callers, +2 ms", slow, 30)
    yield Bar("records/s, 1024 callers", row["ours 1024"].rate, 15_000)
    yield Bar("p99 in ms, 1024 callers", row["ours 1024"].p99, 100, most=True)
    yield Bar("p50 in ms, one caller", row["ours 1"].p50, 1, most=True)
    yield Bar("bytes a record in the file", size["bytes"], 1000, most=True)
    yield Bar("bytes of it the entry", size["entry"], 66, most=True)
    for count in (256, 1024):
        share = row[f"ours {count}"].rate / row[f"plain {count}"].rate
        yield Bar(f"of plain group commit, {count} callers", share, 0.8, wish=True)


def postgres_bars(found: list[Round]) -> Iterator[Bar]:
    """What the log in PostgreSQL is measured by."""
    ours, plain, naive = (middle(found, f"postgres {name}") for name in ("ours", "plain", "naive"))
    yield Bar("records/s in PostgreSQL, 2 x 512 callers", ours.rate, 20_000)
    yield Bar("x naive in PostgreSQL", ours.rate / naive.rate, 4)
    yield Bar("of plain group commit in PostgreSQL", ours.rate / plain.rate, 0.8, wish=True)


def shown(found: list[Round]) -> Iterator[str]:
    """Yield the table's lines."""
    heads = f"{'records/s':>10}{'(least - most)':>18}{'p50 ms':>9}{'p99 ms':>9}{'a commit':>10}{'cpu us':>8}"
    yield f"{'':<24}{heads}"
    for name in dict.fromkeys(one.name for one in found):
        one, rates = middle(found, name), [other.rate for other in found if other.name == name]
        spread = f"({min(rates):,.0f} - {max(rates):,.0f})"
        batch = f"{one.batch:,.0f}" if one.batch else ""
        yield (
            f"{name:<24}{one.rate:>10,.0f}{spread:>18}{one.p50:>9.2f}{one.p99:>9.2f}{batch:>10}{one.cost:>8.0f}"
        )


def main() -> None:
    """Measure, and print a table and the bars, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median counts")
    parser.add_argument("--seconds", type=float, default=1.5, help="how long each case lasts in a round")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the files lie"
    )
    parser.add_argument("--only", choices=["sqlite", "postgres"], help="one of the two stores")
    options = parser.parse_args()
    found, bars = list[Round](), list[Bar]()
    if options.only != "postgres":
        rows, size = measure_sqlite(options.folder, options.rounds, options.seconds)
        found, bars = rows, list(sqlite_bars(rows, size))
    if options.only != "sqlite":
        rows = measure_postgres(options.folder, options.rounds, options.seconds)
        found, bars = found + rows, bars + list(postgres_bars(rows))
    if options.json:
        told = [{"what": bar.what, "found": bar.found, "bar": bar.bar, "met": bar.met} for bar in bars]
        click.echo(orjson.dumps({"rounds": found, "bars": told}, option=orjson.OPT_INDENT_2))
        return
    for line in (*shown(found), "", *map(str, bars)):
        click.echo(line)


if __name__ == "__main__":
    main()
