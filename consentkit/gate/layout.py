"""Where in a request's or an answer's headers those are that mean anything to us, remembered by their names.

What one browser asks, and what one site answers, has the same names in the same order again and again.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from operator import itemgetter

from consentkit.gate.announce import ANNOUNCING
from consentkit.gate.brought import ByNames
from consentkit.gate.headers import CONTROLS, UNCONDITIONAL, Headers, may_be_page
from consentkit.policy.signals import HEADERS as SIGNALS

COOKIE = frozenset({b"cookie"})
UNUSUAL = frozenset({b"content-encoding", b"content-security-policy"})
NAME = itemgetter(0)

Names = tuple[bytes, ...]
Mask = tuple[bool, ...]
"""Which of the headers stay, for `itertools.compress`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The headers of a request.

    cookies: the places of its Cookie headers. signals: of those by which a browser objects. bare: what stays
    without the former; unconditional: without what could bring back a page that can't be rewritten, None
    where nothing could; both: without either. destination, accept: the places of the last Sec-Fetch-Dest and
    Accept, None without one. matches: whether there is an If-None-Match.
    """

    cookies: tuple[int, ...]
    signals: tuple[int, ...]
    bare: Mask
    unconditional: Mask | None
    both: Mask
    destination: int | None
    accept: int | None
    matches: bool

    def may_be_page(self, headers: Headers) -> bool:
        """Return whether a request with these headers may be answered with a page."""
        destination = b"" if self.destination is None else headers[self.destination][1]
        return may_be_page(destination, b"" if self.accept is None else headers[self.accept][1])


@dataclass(frozen=True, slots=True)
class Answered:
    """The headers of an answer.

    lower: whether all names are in lower case, as ASGI wants them. cookies: the places of its Set-Cookies.
    announcing: the places of what may tell a browser to contact somebody. types: the places of its
    Content-Types. saved: whether a Content-Disposition may say that browsers save it. unusual: whether a page
    with these needs a closer look. caches: whether one says who may keep the answer.
    """

    lower: bool
    cookies: tuple[int, ...]
    announcing: tuple[int, ...]
    types: tuple[int, ...]
    saved: bool
    unusual: bool
    caches: bool


def names_of(headers: Headers) -> Names:
    """Return the names in a list of headers, as ASKED and ANSWERED are asked by."""
    return tuple(map(NAME, headers))


def found_in(raw: Iterable[tuple[bytes, bytes]]) -> tuple[Headers, Answered]:
    """Return an answer's headers, names in lower case, and where they are."""
    headers = raw if isinstance(raw, list) else [*raw]
    answered = ANSWERED[tuple(map(NAME, headers))]
    if answered.lower:
        return headers, answered
    headers = [(name.lower(), value) for name, value in headers]
    return headers, ANSWERED[names_of(headers)]


def _asked(names: Names) -> Asked:
    conditional = not UNCONDITIONAL.isdisjoint(names)
    return Asked(
        _places(names, COOKIE),
        _places(names, SIGNALS),
        _without(names, COOKIE),
        _without(names, UNCONDITIONAL) if conditional else None,
        _without(names, UNCONDITIONAL | COOKIE),
        _last(names, b"sec-fetch-dest"),
        _last(names, b"accept"),
        b"if-none-match" in names,
    )


def _answered(names: Names) -> Answered:
    return Answered(
        all(name == name.lower() for name in names),
        _places(names, (b"set-cookie",)),
        _places(names, ANNOUNCING),
        _places(names, (b"content-type",)),
        b"content-disposition" in names,
        not UNUSUAL.isdisjoint(names),
        any(name.endswith(CONTROLS) for name in names),
    )


def _places(names: Names, wanted: Container[bytes]) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(names) if name in wanted)


def _without(names: Names, dropped: Container[bytes]) -> Mask:
    return tuple(name not in dropped for name in names)


def _last(names: Names, name: bytes) -> int | None:
    return max(_places(names, (name,)), default=None)


ASKED = ByNames(_asked)
ANSWERED = ByNames(_answered)
