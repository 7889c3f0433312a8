"""C2SP tlog-witness: asking a witness to cosign a checkpoint, with the proof that it follows what it saw."""

import re
from collections.abc import Callable, Sequence

from consentkit.errors import OutsideRefused, VerificationError
from consentkit.proof.cosignature import cosigned, own_lines
from consentkit.proof.note import Checkpoint, encode64, split_note
from consentkit.proof.posting import post
from consentkit.proof.quorum import Witness

Prove = Callable[[int], Sequence[bytes]]
"""A size the witness has seen (not 0) to the consistency proof from there (RFC 6962 §2.1.2)."""

_TEXT = "text/plain; charset=utf-8"
_OK, _CONFLICT = 200, 409
_WHY = {
    400: "it can't read what we send",
    403: "it trusts another key for this log",
    404: "it doesn't know this log",
    422: "it says that this log contradicts what it saw before",
}
_TRIES = 3


def cosign(witness: Witness, note: str, seen: int, prove: Prove, seconds: float) -> str:
    """Ask `witness` for its cosignature of the checkpoint in `note`; returns its signature lines.

    `seen` is the size that it is thought to have cosigned last; it says so if that is wrong, and is asked
    again. `seconds` is how long any step may take. OutsideRefused when it gives no good cosignature.
    """
    address = (witness.url or "").rstrip("/") + "/add-checkpoint"
    size = Checkpoint.parse(split_note(note)[0]).size
    for _ in range(_TRIES):
        status, body = post(address, _request(note, seen, prove), _TEXT, seconds)
        if status == _OK:
            return _lines(witness, note, body)
        if status != _CONFLICT:
            raise OutsideRefused(_WHY.get(status, "it refuses") + f" (status {status})")
        seen = _other_size(body, seen, size)
    raise OutsideRefused("it names another size each time")


def _request(note: str, seen: int, prove: Prove) -> bytes:
    path = prove(seen) if seen else ()
    return "".join([f"old {seen}\n", *(f"{encode64(node)}\n" for node in path), f"\n{note}"]).encode()


def _lines(witness: Witness, note: str, body: bytes) -> str:
    try:
        # What it says of keys that we don't know counts for nothing (tlog-witness).
        lines = own_lines(body.decode("utf-8", "replace"), witness.verifier)
        if not lines or not cosigned(note, lines, [witness.verifier]):
            raise VerificationError("it isn't by the key that the witness is known by")
    except VerificationError as error:
        raise OutsideRefused(f"its cosignature doesn't hold: {error}") from error
    return lines


def _other_size(body: bytes, seen: int, size: int) -> int:
    """The size that a witness says it cosigned last, if it can help to begin there."""
    told = body.decode("ascii", "replace").removesuffix("\n")
    if not re.fullmatch("0|[1-9][0-9]{0,18}", told, re.ASCII):
        raise OutsideRefused("it has seen another size, but doesn't say which")
    if int(told) > size:
        message = f"it has seen {told} entries, this log shows {size}: was it cut off?"
        raise OutsideRefused(message, int(told))
    if int(told) == seen:
        raise OutsideRefused(f"it has seen another log of {told} entries under this name")
    return int(told)
