"""What we set in a visitor's browser with an answer that no cache keeps: ends, and our own cookies again."""

import logging
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from consentkit.errors import ConsentKitError
from consentkit.gate.anchors import Seen
from consentkit.gate.changed import changed_for
from consentkit.gate.cookies import (
    ROOM,
    cookie_names,
    cookie_values,
    cookies_of,
    expiries,
    header_size,
    paths_of,
)
from consentkit.gate.headers import first
from consentkit.gate.lives import NOTHING_TOLD, Lives, Told
from consentkit.gate.orders import Orders
from consentkit.gate.state import CONSENT_MARK, OURS, REISSUE_DAYS, State, home_of, issued_in, opened_in
from consentkit.gate.visitor import VisitorConsent
from consentkit.policy.decision import Reason
from consentkit.policy.months import day_of
from consentkit.policy.registry import Cookie
from consentkit.request import host_of, is_secure

logger = logging.getLogger("consentkit")

OVER_HTTP = (
    "a page over plain http sends a choice: browsers drop its cookies, which are Secure, so visitors are"
    " asked on every page; serve the site over https"
)


def denied(orders: Orders, cookies: bytes, allowed: Collection[str]) -> list[str]:
    """Return the names in a Cookie header's value that are trackers' whose category isn't allowed."""
    stated = ((name, orders.terms[name.encode("latin-1")]) for name in dict.fromkeys(cookie_names(cookies)))
    return [name for name, terms in stated if terms.service and terms.need not in (None, *allowed)]


def ended(
    orders: Orders,
    scope: Scope,
    now: datetime,
    names: Collection[str],
    paths: Iterable[str] = (),
    room: int = ROOM,
    known: Iterable[str] = (),
) -> Iterator[str]:
    """Yield the Set-Cookie values that remove cookies, wherever they may be; counts trackers (A10, L14).

    `names` came, so they go first; what is `known` beside them goes too, and isn't counted. `paths` as from
    `paths_of` the page that they came from; without any, those of the request that they came with. Ours go
    from everywhere but their home.
    """
    services = {orders.terms[name.encode("latin-1")].service for name in names}
    orders.count(frozenset(("expired", service) for service in services if service), now)
    home, paths = home_of(scope, orders.edition.policy), paths or paths_of(path_of(scope))
    for line in expiries([*names, *known], host_of(scope), paths, int(now.timestamp()), room):
        if line.partition("=")[0] not in OURS or not home.holds(line):
            yield line


@dataclass(frozen=True, slots=True)
class Owed:
    """What a browser needs of its visitor's state: anchors that have changed, trackers to set once more."""

    visitor: VisitorConsent
    seen: Seen | None
    lines: Sequence[str]


def owed(scope: Scope, visitor: VisitorConsent, lives: Lives | None, *, guarded: bool) -> Owed | None:
    """Return what a visitor's browser needs: None, as long as it has it all.

    Needed when the anchors have changed, when the hint opens what isn't allowed, and when our cookies are
    REISSUE_DAYS old: then with what is left of their life, as their ends don't move (A2, L30). `lives` is
    None for a visitor who allows nothing. Where the answer isn't `guarded`, trackers that scripts set are set
    once more.
    """
    cookies = visitor.cookies or b""
    if CONSENT_MARK not in cookies:
        return None
    seen, due = None, is_due(cookies, day_of(visitor.now)) or not opened_in(cookies) <= visitor.allowed
    lines: Sequence[str] = ()
    if lives is not None:
        seen, due = lives.seen, due or lives.changed
        if not guarded:
            lines, seen = lives.again(host_of(scope))
    if not (due or lines) or visitor.consent is None:
        return None
    return None if Reason.UNPROVEN in visitor.decision.reasons.values() else Owed(visitor, seen, lines)


async def renewed(orders: Orders, scope: Scope, owes: Owed, over: Collection[str]) -> list[str]:
    """Return the Set-Cookie values for what is owed; cookies that are `over` go as far as there is room.

    As the log knows the visitor by now: they may have withdrawn while the application made its answer, which
    mustn't bring the old grant back (A10). Where the log can't be read, nothing is set: the browser keeps
    what may stay.
    """
    visitor = owes.visitor
    try:
        since = await run_in_threadpool(visitor.overtaken)
    except ConsentKitError:
        logger.exception("the log can't be read; a visitor's cookies stay as they are")
        return [*ended(orders, scope, visitor.now, over)]
    if since is not None:
        return kept(orders, scope, State(*since), visitor.now)
    changed = changed_for(orders, cookies_of(scope["headers"]), visitor.decision)
    state = State(visitor.consent, visitor.decision, owes.seen, changed)
    return _lines(orders, scope, state, visitor.now, owes.lines, over)


def is_due(cookies: bytes, today: int) -> bool:
    """Return whether our cookies in a Cookie header's value are to be set again for their age."""
    issued = issued_in(cookies)
    return issued is None or not 0 <= today - issued < REISSUE_DAYS


def kept(
    orders: Orders,
    scope: Scope,
    state: State,
    now: datetime,
    told: Told = NOTHING_TOLD,
    *,
    chosen: bool = False,
    closed: bool = False,
) -> list[str]:
    """Return the Set-Cookie values of a visitor's state, for an answer to what they, or the page, said.

    With the anchors of what came and is allowed. No answer forgets one: trackers that it couldn't reach would
    begin anew with the next yes, and whoever accepts again gives none a day more (B6). Of a visitor who
    allows nothing the sealed anchors stay as they are, and the hint lists none.

    Our own cookies are always set. What came and may not stay is there for sure: it goes first in the room
    that is left. Where the visitor has just `chosen`, all that isn't allowed goes, also what the policy
    names, as cookies come with requests below their path only (A10, L14).

    Who has chosen, or `closed` the message of what has changed, isn't told of it again (E3).
    """
    cookies, decision = cookies_of(scope["headers"]), state.decision
    lives = Lives(orders, cookies, decision.allowed, now)
    lives.tell(told)
    no = denied(orders, cookies, decision.allowed)
    seen = lives.seen if len(decision.allowed) > 1 else None
    if is_secure(scope) and first(scope["headers"], b"origin").startswith(b"http:"):
        orders.tell(OVER_HTTP)
    stated = named(orders, decision.allowed) if chosen else []
    paths = [*paths_of(page_path(scope)), *(each.path for each in stated)]
    known = [each.name for each in stated]
    changed = None if chosen or closed else changed_for(orders, cookies, decision)
    state = replace(state, seen=seen, changed=changed)
    return _lines(orders, scope, state, now, (), [*lives.ended, *no], paths, known)


def _lines(
    orders: Orders,
    scope: Scope,
    state: State,
    now: datetime,
    again: Iterable[str],
    over: Iterable[str],
    paths: Iterable[str] = (),
    known: Iterable[str] = (),
) -> list[str]:
    """What keeps a state, what is set `again`, and what ends our strays and the cookies that are `over`."""
    home = home_of(scope, orders.edition.policy)
    lines = [*state.cookies(orders.seal, orders.version, now, home), *again]
    names = [*_twice(cookies_of(scope["headers"])), *over]
    left = ROOM - sum(map(header_size, lines))
    return [*lines, *ended(orders, scope, now, names, paths, left, known)]


def path_of(scope: Scope) -> str:
    """Return a request's path as it stands in the request line: a cookie's has no other form."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])


def page_path(scope: Scope) -> str:
    """Return the path of the page that a request comes from, as it tells; "" where it doesn't."""
    try:
        return urlsplit(first(scope["headers"], b"referer").decode("latin-1")).path
    except ValueError:  # any page may send any Referer
        return "/"


def of_denied(orders: Orders, allowed: Container[str]) -> list[Cookie]:
    """Return the cookies on the site's own domain that the policy states of services that aren't allowed."""
    services = orders.edition.policy.services.values()
    stated = (each for service in services if service.category not in allowed for each in service.cookies)
    return [each for each in stated if each.domain == "site"]


def named(orders: Orders, allowed: Container[str]) -> list[Cookie]:
    """Return the same, as far as the policy tells their whole names."""
    return [each for each in of_denied(orders, allowed) if "*" not in each.name]


def _twice(cookies: bytes) -> list[str]:
    """Our cookies that came more than once, so one of them isn't where ours are.

    From before the site shared its choices between hosts, or from a sibling that set one of its own.
    """
    return [name for name in sorted(OURS) if len(cookie_values(cookies, name.encode())) > 1]
