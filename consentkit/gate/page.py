"""One request: scope in, send out. What passes is what the visitor's decision allows."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from functools import lru_cache

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
from consentkit.policy.version import Policy

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
        self._tell = Told()
        self._orders = Orders(kit.edition, self._tell, kit.tally.count)
        self._site: object = None

    # Neither is a coroutine itself, only what it returns: each one more costs a request as much as a header.

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        site = scope.get("app")
        if site is not self._site:
            self._site = site
            guard_error_page(site, self.greet, self.run)
        self.greet(scope)
        return self.run(self.app, scope, receive, send)

    def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Let `app` answer, filtered, a request that has been greeted."""
        exchange = Exchange(self._current(), scope, send, rewrite=self._rewrites(scope))
        return app(exchange.inner_scope(), receive, exchange.send)

    def greet(self, scope: Scope) -> None:
        """Write down who asks, also for what stands outside of us: the site's error page, its middleware."""
        scope["consentkit"] = VisitorConsent(self, scope["headers"])

    def _rewrites(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        return not (self.exclude and (scope["path"] + "/").startswith(self.exclude))

    def _current(self) -> Orders:
        if self._orders.edition is not self.kit.edition:
            self._orders = Orders(self.kit.edition, self._tell, self.kit.tally.count)
        return self._orders

    # Who asks: the first cookie of ours that opens counts, a forged one means nobody.

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.kit.edition.policy

    def now(self) -> datetime:
        """Return the present instant."""
        return self.kit.clock()

    def settle(self, headers: Headers, now: datetime) -> tuple[Consent | None, Decision]:
        """Return what the visitor behind a request has answered, and what is decided at `now`."""
        consents = map(consent_in, self._opened(headers))
        consent = next((each for each in consents if each is not None), None)
        return consent, self.kit.decide(consent, now)

    def glance(self, headers: Headers, now: datetime) -> frozenset[str] | None:
        """Return what is allowed at `now`, or None where that takes a whole decision."""
        opened = self._opened(headers)
        orders = self._current()
        return allowed_in(opened[0], orders.edition.policy, now) if opened else orders.allowed_to_nobody

    def _opened(self, headers: Headers) -> list[Opened]:
        return [
            opened
            for name, header in headers
            if name == b"cookie"
            for each in cookie_values(header, OURS)
            if (opened := self._open(each))
        ]


def _subtree(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigurationError(f"exclude takes paths that start with /, not {path!r}; / is the whole site")
    return path.rstrip("/") + "/"
