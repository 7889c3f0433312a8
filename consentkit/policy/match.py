"""Compiled indexes: URL -> service, inline script -> service, cookie name -> service."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from consentkit.policy.names import cookie_names
from consentkit.policy.registry import Service
from consentkit.policy.urls import UNSURE, Address, split_port, split_url

# A category of the site's own counts as the strictest.
_STRICTNESS: Final[dict[str, int]] = {"marketing": 0, "analytics": 1, "preferences": 2, "necessary": 3}
# import "…", import("…"), import … from "…", export … from "…": what isn't a bare name
_IMPORT: Final = re.compile(rb"\b(?:import(?=[^\w.;,:=)}]|\Z)|from(?=[^\w.;,:=()}]|\Z))")
_MODULE: Final = re.compile(
    rb"[\"'`]\s*+((?:[hH][tT][tT][pP][sS]?:)?//[^\"'`\s]{1,2048}|\.{0,2}/[^\"'`\s]{0,2048})"
)
# White space of ECMAScript, 12.2 and 12.3, in UTF-8; and what begins a comment (12.4, B.1.1).
_BLANK: Final = re.compile(
    rb"(?>(?:\s|\xc2?\xa0|\xef\xbb\xbf|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)*)"
    rb"(/\*|//|<!--|-->)?"
)
_LINE_END: Final = re.compile(rb"[\r\n]|\xe2\x80[\xa8\xa9]")
_COMMENT_END: Final = re.compile(rb"\*/")
_RELATIVE: Final = re.compile(r"\.|/(?!/)")
_IMPORTING: Final = frozenset((b"import", b"export"))
# Words of many scripts: a mark is looked for by one that it alone has, if it can.
_COMMON: Final = frozenset(
    b"Date G Map Player Widget accessToken analytics api boot cdn client com config create document embed"
    b" event ga google http https include init initialize js libs load loader metrika new npm onLoad open"
    b" pinterest platform player process push script scripts start static tag twitter use var widget window"
    b" www".split()
)


class Target(NamedTuple):
    """One URL pattern on a host: the path it starts with, its port (None: any), whose it is."""

    path: str
    port: int | None
    owner: str

    def covers(self, address: Address) -> bool:
        """Return whether the pattern covers an address on its host."""
        return address.path.startswith(self.path) and self.reaches(address)

    def reaches(self, address: Address) -> bool:
        """Return whether the pattern covers anything on the port of an address on its host."""
        return self.port is None or self.port in address.ports


class Places:
    """URL patterns, compiled once. Of several that match, the most specific one answers.

    An exact host before `*.`, a longer host before a shorter one, then the longer path, then the one with a
    port, then the one given first.
    """

    _HOSTS: Final = 4096

    def __init__(self, patterns: Iterable[tuple[str, str]]) -> None:
        self._exact: dict[str, list[Target]] = {}
        self._under: dict[str, list[Target]] = {}
        for pattern, owner in patterns:
            self._add(pattern, owner)
        for targets in (*self._exact.values(), *self._under.values()):
            targets.sort(key=lambda target: (-len(target.path), target.port is None))
        self._remembered = lru_cache(maxsize=self._HOSTS)(self._levels)

    def at(self, address: Address) -> tuple[list[Target], ...]:
        """The patterns on an address's host: those of the most specific host first."""
        if not self._exact and not self._under:
            return ()
        return () if address.is_ip and address.host not in self._exact else self._remembered(address.host)

    def covering(self, address: Address) -> Target | None:
        """The pattern that covers an address."""
        for level in self.at(address):
            for target in level:
                if target.covers(address):
                    return target
        return None

    def _add(self, pattern: str, owner: str) -> None:
        authority, slash, path = pattern.partition("/")
        host, port = split_port(authority)
        table = self._exact
        if host.startswith("*."):
            table, host = self._under, host[2:]
        target = Target(slash + path or "/", int(port) if port else None, owner)
        table.setdefault(host.lower(), []).append(target)

    def _levels(self, host: str) -> tuple[list[Target], ...]:
        levels = [self._exact[host]] if host in self._exact else []
        while host:
            if host in self._under:
                levels.append(self._under[host])
            host = host.partition(".")[2]
        return tuple(levels)


class Script(NamedTuple):
    """What an inline script says: the service of its marks, and which modules it imports, by whole URLs and
    by those `relative` to the document's base.
    """

    service: str | None
    imports: tuple[str, ...]
    relative: tuple[str, ...] = ()


class Scripts:
    """Marks of inline scripts, compiled once; what a script says is remembered, up to a total size.

    A mark is found where it stands, case-sensitively, if it doesn't begin or end in the middle of a word:
    so all its words are words of the script, and a script without one of them needs no further look.
    """

    _BYTES: Final = 4 << 20

    def __init__(self, services: Iterable[Service]) -> None:
        strict = sorted(services, key=lambda service: _STRICTNESS.get(service.category, 0))
        self._marks = [(mark.match.encode(), service.id) for service in strict for mark in service.inline]
        self._by_word: dict[bytes, list[int]] = {}
        for place, (mark, _) in enumerate(self._marks):
            self._by_word.setdefault(_telling(_words(mark)), []).append(place)
        self._wordless = self._by_word.pop(b"", [])
        self._telling = _IMPORTING.union(self._by_word)
        self._known: dict[bytes, Script] = {}
        self._size = 0

    def __call__(self, body: bytes) -> Script:
        """What an inline script says; of several services, one of the category that asks most.

        marketing, analytics, preferences, necessary in this order: a snippet that serves two must not run on
        the milder one's consent.
        """
        known = self._known.get(body)
        if known is not None:
            return known
        script = self._read(body)
        self._size += len(body) + 128
        if self._size > self._BYTES:
            self._known, self._size = {}, len(body) + 128
        self._known[body] = script
        return script

    def _read(self, body: bytes) -> Script:
        present = self._telling.intersection(_words(body))
        if not present and not self._wordless:
            return _SILENT
        places = [place for word in present for place in self._by_word.get(word, ())]
        marks = (self._marks[place] for place in sorted(places + self._wordless))
        service = next((service for mark, service in marks if _occurs(mark, body)), None)
        if _IMPORTING.isdisjoint(present):
            return Script(service, ())
        found = dict.fromkeys(url.decode("utf-8", "replace") for url in _modules(body))
        relative = tuple(url for url in found if _RELATIVE.match(url))
        return Script(service, tuple(url for url in found if url not in relative), relative)


_SILENT: Final = Script(None, ())


def _modules(body: bytes) -> Iterator[bytes]:
    """Yield the names of the modules that a script imports, but for bare ones."""
    gaps = _Gaps(body)
    for word in _IMPORT.finditer(body):
        at = gaps.end(word.end())
        if body[at : at + 1] == b"(" and word[0] == b"import":
            at = gaps.end(at + 1)
        module = _MODULE.match(body, at)
        if module is not None:
            yield module[1]


class _Gaps:
    """Where the white space and the comments end that stand somewhere in a script.

    Looked for anywhere, any number of times, in a time that grows with the script alone: what has been read
    is known, even though a comment may hold the word that a further look starts from.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._ends: dict[int, int] = {}
        self._ahead = {_COMMENT_END: (0, -1, 0), _LINE_END: (0, -1, 0)}

    def end(self, at: int) -> int:
        """The place behind the white space and the comments from `at` on."""
        passed: list[int] = []
        while at not in self._ends:
            passed.append(at)
            blank = _BLANK.match(self._body, at)
            assert blank is not None  # noqa: S101 - matches the empty string
            at = blank.end()
            if blank[1] is None:
                break
            at = self._behind(_COMMENT_END if blank[1] == b"/*" else _LINE_END, at)
        else:
            at = self._ends[at]
        self._ends.update(dict.fromkeys(passed, at))
        return at

    def _behind(self, sought: re.Pattern[bytes], at: int) -> int:
        start, found, end = self._ahead[sought]
        if not start <= at <= found:
            match = sought.search(self._body, at)
            found, end = match.span() if match is not None else (len(self._body),) * 2
            self._ahead[sought] = at, found, end
        return end


class Matcher:
    """The services' facts, compiled once."""

    def __init__(self, services: Iterable[Service]) -> None:
        services = list(services)
        self._places = Places((pattern.match, each.id) for each in services for pattern in each.urls)
        self._scripts = Scripts(services)
        self._cookies = cookie_names(services)

    def url(self, url: str) -> str | None:
        """The service whose pattern covers what a URL names; None if it is relative or nobody's.

        A protocol-relative URL counts as absolute, and so does `https:host/` (on an http page it is one).
        """
        address = split_url(url)
        if address is None or address.host == UNSURE:
            return None if address is None else UNSURE
        target = self._places.covering(address)
        return None if target is None else target.owner

    def host(self, url: str) -> str | None:
        """The service that has any pattern on a URL's host: for hints, which announce no path."""
        address = split_url(url)
        if address is None:
            return None
        for level in self._places.at(address):
            for target in reversed(level):
                if target.reaches(address):
                    return target.owner
        return None

    def inline(self, body: bytes) -> str | None:
        """The service whose mark is in an inline script, or that of a module which it imports."""
        script = self._scripts(body)
        return script.service or next(filter(None, map(self.url, script.imports)), None)

    def cookie(self, name: str) -> str | None:
        """The service that declares a cookie name."""
        stated = self._cookies(name)
        return None if stated is None else stated.service


def _is_word(byte: int) -> bool:
    return (byte < 128 and chr(byte).isalnum()) or byte == 0x5F


_NO_WORD: Final = bytes(byte if _is_word(byte) else 0x20 for byte in range(256))


def _words(text: bytes) -> list[bytes]:
    return text.translate(_NO_WORD).split()


def _telling(words: Iterable[bytes]) -> bytes:
    """The word by which a mark is looked for: the longest that isn't common, always the same one."""
    return max(words, key=lambda word: (word not in _COMMON, len(word), word), default=b"")


def _occurs(mark: bytes, body: bytes) -> bool:
    at = body.find(mark)
    while at >= 0:
        end = at + len(mark)
        begins_within = _is_word(mark[0]) and at > 0 and _is_word(body[at - 1])
        if not begins_within and not (_is_word(mark[-1]) and end < len(body) and _is_word(body[end])):
            return True
        at = body.find(mark, at + 1)
    return False
