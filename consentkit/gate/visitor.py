"""What an application may ask about this visitor."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from consentkit.gate.cookies import cookies_of
from consentkit.gate.headers import Headers
from consentkit.gate.layout import ASKED, names_of
from consentkit.gate.told import Told
from consentkit.gate.ua import is_bot
from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.policy.precedence import obeyed, under_age
from consentkit.policy.regimes import UNKNOWN
from consentkit.policy.signals import GPC, denied, heard
from consentkit.policy.version import Policy
from consentkit.tally import Kind

tell = Told()

fixed: list[Decision] = []
"""Decisions that a site's own tests put in place of every visitor's, the last one first."""


class Source(Protocol):
    """Who knows what a request's visitor has answered, from its headers, as of an instant (UTC)."""

    @property
    def policy(self) -> Policy | None:
        """The policy in force, if there is one."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Returns the present instant."""

    def settle(self, cookies: bytes, now: datetime, regime: str | None) -> tuple[Consent | None, Decision]:
        """Return the visitor's consent and the decision; `cookies` as they stand in a Cookie header.

        `regime` is the visitor's own, None where the site's is everybody's.
        """

    def overtaken(
        self, consent: Consent, now: datetime, regime: str | None
    ) -> tuple[Consent, Decision] | None:
        """Return the visitor's later consent, and its decision, if the log has one."""

    def glance(
        self, cookies: bytes, sealed: bytes | None, now: datetime, regime: str | None
    ) -> frozenset[str] | None:
        """Return what the decision would allow, if that is known with less: the gate often needs no more.

        `sealed` is the value of the only cookie there is for it, if somebody has found that.
        """


class VisitorConsent:
    """One visitor's decision at one request; `asked` turns true once the answer depends on it.

    Nothing is opened or decided before something first asks: most requests never do. What then holds is as
    of `now`, or of the instant of that first question.
    """

    # Defaults rather than assignments: one is made at every request, and most are never asked.
    asked = False
    cookies: bytes | None = None
    """What the request's Cookie header says, once somebody has read it."""
    sealed: bytes | None = None
    """The value of the only one of those that holds a consent, if somebody has looked for it."""
    anchored: bytes | None = None
    """The same of the one that holds anchors."""
    placed: str | None = None
    """The visitor's own regime, where the application tells one."""
    scope: str | None = None
    """Where the visitor's choice counts (L11), as far as the application tells; None without accounts."""
    minor = False
    """Whether the application says that the visitor is too young to be asked."""
    objecting: tuple[int, ...] | None = None
    """Where among the request's headers a browser's objections stand, once somebody has looked."""
    _signals: tuple[str, ...] | None = None
    drift: frozenset[tuple[Kind, str]] = frozenset()
    """What to count of those cookies, if a page comes of it."""
    _allowed: frozenset[str] | None = None
    _consent: Consent | None = None
    _decision: Decision | None = None
    _now: datetime | None = None
    _settled = False

    def __init__(self, source: Source, headers: Headers, now: datetime | None = None) -> None:
        self._source = source
        self._headers = headers
        if now is not None:
            self._now = now
        if fixed:
            self._decision = fixed[-1]

    @property
    def now(self) -> datetime:
        """The instant as of which everything here is said."""
        if self._now is None:
            self._now = self._source.clock()
        return self._now

    def _sent(self) -> bytes:
        if self.cookies is None:
            self.cookies = cookies_of(self._headers)
        return self.cookies

    @property
    def signals(self) -> tuple[str, ...]:
        """What the browser objects to beside the visitor's answers, as far as that counts here.

        Of somebody under age nothing is kept, this neither; nothing is left that it could deny.
        """
        if self.minor:
            return ()
        if self._signals is None:
            policy, headers, places = self._source.policy, self._headers, self.objecting
            if places is None:
                places = ASKED[names_of(headers)].signals
            self._signals = heard(policy, [headers[place] for place in places]) if policy and places else ()
        return self._signals

    def signals_with(self, *, gpc: bool) -> tuple[str, ...]:
        """Return the signals with Global Privacy Control, where a page tells of it and it counts."""
        policy = self._source.policy
        counts = gpc and policy is not None and not self.minor and denied(policy, GPC)
        return tuple(sorted({*self.signals, GPC})) if counts else self.signals

    def obeyed(self, decision: Decision) -> Decision:
        """Return a decision on this visitor without what their age or their browser's objection denies."""
        if self.minor:
            return under_age(decision)
        policy = self._source.policy
        return obeyed(policy, decision, self.signals) if policy and self.signals else decision

    def _settle(self) -> Decision:
        if not self._settled:
            self._consent, decision = self._source.settle(self._sent(), self.now, self.placed)
            if self._consent is None and len(decision.allowed) > 1 and is_bot(self._headers):
                # What is on without an answer is on for people: nobody could say no here.
                decision = self._source.settle(b"", self.now, UNKNOWN)[1]
            self._decision = self._decision or self.obeyed(decision)
            self._settled = True
        assert self._decision is not None  # noqa: S101 - just set
        return self._decision

    @property
    def consent(self) -> Consent | None:
        """What this visitor's cookie says, if it opens."""
        self._settle()
        return self._consent

    def overtaken(self) -> tuple[Consent, Decision] | None:
        """Return what this visitor has answered since this request was sent, if anything; from the log.

        Raises StoreUnavailable.
        """
        consent = self.consent
        since = self._source.overtaken(consent, self.now, self.placed) if consent is not None else None
        return (since[0], self.obeyed(since[1])) if since is not None else None

    @property
    def decision(self) -> Decision:
        """The decision itself, for the gate: looking at it doesn't make the answer personal."""
        return self._decision or self._settle()

    @property
    def allowed(self) -> frozenset[str]:
        """What the decision allows, for the gate as well."""
        allowed = self._allowed
        if allowed is None:
            if self._decision is None and not self.minor:
                now = self._now
                if now is None:
                    self._now = now = self._source.clock()
                sent = self.cookies
                sent = self._sent() if sent is None else sent
                allowed = self._source.glance(sent, self.sealed, now, self.placed)
                # Most browsers object to nothing, which is known without a further call.
                if allowed is not None and len(allowed) > 1 and self.objecting != () and self.signals:
                    allowed = None
            if allowed is None:
                allowed = self.decision.allowed
            self._allowed = allowed
        return allowed

    def allows(self, category: str) -> bool:
        """Return whether `category` is allowed now. A category the policy doesn't have is denied."""
        self.asked = True
        policy = self._source.policy
        if policy and category not in ("necessary", *policy.categories):
            names = ", ".join(("necessary", *policy.categories))
            tell("allows(%r): no such category; the policy has %s", category, names, of=category)
        return category in self.decision.allowed

    def allows_service(self, service: str) -> bool:
        """Return whether a declared service may run now; one that isn't declared is denied."""
        self.asked = True
        policy = self._source.policy
        category = policy.category_of(service) if policy else None
        if category is None:
            tell("allows_service(%r): the policy doesn't declare this service", service, of=service)
        return category in self.decision.allowed

    @property
    def ask(self) -> bool:
        """Whether a category still needs an answer."""
        self.asked = True
        return self.decision.ask

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """Why each category is allowed or not."""
        self.asked = True
        return self.decision.reasons

    @property
    def until(self) -> Mapping[str, datetime]:
        """Until when each settled answer counts (UTC)."""
        self.asked = True
        return self.decision.until
