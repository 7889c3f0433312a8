"""Header rules around a rewritten page: conditional requests, announcements, caching, nonces."""

import re
from collections.abc import Callable, Iterable, Iterator

Headers = list[tuple[bytes, bytes]]
"""ASGI headers: lower-case names, raw values, in order."""

PAGE_DESTINATIONS = frozenset({b"document", b"iframe", b"frame", b"embed", b"object", b"empty"})
PAGE_TYPES = (b"text/html", b"application/xhtml+xml")
UNCONDITIONAL = frozenset({b"accept-encoding", b"if-modified-since", b"if-range", b"range"})
"""Request headers that could bring back bytes we can't rewrite, or a page from before we were here."""

LINK = re.compile(rb"<([^>]*)>[^<]*")
ENTITY_TAG = re.compile(rb'(?:W/)?"[^"]*"')
NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'")


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return the first value of a header, or b"" without one."""
    return next((value for key, value in headers if key.lower() == name), b"")


def may_be_page(headers: Headers) -> bool:
    """Return whether a request may be answered with a page rather than an image, script or style."""
    destination = first(headers, b"sec-fetch-dest")
    if destination:
        return destination in PAGE_DESTINATIONS
    accept = first(headers, b"accept")
    return not accept or b"text/html" in accept or accept == b"*/*"


def page_request(headers: Headers, tag: bytes) -> Headers:
    """Return a page request's headers such that the application answers whole, plain and current.

    `tag` marks entity tags of this edition: those lose it again, all others are dropped, so that markup
    from before installation or from another policy never comes back as a 304.
    """
    return list(_conditioned(headers, tag))


def _conditioned(headers: Headers, tag: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers:
        if name == b"if-none-match":
            ours = [t for t in ENTITY_TAG.findall(value) if t.endswith(tag + b'"')]
            if ours:
                yield name, b", ".join(t[: -len(tag) - 1] + b'"' for t in ours)
        elif name not in UNCONDITIONAL:
            yield name, value


def tagged(entity_tag: bytes, tag: bytes) -> bytes:
    """Return an application's entity tag with this edition's mark inside its quotes."""
    return entity_tag[:-1] + tag + b'"' if entity_tag.endswith(b'"') else entity_tag


def is_page_type(content_type: bytes) -> bool:
    """Return whether a Content-Type is HTML as browsers read it."""
    return content_type.split(b";", 1)[0].strip().lower() in PAGE_TYPES


def is_uncacheable(cache_control: bytes) -> bool:
    """Return whether no shared cache may keep the answer, so that it may carry a visitor's cookie."""
    directives = cache_control.lower()
    return b"private" in directives or b"no-store" in directives


def personal(headers: Headers) -> Headers:
    """Return the headers of an answer that depends on this visitor's consent: private, varying."""
    kept = [(name, value) for name, value in headers if name not in (b"cache-control", b"vary")]
    control, vary = first(headers, b"cache-control"), first(headers, b"vary")
    if not is_uncacheable(control):
        shared = (b"public", b"s-maxage", b"")
        parts = [part.strip() for part in control.split(b",")]
        control = b", ".join([b"private", *(p for p in parts if p.split(b"=")[0].lower() not in shared)])
    if b"cookie" not in vary.lower() and vary != b"*":
        vary = b"Cookie" if not vary else vary + b", Cookie"
    return [*kept, (b"cache-control", control), (b"vary", vary)]


def without_announcements(value: bytes, blocked: Callable[[str], bool]) -> bytes:
    """Return a Link header's value without the entries whose address is blocked."""
    entries = list(LINK.finditer(value))
    kept = [entry for entry in entries if not blocked(entry[1].decode("latin-1"))]
    return value if len(kept) == len(entries) else b", ".join(e.group().rstrip(b", \t") for e in kept)


def script_nonce(policies: Iterable[bytes]) -> str | None:
    """Return the nonce that a Content-Security-Policy gives to scripts, if it gives one."""
    for policy in policies:
        for directive in policy.decode("latin-1").split(";"):
            name = directive.strip().split(" ", 1)[0].lower()
            match = NONCE.search(directive)
            if match and name in ("script-src", "script-src-elem", "default-src"):
                return match[1]
    return None
