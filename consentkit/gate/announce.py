"""Answer headers that make a browser contact an address: each loses what needs consent (L15).

Link, also in early hints (RFC 8288); Refresh, which works like `<meta http-equiv=refresh>` (HTML 4.2.5.3);
Reporting-Endpoints and Report-To with the NEL that uses it (Reporting API 3.2); Speculation-Rules, which
names files of rules (HTML 7.6.3). SourceMap is left alone: only developer tools read it. So are the report
addresses within a Content-Security-Policy, which is the site's own defence, and Location: where a redirect
leads is known to the element that asked, not here.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from consentkit.gate.headers import QUOTED
from consentkit.gate.markup.elements import FETCHING, HINTS

Blocked = Callable[[str], bool]
"""Whether contacting an address needs consent."""

# What opens and never closes is taken as one, without parameters: looking from each `<` again takes long.
LINK: Final = re.compile(rb"<([^>]*)(?:>((?:[^,\"]|" + QUOTED + rb")*)|\Z)", re.DOTALL)
REL: Final = re.compile(rb";\s*rel\s*=\s*(" + QUOTED + rb"|[^\s;]*)", re.IGNORECASE | re.DOTALL)
REFRESH: Final = re.compile(
    rb"\s*[\d.]*[\s;,]*(?:url\s*=\s*)?(?:\"([^\"]*)|'([^']*)|(.*))", re.IGNORECASE | re.DOTALL
)
MEMBER: Final = re.compile(rb"((?:[^,\"]|" + QUOTED + rb")+)", re.DOTALL)
STRING: Final = re.compile(QUOTED, re.DOTALL)


def _link(value: bytes, blocked: Blocked) -> bytes:
    entries = [entry for entry in LINK.finditer(value) if entry[2] is not None]
    kept = [entry for entry in entries if not (_contacts(entry[2]) and blocked(entry[1].decode("latin-1")))]
    return value if len(kept) == len(entries) else b", ".join(entry.group().strip() for entry in kept)


def _contacts(parameters: bytes) -> bool:
    rels = b" ".join(found.strip(b'"') for found in REL.findall(parameters)).decode("latin-1")
    return not (FETCHING | HINTS).isdisjoint(rels.lower().split())


def _refresh(value: bytes, blocked: Blocked) -> bytes:
    found = REFRESH.match(value)
    address = next((part for part in found.groups() if part), b"") if found else b""
    return b"" if blocked(address.decode("latin-1").strip()) else value


def _listed(value: bytes, blocked: Blocked) -> bytes:
    """A structured list or dictionary whose strings are addresses (RFC 8941)."""
    members = [member.strip() for member in MEMBER.findall(value)]
    kept = [
        member
        for member in members
        if not any(blocked(text.strip(b'"').decode("latin-1")) for text in STRING.findall(member))
    ]
    return value if len(kept) == len(members) else b", ".join(kept)


def _report_to(value: bytes, blocked: Blocked) -> bytes:
    try:
        groups = orjson.loads(b"[" + value + b"]")
    except orjson.JSONDecodeError:
        return value  # browsers can't read it either
    kept = [group for group in groups if not any(map(blocked, _endpoints(group)))]
    return value if len(kept) == len(groups) else orjson.dumps(kept)[1:-1]


def _endpoints(group: Any) -> list[str]:
    listed = group.get("endpoints") if isinstance(group, dict) else None
    found = [each.get("url") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [url for url in found if isinstance(url, str)]


_FIELDS: Final[dict[bytes, Callable[[bytes, Blocked], bytes]]] = {
    b"link": _link,
    b"refresh": _refresh,
    b"reporting-endpoints": _listed,
    b"report-to": _report_to,
    b"speculation-rules": _listed,
}
ANNOUNCING: Final = frozenset(_FIELDS)


def without_announcements(name: bytes, value: bytes, blocked: Blocked) -> bytes:
    """Return the value of one of the ANNOUNCING headers without what is blocked; b"" if nothing is left."""
    return _FIELDS[name](value, blocked)
