"""A site whose only script is a tag manager's container: what it adds to a page at run time, way by way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from browser import serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit import ConsentMiddleware
from consentkit.kit import utc_now

ANALYTICS, MARKETING, NOBODYS = "stats.example", "ads.example", "connect.facebook.net"


def _service(id_: str, category: str, host: str, **facts: Any) -> dict[str, Any]:
    common = {"name": id_.title(), "vendor": "Vendor Ltd", "country": "FR", "purposes": ["advertising"]}
    urls = {"policy_url": "https://vendor.example/", "urls": [f"*.{host}"]}
    return {"id": id_, "category": category, **common, **urls, **facts}


POLICY: dict[str, Any] = {
    "site": {"name": "Shop", "controller": "Shop Ltd", "contact": "a@shop.example", "policy_url": "/privacy"},
    "services": [
        _service(
            "stats",
            "analytics",
            ANALYTICS,
            cookies=[
                {"name": "_stats", "lifetime": "P2Y"},
                {"name": "_stats_*", "lifetime": "P2Y"},
                {"name": "_stats_month*", "lifetime": "P30D"},
            ],
            storage=[{"area": "local", "key": "stats.*"}],
        ),
        _service(
            "ads",
            "marketing",
            MARKETING,
            cookies=[{"name": "_ads*", "lifetime": "P2Y"}],
            storage=[
                {"area": "local", "key": "ads-*"},
                {"area": "session", "key": "ads-*"},
                {"area": "indexeddb", "key": "ads-*"},
                {"area": "cache", "key": "ads-*"},
            ],
        ),
    ],
}


@dataclass(frozen=True)
class Vendor:
    """One thing a container adds: `code` does it with the URL `u`, and reports itself by `done()`."""

    name: str
    code: str
    again: bool = True
    """Whether it comes by itself once its category is allowed; a connection that was refused doesn't."""

    def host(self, domain: str) -> str:
        return f"{self.name}.{domain}"

    def script(self, domain: str) -> str:
        """The way as a statement of JavaScript."""
        url = f"http://{self.host(domain)}/{self.name}"
        return (
            f"try {{ ((u, done) => {{ {self.code} }})('{url}', () => ran.push('{self.host(domain)}')) }}"
            f" catch (error) {{ threw.push('{self.name}: ' + error) }}\n"
        )


VENDORS = [
    Vendor("property", "const s = document.createElement('script'); s.async = true; s.onload = done;"
           " s.src = u; document.head.appendChild(s);"),
    Vendor("attribute", "const s = document.createElement('script'); s.type = 'text/javascript';"
           " s.addEventListener('load', done); s.setAttribute('src', u);"
           " const first = document.scripts[0]; first.parentNode.insertBefore(s, first);"),
    Vendor("late", "const s = document.createElement('script'); s.onload = done; document.head.append(s);"
           " s.src = u;"),
    Vendor("pixel", "const i = new Image(1, 1); i.onload = i.onerror = done; i.src = u + '?e=1';"),
    Vendor("frame", "const f = document.createElement('iframe'); f.src = u; document.body.append(f);"
           " f.onload = () => f.hasAttribute('src') && done();"),
    Vendor("style", "const l = document.createElement('link'); l.onload = done; l.rel = 'stylesheet';"
           " l.href = u; document.head.append(l);"),
    Vendor("markup", "const d = document.createElement('div');"
           " d.innerHTML = '<p>a</p><img width=1 src=\"' + u + '\">'; document.body.append(d);"),
    Vendor("fetch", "fetch(u, { method: 'POST', body: 'x' }).then(done);"),
    Vendor("request", "const x = new XMLHttpRequest(); x.onload = done; x.open('POST', u); x.send('x');"),
    Vendor("beacon", "navigator.sendBeacon(u, 'x') && done();"),
]  # fmt: skip
"""The ten ways of the issue; all else that the guard knows is in MORE."""

SVG = (
    "const svg = document.body.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'svg'));"
    " const image = svg.appendChild(document.createElementNS(svg.namespaceURI, 'image'));"
    " image.setAttribute('width', 5); image.setAttribute('height', 5); "
)

MORE = [
    Vendor("adjacent", "document.body.insertAdjacentHTML('beforeend', `<img srcset='${u} 1x, ${u}?2 2x'>`);"),
    Vendor("outer", "const d = document.body.appendChild(document.createElement('b'));"
           " d.outerHTML = `<i><iframe src=${u}></iframe></i>`;"),
    Vendor("fragment", "const r = document.createRange(); r.selectNode(document.body);"
           " document.head.append(r.createContextualFragment(`<script src='${u}'></scr` + 'ipt>'));"),
    Vendor("template", "const t = document.createElement('template');"
           " t.innerHTML = `<p><img src='${u}'></p>`;"
           " document.body.append(document.importNode(t.content, true));"),
    Vendor("parser", "const d = new DOMParser().parseFromString(`<embed src='${u}'>`, 'text/html');"
           " document.body.append(...d.body.childNodes);"),
    Vendor("clone", "const s = document.createElement('script'); s.src = u;"
           " document.head.append(s.cloneNode());"),
    Vendor("object", "const o = document.createElement('object'); o.data = u; document.body.append(o);"),
    Vendor("video", "const v = document.createElement('video'); v.preload = 'auto'; v.src = u;"
           " document.body.append(v);"),
    Vendor("source", "const v = document.createElement('video'); v.preload = 'auto';"
           " const s = document.createElement('source'); s.src = u; v.append(s); document.body.append(v);"),
    Vendor("poster", "const v = document.createElement('video'); v.poster = u; document.body.append(v);"),
    Vendor("sound", "new Audio(u).preload = 'auto';", again=False),
    Vendor("set", "const i = new Image(); i.srcset = u + ' 1x';"),
    Vendor("preload", "const l = document.createElement('link'); l.rel = 'preload'; l.as = 'image';"
           " l.imageSrcset = u + ' 1x'; document.head.append(l);", again=False),
    Vendor("document", "const f = document.createElement('iframe');"
           " f.srcdoc = `<body onload='new Image().src=\"${u}\"'><script src=\"${u}\"></scr` + 'ipt>';"
           " document.body.append(f);"),
    Vendor("shadow", "const h = document.body.appendChild(document.createElement('div'));"
           " h.attachShadow({ mode: 'open' }).innerHTML = `<img src='${u}'>`;", again=False),
    Vendor("namespaced", "const i = document.createElement('img'); i.setAttributeNS(null, 'src', u);"),
    Vendor("realm", "const f = document.body.appendChild(document.createElement('iframe'));"
           " f.contentWindow.fetch(u, { mode: 'no-cors' });"),
    Vendor("written-realm", "const f = document.body.appendChild(document.createElement('iframe'));"
           " f.contentDocument.write(`<script src='${u}'></scr` + 'ipt>'); f.contentDocument.close();",
           again=False),
    Vendor("socket", "new WebSocket(u.replace('http', 'ws'));", again=False),
    Vendor("events", "new EventSource(u);", again=False),
    Vendor("unsafe", "const p = document.body.appendChild(document.createElement('p'));"
           " p.setHTMLUnsafe(`<img src='${u}'>`);"),
    Vendor("lazy", "const i = new Image(); i.src = u; i.setAttribute('data-src', '/own');"),
    Vendor("attribute-node", "const a = document.createAttribute('src'); a.value = u;"
           " document.createElement('img').setAttributeNode(a);"),
    Vendor("extra", "document.createElement('img').setAttribute('src', u, 1);"),
    Vendor("drawing", SVG + "image.setAttribute('href', u);"),
    Vendor("linked", SVG + "image.setAttributeNS('http://www.w3.org/1999/xlink', 'xlink:href', u);"),
    Vendor("drawn", "document.body.appendChild(document.createElement('p')).innerHTML ="
           " `<svg><image xlink:href='${u}' width=5 height=5 /></svg>`;"),
    Vendor("drawn-script", SVG + "const s = document.createElementNS(svg.namespaceURI, 'script');"
           " s.setAttribute('href', u); svg.append(s);"),
    Vendor("button", "const i = document.createElement('input'); i.type = 'image'; i.src = u;"
           " document.body.append(i);"),
    Vendor("subtitles", "const v = document.createElement('video'), t = document.createElement('track');"
           " v.crossOrigin = ''; t.default = true; v.append(t); document.body.append(v); t.src = u;"
           " t.track.mode = 'showing'; v.src = 'data:video/mp4;base64,AAAA';"),
    Vendor("other-document", "const i = document.implementation.createHTMLDocument('').createElement('img');"
           " i.src = u; document.body.append(i);"),
    Vendor("grown", "const d = document.implementation.createHTMLDocument(''), o = d.createElement('div');"
           " o.append(d.createElement('p')); o.firstChild.innerHTML = `<img src='${u}'>`;"
           " document.body.append(o);"),
    Vendor("command", "const p = document.body.appendChild(document.createElement('p'));"
           " p.contentEditable = true; p.textContent = 'x'; getSelection().selectAllChildren(p);"
           " document.execCommand('insertHTML', false, `<img src='${u}'>`);"),
    Vendor("sheet", "const f = document.createElement('iframe');"
           " f.srcdoc = `<link rel=stylesheet href=${u}>`; document.body.append(f);"),
    Vendor("numbered-realm", "document.body.append(document.createElement('iframe'));"
           " window[window.length - 1].fetch(u, { mode: 'no-cors' });"),
    Vendor("named-realm", "document.body.insertAdjacentHTML('beforeend', '<iframe name=realm></iframe>');"
           " new window.realm.Image().src = u;"),
    Vendor("script-realm", "const f = document.createElement('iframe');"
           " f.src = `javascript:fetch('${u}', { mode: 'no-cors' })`; document.body.append(f);"),
    Vendor("sync", "const x = new XMLHttpRequest(); x.open('GET', u, false); try { x.send() } catch {}",
           again=False),
]  # fmt: skip

# Parser-inserted, so it has to stand in the page.
WRITTEN = Vendor(
    "written", "document.write(`<script src='${u}' onload='ran.push(this.src)'></scr` + 'ipt>');"
)

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<link rel="icon" href="data:,">
<script%(nonce)s>window.ran = []; window.threw = []; window.born = Math.random();</script></head>
<body><h1>Shop</h1>
%(more)s<script%(nonce)s src="/container.js"></script>
<p id="end">The page goes on.</p></body></html>"""

WHOLE = """async () => {
  for (;;) {
    const files = performance.getEntriesByType("resource").map(({ name }) => name);
    const ways = files.find((name) => /[/]ways[.]/.test(name));
    if (ways) return void (await import(ways));
    await new Promise(requestAnimationFrame);
  }
}"""
"""Waits for the guard's other half, which no page waits for."""


class Shop:
    """The application: `vendors` are what its container adds, each for a domain; `more` is in the page."""

    def __init__(self) -> None:
        self.vendors: list[tuple[Vendor, str]] = []
        self.more = ""
        self.headers: dict[str, str] = {}
        self.nonce = ""

    def page(self, _: Request) -> Response:
        nonce = f' nonce="{self.nonce}"' if self.nonce else ""
        return HTMLResponse(PAGE % {"more": self.more, "nonce": nonce}, headers=self.headers)

    def container(self, _: Request) -> Response:
        code = "".join(vendor.script(domain) for vendor, domain in self.vendors)
        return Response(code, media_type="text/javascript")

    def empty(self, _: Request) -> Response:
        return Response("{}", media_type="application/json", headers={"x-own": "1"})

    def app(self) -> Starlette:
        routes = [Route("/", self.page), Route("/container.js", self.container)]
        return Starlette(routes=[*routes, Route("/{rest:path}", self.empty, methods=["GET", "POST"])])


@contextmanager
def container(
    shop: Shop, folder: Path | None, policy: dict[str, Any] = POLICY, clock: Callable[[], datetime] = utc_now
) -> Iterator[str]:
    """Serve a shop behind the middleware, or without it if there is no `folder`; yields its origin."""
    if folder is None:
        with serving(shop.app(), "localhost") as origin:
            yield origin
        return
    site = ConsentMiddleware(
        shop.app(),
        policy=policy,
        secret_key="a secret for this test",
        store=f"sqlite:///{folder / 'log.db'}",
        keys=folder / "keys",
        clock=clock,
    )
    with serving(site, "localhost") as origin:
        yield origin
    site.kit.close()
