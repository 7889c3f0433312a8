"""How fast and how exact the gate rewrites pages, beside others doing the same in the same run.

python benchmarks/markup.py [--pages FOLDER] [--rounds N] [--soups N] [--json] [--no-hostile]

Times are medians of interleaved rounds and mean nothing alone: the ratios do. Every page is given a nonce and
a token that differ in every response, as real applications do.
"""

# ruff: noqa: T201 - what it prints is what it is for

import argparse
import json
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

import oracle  # noqa: E402 - the judge is the tests' own
import soups  # noqa: E402
from candidates import Candidate, candidates, consentkit, rules_of  # noqa: E402
from hostile import CHUNKS, HOSTILE, MEGABYTE  # noqa: E402
from tricky import cases  # noqa: E402

from consentkit.gate.markup import Rewriter, Rules  # noqa: E402
from consentkit.policy.registry import known_services  # noqa: E402

PAGES: Final = ROOT / "node_modules" / "htmlparser-benchmark" / "files"
HEADLINE: Final = (80_000, 125_000)
SERVICES: Final = [each for each in known_services().values() if each.category != "necessary"]
GZIP_9, GZIP_4 = "gzip level 9 (GZipMiddleware's default)", "gzip level 4"


# Speed.


def varied(page: bytes, number: int) -> bytes:
    """The page as one more response of an application: with a nonce and a token of its own."""
    secret = random.Random(number).randbytes(16).hex().encode()  # noqa: S311 - not a secret
    token = b'<meta name="csrf-token" content="%b">' % secret
    page, heads = re.subn(rb"(<head\b[^>]*>)", rb"\1" + token, page, count=1)
    return re.sub(rb"<script\b", b'<script nonce="%b"' % secret[:22], page if heads else token + page)


@dataclass(slots=True)
class Timed:
    """The seconds of one candidate: a list of rounds for each page."""

    candidate: Candidate
    seconds: list[list[float]]

    def per_100kb(self, sizes: list[int]) -> float:
        """Milliseconds for 100 KB: the median page's, by the median of its rounds."""
        return statistics.median(
            statistics.median(rounds) * 1e8 / size
            for rounds, size in zip(self.seconds, sizes, strict=True)
            if rounds
        )

    def mb_per_second(self, sizes: list[int]) -> float:
        """All timed pages together."""
        done = [(statistics.median(r), size) for r, size in zip(self.seconds, sizes, strict=True) if r]
        return sum(size for _, size in done) / sum(seconds for seconds, _ in done) / 1e6


class Freshness:
    """Rules that know the page already (warm), other pages only (cold), or nothing at all (first)."""

    def __init__(self, pages: list[bytes]) -> None:
        self._warm, self._others = rules_of(SERVICES), pages[:4]
        for page in pages:
            consentkit(varied(page, -1), self._warm)

    def rules(self, how: str, page: bytes) -> Rules:
        """Return rules of that kind for one timing of a page."""
        if how == "warm":
            return self._warm
        fresh = rules_of(SERVICES)
        for other in self._others if how == "cold" else ():
            if other is not page:
                consentkit(other, fresh)
        return fresh


def race(pages: list[bytes], rounds: int) -> list[Timed]:
    """Time every candidate on every page, all of them once a round."""
    field = [Timed(candidate, [[] for _ in pages]) for candidate in candidates()]
    freshness = Freshness(pages)
    for number in range(rounds):
        for place, page in enumerate(pages):
            for turn, timed in enumerate(field):
                if timed.candidate.slow and (number or place % 5):
                    continue
                response = varied(page, number * len(field) + turn)
                rules = freshness.rules(timed.candidate.rules, page)
                started = time.process_time()
                try:
                    timed.candidate.rewrite(response, rules)
                except RuntimeError:  # python-lolhtml gives up on some pages
                    continue
                timed.seconds[place].append(time.process_time() - started)
    return field


# Exactness.


def harmless(judge: oracle.Judge, page: list[oracle.Element]) -> Counter[tuple[str, ...]]:
    """What a page loads and says that is nobody's business: a rewriter has to leave all of it."""
    kept: Counter[tuple[str, ...]] = Counter()
    for element, base in judge.bases(page):
        if not judge.may(element, base):
            urls = (element.attributes.get(name, "") for name in ("src", "href", "data", "srcset", "poster"))
            text = (
                element.text if element.name in ("script", "title", "textarea", "iframe", "noframes") else ""
            )
            kept[element.name, text, *urls] += 1
    return kept


def exact(candidate: Candidate, page: bytes, rules: Rules, judge: oracle.Judge) -> bool:
    """Whether nothing that loads from the tracker is left, and everything else is."""
    try:
        after = oracle.elements(candidate.rewrite(page, rules)[0])
    except Exception:  # noqa: BLE001 - a candidate that raises has failed
        return False
    return not judge.reached(after) and not harmless(judge, oracle.elements(page)) - harmless(judge, after)


def exactness(number: int) -> dict[str, tuple[int, int]]:
    """For each candidate that is judged: tricky cases passed, and soups that come out wrong."""
    judge, rules = oracle.Judge([soups.TRACKER]), rules_of([soups.TRACKER])
    table = cases()
    for page, expected in table.items():
        owned = [e.name for e, base in judge.bases(oracle.elements(page)) if judge.must(e, base)]
        if sorted(owned) != sorted(expected):
            sys.exit(f"html5lib sees {owned} load on {page!r}, not {expected}")
    sample = [soups.page(f"bench {seed}", "html", ways=False) for seed in range(number)]
    sample = [page for page in sample if b"javascript:" not in page]
    found = {}
    for candidate in candidates():
        if candidate.judged:
            passed = sum(exact(candidate, page, rules, judge) for page in table)
            wrong = sum(not exact(candidate, page, rules, judge) for page in sample)
            found[candidate.name] = (passed, wrong)
    return found


# Hostile pages.


def hostile_seconds(make: Callable[[int], bytes], chunk: int, rules: Rules) -> tuple[float, float, int]:
    """Seconds for a MB of it in chunks of a size, how many times that two MB take, the bytes held at most.

    In chunks of one byte a sixteenth is fed, and counted sixteen times. Two MB, not half a one, because
    what is longer than a MB is decided otherwise.
    """
    part = 16 if chunk == 1 else 1
    whole, held = _fed(make(MEGABYTE // part), chunk, rules)
    double, _ = _fed(make(MEGABYTE * 2 // part), chunk, rules)
    return whole * part, double / max(whole, 1e-3), held


def _fed(page: bytes, chunk: int, rules: Rules) -> tuple[float, int]:
    rewriter, out, held = Rewriter(rules, b"<script></script>"), 0, 0
    step = chunk or len(page)
    started = time.process_time()
    for at in range(0, len(page), step):
        out += len(rewriter.feed(page[at : at + step]))
        held = max(held, at + step - out)
    rewriter.close()
    return time.process_time() - started, held


def hostile() -> Iterator[dict[str, Any]]:
    """Yield a row for each hostile page, worst chunk size first in mind: seconds, linearity, bytes held."""
    for name, make in HOSTILE.items():
        row: dict[str, Any] = {"page": name, "seconds": {}, "linearity": {}, "held": 0}
        for chunk in CHUNKS:
            seconds, linearity, held = hostile_seconds(make, chunk, rules_of([soups.TRACKER]))
            row["seconds"][chunk], row["linearity"][chunk] = seconds, linearity
            row["held"] = max(row["held"], held - chunk)
        # What is over in a few milliseconds says nothing about linearity.
        row["ok"] = all(
            (seconds <= 1 or chunk == 1) and (seconds < 0.1 or row["linearity"][chunk] < 3)
            for chunk, seconds in row["seconds"].items()
        )
        yield row


# The report.


def report(timed: list[Timed], sizes: list[int], judged: dict[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """The rows of the table."""
    reference = next(each for each in timed if each.candidate.name == GZIP_9).per_100kb(sizes)
    rows = []
    for each in timed:
        passed, wrong = judged.get(each.candidate.name, (None, None))
        per_100kb = each.per_100kb(sizes)
        rows.append(
            {
                "candidate": each.candidate.name,
                "mb_per_s": each.mb_per_second(sizes),
                "ms_per_100kb": per_100kb,
                "x_gzip_9": per_100kb / reference,
                "streams": each.candidate.streams,
                "tricky": passed,
                "fuzz_wrong": wrong,
            }
        )
    return rows


def bars(rows: list[dict[str, Any]]) -> dict[str, tuple[bool, str]]:
    """The bars P4 to P6: met or not, and by how much."""
    ms = {row["candidate"]: row["ms_per_100kb"] for row in rows}
    ours, cold, lol = ms["consentkit, whole"], ms["consentkit, cold decisions"], ms["python-lolhtml"]
    by_nine, by_four = ours / ms[GZIP_9], ours / ms[GZIP_4]
    four, half = (ms[f"consentkit, {size} chunks"] / ours for size in ("4 KB", "512 B"))
    return {
        "P4": (
            by_nine <= 0.6 and by_four <= 1.0,
            f"{by_nine:.2f} x gzip 9 (bar 0.60), {by_four:.2f} x gzip 4 (bar 1.00), warm",
        ),
        "P5": (
            (ours <= 0.8 and cold <= 1.2) or cold <= 2 * lol,
            (
                f"{ours:.2f} ms/100 KB warm (bar 0.80), {cold:.2f} cold (bar 1.20), "
                f"cold {cold / lol:.1f} x python-lolhtml doing the same (bar 2.0)"
            ),
        ),
        "P6": (
            four <= 2 and half <= 4,
            f"4 KB chunks {four:.2f} x the whole page (bar 2), 512 B chunks {half:.2f} x (bar 4)",
        ),
    }


def show(rows: list[dict[str, Any]], tricky: int, fuzz: int) -> None:
    """Print the table."""
    print(f"{'':41}  MB/s  ms/100KB  x gzip 9  streams  tricky/{tricky}  wrong of {fuzz}")
    for row in rows:
        exactly = "" if row["tricky"] is None else f"{row['tricky']:9}  {row['fuzz_wrong']:12}"
        print(
            f"{row['candidate']:41}{row['mb_per_s']:6.1f}{row['ms_per_100kb']:10.2f}{row['x_gzip_9']:10.2f}"
            f"  {row['streams']:7}{exactly}"
        )


def show_hostile(rows: list[dict[str, Any]]) -> None:
    """Print P7: every page that misses it, and the slowest of the others."""
    print("\nP7: a hostile MB takes at most 1 s, and twice the page at most 3 times as long")
    worst = sorted(rows, key=lambda row: (row["ok"], -row["seconds"][0]))
    for row in worst[: max(8, sum(not row["ok"] for row in rows))]:
        times = "  ".join(
            f"{chunk or 'whole'}: {seconds:.2f} s ({row['linearity'][chunk]:.1f} x)"
            for chunk, seconds in row["seconds"].items()
        )
        print(f"  {'met   ' if row['ok'] else 'MISSED'} {row['page']:38} {times}  held {row['held']:,}")


def main() -> int:
    """Run everything; returns 0 whatever the figures are."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--pages", type=Path, default=PAGES, help="a folder of .html files")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--most", type=int, default=30, help="how many pages at most")
    options.add_argument("--soups", type=int, default=2_000)
    options.add_argument("--no-hostile", action="store_true")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    found = [path.read_bytes() for path in sorted(given.pages.glob("*.html"))]
    pages = [page for page in found if HEADLINE[0] <= len(page) <= HEADLINE[1]][: given.most]
    if not pages:
        sys.exit(f"No pages of 80 to 125 KB in {given.pages}: run npm install, or name a folder with --pages")
    timed = race(pages, given.rounds)
    rows = report(timed, [len(page) for page in pages], exactness(given.soups))
    verdicts = bars(rows)
    rough = [] if given.no_hostile else list(hostile())
    if rough:
        missed = [row["page"] for row in rough if not row["ok"]]
        verdicts["P7"] = (
            not missed,
            f"{len(rough) - len(missed)} of {len(rough)} hostile pages within the bar",
        )
    if given.json:
        print(json.dumps({"pages": len(pages), "rows": rows, "bars": verdicts, "hostile": rough}, indent=1))
        return 0
    print(f"{len(pages)} pages of 80 to 125 KB, {given.rounds} rounds, {len(SERVICES)} services\n")
    show(rows, len(cases()), given.soups)
    print()
    for name, (met, words) in verdicts.items():
        print(f"{name} {'met   ' if met else 'MISSED'} {words}")
    if rough:
        show_hostile(rough)
    return 0


if __name__ == "__main__":
    sys.exit(main())
