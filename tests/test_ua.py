"""Coarse on purpose: a browser's family, never its version or device (design §3.10)."""

import pytest

from consentkit.gate.ua import family


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox"),
        ("", "Other"),
        ("curl/8.5", "curl"),
        ("x" * 100_000, "Other"),
        ("MyApp john@example.com/5.1 CFNetwork/711 Darwin/14", "Other"),
    ],
)
def test_the_family(header: str, name: str) -> None:
    assert family(header) == name
