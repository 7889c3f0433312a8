"""What one answer to a withdrawal has no room for: the answers that follow it at once (A10, L14).

Each sends the browser on to the next, so that it needs neither a script nor a page.
"""

import re
from collections.abc import Collection, Iterable

from starlette.requests import Request
from starlette.responses import RedirectResponse

from consentkit.gate.cookies import ROOM, cookies_of, expiries, header_size, paths_of, places
from consentkit.gate.keeping import denied, named, page_path
from consentkit.gate.orders import Orders
from consentkit.gate.reply import PRIVATE
from consentkit.gate.visitor import VisitorConsent
from consentkit.policy.decision import Consent, Reason
from consentkit.request import host_of

MOST_ANSWERS = 15
"""Browsers follow no more than 16 to 20 redirections."""
_PLACE = re.compile(r"(\d{1,2})\.(\d{1,6})")
_ALL = 999_999


def left(
    orders: Orders, request: Request, before: Consent | None, allowed: Collection[str], lines: Collection[str]
) -> str | None:
    """Return where to go on, for the query `ending`, if `lines` don't end all that they should: else None.

    All is what came and isn't `allowed`, wherever it may be; and of a visitor who has allowed more `before`,
    what the policy names beside it.
    """
    granted = before is not None and any(
        choice.granted and category not in allowed for category, choice in before.choices.items()
    )
    came, known, paths = _named(orders, request, allowed)
    wanted = _everywhere([*came, *(known if granted else ())], host_of(request.scope), paths)
    if not {*wanted} <= {*lines}:
        return "1.0" if granted else f"1.{_ALL}"
    return None


def onward(orders: Orders, request: Request, visitor: VisitorConsent) -> RedirectResponse | None:
    """Return the next of the answers that end cookies, if the query asks for one and something is left.

    Only to a visitor whom we know: another site's page can send one here without our cookies, and would have
    those ended that this visitor allows.

    The place in the query is how many there have been, and how many lines of what is known. What still comes
    goes first, in up to two thirds of the room, as each answer may have ended some of it.
    """
    place = _PLACE.fullmatch(request.query_params.get("ending", "")) if request.method == "GET" else None
    if place is None or not 0 < int(place[1]) <= MOST_ANSWERS or visitor.consent is None:
        return None
    if Reason.UNPROVEN in visitor.decision.reasons.values():
        return None
    turn, at = int(place[1]), int(place[2])
    came, known, paths = _named(orders, request, visitor.allowed)
    host = host_of(request.scope)
    lines = [*expiries(came, host, paths, turn, ROOM * 2 // 3)]
    for line in _everywhere(known, host, paths)[at:]:
        if sum(map(header_size, lines)) + header_size(line) > ROOM:
            break
        lines.append(line)
        at += 1
    if not lines:
        return None
    further = request.url.include_query_params(ending=f"{turn + 1}.{at}")
    answer = RedirectResponse(f"{further.path}?{further.query}", 303, PRIVATE)
    for line in lines:
        answer.headers.append("set-cookie", line)
    return answer


def _named(
    orders: Orders, request: Request, allowed: Collection[str]
) -> tuple[list[str], list[str], list[str]]:
    """The denied cookies that came, those that the policy names, and the paths on which they may be."""
    scope, known = request.scope, named(orders, allowed)
    paths = [*paths_of(page_path(scope)), *paths_of(request.url.path), *(each.path for each in known)]
    return denied(orders, cookies_of(scope["headers"]), allowed), [each.name for each in known], paths


def _everywhere(names: Iterable[str], host: str, paths: Iterable[str]) -> list[str]:
    likely, others = places(names, host, paths)
    return [*likely, *others]
