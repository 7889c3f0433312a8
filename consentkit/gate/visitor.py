"""What an application may ask about this visitor."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.policy.version import Policy

logger = logging.getLogger("consentkit")

Settle = Callable[[], tuple[Consent | None, Decision]]
Glance = Callable[[], frozenset[str] | None]

fixed: list[Decision] = []
"""Decisions that a site's own tests put in place of every visitor's, the last one first."""


class VisitorConsent:
    """One visitor's decision at one request; `asked` turns true once the answer depends on it.

    `settle` returns the visitor's consent and the decision, as of the instant of the request, and is called
    when something first needs them: most requests never do. `glance` returns what the decision would allow
    if that is easily known, for the gate, which often needs no more.
    """

    __slots__ = ("_allowed", "_consent", "_decision", "_glance", "_policy", "_settle", "asked")

    def __init__(self, policy: Policy | None, settle: Settle, glance: Glance | None = None) -> None:
        self._policy = policy
        self._settle: Settle | None = settle
        self._consent: Consent | None = None
        self._decision: Decision | None = fixed[-1] if fixed else None
        self._glance = glance
        self._allowed: frozenset[str] | None = None
        self.asked = False

    def _settled(self) -> Decision:
        if self._settle is not None:
            self._consent, decision = self._settle()
            self._decision = self._decision or decision
            self._settle = None
        assert self._decision is not None  # noqa: S101 - just set
        return self._decision

    @property
    def consent(self) -> Consent | None:
        """What this visitor's cookie says, if it opens."""
        self._settled()
        return self._consent

    @property
    def decision(self) -> Decision:
        """The decision itself, for the gate: looking at it doesn't make the answer personal."""
        return self._decision or self._settled()

    @property
    def allowed(self) -> frozenset[str]:
        """What the decision allows, for the gate as well."""
        if self._allowed is None:
            if self._decision is None and self._glance is not None:
                self._allowed = self._glance()
            if self._allowed is None:
                self._allowed = self.decision.allowed
        return self._allowed

    def allows(self, category: str) -> bool:
        """Return whether `category` is allowed now. A category the policy doesn't have is denied."""
        self.asked = True
        if self._policy and category not in ("necessary", *self._policy.categories):
            names = ", ".join(("necessary", *self._policy.categories))
            logger.warning("allows(%r): no such category; the policy has %s", category, names)
        return category in self.decision.allowed

    def allows_service(self, service: str) -> bool:
        """Return whether a declared service may run now; one that isn't declared is denied."""
        self.asked = True
        category = self._policy.category_of(service) if self._policy else None
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
