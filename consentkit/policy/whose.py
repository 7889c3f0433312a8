"""Whose is this URL or this inline script, and may it pass: the rules by which pages are rewritten."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote

from consentkit.policy.document import OPTIONAL_CATEGORIES
from consentkit.policy.match import Places, Scripts, Target
from consentkit.policy.registry import Service
from consentkit.policy.urls import UNSURE, Address, plain_host, split_url
from consentkit.policy.version import Policy

Seen = tuple[str, str]
"""What to count: its kind, and the name of a host, a service or a pattern."""

_ORDINARY: Final = re.compile(r"[a-z0-9.:\[\]_-]{1,253}")


class _Answer(NamedTuple):
    blocked: str | None
    seen: Seen | None
    address: Address | None


_RELATIVE: Final = _Answer(None, None, None)


class _Facts:
    """What a policy says about URLs and scripts, whatever the host of the page."""

    _ANSWERS: Final = 4096
    _LONGEST: Final = 1024

    def __init__(self, declared: Sequence[Service], known: Iterable[Service], allow: Iterable[str]) -> None:
        self.necessary = frozenset(each.id for each in declared if each.category == "necessary")
        held_back = [each for each in (*declared, *known) if each.category != "necessary"]
        # Of two that claim the same, the one that needs consent comes first.
        services = (*held_back, *(each for each in declared if each.id in self.necessary))
        self._places = Places((pattern.match, each.id) for each in services for pattern in each.urls)
        self._allowed = Places((pattern, pattern) for pattern in allow)
        self.script = Scripts(held_back)
        self.wherever = lru_cache(maxsize=self._ANSWERS)(self._wherever)
        self._fetched = lru_cache(maxsize=self._ANSWERS)(self._fetch)
        self._announced = lru_cache(maxsize=self._ANSWERS)(self._announce)

    def fetched(self, url: str) -> _Answer:
        return self._fetched(url) if len(url) <= self._LONGEST else self._fetch(url)

    def announced(self, url: str) -> _Answer:
        return self._announced(url) if len(url) <= self._LONGEST else self._announce(url)

    def _fetch(self, url: str) -> _Answer:
        host = plain_host(url)
        if host is not None and (answer := self.wherever(host)) is not None:
            return answer
        address = split_url(url)
        if address is None:
            return _RELATIVE
        target = self._places.covering(address)
        if target is not None and target.owner not in self.necessary:
            return _Answer(target.owner, None, address)
        return self._passing(address, target or self._allowed.covering(address))

    def _wherever(self, host: str) -> _Answer | None:
        """The answer on every URL of a host on which there is no pattern."""
        address = Address(host, frozenset(), "", False)
        return None if self._places.at(address) or self._allowed.at(address) else self._passing(address, None)

    def _announce(self, url: str) -> _Answer:
        """The answer on a URL of which only the host counts; any of its services may be meant."""
        address = split_url(url)
        if address is None:
            return _RELATIVE
        passing: Target | None = None
        for level in self._places.at(address):
            for target in reversed(level):
                if not target.reaches(address):
                    continue
                if target.owner not in self.necessary:
                    return _Answer(target.owner, None, address)
                passing = passing or target
            if passing is not None and passing.path == "/":
                break  # what is less specific has no say on this host
        allowed = (
            target for level in self._allowed.at(address) for target in level if target.reaches(address)
        )
        return self._passing(address, passing or next(allowed, None))

    def _passing(self, address: Address, target: Target | None) -> _Answer:
        if address.host == UNSURE:
            return _Answer("", None, address)
        seen = ("undeclared", _named(address.host)) if target is None else ("passed", target.owner)
        return _Answer(None, seen, address)


class Whose:
    """The rules of one policy, for the pages of one host if unknown third parties are blocked.

    Compared and hashed by identity. A URL that is relative, invalid, or of a scheme that reaches no host is
    nobody's; one that can't be read for certain is blocked as the service "".
    """

    _SITES: Final = 8
    """Hosts whose rules, and with them what is remembered of their pages, are kept at once: visitors can
    make up any number of them."""

    def __init__(
        self,
        declared: Iterable[Service],
        known: Iterable[Service] = (),
        *,
        categories: Iterable[str] = OPTIONAL_CATEGORIES,
        allow: Iterable[str] = (),
        aliases: Iterable[str] = (),
        strict: bool = False,
    ) -> None:
        """Compile the rules: `declared` services of the site, further `known` ones, `allow`ed patterns.

        `strict` blocks every host of which none of them says anything; else it is only reported. `known`
        services that are necessary say nothing: visitors weren't told about them.
        """
        services = tuple(declared)
        self.aliases: tuple[str, ...] = tuple(aliases)
        self._categories: Mapping[str, str] = {each.id: each.category for each in services}
        self._asked = frozenset(categories)
        self._facts = _Facts(services, known, allow)
        self._strict = strict
        self._own = ""
        self._alike = lru_cache(maxsize=4096)(self._wherever)
        self._sites = lru_cache(maxsize=self._SITES)(self._site)

    def at(self, host: str) -> "Whose":
        """The rules on pages of `host`, a request's `Host` header; they differ by host in strict mode only.

        The same object for the same host, as long as it is among the 8 hosts asked for last.
        A page's own are its host without a leading `www.` and everything below that.
        """
        if not self._strict:
            return self
        address = split_url(f"//{host}")
        return self._sites(address.host.removeprefix("www.") if address is not None else "")

    def url(self, url: str) -> str | None:
        """The service as which a URL that is fetched is blocked; `?host` for a host that nobody declared."""
        return self._blocked(self._facts.fetched(url))

    def host(self, url: str) -> str | None:
        """The service as which a URL that only announces its host is blocked (preconnect, dns-prefetch)."""
        return self._blocked(self._facts.announced(url))

    def inline(self, body: bytes) -> str | None:
        """The service as which an inline script is blocked: that of its marks, or of a module it imports."""
        script = self._facts.script(body)
        if script.service is not None or not script.imports:
            return script.service
        return next((hit for hit in map(self.url, script.imports) if hit is not None), None)

    def imports(self, body: bytes) -> tuple[str, ...]:
        """The relative URLs of modules that an inline script imports: its document's base says whose."""
        return self._facts.script(body).relative

    def anybodys(self, url: str) -> bool:
        """Return whether on a URL's host everything is blocked alike, so nothing: no pattern is about it."""
        host = plain_host(url)
        alike = None if host is None else self._alike(host)
        return alike is not None and alike[0] is None

    def answer(self, url: str) -> tuple[str | None, Seen | None]:
        """Return what `url` says, and what `seen` says if that is None: both for one look."""
        host = plain_host(url)
        if host is not None and (alike := self._alike(host)) is not None:
            return alike
        hit = self.url(url)
        return hit, self.seen(url) if hit is None else None

    def seen(self, url: str) -> Seen | None:
        """What to count about a URL that isn't blocked: a declared necessary service or an allowed pattern
        as "passed", any other host but the page's own as "undeclared"; nothing about a relative one.

        Without strict rules the page's own host isn't known here, so it is among the undeclared.
        """
        answer = self._facts.fetched(url)
        seen, address = answer.seen, answer.address
        if seen is None or address is None or seen[0] != "undeclared":
            return seen
        # A hint names no path, and what it prepares may well be declared with one.
        if address.path == "/":
            seen = self._facts.announced(url).seen or seen
        return None if seen[0] == "undeclared" and self._is_own(address) else seen

    def category(self, service: str) -> str | None:
        """The category of a service that the site declares; None for any other."""
        return self._categories.get(service)

    def asks(self, category: str) -> bool:
        """Return whether visitors are asked about a category."""
        return category in self._asked

    def _wherever(self, host: str) -> tuple[str | None, Seen | None] | None:
        """The answer on all URLs of a host, if no pattern is about any of them."""
        answer = self._facts.wherever(host)
        if answer is None or answer.address is None:
            return None
        hit = self._blocked(answer)
        return hit, None if hit is not None or self._is_own(answer.address) else answer.seen

    def _blocked(self, answer: _Answer) -> str | None:
        if not self._strict or answer.blocked is not None or answer.seen is None or answer.address is None:
            return answer.blocked
        kind, name = answer.seen
        return None if kind != "undeclared" or self._is_own(answer.address) else f"?{name}"

    def _is_own(self, address: Address) -> bool:
        own = self._own
        return bool(own) and (address.host == own or address.host.endswith(f".{own}"))

    def _site(self, own: str) -> "Whose":
        site = object.__new__(Whose)
        site.__dict__.update(self.__dict__, _own=own)
        site._alike = lru_cache(maxsize=4096)(site._wherever)
        return site


def rules_of(policy: Policy) -> Whose:
    """Return the rules of a published policy."""
    declared = policy.services.values()
    return Whose(
        [replace(each, category="necessary") if each.id in policy.early else each for each in declared],
        policy.known.values(),
        categories=policy.categories,
        allow=policy.pages.allow,
        aliases=policy.pages.aliases,
        strict=policy.pages.third_parties == "strict",
    )


def _named(host: str) -> str:
    """A host as it may stand in an attribute, a table or a log: browsers accept `"` and `&` in one."""
    return host if _ORDINARY.fullmatch(host) else quote(host, safe="")[:253]
