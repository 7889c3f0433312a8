"""The guard in a page, and the module that comes after it, as one policy version's pages are served them.

guard.js comes first on a page and covers what runs while the page is parsed: `document.cookie` and
`cookieStore`; addresses of what scripts add (elements' properties, `setAttribute`, `setAttributeNS` and
`setAttributeNode`, markup, other documents' trees), in blank frames and `srcdoc` too; `fetch`,
`XMLHttpRequest`, `sendBeacon`, `WebSocket`, `EventSource`, workers' own addresses; `localStorage`,
`sessionStorage`, IndexedDB and caches; the text of frames that are `javascript:` or `data:`.

ways.js comes soon after it, with what few scripts do and none of those that a page is parsed with: an
`Attr`'s `value`, `setNamedItem`, SVG's `baseVal`, table parts and `document.body` from another document,
`execCommand("insertImage")`, objects whose text changes, `blob:` documents of text, what workers made of a
`blob:` or `data:` ask for; storage keys written as a property go as soon as the script is done (through a
kept reference, with the next look at that store, at a choice, or as the page is left). It also makes what is
held look as a browser has it: a held address is read as it was given, in an SVG an `<image>` stays one, a
request ends by its own `timeout` or `abort` with that event, `constructor` is what the window has.

ways.js also brings the known services that the site doesn't declare. Until it has come, the guard takes every
host for one of theirs that is neither the page's or below it nor declared nor in `pages.allow`, a stranger:
its elements, requests and beacons wait, and so do scripts that are added after one of them, whoever's; then
what is known is refused and the rest goes, in order. Where ways.js can't be loaded, strangers go.

What can't wait makes the guard ask for ways.js synchronously, which mostly is on its way or kept by then:
markup, trees from other documents, sockets, `EventSource`, `Audio`, workers and synchronous requests to
strangers. To refuse them would break pages of their own back ends for what hardly ever is a tracker's, to let
them pass would tell a tracker who is there; to wait some milliseconds harms nobody. Where a page forbids
synchronous requests (Permissions-Policy, or a `connect-src` without `'self'`), strangers pass from the first
such call until ways.js is there. While it is on its way, a stranger's script reads as one without an address,
and an image as one that is done.

Cookies and storage of undeclared services are written before and removed as soon as it comes. It knows as
well for how long each cookie is declared and when its clock ends: one that is set before gets the category's
months, and is set again then. One that `cookieStore` sets before keeps the life it was given.

Both name the interfaces that they stand before, since a browser builds each with the first look at it: that
was more than half of the guard's time. Elements' own `src` and such are those of pictures, scripts, iframes,
links, media, `embed`, `object` and `input`; a `frame` in a frameset is seen by `setAttribute` alone.

A request waits for the choice, its abortion or its own `timeout`; refused, it fails as a network that is
down. Markup is only taken apart where it names something denied. Requests, elements and markup come with the
yes, once and in their order. An element that is refused stays without its address and gets an `error` event,
where a browser sends one.

What isn't played again: a cookie and a storage key are dropped in silence, since a value from before the yes
must not be kept; what opens a database, a cache, a socket, an `EventSource`, an `Audio`, a synchronous
request or a worker fails at once, since its caller can't wait; a preload is of no use later; in shadow roots
and documents that a script writes the page's revival doesn't look; a worker keeps to what was allowed as it
began.

Not covered: modules (`import`, import maps, worklets), what workers that are files do, styles' `url()` and
fonts, SMIL, `background`, pings, navigation (forms, links, `location`, `window.open`), WebRTC, WebTransport,
WebSocketStream and fetchLater, XSLT, declarative shadow roots in markup, tags written in halves, entities
within `srcdoc`, `data:` documents in base64, `blob:` documents made of anything but strings, and a call that
somebody has kept from before it.
"""

import orjson

from consentkit.assets import Asset, static_asset
from consentkit.policy.version import Policy
from consentkit.tables import guard_table, known_pattern, lives_table

GUARD_MARK = b"__GUARD__"
KNOWN_MARK = b"__KNOWN__"
LIVES_MARK = b"__LIVES__"
WAYS_MARK = b"__WAYS__"


def guard_script(policy: Policy, prefix: str, ways: Asset) -> bytes:
    """Return the guard for one policy version; `prefix` is where our own routes and `ways` are."""
    # A page's `<base>` may name another host.
    address = b"location.origin+" + orjson.dumps(f"{prefix}/static/{ways.served_name}")
    body = static_asset("guard.js").body.replace(WAYS_MARK, address)
    return body.replace(GUARD_MARK, guard_table(policy, prefix).encode("ascii"))


def ways_script(policy: Policy, prefix: str) -> bytes:
    """Return the module that the guard of one policy version loads."""
    pattern = known_pattern(policy, prefix).encode("ascii")
    body = static_asset("ways.js").body.replace(KNOWN_MARK, pattern)
    return body.replace(LIVES_MARK, lives_table(policy).encode("ascii"))
