"""The visitor's country, and nothing finer: a lazy edge to geoip2 (D6, design §3.10)."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from consentkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from ipaddress import IPv4Network, IPv6Network


class Countries:
    """Looks up countries in the operator's own GeoIP2 or GeoLite2 country file.

    The address is used in memory and kept nowhere. Raises ConfigurationError if the file can't be read.
    """

    def __init__(self, database: str | Path) -> None:
        import geoip2.database  # brings aiohttp and requests along, so only when it is asked for

        try:
            self._reader = geoip2.database.Reader(str(database))
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"geo: {database} is no readable country file: {error}") from error

    def country(self, address: str) -> str | None:
        """Return the ISO 3166-1 code for an address, or None if it isn't known."""
        from geoip2.errors import GeoIP2Error

        try:
            return self._reader.country(address).country.iso_code
        except (GeoIP2Error, ValueError, TypeError):
            return None


def networks(names: "str | Iterable[str]") -> "list[IPv4Network | IPv6Network]":
    """Return the trusted proxies' networks; raises ConfigurationError naming a bad one."""
    try:
        return [ip_network(name) for name in ([names] if isinstance(names, str) else names)]
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
