"""Callers that ask for a record and wait for the answer before they ask for the next."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from consentkit.proof.entry import Kind, Record, subject_id
from consentkit.proof.log import ProofLog

ORIGIN = "bench.example/consent"
CATEGORIES = ("preferences", "analytics", "marketing")
HASH = "0123456789abcdef" * 4

Caller = Callable[[int], Awaitable[Any]]


def statement(number: int) -> dict[str, Any]:
    """Return a choice as the product states one (see README.md), its own `t` aside."""
    return {
        "basis": {"necessary": "exempt", "others": "consent"},
        "categories": {"necessary": True, **dict.fromkeys(CATEGORIES, True)},
        "client": 1_788_177_600_123,
        "control": "accept-all",
        "edition": 3,
        "locale": "en",
        "mechanism": "preferences",
        "notice": HASH,
        "policy": HASH,
        "previous": number if number % 2 else None,
        "regime": "unknown",
        "until": {"granted": 1_803_902_400_000},
    }


def subject(cid: bytes) -> dict[str, str]:
    """Return what is said of a visitor."""
    return {"sub": subject_id(cid), "country": "FR", "browser": "Firefox"}


def choice(log: ProofLog, number: int) -> Record:
    """Return a visitor's record, made as a request makes it."""
    cid = number.to_bytes(16, "big")
    return Record(Kind.CHOICE, time.time_ns() // 10**6, statement(number), subject(cid), log.lookup(cid))


@dataclass(frozen=True)
class Round:
    """What one round of a case came to: answers a second, waits (ms), records a commit, cpu (µs)."""

    name: str
    rate: float
    p50: float
    p99: float
    batch: float
    cost: float


async def busy(callers: Sequence[Caller], seconds: float) -> list[float]:
    """Let each caller ask again as soon as it is answered; return how long (s) each answer took."""
    end, waits = time.monotonic() + seconds, list[float]()

    async def ask(caller: Caller, number: int) -> None:
        answers = 0
        while (begun := time.monotonic()) < end:
            await caller(number * 1_000_000 + answers)
            waits.append(time.monotonic() - begun)
            answers += 1

    await asyncio.gather(*(ask(caller, number) for number, caller in enumerate(callers)))
    return waits


def middle(rounds: Sequence[Round], name: str) -> Round:
    """Return a case's medians over its rounds."""
    mine = [one for one in rounds if one.name == name]
    return Round(
        name,
        median(one.rate for one in mine),
        median(one.p50 for one in mine),
        median(one.p99 for one in mine),
        median(one.batch for one in mine),
        median(one.cost for one in mine),
    )
