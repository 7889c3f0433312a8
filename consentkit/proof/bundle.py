"""The auditor's bundle: a whole log as files laid out as C2SP tlog-tiles, and the way back (prooflog §3.10).

- `checkpoint`: the newest checkpoint
- `tile/<level>/…`: the hashes; `tile/entries/…`: the entries
- `openings.jsonl`: a line per committed entry, {"idx", "t", "salt1", "stmt", "salt2", "subj"}, in base64
- `published/<size>.note`: checkpoints published on the way
- `documents/<sha256>`: policies and notices
- `policy.txt`: the log's key, as a C2SP tlog-policy
- `MANIFEST.json`: what this is, and the SHA-256 of every other file
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from consentkit.errors import ConfigurationError, VerificationError
from consentkit.proof.entry import Opening, committed_lookup
from consentkit.proof.note import Checkpoint, Receipt, Verifier, decode64, encode64
from consentkit.proof.store import DocumentRow, Head, Source
from consentkit.proof.tiles import WIDTH, tile_path, tiles_of
from consentkit.proof.verify import Check, Report, verify

FORMAT = "consentkit-bundle/1"
_FIELDS = ("salt1", "stmt", "salt2", "subj")
_TILE = re.compile(r"tile/(\d{1,2})/((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", re.ASCII)


def write_bundle(source: Source, vkey: str, folder: Path) -> None:
    """Write a log's bundle into a folder that is new or empty; ConfigurationError when it is neither."""
    head = source.head()
    if head is None:
        raise ConfigurationError("there is no log to export")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigurationError(f"{folder} isn't empty, or no folder; a bundle needs a folder of its own")
    files = {name: _put(folder / name, data) for name, data in _contents(source, head, vkey)}
    manifest = {
        "format": FORMAT,
        "origin": Verifier.parse(vkey).name,
        "vkey": vkey,
        "from": 0,
        "to": head.size,
    }
    data = orjson.dumps({**manifest, "files": files}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    _put(folder / "MANIFEST.json", data)


def _put(file: Path, data: bytes) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}") from error
    return sha256(data).hexdigest()


def _contents(source: Source, head: Head, vkey: str) -> Iterator[tuple[str, bytes]]:
    yield "checkpoint", head.checkpoint.encode()
    yield "policy.txt", f"log {vkey}\nquorum none\n".encode()
    for level, n, width in tiles_of(head.size):
        yield tile_path(level, n, width), source.tile(level, n)
        if level == 0:
            yield tile_path("entries", n, width), _entry_bundle(source, n * WIDTH, n * WIDTH + width)
    lines = [_opening_line(index, opening) for index, opening in source.openings(0, head.size)]
    yield "openings.jsonl", b"".join(lines)
    for size, note in source.published():
        yield f"published/{size}.note", note.encode()
    for row in source.documents():
        yield f"documents/{row.sha256}", row.body


def _entry_bundle(source: Source, start: int, stop: int) -> bytes:
    entries = dict(source.leaves(start, stop))
    # A hole stays a hole: an empty entry is none of ours, and is reported as such.
    return b"".join(_framed(entries.get(index, b"")) for index in range(start, stop))


def _framed(entry: bytes) -> bytes:
    return len(entry).to_bytes(2, "big") + entry


def _opening_line(index: int, opening: Opening) -> bytes:
    line: dict[str, object] = {"idx": index, "t": opening.created_ms}
    for name in _FIELDS:
        data = getattr(opening, name)
        line[name] = None if data is None else encode64(data)
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


class Bundle:
    """A bundle's files as a `store.Source`; what can't be read is remembered and told by `problems`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._problems: list[tuple[int | None, str, str]] = []
        self._manifest = self._read_manifest()
        self._openings = self._read_openings()
        self._head = self._read_head()

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
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

    def _read_openings(self) -> dict[int, Opening]:
        openings: dict[int, Opening] = {}
        for number, line in enumerate(self._read("openings.jsonl").splitlines(), 1):
            try:
                index, opening = _parse_opening(line)
                if index in openings:
                    raise VerificationError(f"a second payload for entry {index}")
                openings[index] = opening
            except VerificationError as error:
                self._problems.append((None, "openings.jsonl", f"line {number}: {error}"))
        return openings

    def head(self) -> Head | None:
        return self._head

    def rows(self) -> int:
        count = 0
        while entries := self._entries(count // WIDTH):
            count += len(entries)
            if count % WIDTH:
                break
        return count

    def leaves(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for n in range(start // WIDTH, -(-stop // WIDTH)):
            for index, entry in enumerate(self._entries(n), n * WIDTH):
                if start <= index < stop:
                    yield index, entry

    def _entries(self, n: int) -> list[bytes]:
        data, entries = self._read(self._path("entries", n)), []
        while len(data) >= 2:
            length = int.from_bytes(data[:2], "big")
            entry, data = data[2 : 2 + length], data[2 + length :]
            if len(entry) < length:
                break
            entries.append(entry)
        return entries

    def _path(self, level: int | str, n: int) -> str:
        size = self._head.size if self._head else 0
        count = (size >> (8 * level if isinstance(level, int) else 0)) - n * WIDTH
        return tile_path(level, n, max(1, min(WIDTH, count)))

    def openings(self, start: int, stop: int) -> Iterator[tuple[int, Opening]]:
        for index in range(start, stop):
            if index in self._openings:
                yield index, self._openings[index]

    def tile(self, level: int, n: int) -> bytes:
        return self._read(self._path(level, n))

    def tile_ids(self) -> Iterator[tuple[int, int]]:
        for name in self._names("tile"):
            match = _TILE.fullmatch(name)
            if match:
                yield int(match[1]), int(match[2].replace("/", "").replace("x", ""))

    def strays(self, size: int) -> Iterator[tuple[str, int | None]]:
        for index in self._openings:
            if not 0 <= index < size:
                yield "opening", index
        last = (size - 1) // WIDTH
        for index in range(size, last * WIDTH + len(self._entries(last)) if size else 0):
            yield "leaf", index

    def published(self) -> Iterator[tuple[int, str]]:
        for name in self._names("published"):
            size = name.removeprefix("published/").removesuffix(".note")
            yield (int(size) if size.isdecimal() else -1), self._text(name)

    def documents(self) -> Iterator[DocumentRow]:
        for name in self._names("documents"):
            yield DocumentRow(name.removeprefix("documents/"), None, self._read(name))

    def problems(self) -> Iterator[tuple[int | None, str, str]]:
        """What couldn't be read, and every file that isn't the one the manifest lists."""
        yield from self._problems
        listed = self._manifest.get("files", {})
        present = {name for name in self._names("") if name != "MANIFEST.json"}
        for name in sorted(present | set(listed)):
            if name not in present:
                yield None, name, "the file is missing"
            elif name not in listed:
                yield None, name, "the manifest doesn't list this file"
            elif sha256(self._read(name)).hexdigest() != listed[name]:
                yield None, name, "the file isn't the one that the manifest lists"

    def _names(self, below: str) -> list[str]:
        files = (self._folder / below).rglob("*")
        return sorted(file.relative_to(self._folder).as_posix() for file in files if file.is_file())


def _parse_opening(line: bytes) -> tuple[int, Opening]:
    try:
        raw = orjson.loads(line)
        index, created = raw["idx"], raw["t"]
        parts = [None if raw[name] is None else decode64(raw[name]) for name in _FIELDS]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(f"not an opening ({error})") from error
    if not isinstance(index, int) or not isinstance(created, int):
        raise VerificationError("not an opening (idx and t must be whole numbers)")
    # A bundle tells a visitor's tag once, under its commitment.
    return index, Opening(created, committed_lookup(parts[3]), *parts)


def verify_bundle(
    folder: Path, vkey: str, anchors: Sequence[str] = (), checks: Sequence[Check] = ()
) -> Report:
    """Check a bundle against a verifier key that the auditor got elsewhere; see `verify` for the rest."""
    return verify(Bundle(folder), vkey, anchors, checks)


def verify_receipt(text: str, vkey: str, entry: bytes | None = None) -> int:
    """Check a receipt (C2SP tlog-proof text) on its own; returns the entry's index.

    VerificationError when it doesn't hold, or when it is for other bytes than `entry`.
    """
    receipt = Receipt.parse(text)
    receipt.verify(Verifier.parse(vkey))
    if entry is not None and entry != receipt.entry:
        raise VerificationError("the receipt is for another entry")
    return receipt.index
