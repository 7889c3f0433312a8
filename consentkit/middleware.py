"""The front door: one ASGI middleware, and the question an application may ask it."""

import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from consentkit.desk.app import Desk
from consentkit.errors import ConfigurationError
from consentkit.gate.api import Api
from consentkit.gate.geo import Countries, networks
from consentkit.gate.page import Gate
from consentkit.gate.state import Seal
from consentkit.gate.visitor import VisitorConsent, fixed
from consentkit.kit import ConsentKit, utc_now

STORE = "sqlite:///consentkit.db"
KEYS = "consentkit-keys"


class ConsentMiddleware:
    """Lets nothing that needs consent through before the visitor says yes (design §2).

    Keyword options only; each that isn't given is read from the environment variable of the same name:

    policy: the policy file (TOML or JSON) or a mapping of the same shape (`CONSENTKIT_POLICY`).
    secret_key: seals the consent cookie; one key or a list, newest last (`CONSENTKIT_SECRET_KEY`).
    store: where the log is kept (`CONSENTKIT_STORE`, default sqlite:///consentkit.db).
    keys: the folder of the log's keys, outside the data folder (`CONSENTKIT_KEYS`).
    prefix: where our own pages live (`CONSENTKIT_PREFIX`, default /consent).
    exclude: path prefixes whose pages aren't rewritten; their cookies still are filtered.
    geo: a GeoIP2 country file of the operator's, for the country in a record.
    trusted_proxies: networks whose X-Forwarded-For counts.
    accept_log: the size of a log that may be opened although its guard is lost.
    clock: returns the present instant (UTC), for tests.

    Raises ConfigurationError, PolicyError with every problem, LogRefused, StoreUnavailable.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        policy: str | Path | Mapping[str, Any] | None = None,
        secret_key: str | Sequence[str] | None = None,
        store: str | None = None,
        keys: str | Path | None = None,
        prefix: str | None = None,
        exclude: Sequence[str] = (),
        geo: str | Path | None = None,
        trusted_proxies: Iterable[str] = (),
        accept_log: int | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.app = app
        self.prefix = _prefix(prefix or os.environ.get("CONSENTKIT_PREFIX", "/consent"))
        wanted = policy if policy is not None else _required("policy", "CONSENTKIT_POLICY")
        secret = secret_key or _required("secret_key", "CONSENTKIT_SECRET_KEY")
        geo = geo or os.environ.get("CONSENTKIT_GEO")
        countries = Countries(geo) if geo else None
        trusted = networks(trusted_proxies)
        self.kit = ConsentKit(
            wanted,
            store=store or os.environ.get("CONSENTKIT_STORE", STORE),
            keys=keys or os.environ.get("CONSENTKIT_KEYS", KEYS),
            prefix=self.prefix,
            clock=clock,
            accept_log=accept_log,
        )
        seal = Seal(secret, self.kit.log.origin)
        self.gate = Gate(app, self.kit, seal, exclude)
        self.api = Api(self.kit, seal, self.gate, countries, trusted)
        self.desk = Desk(self.kit, secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and _below(scope["path"], self.prefix):
            await self._ours(scope, receive, send)
        else:
            await self.gate(scope, receive, send)

    async def _ours(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"][len(self.prefix) :]
        if _below(path, "/audit"):
            await self.desk(scope, receive, send, path)
        else:
            await self.api(scope, receive, send, path)


def consent_of(request: HTTPConnection | MutableMapping[str, Any]) -> VisitorConsent:
    """Return what the visitor behind a request, WebSocket or scope allows.

    The answer then depends on the visitor, so it goes out `private` and `Vary: Cookie`. Raises
    ConfigurationError if the middleware isn't mounted.
    """
    scope = request.scope if isinstance(request, HTTPConnection) else request
    visitor = scope.get("consentkit")
    if visitor is None and fixed:
        return VisitorConsent(None, None, fixed[-1])
    if not isinstance(visitor, VisitorConsent):
        raise ConfigurationError("consent_of needs ConsentMiddleware mounted around this application")
    return visitor


def _below(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _prefix(prefix: str) -> str:
    trimmed = prefix.rstrip("/")
    if not trimmed.startswith("/"):
        raise ConfigurationError(f"prefix must start with / and name a path, not {prefix!r}")
    return trimmed


def _required(option: str, variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(f"consentkit needs {option}=… or the environment variable {variable}")
    return value
