"""URLs as browsers read them: WHATWG URL Standard, 4.4 (basic URL parser), for schemes that reach a host."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_TRIMMED: Final = "".join(map(chr, range(0x21)))
_DROPPED: Final = {ord(char): None for char in "\t\n\r"}
_ABSOLUTE: Final = re.compile(r"(?:(https?|wss?):[/\\]*|[/\\]{2,})([^/\\?#]*)([^?#]*)", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"[\x00-\x20#%/:<>?@\[\\\]^|\x7f]")
_IPV4_NUMBER: Final = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_PORT: Final = re.compile(r"0*[0-9]{0,5}")
# UTS 46 maps these to nothing, and these to a full stop.
# fmt: off
_IGNORED: Final = dict.fromkeys((
    0xAD, 0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0, *range(0x180B, 0x1810),
    *range(0x200B, 0x200E), *range(0x2060, 0x2065), *range(0xFE00, 0xFE10), *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
))
# fmt: on
_STOPS: Final = dict.fromkeys((0x3002, 0xFF0E, 0xFF61), ".")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a URL goes: lower-case host without its trailing dot, ports it may mean, path from `/` on."""

    host: str
    ports: frozenset[int]
    path: str
    is_ip: bool


def split_url(url: str) -> Address | None:
    """Read an absolute or protocol-relative URL; None if it is relative, of another scheme, or invalid."""
    found = _ABSOLUTE.match(url.strip(_TRIMMED).translate(_DROPPED))
    if found is None:
        return None
    scheme, authority, path = found.groups()
    where = authority.rpartition("@")[2]
    name, port = split_port(where)
    if port and (
        not (port.isascii() and port.isdigit()) or int(port[-9:]) > 65535 or len(port.lstrip("0")) > 5
    ):
        return None
    host = _host(name)
    if host is None:
        return None
    ports = frozenset([int(port)] if port else [_PORTS[scheme.lower()]] if scheme else [80, 443])
    is_ip = host.startswith("[") or host[-1:].isdigit()
    return Address(host, ports, _path(path.replace("\\", "/")), is_ip)


def split_port(where: str) -> tuple[str, str]:
    """`host:port` as its two parts; the port is "" if there is none."""
    if where.startswith("["):
        name, _, rest = where.partition("]")
        return name + "]", rest[1:]
    name, _, port = where.partition(":")
    return name, port


def _host(name: str) -> str | None:
    if name.startswith("["):
        return name.lower()
    host = unquote_to_bytes(name).decode("utf-8", "replace")
    if not host.isascii():
        mapped = host.translate(_IGNORED).translate(_STOPS)
        host = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", mapped).casefold())
    host = host.lower().removesuffix(".")
    if not host or _FORBIDDEN.search(host):
        return None
    if host.isascii():
        return _ipv4(host) if _IPV4_NUMBER.fullmatch(host.rpartition(".")[2]) else host
    return ".".join(map(_punycode, host.split(".")))


def _punycode(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def _ipv4(host: str) -> str | None:
    """The four-part form of any way to write an IPv4 address: `0x7f.1` is 127.0.0.1."""
    parts = host.split(".")
    if len(parts) > 4 or not all(_IPV4_NUMBER.fullmatch(part) and len(part) < 20 for part in parts):
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


def _path(path: str) -> str:
    """The path with its dot segments resolved (`%2e` is a dot); never empty."""
    if "/." not in path and "%2" not in path:
        return path or "/"
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        dots = re.sub("%2e", ".", segment, flags=re.IGNORECASE)
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
            continue
        if place == len(segments) - 1:
            kept.append("")
    return "/" + "/".join(kept)
