"""Whose choices a request is about: an account's, where the application says that one is signed in (L11).

An account's answers count on every device where it is signed in: yes, no and withdrawal alike. They stand in
the log alone, under an id that only the log's keys can make of the account's. Each request reads them anew,
so no browser keeps anything that could be out of date: another device's answer counts at once, and so does
signing out. What the browser's own visitor has said, in its own cookie, is neither heard nor changed
meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.types import Scope

from consentkit.gate.told import Tell
from consentkit.gate.visitor import Source, VisitorConsent
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent, Decision, Reason
from consentkit.policy.notice import ACCOUNT, DEVICE
from consentkit.policy.version import Policy

logger = logging.getLogger("consentkit")

AccountOf = Callable[[Scope], str | int | None]
"""Tells from a request's scope to which account its visitor is signed in, None for nobody."""
UNCERTAIN = "unknown"
"""The scope of a visitor of whom it can't be told whether, or to what, they are signed in."""
MET = "consentkit.account"
"""Where in a scope stands what was found out: the account's answers, None for nobody signed in."""
UNANSWERED = -1
"""The index of the last entry of an account that has none."""
SECONDS = 2.0
"""How long a request waits for the log."""


class Accounts:
    """The accounts of one site, as `account` tells them."""

    def __init__(self, account: AccountOf, kit: ConsentKit, tell: Tell) -> None:
        self._account = account
        self._kit = kit
        self._tell = tell

    async def meet(self, scope: Scope) -> None:
        """Find out who is signed in, and what they have answered; on any doubt nothing is written down."""
        if MET in scope:
            return
        try:
            cid = self._id_of(scope)
        except Exception as error:  # noqa: BLE001 - the site's own code; a page is worth more than an account
            self._tell("account= fails, so nothing optional is allowed: %r", error, of=type(error).__name__)
            return
        try:
            reading = asyncio.to_thread(self._answers, cid) if cid is not None else None
            scope[MET] = await asyncio.wait_for(reading, SECONDS) if reading is not None else None
        except Exception:  # as for the account
            logger.exception("the log can't be read; nothing optional is allowed to who is signed in")

    def _id_of(self, scope: Scope) -> bytes | None:
        name = self._account(scope)
        if name is None or name == "":
            return None
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"an account is told by a text or a number, not by {type(name).__name__}")
        return self._kit.log.account(str(name))

    def _answers(self, cid: bytes) -> Consent:
        return self._kit.history.latest(Consent(cid, UNANSWERED, {}, account=True))

    def visitor(self, device: Source, scope: Scope, now: datetime | None) -> VisitorConsent:
        """Return who asks, as of `now` or of the first question about them, once they have been met.

        `device` knows what the browser's own visitor has answered.
        """
        consent: Consent | None = scope.get(MET)
        alone = MET in scope and consent is None
        visitor = VisitorConsent(device if alone else _Account(self._kit, consent), scope["headers"], now)
        visitor.scope = DEVICE if alone else ACCOUNT if consent else UNCERTAIN
        return visitor


@dataclass(frozen=True, slots=True)
class _Account:
    """Knows what one account has answered; with None, that nobody can tell whose answer counts."""

    kit: ConsentKit
    consent: Consent | None

    @property
    def policy(self) -> Policy:
        return self.kit.edition.policy

    @property
    def clock(self) -> Callable[[], datetime]:
        return self.kit.clock

    def settle(self, _: bytes, now: datetime, regime: str | None) -> tuple[Consent | None, Decision]:
        decision = self.kit.decide(self.consent, now, regime)
        if self.consent is None:
            reasons = {**dict.fromkeys(decision.reasons, Reason.UNPROVEN), "necessary": Reason.NECESSARY}
            decision = Decision(
                frozenset(["necessary"]), ask=True, reasons=reasons, until={}, regime=decision.regime
            )
        return self.consent, decision

    def overtaken(
        self, consent: Consent, now: datetime, regime: str | None
    ) -> tuple[Consent, Decision] | None:
        latest = self.kit.history.latest(consent)
        return None if latest is consent else (latest, self.kit.decide(latest, now, regime))

    def glance(self, _: bytes, __: bytes | None, ___: datetime, ____: str | None) -> None:
        return None
