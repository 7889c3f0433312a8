"""Set-Cookie lines: read as browsers do, and cut to the life a tracker may have (B1, B6, L4, L30).

A line is the value of one Set-Cookie header. What isn't cut stays byte for byte: order, case, quotes, spaces
and attributes nobody knows yet.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from consentkit.gate.cookiedate import cookie_date, http_date
from consentkit.gate.cookies import SPACE
from consentkit.policy.months import EPOCH

MOST_SECONDS = 400 * 86400
"""No browser keeps a cookie longer (RFC 6265bis §5.5, L30)."""
LONGEST_PAIR = 4096
LONGEST_ATTRIBUTE = 1024
"""Bytes; browsers pass over a longer name and value, or attribute value (RFC 6265bis §5.6)."""

_AROUND = b'" \t'
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# In a Max-Age, what Chromium or older parsers take for a number where the standard reads none: a sign before
# it, quotes, a tail.
_LIFE = re.compile(rb";[ \t]*(?:max-age[ \t]*=([\"+ \t]*)([0-9]*)|expires[ \t]*=)([^;]*)", re.IGNORECASE)
_ATTRIBUTES = re.compile(rb";[ \t]*(?:max-age|expires)[ \t]*(?:=[^;]*)?(?![^;])", re.IGNORECASE)
_MAX_AGE = re.compile(rb"-?[0-9]+")
# An Expires that no browser can read more into: none, 0 and -1.
_NO_DATE = re.compile(rb"-?[0-9]?")
_NO_VALUE = (b"", b'""')
_ENDS = b"; Max-Age=0; Expires=" + http_date(EPOCH)


@dataclass(frozen=True, slots=True)
class SetCookie:
    """One Set-Cookie line as a browser understands it (RFC 6265bis §5.6).

    `name` as `cookie_name` reads it, `value` in bytes, `max_age` in whole seconds and `expires` in UTC, None
    where the line has no valid one; `domain` in lower case without its dot, "" for the host alone; `path`, ""
    for the default one; `same_site` as "strict", "lax", "none" or "". Of several the last valid one.
    """

    name: str
    value: bytes
    max_age: int | None = None
    expires: datetime | None = None
    domain: str = ""
    path: str = ""
    secure: bool = False
    http_only: bool = False
    same_site: str = ""
    partitioned: bool = False

    def ends(self, now: datetime) -> datetime | None:
        """Return when a browser that gets it at `now` drops it; None for the end of the session."""
        if self.max_age is not None:
            return now + timedelta(seconds=max(0, min(self.max_age, MOST_SECONDS)))
        return self.expires and min(self.expires, now + timedelta(seconds=MOST_SECONDS))


def parsed(line: bytes) -> SetCookie | None:
    """Return what a Set-Cookie line says, or None where browsers pass over all of it."""
    pair, *attributes = line.split(b";")
    name, sign, value = pair.partition(b"=")
    name, value = (name, value) if sign else (b"", name)
    name, value = name.strip(SPACE), value.strip(SPACE)
    if not 0 < len(name) + len(value) <= LONGEST_PAIR or _CONTROL.search(line):
        return None
    said: dict[str, Any] = {}
    for attribute in attributes:
        key, _, text = attribute.partition(b"=")
        known, text = _FIELDS.get(key.strip(SPACE).lower()), text.strip(SPACE)
        if known and len(text) <= LONGEST_ATTRIBUTE and (found := known[1](text)) is not None:
            said[known[0]] = found
    return SetCookie(name.decode("latin-1"), value, **said)


def session_pair(line: bytes) -> tuple[str, bytes] | None:
    """Return the name and value of a Set-Cookie line that can't say how long its cookie lives.

    None for any other line: what `parsed` finds, in less time.
    """
    pair, _, attributes = line.partition(b";")
    name, sign, value = pair.partition(b"=")
    name, value = name.strip(SPACE), value.strip(SPACE)
    if not name or not sign or len(pair) > LONGEST_PAIR or _CONTROL.search(pair) or _tells_life(attributes):
        return None
    return name.decode("latin-1"), value


@lru_cache(maxsize=256)  # a site's cookies have few different ones
def _tells_life(attributes: bytes) -> bool:
    return _LIFE.search(b";" + attributes) is not None or _CONTROL.search(attributes) is not None


def clamped(line: bytes, most: int, now: datetime) -> bytes:
    """Return a Set-Cookie line whose life is cut to `most` whole seconds from `now`.

    Every Max-Age and Expires that says more says `most` instead, in its own place, rounded down: the life is
    the same whichever of them a browser goes by, and never longer than it was. An Expires without a date is
    left out: by the standard it says nothing, but Chromium reads `1 Jan 2038 000:00:00`, too. Where nothing
    says more, and where the line ends the cookie or sets it for the session, the same object comes back.
    Where `most` leaves nothing, the line ends the cookie: its name and attributes without a value.
    """
    if most <= 0:
        return _ending(line, now)
    found = _LIFE.search(line)
    if found is None:
        return line
    most = min(most, MOST_SECONDS)
    pieces: list[bytes] = []
    done, left = 0, False
    while found:
        cut = _date_beyond(found, most, now) if found[2] is None else _age_beyond(found, most)
        if cut:
            start, says, end = cut
            pieces += line[done:start], says
            done = end
        else:
            left = True
        found = _LIFE.search(line, found.end())
    if not pieces or _CONTROL.search(line) or (left and _is_over(line, now)):
        return line
    return b"".join([*pieces, line[done:]])


def session_only(line: bytes, now: datetime) -> bytes:
    """Return a Set-Cookie line without Max-Age and Expires: the cookie lives for the session (B1).

    A line that ends the cookie comes back as it is: it removes something, and has to go on doing so.
    """
    if _ATTRIBUTES.search(line) is None or _is_over(line, now):
        return line
    return _ATTRIBUTES.sub(b"", line)


def is_removal(line: bytes, now: datetime) -> bool:
    """Return whether a Set-Cookie line only takes a cookie away: it ends it, and brings no value either."""
    if line.partition(b";")[0].partition(b"=")[2].strip(SPACE) not in _NO_VALUE:
        return False
    cookie = parsed(line)
    return cookie is not None and cookie.name != "" and _is_over(line, now)


def _age_beyond(found: re.Match[bytes], most: int) -> tuple[int, bytes, int] | None:
    """Return where a Max-Age's number starts, what to say there and where it ends, if it is above `most`."""
    start, end = found.span(2)
    value = found.string[found.start(1) : found.end()].strip(SPACE)
    if start == end or len(value) > LONGEST_ATTRIBUTE or int(found[2]) <= most:
        return None
    return start, b"%d" % most, end


def _date_beyond(found: re.Match[bytes], most: int, now: datetime) -> tuple[int, bytes, int] | None:
    """Return the same for an Expires' date, if it is more than `most` seconds away; all of one without."""
    text = found[3].strip(SPACE)
    if len(text) > LONGEST_ATTRIBUTE or _NO_DATE.fullmatch(text):
        return None
    date = cookie_date(text)
    if date is None:
        return found.start(), b"", found.end()
    # In whole seconds, as `http_date` remembers what it wrote.
    if date <= (last := now.replace(microsecond=0) + timedelta(seconds=most)):
        return None
    bare = found[3].lstrip(_AROUND)
    start = found.end() - len(bare)
    return start, http_date(last), start + len(bare.rstrip(_AROUND))


def _is_over(line: bytes, now: datetime) -> bool:
    """Say whether a line leaves no cookie behind: it ends one, or browsers pass over it."""
    if (cookie := parsed(line)) is None:
        return True
    end = cookie.ends(now)
    return end is not None and end <= now


def _ending(line: bytes, now: datetime) -> bytes:
    """Return the line that ends the cookie which `line` would set."""
    if _is_over(line, now):
        return line
    pair, sign, attributes = line.partition(b";")
    name, equals, _ = pair.partition(b"=")
    # A cookie without a name keeps its value: browsers pass over a line that has neither.
    if equals and name.strip(SPACE):
        pair = name + equals
    return pair + _ATTRIBUTES.sub(b"", sign + attributes) + _ENDS


def _age(text: bytes) -> int | None:
    return int(text) if _MAX_AGE.fullmatch(text) else None


def _domain(text: bytes) -> str:
    return text.removeprefix(b".").decode("latin-1").lower()


def _path(text: bytes) -> str:
    return text.decode("latin-1") if text.startswith(b"/") else ""


def _same_site(text: bytes) -> str:
    return text.decode("latin-1").lower() if text.lower() in (b"strict", b"lax", b"none") else ""


def _flag(_: bytes) -> bool:
    return True


_FIELDS: dict[bytes, tuple[str, Callable[[bytes], Any]]] = {
    b"max-age": ("max_age", _age),
    b"expires": ("expires", cookie_date),
    b"domain": ("domain", _domain),
    b"path": ("path", _path),
    b"secure": ("secure", _flag),
    b"httponly": ("http_only", _flag),
    b"samesite": ("same_site", _same_site),
    b"partitioned": ("partitioned", _flag),
}
