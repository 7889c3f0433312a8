from typing import Any

from litestar import Litestar, MediaType, Request, get

from consentkit import ConsentMiddleware, consent_of

MANAGE = '<a href="/consent/" data-consent="open">Manage cookies</a>'


@get("/", media_type=MediaType.HTML)
async def home(request: Request[Any, Any, Any]) -> str:
    counted = "counted" if consent_of(request.scope).allows("analytics") else "not counted"
    return f"<title>Shop</title><p>You are {counted}.</p>{MANAGE}"


app = ConsentMiddleware(Litestar([home]), policy="consent.toml")
