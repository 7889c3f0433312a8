"""Cookies in both directions: cut what is denied, expire what was withdrawn (A10, A17, L14)."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

Denied = Callable[[str], bool]
"""Whether a cookie, by name, belongs to a tracker this visitor doesn't allow."""


def cut_cookies(header: bytes, denied: Denied) -> bytes:
    """Return a Cookie header's value without denied cookies, the others byte for byte."""
    pairs = header.split(b";")
    kept = [pair for pair in pairs if not denied(cookie_name(pair))]
    return header if len(kept) == len(pairs) else b";".join(kept).lstrip()


def cookie_names(header: bytes) -> Iterator[str]:
    """Yield the names in a Cookie header's value."""
    return (name for pair in header.split(b";") if (name := cookie_name(pair)))


def cookie_name(pair: bytes) -> str:
    """Return the name in a cookie pair or in a whole Set-Cookie value."""
    return pair.split(b";", 1)[0].split(b"=", 1)[0].strip().decode("latin-1")


def expiries(names: Iterable[str], host: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield the Set-Cookie values that remove cookies wherever this site may have set them.

    A request doesn't tell a cookie's domain, so each name goes for the host alone and for every parent
    domain; browsers ignore the ones that are public suffixes. `host` without port.
    """
    domains = ["", *(f"; Domain={domain}" for domain in parent_domains(host))]
    rows = dict.fromkeys((name, path) for name in names for path in paths)
    for name, path in rows:
        for domain in domains:
            yield f"{name}=; Path={path}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{domain}"


def parent_domains(host: str) -> list[str]:
    """Return `host` and its parents of at least two labels; none for an address or a single label."""
    bare = host.strip("[]").rstrip(".").lower()
    try:
        ip_address(bare)
    except ValueError:
        labels = bare.split(".")
        return [".".join(labels[start:]) for start in range(len(labels) - 1)]
    return []
