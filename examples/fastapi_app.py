from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from consentkit import ConsentMiddleware, consent_of

MANAGE = '<a href="/consent/" data-consent="open">Manage cookies</a>'
app = FastAPI()
app.add_middleware(ConsentMiddleware, policy="consent.toml")


@app.get("/", response_class=HTMLResponse)
def home(request: Request) -> str:
    counted = "counted" if consent_of(request).allows("analytics") else "not counted"
    return f"<title>Shop</title><p>You are {counted}.</p>{MANAGE}"
