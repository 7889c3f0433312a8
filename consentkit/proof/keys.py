"""The keys folder: what proves the log is ours, kept where the database's readers can't reach it.

    signing.pem   Ed25519 private key, PKCS#8 PEM, not encrypted; its successors are signing-2.pem, …
    vkeys         once there was a second: all public keys the log ever had, one a line, the first first
    lookup.key    32 random bytes, the same for all of a site's logs: without them nobody can find a
                  visitor's entries, and with others a visitor has another tag in every log
    origin        the log's name, one line
    site          where the log follows another one: the first verifier key of the site's first log
    guard         the last checkpoint answered for: a log behind it was cut off or restored (prooflog §3.8)
    turns         empty; the processes of this machine that append to a PostgreSQL log lock it in turns
    attesting     empty; the process of this machine that asks witnesses and for time stamps locks it

The folder has mode 700, the files 600; all of it must be backed up, apart from the database.
"""

import hmac
import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from consentkit.errors import ConfigurationError, LogRefused, VerificationError
from consentkit.proof.durable import owner, replace_file, sync_folder
from consentkit.proof.entry import LOOKUP_BYTES
from consentkit.proof.guard import Guard, locked
from consentkit.proof.note import Verifier, sign_note, signer_ids, valid_name

logger = logging.getLogger("consentkit.proof")

_SIGNING, _LOOKUP, _ORIGIN, _GUARD, _SITE = "signing.pem", "lookup.key", "origin", "guard", "site"
TURNS, ATTESTING = "turns", "attesting"
_SIGNINGS, _VKEYS = "signing*.pem", "vkeys"


class Keys:
    """The opened keys folder of one log."""

    def __init__(self, path: Path, origin: str, lookup: bytes) -> None:
        self.path = path
        self.origin = origin
        self._lookup = lookup
        self._guard = Guard(path / _GUARD)
        self._load()

    def _load(self) -> None:
        """Read the signing keys there are now: another process may have added one, or retired one."""
        with _within(self.path):
            self._read_all()

    def _read_all(self) -> None:
        files = sorted(self.path.glob(_SIGNINGS), key=lambda file: (len(file.name), file.name))
        keys = [_load_signing(file) for file in files or [self.path / _SIGNING]]
        self._signing = {_verifier(self.origin, key): key for key in keys}
        self.verifiers = tuple(self._signing)
        listed = self.path / _VKEYS
        named = _read(listed).decode("ascii", "replace").split() if listed.exists() else []
        # A key that was made but not named by an entry yet isn't listed.
        self.vkeys = tuple(named) or (self.verifiers[0].vkey,)

    @classmethod
    def open(cls, path: Path, origin: str, *, create: bool, after: "Keys | None" = None) -> "Keys":
        """Open the folder, or with `create` make it if there is none (or an empty one).

        A log that follows another one has its site and finds visitors by its tags: `after` are its keys.

        ConfigurationError when it is missing, incomplete, readable by others, or of another origin.
        """
        path = Path(path)
        with _within(path):
            return cls._open(path, origin, create=create, after=after)

    @classmethod
    def _open(cls, path: Path, origin: str, *, create: bool, after: "Keys | None") -> "Keys":
        if create and not (path.is_dir() and any(path.iterdir())):
            _create(path, origin, after)
        if not path.is_dir():
            raise ConfigurationError(
                f"there is no keys folder {path}; a log can't be continued without its keys, and one that "
                "machines share is begun with keys made beforehand: consentkit keygen --log POLICY"
            )
        _check_modes(path)
        recorded = recorded_origin(path)
        if recorded != origin:
            raise ConfigurationError(f"the keys in {path} are for {recorded!r}, not for {origin!r}")
        return cls(path, origin, _load_lookup(path))

    @property
    def verifier(self) -> Verifier:
        """The newest key that is, or will be, in force."""
        listed = [verifier for verifier in self.verifiers if verifier.vkey in self.vkeys]
        return (listed or self.verifiers)[-1]

    @property
    def vkey(self) -> str:
        """The newest verifier key, that outsiders check with (C2SP signed-note)."""
        return self.verifier.vkey

    @property
    def identity(self) -> str:
        """The first verifier key of the site's first log: what it is known by whatever comes and goes."""
        site = self.path / _SITE
        with _within(self.path):
            return _read(site).decode("ascii", "replace").strip() if site.exists() else self.vkeys[0]

    def sign(self, text: bytes) -> bytes:
        """The newest key's Ed25519 signature (64 bytes) over `text`."""
        return self._signing[self.verifier].sign(text)

    def sign_note(self, text: str, ring: Sequence[Verifier]) -> str:
        """`text` as a note that each key of the ring has signed."""
        first, *more = [(verifier, self._signing[verifier].sign) for verifier in ring]
        return sign_note(text, *first, *more)

    def ring(self, note: str) -> tuple[Verifier, ...]:
        """The keys in force, which are those that signed the log's newest checkpoint; () when none is here.

        LogRefused when one of them is missing here; no signature is checked.
        """
        try:
            signed = {number for name, number in signer_ids(note) if name == self.origin}
        except VerificationError:
            return ()
        if signed - {verifier.id for verifier in self.verifiers}:
            self._load()
        ring = tuple(verifier for verifier in self.verifiers if verifier.id in signed)
        missing = signed - {verifier.id for verifier in ring}
        if ring and missing:
            names = ", ".join(number.hex() for number in sorted(missing))
            raise LogRefused("a key that signs this log isn't in the keys folder", "no key " + names, "it")
        return ring

    def add(self) -> Verifier:
        """A further signing key, on disk; it signs nothing before an entry under the old one has named it."""
        with locked(self.path):
            self._load()
            unnamed = [verifier for verifier in self.verifiers if verifier.vkey not in self.vkeys]
            if unnamed:
                return unnamed[0]  # somebody was cut off
            file = self.path / f"signing-{len(self.vkeys) + 1}.pem"
            replace_file(file, _pem(Ed25519PrivateKey.generate()))
            self._load()
            return _verifier(self.origin, _load_signing(file))

    def confirm(self, ring: Sequence[Verifier]) -> None:
        """List the keys that an entry has named by now."""
        if all(verifier.vkey in self.vkeys for verifier in ring):
            return
        with locked(self.path):
            self._load()
            new = [verifier.vkey for verifier in ring if verifier.vkey not in self.vkeys]
            replace_file(self.path / _VKEYS, "".join(f"{vkey}\n" for vkey in (*self.vkeys, *new)).encode())
            self._load()

    def put_away(self, verifier: Verifier) -> Path | None:
        """Rename a retired key's file, so that it never signs again; returns where it is now."""
        with locked(self.path):
            for file in self.path.glob(_SIGNINGS):
                if _verifier(self.origin, _load_signing(file)) == verifier:
                    away = file.rename(self.path / f"retired-{verifier.id.hex()}.pem")
                    sync_folder(self.path)
                    self._load()
                    return away
        return None

    def lookup(self, cid: bytes) -> bytes:
        """The 16-byte tag under which a visitor's entries are found (prooflog §3.2)."""
        return hmac.digest(self._lookup, cid, "sha256")[:LOOKUP_BYTES]

    def guard(self, expected: str | None = None) -> str | None:
        """The checkpoint last answered for, in one reading if it is the `expected` one (see `Guard.read`)."""
        return self._guard.read(expected)

    def swap_guard(self, old: str | None, new: str) -> bool:
        """Swap the guard for `new` if it still is `old` (or is `new`); else change nothing, return False."""
        with _within(self.path), self._guard.ready(old, new) as swap:
            return swap()

    def guard_ready(self, old: str | None, new: str) -> AbstractContextManager[Callable[[], bool]]:
        """Do all of `swap_guard` that may fail for want of space or rights; yields what does the rest."""
        return self._guard.ready(old, new)


def _create(path: Path, origin: str, after: Keys | None) -> None:
    if not valid_name(origin):
        raise ConfigurationError(f"{origin!r} can't name a log: no spaces, no plus sign, not empty")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made aside and renamed, so that two workers starting at once end up with one and the same folder.
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    replace_file(aside / _SIGNING, _pem(Ed25519PrivateKey.generate()))
    replace_file(aside / _LOOKUP, after._lookup if after else secrets.token_bytes(32))
    replace_file(aside / _ORIGIN, f"{origin}\n".encode())
    if after:
        replace_file(aside / _SITE, f"{after.identity}\n".encode())
    try:
        aside.rename(path)
    except OSError:
        for file in aside.iterdir():
            file.unlink()
        aside.rmdir()
        if not path.is_dir():
            raise
        return
    sync_folder(path.parent)
    logger.warning("consent log: created the keys folder %s: back it up now, apart from the database", path)


def _check_modes(path: Path) -> None:
    # Files on their way into place begin with a dot; another worker's may be gone by the time we look.
    for item in (path, *(file for file in path.iterdir() if not file.name.startswith("."))):
        if item.exists() and item.stat().st_mode & 0o077:
            raise ConfigurationError(f"{item} is open to other users; make it private: chmod -R go= {path}")


def _load_lookup(path: Path) -> bytes:
    lookup = _read(path / _LOOKUP)
    if len(lookup) != 32:
        raise ConfigurationError(f"{path / _LOOKUP} must hold 32 bytes, it holds {len(lookup)}")
    return lookup


def _load_signing(file: Path) -> Ed25519PrivateKey:
    try:
        signing = load_pem_private_key(_read(file), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{file} holds no usable private key: {error}") from error
    if not isinstance(signing, Ed25519PrivateKey):
        raise ConfigurationError(f"{file} holds no Ed25519 key")
    return signing


def _verifier(origin: str, key: Ed25519PrivateKey) -> Verifier:
    return Verifier(origin, key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}{owner(file)}") from error


@contextmanager
def _within(path: Path) -> Iterator[None]:
    """Let nothing that the folder `path` can't be used for be told as anything but a ConfigurationError."""
    try:
        yield
    except OSError as error:
        trouble = f"the keys folder {path} can't be used: {error.strerror}"
        raise ConfigurationError(f"{trouble}{owner(Path(error.filename or path))}") from error


def used(path: Path) -> bool:
    """Return whether a log was begun with the keys in the folder `path`."""
    with _within(path):
        return (path / _GUARD).exists()


def recorded_origin(path: Path) -> str | None:
    """Return the name of the log whose keys are in the folder `path`, or None if there are none yet.

    ConfigurationError when what stands there can't be read or names no log.
    """
    with _within(path):
        if not (path / _ORIGIN).exists():
            return None
    origin = _read(path / _ORIGIN).decode(errors="replace").strip()
    if not valid_name(origin) or "\N{REPLACEMENT CHARACTER}" in origin:
        raise ConfigurationError(f"{path / _ORIGIN} names no log; restore it from your backup of the keys")
    return origin
