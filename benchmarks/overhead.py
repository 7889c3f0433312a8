"""What consentkit costs a request, beside what sites already pay for sessions and compression.

    python benchmarks/overhead.py [--json] [--rounds N] [--pages FOLDER]

Everything runs in this process, as ASGI: no server, no network. The cases take turns within each round, and
medians of processor time over the rounds are compared, so that a busy machine slows all of them alike.
"cost" is what a middleware adds to the same route without it; "x Session" is that cost over what Starlette's
SessionMiddleware adds to a route that reads a session cookie (the only cookie in the reference's request).

The visitors: 10,000 distinct sealed consents, cycled, so that nothing remembered about a visitor is there
when they come back; "one consent" is the same one at every request. Beside it their requests bring

- "nothing to filter": a session's cookie, or seven ordinary ones. Nothing then depends on the consent, so it
  isn't even opened: what P1 is about, as most requests of most sites are like that;
- "10 trackers": their cookies, which are cut unless the consent, now opened, allows them; and where the
  answer has Set-Cookie, the tracker's one of three is held back: what P2 is about.

Who allowed the trackers brings their anchors as well, in a second sealed cookie. Pages that "differ" have
another nonce and another token in every response.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

import click
import orjson
import shop
from shop import App, Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

from consentkit import ConsentMiddleware
from consentkit.gate.state import Seal

VISITORS = 10_000
REFERENCE = "SessionMiddleware, cookie read"
MANY = {"quiet": 200, "same": 200, "own": 5}
"""Requests of a page in a row. Before each row everything is collected, which leaves processor caches cold:
what costs little has to come as often as in the other rows to be compared to them."""


@dataclass
class Case:
    """One row: an application, and the requests it gets in turn; `base` names the row it is compared to."""

    name: str
    app: App
    requests: Iterator[tuple[str, Headers]]
    base: str = ""
    many: int = 200
    samples: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One printed line: microseconds a request, what of it the middleware costs, and the ratios."""

    name: str
    us: float
    cost: float | None
    x_session: float | None


@dataclass(frozen=True)
class Bar:
    """One bar of the issue, and whether this run met it."""

    id: str
    says: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        return self.value <= self.limit


# Measuring --------------------------------------------------------------------------------------------------


async def once(app: App, path: str, headers: Headers) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 4711),
        "server": ("shop.example", 443),
        "state": {},
    }
    await app(scope, _receive, _send)


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    pass


async def measure(cases: list[Case], rounds: int) -> dict[str, float]:
    """Return the median microseconds of a request in each case."""
    for case in cases:
        await batch(case)
        await batch(case)
    for _ in range(rounds):
        for case in cases:
            case.samples.append(await batch(case))
    return {case.name: statistics.median(case.samples) * 1e6 for case in cases}


async def batch(case: Case) -> float:
    """Return the seconds of one of the next `many` requests of a case."""
    requests = [next(case.requests) for _ in range(case.many)]
    gc.collect()
    gc.disable()
    started = time.process_time()
    for path, headers in requests:
        await once(case.app, path, headers)
    spent = time.process_time() - started
    gc.enable()
    return spent / case.many


# The cases --------------------------------------------------------------------------------------------------


def requests(
    path: str, kind: Headers, cookies: Iterator[bytes] | None = None
) -> Iterator[tuple[str, Headers]]:
    """Yield requests for a path, each with the next of the Cookie headers."""
    plain = [*shop.BROWSER, *kind, shop.GZIP]
    if cookies is None:
        yield from repeat((path, plain))
    else:
        yield from ((path, [*plain, (b"cookie", cookie)]) for cookie in cookies)


def cases(folder: Path, own_pages: list[bytes]) -> list[Case]:
    """Return every row of the table, references first."""
    quiet, plain, large = (
        shop.page(size, trackers=trackers)
        for size, trackers in ((29_000, False), (29_000, True), (100_000, True))
    )
    pages: dict[str, Iterator[bytes]] = {
        "quiet": repeat(quiet),
        "quiet-differs": shop.differing(quiet),
        "same": repeat(plain),
        "29": shop.differing(plain),
        "100": shop.differing(large),
        **({"own": cycle(own_pages)} if own_pages else {}),
    }
    site = shop.site(pages)
    ours = ConsentMiddleware(
        site,
        policy=shop.POLICY,
        secret_key=shop.SECRET,
        store=f"sqlite:///{folder}/log.db",
        keys=folder / "keys",
    )
    seal = Seal(shop.SECRET, ours.kit.log.vkey)
    sealed = shop.visitors(seal, ours.kit.edition.policy.version, VISITORS)
    queues = visits(sealed)
    session = SessionMiddleware(site, secret_key=shop.SECRET)
    return [
        *references(site, session),
        *small(site, ours, queues),
        *html(site, ours, queues, pages),
    ]


def visits(sealed: list[bytes]) -> dict[str, Iterator[bytes] | None]:
    """Return the Cookie headers of requests, by what they bring.

    One queue of visitors for all rows: who comes back does so after 9,999 others, whatever they asked for.
    """
    queue = cycle(sealed)
    beside = {
        "nothing to filter": shop.SESSION,
        "7 ordinary cookies": shop.ORDINARY,
        "10 trackers": shop.TRACKERS + b"; " + shop.SESSION,
    }
    brought: dict[str, Iterator[bytes] | None] = {"no cookies": None}
    for what, others in beside.items():
        brought[f"{what}, distinct consents"] = map((others + b"; ").__add__, queue)
        brought[f"{what}, one consent"] = repeat(others + b"; " + sealed[0])
    return brought


def references(site: App, session: App) -> list[Case]:
    """Return what sites already run."""
    signed = shop.session_cookie(shop.SECRET)
    data = "Starlette, JSON"
    return [
        Case(data, site, requests("/data", shop.FOR_DATA)),
        Case("ASGI middleware that does nothing", shop.Nothing(site), requests("/data", shop.FOR_DATA), data),
        Case("SessionMiddleware, untouched", session, requests("/data", shop.FOR_DATA), data),
        Case(REFERENCE, session, requests("/session", shop.FOR_DATA, repeat(signed)), data),
        Case(
            REFERENCE + " beside 7 others",
            session,
            requests("/session", shop.FOR_DATA, repeat(signed + b"; " + shop.ORDINARY)),
            data,
        ),
    ]


def small(site: App, ours: App, queues: Mapping[str, Iterator[bytes] | None]) -> list[Case]:
    """Return the answers that aren't pages: data, cookies set, not modified, images."""
    rows = []
    for name, path, kind in (
        ("JSON", "/data", shop.FOR_DATA),
        ("JSON, 3 Set-Cookie", "/cookies", shop.FOR_DATA),
        ("304", "/unchanged", shop.FOR_PAGE),
        ("image", "/image", shop.FOR_IMAGE),
    ):
        base = f"Starlette, {name}"
        if name != "JSON":
            rows.append(Case(base, site, requests(path, kind)))
        rows += [
            Case(f"consentkit, {name}: {what}", ours, requests(path, kind, queue), base)
            for what, queue in queues.items()
        ]
    return rows


def html(
    site: App, ours: App, queues: Mapping[str, Iterator[bytes] | None], pages: Iterable[str]
) -> list[Case]:
    """Return the pages: bare, rewritten by us, and compressed by Starlette's own middleware."""
    rows = []
    for page in pages:
        path, base, many = f"/html/{page}", f"Starlette, page {page}", MANY.get(page, 40)
        rows.append(Case(base, site, requests(path, shop.FOR_PAGE), many=many))
        for what in ("nothing to filter", "10 trackers") if page == "quiet" else ("10 trackers",):
            queue = queues[f"{what}, distinct consents"]
            name = f"consentkit, page {page}: {what}, distinct consents"
            rows.append(Case(name, ours, requests(path, shop.FOR_PAGE, queue), base, many))
        if page in ("29", "100", "own"):
            rows += [
                Case(
                    f"GZip {level}, page {page}",
                    GZipMiddleware(site, compresslevel=level),
                    requests(path, shop.FOR_PAGE),
                    base,
                    max(1, many // 4),
                )
                for level in (9, 4)
            ]
    return rows


# Saying it --------------------------------------------------------------------------------------------------


def rows_of(cases: list[Case], us: dict[str, float]) -> list[Row]:
    """Return what is printed: each case with its cost over the same route alone."""
    costs = {case.name: us[case.name] - us[case.base] for case in cases if case.base}
    return [
        Row(
            case.name,
            round(us[case.name], 2),
            round(costs[case.name], 2) if case.base else None,
            round(costs[case.name] / costs[REFERENCE], 3) if case.base else None,
        )
        for case in cases
    ]


def bars_of(rows: list[Row]) -> list[Bar]:
    """Return the bars P1 to P4 with what this run measured against each."""
    cost = {row.name: row.cost or 0.0 for row in rows}
    distinct = {row.name.removesuffix(", distinct consents"): row.x_session or 0.0 for row in rows}
    gzip = {
        (size, level): cost[f"consentkit, page {size}: 10 trackers, distinct consents"]
        / cost[f"GZip {level}, page {size}"]
        for size in ("29", "100")
        for level in (9, 4)
    }
    first = [
        (
            "P1",
            f"an answer that is no page (worst of JSON, 304, image), {what}",
            max(distinct[f"consentkit, {kind}: {what}"] for kind in ("JSON", "304", "image")),
            0.30,
        )
        for what in ("nothing to filter", "7 ordinary cookies")
    ]
    return [
        *(Bar(id_, f"{says}, x Session", value, limit) for id_, says, value, limit in first),
        Bar(
            "P2",
            "cookies and Set-Cookie filtered, 10 trackers, x Session",
            distinct["consentkit, JSON, 3 Set-Cookie: 10 trackers"],
            0.40,
        ),
        *(
            Bar(
                "P3",
                f"a page that only gets the starter, {what}, x Session",
                distinct[f"consentkit, page quiet: {what}"],
                0.60,
            )
            for what in ("nothing to filter", "10 trackers")
        ),
        *(
            Bar("P4", f"a {size} KB page rewritten, differing, x GZip {level}", gzip[size, level], limit)
            for size in ("29", "100")
            for level, limit in ((9, 0.60), (4, 1.00))
        ),
    ]


def printed(rows: list[Row], bars: list[Bar]) -> Iterator[str]:
    """Yield the table's lines."""
    yield f"{'us/request':>74}{'cost':>10}{'x Session':>11}"
    for row in rows:
        cost = f"{row.cost:10.1f}{row.x_session:11.2f}" if row.cost is not None else ""
        yield f"{row.name:<64}{row.us:>10.1f}{cost}"
    yield ""
    for bar in bars:
        met = "met" if bar.met else "NOT MET"
        yield f"{bar.id}  {bar.value:5.2f} (bar {bar.limit:.2f})  {met:<8} {bar.says}"


def main() -> None:
    """Measure, and print the table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rounds", type=int, default=24, help="rounds of which the median counts")
    parser.add_argument("--pages", type=Path, help="a folder of .html files, as a further row")
    options = parser.parse_args()
    own = [path.read_bytes() for path in sorted(options.pages.glob("*.html"))] if options.pages else []
    with tempfile.TemporaryDirectory() as folder:
        table = cases(Path(folder), own)
        rows = rows_of(table, asyncio.run(measure(table, options.rounds)))
        next(case.app for case in table if isinstance(case.app, ConsentMiddleware)).kit.close()
    bars = bars_of(rows)
    if options.json:
        found = {
            "rows": [asdict(row) for row in rows],
            "bars": [asdict(bar) | {"met": bar.met} for bar in bars],
        }
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(printed(rows, bars)))


if __name__ == "__main__":
    main()
