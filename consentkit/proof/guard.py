"""The fork guard: a file with the last checkpoint answered for, beside the keys (prooflog §3.8).

A log behind its guard was cut off or restored from an older backup; one that doesn't go on from it is a fork.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consentkit.errors import ConfigurationError
from consentkit.proof.durable import owner, staged

_MOST = 1 << 16  # bytes, more than a checkpoint has
_SECTOR = 512
"""Bytes that a disk writes all or none of (power.py plays what happens to more)."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the keys folder, which all processes that change something in it take."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class Guard:
    """The guard's file, made by the first swap."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._folder = file.parent

    def read(self, expected: str | None = None) -> str | None:
        """The checkpoint last swapped in, or None when there is none; ConfigurationError if it can't be read.

        Bytes that aren't text are replaced: what they make is no checkpoint, and is refused as such.
        """
        # What is written over might be seen half written: it is read until it says what was expected, or the
        # same twice. The lock is no way to be sure, as somebody who is stopped may hold it.
        said, before = self._read(), expected
        while said != before:
            said, before = self._read(), said
        return said

    def _read(self) -> str | None:
        try:
            with _opened(self._file, os.O_RDONLY) as handle:
                return _text(handle)
        except FileNotFoundError:
            return None
        except OSError as error:
            trouble = f"{self._file} can't be read: {error.strerror}{owner(self._file)}"
            raise ConfigurationError(trouble) from error

    @contextmanager
    def ready(self, old: str | None, new: str) -> Iterator[Callable[[], bool]]:
        """Do all of a swap that may fail for want of space or rights; yields what does the rest.

        That swaps the guard for `new` if it still is `old` (or is `new`), and is durable once it returns
        True; else it changes nothing and returns False.
        """
        data = new.encode()
        if old is not None and len(old.encode()) == len(data) <= _SECTOR:
            # As long as it was and within a sector, it is written over: that needs no space, and one sync
            # instead of two, neither of which has the file system's own journal to wait for.
            with _opened(self._file, os.O_RDWR) as handle:
                yield lambda: self._overwritten(handle, (old, new), data)
        else:
            with staged(self._file, data) as put:
                yield lambda: self._replaced(put, (old, new))

    def _replaced(self, put: Callable[[], None], expected: tuple[str | None, str]) -> bool:
        with locked(self._folder):
            if self._read() not in expected:
                return False
            put()
            return True

    def _overwritten(self, handle: int, expected: tuple[str, str], data: bytes) -> bool:
        with locked(self._folder):
            if _text(handle) not in expected or not os.path.samestat(os.fstat(handle), self._file.stat()):
                return False
            if os.pwrite(handle, data, 0) != len(data):
                raise OSError(f"{self._file} was written in part")
            os.fdatasync(handle)
            return True


def _text(handle: int) -> str:
    return os.pread(handle, _MOST, 0).decode("utf-8", "replace")


@contextmanager
def _opened(file: Path, how: int) -> Iterator[int]:
    handle = os.open(file, how)
    try:
        yield handle
    finally:
        os.close(handle)
