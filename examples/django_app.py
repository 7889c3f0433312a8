from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management.utils import get_random_secret_key
from django.http import HttpResponse
from django.urls import path

from consentkit import ConsentMiddleware, consent_of

MANAGE = '<a href="/consent/" data-consent="open">Manage cookies</a>'


def home(request):
    counted = "counted" if consent_of(request.scope).allows("analytics") else "not counted"
    return HttpResponse(f"<title>Shop</title><p>You are {counted}.</p>{MANAGE}")


# A project of several files has all but the last line in settings.py and urls.py; that one is asgi.py's.
urlpatterns = [path("", home)]
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY=get_random_secret_key())
app = ConsentMiddleware(get_asgi_application(), policy="consent.toml")
