from a2wsgi import WSGIMiddleware
from flask import Flask, request

from consentkit import ConsentMiddleware, consent_of

MANAGE = '<a href="/consent/" data-consent="open">Manage cookies</a>'
site = Flask(__name__)


@site.get("/")
def home():
    counted = "counted" if consent_of(request.environ["asgi.scope"]).allows("analytics") else "not counted"
    return f"<title>Shop</title><p>You are {counted}.</p>{MANAGE}"


app = ConsentMiddleware(WSGIMiddleware(site), policy="consent.toml")
