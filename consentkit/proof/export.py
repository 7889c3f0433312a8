"""Writing the auditor's bundle: a log, or a range of it, as files, tiles as C2SP says (prooflog §3.10).

- `checkpoint`: the newest checkpoint
- `tile/<level>/…`: all of the log's hashes; `tile/entries/…`: the entries
- `openings.jsonl`: a line per committed entry, {"idx", "t", "salt1", "stmt", "salt2", "subj"}, in base64
- `published/<size>.note`: checkpoints published on the way; beside some, `.cosignatures`, the signature lines
  of witnesses that belong under it, and `.tsr`, a time stamp over that file (RFC 3161)
- `documents/<sha256>`: policies and notices
- `policy.txt`: the keys the log ever had, and its witnesses, as a C2SP tlog-policy
- `verify.py`: checks all this with nothing but Python
- `MANIFEST.json`: what this is, which range it shows, and the SHA-256 of every other file

A range has the hashes of the whole log, 32 bytes an entry, so that any older checkpoint can be compared with
it. Of the entries it has those in the range, and outside it what an entry in the range may need to be
understood: policies, documents, tombstones and keys. The tiles that hold those show their neighbours too, as
the commitments they are; payloads are only those of the range, and of policies.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import orjson

from consentkit.errors import ConfigurationError
from consentkit.proof.entry import Kind, Opening
from consentkit.proof.note import Verifier, encode64
from consentkit.proof.quorum import NONE, Quorum
from consentkit.proof.store import Head, Reading
from consentkit.proof.tiles import WIDTH, tile_path, tiles_of

FORMAT = "consentkit-bundle/1"
FIELDS = ("salt1", "stmt", "salt2", "subj")
COSIGNED, STAMPED = ".cosignatures", ".tsr"
VERIFIER = Path(__file__).with_name("verify.py.txt")

_PAGE = 1024


def write_bundle(
    view: Reading,
    vkeys: Sequence[str],
    folder: Path,
    start: int = 0,
    stop: int | None = None,
    quorum: Quorum = NONE,
) -> range:
    """Write the entries `start` to `stop` - 1 into a folder that is new or empty; returns the range.

    `quorum` are the witnesses that whoever verifies it may ask for, and how many of them.

    ConfigurationError when it is neither, or when the log has no such range.
    """
    head = view.head()
    if head is None:
        raise ConfigurationError("there is no log to export")
    shown = range(start, head.size if stop is None else stop)
    if not 0 <= shown.start <= shown.stop <= head.size:
        raise ConfigurationError(f"the log has no entries {start} to {stop}; it has {head.size}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigurationError(f"{folder} isn't empty, or no folder; a bundle needs a folder of its own")
    files = {name: _put(folder / name, data) for name, data in _contents(view, head, vkeys, shown, quorum)}
    manifest = {
        "format": FORMAT,
        "origin": Verifier.parse(vkeys[-1]).name,
        "vkey": vkeys[-1],
        "from": shown.start,
        "to": shown.stop,
        "files": files,
    }
    data = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    _put(folder / "MANIFEST.json", [data])
    return shown


def _put(file: Path, chunks: Iterable[bytes]) -> str:
    digest = sha256()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            for chunk in chunks:
                out.write(chunk)
                digest.update(chunk)
    except OSError as error:
        raise ConfigurationError(f"{file} can't be written: {error.strerror}") from error
    return digest.hexdigest()


def _contents(
    view: Reading, head: Head, vkeys: Sequence[str], shown: range, quorum: Quorum
) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield "checkpoint", [head.checkpoint.encode()]
    yield "policy.txt", ["".join([*(f"log {vkey}\n" for vkey in vkeys), quorum.text]).encode()]
    yield "verify.py", [VERIFIER.read_bytes()]
    needed = _needed(view, head.size, shown)
    for level, n, width in tiles_of(head.size):
        yield tile_path(level, n, width), [view.tile(level, n)]
        if level == 0 and n in needed:
            yield tile_path("entries", n, width), _entry_bundle(view, n * WIDTH, n * WIDTH + width)
    yield "openings.jsonl", _openings(view, head.size, shown)
    published = dict(view.published())
    # What first stands over a key entry hands the trust on; what stands over `close` is gone on from.
    last = [index for kind in (Kind.KEY, Kind.CLOSE) for index in _all(view, kind, head.size)]
    handed = {min(filter(index.__lt__, published), default=0) for index in last}
    kept = {0, head.size, *handed, *_enclosing(view, shown)}
    kept.update(size for size in published if shown.start <= size <= shown.stop)
    for size in kept & published.keys():
        yield f"published/{size}.note", [published[size].encode()]
    for beside in view.attested():
        if beside.size in kept and beside.cosignatures:
            yield f"published/{beside.size}{COSIGNED}", [beside.cosignatures.encode()]
        if beside.size in kept and beside.token:
            yield f"published/{beside.size}{STAMPED}", [beside.token]
    for row in view.documents():
        yield f"documents/{row.sha256}", [row.body]


def _enclosing(view: Reading, shown: range) -> Iterator[int]:
    """The sizes at which others speak of a range: the last before it, the first after it, and the newest."""
    rows = [(row.size, bool(row.token), bool(row.cosignatures)) for row in view.attested()]
    for sort in (1, 2):
        sizes = [row[0] for row in rows if row[sort]]
        yield max((size for size in sizes if size <= shown.start), default=0)
        yield min((size for size in sizes if size >= shown.stop), default=0)
        yield max(sizes, default=0)


def _needed(view: Reading, size: int, shown: range) -> set[int]:
    needed = set(range(shown.start // WIDTH, -(-shown.stop // WIDTH))) if shown else set()
    for kind in (Kind.POLICY, *(kind for kind in Kind if kind.public)):
        needed.update(index // WIDTH for index in _all(view, kind, size))
    return needed


def _all(view: Reading, kind: Kind, size: int) -> list[int]:
    return view.by_kind(kind, 0, size, newest_first=False, limit=size)


def _entry_bundle(view: Reading, start: int, stop: int) -> Iterator[bytes]:
    entries = dict(view.leaves(start, stop))
    for index in range(start, stop):
        # A hole stays a hole: an empty entry is none of ours, and is reported as such.
        entry = entries.get(index, b"")
        yield len(entry).to_bytes(2, "big") + entry


def _openings(view: Reading, size: int, shown: range) -> Iterator[bytes]:
    outside = [index for index in _all(view, Kind.POLICY, size) if index not in shown]
    spans = [(index, index + 1) for index in outside if index < shown.start]
    spans += [(start, min(start + _PAGE, shown.stop)) for start in range(shown.start, shown.stop, _PAGE)]
    spans += [(index, index + 1) for index in outside if index >= shown.stop]
    for start, stop in spans:
        for index, opening in view.openings(start, stop):
            yield _opening_line(index, opening)


def _opening_line(index: int, opening: Opening) -> bytes:
    line: dict[str, object] = {"idx": index, "t": opening.created_ms}
    for name in FIELDS:
        data = getattr(opening, name)
        line[name] = None if data is None else encode64(data)
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
