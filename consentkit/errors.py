"""What can go wrong: one root, few leaves, each carrying what its handler needs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (`site.languages.1`), what, and which values are allowed."""

    path: str
    message: str
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        choices = f" (allowed: {', '.join(self.allowed)})" if self.allowed else ""
        return f"{self.path}: {self.message}{choices}"


class ConsentKitError(Exception):
    """The root of every error consentkit raises on purpose."""


class _Problems(ConsentKitError):
    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class PolicyError(_Problems):
    """A policy document that can't be used; `problems` lists all of them at once."""


class ChoiceError(_Problems):
    """A visitor's choice that can't be recorded as sent; `problems` lists all of them at once."""


class ConfigurationError(ConsentKitError):
    """The operator's set-up is incomplete or contradictory; the message says what to do."""


class StoreUnavailable(ConsentKitError):
    """The log can't be written now; try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutcomeUnknown(StoreUnavailable):
    """The log was being written when the trouble came: what was to be recorded may be, or not (I5)."""


class SizeMoved(ConsentKitError):
    """An append that depends on what came before found more: the log at `size` entries, or the visitor's own
    entries moved on.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"the log has moved on to {size} entries")
        self.size = size


class LogRefused(ConsentKitError):
    """The log contradicts its keys or its guard; the service must not start on it (prooflog I6)."""

    def __init__(self, message: str, found: str, expected: str) -> None:
        super().__init__(f"{message}: found {found}, expected {expected}")
        self.found = found
        self.expected = expected


class LogClosed(LogRefused):
    """The log was closed for good; `successor` names the one that goes on."""

    def __init__(self, origin: str, successor: str) -> None:
        super().__init__(f"the log {origin} is closed", "an append", f"it in {successor}, which goes on")
        self.successor = successor


class VerificationError(ConsentKitError):
    """A checkpoint, receipt or proof that is malformed or doesn't hold."""


class OutsideRefused(ConsentKitError):
    """A time stamp authority or a witness didn't give what it was asked for; it is asked again later.

    `seen` is how many entries a witness has seen, where that is more than it was shown.
    """

    def __init__(self, message: str, seen: int = 0) -> None:
        super().__init__(message)
        self.seen = seen
