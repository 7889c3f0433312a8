"""What it costs to tell where a request comes from and who sends it, warm: at most 2 µs each.

`python benchmarks/where_and_who.py`. Rounds are interleaved and the medians of process time compared, with a
small work of Python's own beside them, so that a slow machine shows: reading one cookie with the standard
library.
"""

import sys
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time_ns
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from consentkit.gate.geo import Atlas, Whereabouts, networks
from consentkit.gate.ua import is_bot

ROUNDS, CALLS = 41, 2_000
BAR = 2.0
BROWSER = (
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
NAMES = ("host", "accept", "accept-language", "accept-encoding", "sec-fetch-dest", "sec-fetch-mode", "cookie")


def _scope() -> dict[str, Any]:
    headers = [(name.encode(), b"something like this") for name in NAMES]
    told = [(b"user-agent", BROWSER), (b"x-forwarded-for", b"198.51.100.4"), (b"cf-ipcountry", b"US")]
    return {"client": ("192.0.2.7", 5), "headers": [*headers, *told, (b"cf-region-code", b"CA")]}


def _atlas(folder: str) -> Atlas:
    writer = MMDBWriter(6, "GeoLite2-City", ipv4_compatible=True)
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "FR"}})
    path = Path(folder) / "cities.mmdb"
    writer.to_db_file(str(path))
    return Atlas(path)


def _cookie() -> None:
    SimpleCookie("session=0123456789abcdef")


def measured(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the microseconds that each of these takes, the median of interleaved rounds."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            start = process_time_ns()
            for _ in range(CALLS):
                work()
            times[name].append((process_time_ns() - start) / CALLS / 1e3)
    return {name: median(each) for name, each in times.items()}


def main() -> int:
    """Print what each costs, against the bar and against a cookie of the standard library's."""
    scope = _scope()
    with TemporaryDirectory() as folder:
        trusted = networks("192.0.2.0/24")
        header = Whereabouts(trusted, headers=("cf-ipcountry", "cf-region-code"))
        file = Whereabouts(trusted, _atlas(folder))
        works: dict[str, Callable[[], object]] = {
            "geo, by a proxy's header": lambda: header.regime(scope),
            "geo, by the operator's file": lambda: file.regime(scope),
            "ua, bot or person": lambda: is_bot(scope["headers"]),
        }
        took = measured({**works, "SimpleCookie": _cookie})
    beside = took.pop("SimpleCookie")
    for name, each in took.items():
        row = f"{name:28} {each:5.2f} µs {each / BAR:5.2f} of the bar {each / beside:5.2f} of SimpleCookie"
        sys.stdout.write(row + "\n")
    return int(any(each > BAR for each in took.values()))


if __name__ == "__main__":
    sys.exit(main())
