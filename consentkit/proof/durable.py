"""Files that survive a crash: whole or not at all, and still there after the power comes back."""

import os
import tempfile
from pathlib import Path


def replace_file(file: Path, data: bytes) -> None:
    """Put a file of mode 600 in place, durably: written aside, synced, renamed, the folder synced."""
    # mkstemp gives mode 600. A crash leaves the old file or the new one, never half of one.
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as aside:
            aside.write(data)
            aside.flush()
            os.fsync(aside.fileno())
        Path(name).rename(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
