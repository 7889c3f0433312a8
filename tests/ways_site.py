"""A site that holds every way: an index page, and in frames the pages of those that need one alone."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from browser import serving
from loopback import GIF
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from ways import MARK, TRACKER, Way

from consentkit import ConsentMiddleware

POLICY: dict[str, Any] = {
    "site": {"name": "Ways", "controller": "Ways Ltd", "contact": "a@own.example", "policy_url": "/privacy"},
    "services": [
        {
            "id": "everywhere",
            "name": "Everywhere",
            "vendor": "Tracker Ltd",
            "country": "FR",
            "category": "analytics",
            "purposes": ["audience-measurement"],
            "policy_url": f"https://{TRACKER}/privacy",
            "urls": [f"*.{TRACKER}", "192.0.2.7", "192.0.2.8", "192.0.2.9"],
            "inline": [MARK],
        }
    ],
}  # fmt: skip
STRICT: dict[str, Any] = {
    **POLICY,
    "services": [POLICY["services"][0] | {"urls": ["declared.example"]}],
    "pages": {"third_parties": "strict"},
}
"""A policy that knows none of the hosts and lets none of them pass."""
DATA = f"""
<script type="application/ld+json">{{"sameAs": "https://data.{TRACKER}/", "note": "{MARK}"}}</script>
<script type="application/json" id="b">{{"src": "https://data.{TRACKER}/a.js", "a": "<img src=x>"}}</script>
<!-- <script src="https://data.{TRACKER}/a.js"></script> {MARK} -->
<p title="https://data.{TRACKER}/" data-src="https://data.{TRACKER}/a.gif">See https://data.{TRACKER}/ {MARK}
</p>
<img alt="https://data.{TRACKER}/" src="/own/alt.gif"><a href="https://data.{TRACKER}/{MARK}">far</a>
<form action="https://data.{TRACKER}/"><input name="src" value="https://data.{TRACKER}/"></form>
<textarea><img src="https://data.{TRACKER}/a.gif"></textarea><q cite="https://data.{TRACKER}/">q</q>
<template><img src="https://data.{TRACKER}/a.gif"></template><link rel="canonical" href="https://data.{TRACKER}/">
<meta property="og:image" content="https://data.{TRACKER}/a.gif"><script>var url = "https://data.{TRACKER}/";</script>
"""
"""Page data that names a tracker and loads nothing."""
OWN = """
<link rel="stylesheet" href="/own/1.css"><link rel="preload" as="image" href="/own/2.gif">
<script src="/own/3.js"></script>
<script type="module">import "/own/4.js"</script><img src="/own/5.gif"><img srcset="/own/6.gif 1x">
<picture><source srcset="/own/7.gif"><img></picture><iframe src="/own/8.html"></iframe>
<p style="background:url(/own/9.gif)">x</p><style>s{background:url(/own/10.gif)}</style><s>x</s>
<svg><image href="/own/11.gif" width=9 height=9 /></svg><video poster="/own/12.gif" preload=none></video>
<iframe srcdoc="<img src=/own/13.gif>"></iframe><input type="image" src="/own/14.gif">
<img src="data:," onerror="fetch('/own/15.json')"><object data="/own/16.svg" type="image/svg+xml"></object>
<div><template shadowrootmode=open><img src="/own/17.gif"></template></div>
<table background="/own/18.gif"><td>x</table>
<noscript><img src="/own/19.gif"></noscript><img src="//{origin}/own/20.gif">
<script>fetch("/own/21.json")</script>
"""
"""Everything of the site's own, by number."""
SCRIPTED = {3, 4, 15, 21}
QUIET = {19}
BODY = "<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4><h5>e</h5><h6>f</h6><dl><dt>g<dd>h</dl><ul><li>i</ul><p>j<i>k"
KINDS = {
    "html": ("text/html", b"<!doctype html><link rel=icon href=data:,><p>own"),
    "js": ("text/javascript", b"/* own */"),
    "css": ("text/css", b"/* own */"),
    "json": ("application/json", b"{}"),
    "svg": ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
    "mp4": ("video/mp4", b""),
}


@dataclass
class Site:
    """The application; `asked` are the paths of its own resources that were fetched."""

    ways: list[Way]
    scheme: str
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        routes = [
            Route("/", self._index),
            Route("/alone/{name}", self._alone),
            Route("/own/{name}", self._own),
        ]
        return Starlette(routes=[*routes, Route("/own/ping", self._own, methods=["POST"])])

    def own(self) -> set[int]:
        """The numbers of `OWN` that were fetched."""
        names = (path.partition(".")[0] for path in self.asked)
        return {int(name) for name in names if name.isdigit()}

    def _placed(self, place: str) -> str:
        return "\n".join(way.html(self.scheme) for way in self.ways if way.place == place)

    async def _index(self, request: Request) -> Response:
        alone = [way.name for way in self.ways if way.place == "alone"]
        frames = "\n".join(f'<iframe width=90 height=90 src="/alone/{name}"></iframe>' for name in alone)
        own = OWN.replace("{origin}", request.url.netloc)
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Ways</title>'
            f"{self._placed('head')}</head><body>{BODY}{own}{DATA}{frames}\n{self._placed('body')}</body></html>"
        )
        response = HTMLResponse(page)
        for way in self.ways:
            for name, value in way.headers(self.scheme).items() if way.place == "head" else ():
                response.headers.append(name, value)
        return response

    async def _alone(self, request: Request) -> Response:
        [way] = [way for way in self.ways if way.name == request.path_params["name"]]
        start = f"<!doctype html><title>{way.name}</title>"
        return HTMLResponse(start + way.html(self.scheme), headers=way.headers(self.scheme))

    async def _own(self, request: Request) -> Response:
        name = request.path_params.get("name", "ping")
        self.asked.append(name)
        kind, body = KINDS.get(name.rpartition(".")[2], ("image/gif", GIF))
        return Response(body, media_type=kind, headers={"cache-control": "max-age=60"})


@contextmanager
def ways_site(
    ways: Iterable[Way], scheme: str, folder: Path | None = None, policy: dict[str, Any] = POLICY
) -> Iterator[tuple[str, Site]]:
    """The running site and its origin: behind the middleware, whose log is in `folder`, or bare (None)."""
    site = Site(list(ways), scheme)
    app: Any = site.app()
    if folder is not None:
        app = ConsentMiddleware(
            app,
            policy=policy,
            secret_key="a secret for this test",
            store=f"sqlite:///{folder / 'consentkit.db'}",
            keys=folder / "keys",
        )
    with serving(app, "localhost", tls=scheme == "https") as origin:
        yield origin, site
    if folder is not None:
        app.kit.close()
