"""Asking somebody outside by HTTP: one POST, its answer's status and body, and no redirects."""

from http.client import HTTPException
from typing import NoReturn
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from consentkit.errors import ConfigurationError, OutsideRefused

_MOST = 1 << 18
"""Bytes: time stamps and cosignatures have a few thousand."""


class _Staying(HTTPRedirectHandler):
    """A redirected POST would go on as a GET, and to an address that nobody has named."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_opener = build_opener(_Staying)


def web_address(url: str) -> str:
    """Return `url` if it is one of http or https; ConfigurationError when it isn't."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ConfigurationError(f"not an address that begins with https:// or http://: {url[:200]!r}")
    return url


def post(url: str, body: bytes, media_type: str, seconds: float) -> tuple[int, bytes]:
    """Return the status and body of the answer; OutsideRefused where there is none.

    `seconds` is how long any single step of it may take.
    """
    request = Request(web_address(url), body, {"Content-Type": media_type}, method="POST")  # noqa: S310
    try:
        with _opener.open(request, timeout=seconds) as answer:
            return answer.status, _limited(answer.read(_MOST + 1))
    except HTTPError as refused:
        with refused:
            return refused.code, _limited(refused.read(_MOST + 1))
    except (OSError, HTTPException) as error:
        _unreached(error)


def _limited(data: bytes) -> bytes:
    if len(data) > _MOST:
        raise OutsideRefused(f"the answer has more than {_MOST} bytes")
    return data


def _unreached(error: Exception) -> NoReturn:
    raise OutsideRefused(f"no answer: {error or type(error).__name__}") from error
