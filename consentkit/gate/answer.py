"""A visitor's answer as it arrives: who may send it, how large, in which shape."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request

from consentkit.answer import OPT_OUT, Answer, StaleGrant
from consentkit.errors import ChoiceError, ConsentKitError, OutcomeUnknown, Problem, StoreUnavailable
from consentkit.gate.account import UNCERTAIN
from consentkit.policy.signals import GPC, denied
from consentkit.policy.version import Policy

MOST_HOUSEHOLDS = 100_000
LARGEST = 16 * 1024
"""Bytes; an answer holds four booleans and three short strings."""

FIELDS = ("choices", "policy", "mechanism", "locale", "control", "notice", "client", "size", "gpc")
OPTIONAL_FIELDS: Mapping[str, type] = {"control": str, "notice": str, "client": int, "size": str, "gpc": bool}
WANTED = {str: "a string", int: "a whole number", bool: "true or false"}
FORM_CONTROLS = {"accept": "accept-all", "reject": "reject-all", "save": "save", OPT_OUT: OPT_OUT}
TOLD_FIELDS = ("trackers",)
MOST_TOLD = 200
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MOST_FIELDS = 50


class ForeignOrigin(ConsentKitError):
    """The answer was sent by another site's page (HTTP 403)."""


class TooLarge(ConsentKitError):
    """The answer is longer than any real one (HTTP 413)."""


class WrongType(ConsentKitError):
    """The answer is neither JSON nor a form (HTTP 415)."""


class TooMany(ConsentKitError):
    """One address sends answers faster than a person could (HTTP 429)."""

    retry_after = 60


STATUS: Mapping[type[ConsentKitError], int] = {
    ForeignOrigin: 403,
    StaleGrant: 409,
    TooLarge: 413,
    WrongType: 415,
    ChoiceError: 422,
    TooMany: 429,
    StoreUnavailable: 503,
}
"""How each error is answered over HTTP."""
UNRECORDED = "the choice can't be recorded now, so nothing was granted; please try again"
UNSURE = "it isn't known whether the choice was recorded; please look again in a moment"


class Pace:
    """Lets one address send `most` answers a minute; keeps addresses in memory only, for a minute.

    Only public addresses are counted: any other is a proxy that everybody comes through.
    """

    def __init__(self, most: int = 60) -> None:
        self._most = most
        self._minute = 0
        self._seen: dict[str, int] = {}

    def check(self, address: str | None, now: datetime) -> None:
        """Count one answer; raises TooMany past the limit."""
        household = _household(address)
        if household is None:
            return
        minute = int(now.timestamp()) // 60
        if minute != self._minute or len(self._seen) > MOST_HOUSEHOLDS:
            self._minute, self._seen = minute, {}
        self._seen[household] = self._seen.get(household, 0) + 1
        if self._seen[household] > self._most:
            raise TooMany("too many answers from one address; try again in a minute")


def _household(address: str | None) -> str | None:
    """Return what one visitor can't easily change: a public IPv4 address, the /64 of an IPv6 one."""
    known = ip_address(address) if address else None
    if known is None or not known.is_global:
        return None
    return str(known) if known.version == 4 else str(ip_network((known, 64), strict=False))


def check_origin(headers: Headers, scheme: str) -> None:
    """Raise ForeignOrigin unless the site's own page, or no browser at all, sends this (design §3.9).

    Sec-Fetch-Site decides where the browser sends it, else Origin against Host: a page of another site
    can forge neither.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site in ("same-origin", "none"):
        return
    if site is not None:
        raise ForeignOrigin(f"a choice must come from this site's own pages, not from a {site} one")
    if origin is None:
        return
    try:
        parts = urlsplit(origin)
    except ValueError as error:
        raise ForeignOrigin("the Origin header is no origin") from error
    if parts.netloc != headers.get("host") or parts.scheme not in (scheme, "https"):
        raise ForeignOrigin(f"a choice must come from this site's own pages, not from {origin}")


def check_age(answer: Answer) -> None:
    """Raise ChoiceError for a yes of somebody who is under age: the site says that they aren't asked (I1)."""
    said = [category for category, granted in answer.choices.items() if granted]
    if said:
        raise ChoiceError([Problem(f"choices.{each}", "stays off for somebody under age") for each in said])


def check_scope(scope: str | None) -> None:
    """Raise StoreUnavailable where it can't be told whose answer this would be (L11)."""
    if scope == UNCERTAIN:
        raise StoreUnavailable("it isn't known whose choice this is")


def refusal(error: ConsentKitError) -> tuple[int, str]:
    """Return the status and the words for an answer that wasn't recorded, or of which nobody knows."""
    # Whatever else stops a record is the log's trouble, not the visitor's.
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 503)
    if status != 503:
        return status, str(error)
    return status, UNSURE if isinstance(error, OutcomeUnknown) else UNRECORDED


def rows(error: ConsentKitError) -> list[dict[str, Any]]:
    """Return the problems that an error tells of an answer, for JSON; none for what isn't the answer's."""
    problems = error.problems if isinstance(error, ChoiceError) else ()
    return [{"path": p.path, "message": p.message, "allowed": p.allowed} for p in problems]


def is_form(headers: Headers) -> bool:
    """Return whether the answer comes from the plain form."""
    return _media_type(headers) == FORM_TYPE


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").split(";")[0].strip().lower()


async def read_answer(request: Request, policy: Policy) -> Answer:
    """Return the answer in a request's body; raises WrongType, TooLarge, ChoiceError with every problem.

    The form asks about the categories of `policy`: an unticked box is a no.
    """
    media = _media_type(request.headers)
    if media not in (JSON_TYPE, FORM_TYPE):
        raise WrongType(f"send {JSON_TYPE} or {FORM_TYPE}, not {media or 'a body without a type'}")
    body = await _bounded(request)
    return _from_json(body) if media == JSON_TYPE else _from_form(_fields(body), policy)


async def read_told(request: Request) -> Mapping[str, str]:
    """Return the trackers that a page reports, by name, each with a mark of its value; none if it is empty.

    Raises TooLarge, WrongType, ChoiceError.
    """
    body = await _bounded(request)
    if not body:
        return {}
    if _media_type(request.headers) != JSON_TYPE:
        raise WrongType(f"send {JSON_TYPE}")
    raw = _json(body, _told_problems)
    told: Mapping[str, str] = raw.get("trackers", {})
    return told


def _told_problems(raw: Any) -> Iterator[Problem]:
    if not isinstance(raw, Mapping):
        yield Problem("", "must be an object", TOLD_FIELDS)
        return
    for name in raw.keys() - set(TOLD_FIELDS):
        yield Problem(name, "is not a field of a report", TOLD_FIELDS)
    trackers = raw.get("trackers", {})
    if not isinstance(trackers, Mapping) or len(trackers) > MOST_TOLD:
        yield Problem("trackers", f"must be an object of at most {MOST_TOLD} names")
    elif not all(isinstance(mark, str) for mark in trackers.values()):
        yield Problem("trackers", "must name each tracker with a mark of its value, a string")


async def _bounded(request: Request) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise TooLarge(f"an answer has at most {LARGEST} bytes")
        parts.append(part)
    return b"".join(parts)


def _fields(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise ChoiceError([Problem("", f"is not a form of at most {MOST_FIELDS} fields: {error}")]) from error


def _json(body: bytes, problems_of: Callable[[Any], Iterator[Problem]]) -> Any:
    """Return what a body holds as JSON; raises ChoiceError with every problem in it."""
    try:
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ChoiceError([Problem("", f"is not valid JSON: {error}")]) from error
    problems = list(problems_of(raw))
    if problems:
        raise ChoiceError(problems)
    return raw


def _from_json(body: bytes) -> Answer:
    raw = _json(body, _answer_problems)
    more = {name: raw.get(name) for name in OPTIONAL_FIELDS}
    return Answer(raw["choices"], raw["policy"], raw["mechanism"], raw["locale"], **more)


def _answer_problems(raw: Any) -> Iterator[Problem]:
    if not isinstance(raw, Mapping):
        yield Problem("", "must be an object", FIELDS)
        return
    for name in raw.keys() - set(FIELDS):
        yield Problem(name, "is not a field of an answer", FIELDS)
    for name in ("policy", "mechanism", "locale"):
        if not isinstance(raw.get(name), str):
            yield Problem(name, "must be a string")
    for name, wanted in OPTIONAL_FIELDS.items():
        if name in raw and type(raw[name]) is not wanted:
            yield Problem(name, f"must be {WANTED[wanted]}")
    choices = raw.get("choices")
    if not isinstance(choices, Mapping):
        yield Problem("choices", "must be an object of category: true or false")
        return
    for category, granted in choices.items():
        if not isinstance(granted, bool):
            yield Problem(f"choices.{category}", f"must be true or false, not {granted!r}", ("true", "false"))


def _from_form(fields: Sequence[tuple[str, str]], policy: Policy) -> Answer:
    single = dict(fields)
    ticked = {value for name, value in fields if name == "choice"}
    action = single.get("action", "save")
    if action not in FORM_CONTROLS:
        raise ChoiceError([Problem("action", f"{action!r} is unknown", tuple(FORM_CONTROLS))])
    categories = denied(policy, GPC) if action == OPT_OUT else policy.categories
    if action != "save":
        ticked = set(categories) if action == "accept" else set()
    choices = {category: category in ticked for category in categories} | dict.fromkeys(
        ticked - set(policy.categories), True
    )
    control = FORM_CONTROLS[action]
    return Answer(choices, single.get("policy", ""), "form", single.get("locale", ""), control)
