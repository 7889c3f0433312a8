"""One request: scope in, send out. What passes is what the visitor's decision allows."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from consentkit.errors import ConfigurationError
from consentkit.gate.crash import guard_error_page
from consentkit.gate.exchange import Exchange
from consentkit.gate.headers import Headers
from consentkit.gate.state import CONSENT_COOKIE, Seal
from consentkit.gate.visitor import VisitorConsent
from consentkit.kit import ConsentKit

logger = logging.getLogger("consentkit")


class Gate:
    """Stands between the server and an application; holds no visitor's state.

    `exclude` is one path or several: each stands for itself and everything below it, "/" for the whole site.
    Raises ConfigurationError for one that doesn't start with a slash, as none could ever match.
    """

    def __init__(self, app: ASGIApp, kit: ConsentKit, seal: Seal, exclude: str | Sequence[str]) -> None:
        self.app = app
        self.kit = kit
        self.exclude = tuple(map(_subtree, (exclude,) if isinstance(exclude, str) else exclude))
        self.unseal = lru_cache(maxsize=4096)(seal.unseal)
        self._site: object = None
        self._told: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = scope.get("app")
        if site is not self._site:
            self._site = site
            guard_error_page(site, self.greet, self.run)
        self.greet(scope)
        await self.run(self.app, scope, receive, send)

    def greet(self, scope: Scope) -> None:
        """Write down who asks, also for what stands outside of us: the site's error page, its middleware."""
        scope["consentkit"] = self.visitor(scope["headers"], self.kit.clock())

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer, filtered, a request that has been greeted."""
        exchange = Exchange(self.kit.edition, scope, send, self.tell, rewrite=self._rewrites(scope))
        await app(exchange.inner_scope(), receive, exchange.send)

    def _rewrites(self, scope: Scope) -> bool:
        return scope["type"] == "http" and not (scope["path"] + "/").startswith(self.exclude)

    def tell(self, message: str, path: str) -> None:
        """Log a warning about a page, the first time only: what is wrong is wrong at every request."""
        if message not in self._told:
            self._told.add(message)
            logger.warning("%s: %s", path, message)

    def visitor(self, headers: Headers, now: datetime) -> VisitorConsent:
        """Return who asks: the first cookie of ours that opens counts, a forged one means nobody."""
        sealed = (self.unseal(value) for value in _sealed_cookies(headers))
        consent = next((opened for opened in sealed if opened is not None), None)
        return VisitorConsent(self.kit.edition.policy, consent, self.kit.decide(consent, now))


def _subtree(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigurationError(f"exclude takes paths that start with /, not {path!r}; / is the whole site")
    return path.rstrip("/") + "/"


def _sealed_cookies(headers: Headers) -> Iterator[bytes]:
    mark = CONSENT_COOKIE.encode() + b"="
    for name, value in headers:
        if name == b"cookie" and mark in value:
            pairs = (pair.strip() for pair in value.split(b";"))
            yield from (pair[len(mark) :] for pair in pairs if pair.startswith(mark))
