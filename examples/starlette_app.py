from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from consentkit import ConsentMiddleware, consent_of

MANAGE = '<a href="/consent/" data-consent="open">Manage cookies</a>'


async def home(request):
    counted = "counted" if consent_of(request).allows("analytics") else "not counted"
    return HTMLResponse(f"<title>Shop</title><p>You are {counted}.</p>{MANAGE}")


app = Starlette(routes=[Route("/", home)])
app.add_middleware(ConsentMiddleware, policy="consent.toml")
