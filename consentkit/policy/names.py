"""Whose a cookie or a storage key is, by its name, where some names hold globs."""

import re
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from consentkit.policy.memory import remembered
from consentkit.policy.registry import Cookie, Service

Fact = TypeVar("Fact")


class Names(Generic[Fact]):
    """Finds the fact behind a name: an exact one before a glob, a longer glob before a shorter one.

    Of two facts with the same name the later one counts.
    """

    def __init__(self, facts: Iterable[tuple[str, Fact]]) -> None:
        own = dict(facts)
        self._exact = {name: fact for name, fact in own.items() if "*" not in name}
        globs = sorted((name for name in own if "*" in name), key=len, reverse=True)
        self._globs = [(_glob(name), own[name]) for name in globs]
        self._first = remembered(4096)(self._first_glob)

    def __call__(self, name: str) -> Fact | None:
        """Return the fact about a name, None for nobody's."""
        exact = self._exact.get(name)
        return exact if exact is not None else self._first(name)

    def _first_glob(self, name: str) -> Fact | None:
        return next((fact for glob, fact in self._globs if glob.fullmatch(name)), None)


class Stated(NamedTuple):
    """A service's id, and what it states about one cookie."""

    service: str
    cookie: Cookie


def cookie_names(services: Iterable[Service]) -> Names[Stated]:
    """Return whose the cookies on the site's own domain are.

    A site may well have one named as another is on a vendor's domain (`uid`): those don't count.
    """
    return Names((c.name, Stated(s.id, c)) for s in services for c in s.cookies if c.domain == "site")


def storage_names(services: Iterable[Service]) -> Names[str]:
    """Return which service's a storage key is, named `area:key` as in `local:_hjid`."""
    return Names((f"{item.area}:{item.key}", s.id) for s in services for item in s.storage)


def _glob(name: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, name.split("*"))), re.DOTALL)
