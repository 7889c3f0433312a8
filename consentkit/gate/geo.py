"""The visitor's country, and its part where a law is a part's: a lazy edge to geoip2 (D6, design §3.10)."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.types import Scope

from consentkit.errors import ConfigurationError
from consentkit.gate.told import Told
from consentkit.policy.places import regime_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network

MOST: Final = 4096
"""Answers remembered of each kind: a page's visitor comes back for its parts."""
FORWARDED: Final = b"x-forwarded-for"
_IGNORED: Final = (
    "the header %s came from an address that is not among trusted_proxies, so it tells no country. If it is"
    " your proxy's, name its address, and let the server leave the connection's: uvicorn --no-proxy-headers"
)
_CODE: Final = re.compile(r"[A-Z]{2}")
_PART: Final = re.compile(r"[A-Z0-9]{1,3}")


class Spot(NamedTuple):
    """Where a visitor is: a country (ISO 3166-1 alpha-2), a part of it (ISO 3166-2 behind the country)."""

    country: str | None = None
    region: str | None = None


NOWHERE: Final = Spot()
Sent = tuple[tuple[bytes, bytes], ...]
"""The headers of a request that may tell a place."""


class Atlas:
    """Looks up addresses in the operator's file: of countries or cities (GeoIP2, GeoLite2), or a flat one.

    An address is used in memory and kept nowhere. Raises ConfigurationError if the file can't be read.
    """

    def __init__(self, database: str | Path) -> None:
        import geoip2.database  # brings aiohttp and requests along, so only when it is asked for
        import maxminddb  # what the former reads files with

        try:
            self._flat = maxminddb.open_database(str(database))
            self._kind = self._flat.metadata().database_type
            self._reader = geoip2.database.Reader(str(database))
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"geo: {database} is no readable country file: {error}") from error

    def spot(self, address: str) -> Spot:
        """Return where an address is, as far as the file tells."""
        from geoip2.errors import GeoIP2Error

        try:
            if "City" in self._kind or "Enterprise" in self._kind:
                found = self._reader.city(address)
                return Spot(
                    found.country.iso_code, found.subdivisions[0].iso_code if found.subdivisions else None
                )
            if "Country" in self._kind:
                return Spot(self._reader.country(address).country.iso_code)
            return _flat(self._flat.get(address))
        except (GeoIP2Error, ValueError, TypeError):
            return NOWHERE


def _flat(record: object) -> Spot:
    """Read a row of a file that isn't MaxMind's: its country's code stands under one of two names."""
    row = record if isinstance(record, dict) else {}
    named = [code for code in map(row.get, ("country_code", "country")) if isinstance(code, str)]
    return Spot(named[0].upper()) if named else NOWHERE


class Whereabouts:
    """Tells where requests come from: from headers that a trusted proxy wrote, else from the operator's file.

    `headers` are the names (any case) of those with a country's and with a region's code, "" for none. What a
    visitor's own request says counts for nothing, which the operator is told, once: a server that rewrites
    who connects, as uvicorn does, hides the proxy. A header that came twice tells no place.
    """

    def __init__(
        self,
        trusted: "Sequence[IPv4Network | IPv6Network]",
        atlas: Atlas | None = None,
        headers: tuple[str, str] = ("", ""),
    ) -> None:
        self._trusted = trusted
        self._atlas = atlas
        self._tell = Told()
        self._country, self._region = (name.lower().encode("latin-1") for name in headers)
        self._telling = frozenset({FORWARDED, self._country, self._region})
        # Addresses, in memory alone, and no more of them than are asked for again and again.
        self._spot = lru_cache(maxsize=MOST)(self._looked_up)
        self._regime = lru_cache(maxsize=MOST)(lambda *told: regime_of(*self._spot(*told)))

    @property
    def placing(self) -> bool:
        """Whether there is anything that tells a place."""
        return self._atlas is not None or bool(self._country)

    def address(self, scope: Scope) -> str | None:
        """Return the visitor's address, None if it can't be told."""
        return self._address(*self._told(scope))

    def spot(self, scope: Scope) -> Spot:
        """Return where the visitor is, as far as that can be told."""
        return self._spot(*self._told(scope))

    def regime(self, scope: Scope) -> str:
        """Return the regime of the place that a request comes from; UNKNOWN where nobody can tell."""
        return self._regime(*self._told(scope))

    def _told(self, scope: Scope) -> tuple[str, Sent]:
        """Who connects, and what else may tell a place: nothing more decides, so it can be remembered."""
        client, telling = scope.get("client"), self._telling
        told = [(name, value) for name, value in scope["headers"] if name in telling]
        return client[0] if client else "", tuple(told)

    def _address(self, peer: str, told: Sent) -> str | None:
        sent = b",".join(value for name, value in told if name == FORWARDED)
        return client_address(peer, sent.decode("latin-1"), self._trusted)

    def _looked_up(self, peer: str, told: Sent) -> Spot:
        near = _address(peer)
        countries = [value for name, value in told if self._country and name == self._country]
        if countries and near is not None and any(near in network for network in self._trusted):
            return _stated(countries, [value for name, value in told if name == self._region])
        if countries:
            self._tell(_IGNORED, self._country.decode("latin-1"))
        address = self._address(peer, told) if self._atlas else None
        return self._atlas.spot(address) if self._atlas and address else NOWHERE


def _stated(*sent: "Sequence[bytes]") -> Spot:
    """What a proxy's headers say: `XX` and `T1` are no countries, and a region may name its country, too."""
    country, region = (each[0].decode("latin-1").strip().upper() if len(each) == 1 else "" for each in sent)
    if not _CODE.fullmatch(country):
        return NOWHERE
    part = region.removeprefix(country + "-")
    return Spot(country, part if _PART.fullmatch(part) else None)


def networks(names: "str | Iterable[str]") -> "list[IPv4Network | IPv6Network]":
    """Return the trusted proxies' networks, of a text those between its commas.

    Raises ConfigurationError naming a bad one.
    """
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",") if name.strip()]
    try:
        return [ip_network(name) for name in names]
    except ValueError as error:
        raise ConfigurationError(f"trusted_proxies: {error}") from error


def client_address(peer: str, forwarded: str, trusted: "Sequence[IPv4Network | IPv6Network]") -> str | None:
    """Return the visitor's address: the last hop in X-Forwarded-For that no trusted proxy wrote.

    `peer` is the connection's own address; the header counts only as far as trusted proxies vouch for it.
    """
    for hop in [peer, *reversed([part.strip() for part in forwarded.split(",") if part.strip()])]:
        address = _address(hop)
        if address is None:
            return None
        if not any(address in network for network in trusted):
            return str(address)
    return None


def _address(hop: str) -> "IPv4Address | IPv6Address | None":
    """Read one hop: proxies also write `198.51.100.4:5678` and `[2001:db8::1]:443`."""
    bracketed = hop.startswith("[")
    bare = hop[1:].partition("]")[0] if bracketed else hop.partition(":")[0] if hop.count(":") == 1 else hop
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
