"""Whom the page has to tell that the policy changed, without asking them anything (E3)."""

import re

from consentkit.gate.orders import Orders
from consentkit.policy.decision import Decision
from consentkit.policy.months import day_of

_TOLD = re.compile(rb"(?:\A|; ?)consentkit_allows=([0-9a-f]{16})[^;!]*(?:!(\d{1,5})(?=;|\Z))?")


def changed_for(orders: Orders, cookies: bytes, decision: Decision) -> int | None:
    """Return the UTC day on which what a visitor was told changed; None for whom nothing is to be told.

    `cookies` is a Cookie header's value: its hint has the version that this browser was last told of, and
    keeps the day until the message is closed. Anybody can write a hint; all it brings is a message. Who is
    asked reads the notice itself, and a site that draws everything itself tells it itself.
    """
    found = _TOLD.search(cookies)
    policy = orders.edition.policy
    if found is None or decision.ask or policy.banner.headless:
        return None
    since = orders.changed(found[1].decode(), policy)
    if since is not None:
        return day_of(since)
    return int(found[2]) if found[2] else None
