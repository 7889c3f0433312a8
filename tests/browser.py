"""A real Chromium on a closed network: what it reaches for is logged by itself and by a stand-in."""

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import pytest
import trustme
import uvicorn
from loopback import Calls, loopback
from netlog import ALIAS, UNNAMED, NetLog
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, sync_playwright

from consentkit.demo.run import listening

NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "microsoft-edge")
PATIENCE = 30_000
# Only the last list of a command line counts, so Playwright's own is in it. The two at its end would have
# Chromium draw what its address bar suggests in processes of their own, for every window.
FEATURES = (
    "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding",
    "ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "TcpPortRandomizationWin",
    "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch",
    "WebUIOmniboxPopup", "WebUIOmniboxAimPopup",
)  # fmt: skip
QUIET = (
    f"--disable-features={','.join(FEATURES)}",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)
FLAGS = (
    *QUIET,
    "--ignore-certificate-errors",
    "--net-log-capture-mode=Everything",
    # Trackers drop the events of browsers that look driven; then a leak would not show.
    "--disable-blink-features=AutomationControlled",
)
PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
)


def chromium() -> str:
    """The browser's path: $CONSENTKIT_CHROMIUM, then the usual names; skips the test if there is none."""
    found = os.environ.get("CONSENTKIT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium here: set CONSENTKIT_CHROMIUM or install chromium")
    return found


@contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """A browser for many tests, each in a context of its own; where no NetLog is read, that is enough."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=[*QUIET, *flags])
        yield browser
        browser.close()


@dataclass
class Clock:
    """The server's clock, set by a test; give it as the middleware's `clock`."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Visit:
    """One run of the browser with a fresh profile. `netlog` is there once the visit is over."""

    context: BrowserContext
    calls: Calls
    _log: Path
    errors: list[str] = field(default_factory=list)
    _netlog: NetLog | None = None

    @property
    def netlog(self) -> NetLog:
        assert self._netlog is not None, "the NetLog is complete only when the browser has closed"
        return self._netlog

    def page(self) -> Page:
        """A new tab; what its scripts throw is kept in `errors`."""
        Traffic.of(self.context)
        page = self.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def cookies(self) -> dict[str, set[str]]:
        """The names of all cookies in the profile by the domain they belong to."""
        jar: dict[str, set[str]] = {}
        for cookie in self.context.cookies():
            jar.setdefault(str(cookie.get("domain")), set()).add(str(cookie.get("name")))
        return jar

    def finish(self) -> None:
        self.context.close()
        self._netlog = NetLog(self._log)


@contextmanager
def visiting(
    driver: Playwright,
    hosts: Iterable[str] = (),
    *,
    javascript: bool = True,
    own: Mapping[str, str] = MappingProxyType({}),
    **options: Any,
) -> Iterator[Visit]:
    """A browser whose every host but localhost and 127.0.0.1 is a logger; `hosts` get names in the NetLog.

    `own` are hosts that somebody else serves, with the address and port of each.

    A persistent context, because an incognito profile (what `new_context` makes) ignores preconnect and
    dns-prefetch: a test there would see nothing whatever the page says.
    """
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, loopback() as stand_in:
        log = Path(folder) / "netlog.json"
        context = driver.chromium.launch_persistent_context(
            _profile(Path(folder)),
            executable_path=chromium(),
            java_script_enabled=javascript,
            user_agent=PERSON,
            args=[*FLAGS, f"--log-net-log={log}", _resolver_rules(hosts, stand_in.port, own)],
            **options,
        )
        visit = Visit(context, stand_in.calls, log)
        try:
            yield visit
        finally:
            visit.finish()


def _profile(folder: Path) -> Path:
    """A profile that takes third parties' cookies, so that a leaked one would show."""
    preferences = folder / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    return folder / "profile"


def _resolver_rules(hosts: Iterable[str], port: int, own: Mapping[str, str]) -> str:
    rules = [f"MAP {host} {address}" for host, address in own.items()]
    rules += [f"MAP {host} {host}{ALIAS}:{port}" for host in sorted(hosts)]
    rules += [f"MAP * {UNNAMED}{ALIAS}:{port}", "EXCLUDE localhost", "EXCLUDE 127.0.0.1"]
    return f"--host-resolver-rules={', '.join(rules)}"


def settle(page: Page) -> None:
    """Wait until the page is loaded and its context has been silent for half a second.

    Playwright's own "networkidle" isn't asked: on a busy machine a page with a blank frame never gets there.
    """
    traffic = Traffic.of(page.context)
    page.wait_for_load_state()
    seen, silent = -1, 0
    for _ in range(PATIENCE // 50):
        silent = silent + 1 if seen == traffic.events and not traffic.flying else 0
        if silent > 10:
            return
        seen = traffic.events
        page.wait_for_timeout(50)
    pytest.fail(f"{page.url} goes on loading: {[request.url for request in traffic.flying]}")


class Traffic:
    """The requests of a context that are under way, and how often one has begun or ended."""

    _known: ClassVar[WeakKeyDictionary[BrowserContext, "Traffic"]] = WeakKeyDictionary()

    def __init__(self, context: BrowserContext) -> None:
        self.flying: set[Request] = set()
        self.events = 0
        context.on("request", lambda request: self._count(request, begun=True))
        context.on("requestfinished", lambda request: self._count(request, begun=False))
        context.on("requestfailed", lambda request: self._count(request, begun=False))

    @classmethod
    def of(cls, context: BrowserContext) -> "Traffic":
        """A context's, counted from the first time that it is asked for."""
        return cls._known.get(context) or cls._known.setdefault(context, cls(context))

    def _count(self, request: Request, *, begun: bool) -> None:
        self.events += 1
        if begun and request.is_navigation_request() and not request.frame.parent_frame:
            # What the page before had under way is never reported as ended.
            self.flying = {other for other in self.flying if other.frame.page != request.frame.page}
        (self.flying.add if begun else self.flying.discard)(request)


def until(page: Page, holds: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something outside the browser to become true; fails with `what` if it doesn't."""
    for _ in range(int(seconds * 20)):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail(f"waited {seconds} s in vain: {what}")


def storage(page: Page) -> dict[str, list[str]]:
    """The names of everything a page's origin keeps, by storage area."""
    kept: dict[str, list[str]] = page.evaluate(
        """async () => ({
          local: Object.keys(localStorage),
          session: Object.keys(sessionStorage),
          indexeddb: (await indexedDB.databases()).map((database) => database.name),
          cache: await caches.keys(),
        })"""
    )
    return kept


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _certificate(host: str, folder: Path) -> str:
    trustme.CA().issue_cert(host).private_key_and_cert_chain_pem.write_to_path(folder / "host.pem")
    return str(folder / "host.pem")


@contextmanager
def serving(app: Any, host: str, *, tls: bool = False) -> Iterator[str]:
    """An ASGI application on a free port of `localhost` or `127.0.0.1`, in a thread; yields its origin.

    With `tls` it is served over https, with a certificate that only the browser of `visiting` puts up with.
    """
    with listening(host, 0) as sockets, TemporaryDirectory() as folder:
        config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none")
        if tls:
            config.ssl_certfile = config.ssl_keyfile = _certificate(host, Path(folder))
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=(sockets,), name=f"serving {host}")
        thread.start()
        try:
            assert server.ready.wait(20), "the server did not start"
            yield f"http{'s' * tls}://{host}:{sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
