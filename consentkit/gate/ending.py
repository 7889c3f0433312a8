"""What one answer to a withdrawal has no room for: the answers that follow it at once (A10, L14).

Each sends the browser on to the next, so that it needs neither a script nor a page. They begin below our
prefix; the last ones are where the page is that the visitor came from, and where the policy states a path, as
cookies below one come only there, and of many the policy knows no more than how their names begin.
"""

import re
from collections.abc import Collection, Iterable
from itertools import accumulate

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from consentkit.gate.cookies import ROOM, cookies_of, expiries, header_size, paths_of, places
from consentkit.gate.keeping import denied, named, of_denied, page_path, path_of
from consentkit.gate.orders import Orders
from consentkit.gate.reply import PRIVATE
from consentkit.gate.visitor import VisitorConsent
from consentkit.policy.decision import Consent, Reason
from consentkit.request import host_of

MOST_ANSWERS = 15
"""Browsers follow no more than 16 to 20 redirections."""
HERE = b"consentkit_ending="
"""How the query of a request begins that isn't the application's, wherever it leads."""
_PLACE = re.compile(r"(\d{1,2})\.(\d{1,6})")
# How many answers there have been, how many paths of `_below`; and the language of the page that comes last.
_TURN = re.compile(HERE + rb"(\d{1,2})\.(\d{1,2})\.([A-Za-z-]{0,20})")
# A path that no browser takes for more: neither a host, nor a query.
_PAGE = re.compile(r"/(?![/\\])[!\"$->@-~]+")
_ALL = 999_999
MOST_PATHS = 5


def left(
    orders: Orders, request: Request, before: Consent | None, allowed: Collection[str], lines: Collection[str]
) -> str | None:
    """Return where to go on, for the query `ending`, if `lines` may not end all that they should: else None.

    All is what came and isn't `allowed`, wherever it may be; and of a visitor who has allowed more `before`,
    what the policy names at a path of its own, and what only comes with requests for the page or for a path
    that the policy states.
    """
    granted = before is not None and any(
        choice.granted and category not in allowed for category, choice in before.choices.items()
    )
    came, elsewhere = _named(orders, request, allowed)
    wanted = [*_everywhere(came, host_of(request.scope), _paths(request)), *(elsewhere if granted else ())]
    deep = granted and (_page(request) != "/" or _below(orders, allowed))
    if deep or not {*wanted} <= {*lines}:
        return "1.0" if granted else f"1.{_ALL}"
    return None


def onward(orders: Orders, request: Request, visitor: VisitorConsent) -> RedirectResponse | None:
    """Return the next of the answers that end cookies, if the query asks for one and something is left.

    Only to a visitor whom we know: another site's page can send one here without our cookies, and would have
    those ended that this visitor allows.

    The place in the query is how many there have been, and how many lines of what is known elsewhere. What
    still comes goes first, in up to two thirds of the room, as each answer may have ended some of it. Then
    the `page` is next that the query names.
    """
    place = _PLACE.fullmatch(request.query_params.get("ending", "")) if request.method == "GET" else None
    if place is None or not 0 < int(place[1]) <= MOST_ANSWERS or not _is_known(visitor):
        return None
    turn, at = int(place[1]), int(place[2])
    came, elsewhere = _named(orders, request, visitor.allowed)
    lines = [*expiries(came, host_of(request.scope), _paths(request), turn, ROOM * 2 // 3)]
    rest = _fitting(elsewhere[at:], ROOM - sum(map(header_size, lines)))
    lines += rest
    at += len(rest)
    further = request.url.include_query_params(ending=f"{turn + 1}.{at}")
    if lines:
        return _answered(f"{further.path}?{further.query}", lines)
    page, prefix = _page(request), orders.edition.prefix
    language = request.query_params.get("lang", "") if "saved" in request.query_params else ""
    if _PAGE.fullmatch(page) and not f"{page}/".startswith(f"{prefix}/"):
        return _answered(page + _here(turn, 0, language), ())
    return _further(orders, visitor, turn, 0, language)


def at_page(orders: Orders, request: Request, visitor: VisitorConsent) -> Response | None:
    """Return the next answer that ends what comes with a request for a page, and the last one's way back.

    None for a visitor whom we don't know, and for a query that isn't one of ours: then it is the page's.
    Which path a cookie is on can't be seen, so each answer begins with another one.
    """
    place = _TURN.fullmatch(request.scope["query_string"]) if request.method == "GET" else None
    if place is None or not _is_known(visitor):
        return None
    turn, paths, language = int(place[1]), int(place[2]), place[3].decode()
    came = denied(orders, cookies_of(request.scope["headers"]), visitor.allowed)
    if came and turn < MOST_ANSWERS:
        below = paths_of(path_of(request.scope))[1:] or ["/"]  # what is on `/` went before
        first = turn % len(below)
        lines = _everywhere(came, host_of(request.scope), below[first:] + below[:first])
        return _answered(_here(turn + 1, paths, language), _fitting(lines, ROOM))
    if further := _further(orders, visitor, turn, paths, language):
        return further
    if language:
        return _answered(f"{orders.edition.prefix}/?saved=1&lang={language}", ())
    return Response(None, 204, PRIVATE)


def _further(
    orders: Orders, visitor: VisitorConsent, turn: int, paths: int, language: str
) -> RedirectResponse | None:
    """Return the way to the next path of `_below`, if there is one."""
    there = _below(orders, visitor.allowed)[paths:]
    if not there or turn >= MOST_ANSWERS:
        return None
    return _answered(there[0] + _here(turn + 1, paths + 1, language), ())


def _here(turn: int, paths: int, language: str) -> str:
    """The query that `at_page` reads; as an address it is relative, and leads to the same page."""
    return f"?{HERE.decode()}{turn}.{paths}.{language}"


def _below(orders: Orders, allowed: Collection[str]) -> list[str]:
    """The paths below which, as the policy says, there may be cookies that it knows by their beginning."""
    stated = of_denied(orders, allowed)
    paths = sorted({each.path for each in stated if "*" in each.name and _PAGE.fullmatch(each.path)})
    return paths[:MOST_PATHS]


def _is_known(visitor: VisitorConsent) -> bool:
    return visitor.consent is not None and Reason.UNPROVEN not in visitor.decision.reasons.values()


def _answered(address: str, lines: Iterable[str]) -> RedirectResponse:
    answer = RedirectResponse(address, 303, PRIVATE)
    for line in lines:
        answer.headers.append("set-cookie", line)
    return answer


def _named(orders: Orders, request: Request, allowed: Collection[str]) -> tuple[list[str], list[str]]:
    """The denied cookies that came; and the lines that end those which the policy names below a path."""
    stated = [each for each in named(orders, allowed) if each.path != "/"]
    paths = [each.path for each in stated]
    lines = _everywhere((each.name for each in stated), host_of(request.scope), paths)
    return denied(orders, cookies_of(request.scope["headers"]), allowed), lines


def _page(request: Request) -> str:
    """The path of the page that the visitor came from, as our own addresses tell it or else the browser."""
    return request.query_params.get("page") or page_path(request.scope)


def _paths(request: Request) -> list[str]:
    return [*paths_of(_page(request)), *paths_of(request.url.path)]


def _fitting(lines: Iterable[str], room: int) -> list[str]:
    """The first lines, as many as take no more than `room` bytes of an answer."""
    listed = [*lines]
    return listed[: sum(size <= room for size in accumulate(map(header_size, listed)))]


def _everywhere(names: Iterable[str], host: str, paths: Iterable[str]) -> list[str]:
    likely, others = places(names, host, paths)
    return [*likely, *others]
