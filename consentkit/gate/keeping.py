"""What we set in a visitor's browser with an answer that no cache keeps: ends, and our own cookies again."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from consentkit.errors import ConsentKitError
from consentkit.gate.anchors import Seen
from consentkit.gate.cookies import (
    LONGEST_LINE,
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
from consentkit.gate.state import CONSENT_MARK, OURS, REISSUE_DAYS, Home, State, home_of, issued_in
from consentkit.gate.visitor import VisitorConsent
from consentkit.policy.decision import Decision, Reason
from consentkit.policy.months import day_of
from consentkit.request import host_of

logger = logging.getLogger("consentkit")

OVER_HTTP = (
    "a page over plain http sends a choice: browsers drop its cookies, which are Secure, so visitors are"
    " asked on every page; serve the site over https"
)


def ended(orders: Orders, scope: Scope, now: datetime, names: Sequence[str], path: str) -> Iterator[str]:
    """Yield the Set-Cookie values that remove cookies, wherever they may be; counts them (A10, L14).

    `path` is that of the page that they came from, or with.
    """
    if names:
        found = frozenset(("expired", orders.terms[name.encode("latin-1")].service) for name in names)
        orders.count(found, now)
        yield from expiries(names, host_of(scope), paths_of(path), int(now.timestamp()))


@dataclass(frozen=True, slots=True)
class Owed:
    """What a browser needs of its visitor's state: anchors that have changed, trackers to set once more."""

    visitor: VisitorConsent
    seen: Seen | None
    lines: Sequence[str]


def owed(
    orders: Orders, scope: Scope, visitor: VisitorConsent, lives: Lives | None, *, page: bool
) -> Owed | None:
    """Return what a visitor's browser needs: None, as long as it has it all.

    Needed when the anchors have changed, and when our cookies are REISSUE_DAYS old: then with what is left of
    their life, as their ends don't move (A2, L30). `lives` is None for a visitor who allows nothing.
    """
    cookies = visitor.cookies or b""
    if CONSENT_MARK not in cookies:
        return None
    seen, due = None, is_due(cookies, day_of(visitor.now))
    lines: Sequence[str] = ()
    if lives is not None:
        seen, due = lives.seen, due or lives.changed
        if page and not orders.edition.policy.pages.guard:
            lines, seen = lives.again(host_of(scope))
    if not (due or lines) or visitor.consent is None:
        return None
    return None if Reason.UNPROVEN in visitor.decision.reasons.values() else Owed(visitor, seen, lines)


async def renewed(orders: Orders, scope: Scope, owes: Owed) -> list[str]:
    """Return the Set-Cookie values for what is owed: as the log knows the visitor by now.

    They may have withdrawn while the application made its answer, which mustn't bring the old grant back
    (A10). Where the log can't be read, nothing is set: the browser keeps what it has.
    """
    visitor = owes.visitor
    try:
        since = await run_in_threadpool(visitor.overtaken)
    except ConsentKitError:
        logger.exception("the log can't be read; a visitor's cookies stay as they are")
        return []
    if since is not None:
        return [*kept(orders, scope, State(*since), visitor.now, NOTHING_TOLD)]
    state = State(visitor.consent, visitor.decision, owes.seen)
    home = home_of(scope, orders.edition.policy)
    strays = _strays(visitor.cookies or b"", home, host_of(scope), path_of(scope))
    return [*owes.lines, *state.cookies(orders.seal, orders.version, visitor.now, home), *strays]


def is_due(cookies: bytes, today: int) -> bool:
    """Return whether our cookies in a Cookie header's value are to be set again for their age."""
    issued = issued_in(cookies)
    return issued is None or not 0 <= today - issued < REISSUE_DAYS


def kept(orders: Orders, scope: Scope, state: State, now: datetime, told: Told) -> Iterator[str]:
    """Yield the Set-Cookie values of all of a visitor's state, for an answer to what they, or the page, said.

    With the anchors of what came and is allowed; of what is refused, none; after a no to everything, none at
    all, also of what didn't come with the request, as storage never does. What waits for an answer keeps its
    anchor: a visitor who is asked again, and accepts again, gives no tracker a day more (B6).
    """
    decision = state.decision
    cookies = cookies_of(scope["headers"])
    lives = Lives(orders, cookies, decision.allowed, now)
    lives.tell(told)
    seen = lives.forgetting(lives.seen, _refused(orders, cookies, decision))
    if all(decision.reasons.get(each) is Reason.REFUSED for each in orders.edition.policy.categories):
        seen = Seen(day_of(now))
    home = home_of(scope, orders.edition.policy)
    if home.secure and first(scope["headers"], b"origin").startswith(b"http:"):
        orders.tell(OVER_HTTP)
    yield from replace(state, seen=seen).cookies(orders.seal, orders.version, now, home)
    yield from ended(orders, scope, now, lives.ended, _page_path(scope))
    yield from _strays(cookies, home, host_of(scope), _page_path(scope))


def refused(orders: Orders, scope: Scope, decision: Decision, now: datetime) -> Iterator[str]:
    """Yield what removes all that isn't allowed: what came, and what the policy names (A10, L14).

    Cookies come with requests below their path only, so those that the policy names go without having come,
    and the paths of the page that asks count as well. What came is there for sure: it has the room first.
    """
    services = orders.edition.policy.services.values()
    stated = [
        each for service in services if service.category not in decision.allowed for each in service.cookies
    ]
    exact = [each for each in stated if "*" not in each.name and each.domain == "site"]
    paths = dict.fromkeys(("/", *paths_of(_page_path(scope)), *(each.path for each in exact)))
    came = dict.fromkeys(_denied(orders, cookies_of(scope["headers"]), decision))
    host, turn = host_of(scope), int(now.timestamp())
    lines = [*expiries(came, host, paths, turn)]
    yield from lines
    room = ROOM - sum(map(header_size, lines))
    if room >= LONGEST_LINE:
        yield from expiries((each.name for each in exact if each.name not in came), host, paths, turn, room)


def path_of(scope: Scope) -> str:
    """Return a request's path as it stands in the request line: a cookie's has no other form."""
    raw = scope.get("raw_path")
    return raw.decode("latin-1") if raw else quote(scope["path"])


def _page_path(scope: Scope) -> str:
    try:
        return urlsplit(first(scope["headers"], b"referer").decode("latin-1")).path
    except ValueError:  # any page may send any Referer
        return "/"


def _denied(orders: Orders, cookies: bytes, decision: Decision) -> list[str]:
    return [name for name in cookie_names(cookies) if orders.edition.denies_cookie(name, decision.allowed)]


def _refused(orders: Orders, cookies: bytes, decision: Decision) -> list[str]:
    """The denied cookies about which this visitor has said no."""
    needed = (
        (name, orders.terms[name.encode("latin-1")].need) for name in _denied(orders, cookies, decision)
    )
    return [name for name, need in needed if need and decision.reasons.get(need) is Reason.REFUSED]


def _strays(cookies: bytes, home: Home, host: str, path: str) -> Iterator[str]:
    """What removes our cookies from other domains and paths than theirs, where one came more than once.

    From before the site shared its choices between hosts, or from a sibling that set one of its own. `path`
    is that of the page that they came from, or with.
    """
    twice = [name for name in sorted(OURS) if len(cookie_values(cookies, name.encode())) > 1]
    here = f"; Domain={home.domain}" if home.domain else ""
    for line in expiries(twice, host, paths_of(path)):
        at_home = here in line if here else "; Domain=" not in line
        if not (at_home and "; Path=/;" in line):
            yield line
