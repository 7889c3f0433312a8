"""How the routes below the prefix answer: as JSON, and how long anybody keeps it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

FOR_EVER = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Json(Response):
    """A JSON answer that no cache keeps, unless told otherwise."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] = PRIVATE) -> None:
        super().__init__(content, status_code, headers)

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def instant(when: datetime) -> str:
    """Return an instant as JSON has it: in UTC, to the second."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
