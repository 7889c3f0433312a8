"""Cookies in both directions: cut what is denied, expire what was withdrawn (A10, A17, L14)."""

from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from itertools import islice
from typing import Generic, TypeVar

LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
LONGEST_HOST = 253
MOST_LABELS = 8
MOST_NAMES = 60

Fact = TypeVar("Fact")
NOTHING = (None,)


class ByName(dict[bytes, Fact], Generic[Fact]):
    """What is known of a cookie by its name: `find` says it of a name not seen before.

    Looked up by the name's bytes as they stand in a header, spaces included: a site's names are few and come
    back with every request. What visitors make up is forgotten with the rest.
    """

    MOST = 4096

    def __init__(self, find: Callable[[str], Fact]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, raw: bytes) -> Fact:
        if len(self) >= self.MOST:
            self.clear()
        # A Set-Cookie without a value is a name up to its first attribute.
        self[raw] = found = self._find(raw.partition(b";")[0].decode("latin-1").strip())
        return found


def cut_cookies(header: bytes, categories: ByName[str | None], allowed: Callable[[], Iterable[str]]) -> bytes:
    """Return a Cookie header's value without denied cookies, the others byte for byte.

    `categories` names the one that governs a cookie, None where it needs no consent. `allowed` returns those
    that this visitor allows; it is called if any cookie needs one. Where nothing is cut, the header itself is
    returned.
    """
    pairs = header.split(b";")
    for pair in pairs:
        if categories[pair.partition(b"=")[0]] is not None:
            break
    else:
        return header  # as most are
    needed = [categories[pair.partition(b"=")[0]] for pair in pairs]
    denied = {*needed}.difference(allowed(), NOTHING)
    if not denied:
        return header
    return b";".join([pair for pair, need in zip(pairs, needed) if need not in denied]).lstrip()  # noqa: B905


def cookies_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a request's cookies: HTTP/2 may bring several headers, which stand for one (RFC 9113, 8.2.3)."""
    return b"; ".join([value for name, value in headers if name == b"cookie"])


def only_cookie(header: bytes, mark: bytes) -> bytes | None:
    """Return the value of the one cookie of a name (`mark` is the name and `=`) in a Cookie header's value.

    None where there is none, or more than one may be meant: `cookie_values` tells.
    """
    at = header.find(mark)
    if at < 0 or (at and header[at - 2 : at] != b"; ") or header.find(mark, at + 1) >= 0:
        return None
    end = header.find(b";", at)
    return header[at + len(mark) :] if end < 0 else header[at + len(mark) : end]


def cookie_values(header: bytes, name: bytes) -> list[bytes]:
    """Return the values of the cookies of one name in a Cookie header's value, in order."""
    if name not in header:
        return []
    pairs = (pair.strip().partition(b"=") for pair in header.split(b";"))
    return [value for each, mark, value in pairs if each == name and mark]


def cookie_names(header: bytes) -> Iterator[str]:
    """Yield the names in a Cookie header's value."""
    return (name for pair in header.split(b";") if (name := cookie_name(pair)))


def cookie_name(pair: bytes) -> str:
    """Return the name in a cookie pair or in a whole Set-Cookie value."""
    return pair.split(b";", 1)[0].split(b"=", 1)[0].decode("latin-1").strip()


def expiries(names: Iterable[str], host: str, paths: Iterable[str]) -> Iterator[str]:
    """Yield the Set-Cookie values that remove cookies wherever this site may have set them.

    A request doesn't tell a cookie's domain, so each name goes for the host alone and for every parent
    domain; browsers ignore the ones that are public suffixes. `host` without port. What one answer can
    carry is bounded: names beyond MOST_NAMES go with the next one.
    """
    domains = ["", *(f"; Domain={domain}" for domain in parent_domains(host))]
    rows = dict.fromkeys((name, path) for name in names for path in paths)
    for name, path in islice(rows, MOST_NAMES):
        # Browsers take nothing for these names, not even an end, without Secure (RFC 6265bis §4.1.3).
        secure = "; Secure" if name.startswith(("__Secure-", "__Host-")) else ""
        for domain in domains[:1] if name.startswith("__Host-") else domains:
            yield f"{name}=; Path={path}; Max-Age=0; Expires={LONG_AGO}{domain}{secure}"


def parent_domains(host: str) -> list[str]:
    """Return `host` and its parents of at least two labels; none for an address or a single label.

    Only the MOST_LABELS last labels count: a longer name is nobody's site, but could be made up to cost time.
    """
    bare = host.strip("[]").rstrip(".").lower()
    if len(bare) > LONGEST_HOST:
        return []
    try:
        ip_address(bare)
    except ValueError:
        labels = bare.split(".")
        first = max(0, len(labels) - MOST_LABELS)
        return [".".join(labels[start:]) for start in range(first, len(labels) - 1)]
    return []
