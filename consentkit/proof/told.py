"""An entry told to people: as a plain value, in a few words, and with the words it names."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from consentkit.proof.entry import Kind, Stored
from consentkit.proof.shards import Shards
from consentkit.proof.store import Document

LAYERS = {
    "banner": "banner",
    "preferences": "preferences",
    "reopened": "preferences",
    "form": "page",
}
"""The layer that an answer's mechanism stands on."""
CITED = {"notice": "notice_text", "version": "policy_text", "sha256": "document_text"}


def record(entry: Stored) -> dict[str, Any]:
    """Return an entry as a plain value."""
    return {
        "index": entry.index,
        "kind": entry.kind.label,
        "time": when(entry),
        "statement": entry.stmt,
        "subject": entry.subj,
        "intact": entry.intact,
    }


def about(entry: Stored) -> str:
    """Return what an entry concerns, in a few words; an altered one may say anything, or nothing."""
    if not entry.intact:
        return "altered: see consentkit audit verify"
    stmt = entry.stmt or {}
    if entry.kind is Kind.TOMBSTONE:
        return f"{stmt.get('segment')} of {stmt.get('list') or [stmt.get('first'), stmt.get('last')]}"[:60]
    if entry.kind in (Kind.ATTACHMENT, Kind.MESSAGE):
        return f"{str(stmt.get('policy'))[:16]} {stmt.get('name', '')}".strip()
    if entry.kind is Kind.ACCESS:
        return f"{stmt.get('action')} {stmt.get('object', [stmt.get('from'), stmt.get('to')])}"[:60]
    answers = stmt.get("categories")
    if isinstance(answers, dict):
        return _answer(stmt, answers)
    name = stmt.get("name") or stmt.get("signal")
    return str(name or ", ".join(stmt.get("expired") or ()) or str(stmt.get("version", ""))[:16])


def _answer(stmt: Mapping[str, Any], answers: Mapping[str, Any]) -> str:
    """What was said yes to, and no: a press can be about one category, and what it left stands as it did."""
    yes, no = (", ".join(c for c, said in answers.items() if bool(said) is each) for each in (True, False))
    where = ", ".join(str(stmt[name]) for name in ("control", "regime") if stmt.get(name))
    return yes + (f"; not {no}" if no else "") + (f" ({where})" if where else "")


def texts(log: Shards, entry: Stored) -> dict[str, Any]:
    """Return the documents that an entry names, under what each is to it: JSON as a value, else as text."""
    stmt, found = entry.stmt or {}, {}
    for field, name in CITED.items():
        document = log.document(stmt[field]) if isinstance(stmt.get(field), str) else None
        if document is not None:
            found[name] = words_of(document)
    details = _details(log, found.get("notice_text"))
    if details is not None:
        found["details_text"] = details
    layer = _layer(log, stmt)
    return found if layer is None else found | {"layer_shown": layer}


def _details(log: Shards, notice: object) -> Any:
    """What a notice names by its hash: the words that its second layer shows besides."""
    digest = notice.get("details") if isinstance(notice, dict) else None
    document = log.document(digest) if isinstance(digest, str) else None
    return words_of(document) if document is not None else None


def _layer(log: Shards, stmt: Mapping[str, Any]) -> Any:
    """What the visitor had before them when they answered, as the edition that they were shown draws it."""
    layer, locale, index = LAYERS.get(str(stmt.get("mechanism"))), stmt.get("locale"), stmt.get("edition")
    edition = log.cited(index) if layer and isinstance(index, int) else None
    announced = edition.stmt if edition is not None and edition.intact else None
    digest = ((announced or {}).get("manifest") or {}).get("renderings", {}).get(locale)
    document = log.document(digest) if isinstance(digest, str) else None
    words = words_of(document) if document is not None else {"layers": {}}
    return {**words["layers"], **words.get("regimes", {}).get(stmt.get("regime"), {})}.get(layer)


def words_of(document: Document) -> Any:
    """Return what a document says: JSON as a value, other text as it is, of all else what it is."""
    if not document.media_type.startswith(("text/", "application/json")):
        return f"{document.media_type}, {len(document.body)} bytes"
    if document.media_type.startswith("application/json"):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(document.body)
    return document.body.decode("utf-8", "replace")


def when(entry: Stored) -> str:
    """Return an entry's instant in UTC, to the second."""
    if entry.t is None:
        return "erased" if entry.intact else "unknown"
    try:
        return datetime.fromtimestamp(entry.t / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"{entry.t} ms"
