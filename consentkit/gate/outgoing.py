"""What an answer's headers may tell one visitor's browser: cookies to set, addresses to contact."""

from collections.abc import Callable

from starlette.types import Scope

from consentkit.gate.announce import without_announcements
from consentkit.gate.headers import Headers
from consentkit.gate.layout import Answered
from consentkit.gate.lives import Lives, lasting
from consentkit.gate.orders import Orders, Seen, Terms
from consentkit.gate.setcookie import is_removal
from consentkit.gate.visitor import VisitorConsent
from consentkit.request import host_of


def passing(
    orders: Orders, scope: Scope, lives: Callable[[], Lives], headers: Headers, answered: Answered
) -> Headers:
    """Return an answer's headers as they may go out: the same object where all of them may.

    `lives` returns the trackers of the visitor behind the request. Counts what was seen.
    """
    visitor: VisitorConsent = scope["consentkit"]
    settled: dict[int, bytes] = {}
    seen: list[Seen] = []
    for place in answered.cookies:
        line = headers[place][1]
        terms = orders.terms[line.partition(b"=")[0]]
        what = terms.seen
        if terms.need is not None or terms.cookie is not None:
            left, what = _settled(orders, visitor, lives, line, terms)
            if left is line:
                continue
            settled[place] = left
        if what is not None:
            seen.append(what)
    if seen:
        orders.count(frozenset(seen), visitor.now)
    for place in answered.announcing:
        name, value = headers[place]
        left = without_announcements(name, value, lambda each: orders.announces(each, host_of(scope)))
        if left is not value:
            settled[place] = left
    if not settled:
        return headers
    kept = [*headers]
    for place in sorted(settled, reverse=True):
        if left := settled[place]:
            kept[place] = headers[place][0], left
        else:
            del kept[place]
    return kept


def _settled(
    orders: Orders, visitor: VisitorConsent, lives: Callable[[], Lives], line: bytes, terms: Terms
) -> tuple[bytes, Seen | None]:
    """Return the Set-Cookie line of a declared cookie as it may go out, b"" for one that may not, and what to
    count of that if it isn't the same.
    """
    if terms.need is not None:
        if is_removal(line, visitor.now):
            return line, None  # whoever comes
        if terms.need not in visitor.allowed:
            orders.tell_cut(terms)
            return b"", terms.seen
        visitor.asked = True  # other visitors get another line, or none
    cut = lives().cut(line, terms) if terms.months else lasting(line, terms, visitor.now)
    return cut, ("clamped", terms.service)
