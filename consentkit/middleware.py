"""The front door: one ASGI middleware, and the question an application may ask it."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consentkit.desk.app import Desk
from consentkit.errors import ConfigurationError, ConsentKitError
from consentkit.gate.account import AccountOf
from consentkit.gate.api import Api
from consentkit.gate.ending import HERE
from consentkit.gate.fixed import Fixed
from consentkit.gate.geo import Atlas, Whereabouts, networks
from consentkit.gate.page import Gate
from consentkit.gate.person import UnderAge
from consentkit.gate.place import Place, check_teller, idle
from consentkit.gate.seal import check_secret
from consentkit.gate.state import Seal
from consentkit.gate.visitor import VisitorConsent, fixed
from consentkit.gate.wellknown import GPC_PATH
from consentkit.kit import ConsentKit, utc_now
from consentkit.policy.domains import registrable
from consentkit.policy.regimes import UNKNOWN

logger = logging.getLogger("consentkit")

STORE = "sqlite:///consentkit.db"
KEYS = "consentkit-keys"


class ConsentMiddleware:
    """Lets nothing that needs consent through before the visitor says yes (design §2).

    Keyword options only; one that isn't given is read from the environment variable that stands with it:

    policy: the policy file (TOML or JSON) or a mapping of the same shape (`CONSENTKIT_POLICY`).
    secret_key: seals the consent cookie; one key or a list, newest last (`CONSENTKIT_SECRET_KEY`).
    store: where the log is kept, a SQLite file or `postgresql://…` (`CONSENTKIT_STORE`, default
        sqlite:///consentkit.db).
    keys: the folder of the log's keys, outside the data folder (`CONSENTKIT_KEYS`).
    prefix: the public path of our own pages, a mount point included (`CONSENTKIT_PREFIX`, default /consent).
    exclude: path prefixes whose pages aren't rewritten; their cookies still are filtered.
    regime: tells from an ASGI scope which of the policy's `[regimes]` its visitor is under, None for nobody
        knows; a plain function, asked at every request. Then, and without it, `regime` in the policy counts:
        by default the strictest.
    under_age: tells from an ASGI scope whether its visitor is too young to be asked; a plain function, asked
        at every request. Nothing optional is allowed to them then, no question put and no yes taken.
    account: tells from an ASGI scope to which account its visitor is signed in: its lasting id, a text or a
        number, None for nobody; a plain function, asked at every request. Their choices then count for the
        account, on every device, and leave the browser's own as it is. Off by default.
    geo: a file of the operator's that tells countries: GeoIP2 or GeoLite2, country or city, or a flat one
        (`CONSENTKIT_GEO`). Visitors are told apart by it where `regime` isn't given, and records name it.
    country_header, region_header: headers with the visitor's country (ISO 3166-1) and its part, such as
        CF-IPCountry (`CONSENTKIT_COUNTRY_HEADER`, `CONSENTKIT_REGION_HEADER`).
    trusted_proxies: networks whose X-Forwarded-For and whose headers with a place count, a list or a text
        with commas (`CONSENTKIT_TRUSTED_PROXIES`). The server has to leave the connection's address as it
        is, which uvicorn does with `--no-proxy-headers`: else it is the visitor's, and no proxy's.
    accept_log: the size of a log that may be opened although its guard is lost.
    stamps: the address of an authority that time-stamps the log (RFC 3161), hourly unless ` daily` stands
        behind it (`CONSENTKIT_STAMPS`; needs the extra `stamp`).
    witnesses: a file that names witnesses of the log with their addresses, and how many it takes, as C2SP's
        tlog-policy says (`CONSENTKIT_WITNESSES`).
    environment: where this runs, such as `production`: the log says so, and takes no other's answers from
        then on (`CONSENTKIT_ENVIRONMENT`).
    actor: who deploys, such as a git user or a CI job: the log names them beside what is published
        (`CONSENTKIT_ACTOR`).
    clock: returns the present instant (UTC), for tests.

    Everything is opened when the server starts (ASGI lifespan), at the latest with the first request; then
    it raises ConfigurationError, PolicyError with every problem, LogRefused or StoreUnavailable, and a
    server that was starting stops with that sentence.
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
        exclude: str | Sequence[str] = (),
        regime: Place | None = None,
        under_age: UnderAge | None = None,
        account: AccountOf | None = None,
        geo: str | Path | None = None,
        country_header: str | None = None,
        region_header: str | None = None,
        trusted_proxies: str | Iterable[str] = (),
        accept_log: int | None = None,
        stamps: str | None = None,
        witnesses: str | Path | None = None,
        environment: str | None = None,
        actor: str | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.app = app
        self.prefix = prefix or os.environ.get("CONSENTKIT_PREFIX", "/consent")
        self._policy = policy
        self._secret_key = secret_key
        self._store = store or os.environ.get("CONSENTKIT_STORE", STORE)
        self._keys = keys or os.environ.get("CONSENTKIT_KEYS", KEYS)
        self._exclude = exclude
        self._regime = regime
        self._under_age = under_age
        self._account = account
        self._geo = geo or os.environ.get("CONSENTKIT_GEO")
        country, region = (os.environ.get(f"CONSENTKIT_{each}_HEADER", "") for each in ("COUNTRY", "REGION"))
        self._headers = (country_header or country, region_header or region)
        self._trusted_proxies = trusted_proxies or os.environ.get("CONSENTKIT_TRUSTED_PROXIES", "")
        self._accept_log = accept_log
        self._stamps = stamps or os.environ.get("CONSENTKIT_STAMPS")
        self._witnesses = witnesses or os.environ.get("CONSENTKIT_WITNESSES")
        self._environment = environment or os.environ.get("CONSENTKIT_ENVIRONMENT")
        self._actor = actor or os.environ.get("CONSENTKIT_ACTOR")
        self._clock = clock

    @cached_property
    def kit(self) -> ConsentKit:
        """The opened kit: policy, log and keys. Raises what the class says."""
        wanted = self._policy if self._policy is not None else _required("policy", "CONSENTKIT_POLICY")
        return ConsentKit(
            wanted,
            store=self._store,
            keys=self._keys,
            prefix=_prefix(self.prefix),
            clock=self._clock,
            accept_log=self._accept_log,
            stamps=self._stamps,
            witnesses=self._witnesses,
            environment=self._environment,
            actor=self._actor,
            accounts=self._account is not None,
            unsettled=self._under_age is not None,
        )

    @cached_property
    def _faces(self) -> "_Faces":
        """Everything that answers; what can be wrong without touching the disk is looked at first."""
        prefix = _prefix(self.prefix)
        secret = check_secret(self._secret_key or _required("secret_key", "CONSENTKIT_SECRET_KEY"))
        tellers = {"regime": self._regime, "under_age": self._under_age, "account": self._account}
        for option, teller in tellers.items():
            if teller is not None:
                check_teller(option, teller)
        trusted = networks(self._trusted_proxies)
        if any(self._headers) and not trusted:
            raise ConfigurationError("country_header and region_header count from trusted_proxies alone")
        whereabouts = Whereabouts(trusted, Atlas(self._geo) if self._geo else None, self._headers)
        registrable("example.com")  # reads the list of public suffixes now, not with somebody's first choice
        seal = Seal(secret, self.kit.log.keys.identity)
        policy = self.kit.edition.policy
        if self._regime is not None and policy.regime != UNKNOWN:
            raise ConfigurationError(
                f"regime= tells visitors apart, but the policy's regime is {policy.regime!r} for all of them:"
                " leave one of the two out"
            )
        place = self._regime or (whereabouts.regime if whereabouts.placing and policy.apart else None)
        for message in idle(policy, telling=place is not None, header=any(self._headers)):
            logger.warning(message)
        gate = Gate(self.app, self.kit, seal, self._exclude, place, self._under_age, self._account)
        api = Api(self.kit, gate, whereabouts)
        logger.warning(
            "consentkit's cookies are Secure, except over plain http on this machine (localhost, 127.0.0.1)"
        )
        return _Faces(prefix, gate, api, Desk(self.kit, secret))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            faces = self._faces
            path: str = scope["path"]
            if path.startswith(faces.prefix) and _below(path, faces.prefix):
                await faces.ours(scope, receive, send)
            elif path == GPC_PATH:
                await faces.api.public.gpc(scope, receive, send)
            elif (query := scope.get("query_string")) and query.startswith(HERE):
                await faces.beside(scope, receive, send)
            else:
                await faces.gate(scope, receive, send)
        elif kind == "websocket":
            await self._faces.gate(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open everything before the first visitor comes; a server that can't is told why, and stops.

        When the server stops, all is written, published and closed once the application has ended; whoever
        comes later, as tests that start it again do, opens it anew.
        """
        try:
            _ = self._faces
        except ConsentKitError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": f"consentkit: {error}"})
            return

        async def sent(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):  # the server may be gone after that
                self.__dict__.pop("_faces", None)
                kit: ConsentKit | None = self.__dict__.pop("kit", None)
                if kit:
                    await run_in_threadpool(_end, kit)
            await send(message)

        begun = False

        async def received() -> Message:
            nonlocal begun
            begun = True
            return await receive()

        try:
            await self.app(scope, received, sent)
        except Exception:
            if begun:
                raise
            await _answer_lifespan(receive, sent)


@dataclass(frozen=True, slots=True)
class _Faces:
    """The gate, and what answers below the prefix."""

    prefix: str
    gate: Gate
    api: Api
    desk: Desk

    async def ours(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"][len(self.prefix) :]
        if _below(path, "/audit"):
            await self.desk(scope, receive, send, path)
        else:
            await self.api(scope, receive, send, path)

    async def beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self.api.beside(scope) or self.gate)(scope, receive, send)


def consent_of(request: HTTPConnection | MutableMapping[str, Any]) -> VisitorConsent:
    """Return what the visitor behind a request, WebSocket or scope allows.

    The answer then depends on the visitor, so it goes out `private` and `Vary: Cookie`. Raises
    ConfigurationError if the middleware isn't mounted.
    """
    scope = request.scope if isinstance(request, HTTPConnection) else request
    visitor = scope.get("consentkit")
    if visitor is None and fixed:
        decision = fixed[-1]
        return VisitorConsent(Fixed(decision), [])
    if not isinstance(visitor, VisitorConsent):
        raise ConfigurationError("consent_of needs ConsentMiddleware mounted around this application")
    return visitor


async def _answer_lifespan(receive: Receive, send: Send) -> None:
    """Speak for an application that has no lifespan and raises at once, as Django: the kit has one."""
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


def _end(kit: ConsentKit) -> None:
    try:
        kit.close()
    except Exception:  # a server that stops must not wait for ever
        logger.exception("not all could be written and published at the end")


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
