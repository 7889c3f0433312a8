"""Whose address counts: the last hop that no trusted proxy wrote (D6)."""

import pytest

from consentkit.gate.geo import client_address, networks

TRUSTED = networks(["192.0.2.0/24", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.4", "", "198.51.100.4"),
        ("198.51.100.4", "203.0.113.9", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "8.8.8.8, 198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4, 192.0.2.9", "198.51.100.4"),
        ("2001:db8::1", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4:5678", "198.51.100.4"),
        ("192.0.2.7", "[2001:4860::1]:443", "2001:4860::1"),
        ("::ffff:192.0.2.7", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "unknown", None),
        ("192.0.2.7", "", None),
        ("testclient", "", None),
    ],
)
def test_the_address(peer: str, forwarded: str, address: str | None) -> None:
    assert client_address(peer, forwarded, TRUSTED) == address


def test_one_network_needs_no_list() -> None:
    assert networks("192.0.2.0/24") == networks(["192.0.2.0/24"])
