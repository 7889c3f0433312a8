"""Cookies in both directions: the denied cut, the others untouched (A10, A17, L14)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consentkit.gate.cookies import (
    MOST_LABELS,
    MOST_NAMES,
    ByName,
    cookie_name,
    cookie_names,
    cookie_values,
    cut_cookies,
    expiries,
    only_cookie,
    parent_domains,
)


def category(name: str) -> str | None:
    return "analytics" if name.startswith("_ga") else None


def cut(header: bytes, *allowed: str) -> bytes:
    return cut_cookies(header, ByName(category), lambda: allowed)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (b"a=1; _ga=GA1.2.3; b=2", b"a=1; b=2"),
        (b"_ga=1", b""),
        (b"_ga=1; a=1", b"a=1"),
        (b"a=1; _ga_X=2", b"a=1"),
        (b"a=1;_ga=2;b=3", b"a=1;b=3"),
        (b"a=_ga; b=2", b"a=_ga; b=2"),
        (b" _ga =1; a=1", b"a=1"),
        (b"\xa0_ga=1; \x85_ga_X=1; a=1", b"a=1"),
        (b"_ga; a=1", b"a=1"),
        (b'a="x y"; \xff=\xfe', b'a="x y"; \xff=\xfe'),
    ],
)
def test_only_denied_cookies_are_cut(header: bytes, kept: bytes) -> None:
    assert cut(header) == kept


@given(st.lists(st.sampled_from([b"a=1", b"_ga=2", b"_ga_X=3", b"b", b"", b"=", b"\xff=1"]), max_size=8))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_no_cookie_of_others_is_ever_lost(pairs: list[bytes]) -> None:
    kept = cut(b"; ".join(pairs))
    wanted = [pair for pair in pairs if pair and not pair.startswith(b"_ga")]
    assert [part.strip() for part in kept.split(b";") if part.strip()] == wanted


def test_the_values_of_one_name_are_read_wherever_it_stands() -> None:
    header = b" ck=1; xck=2; a=ck=3;ck=4 ;\tck=; ck=ck=5"
    assert list(cookie_values(header, b"ck")) == [b"1", b"4", b"", b"ck=5"]
    assert list(cookie_values(b"a=1", b"ck")) == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"ck=1", b"1"),
        (b"a=1; ck=2; b=3", b"2"),
        (b"a=1", None),
        (b"xck=1", None),
        (b"a=ck=1", None),
        (b"a= ck=1", None),
        (b"ck=1; ck=2", None),
        (b"a=1;ck=2", None),
    ],
)
def test_a_cookie_is_taken_at_once_only_where_nothing_is_odd(header: bytes, value: bytes | None) -> None:
    assert only_cookie(header, b"ck=") == value
    assert value is None or cookie_values(header, b"ck") == [value]


def test_names_are_read_from_both_headers() -> None:
    assert list(cookie_names(b"a=1; b=2; c")) == ["a", "b", "c"]
    assert cookie_name(b"sid=abc=; Path=/; HttpOnly") == "sid"


def test_an_expiry_goes_to_the_host_and_each_parent() -> None:
    values = list(expiries(["_ga"], "www.shop.example", ["/"]))
    assert len(values) == 3
    assert all(value.startswith("_ga=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970") for value in values)
    assert [value.partition("Domain=")[2] for value in values] == ["", "www.shop.example", "shop.example"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("__Secure-t", ["Path=/; Max-Age=0; Secure", "Domain=shop.example; Secure"]),
        ("__Host-t", ["Path=/; Max-Age=0; Secure"]),
    ],
)
def test_prefixed_cookies_are_expired_as_browsers_allow(name: str, values: list[str]) -> None:
    """RFC 6265bis §4.1.3: without Secure they'd survive the withdrawal."""
    found = list(expiries([name], "shop.example", ["/"]))
    assert len(found) == len(values)
    assert all(value.endswith("; Secure") for value in found)
    assert ("Domain=" in "".join(found)) is (len(values) > 1)


def test_a_made_up_host_and_a_thousand_names_cost_little() -> None:
    made_up = ".".join("a" * 800)
    names = [f"_ga_{number}" for number in range(1000)]
    assert len(list(expiries(names, made_up, ["/"]))) <= MOST_NAMES
    assert len(parent_domains("a.b.c.d.e.f.g.h.i.j.shop.example")) < MOST_LABELS


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("a.b.example.co.uk", ["a.b.example.co.uk", "b.example.co.uk", "example.co.uk", "co.uk"]),
        ("LOCALHOST", []),
        ("127.0.0.1", []),
        ("[::1]", []),
        ("shop.example.", ["shop.example"]),
    ],
)
def test_parent_domains(host: str, domains: list[str]) -> None:
    assert parent_domains(host) == domains
