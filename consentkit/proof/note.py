"""C2SP signed-note, tlog-checkpoint and tlog-proof: the three texts that leave the log."""

import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consentkit.errors import VerificationError
from consentkit.proof.merkle import HASH_BYTES, Growth, leaf_hash, verify_inclusion

ED25519, COSIGNATURE = b"\x01", b"\x04"
"""What a key is for: to sign a log, or to cosign one (tlog-cosignature); both are Ed25519 keys."""

_PROOF = "c2sp.org/tlog-proof@v1"
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_MAX_SIGNATURES = 64
_MAX_PATH = 63
_FEW = 4  # receipts that share too little to be made together

Sign = Callable[[bytes], bytes]


def encode64(data: bytes) -> str:
    """Standard base64 (RFC 4648 §4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode64(text: str) -> bytes:
    """The inverse of `encode64`; VerificationError for any spelling but the canonical one."""
    try:
        data = binascii.a2b_base64(text)
    except ValueError as error:
        raise VerificationError(f"not base64: {text[:60]!r}") from error
    if encode64(data) != text:  # also where something was skipped that no base64 has
        raise VerificationError(f"not canonical base64: {text[:60]!r}")
    return data


def _decimal(text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise VerificationError(f"not a decimal number: {text[:30]!r}")
    return int(text)


def valid_name(name: str) -> bool:
    """True for a key name that signed-note allows: not empty, no spaces, no plus, no control characters."""
    return bool(name) and "+" not in name and not any(c.isspace() or ord(c) < 0x20 for c in name)


def key_id(name: str, public: bytes, algorithm: bytes = ED25519) -> bytes:
    """The four bytes that tell one key of a name from another."""
    return sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key under its name: what a vkey says."""

    name: str
    public: bytes
    algorithm: bytes = ED25519

    @classmethod
    def parse(cls, vkey: str, algorithm: bytes = ED25519) -> "Verifier":
        """Read `<name>+<id>+<base64>`; VerificationError when it is no Ed25519 vkey of that use."""
        name, _, rest = vkey.strip().partition("+")
        id_hex, _, encoded = rest.partition("+")
        material = decode64(encoded)
        if not valid_name(name) or material[:1] != algorithm or len(material) != 33:
            use = "verifier" if algorithm == ED25519 else "cosigner's"
            raise VerificationError(f"not an Ed25519 {use} key: {vkey[:80]!r}")
        verifier = cls(name, material[1:], algorithm)
        if verifier.id.hex() != id_hex:
            raise VerificationError(
                f"the verifier key's id is {id_hex!r}, its bytes say {verifier.id.hex()!r}"
            )
        return verifier

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public, self.algorithm)

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encode64(self.algorithm + self.public)}"

    def verify(self, text: bytes, signature: bytes) -> None:
        """Raise VerificationError unless `signature` is this key's over `text`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError) as error:
            raise VerificationError(f"the signature of {self.name} doesn't hold") from error


def sign_note(text: str, verifier: Verifier, sign: Sign, *more: tuple[Verifier, Sign]) -> str:
    """`text` (ending in a newline) with a signature line below it for each key."""
    lines = [signature_line(key.name, key.id, by(text.encode())) for key, by in ((verifier, sign), *more)]
    return f"{text}\n{''.join(lines)}"


def signature_line(name: str, number: bytes, signature: bytes) -> str:
    """The line of a note that holds a signature by the key `name` with the id `number`."""
    return f"— {name} {encode64(number + signature)}\n"


def signature_lines(block: str) -> list[tuple[str, bytes, bytes]]:
    """Name, id and signature of each line of a note's last part, none checked; else VerificationError."""
    lines = block.split("\n")[:-1]
    if not 0 < len(lines) <= _MAX_SIGNATURES:
        raise VerificationError(f"a note has 1 to {_MAX_SIGNATURES} signatures, this one {len(lines)}")
    found = []
    for line in lines:
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        blob = decode64(encoded)
        if mark != "—" or not valid_name(name) or len(blob) < 5:
            raise VerificationError(f"not a signature line: {line[:80]!r}")
        found.append((name, blob[:4], blob[4:]))
    return found


def split_note(note: str) -> tuple[str, str]:
    """A note's text and its signature lines; VerificationError when it isn't made of those."""
    if _CONTROL.search(note):
        raise VerificationError("a note has no control characters")
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise VerificationError("a note is a text, a blank line and signatures")
    return text + "\n", block


def signers(note: str) -> list[str]:
    """`name (id)` of every signature on a note, none of them checked: for messages only."""
    return [f"{name} ({number.hex()})" for name, number in signer_ids(note)]


def signer_ids(note: str) -> list[tuple[str, bytes]]:
    """The name and id of every signature on a note, none of them checked."""
    return [(name, number) for name, number, _ in signature_lines(split_note(note)[1])]


def open_note(note: str, verifiers: Sequence[Verifier]) -> str:
    """The text of a note that a known key signed.

    Raises VerificationError when it is malformed, when no known key signed it, or when the signature of any
    known key fails.
    """
    text, block = split_note(note)
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    trusted = False
    for name, number, signature in signature_lines(block):
        verifier = known.get((name, number))
        if verifier is not None:
            verifier.verify(text.encode("utf-8", "surrogatepass"), signature)
            trusted = True
    if not trusted:
        raise VerificationError(f"signed by {', '.join(signers(note))}, none of them a known key")
    return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: three lines, never an extension line (witnesses refuse those)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{encode64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read the note's text; VerificationError when it isn't exactly three good lines."""
        lines = text.split("\n")
        if len(lines) != 4 or not lines[0] or lines[3]:
            raise VerificationError("a checkpoint has exactly three lines: origin, size, root")
        root = decode64(lines[2])
        if len(root) != HASH_BYTES:
            raise VerificationError(f"a root is {HASH_BYTES} bytes, this one {len(root)}")
        return cls(lines[0], _decimal(lines[1]), root)


def open_checkpoint(note: str, *verifiers: Verifier) -> Checkpoint:
    """The checkpoint in a note that a key of the log signed, named as the origin; or VerificationError."""
    checkpoint = Checkpoint.parse(open_note(note, verifiers))
    if checkpoint.origin != verifiers[0].name:
        raise VerificationError(f"a checkpoint of {checkpoint.origin!r}, not of {verifiers[0].name!r}")
    return checkpoint


@dataclass(frozen=True, slots=True)
class Receipt:
    """A tlog-proof: one entry, where it stands, and the way from it to a signed checkpoint."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        path = "".join(f"{encode64(node)}\n" for node in self.path)
        return f"{_PROOF}\nextra {encode64(self.entry)}\nindex {self.index}\n{path}\n{self.checkpoint}"

    @classmethod
    def parse(cls, text: str) -> "Receipt":
        """Read the text; VerificationError when it isn't a tlog-proof with the entry as its extra data."""
        proof, blank, checkpoint = text.partition("\n\n")
        lines = proof.split("\n")
        if not blank or len(lines) < 3 or lines[0] != _PROOF:
            raise VerificationError(f"not a receipt: it must begin with {_PROOF}, extra and index")
        if not lines[1].startswith("extra ") or not lines[2].startswith("index "):
            raise VerificationError("a receipt says `extra`, then `index`")
        path = tuple(decode64(line) for line in lines[3:])
        if len(path) > _MAX_PATH:
            raise VerificationError(f"a path has at most {_MAX_PATH} hashes, this one {len(path)}")
        return cls(decode64(lines[1][6:]), _decimal(lines[2][6:]), path, checkpoint)

    def verify(self, *verifiers: Verifier) -> Checkpoint:
        """The signed checkpoint that proves the entry to be in the log; else VerificationError."""
        checkpoint = open_checkpoint(self.checkpoint, *verifiers)
        self.prove(checkpoint)
        return checkpoint

    def prove(self, checkpoint: Checkpoint) -> None:
        """Raise VerificationError unless the path leads to this checkpoint's root."""
        verify_inclusion(leaf_hash(self.entry), self.index, checkpoint.size, self.path, checkpoint.root)


def receipts(entries: Sequence[bytes], growth: Growth, checkpoint: str) -> list[str]:
    """The texts of the receipts of entries that joined the log together; what they share is encoded once."""
    if len(entries) < _FEW:
        proofs = zip(entries, range(growth.start, growth.size), strict=True)
        return [Receipt(entry, index, growth.path(index), checkpoint).text for entry, index in proofs]
    paths = [b""]
    for (first, row), (above, _) in reversed(list(pairwise(growth.levels))):
        lines = list(map(binascii.b2a_base64, row))
        upper = paths[(first >> 1) - above :]
        pairs = zip(lines[::2], lines[1::2], upper, strict=False)
        paths = [path for left, right, way in pairs for path in (right + way, left + way)]
        paths += upper[-1:] if len(row) & 1 else []
    paths = paths[growth.start - growth.levels[0][0] :]
    head, tail = f"{_PROOF}\nextra ", f"\n{checkpoint}"
    encoded = map(binascii.b2a_base64, entries)
    return [
        f"{head}{entry.decode()}index {index}\n{path.decode()}{tail}"
        for index, entry, path in zip(range(growth.start, growth.size), encoded, paths, strict=True)
    ]
