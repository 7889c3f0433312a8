"""Changing the key that signs: the old one names the new one, both sign for a while, then the old one goes.

Which keys are in force is what the newest checkpoint says: those that signed it. An entry `key` changes it:
`{"vkey": new, "signers": [...]}` or `{"retired": old, "signers": [...]}`, where `signers` are all that sign
from that entry's checkpoint on (prooflog §3.6). So a key is retired at a size, not on a day.
"""

from pathlib import Path

from consentkit.errors import ConfigurationError, LogClosed
from consentkit.proof.entry import Kind, Record
from consentkit.proof.handover import successor_of
from consentkit.proof.log import ProofLog
from consentkit.proof.note import Verifier


def in_force(log: ProofLog) -> tuple[Verifier, ...]:
    """The keys that sign the log now, oldest first; LogRefused when one of them is missing."""
    return log.keys.ring(log.checkpoint)


def prepare(log: ProofLog) -> Verifier:
    """Make the key that `rotate` will name, or find it; until then it signs nothing.

    Machines that share the log need it before that. ConfigurationError when two sign already, LogClosed when
    the log is closed.
    """
    successor = successor_of(log)
    if successor:
        raise LogClosed(log.origin, successor.origin)
    if len(in_force(log)) > 1:
        raise ConfigurationError("two keys sign already; retire the old one first")
    return log.keys.add()


def rotate(log: ProofLog, t: int) -> Verifier:
    """Let a new key sign beside the one in force from now on (`t`, UTC ms), named under it; returns it.

    As `prepare` made it. Again after it was cut off, it ends it.
    """
    size, ring = log.size, in_force(log)
    new = prepare(log)
    stmt = {"vkey": new.vkey, "signers": [verifier.vkey for verifier in (*ring, new)]}
    log.append([Record(Kind.KEY, t, stmt)], expected_size=size).result()
    return new


def retire(log: ProofLog, t: int) -> tuple[Verifier, Path | None]:
    """Let the oldest key in force sign no more; returns it, and where its private file is now.

    ConfigurationError when it is the only one: a log that nobody can sign can't go on.
    """
    size, ring = log.size, in_force(log)
    old, rest = ring[0], ring[1:]
    left = [key for key in log.keys.verifiers if key not in ring and key.vkey in log.keys.vkeys]
    if left:
        return left[0], log.keys.put_away(left[0])  # somebody was cut off
    if not rest:
        raise ConfigurationError("only one key signs; first add its successor: consentkit key rotate")
    stmt = {"retired": old.vkey, "signers": [verifier.vkey for verifier in rest]}
    log.append([Record(Kind.KEY, t, stmt)], expected_size=size).result()
    return old, log.keys.put_away(old)
