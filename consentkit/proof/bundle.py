"""Reading the auditor's bundle: files alone tell the same story (prooflog §3.10; see `export`)."""

import re
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any

import orjson

from consentkit.errors import VerificationError
from consentkit.proof.entry import Opening
from consentkit.proof.export import COSIGNED, FORMAT, STAMPED
from consentkit.proof.merkle import HASH_BYTES
from consentkit.proof.note import Checkpoint, Receipt, Verifier
from consentkit.proof.openings import Openings
from consentkit.proof.quorum import Quorum
from consentkit.proof.store import Attested, DocumentRow, Head
from consentkit.proof.tiles import WIDTH, tile_path
from consentkit.proof.verify import NOBODY, Check, Progress, Report, Trust, untold, verify

_TILE = re.compile(r"tile/(\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", re.ASCII)

_SIZE = re.compile("0|[1-9][0-9]{0,18}")


class Bundle:
    """A bundle's files as a `store.Source`; what can't be read is remembered and told by `problems`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[tuple[int | None, str, str]] = []
        self._manifest = self._read_manifest()
        self._openings = Openings(folder / "openings.jsonl")
        self._head = self._read_head()
        self.quorum = self._read_quorum()
        self._size = self._head.size if self._head else self.rows()
        self.scope = self._read_scope(self._size)

    def _read(self, name: str) -> bytes:
        file = self._folder / name
        try:
            return file.read_bytes() if file.is_file() else b""
        except OSError:
            return b""

    def _text(self, name: str) -> str:
        return self._read(name).decode("utf-8", "replace")

    def _read_manifest(self) -> dict[str, Any]:
        try:
            manifest = orjson.loads(self._read("MANIFEST.json"))
        except orjson.JSONDecodeError:
            manifest = None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            self._problems.append((None, "MANIFEST.json", f"not a manifest of {FORMAT}"))
            return {}
        if not isinstance(manifest.get("files"), dict):
            manifest["files"] = {}
        return manifest

    def _read_head(self) -> Head | None:
        note = self._text("checkpoint")
        try:
            size = Checkpoint.parse(note.partition("\n\n")[0] + "\n").size
        except VerificationError as error:
            self._problems.append((None, "checkpoint", str(error)))
            return None
        return Head(size, None, note)

    def _read_scope(self, size: int) -> range:
        start, stop = self._manifest.get("from"), self._manifest.get("to")
        if type(start) is int and type(stop) is int and 0 <= start <= stop <= size:
            return range(start, stop)
        if self._manifest:
            self._problems.append((None, "MANIFEST.json", f"from and to aren't a range of {size} entries"))
        return range(size)

    def head(self) -> Head | None:
        return self._head

    def rows(self) -> int:
        sizes = ((self._folder / name).stat().st_size for name in self._names("tile/0"))
        return sum(min(WIDTH, size // HASH_BYTES) for size in sizes)

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for n in range(start // WIDTH, -(-stop // WIDTH)):
            for index, entry in enumerate(self._entries(n), n * WIDTH):
                if start <= index < stop:
                    yield index, entry

    def _entries(self, n: int) -> list[bytes]:
        data, entries, start = self._read(self._path("entries", n)), [], 2
        while start <= len(data):
            stop = start + int.from_bytes(data[start - 2 : start], "big")
            if stop > len(data):
                break
            entries.append(data[start:stop])
            start = stop + 2
        return entries

    def _path(self, level: int | str, n: int) -> str:
        count = (self._size >> (8 * level if isinstance(level, int) else 0)) - n * WIDTH
        return tile_path(level, n, max(1, min(WIDTH, count)))

    def openings(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
        return self._openings.between(start, stop)

    def tile(self, level: int, n: int) -> bytes:
        return self._read(self._path(level, n))

    def tile_ids(self) -> Iterator[tuple[int, int]]:
        for name in self._names("tile"):
            match = _TILE.fullmatch(name)
            if match:
                yield int(match[1]), int(match[2].replace("/", "").replace("x", ""))

    def strays(self, size: int) -> Iterator[tuple[str, int | None]]:
        for index in self._openings.strays(size):
            yield "opening", index
        last = (size - 1) // WIDTH
        for index in range(size, last * WIDTH + len(self._entries(last)) if size else 0):
            yield "leaf", index

    def published(self) -> Iterator[tuple[int, str]]:
        for name in self._names("published"):
            size, beside = _of(name)
            if not beside:
                yield size, self._text(name)

    def attested(self) -> Iterator[Attested]:
        for size in sorted(
            {size for size, beside in map(_of, self._names("published")) if beside}, reverse=True
        ):
            stem = f"published/{size}"
            lines, token = self._text(stem + COSIGNED), self._read(stem + STAMPED)
            yield Attested(size, self._text(stem + ".note"), lines, token)

    def _read_quorum(self) -> Quorum:
        try:
            return Quorum.parse(self._text("policy.txt"))
        except VerificationError as error:
            self._problems.append((None, "policy.txt", str(error)))
            return Quorum()

    def documents(self) -> Iterator[DocumentRow]:
        for name in self._names("documents"):
            yield DocumentRow(name.removeprefix("documents/"), None, self._read(name))

    def vkeys(self) -> list[str]:
        """The keys that the bundle's policy lists; what they sign has to be vouched for."""
        lines = self._text("policy.txt").split("\n")
        return [line.removeprefix("log ") for line in lines if line.startswith("log ")]

    def problems(self) -> Iterator[tuple[int | None, str, str]]:
        """What couldn't be read, and every file that isn't the one the manifest lists."""
        yield from self._problems
        for problem in self._openings.problems():
            yield None, "openings.jsonl", problem
        listed = self._manifest.get("files", {})
        present = {name for name in self._names("") if name != "MANIFEST.json"}
        for name in sorted(present | set(listed)):
            if name not in present:
                yield None, name, "the file is missing"
            elif name not in listed:
                yield None, name, "the manifest doesn't list this file"
            elif self._digest(name) != listed[name]:
                yield None, name, "the file isn't the one that the manifest lists"

    def _digest(self, name: str) -> str:
        try:
            with (self._folder / name).open("rb") as file:
                return file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return str(error)

    def _names(self, below: str) -> list[str]:
        files = (self._folder / below).rglob("*")
        return sorted(file.relative_to(self._folder).as_posix() for file in files if file.is_file())


def _of(name: str) -> tuple[int, bool]:
    """Which size a file below `published` is about (-1: none), and whether it stands beside a checkpoint."""
    stem, dot, kind = name.removeprefix("published/").rpartition(".")
    good = _SIZE.fullmatch(stem) is not None
    return (int(stem) if good else -1), good and dot + kind in (COSIGNED, STAMPED)


def verify_bundle(
    folder: Path,
    vkey: str,
    anchors: Sequence[str] = (),
    checks: Sequence[Check] = (),
    receipts: Sequence[str] = (),
    progress: Progress = untold,
    trust: Trust = NOBODY,
) -> Report:
    """Check a bundle against a verifier key that the auditor got elsewhere; see `verify` for the rest.

    Without witnesses that the auditor knows, the bundle's own have to have cosigned.
    """
    bundle = Bundle(folder)
    return verify(
        bundle,
        vkey,
        anchors,
        checks,
        receipts=receipts,
        scope=bundle.scope,
        progress=progress,
        hints=bundle.vkeys(),
        trust=trust.naming(bundle.quorum),
    )


def verify_receipt(text: str, vkey: str, entry: bytes | None = None) -> int:
    """Check a receipt (C2SP tlog-proof text) on its own; returns the entry's index.

    VerificationError when it doesn't hold, or when it is for other bytes than `entry`.
    """
    receipt = Receipt.parse(text)
    receipt.verify(Verifier.parse(vkey))
    if entry is not None and entry != receipt.entry:
        raise VerificationError("the receipt is for another entry")
    return receipt.index
