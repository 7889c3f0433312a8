"""Announcements in answer headers: what contacts an address that needs consent goes (L15)."""

import pytest

from consentkit.gate.announce import without_announcements


def test_a_link_header_loses_only_what_is_blocked() -> None:
    value = b"<https://t.example/a.js>; rel=preload; as=script, </own.css>; rel=preload"
    assert without_announcements(b"link", value, lambda url: "t.example" in url) == b"</own.css>; rel=preload"
    assert without_announcements(b"link", value, lambda url: False) is value
    assert without_announcements(b"link", value, lambda url: True) == b""


@pytest.mark.parametrize(
    "kept",
    [
        b"<https://t.example/fr>; rel=alternate; hreflang=fr",
        b'<https://t.example/>; rel="canonical"',
        b'</a.css>; rel=preload; title="a, <https://t.example/a.js>; b"',
    ],
)
def test_links_that_contact_nobody_stay(kept: bytes) -> None:
    value = b'<https://t.example>;\t rel = "x Preconnect", ' + kept
    assert without_announcements(b"link", value, lambda url: "t.example" in url) == kept


def blocked(url: str) -> bool:
    return "t.example" in url


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        (b"refresh", b"5; url=https://t.example/x", b""),
        (b"refresh", b"0;URL='https://t.example'", b""),
        (b"refresh", b" 1.5 , https://t.example/", b""),
        (b"refresh", b"5; url=/own", b"5; url=/own"),
        (b"refresh", b"5", b"5"),
        (b"reporting-endpoints", b'a="https://t.example/r", b="/own"', b'b="/own"'),
        (b"reporting-endpoints", b'b="/own"', b'b="/own"'),
        (b"speculation-rules", b'"https://t.example/r.json","/own.json"', b'"/own.json"'),
        (
            b"report-to",
            b'{"group":"a","endpoints":[{"url":"https://t.example"}]}, {"endpoints":[{"url":"/r"}]}',
            b'{"endpoints":[{"url":"/r"}]}',
        ),
        (b"report-to", b'{"group":"a","endpoints":[{"url":"https://t.example"}]}', b""),
        (b"report-to", b"not json https://t.example", b"not json https://t.example"),
        (b"report-to", b'{"endpoints": 5}, 7', b'{"endpoints": 5}, 7'),
    ],
)
def test_other_headers_that_contact_somebody(name: bytes, value: bytes, kept: bytes) -> None:
    assert without_announcements(name, value, blocked) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"<https://t.example/<x>; rel=preload, </own>; rel=preload", b"</own>; rel=preload"),
        (b"<<https://t.example/>; rel=preload", b""),
        (b"<https://t.example/>; rel=preload, <https://t.example/", b""),
        (b"</own>; rel=preload, <https://t.example/", b"</own>; rel=preload, <https://t.example/"),
    ],
)
def test_a_link_that_isn_t_well_formed_is_read_as_far_as_it_goes(value: bytes, kept: bytes) -> None:
    assert without_announcements(b"link", value, blocked) == kept


def test_a_link_that_never_closes_is_read_once() -> None:
    """Were it looked for from each place again, this would take hours."""
    value = b"<" * 1_000_000
    assert without_announcements(b"link", value, blocked) is value
