"""One request: scope in, send out. What passes is what the visitor's decision allows."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache, partial

from starlette.types import ASGIApp, Receive, Scope, Send

from consentkit.errors import ConfigurationError
from consentkit.gate.cookies import cookie_values
from consentkit.gate.crash import guard_error_page
from consentkit.gate.exchange import Exchange
from consentkit.gate.headers import Headers
from consentkit.gate.orders import Orders
from consentkit.gate.state import CONSENT_COOKIE, Opened, Seal, allowed_in, consent_in
from consentkit.gate.told import Told
from consentkit.gate.visitor import VisitorConsent
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent, Decision

OURS = CONSENT_COOKIE.encode()


class Gate:
    """Stands between the server and an application; holds no visitor's state.

    `exclude` is one path or several: each stands for itself and everything below it, "/" for the whole site.
    Raises ConfigurationError for one that doesn't start with a slash, as none could ever match.
    """

    def __init__(self, app: ASGIApp, kit: ConsentKit, seal: Seal, exclude: str | Sequence[str]) -> None:
        self.app = app
        self.kit = kit
        self.exclude = tuple(map(_subtree, (exclude,) if isinstance(exclude, str) else exclude))
        self._open = lru_cache(maxsize=4096)(seal.open)  # a page's visitor comes back for its parts
        self.tell = Told()
        self._orders = Orders(kit.edition)
        self._site: object = None

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
        count, rewrite = self.kit.tally.count, self._rewrites(scope)
        exchange = Exchange(self._current(), scope, send, self.tell, count, rewrite=rewrite)
        await app(exchange.inner_scope(), receive, exchange.send)

    def _rewrites(self, scope: Scope) -> bool:
        return scope["type"] == "http" and not (scope["path"] + "/").startswith(self.exclude)

    def visitor(self, headers: Headers, now: datetime) -> VisitorConsent:
        """Return who asks at `now`: the first cookie of ours that opens counts, a forged one means nobody.

        Nothing is opened or decided before somebody wants to know.
        """
        settle, glance = partial(self._settle, headers, now), partial(self._glance, headers, now)
        return VisitorConsent(self.kit.edition.policy, settle, glance)

    def _settle(self, headers: Headers, now: datetime) -> tuple[Consent | None, Decision]:
        consents = (consent_in(opened) for opened in self._opened(headers))
        consent = next((each for each in consents if each is not None), None)
        return consent, self.kit.decide(consent, now)

    def _glance(self, headers: Headers, now: datetime) -> frozenset[str] | None:
        opened = next(self._opened(headers), None)
        orders = self._current()
        return orders.allowed_to_nobody if opened is None else allowed_in(opened, orders.edition.policy, now)

    def _current(self) -> Orders:
        if self._orders.edition is not self.kit.edition:
            self._orders = Orders(self.kit.edition)
        return self._orders

    def _opened(self, headers: Headers) -> Iterator[Opened]:
        for name, value in headers:
            if name == b"cookie":
                for sealed in cookie_values(value, OURS):
                    if opened := self._open(sealed):
                        yield opened


def _subtree(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigurationError(f"exclude takes paths that start with /, not {path!r}; / is the whole site")
    return path.rstrip("/") + "/"
