"""What every site says at an address that others have fixed: that it honours Global Privacy Control."""

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from consentkit.gate.reply import Json

GPC_PATH = "/.well-known/gpc.json"
"""W3C Global Privacy Control, section 4: the GPC support resource."""
METHODS = ("GET", "HEAD")
HEADERS = {"cache-control": "public, max-age=86400", "x-content-type-options": "nosniff"}


def gpc_support(request: Request, since: date) -> Response:
    """Answer that this site abides by the signal; `since` is the day its policy came into force (UTC)."""
    if request.method not in METHODS:
        return Json({"error": "use GET"}, 405, {**HEADERS, "allow": ", ".join(METHODS)})
    return Json({"gpc": True, "lastUpdate": since.isoformat()}, 200, HEADERS)
