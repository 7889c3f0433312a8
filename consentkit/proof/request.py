"""What was asked of the log, and the one wake-up that answers everybody who waits."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from consentkit.errors import ConsentKitError
from consentkit.proof.entry import Draft


@dataclass(frozen=True, slots=True)
class Appended:
    """An entry that is durable: its index, the time it was given, and the receipt that proves it."""

    index: int
    t: int
    receipt: str


Waiting = Future[list[Appended]] | asyncio.Future[list[Appended]]
AnyWaiting = TypeVar("AnyWaiting", Future[list[Appended]], asyncio.Future[list[Appended]])


class Request(NamedTuple):
    """Records to be appended together, and who waits for them: a thread, or a task of an event loop.

    They are refused if `expected_size` is told and isn't the log's size, or if `after` is told and isn't the
    newest entry (-1: none) under the tag of the first record.
    """

    drafts: Sequence[Draft]
    expected_size: int | None
    after: int | None
    waiting: Waiting

    def begin(self) -> bool:
        """False when nobody waits any more: then it isn't recorded."""
        if isinstance(self.waiting, Future):
            return self.waiting.set_running_or_notify_cancel()
        return not self.waiting.cancelled()


Reply = list[Appended] | ConsentKitError


def answer(requests: Sequence[Request], replies: Sequence[Reply]) -> None:
    """Tell everybody what came of what they asked for; an event loop is woken once for all who wait in it."""
    woken: dict[asyncio.AbstractEventLoop, list[tuple[Waiting, Reply]]] = {}
    for request, reply in zip(requests, replies, strict=True):
        if isinstance(request.waiting, Future):
            _settle([(request.waiting, reply)])
        else:
            woken.setdefault(request.waiting.get_loop(), []).append((request.waiting, reply))
    for loop, pairs in woken.items():
        with suppress(RuntimeError):  # closed meanwhile, so that nobody waits
            loop.call_soon_threadsafe(_settle, pairs)


def _settle(pairs: Sequence[tuple[Waiting, Reply]]) -> None:
    for waiting, reply in pairs:
        if waiting.done():
            continue  # its task was cancelled
        if isinstance(reply, list):
            waiting.set_result(reply)
        else:
            waiting.set_exception(reply)
