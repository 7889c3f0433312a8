"""Plays a power loss: what a disk may hold at any moment, given all that was written and synced (`faults.c`).

What was synced is there. Of what wasn't, a file may hold nothing, all, or any part, each write perhaps torn;
names may or may not have changed since their folder was synced.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SECTOR = 512


@dataclass(frozen=True)
class Event:
    """W a write, T a truncation, S a sync, R and r the names of a renaming, U an unlinking, A an answer."""

    what: str
    at: int
    data: bytes
    path: str


def events(trace: Path) -> Iterator[Event]:
    """Read what `faults.c` wrote down."""
    with trace.open("rb") as lines:
        while head := lines.readline():
            what, at, size, path = head.decode().rstrip("\n").split(" ", 3)
            yield Event(what, int(at), lines.read(int(size)) if what == "W" else b"", path)


@dataclass
class File:
    """What is certainly on the disk, and what was written since."""

    durable: bytearray
    pending: list[Event] = field(default_factory=list)

    def after(self, survives: float, random: Random) -> bytes:
        """What a power loss may leave; each write survives with a probability."""
        data = bytearray(self.durable)
        for event in self.pending:
            if random.random() < survives:
                torn = 0 < survives < 1 and random.random() < 0.2
                _apply(
                    data, event, random.randrange(len(event.data) // SECTOR + 1) * SECTOR if torn else None
                )
        return bytes(data)


def _apply(data: bytearray, event: Event, length: int | None = None) -> None:
    if event.what == "T":
        del data[event.at :]
        return
    written = event.data[:length]
    data.extend(bytes(max(0, event.at - len(data))))
    data[event.at : event.at + len(written)] = written


class Disk:
    """A folder's files as a disk keeps them; `play` goes on by one event."""

    def __init__(self, before: Path, folder: Path) -> None:
        files = [file for file in before.rglob("*") if file.is_file()]
        self.names = {
            str(folder / file.relative_to(before)): File(bytearray(file.read_bytes())) for file in files
        }
        self.folder = folder
        self.synced_names = dict(self.names)
        self._from = ""

    def play(self, event: Event) -> None:
        if event.what == "R":
            self._from = event.path
        elif event.what == "r":
            self._move(self._from, event.path)
        elif event.what == "U":
            self._move(event.path, "")
        elif event.what == "S" and Path(event.path) in {Path(name).parent for name in self.names}:
            self.synced_names = dict(self.names)
        elif event.what in "WTS":
            file = self.names.setdefault(event.path, File(bytearray()))
            if event.what == "S":
                for each in file.pending:
                    _apply(file.durable, each)
                file.pending = []
                self.synced_names.setdefault(event.path, file)  # a journal keeps the name with the data
            else:
                file.pending.append(event)

    def _move(self, old: str, new: str) -> None:
        file = self.names.pop(old, None)
        if file is not None and new:
            self.names[new] = file

    def crash(self, target: Path, survives: float, random: Random) -> None:
        """Write what a power loss leaves into the folder `target`."""
        names = self.synced_names if survives == 0 or (survives < 1 and random.random() < 0.5) else self.names
        for name, file in names.items():
            place = target / Path(name).relative_to(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.touch(mode=0o600)
            place.write_bytes(file.after(survives, random))
