"""The structured line that tells the program's log, and whoever collects it, of each published checkpoint."""

import json
import logging

logger = logging.getLogger("consentkit.proof")


def emit(origin: str, size: int, note: str) -> None:
    """Log `{"event": "checkpoint", …}` on one line: off this machine it is a witness (prooflog §3.8)."""
    line = {"event": "checkpoint", "origin": origin, "size": size, "note": note}
    logger.info("%s", json.dumps(line, ensure_ascii=False))
