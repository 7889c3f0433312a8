"""For a site's own tests: fix what every visitor allows."""

from collections.abc import Iterator
from contextlib import contextmanager

from consentkit.gate.visitor import fixed
from consentkit.policy.decision import Decision, Reason
from consentkit.policy.document import OPTIONAL_CATEGORIES


@contextmanager
def granted(*categories: str) -> Iterator[None]:
    """Let every visitor have granted exactly `categories` while the block runs, and refused the rest.

    Works with the middleware mounted and without it. Not for production: it changes the whole process.
    """
    reasons = {"necessary": Reason.NECESSARY} | {
        category: Reason.GRANTED if category in categories else Reason.REFUSED
        for category in dict.fromkeys((*OPTIONAL_CATEGORIES, *categories))
    }
    fixed.append(Decision(frozenset(("necessary", *categories)), False, reasons, {}))
    try:
        yield
    finally:
        fixed.pop()
