"""What a page's first bytes tell about its encoding: the rest is in test_kind, by whole answers."""

import pytest

from consentkit.gate.prescan import shifts


@pytest.mark.parametrize("label", ["iso2022_jp", "iso2022_kr"])
def test_an_escape_sequence_shows_wherever_it_is(label: str) -> None:
    assert shifts(b"<p>" * 2_000 + "\uac00 \u3042".encode(label, "ignore") + b"</p>")


@pytest.mark.parametrize("page", [b"", b"<p>$B(B</p>", b"\x1b[31m", b"\x1b", "\u3042".encode("shift_jis")])
def test_other_pages_hold_none(page: bytes) -> None:
    assert not shifts(page)
