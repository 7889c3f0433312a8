"""The shop that the benchmarks run: its policy, its routes and pages, and the visitors who come."""

import random
import secrets
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from itsdangerous import TimestampSigner
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from consentkit.gate.sightings import Sighting, observed
from consentkit.gate.state import Home, Seal, State
from consentkit.policy.decision import Choice, Consent, Decision
from consentkit.policy.months import day_of

SECRET = "a secret that is long enough to measure with"  # noqa: S105 - seals nothing but made-up visitors
POLICY = {
    "site": {
        "name": "Corner Shop",
        "controller": "Corner Shop SAS",
        "contact": "privacy@shop.example",
        "policy_url": "/privacy",
        "languages": ["en"],
    },
    "services": ["google-analytics", "meta-pixel", "youtube", "hotjar"],
}
BROWSER = [
    (b"host", b"shop.example"),
    (b"connection", b"keep-alive"),
    (b"sec-ch-ua", b'"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'),
    (b"sec-ch-ua-mobile", b"?0"),
    (b"sec-ch-ua-platform", b'"Linux"'),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"),
    (b"accept-language", b"en-GB,en;q=0.9,fr;q=0.8"),
    (b"sec-fetch-site", b"same-origin"),
]
GZIP = (b"accept-encoding", b"gzip")
FOR_PAGE = [(b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"), (b"sec-fetch-dest", b"document")]
FOR_DATA = [(b"accept", b"*/*"), (b"sec-fetch-dest", b"empty")]
FOR_IMAGE = [(b"accept", b"image/avif,image/webp,*/*;q=0.8"), (b"sec-fetch-dest", b"image")]
ORDINARY = b"sid=8f14e45f; theme=dark; lang=en; basket=3; csrftoken=a87ff679a2f3; seen=1; currency=EUR"
SESSION = b"sid=8f14e45f"
TRACKERS = (
    b"_ga=GA1.1.1203.1755; _ga_7XK2=GS1.1.17; _gid=GA1.1.88.17; _gat=1; _fbp=fb.1.17.9; _fbc=fb.1.17.a;"
    b" _hjid=6b-11; _hjSessionUser_31=eyJpZCI6; _hjSession_31=eyJpZDI6; _ga_9QZ1=GS1.1.99"
)
TOKEN = b"0123456789abcdef0123456789abcdef"
NONCE = b"Tm9uY2VOb25jZU5vbmNl"

Headers = list[tuple[bytes, bytes]]
App = Callable[[Any, Any, Any], Awaitable[None]]


# The page ---------------------------------------------------------------------------------------------------


def page(size: int, *, trackers: bool, seed: int = 7) -> bytes:
    """Return a shop's page of about `size` bytes: head, navigation, articles, scripts; nine trackers or none.

    It holds NONCE and TOKEN once or more, for what differs in every response.
    """
    dice = random.Random(seed)  # noqa: S311 - the same page every time
    words = [
        "tea",
        "leaf",
        "harvest",
        "spring",
        "kettle",
        "copper",
        "garden",
        "letter",
        "morning",
        "paper",
        "slow",
        "harbour",
        "stone",
    ]

    def text(count: int) -> str:
        return " ".join(dice.choice(words) for _ in range(count)).capitalize() + "."

    vendor = TRACKING if trackers else ["", "", ""]
    parts = [HEAD.format(vendor=vendor[0], token=TOKEN.decode(), nonce=NONCE.decode())]
    parts += [
        f"<li class='nav-item nav-{n}'><a href='/tea/{n}?ref=nav&amp;p=1'>{text(2)}</a>" for n in range(24)
    ]
    parts.append(f"</ul></nav><main id=main>{vendor[1]}")
    foot = FOOT.format(vendor=vendor[2], token=TOKEN.decode(), nonce=NONCE.decode())
    number = 0
    while sum(map(len, parts)) + len(foot) < size:
        number += 1
        parts.append(
            f'<article class="card card--wide" id="a{number}" data-sku="{dice.randrange(10**6)}">'
            f'<a href="/tea/{number}"><img src="/img/{number}.webp" srcset="/img/{number}-2x.webp 2x" '
            f'alt="{text(3)}" width="320" height="200" loading="lazy"></a><h2>{text(5)}</h2><p>{text(40)} '
            f"<em>{text(4)}</em> <a class=more href='/tea/{number}#more'>{text(3)}</a></p><ul><li>{text(4)}"
            f"<li>{text(6)}</ul><svg class=i width=16 height=16><path d='M0 0h16v16z'/></svg></article>\n"
        )
    return "".join([*parts, foot]).encode()


HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Corner Shop: teas of the season</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="csrf-token" content="{token}">
<link rel="stylesheet" href="/static/shop.css?v=31"><link rel="preload" href="/static/font.woff2" as="font">
<link rel="icon" href="/favicon.ico"><link rel="canonical" href="https://shop.example/">
<script nonce="{nonce}">document.documentElement.className = "js"; window.shop = {{basket: 3}};</script>
<script src="/static/shop.js?v=31" defer></script>{vendor}
<script type="application/ld+json">{{"@context": "https://schema.org", "@type": "Store"}}</script>
<style>.card{{display:grid;gap:1rem}}.nav-item>a{{padding:.5rem}}@media(min-width:40em){{.card{{columns:2}}}}</style>
</head><body class="home"><!-- cached fragment: navigation --><nav aria-label="Main"><ul>"""
FOOT = """</main><form action="/basket" method="post"><input type="hidden" name="csrf" value="{token}">
<input type="search" name="q"><button>Search</button></form>
<script nonce="{nonce}">window.requestIdleCallback && requestIdleCallback(function () {{
  var cards = document.querySelectorAll(".card"); for (var i = 0; i < cards.length; i++) {{
  cards[i].addEventListener("click", function (event) {{ console.log(event.target.id); }}); }} }});</script>
{vendor}<footer><p>&copy; Corner Shop SAS</footer></body></html>
"""
TRACKING = [
    """<link rel=preconnect href="https://www.googletagmanager.com">
<script async src="https://www.googletagmanager.com/gtag/js?id=G-7XK2"></script><script>
window.dataLayer = window.dataLayer || []; function gtag(){dataLayer.push(arguments);} gtag('js', new Date());
gtag('config', 'G-7XK2');</script><script>!function(f,b,e,v,n,t,s){if(f.fbq)return;n=f.fbq=function(){
n.queue.push(arguments)};t=b.createElement(e);t.src=v}(window,document,'script',
'https://connect.facebook.net/en_US/fbevents.js');fbq('init','42');fbq('track','PageView');</script>""",
    """<noscript><img height="1" width="1" src="https://www.facebook.com/tr?id=42&amp;ev=PageView"></noscript>
<iframe width="560" height="315" src="https://www.youtube.com/embed/x1?rel=0" allowfullscreen></iframe>""",
    """<script>(function(h,o,t,j,a,r){h.hj=h.hj||function(){};a=o.getElementsByTagName('head')[0];
r=o.createElement('script');r.src='https://static.hotjar.com/c/hotjar-'+31})(window,document);</script>
<script src="https://static.hotjar.com/c/hotjar-31.js"></script><img src="https://www.facebook.com/tr?id=43">""",
]


def differing(body: bytes) -> Iterator[bytes]:
    """Yield the page with another nonce and token each time; made beforehand, as a template engine's work."""
    return cycle(
        [
            body.replace(TOKEN, secrets.token_hex(16).encode()).replace(
                NONCE, secrets.token_urlsafe(15).encode()
            )
            for _ in range(64)
        ]
    )


# The applications -------------------------------------------------------------------------------------------


def site(pages: dict[str, Iterator[bytes]]) -> Starlette:
    """Return the application that every middleware stands before."""

    async def data(_: Request) -> Response:
        return JSONResponse({"basket": 3})

    async def session(request: Request) -> Response:
        return JSONResponse({"basket": request.session["basket"]})

    async def cookies(_: Request) -> Response:
        response = JSONResponse({"basket": 3})
        for value in ("sid=1; Path=/; HttpOnly", "_ga=2; Path=/", "theme=dark; Path=/"):
            response.headers.append("set-cookie", value)
        return response

    async def unchanged(_: Request) -> Response:
        return Response(status_code=304, headers={"etag": '"v1"'})

    async def image(_: Request) -> Response:
        return Response(b"\0" * 2000, media_type="image/webp")

    async def html(request: Request) -> Response:
        return HTMLResponse(next(pages[request.path_params["name"]]))

    routes = [Route(f"/{each.__name__}", each) for each in (data, session, cookies, unchanged, image)]
    return Starlette(routes=[*routes, Route("/html/{name}", html)])


class Nothing:
    """A pure ASGI middleware that does nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def visitors(seal: Seal, version: str, count: int) -> list[bytes]:
    """Return the cookies that `count` visitors keep for us who answered in the last months.

    Their consent, its hint, and where something was granted the anchors of the ten trackers.
    """
    dice = random.Random(1)  # noqa: S311 - the same visitors every time
    now = datetime.now(UTC).replace(microsecond=0)
    cookies = []
    for number in range(count):
        decided = now - timedelta(seconds=dice.randrange(10**7))
        # All or nothing: what is refused doesn't come any more, once an answer could end it.
        granted = dice.random() < 0.5
        choices = {
            category: Choice(granted, decided, version)
            for category in ("preferences", "analytics", "marketing")
        }
        allowed = frozenset(category for category, choice in choices.items() if choice.granted)
        decision = Decision(allowed, False, {}, dict.fromkeys(choices, decided + timedelta(days=180)))
        seen = observed(None, anchored(), day_of(decided)) if allowed else None
        state = State(Consent(secrets.token_bytes(16), number, choices), decision, seen)
        lines = state.cookies(seal, version, now, Home("", secure=True))
        cookies.append("; ".join(line.partition(";")[0] for line in lines).encode())
    return cookies


def anchored() -> Iterator[Sighting]:
    """Yield the ten trackers as a request brings them, and the one that an answer sets."""
    yield Sighting("_ga", b"2", 13)
    for pair in TRACKERS.split(b"; "):
        name, _, value = pair.partition(b"=")
        yield Sighting(name.decode(), value, 13)


def session_cookie(secret: str) -> bytes:
    """Return a Cookie header with a session of SessionMiddleware's."""
    signed = TimestampSigner(secret).sign(b64encode(b'{"basket": 3}'))
    return b"session=" + signed
