"""The keys folder: what proves the log is ours, kept where the database's readers can't reach it.

    signing.pem   Ed25519 private key, PKCS#8 PEM, not encrypted
    lookup.key    32 random bytes; without them nobody can find a visitor's entries
    origin        the log's name, one line
    guard         the last checkpoint answered for: a log behind it was cut off or restored (prooflog §3.8)
    turns         empty; the processes of this machine that append to a PostgreSQL log lock it in turns

The folder has mode 700, the files 600; all of it must be backed up, apart from the database.
"""

import fcntl
import hmac
import logging
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from consentkit.errors import ConfigurationError
from consentkit.proof.durable import replace_file, staged, sync_folder
from consentkit.proof.entry import LOOKUP_BYTES
from consentkit.proof.note import Verifier, valid_name

logger = logging.getLogger("consentkit.proof")

_SIGNING, _LOOKUP, _ORIGIN, _GUARD = "signing.pem", "lookup.key", "origin", "guard"
TURNS = "turns"


class Keys:
    """The opened keys folder of one log."""

    def __init__(self, path: Path, origin: str, signing: Ed25519PrivateKey, lookup: bytes) -> None:
        self.path = path
        self.origin = origin
        self._signing = signing
        self._lookup = lookup
        public = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.verifier = Verifier(origin, public)

    @classmethod
    def open(cls, path: Path, origin: str, *, create: bool) -> "Keys":
        """Open the folder, or with `create` make it if there is none (or an empty one).

        ConfigurationError when it is missing, incomplete, readable by others, or of another origin.
        """
        path = Path(path)
        if create and not (path.is_dir() and any(path.iterdir())):
            _create(path, origin)
        if not path.is_dir():
            raise ConfigurationError(
                f"there is no keys folder {path}; a log can't be continued without its keys"
            )
        _check_modes(path)
        signing, lookup = _load(path)
        recorded = recorded_origin(path)
        if recorded != origin:
            raise ConfigurationError(f"the keys in {path} are for {recorded!r}, not for {origin!r}")
        return cls(path, origin, signing, lookup)

    @property
    def vkey(self) -> str:
        """The verifier key that outsiders check with (C2SP signed-note)."""
        return self.verifier.vkey

    def sign(self, text: bytes) -> bytes:
        """The Ed25519 signature (64 bytes) over `text`."""
        return self._signing.sign(text)

    def lookup(self, cid: bytes) -> bytes:
        """The 16-byte tag under which a visitor's entries are found (prooflog §3.2)."""
        return hmac.digest(self._lookup, cid, "sha256")[:LOOKUP_BYTES]

    def guard(self) -> str | None:
        """The checkpoint last swapped in, or None when there is none; ConfigurationError if it can't be read.

        Bytes that aren't text are replaced: what they make is no checkpoint, and is refused as such.
        """
        try:
            return (self.path / _GUARD).read_text("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"{self.path / _GUARD} can't be read: {error.strerror}") from error

    def swap_guard(self, old: str | None, new: str) -> bool:
        """Swap the guard for `new` if it still is `old` (or is `new`); else change nothing, return False.

        Durable once it returns: written aside, synced, renamed, the folder synced.
        """
        with self.guard_ready(old, new) as swap:
            return swap()

    @contextmanager
    def guard_ready(self, old: str | None, new: str) -> Iterator[Callable[[], bool]]:
        """Do all of `swap_guard` that may fail for want of space or rights; yields what does the rest."""
        with staged(self.path / _GUARD, new.encode()) as put:

            def swap() -> bool:
                with self._locked():
                    if self.guard() not in (old, new):
                        return False
                    put()
                    return True

            yield swap

    @contextmanager
    def _locked(self) -> Iterator[None]:
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def _create(path: Path, origin: str) -> None:
    if not valid_name(origin):
        raise ConfigurationError(f"{origin!r} can't name a log: no spaces, no plus sign, not empty")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Made aside and renamed, so that two workers starting at once end up with one and the same folder.
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    replace_file(aside / _SIGNING, pem)
    replace_file(aside / _LOOKUP, secrets.token_bytes(32))
    replace_file(aside / _ORIGIN, f"{origin}\n".encode())
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
    logger.warning("created the keys folder %s: back it up now, apart from the database", path)


def _check_modes(path: Path) -> None:
    for item in (path, *(path / name for name in (_SIGNING, _LOOKUP, _ORIGIN, _GUARD))):
        if item.exists() and item.stat().st_mode & 0o077:
            raise ConfigurationError(f"{item} is open to other users; make it private: chmod -R go= {path}")


def _load(path: Path) -> tuple[Ed25519PrivateKey, bytes]:
    lookup = _read(path / _LOOKUP)
    if len(lookup) != 32:
        raise ConfigurationError(f"{path / _LOOKUP} must hold 32 bytes, it holds {len(lookup)}")
    try:
        signing = load_pem_private_key(_read(path / _SIGNING), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path / _SIGNING} holds no usable private key: {error}") from error
    if not isinstance(signing, Ed25519PrivateKey):
        raise ConfigurationError(f"{path / _SIGNING} holds no Ed25519 key")
    return signing, lookup


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}") from error


def recorded_origin(path: Path) -> str | None:
    """Return the name of the log whose keys are in the folder `path`, or None if there are none yet.

    ConfigurationError when what stands there can't be read or names no log.
    """
    if not (path / _ORIGIN).exists():
        return None
    origin = _read(path / _ORIGIN).decode(errors="replace").strip()
    if not valid_name(origin) or "\N{REPLACEMENT CHARACTER}" in origin:
        raise ConfigurationError(f"{path / _ORIGIN} names no log; restore it from your backup of the keys")
    return origin
