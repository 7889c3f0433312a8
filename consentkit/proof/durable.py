"""Files that survive a crash: whole or not at all, and still there after the power comes back."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """Put a file of mode 600 in place, durably: written aside, synced, renamed, the folder synced."""
    with staged(file, data) as put:
        put()


@contextmanager
def staged(file: Path, data: bytes) -> Iterator[Callable[[], None]]:
    """Write and sync `data` next to `file`; yields what puts it in place. Unless called, nothing is left."""
    # mkstemp gives mode 600. A crash leaves the old file or the new one, never half of one.
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)

    def put() -> None:
        Path(name).rename(file)
        sync_folder(file.parent)

    try:
        with os.fdopen(handle, "wb") as aside:
            aside.write(data)
            aside.flush()
            os.fsync(aside.fileno())
        yield put
    finally:
        Path(name).unlink(missing_ok=True)


def owner(path: Path) -> str:
    """Tell whose a file, or what it lies in, is when it is another user's than ours; else ""."""
    for place in (path, *path.parents):
        with suppress(OSError):
            uid = place.stat().st_uid
            ours = uid == os.geteuid()
            return "" if ours else f" ({place} is user {uid}'s, this process is user {os.geteuid()}'s)"
    return ""


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    sync(folder, os.O_DIRECTORY)


def sync(path: Path, flags: int = 0) -> None:
    """Make a file's bytes and length durable, whoever wrote them."""
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
