"""Warnings to the operator, each once: what is wrong with a site is wrong at every request."""

import logging
from typing import Protocol

logger = logging.getLogger("consentkit")


class Tell(Protocol):
    """Takes a warning and what fills its gaps, as logging does; `of` says what it is about if that varies."""

    def __call__(self, message: str, *values: object, of: str = "") -> None: ...


class Told:
    """Logs a warning the first time only, told apart by its wording and by what it is about."""

    MOST = 1000

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def __call__(self, message: str, *values: object, of: str = "") -> None:
        if (message, of) not in self._told and len(self._told) < self.MOST:
            self._told.add((message, of))
            logger.warning(message, *values)
