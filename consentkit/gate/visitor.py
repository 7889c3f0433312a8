"""What an application may ask about this visitor."""

import logging
from collections.abc import Mapping
from datetime import datetime

from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.policy.version import Policy

logger = logging.getLogger("consentkit")

fixed: list[Decision] = []
"""Decisions that a site's own tests put in place of every visitor's, the last one first."""


class VisitorConsent:
    """One visitor's decision at one request; `asked` turns true once the answer depends on it."""

    __slots__ = ("_decision", "_policy", "asked", "consent")

    def __init__(self, policy: Policy | None, consent: Consent | None, decision: Decision) -> None:
        self._policy = policy
        self._decision = fixed[-1] if fixed else decision
        self.consent = consent
        self.asked = False

    @property
    def decision(self) -> Decision:
        """The decision itself, for the gate: looking at it doesn't make the answer personal."""
        return self._decision

    def allows(self, category: str) -> bool:
        """Return whether `category` is allowed now. A category the policy doesn't have is denied."""
        self.asked = True
        if self._policy and category not in ("necessary", *self._policy.categories):
            names = ", ".join(("necessary", *self._policy.categories))
            logger.warning("allows(%r): no such category; the policy has %s", category, names)
        return category in self._decision.allowed

    def allows_service(self, service: str) -> bool:
        """Return whether a declared service may run now; one that isn't declared is denied."""
        self.asked = True
        category = self._policy.category_of(service) if self._policy else None
        if category is None:
            logger.warning("allows_service(%r): the policy doesn't declare this service", service)
        return category in self._decision.allowed

    @property
    def ask(self) -> bool:
        """Whether a category still needs an answer."""
        self.asked = True
        return self._decision.ask

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """Why each category is allowed or not."""
        self.asked = True
        return self._decision.reasons

    @property
    def until(self) -> Mapping[str, datetime]:
        """Until when each settled answer counts (UTC)."""
        self.asked = True
        return self._decision.until
