"""How much of Open Cookie Database the registry of known services recognises.

Run it with the path of that project's `open-cookie-database.csv` (Apache-2.0, github.com/jkwakman):

    python benchmarks/coverage.py open-cookie-database.csv

An entry is recognised by its name if a known service declares a cookie or storage key that it can mean; or by
its host if a known service's URLs lie on the domain that it is set for, as then it can't be set unasked. What
a service sets on its vendor's own domain counts by name only for an entry that says no domain.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import click

from consentkit.policy.names import Names, cookie_names, storage_names
from consentkit.policy.registry import Area, Service, known_services
from consentkit.policy.urls import split_port

ASKED: Final = ("Analytics", "Marketing")
MOST: Final = 200
EACH: Final = 5
"""So many entries of one platform at most: else fifteen of them would be all the common ones."""

FILLS: Final = ("x1", "_x1", "")
"""What an entry's `*` may stand for."""

# The platforms of Web Almanac 2024, Cookies (those that most sites have) come first; the rest is our
# judgement of how many European and American sites have them.
PLATFORMS: Final = tuple(
    """Google Analytics|Facebook|DoubleClick/Google Marketing|Bing / Microsoft|Youtube|Google Ads|Xandr
Google AdSense|Google|Google Tag Manager|Google Maps|Google Optimize|Microsoft|Hotjar|LinkedIn|X|TikTok
Pinterest|Snapchat|Reddit|Yandex.Metrica|Hubspot|Adobe Analytics|Adobe Audience Manager|Shopify|WordPress
WooCommerce|Matomo|Vimeo|Quantcast|ComScore|Amazon|Yahoo|The Tradedesk|PubMatic|Magnite|Casale Media|openx.net
Taboola|Outbrain|Adform|Teads|Smartadserver|ID5|Lotame|LiveIntent|bidswitch.net|TripleLift|SOVRN|FreeWheel
Improve Digital|Tapad|MediaMath|Rapleaf|BlueKai|Adobe Advertising|ContentSquare|Amplitude|Mixpanel
Heap Analytics|Crazy Egg|Lucky Orange|Optimizely|Visual Website Optimizer|ABTasty|Dynamic Yield|Klaviyo
Mailchimp|Marketo|Active Campaign|Braze|Customer.io|Salesforce|Piwik|Piano|AT Internet|Snowplow
Rudderstack|Chartbeat|Intercom|Disqus|Instagram|Typeform|Trustpilot|ShareThis|Media.net|Dotomi
CreativeCDN|Awin|Command Act""".replace("\n", "|").split("|")
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: whose it says it is, its name with `*` for what varies, and the domain it is set for."""

    platform: str
    category: str
    name: str
    domain: str


@dataclass(frozen=True, slots=True)
class Found:
    """The service that an entry is recognised as, and by what: its name or its host."""

    service: str
    by: str


class Registry:
    """What the known services declare, to be asked about entries."""

    def __init__(self, services: Iterable[Service]) -> None:
        services = list(services)
        self._cookies, self._keys = cookie_names(services), storage_names(services)
        self._vendors = Names((c.name, s.id) for s in services for c in s.cookies if c.domain == "vendor")
        self._hosts = {
            split_port(pattern.match.partition("/")[0])[0].removeprefix("*."): each.id
            for each in reversed(services)
            for pattern in each.urls
        }

    def __call__(self, entry: Entry) -> Found | None:
        """Return what recognises an entry, by its name first; None if nothing does."""
        for fill in FILLS if "*" in entry.name else ("",):
            named = self._named(entry.name.replace("*", fill), entry.domain)
            if named is not None:
                return Found(named, "name")
        host = next((service for host, service in self._hosts.items() if _meet(host, entry.domain)), None)
        return None if host is None else Found(host, "host")

    def _named(self, name: str, domain: str) -> str | None:
        stated = self._cookies(name)
        if stated is not None:
            return stated.service
        keys = (self._keys(f"{area}:{name}") for area in get_args(Area))
        return next(filter(None, keys), None) or (None if domain else self._vendors(name))


def _meet(host: str, domain: str) -> bool:
    """Whether requests to a host can set a cookie for a domain (RFC 6265bis, 5.1.3), or go below it."""
    return bool(domain) and (f".{host}".endswith(f".{domain}") or f".{domain}".endswith(f".{host}"))


def entries(path: Path) -> Iterator[Entry]:
    """Yield the rows about analytics and marketing, in the file's order."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["Category"] in ASKED:
                name = row["Cookie / Data Key name"].strip()
                glob = f"{name}*" if row["Wildcard match"] == "1" and "*" not in name else name
                domain = re.search(r"([a-z0-9-]+(?:\.[a-z0-9-]+)+)", row["Domain"].lower())
                yield Entry(row["Platform"].strip(), row["Category"], glob, domain[1] if domain else "")


def most_common(listed: list[Entry]) -> list[Entry]:
    """Return the first `EACH` entries of each of PLATFORMS, until there are `MOST`."""
    chosen = [
        entry
        for platform in PLATFORMS
        for entry in [each for each in listed if each.platform == platform][:EACH]
    ]
    return chosen[:MOST]


def _share(listed: list[Entry], registry: Registry) -> dict[str, Any]:
    found = [(entry, registry(entry)) for entry in listed]
    by = Counter(each.by if each else "" for _, each in found)
    return {
        "entries": len(listed),
        "recognised": len(listed) - by[""],
        "share": round((len(listed) - by[""]) / max(1, len(listed)), 3),
        "by name": by["name"],
        "by host": by["host"],
        "misses": [f"{entry.platform}: {entry.name}" for entry, each in found if each is None],
    }


@click.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="All misses, and what each common one is taken for.")
def main(path: Path, as_json: bool) -> None:
    """Report which entries of an Open Cookie Database file the known services recognise."""
    listed, registry = list(entries(path)), Registry(known_services().values())
    common = most_common(listed)
    shares = {"overall": _share(listed, registry), f"{MOST} most common": _share(common, registry)}
    if as_json:
        taken = {f"{entry.platform}: {entry.name}": str(registry(entry)) for entry in common}
        click.echo(json.dumps(shares | {"taken for": taken}, indent=1))
        return
    for what, share in shares.items():
        click.echo(
            f"{what}: {share['recognised']} of {share['entries']} ({share['share']:.1%}),"
            f" {share['by name']} by name, {share['by host']} by host"
        )
    for miss in shares[f"{MOST} most common"]["misses"]:
        click.echo(f"  {miss}")


if __name__ == "__main__":
    main()
