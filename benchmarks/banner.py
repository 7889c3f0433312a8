"""What consentkit costs a visitor's first view, beside other consent dialogs from npm.

    python benchmarks/banner.py [--json] [--loads N] [--folder FOLDER] [--no-loads]

Bytes: of what a first view downloads to ask, each file compressed by itself, as servers do: gzip 9 and
brotli 11. The others are fetched into FOLDER once, and none of their code is run. c15t is bundled with
esbuild for its banner alone, without React, which its sites have anyway.

Loads: the demonstration's policy, so with a guard of ten services, over a slow network (150 ms, 1.6 Mbit/s)
and with a processor slowed to a quarter. Loads with and without us take turns, and medians are compared.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import brotli
import click
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import Traffic, launched, serving, settle  # noqa: E402 - the browser is the tests' own
from playwright.sync_api import Browser  # noqa: E402

from consentkit import ConsentMiddleware  # noqa: E402
from consentkit.demo.run import POLICY  # noqa: E402
from consentkit.edition import Edition  # noqa: E402

PACKAGES = (
    *("vanilla-cookieconsent@3.1.0", "klaro@0.7.22", "tarteaucitronjs@1.34.0"),
    *("@c15t/react@2.2.1", "c15t@2.2.1", "react@19", "react-dom@19"),
)
OTHERS = {
    "vanilla-cookieconsent": [
        "vanilla-cookieconsent/dist/cookieconsent" + end for end in (".umd.js", ".css")
    ],
    "Klaro": ["klaro/dist/klaro.js"],
    "tarteaucitron": [
        "tarteaucitronjs/" + name
        for name in (
            *("tarteaucitron.min.js", "tarteaucitron.services.min.js"),
            *("lang/tarteaucitron.en.min.js", "css/tarteaucitron.min.css"),
        )
    ],
    "c15t (React banner)": ["../c15t.js", "../c15t.css"],
}
C15T = """import { ConsentManagerProvider, ConsentBanner } from "@c15t/react";
import "@c15t/react/styles.css";
globalThis.drawn = [ConsentManagerProvider, ConsentBanner];"""
PARTS = {
    "starter, in each page": ("starter.js",),
    "guard, its table and rare ways": ("guard.js", "ways.js"),
    "kernel": ("kernel.js",),
    "first layer: script, styles, words": ("banner.js", "banner.css", "notice-en.json"),
    "an answer": ("choice.js",),
    "second layer": ("preferences.js", "preferences.css", "details-en.json"),
    "revival": ("revive.js",),
    "placeholders": ("placeholders.js",),
    "trackers' ends": ("sync.js",),
}
FIRST_VIEW = tuple(PARTS)[:4]
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Shop</title><link rel=icon href="data:,"></head>
<body><h1>Tea and kettles</h1><img src="/hero.svg" width="600" height="400" alt="">%s</body></html>"""
TEXT = "<p>" + "Leaves from gardens that we know, dried slowly and sent on Mondays. " * 12 + "</p>"
HERO = "<svg xmlns='http://www.w3.org/2000/svg' width='600' height='400'>%s</svg>"
FOUND = """async () => {
  const kept = { longtask: [], "largest-contentful-paint": [] };
  for (const type in kept)
    new PerformanceObserver((list) => kept[type].push(...list.getEntries()))
      .observe({ type, buffered: true });
  await new Promise((done) => setTimeout(done, 100));
  const { longtask: long, "largest-contentful-paint": largest } = kept;
  return [largest.at(-1).startTime, long.length, Math.max(0, ...long.map((each) => each.duration)),
    largest.at(-1).element?.localName];
}"""
SLOW = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 90_000}


@dataclass(frozen=True, slots=True)
class Size:
    """Some files' bytes, as they are and compressed one by one."""

    name: str
    raw: int
    gzip: int
    brotli: int


@dataclass(frozen=True, slots=True)
class Loads:
    """Medians of loads: when the largest content stood (ms), tasks over 50 ms, the longest of them (ms)."""

    name: str
    largest_ms: float
    long_tasks: float
    longest_ms: float


def size(name: str, files: list[bytes]) -> Size:
    """Return the sizes of some files together."""
    return Size(
        name,
        sum(map(len, files)),
        sum(len(gzip.compress(each, 9)) for each in files),
        sum(len(brotli.compress(each)) for each in files),
    )


def ours(edition: Edition) -> Iterator[Size]:
    """Yield what a first view of an undecided visitor loads, and each part."""
    files = {item.name: item.body for item in edition.served.values()}
    bodies = {part: [files[name] for name in names] for part, names in PARTS.items()}
    plain = [body for part in FIRST_VIEW if "guard" not in part for body in bodies[part]]
    yield size("consentkit, asking", plain)
    yield size("consentkit, asking, with the guard", [body for part in FIRST_VIEW for body in bodies[part]])
    for part in PARTS:
        yield size(f"  {part}", bodies[part])


def others(folder: Path) -> Iterator[Size]:
    """Yield what each of the others has a first view load; fetches them into `folder` if need be."""
    modules = folder / "node_modules"
    if not (folder / "c15t.js").exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--silent", "--ignore-scripts", "--no-package-lock", "--prefix", str(folder)]
        subprocess.run([*npm, *PACKAGES], check=True)
        (folder / "entry.js").write_text(C15T)
        bundle = ["--bundle", "--minify", "--format=esm", "--external:react*", "--log-level=error"]
        production = '--define:process.env.NODE_ENV="production"'
        esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
        subprocess.run(
            [esbuild, "entry.js", *bundle, production, "--outfile=c15t.js"], cwd=folder, check=True
        )
    for name, paths in OTHERS.items():
        yield size(name, [(modules / path).read_bytes() for path in paths])


def page() -> Starlette:
    """Return a page of text with one large picture."""

    async def show(_: Request) -> Response:
        return HTMLResponse(PAGE % (TEXT * 40))

    async def hero(_: Request) -> Response:
        shapes = "".join(f"<circle cx='{n * 7 % 600}' cy='{n * 11 % 400}' r='9'/>" for n in range(400))
        return Response(HERO % shapes, media_type="image/svg+xml")

    return Starlette(routes=[Route("/", show), Route("/hero.svg", hero)])


def load(browser: Browser, origin: str, *, asks: bool) -> list[Any]:
    """Load a page as a new visitor; returns what FOUND says, once the page is silent."""
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
    Traffic.of(context)
    tab = context.new_page()
    slow = context.new_cdp_session(tab)
    slow.send("Network.emulateNetworkConditions", SLOW)
    slow.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    tab.goto(origin)
    # Counted outside the page: to ask it whether the dialog stands would be a task of its own.
    settle(tab)
    found: list[Any] = tab.evaluate(FOUND)
    if asks and not tab.get_by_role("dialog").count():
        raise RuntimeError(f"{origin} was silent before it asked")
    context.close()
    return found


def site_of(folder: Path, *, guard: bool) -> ConsentMiddleware:
    """Return the page behind the middleware, its log and keys in `folder`."""
    policy = tomllib.loads(POLICY.read_text("utf-8")) | {"pages": {"guard": guard}}
    store, keys = f"sqlite:///{folder}/log.db", folder / "keys"
    secret = "of no use beyond this benchmark"  # noqa: S105
    return ConsentMiddleware(page(), policy=policy, secret_key=secret, store=store, keys=keys)


def loads(sites: dict[str, ConsentMiddleware], rounds: int) -> Iterator[Loads]:
    """Yield medians of the page without us, with us, and without us again: the noise between equals."""
    found: dict[str, list[list[Any]]] = {name: [] for name in ("without", *sites, "without, again")}
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"
    with ExitStack() as running:
        bare = running.enter_context(serving(page(), "localhost"))
        origins = {name: running.enter_context(serving(site, "localhost")) for name, site in sites.items()}
        browser = running.enter_context(launched(nowhere))
        for _ in range(rounds + 1):
            for name, kept in found.items():
                kept.append(load(browser, origins.get(name, bare), asks=name in sites))
    for name, rows in found.items():  # the first round warms up
        largest, count, longest = (statistics.median(row[place] for row in rows[1:]) for place in range(3))
        yield Loads(name, largest, count, longest)


def printed(sizes: list[Size], found: list[Loads]) -> Iterator[str]:
    """Yield the tables' lines."""
    yield f"{'bytes of a first view':<40}{'raw':>10}{'gzip 9':>10}{'brotli 11':>11}"
    yield from (f"{row.name:<40}{row.raw:>10}{row.gzip:>10}{row.brotli:>11}" for row in sizes)
    yield ""
    yield f"{'processor / 4, slow network':<40}{'LCP ms':>10}{'tasks':>10}{'longest ms':>11}"
    for row in found:
        yield f"{row.name:<40}{row.largest_ms:>10.0f}{row.long_tasks:>10.1f}{row.longest_ms:>11.0f}"


def main() -> None:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--loads", type=int, default=9, help="loads of which the median counts")
    parser.add_argument("--no-loads", action="store_true", help="bytes only, without a browser")
    kept = Path(tempfile.gettempdir()) / "consentkit-others"
    parser.add_argument("--folder", type=Path, default=kept, help="where the others are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sites = {}
        for name, guard in (("consentkit", True), ("consentkit, no guard", False)):
            (Path(folder) / name).mkdir()
            sites[name] = site_of(Path(folder) / name, guard=guard)
        sizes = [*ours(sites["consentkit"].kit.edition), *others(options.folder)]
        found = [] if options.no_loads else list(loads(sites, options.loads))
        for site in sites.values():
            site.kit.close()
    if options.json:
        click.echo(json.dumps({"sizes": [*map(asdict, sizes)], "loads": [*map(asdict, found)]}, indent=2))
    else:
        click.echo("\n".join(printed(sizes, found)))


if __name__ == "__main__":
    main()
