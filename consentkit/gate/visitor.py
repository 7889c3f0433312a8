"""What an application may ask about this visitor."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from consentkit.gate.headers import Headers
from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.policy.version import Policy

logger = logging.getLogger("consentkit")

fixed: list[Decision] = []
"""Decisions that a site's own tests put in place of every visitor's, the last one first."""


class Source(Protocol):
    """Who knows what a request's visitor has answered, from its headers, as of an instant (UTC)."""

    @property
    def policy(self) -> Policy | None:
        """The policy in force, if there is one."""

    def now(self) -> datetime:
        """Return the present instant."""

    def settle(self, headers: Headers, now: datetime) -> tuple[Consent | None, Decision]:
        """Return the visitor's consent and the decision."""

    def glance(self, headers: Headers, now: datetime) -> frozenset[str] | None:
        """Return what the decision would allow, if that is known with less: the gate often needs no more."""


class VisitorConsent:
    """One visitor's decision at one request; `asked` turns true once the answer depends on it.

    Nothing is opened or decided before something first asks: most requests never do. What then holds is as
    of `now`, or of the instant of that first question.
    """

    __slots__ = ("_allowed", "_consent", "_decision", "_headers", "_now", "_settled", "_source", "asked")

    def __init__(self, source: Source, headers: Headers, now: datetime | None = None) -> None:
        self._source = source
        self._headers = headers
        self._now = now
        self._settled = False
        self._consent: Consent | None = None
        self._decision: Decision | None = fixed[-1] if fixed else None
        self._allowed: frozenset[str] | None = None
        self.asked = False

    def _at(self) -> datetime:
        if self._now is None:
            self._now = self._source.now()
        return self._now

    def _settle(self) -> Decision:
        if not self._settled:
            self._consent, decision = self._source.settle(self._headers, self._at())
            self._decision = self._decision or decision
            self._settled = True
        assert self._decision is not None  # noqa: S101 - just set
        return self._decision

    @property
    def consent(self) -> Consent | None:
        """What this visitor's cookie says, if it opens."""
        self._settle()
        return self._consent

    @property
    def decision(self) -> Decision:
        """The decision itself, for the gate: looking at it doesn't make the answer personal."""
        return self._decision or self._settle()

    @property
    def allowed(self) -> frozenset[str]:
        """What the decision allows, for the gate as well."""
        if self._allowed is None:
            if self._decision is None:
                self._allowed = self._source.glance(self._headers, self._at())
            if self._allowed is None:
                self._allowed = self.decision.allowed
        return self._allowed

    def allows(self, category: str) -> bool:
        """Return whether `category` is allowed now. A category the policy doesn't have is denied."""
        self.asked = True
        policy = self._source.policy
        if policy and category not in ("necessary", *policy.categories):
            names = ", ".join(("necessary", *policy.categories))
            logger.warning("allows(%r): no such category; the policy has %s", category, names)
        return category in self.decision.allowed

    def allows_service(self, service: str) -> bool:
        """Return whether a declared service may run now; one that isn't declared is denied."""
        self.asked = True
        policy = self._source.policy
        category = policy.category_of(service) if policy else None
        if category is None:
            logger.warning("allows_service(%r): the policy doesn't declare this service", service)
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
