"""C2SP tlog-cosignature: a witness says that a checkpoint follows from every one it has seen before."""

from collections.abc import Iterable

from consentkit.errors import VerificationError
from consentkit.proof.note import Verifier, signature_line, signature_lines, split_note

_TIME_BYTES = 8
_LATEST = 2**63 - 1


def cosigned(note: str, lines: str, witnesses: Iterable[Verifier]) -> dict[Verifier, int]:
    """When each of `witnesses` cosigned the checkpoint in `note`, in seconds since 1970.

    `lines` are the signature lines kept beside the note; those by others count for nothing. Raises
    VerificationError when they are malformed, or when what one of `witnesses` is said to have signed doesn't
    hold.
    """
    text, _ = split_note(note)
    known = {(witness.name, witness.id): witness for witness in witnesses}
    found: dict[Verifier, int] = {}
    for name, number, signature in signature_lines(lines):
        witness = known.get((name, number))
        if witness is not None:
            found[witness] = _verify(witness, text, signature)
    return found


def own_lines(lines: str, witness: Verifier) -> str:
    """Of signature lines, those by `witness`."""
    made = signature_lines(lines)
    own = [(name, number, it) for name, number, it in made if (name, number) == (witness.name, witness.id)]
    return "".join(signature_line(*line) for line in own)


def message(text: str, seconds: int) -> bytes:
    """What a witness signs for a checkpoint's text at a time (tlog-cosignature, "Ed25519 signed message")."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode("utf-8", "surrogatepass")


def _verify(witness: Verifier, text: str, signature: bytes) -> int:
    seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
    if seconds > _LATEST:
        raise VerificationError(f"{witness.name} cosigned at no time that there is")
    witness.verify(message(text, seconds), signature[_TIME_BYTES:])
    return seconds
