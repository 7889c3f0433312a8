"""What a browser says beside the visitor's own answers: a signal only ever turns things off (D1, L24, L31).

Global Privacy Control counts everywhere (W3C GPC §3.2): nothing is sold or shared, so marketing is denied
while it is on, and what the policy names as a sale. Do Not Track counts where the policy promises it, as an
objection to everything optional. Neither is an answer: the visitor is asked all the same, what they answer is
recorded as they say it, and it counts as soon as the signal is gone. To accept all is no yes to what a signal
denies, as visitors are told beforehand.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from consentkit.policy.version import Policy

SIGNALS = GPC, DNT = "gpc", "dnt"
US: Final = "us"
"""The regime under which the sections of the Global Privacy Platform are told to scripts."""
HEADERS: Final[Mapping[bytes, str]] = {b"sec-gpc": GPC, b"dnt": DNT}
ON = b"1"
"""Exactly this (GPC §3.2); of several headers one is enough."""


def denied(policy: Policy, signal: str) -> tuple[str, ...]:
    """Return the categories that `policy` denies while a signal is on, in its own order."""
    if signal == DNT:
        return policy.categories if policy.signals.dnt else ()
    sold = {"marketing", *policy.signals.sale_or_share}
    return tuple(category for category in policy.categories if category in sold)


def heard(policy: Policy, headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """Return the signals in a request's headers (names in lower case) that deny something under `policy`."""
    sent = {HEADERS[name] for name, value in headers if name in HEADERS and value == ON}
    return tuple(signal for signal in sorted(sent) if denied(policy, signal))


def objections(policy: Policy, signals: Iterable[str]) -> frozenset[str]:
    """Return the categories that `policy` denies while these signals are on."""
    return frozenset(category for signal in signals for category in denied(policy, signal))
