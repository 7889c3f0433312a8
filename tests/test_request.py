"""What a request says about its connection (H4)."""

import pytest

from consentkit.request import host_of, is_secure


@pytest.mark.parametrize(
    ("scheme", "host", "secure"),
    [
        ("https", "localhost:8000", True),
        ("http", "shop.example", True),
        ("http", "localhost:8000", False),
        ("http", "127.0.0.1:8000", False),
        ("http", "[::1]:8000", False),
        ("http", "127.0.0.1.evil.example", True),
        ("http", "", True),
    ],
)
def test_cookies_are_secure_but_on_this_machine(scheme: str, host: str, secure: bool) -> None:
    """H4."""
    assert is_secure({"scheme": scheme, "headers": [(b"host", host.encode())]}) is secure


def test_a_proxied_request_did_not_start_on_this_machine() -> None:
    """A proxy that passes its own upstream's name must not cost the cookies their `Secure`."""
    headers = [(b"host", b"127.0.0.1:8000"), (b"x-forwarded-proto", b"https")]
    assert is_secure({"scheme": "http", "headers": headers})


@pytest.mark.parametrize(
    ("header", "host"),
    [("Shop.Example:8000", "shop.example"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")],
)
def test_the_host_without_its_port(header: str, host: str) -> None:
    assert host_of({"headers": [(b"host", header.encode())]}) == host
