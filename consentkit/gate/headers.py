"""Header rules around a rewritten page: conditional requests, announcements, caching."""

import re
from collections.abc import Callable, Iterable, Iterator

from consentkit.gate.markup.elements import FETCHING, HINTS

Headers = list[tuple[bytes, bytes]]
"""ASGI headers: lower-case names, raw values, in order."""

PAGE_DESTINATIONS = frozenset({b"document", b"iframe", b"frame", b"embed", b"object", b"empty"})
UNCONDITIONAL = frozenset({b"accept-encoding", b"if-modified-since", b"if-range", b"range"})
"""Request headers that could bring back bytes we can't rewrite, or a page from before we were here."""

# RFC 8288, 3: an address and its parameters, whose quoted values may hold anything; and the same for lists.
QUOTED = rb'"(?:[^"\\]|\\.)*(?:"|\Z)'
LINK = re.compile(rb"<([^>]*)>((?:[^,\"]|" + QUOTED + rb")*)", re.DOTALL)
REL = re.compile(rb";\s*rel\s*=\s*(" + QUOTED + rb"|[^\s;]*)", re.IGNORECASE | re.DOTALL)
DIRECTIVE = re.compile(rb"[^\s,=]+(?:\s*=\s*(?:" + QUOTED + rb"|[^,]*))?", re.DOTALL)
ENTITY_TAG = re.compile(rb'(?:W/)?"[^"]*"')


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return the first value of a header, or b"" without one."""
    return next((value for key, value in headers if key.lower() == name), b"")


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return all values of a list-valued header as one list (RFC 9110, 5.3), or b"" without one."""
    return b", ".join(value for key, value in headers if key.lower() == name)


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


def is_uncacheable(headers: Headers) -> bool:
    """Return whether no shared cache may keep the answer, so that it may carry a visitor's cookie.

    `private="set-cookie"` only keeps that field from caches (RFC 9111, 5.2.2.7), not the answer.
    """
    return any(each.lower() in (b"private", b"no-store") for each in directives(headers))


def directives(headers: Headers) -> list[bytes]:
    """Return the directives of all Cache-Control headers, with their values."""
    return [each.strip() for each in DIRECTIVE.findall(values(headers, b"cache-control"))]


def personal(headers: Headers) -> Headers:
    """Return the headers of an answer that depends on this visitor's consent: private, varying."""
    kept = [(name, value) for name, value in headers if name not in (b"cache-control", b"vary")]
    control, vary = directives(headers), values(headers, b"vary")
    if not is_uncacheable(headers):
        shared = (b"public", b"private", b"s-maxage")
        control = [b"private", *(each for each in control if _directive_name(each) not in shared)]
    fields = {field.strip().lower() for field in vary.split(b",")}
    if fields.isdisjoint((b"cookie", b"*")):
        vary = vary + b", Cookie" if vary else b"Cookie"
    return [*kept, (b"cache-control", b", ".join(control)), (b"vary", vary)]


def _directive_name(directive: bytes) -> bytes:
    return directive.split(b"=", 1)[0].strip().lower()


def without_announcements(value: bytes, blocked: Callable[[str], bool]) -> bytes:
    """Return a Link header's value without the entries that make browsers contact a blocked address."""
    entries = list(LINK.finditer(value))
    kept = [entry for entry in entries if not (_contacts(entry[2]) and blocked(entry[1].decode("latin-1")))]
    return value if len(kept) == len(entries) else b", ".join(entry.group().strip() for entry in kept)


def _contacts(parameters: bytes) -> bool:
    rels = b" ".join(found.strip(b'"') for found in REL.findall(parameters)).decode("latin-1")
    return not (FETCHING | HINTS).isdisjoint(rels.lower().split())
