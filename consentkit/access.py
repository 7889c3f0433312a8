"""Who has looked at what the log holds about people: an entry each, off the path of any page (H2, Q38)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from consentkit.policy.months import milliseconds
from consentkit.proof.entry import Kind, Record, Stored
from consentkit.proof.log import ProofLog


def is_personal(entry: Stored) -> bool:
    """Return whether an entry is about a visitor who isn't erased; also one that somebody has altered."""
    return entry.subj is not None and "sub" in entry.subj


def reading(actor: str, what: Mapping[str, Any], now: datetime, session: str = "") -> Record:
    """Return the entry that says who reads `what`: an `action`, and its `object` or the range `from`, `to`.

    `session` is what one person does in a row, "" for what stands alone.
    """
    subject = {"actor": actor} | ({"session": session} if session else {})
    return Record(Kind.ACCESS, milliseconds(now), what, subject)


def session_of(token: str) -> str:
    """Return what stands for a session in the log: nobody can enter with it."""
    return sha256(b"consentkit/v1/session\0" + token.encode()).hexdigest()[:16]


def read_once(log: ProofLog, actor: str, session: str, index: int, now: datetime) -> None:
    """Log that somebody reads an entry, once in a session, whichever process serves it.

    Raises StoreUnavailable: what can't be logged isn't to be shown.
    """
    record = reading(actor, {"action": "show", "object": index}, now, session)
    tag = log.lookup(f"{session}/{index}".encode())
    if not log.find(tag):
        log.append([replace(record, lookup=tag)]).result()
