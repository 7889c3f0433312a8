"""One request: scope in, send out. What passes is what the visitor's decision allows."""

from collections.abc import Awaitable, Sequence
from datetime import datetime

from starlette.types import ASGIApp, Receive, Scope, Send

from consentkit.edition import Edition
from consentkit.errors import ConfigurationError
from consentkit.gate.account import AccountOf, Accounts
from consentkit.gate.cookies import cookie_values, only_cookie
from consentkit.gate.crash import guard_error_page
from consentkit.gate.exchange import Exchange
from consentkit.gate.orders import Orders
from consentkit.gate.person import UnderAge, is_minor
from consentkit.gate.place import Place, regime_at
from consentkit.gate.state import CONSENT_COOKIE, CONSENT_MARK, Seal
from consentkit.gate.told import Told
from consentkit.gate.visitor import VisitorConsent
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent, Decision
from consentkit.policy.version import Policy

OURS = CONSENT_COOKIE.encode()


class Gate:
    """Stands between the server and an application; holds no visitor's state.

    `exclude` is one path or several: each stands for itself and everything below it, "/" for the whole site.
    Raises ConfigurationError for one that doesn't start with a slash, as none could ever match. `place` tells
    from a request's scope which regime its visitor is under; without it that is the policy's. `under_age`
    tells whether they are too young to be asked, `account` to which account they are signed in.
    """

    def __init__(
        self,
        app: ASGIApp,
        kit: ConsentKit,
        seal: Seal,
        exclude: str | Sequence[str],
        place: Place | None = None,
        under_age: UnderAge | None = None,
        account: AccountOf | None = None,
    ) -> None:
        self.app = app
        self.kit = kit
        self.exclude = tuple(map(_subtree, (exclude,) if isinstance(exclude, str) else exclude))
        self.clock = kit.clock
        self._seal = seal
        self._place = place
        self._under_age = under_age
        self._tell = Told()
        self._accounts = Accounts(account, kit, self._tell) if account is not None else None
        self._usual = place is None and under_age is None and account is None
        self._orders = self._orders_of(kit.edition)
        kit.recalls.told.append(self._recalled)
        self._site: object = None

    # Neither is a coroutine itself, only what it returns: each one more costs a request as much as a header.

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        site = scope.get("app")
        if site is not self._site:
            self._site = site
            guard_error_page(site, self.greet, self.run)
        if self._accounts is not None:
            return self._after_meeting(scope, receive, send)
        self.greet(scope)
        return self.run(self.app, scope, receive, send)

    async def _after_meeting(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.meet(scope)
        self.greet(scope)
        await self.run(self.app, scope, receive, send)

    async def meet(self, scope: Scope) -> None:
        """Read what the account behind a request has answered, if there is one; never raises.

        Without that, nobody is taken for signed out, and nothing optional is allowed.
        """
        if self._accounts is not None:
            await self._accounts.meet(scope)

    def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Let `app` answer, filtered, a request that has been greeted."""
        rewrite = scope["type"] == "http" and not (
            self.exclude and (scope["path"] + "/").startswith(self.exclude)
        )
        exchange = Exchange(self.orders, scope, send, rewrite=rewrite)
        return app(exchange.inner_scope(), receive, exchange.send)

    def greet(self, scope: Scope) -> None:
        """Write down who asks, also for what stands outside of us: the site's error page, its middleware."""
        # Every request comes by here, so the usual one is spared a call.
        scope["consentkit"] = VisitorConsent(self, scope["headers"]) if self._usual else self.visitor(scope)

    def visitor(self, scope: Scope, now: datetime | None = None) -> VisitorConsent:
        """Return who asks, as of `now` or of the first question about them."""
        if self._accounts is None:
            visitor = VisitorConsent(self, scope["headers"], now)
        else:
            visitor = self._accounts.visitor(self, scope, now)
        if self._place is not None:
            visitor.placed = regime_at(self._place, scope, self.policy, self._tell)
        if self._under_age is not None:
            visitor.minor = is_minor(self._under_age, scope, self._tell)
        return visitor

    @property
    def orders(self) -> Orders:
        """The standing orders of the edition in force."""
        if self._orders.edition is not self.kit.edition:
            self._orders = self._orders_of(self.kit.edition)
        return self._orders

    def _orders_of(self, edition: Edition) -> Orders:
        kit = self.kit
        count, changed = kit.tally.count, kit.published.changed
        return Orders(edition, self._seal, self._tell, count, kit.recalls, changed)

    def _recalled(self) -> None:
        self._orders.grants.forget()

    # Who asks: only what opens is heard.

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.kit.edition.policy

    def settle(self, cookies: bytes, now: datetime, regime: str | None) -> tuple[Consent | None, Decision]:
        """Return what the visitor behind a request has answered, and what is decided at `now`.

        Two cookies of one visitor: the later answer counts. Of different visitors: nobody's, as nobody can
        say whose this browser is; the answer to the next question replaces both.
        """
        opened = map(self._seal.unseal, cookie_values(cookies, OURS))
        consents = sorted((each for each in opened if each is not None), key=lambda each: each.index)
        alone = len({each.id for each in consents}) == 1
        consent = self.kit.recalls.of(consents[-1]) if alone else None
        return consent, self.kit.decide(consent, now, regime)

    def overtaken(
        self, consent: Consent, now: datetime, regime: str | None
    ) -> tuple[Consent, Decision] | None:
        """Return what a visitor has answered since, and what is decided then; None if that is all there is.

        Reads the log: call it in a thread. Raises StoreUnavailable.
        """
        latest = self.kit.history.latest(consent)
        return None if latest is consent else (latest, self.kit.decide(latest, now, regime))

    def glance(
        self, cookies: bytes, sealed: bytes | None, now: datetime, regime: str | None
    ) -> frozenset[str] | None:
        """Return what is allowed at `now`, or None where that takes a whole decision."""
        orders = self.orders
        if orders.eager and (regime or orders.edition.policy.regime) in orders.eager:
            return None
        value = only_cookie(cookies, CONSENT_MARK) if sealed is None else sealed
        if value is not None:
            return orders.grants.allowed(value, now.timestamp())
        return None if CONSENT_MARK in cookies else orders.allowed_to_nobody


def _subtree(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigurationError(f"exclude takes paths that start with /, not {path!r}; / is the whole site")
    return path.rstrip("/") + "/"
