"""A small site that most tests use: its policy, and ways to get a middleware around an application."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from consentkit import ConsentMiddleware
from consentkit.policy.registry import Category, Cookie, Pattern, Service

SECRET = "a secret that is long enough for tests"
ORIGIN = "https://shop.example"
POLICY: dict[str, Any] = {
    "site": {
        "name": "Corner Shop",
        "controller": "Corner Shop SAS",
        "contact": "privacy@shop.example",
        "policy_url": "/privacy",
        "languages": ["en", "fr", "de"],
    },
    "services": ["google-analytics", "meta-pixel", "youtube"],
}


def policy(**changes: Any) -> dict[str, Any]:
    """Return the sample policy with top-level members replaced."""
    return {**deepcopy(POLICY), **changes}


def visits(**changes: Any) -> dict[str, Any]:
    """Return a service of a site's own that counts visits, as a policy states it."""
    return {
        "id": "visits",
        "name": "Visit counter",
        "vendor": "Corner Shop SAS",
        "country": "FR",
        "category": "analytics",
        "purposes": ["audience-measurement"],
        "policy_url": "/privacy",
    } | changes


class Clock:
    """An instant that tests move by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        self.now += timedelta(**amount)


def august() -> Clock:
    """Return a clock at a month's end, so that six months have to be clamped."""
    return Clock(datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC))


def mounted(app: ASGIApp, folder: Path, **options: Any) -> ConsentMiddleware:
    """Return `app` behind the middleware, its log and keys in `folder`."""
    defaults: dict[str, Any] = {
        "policy": policy(),
        "secret_key": SECRET,
        "store": f"sqlite:///{folder / 'log.db'}",
        "keys": folder / "keys",
    }
    return ConsentMiddleware(app, **(defaults | options))


@contextmanager
def browsing(app: ASGIApp, folder: Path, **options: Any) -> Iterator[TestClient]:
    """Yield a client of `app` behind the middleware; `client.app` is the middleware."""
    middleware = mounted(app, folder, **options)
    _ = middleware.kit
    try:
        yield TestClient(middleware, base_url=ORIGIN, raise_server_exceptions=True)
    finally:
        middleware.kit.close()


def choose(client: TestClient, *granted: str, **changes: Any) -> Any:
    """Post a choice as the banner does; returns the response."""
    kit = client.app.kit  # type: ignore[attr-defined]
    categories = kit.edition.policy.categories
    body = {
        "choices": {category: category in granted for category in categories},
        "policy": kit.edition.policy.version,
        "mechanism": "banner",
        "locale": "en",
    } | changes
    return client.post("/consent/", json=body, headers={"sec-fetch-site": "same-origin"})


def app(*routes: Any) -> Starlette:
    """Return an application of some routes."""
    return Starlette(routes=list(routes))


Answers = Callable[..., Any]


def service(
    id_: str,
    *urls: str,
    inline: tuple[str, ...] = (),
    cookies: tuple[str, ...] = (),
    category: Category = "analytics",
) -> Service:
    """Return a service that is known by its URL patterns, its marks in inline scripts and its cookies."""
    return Service(
        id=id_,
        name=id_,
        vendor=id_,
        country="FR",
        category=category,
        purposes=(),
        policy_url="https://t.test/privacy",
        urls=tuple(Pattern(url, "declared") for url in urls),
        inline=tuple(Pattern(mark, "declared") for mark in inline),
        cookies=tuple(Cookie(name, "session", "site", "/") for name in cookies),
        storage=(),
    )
