"""Cookies in both directions: cut what is denied, expire what was withdrawn (A10, A17, L14)."""

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate, chain, islice, product

from consentkit.policy.domains import cookie_domains

ROOM = 3584
"""Bytes of all the cookies that we set or end in one answer: a proxy's usual room for all of its headers is
4 KB, and the rest is the answer's own."""

MOST_NAMES = 60
MOST_DOMAINS = 6
MOST_PATHS = 11
LONGEST_LINE = 512

SPACE = b" \t"
"""What browsers take off a cookie's name (RFC 6265bis 5.6): other spaces of Latin-1 are a part of it."""

PARTITIONED = "; Secure; SameSite=None; Partitioned"
"""SameSite=None, so that browsers take it within another site's frame, too."""

# RFC 6265bis 4.1.3 and 5.4
_PREFIX = re.compile(r"__(?:secure-|(host-)?(http-)|(host-))", re.IGNORECASE)
_NOT_IN_PATH = re.compile(r"[^!-~]|[;?]")


def without_cookies(header: bytes, names: Collection[str]) -> bytes:
    """Return a Cookie header's value without the cookies of some names, the others byte for byte."""
    if not names:
        return header
    return b";".join([pair for pair in header.split(b";") if cookie_name(pair) not in names]).lstrip(SPACE)


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
    pairs = (pair.strip(SPACE).partition(b"=") for pair in header.split(b";"))
    return [value for each, mark, value in pairs if each == name and mark]


def cookie_names(header: bytes) -> Iterator[str]:
    """Yield the names in a Cookie header's value."""
    return (name for pair in header.split(b";") if (name := cookie_name(pair)))


def cookie_name(pair: bytes) -> str:
    """Return the name in a cookie pair or in a whole Set-Cookie value, or in what is before its `=`."""
    return pair.split(b";", 1)[0].split(b"=", 1)[0].strip(SPACE).decode("latin-1")


def expiries(
    names: Iterable[str], host: str, paths: Iterable[str], turn: int = 0, room: int = ROOM
) -> Iterator[str]:
    """Yield the Set-Cookie values that remove cookies wherever this site may have set them (A10, L14).

    A request tells neither a cookie's domain nor its path nor whether it is `Partitioned`, so each name goes
    for the host alone and every domain up to the registrable one, in both jars (CHIPS), on all `paths`.
    `host` without port, `names` and `paths` likeliest first, `paths` as from `paths_of`.

    One answer carries `room` bytes of it. Two thirds are for the likeliest, whatever the turn: each name on
    the first path, for the host alone and for the registrable domain, not partitioned. What doesn't fit takes
    turns in all that is left, as it goes with an answer to a later request, where the names that are gone
    don't come any more; `turn`, any number that grows, such as the present second, says which share it is. A
    line above LONGEST_LINE is left out: it is no tracker's; and so is one above a third of the room.
    """
    likely, others = places(names, host, paths, min(LONGEST_LINE, room // 3))
    sizes = accumulate(map(header_size, likely))
    at_once = likely[: sum(size <= room - room // 3 for size in sizes)]
    yield from at_once
    left = room - sum(map(header_size, at_once))
    yield from _share(chain(likely[len(at_once) :], others), left, turn)


def places(
    names: Iterable[str], host: str, paths: Iterable[str], longest: int = LONGEST_LINE
) -> tuple[list[str], Iterator[str]]:
    """Return the Set-Cookie values that remove cookies: from their likeliest places, and from all others.

    Arguments as for `expiries`, which tells more; `longest` is the most bytes of a line.
    """
    listed, placed = [*islice(dict.fromkeys(names), MOST_NAMES)], [*dict.fromkeys(paths)]
    first, deeper = placed[:1], placed[1:]
    ends = [f"; Domain={domain}" if domain else "" for domain in _widest_first(host)]
    likely = [*_lines(listed, first, ends[:2], ("",), longest)]
    between = _lines(listed, first, ends[2:], ("",), longest)
    others = _lines(listed, first, ends, (PARTITIONED,), longest)
    return likely, chain(between, others, _lines(listed, deeper, ends, ("", PARTITIONED), longest))


def paths_of(path: str) -> list[str]:
    """Return the paths that a cookie which comes with a request for `path` may have been set on.

    `path` as it stands in the request line; a query is ignored. First `/`, then each directory without and
    with the slash at its end, as browsers' default path and those who write a path themselves have it, then
    `path` itself (RFC 6265bis 5.1.4). At most MOST_PATHS, the outermost ones, and none from where `path`
    has a character that no cookie's path can have.
    """
    bare = _NOT_IN_PATH.split(path, maxsplit=1)[0]
    whole = len(bare) == len(path) or path[len(bare)] == "?"
    found = ["/"]
    at = bare.find("/", 1)
    while at > 0 and len(found) < MOST_PATHS:
        found += [bare[:at], bare[: at + 1]]
        at = bare.find("/", at + 1)
    return list(dict.fromkeys([*found, bare] if whole and bare.startswith("/") else found))[:MOST_PATHS]


def _widest_first(host: str) -> list[str]:
    """Trackers' cookies are mostly on the registrable domain; the host itself is never left out."""
    alone, *domains = cookie_domains(host)
    return list(dict.fromkeys([alone, *domains[: -MOST_DOMAINS + 1 : -1], *domains[:1]]))


def _lines(
    names: Iterable[str], paths: Iterable[str], ends: Iterable[str], jars: Iterable[str], longest: int
) -> Iterator[str]:
    for path, jar, name, end in product(paths, jars, names, ends):
        flags = jar
        # Browsers take nothing for these names, not even an end, unless it has what they promise.
        prefix = _PREFIX.match(name)
        if prefix is not None:
            if (prefix[1] or prefix[3]) and (end or path != "/"):
                continue
            flags = (jar or "; Secure") + ("; HttpOnly" if prefix[2] else "")
        line = f"{name}=; Path={path}; Max-Age=0{end}{flags}"
        if header_size(line) <= longest:
            yield line


def _share(lines: Iterable[str], room: int, turn: int) -> list[str]:
    """The turn's share of the lines; all of them where they fit."""
    shares: list[list[str]] = [[]]
    left = room
    for line in lines:
        left -= header_size(line)
        if left < 0:
            shares.append([])
            left = room - header_size(line)
        shares[-1].append(line)
    return shares[turn % len(shares)]


def header_size(line: str) -> int:
    """Return the bytes that a Set-Cookie value takes in an answer."""
    return len("set-cookie: \r\n") + len(line)
