"""Processes taking turns: an advisory lock on a file, waited for until a deadline."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consentkit.errors import StoreUnavailable


@contextmanager
def turn(file: Path, timeout: float) -> Iterator[None]:
    """Hold the lock of `file` (mode 600, made when missing); StoreUnavailable after `timeout` seconds."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _flock(handle, time.monotonic() + timeout)
        yield
    finally:
        # Said aloud, for a process forked meanwhile holds the same lock until it ends.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _flock(handle: int, deadline: float) -> None:
    pause = 0.0002
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreUnavailable("another process has held the log's lock for too long") from None
            time.sleep(pause)
            pause = min(pause * 2, 0.005)
