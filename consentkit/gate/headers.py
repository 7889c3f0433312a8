"""Header rules around a rewritten page: conditional requests, announcements, caching."""

import re
from collections.abc import Iterable
from functools import lru_cache

Headers = list[tuple[bytes, bytes]]
"""ASGI headers: lower-case names, raw values, in order."""

PAGE_DESTINATIONS = frozenset({b"document", b"iframe", b"frame", b"embed", b"object", b"empty"})
UNCONDITIONAL = frozenset({b"accept-encoding", b"if-modified-since", b"if-none-match", b"if-range", b"range"})
"""Request headers that could bring back bytes we can't rewrite, or a page from before we were here."""
STALE = frozenset(
    {b"content-length", b"accept-ranges", b"last-modified"}
    | {b"content-md5", b"digest", b"content-digest", b"repr-digest"}
)
"""Answer headers and trailers that a rewritten body makes untrue (RFC 9110, 8.6 and 8.8.2; RFC 9530)."""
CONTROLS = (b"cache-control", b"surrogate-control", b"edge-control", b"x-accel-expires")
"""How the names end of headers that say who may keep an answer, targeted ones included (RFC 9213, 3.1)."""

# RFC 8288, 3: an address and its parameters, whose quoted values may hold anything; and the same for lists.
QUOTED = rb'"(?:[^"\\]|\\.)*(?:"|\Z)'
DIRECTIVE = re.compile(rb"[^\s,=]+(?:\s*=\s*(?:" + QUOTED + rb"|[^,]*))?", re.DOTALL)
ENTITY_TAG = re.compile(rb'(?:W/)?"[^"]*"')


def first(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return the first value of a header, or b"" without one."""
    return next((value for key, value in headers if key == name), b"")


def setting(lines: Iterable[str]) -> Headers:
    """Return the headers that set cookies, one for each Set-Cookie value."""
    return [(b"set-cookie", line.encode("latin-1")) for line in lines]


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """Return all values of a list-valued header as one list (RFC 9110, 5.3), or b"" without one."""
    found = [value for key, value in headers if key == name]
    return b", ".join(found) if found else b""


def may_be_page(destination: bytes, accept: bytes) -> bool:
    """Return whether a request may be answered with a page rather than an image, script or style.

    By its Sec-Fetch-Dest and its Accept, b"" where it has none.
    """
    if destination:
        return destination in PAGE_DESTINATIONS
    return not accept or b"text/html" in accept or accept == b"*/*"


def page_conditions(headers: Headers, tag: bytes) -> Headers:
    """Return what of a page request's conditions the application may see: none, or one If-None-Match.

    `tag` marks entity tags of this edition: those lose it again, all others are dropped, so that markup
    from before installation or from another policy never comes back as a 304. Such a header takes the place
    of all the UNCONDITIONAL ones, with which the answer could be partial, encoded or outdated.
    """
    if conditions := values(headers, b"if-none-match"):
        ours = [each for each in ENTITY_TAG.findall(conditions) if each.endswith(tag + b'"')]
        if ours:
            return [(b"if-none-match", b", ".join(each[: -len(tag) - 1] + b'"' for each in ours))]
    return []


def tagged(entity_tag: bytes, tag: bytes) -> bytes:
    """Return an application's entity tag with this edition's mark inside its quotes."""
    return entity_tag[:-1] + tag + b'"' if entity_tag.endswith(b'"') else entity_tag


def page_headers(headers: Headers, tag: bytes) -> Headers:
    """Return a page's headers: its own length and digests no longer hold, its entity tag gets ours."""
    return [
        (name, tagged(value, tag) if name == b"etag" else value)
        for name, value in headers
        if name not in STALE
    ]


def is_uncacheable(headers: Headers) -> bool:
    """Return whether no shared cache may keep the answer, so that it may carry a visitor's cookie.

    `private="set-cookie"` only keeps that field from caches (RFC 9111, 5.2.2.7), not the answer. A cache
    that a header of its own speaks to heeds nothing else (RFC 9213, 2.2), so each of them has to say it.
    """
    if b"cache-control" not in dict(headers):
        return False
    controls = [each for each in headers if each[0].endswith(CONTROLS)]
    return all(_keeps_away(values(controls, name)) for name in {name for name, _ in controls})


def _keeps_away(control: bytes) -> bool:
    return any(each.lower() in (b"private", b"no-store") for each in _directives(control))


def _directives(control: bytes) -> list[bytes]:
    return [each.strip() for each in DIRECTIVE.findall(control)]


def personal(headers: Headers) -> Headers:
    """Return the headers of an answer that depends on this visitor's consent: private, varying.

    What spoke to single caches goes, so that `Cache-Control: private` counts for those too.
    """
    if not _tells_caches(tuple([name for name, _ in headers])):
        return [*headers, (b"cache-control", b"private"), (b"vary", b"Cookie")]
    kept = [(name, value) for name, value in headers if name != b"vary" and not name.endswith(CONTROLS)]
    stated, vary = values(headers, b"cache-control"), values(headers, b"vary")
    control = _directives(stated)
    if not _keeps_away(stated):
        shared = (b"public", b"private", b"s-maxage")
        control = [b"private", *(each for each in control if _directive_name(each) not in shared)]
    fields = {field.strip().lower() for field in vary.split(b",")}
    if fields.isdisjoint((b"cookie", b"*")):
        vary = vary + b", Cookie" if vary else b"Cookie"
    return [*kept, (b"cache-control", b", ".join(control)), (b"vary", vary)]


@lru_cache(maxsize=256)  # most answers of a site have the same headers
def _tells_caches(names: tuple[bytes, ...]) -> bool:
    return any(name == b"vary" or name.endswith(CONTROLS) for name in names)


def _directive_name(directive: bytes) -> bytes:
    return directive.split(b"=", 1)[0].strip().lower()


def is_download(headers: Headers) -> bool:
    """Return whether browsers save an answer instead of showing it (RFC 6266, 4.2)."""
    return values(headers, b"content-disposition").partition(b";")[0].strip().lower() == b"attachment"
