"""What a site's own tests fix, where no middleware is mounted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from consentkit.kit import utc_now
from consentkit.policy.decision import Consent, Decision


@dataclass(frozen=True, slots=True)
class Fixed:
    """Answers for every visitor where no middleware is mounted, in a site's own tests."""

    decision: Decision
    policy: None = None
    clock: Callable[[], datetime] = utc_now

    def settle(self, _: bytes, __: datetime, ___: str | None) -> tuple[None, Decision]:
        return None, self.decision

    def overtaken(self, _: Consent, __: datetime, ___: str | None) -> None:
        return None

    def glance(self, _: bytes, __: bytes | None, ___: datetime, ____: str | None) -> None:
        return None
