"""The visitor's routes: page, choice and state, and where the others are answered (design §2)."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from consentkit.answer import Answer
from consentkit.errors import ConsentKitError, StoreUnavailable
from consentkit.gate import answer as answers
from consentkit.gate.changed import changed_for
from consentkit.gate.ending import at_page, left, onward
from consentkit.gate.form import OPT_OUT_PATH, Form, Shown
from consentkit.gate.geo import Whereabouts
from consentkit.gate.keeping import kept
from consentkit.gate.own import Own, state_of
from consentkit.gate.page import Gate
from consentkit.gate.public import Public
from consentkit.gate.reply import PRIVATE, Json
from consentkit.gate.state import HINT_COOKIE, State
from consentkit.gate.ua import family, is_bot
from consentkit.gate.visitor import VisitorConsent
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.proof.entry import Stored

logger = logging.getLogger("consentkit")

UNREADABLE = "the log can't be read now; please try again"

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """Answers below the prefix; `whereabouts` tells from where."""

    def __init__(self, kit: ConsentKit, gate: Gate, whereabouts: Whereabouts) -> None:
        self.kit = kit
        self.gate = gate
        self.whereabouts = whereabouts
        self.form, self.public, self.own = Form(kit), Public(kit), Own(kit, gate)
        self.choices, self.reports = answers.Pace(), answers.Pace()
        self.routes: Mapping[str, Mapping[str, Handler]] = {
            "/": {"GET": self.page, "POST": self.choose},
            "/state": {"GET": self.state},
            "/sync": {"POST": self.sync},
            **{path: {"GET": handler} for path, handler in self.own.routes.items()},
            OPT_OUT_PATH: {"GET": self.opt_out},
            **{path: {"GET": handler} for path, handler in self.public.routes.items()},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Answer a request for `path`, the part below the prefix."""
        request = Request(scope, receive)
        if (path or "/") in self.routes:
            await self.gate.meet(scope)
        try:
            response = await self._response(request, path)
        except ConsentKitError:
            logger.exception("the log can't be read")
            response = Json({"error": UNREADABLE}, 503, PRIVATE | {"retry-after": "5"})
        await response(scope, receive, send)

    async def beside(self, scope: Scope) -> Response | None:
        """Return the answer to what a withdrawal has led to a page; None if the page is to answer."""
        request = Request(scope)
        await self.gate.meet(scope)
        return at_page(self.gate.orders, request, self._visitor(request))

    async def _response(self, request: Request, path: str) -> Response:
        further = onward(self.gate.orders, request, self._visitor(request))
        if further is not None:
            return further
        method = "GET" if request.method == "HEAD" else request.method
        handler = self.routes.get(path or "/", {}).get(method)
        return await handler(request) if handler else self._elsewhere(request, path)

    def _elsewhere(self, request: Request, path: str) -> Response:
        if (path or "/") in self.routes:
            allowed = ", ".join(self.routes[path or "/"])
            return Json({"error": f"use {allowed}"}, 405, {**PRIVATE, "allow": allowed})
        return self.public.elsewhere(request, path)

    # Who asks ---------------------------------------------------------------------------------------

    def _visitor(self, request: Request) -> VisitorConsent:
        return self.gate.visitor(request.scope, self.kit.clock())

    def _subject(self, request: Request) -> dict[str, str]:
        """Return the coarse facts a record may hold: browser family, country (§3.7, D6)."""
        subject = {"ua": family(request.headers.get("user-agent", ""))}
        country = self.whereabouts.spot(request.scope).country
        return subject | ({"country": country} if country else {})

    # Choosing ---------------------------------------------------------------------------------------

    async def choose(self, request: Request) -> Response:
        """Record a choice: 201 with the receipt, 303 for the form; errors as in STATUS, nothing granted."""
        visitor = self._visitor(request)
        consent, decision, now = visitor.consent, visitor.decision, visitor.now
        shown = _shown(visitor, None)
        try:
            answers.check_origin(request.headers, request.url.scheme)
            answers.check_scope(visitor.scope)
            answer = await answers.read_answer(request, self.kit.edition.policy)
            if visitor.minor:
                answers.check_age(answer)
        except ConsentKitError as error:
            return self._failed(request, error, shown)
        # Where there is nothing to withdraw, nobody is written down.
        if visitor.minor and not (consent and consent.choices):
            return self._answered(request, visitor, decision, answer, {}, 200)
        try:
            if any(answer.choices.values()):  # a no waits behind no limit
                self.choices.check(self.whereabouts.address(request.scope), now)
            subject = self._subject(request)
            signals = visitor.signals_with(gpc=bool(answer.gpc))
            recorded = await self.kit.record(consent, answer, subject, now, decision.regime, signals)
        except ConsentKitError as error:
            rest, lines = self._without_refused(request, visitor, answer)
            response = self._failed(request, error, replace(shown, decision=rest), answer)
            _set(response, lines)
            return response
        decision = visitor.obeyed(recorded.decision)
        orders, state = self.gate.orders, State(recorded.consent, decision)
        lines = kept(orders, request.scope, state, now, chosen=True)
        place = left(orders, request, consent, decision.allowed, lines)
        proof = {"index": recorded.consent.index, "receipt": recorded.receipt}
        response = self._answered(request, visitor, decision, answer, proof, 201, place)
        _set(response, lines)
        return response

    def _answered(
        self,
        request: Request,
        visitor: VisitorConsent,
        decision: Decision,
        answer: Answer,
        proof: Mapping[str, Any],
        status: int,
        place: str | None = None,
    ) -> Response:
        prefix = self.kit.edition.prefix
        if answers.is_form(request.headers):
            page = quote(request.query_params.get("page", ""))
            further = f"&ending={place}&page={page}" if place else ""
            shown = prefix + (OPT_OUT_PATH if answer.is_opt_out else "/")
            address = f"{shown}?saved=1&lang={answer.locale}{further}"
            return RedirectResponse(address, 303, {"cache-control": "no-store"})
        ending = {"ending": f"{prefix}/state?ending={place}"} if place else {}
        state = state_of(self.kit.edition.policy, decision, visitor.scope)
        return Json({**state, **proof, **ending}, status)

    def _failed(
        self, request: Request, error: ConsentKitError, shown: Shown, answer: Answer | None = None
    ) -> Response:
        status, text = answers.refusal(error)
        response: Response = Json({"error": text, "problems": answers.rows(error)}, status)
        if answers.is_form(request.headers):
            response = self.form.failure(request, shown, error, status, answer)
        if isinstance(error, StoreUnavailable | answers.TooMany):
            response.headers["retry-after"] = str(error.retry_after)
        return response

    def _without_refused(
        self, request: Request, visitor: VisitorConsent, answer: Answer
    ) -> tuple[Decision, Iterable[str]]:
        """A no that can't be recorded still stops the tracking: its grant goes, and is asked again.

        Returns what is allowed then, and the Set-Cookie values that say so.
        """
        consent, now = visitor.consent, visitor.now
        choices = consent.choices if consent else {}
        rest = {c: choice for c, choice in choices.items() if answer.choices.get(c, True)}
        if consent is None or len(rest) == len(choices):
            return visitor.decision, ()
        reduced = replace(consent, choices=rest)
        decision = visitor.obeyed(self.kit.decide(reduced, now, visitor.placed))
        state = State(reduced, decision)
        return decision, kept(self.gate.orders, request.scope, state, now, chosen=True)

    # Reading ----------------------------------------------------------------------------------------

    async def state(self, request: Request) -> Response:
        """Answer what is allowed now, and set the hint again if the page's script has an old one.

        Of a visitor with an id, what has run out and what their browser objects to is logged, once; of all
        others such objections are counted, and how often somebody is told that what they read has changed.
        Bots are neither.
        """
        visitor = self._visitor(request)
        version, now = self.kit.edition.policy.version, visitor.now
        bot = is_bot(request.scope["headers"])
        if visitor.consent is None and not bot:
            self.kit.tally.count(version, [("signal", signal) for signal in visitor.signals], now)
        # Nobody is counted, or written of, where nobody is.
        noted = self.kit.history.newest if bot else self._noted(visitor)
        consent, decision = await self._latest(visitor, noted)
        response = Json(state_of(self.kit.edition.policy, decision, visitor.scope))
        # Of an account that has been signed out the hint may be left.
        left_over = visitor.scope is not None and HINT_COOKIE in request.cookies
        if (consent is not None or left_over) and Reason.UNPROVEN not in decision.reasons.values():
            _set(response, kept(self.gate.orders, request.scope, State(consent, decision), now))
            if consent is not None and not bot and self._changed(visitor, decision) is not None:
                self.kit.tally.count(version, [("told", "policy")], now)
        return response

    async def _latest(
        self, visitor: VisitorConsent, known: Callable[[Consent], Consent]
    ) -> tuple[Consent | None, Decision]:
        consent = visitor.consent
        latest = await run_in_threadpool(known, consent) if consent else None
        if latest is consent:
            return consent, visitor.decision
        return latest, visitor.obeyed(self.kit.decide(latest, visitor.now, visitor.placed))

    async def sync(self, request: Request) -> Response:
        """Take in what a page's script sees and no request shows; answer with cookies only (design §2).

        Trackers that have no anchor yet get one; cookies of ours that are old are set again, with what is
        left of their life. As the log knows the visitor: a report under way at a withdrawal brings back
        nothing (A10), and without the log none is taken in. `?closed`: the visitor has closed the message of
        what has changed (E3); of one who had it to close, that is logged.
        """
        try:
            answers.check_origin(request.headers, request.url.scheme)
            self.reports.check(self.whereabouts.address(request.scope), self.kit.clock())
            told = await answers.read_told(request)
        except ConsentKitError as error:
            return self._failed(request, error, _shown(self._visitor(request), None))
        visitor = self._visitor(request)
        consent, decision = await self._latest(visitor, self.kit.history.latest)
        response = Response(status_code=204, headers=PRIVATE)
        # A hint without a consent that opens would be reported at each page for nothing: it goes.
        # What is on without an answer has its first day, too (B6).
        known = consent is not None or HINT_COOKIE in request.cookies or len(decision.allowed) > 1
        if known and Reason.UNPROVEN not in decision.reasons.values():
            state, closed = State(consent, decision), "closed" in request.query_params
            lines = kept(self.gate.orders, request.scope, state, visitor.now, told, closed=closed)
            _set(response, lines)
            day = self._changed(visitor, decision) if closed else None
            if consent is not None and day is not None:
                await run_in_threadpool(self._noted(visitor, day), consent)
        return response

    def _noted(self, visitor: VisitorConsent, closed: int | None = None) -> Callable[[Consent], Consent]:
        """What logs, once, all that has become true of a visitor by now."""
        noted, policy, signals = self.kit.history.noted, self.kit.edition.policy, visitor.signals
        return partial(
            noted, policy=policy, signals=signals, now=visitor.now, regime=visitor.placed, closed=closed
        )

    def _changed(self, visitor: VisitorConsent, decision: Decision) -> int | None:
        """The UTC day of what the page has to tell a visitor, as their cookies stand (E3)."""
        return changed_for(self.gate.orders, visitor.cookies or b"", decision)

    async def page(self, request: Request) -> Response:
        """Answer the visitor's page, which works without JavaScript."""
        visitor = self._visitor(request)
        consent, records = visitor.consent, None
        try:
            records = await run_in_threadpool(self.kit.history.records, consent) if consent else []
        except ConsentKitError:
            logger.exception("the history can't be read; the page goes out without it")
        return self.form.page(request, _shown(visitor, records))

    async def opt_out(self, request: Request) -> Response:
        """Answer the page with one button that opts out of any sale (California Civil Code 1798.135(a))."""
        return self.form.opt_out(request, _shown(self._visitor(request), ()))


def _shown(visitor: VisitorConsent, records: Sequence[Stored] | None) -> Shown:
    return Shown(visitor.decision, visitor.signals, records, visitor.consent is not None, visitor.scope)


def _set(response: Response, lines: Iterable[str]) -> None:
    for line in lines:
        response.headers.append("set-cookie", line)
