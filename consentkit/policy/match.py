"""Compiled indexes: URL -> service, inline script -> service, cookie name -> service."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from consentkit.policy.registry import Service
from consentkit.policy.urls import Address, split_port, split_url

# A category of the site's own counts as the strictest.
_STRICTNESS: Final[dict[str, int]] = {"marketing": 0, "analytics": 1, "preferences": 2, "necessary": 3}
# import "…", import("…"), import … from "…", export … from "…"
_IMPORT: Final = re.compile(
    rb"\b(?:import\s*+(?:\(\s*+)?|from\s*+)[\"'`]\s*+((?:https?:)?//[^\"'`\s]{1,2048})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Target:
    """What follows the host in a pattern, and whose it is; `port` None stands for any."""

    path: str
    port: int | None
    service: str

    def covers(self, address: Address) -> bool:
        return address.path.startswith(self.path) and (self.port is None or self.port in address.ports)


class _Memo:
    """Remembers answers about bytes, up to a total size; then starts afresh."""

    _BYTES: Final = 4 << 20

    def __init__(self, ask: Callable[[bytes], str | None]) -> None:
        self._ask = ask
        self._known: dict[bytes, str | None] = {}
        self._size = 0

    def __call__(self, body: bytes) -> str | None:
        try:
            return self._known[body]
        except KeyError:
            answer = self._ask(body)
        self._size += len(body) + 128
        if self._size > self._BYTES:
            self._known, self._size = {}, len(body) + 128
        self._known[body] = answer
        return answer


class _Marks:
    """Finds marks in scripts by their words.

    Wherever a mark occurs, its longest word lies within one word of the script. Scripts are made of words
    seen before; those that hold no mark's word are remembered, so that a new script costs splitting it and a
    look at its few new words.
    """

    _WORDS: Final = 1 << 15
    _LONGEST: Final = 64

    def __init__(self, marks: Iterable[tuple[bytes, str]]) -> None:
        self._marks = [(mark, max(_words(mark), key=len, default=b""), service) for mark, service in marks]
        words = {word for _, word, _ in self._marks}
        self._any = re.compile(b"|".join(map(re.escape, sorted(words)))) if words else None
        self._innocent: set[bytes] = set()

    def whose(self, body: bytes) -> str | None:
        """The service of the first of the marks, in the order given, that occurs in the script."""
        if self._any is None:
            return None
        fresh = set(_words(body)).difference(self._innocent)
        guilty = (
            {word for word in fresh if self._any.search(word)}
            if self._any.search(b" ".join(fresh))
            else set()
        )
        if len(self._innocent) > self._WORDS:
            self._innocent = set()
        self._innocent.update(word for word in fresh - guilty if len(word) <= self._LONGEST)
        for mark, word, service in self._marks if guilty else ():
            if any(word in other for other in guilty) and mark in body:
                return service
        return None


class Matcher:
    """The patterns of services, compiled once. Of several that match, the most specific one answers."""

    def __init__(self, services: Iterable[Service]) -> None:
        services = list(services)
        self._exact: dict[str, list[_Target]] = {}
        self._under: dict[str, list[_Target]] = {}
        for service in services:
            for pattern in service.urls:
                self._add_url(pattern.match, service.id)
        for targets in (*self._exact.values(), *self._under.values()):
            targets.sort(key=lambda target: (-len(target.path), target.port is None))
        # A site's own cookie may well have the name of one on a vendor's domain (`uid`, `session`).
        own = [(c.name, s.id) for s in services for c in s.cookies if c.domain == "site"]
        self._cookies = {name: service for name, service in own if "*" not in name}
        globs = {name: service for name, service in own if "*" in name}
        longest_first = sorted(globs.items(), key=lambda glob: -len(glob[0]))
        self._globs = [(_glob(name), service) for name, service in longest_first]
        self._glob_owner = lru_cache(maxsize=4096)(self._first_glob)  # a site's names are few and come back
        strict = sorted(services, key=lambda service: _STRICTNESS.get(service.category, 0))
        self._marks = _Marks(
            (mark.match.encode(), service.id) for service in strict for mark in service.inline
        )
        self._inline = _Memo(lambda body: self._marks.whose(body) or self._imported(body))

    def url(self, url: str) -> str | None:
        """The service whose pattern covers what a URL names; None if it is relative or nobody's.

        A protocol-relative URL counts as absolute, and so does `https:host/` (on an http page it is one).
        """
        address = split_url(url)
        if address is None:
            return None
        for targets in self._targets(address):
            for target in targets:
                if target.covers(address):
                    return target.service
        return None

    def host(self, url: str) -> str | None:
        """The service that has any pattern on a URL's host: for hints, which announce no path."""
        address = split_url(url)
        if address is None:
            return None
        for targets in self._targets(address):
            for target in reversed(targets):
                if target.port is None or target.port in address.ports:
                    return target.service
        return None

    def inline(self, body: bytes) -> str | None:
        """The service whose mark is in an inline script; of several, one of the category that asks most.

        marketing, analytics, preferences, necessary in this order: a snippet that serves two must not run on
        the milder one's consent. Without any, the service of a module that it imports by a whole URL.
        """
        return self._inline(body)

    def _imported(self, body: bytes) -> str | None:
        """The service of the first module that a script imports by a whole URL, in either form of import."""
        found = _IMPORT.finditer(body) if b"import" in body or b"export" in body else ()
        hits = (self.url(each[1].decode("utf-8", "replace")) for each in found)
        return next((hit for hit in hits if hit is not None), None)

    def cookie(self, name: str) -> str | None:
        """The service that declares a cookie name; exact beats glob, a longer glob a shorter one."""
        exact = self._cookies.get(name)
        return exact if exact is not None else self._glob_owner(name)

    def _first_glob(self, name: str) -> str | None:
        return next((service for glob, service in self._globs if glob.fullmatch(name)), None)

    def _add_url(self, pattern: str, service: str) -> None:
        authority, slash, path = pattern.partition("/")
        host, port = split_port(authority)
        table = self._exact
        if host.startswith("*."):
            table, host = self._under, host[2:]
        target = _Target(slash + path or "/", int(port) if port else None, service)
        table.setdefault(host.lower(), []).append(target)

    def _targets(self, address: Address) -> Iterable[list[_Target]]:
        host = address.host
        if host in self._exact:
            yield self._exact[host]
        while host:
            if host in self._under:
                yield self._under[host]
            host = "" if address.is_ip else host.partition(".")[2]


_NO_WORD: Final = bytes(
    byte if (chr(byte).isalnum() and byte < 128) or byte == 0x5F else 0x20 for byte in range(256)
)


def _words(text: bytes) -> list[bytes]:
    return text.translate(_NO_WORD).split()


def _glob(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
