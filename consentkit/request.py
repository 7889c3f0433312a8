"""What a request says about its connection: its host, and whether cookies may go in the clear."""

import re
from collections.abc import Mapping
from typing import Any

LOOPBACK = re.compile(r"localhost|.+\.localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
PROXIED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")


def host_of(scope: Mapping[str, Any]) -> str:
    """Return the host a request was sent to, lower case and without its port."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1").lower()
    return str(host) if host.endswith("]") else str(host.rsplit(":", 1)[0])


def is_secure(scope: Mapping[str, Any]) -> bool:
    """Return whether our cookies get `Secure`: always, but for plain http on this very machine (H4).

    A request that a proxy forwarded didn't start on this machine, whatever host name the proxy sends.
    """
    if scope.get("scheme") in ("https", "wss") or any(name in PROXIED for name, _ in scope["headers"]):
        return True
    return not LOOPBACK.fullmatch(host_of(scope))
