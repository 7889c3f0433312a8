"""A stand-in for the server's half of the page's contract, and a tracker on another origin."""

import json
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from consentkit.assets import ON_DEMAND
from consentkit.gate.anchors import Seen, hint_records
from consentkit.policy.banner import Banner
from consentkit.policy.months import day_of
from consentkit.policy.notice import in_two, lifetime_text

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "static"
TEXTS = {p.stem: json.loads(p.read_text("utf-8")) for p in (ROOT / "consentkit/policy/texts").glob("*.json")}
CATEGORIES = ["preferences", "analytics", "marketing"]
SERVICES = {"shop-stats": "analytics", "shop-ads": "marketing", "youtube": "marketing"}
POLICY = "0123456789abcdef" * 4
NOTICE = "fedcba9876543210"


def notice(locale: str) -> dict[str, Any]:
    """A notice as the server renders it, for a site with one service in each optional category."""
    t = TEXTS[locale]

    def service(sid: str) -> dict[str, Any]:
        trackers = [{"name": "_x", "lifetime": lifetime_text("P13M", t, 13)}]
        base = {
            "id": sid,
            "name": sid.title(),
            "vendor": "Example Ltd",
            "country": "IE",
            "trackers": trackers,
        }
        return base | {
            "purposes": [t["purposes"]["advertising"]],
            "policy_url": "https://vendor.example/privacy",
        }

    def category(cid: str) -> dict[str, Any]:
        services = [service(sid) for sid, owner in SERVICES.items() if owner == cid]
        return {"id": cid, **t["categories"][cid], "locked": cid == "necessary", "services": services}

    links = {key: {"href": "/consent/", "text": t["links"][key]} for key in ("policy", "details")}
    plain = {
        key: t[key]
        for key in ("locale", "dir", "purposes_intro", "buttons", "labels", "embed", "status", "dates")
    }
    body = [text.format(months="6 months") for text in t["body"]]
    cats = [category(cid) for cid in ("necessary", *CATEGORIES)]
    plain |= {"manage": t["labels"]["unblock"], "withdraw": t["buttons"]["withdraw"]}
    plain["changes"] = t["links"]["changes"]
    off = t["signal"]["beforehand"].format(categories=t["categories"]["marketing"]["name"])
    plain |= {"signal": {"gpc": [t["signal"]["honoured"], off]}}
    return plain | {"title": t["title"].format(site="Shop"), "body": body, "categories": cats, "links": links}


def stored(locale: str) -> tuple[bytes, bytes]:
    """Its two files."""
    return in_two(notice(locale))


HOSTILE = """
const frame = document.body.appendChild(document.createElement("iframe")).contentWindow;
const send = fetch, clean = frame.fetch.bind(frame), beacon = navigator.sendBeacon.bind(navigator);
window.adsRan = true;
setInterval(() => {
  document.cookie = "_ads=1; path=/; max-age=9999"; localStorage.ads_id = "1";
  send("%(tracker)s/hit").catch(() => 0); beacon("%(tracker)s/beacon");
  clean("%(tracker)s/clean").catch(() => 0); new Image().src = "%(tracker)s/pixel?" + Math.random();
}, 80);
addEventListener("pagehide", () => { localStorage.ads_id = "late"; beacon("%(tracker)s/beacon"); });
"""
PAGE = """<!doctype html><html lang="%(lang)s"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
%(base)s<title>Shop</title><script data-consentkit-starter>%(starter)s</script><script>%(starter)s</script>
<script>document.addEventListener("consentkit:ready",
 () => { window.found = document.cookie + Object.keys(localStorage); }); window.order = [];
 window.born = Math.random(); document.cookie = "_early=1";</script></head>
<body><h1>Shop</h1><p>Tea and kettles.</p>
<script data-consentkit="shop-stats" type="text/plain" data-consentkit-src="%(tracker)s/stats.js"></script>
<script data-consentkit="shop-stats" type="text/plain">order.push("inline after " + window.stats);</script>
<script data-consentkit="undeclared" type="text/plain">order.push("never");</script>
<script type="text/plain" data-category="analytics">order.push("author");</script>
<template data-category="analytics"><p id="unfolded">Template</p>
<script>order.push("template");</script></template>
<script data-consentkit="shop-ads" type="text/plain">%(hostile)s</script>
<iframe data-consentkit="youtube" data-consentkit-src="%(tracker)s/video" width="480" height="270"></iframe>
%(more)s
<footer><a id="manage" href="/consent/" data-consent="open">Manage cookies</a></footer>
<script>const bot = new URLSearchParams(location.search).get("bot");
if (bot) document.addEventListener("consentkit:ready", () => setTimeout(() => {
  const b = document.createElement("button"); b.dataset.consent = bot; document.body.append(b);
  b.click(); }, 200));</script>
</body></html>"""


class Server(ThreadingHTTPServer):
    """One loopback server that keeps what it was asked; `answer` makes status, headers and body."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[str, str, Any]]()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked.append(
            (self.command, self.path, json.loads(body or b"null") if body[:1] == b"{" else None)
        )
        status, headers, content = self.server.answer(
            self.command, self.path.split("?")[0], self.server.asked[-1][2]
        )
        self.send_response(status)
        for name, value in [*headers.items(), ("content-length", str(len(content)))]:
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


class Shop:
    """The middleware for one visitor: the choices it holds, whether it fails, whether it answers yet."""

    def __init__(self) -> None:
        self.choices: dict[str, bool] | None = None
        self.fail: int | None = None
        self.ends = int(datetime.now(UTC).timestamp()) + 86400
        self.answered = threading.Event()
        self.answered.set()
        self.lang = "en"
        self.regime = "unknown"
        self.base = ""
        self.more = ""
        self.banner = Banner()
        self.tracker = Server(self.track)
        self.server = Server(self.serve)
        self.url = f"http://localhost:{self.server.server_port}/shop/tea"
        self.foreign = f"http://127.0.0.1:{self.tracker.server_port}"

    def posted(self) -> dict[str, Any]:
        """The last choice that was sent."""
        asked = self.server.asked
        return [body for method, path, body in asked if (method, path) == ("POST", "/consent/")][-1]

    def track(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], bytes]:
        kind = "text/javascript" if path.endswith(".js") else "text/html"
        return 200, {"content-type": kind, "access-control-allow-origin": "*"}, b"window.stats='external'"

    def kernel(self) -> bytes:
        config = {
            "policy": POLICY, "prefix": "/consent", "categories": CATEGORIES, "sold": ["marketing"],
            "services": SERVICES, "gpp": "/consent/static/gpp.js", "sections": ["usnat", "usca"],
            "trackers": {
                "marketing": [["cookie:_ads*", "local:ads_*"]], "": [["cookie:_early", "cookie:__*-ads"]],
            },
            **{name.removesuffix(".js"): f"/consent/static/{name}" for name in ON_DEMAND},
            "banner": f"/consent/static/{self.banner.files.script}",
            "styles": {
                "banner": f"/consent/static/{self.banner.files.style}",
                "preferences": "/consent/static/preferences.css",
                "placeholders": "/consent/static/placeholders.css",
                "corner": "/consent/static/corner.css",
                "message": "/consent/static/message.css",
            },
            "order": self.banner.order,
            "corner": self.banner.corner and f"/consent/static/{self.banner.corner.script}",
            "button": self.banner.button,
            "locale": "en",
            "notices": {locale: f"/consent/static/notice-{locale}.{NOTICE}.json" for locale in TEXTS},
        }  # fmt: skip
        return (STATIC / "kernel.js").read_bytes().replace(b"__CONFIG__", json.dumps(config).encode())

    def page(self) -> bytes:
        off = 'navigator.globalPrivacyControl ? ["marketing"] : []'
        terms = (
            f'"/consent/static/kernel.js", "{POLICY[:16]}", 6, {off}, ..."{" ".join(CATEGORIES)}".split(" ")'
        )
        starter = (STATIC / "starter.js").read_text("utf-8").replace("__STARTER__", f"[{terms}]")
        starter = starter.replace("__FIRST__", "0")
        hostile = HOSTILE % {"tracker": self.foreign}
        values = {
            "starter": starter,
            "tracker": self.foreign,
            "hostile": hostile,
            "lang": self.lang,
            "base": self.base,
            "more": self.more,
        }
        return (PAGE % values).encode()

    def serve(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/consent/static/notice-"):
            return 200, {"content-type": "application/json"}, stored(path.split("notice-")[1][:2])[0]
        if path.startswith("/consent/static/details-"):
            return 200, {"content-type": "application/json"}, stored(path.split("details-")[1][:2])[1]
        if path.startswith("/consent/static/"):
            kind = "text/css" if path.endswith("css") else "text/javascript"
            name = path.rsplit("/", 1)[1]
            body = self.kernel() if name == "kernel.js" else (STATIC / name).read_bytes()
            return 200, {"content-type": kind}, body
        if path == "/consent/" and method == "POST":
            self.answered.wait(10)
            # What the server cannot record it does not hold against the visitor either: the grants go.
            self.choices = None if self.fail else (self.choices or {}) | body["choices"]
            if self.fail:
                return self.state(self.fail)
        if path in ("/consent/", "/consent/state"):
            return self.state(201 if method == "POST" else 200)
        return 200, {"content-type": "text/html"}, self.page() if path.startswith("/shop") else b""

    def state(self, status: int) -> tuple[int, dict[str, str], bytes]:
        granted = [c for c in CATEGORIES if (self.choices or {}).get(c)]
        state = {
            "policy": POLICY,
            "allowed": ["necessary", *granted],
            "regime": self.regime,
            "ask": not {*CATEGORIES} <= {*(self.choices or ())},
            "reasons": {c: "changed" for c in CATEGORIES if self.choices and c not in self.choices},
        }
        hint = "".join(f".{c}{'+' if v else '-'}{self.ends}" for c, v in (self.choices or {}).items())
        today = day_of(datetime.now(UTC))
        told = hint_records(Seen(today), today)
        cookie = f"consentkit_allows={POLICY[:16]}{hint}.~{told}; Path=/; SameSite=Lax"
        return status, {"content-type": "application/json", "set-cookie": cookie}, json.dumps(state).encode()
