"""URLs as browsers read them: WHATWG URL Standard, 4.4 (basic URL parser), for schemes that reach a host."""

import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import idna

UNSURE: Final = ""
"""The host of a URL of which nobody can say where it goes: browsers' Unicode tables differ, or it is huge."""

_ANY_PORT: Final = frozenset((80, 443))
_PORTS: Final[dict[str, frozenset[int]]] = {
    "": _ANY_PORT,
    **dict.fromkeys(("http:", "ws:"), frozenset((80,))),
    **dict.fromkeys(("https:", "wss:"), frozenset((443,))),
}
# What nearly every URL looks like. A last label that starts with a digit may be a part of an IPv4 address.
_PLAIN_HOST: Final = r"(https?:|wss?:)?//([a-z0-9._-]{1,200}\.[a-z][a-z-]*)"
_WITH_HOST: Final = re.compile(_PLAIN_HOST + r"(?:[/?#]|\Z)")
_WITH_PATH: Final = re.compile(_PLAIN_HOST + r"(/[^\\?#%\x00-\x20]*)?(?=[?#]|\Z)")
_TRIMMED: Final = "".join(map(chr, range(0x21)))
_SLASHES: Final = frozenset(("//", "/\\", "\\/", "\\\\"))
_SCHEME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_ABSOLUTE: Final = re.compile(
    r"(?:((?:https?|wss?):)[/\\]*|[/\\]{2,})([^/\\?#]*)([^?#]*)(\?[^#]*)?", re.IGNORECASE
)
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_IPV4_NUMBER: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_ZEROS: Final = re.compile(r"\b0(?::0)+\b")
_TAIL: Final = re.compile(r"[?#]")
# Letters, digits and -._~ mean the same escaped (RFC 3986, 6.2.2.2).
_ESCAPED: Final = re.compile(r"%(2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|7[eE])")
_DOTS: Final = {".": 1, "%2e": 1, "..": 2, ".%2e": 2, "%2e.": 2, "%2e%2e": 2}
# DNS carries 253 characters; what UTS 46 ignores or spells longer may come on top.
_LONGEST_HOST: Final = 1024


class Address(NamedTuple):
    """Where a URL goes: lower-case host without its trailing dot, ports it may mean, path from `/` on.

    The path is without dot segments, and without escapes that nothing needs: `/%61` is `/a`.
    """

    host: str
    ports: frozenset[int]
    path: str
    is_ip: bool


def split_url(url: str) -> Address | None:
    """Read an absolute or protocol-relative URL; None if it is relative, of another scheme, or invalid.

    `https:host` counts as absolute: on an http page it is. The host is `UNSURE` if it can't be told.
    """
    plain = _WITH_PATH.match(url)
    if plain is not None:
        scheme, host, path = plain.groups("")
        if "/." not in path:
            return Address(host, _PORTS[scheme], path or "/", False)
    found = _ABSOLUTE.match(_cleaned(url))
    if found is None:
        return None
    scheme, authority, path, _ = found.groups("")
    name, port = split_port(authority.rpartition("@")[2])
    ports = _ports(port) if port else _PORTS[scheme.lower()]
    where = _host(name) if ports else None
    if where is None:
        return None
    is_ip = where.startswith("[") or where.rpartition(".")[2].isdigit()
    path = _ESCAPED.sub(lambda each: chr(int(each[1], 16)), path) if "%" in path else path
    return Address(where, ports, _path(path.replace("\\", "/")), is_ip)


def plain_host(url: str) -> str | None:
    """The host of a URL that is written as nearly all are; None says nothing about it. Fast."""
    plain = _WITH_HOST.match(url)
    return None if plain is None else plain[2]


def split_port(where: str) -> tuple[str, str]:
    """`host:port` as its two parts; the port is "" if there is none."""
    if where.startswith("["):
        name, bracket, port = where.rpartition("]")
        return (name + bracket, port[1:]) if port[:1] in ("", ":") else (where, "")
    name, _, port = where.partition(":")
    return name, port


def joined(url: str, base: str) -> str:
    """A URL as it reads in a document whose base URL is `base` (WHATWG URL, 4.4, the states "relative …").

    Unchanged if it is absolute, or if `base` isn't an http(s) or ws(s) URL with a host: nothing is relative
    to `data:`, and what a relative base means only the page's own address says. A protocol-relative `base`
    counts as https where it matters: `https:x` is relative to it, `http:x` isn't.
    """
    found = _ABSOLUTE.match(_cleaned(base))
    if found is None or split_url(base) is None:
        return url
    rest = _cleaned(url)
    scheme, authority, path, query = found.groups("")
    own = _SCHEME.match(rest)
    if own is not None:
        after = rest[own.end() :]
        if own[0].lower() != (scheme.lower() or "https:") or after[:2] in _SLASHES:
            return f"{own[0]}//" + after.lstrip("/\\") if own[0].lower() in _PORTS else url
        rest = after
    if rest[:2] in _SLASHES:
        return scheme + rest
    root = f"{scheme}//{authority}"
    path = _path(path.replace("\\", "/"))
    if rest[:1] in ("?", "#", ""):
        return root + path + (rest if rest[:1] == "?" else query + rest)
    tail = _TAIL.search(rest)
    end = tail.start() if tail is not None else len(rest)
    target = rest[:end].replace("\\", "/")
    if not target.startswith("/"):
        target = path[: path.rindex("/") + 1] + target
    return root + _path(target) + rest[end:]


def _cleaned(url: str) -> str:
    return url.strip(_TRIMMED).replace("\t", "").replace("\n", "").replace("\r", "")


def _ports(port: str) -> frozenset[int]:
    """The port that is said; none if that is no port."""
    digits = (port.lstrip("0") or "0") if port.isascii() and port.isdigit() else ""
    return frozenset([int(digits)]) if 0 < len(digits) < 6 and int(digits) < 65536 else frozenset()


def _host(name: str) -> str | None:
    if name.startswith("["):
        return _ipv6(name)
    if len(name) > _LONGEST_HOST:
        return UNSURE
    host = name
    if "%" in name:
        host = unquote_to_bytes(name.encode("utf-8", "replace")).decode("utf-8", "replace")
    if not host.isascii():
        try:
            host = _ascii(host)
        except ValueError:  # an IDNAError, or a character that this Python's Unicode doesn't know
            return UNSURE
    host = host.lower()
    if not host or _FORBIDDEN.search(host):
        return None
    host = host.removesuffix(".")
    return _ipv4(host) if _IPV4_NUMBER.fullmatch(host.rpartition(".")[2]) else host


def _ascii(host: str) -> str:
    """The ASCII form of a name (UTS 46, 4: processing); raises ValueError if any of it is in doubt."""
    labels = idna.uts46_remap(host, std3_rules=False).split(".")
    read = [_decoded(label) if label.startswith("xn--") else label for label in labels]
    bidi = any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for label in read for char in label)
    for place, label in enumerate(read):
        if bidi and label:
            idna.check_bidi(label, check_ltr=True)
        if not label.isascii():
            idna.check_initial_combiner(label)
            joiners = [at for at, char in enumerate(label) if char in "\u200c\u200d"]
            if not all(idna.valid_contextj(label, at) for at in joiners):
                raise ValueError(label)
            labels[place] = "xn--" + label.encode("punycode").decode()
    return ".".join(labels)


def _decoded(label: str) -> str:
    text = label[4:].encode("ascii").decode("punycode")
    if text.isascii() or idna.uts46_remap(text, std3_rules=False) != text:
        raise ValueError(label)
    return text


def _ipv4(host: str) -> str | None:
    """The four-part form of any way to write an IPv4 address: `0x7f.1` is 127.0.0.1."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_IPV4_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return None
    address = numbers[-1] + sum(number * 256 ** (3 - place) for place, number in enumerate(numbers[:-1]))
    return ".".join(str(byte) for byte in address.to_bytes(4))


def _number(part: str) -> int:
    if part[:2] in ("0x", "0X"):
        return int(part[2:] or "0", 16)
    return int(part, 8 if part.startswith("0") and len(part) > 1 else 10)


def _ipv6(name: str) -> str | None:
    """The shortest form of an IPv6 address, in brackets; Python's own form differs between its versions."""
    if not name.endswith("]") or "%" in name:
        return None
    try:
        packed = IPv6Address(name[1:-1]).packed
    except AddressValueError:
        return None
    text = ":".join(f"{packed[at] << 8 | packed[at + 1]:x}" for at in range(0, 16, 2))
    zeros = max(_ZEROS.finditer(text), key=lambda run: len(run[0]), default=None)
    if zeros is not None:
        text = text[: zeros.start()].rstrip(":") + "::" + text[zeros.end() :].lstrip(":")
    return f"[{text}]"


def _path(path: str) -> str:
    """The path with its dot segments resolved (`%2e` is a dot); never empty."""
    if "/." not in path and "%2" not in path:
        return path or "/"
    kept: list[str] = []
    segments = path.split("/")[1:]
    dots = 0
    for segment in segments:
        dots = _DOTS.get(segment.lower(), 0) if len(segment) < 7 else 0
        if dots == 2:
            del kept[-1:]
        elif not dots:
            kept.append(segment)
    return "/" + "/".join([*kept, ""] if dots else kept)
