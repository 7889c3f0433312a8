"""The structured line that tells the program's log, and whoever collects it, of each published checkpoint."""

import json
import logging
from collections.abc import Iterator

logger = logging.getLogger("consentkit.proof")


def emit(origin: str, size: int, note: str) -> None:
    """Log `{"event": "checkpoint", …}` on one line: off this machine it is a witness (prooflog §3.8)."""
    line = {"event": "checkpoint", "origin": origin, "size": size, "note": note}
    logger.info("%s", json.dumps(line, ensure_ascii=False))


def checkpoints_in(text: str) -> list[str]:
    """The checkpoints in what somebody kept: those that lines of a log tell of (see `emit`), or the text."""
    return list(_emitted(text)) or [text]


def _emitted(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        try:
            told = json.loads(line[line.index("{") :])
        except (ValueError, RecursionError):
            continue
        if isinstance(told, dict) and told.get("event") == "checkpoint" and isinstance(told.get("note"), str):
            yield told["note"]
