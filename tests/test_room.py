"""What we set and end in one answer: never more than a proxy has room for, our own cookies first (L14)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample import app, august, browsing, choose, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit.gate.cookies import LONGEST_LINE, ROOM, expiries, header_size
from consentkit.gate.state import OURS
from consentkit.policy.registry import known_services

OPTIONAL = ("preferences", "analytics", "marketing")
NAMES = [
    cookie.name.replace("*", "7XK2")
    for service in known_services().values()
    for cookie in service.cookies
    if cookie.domain == "site"
]
HOSTS = ["shop.example", "a.b.c.www.shop.co.uk", "localhost", f"{'x' * 60}.{'y' * 60}.{'z' * 60}.example"]

FITTING = 17
"""Trackers whose likely places have room in any answer, beside our own cookies."""


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "no-store"})


@pytest.fixture(scope="module", params=[True, False], ids=["guard", "no guard"])
def client(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    routes = [Route("/{path:path}", page)]
    document = policy(services=sorted(known_services()), pages={"guard": request.param})
    with browsing(app(*routes), tmp_path_factory.mktemp("site"), policy=document) as browser:
        yield browser


def ours(answer: Any) -> list[str]:
    lines: list[str] = answer.headers.get_list("set-cookie")
    assert sum(map(header_size, lines)) <= ROOM
    return [line.partition("=")[0] for line in lines if "Max-Age=0" not in line]


@given(
    st.sampled_from(HOSTS),
    st.lists(st.sampled_from(NAMES), max_size=90, unique=True),
    st.lists(st.sampled_from(OPTIONAL), unique=True),
    st.text("/abc", max_size=40),
    st.sampled_from(["", "x" * 40, "x" * 400]),
    st.booleans(),
)
@settings(max_examples=12, derandomize=True, deadline=None)
def test_no_answer_sets_more_than_a_proxy_has_room_for(
    client: TestClient, host: str, names: list[str], granted: list[str], path: str, value: str, tossed: bool
) -> None:
    """A visitor accepts everything, browses, keeps some of it; a sibling has planted ours as well."""
    client.cookies.clear()
    client.base_url = f"https://{host}"
    choose(client, *OPTIONAL)
    mine = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    planted = "".join(f"; {name}=x" for name in sorted(OURS)) if tossed else ""
    trackers = "".join(f"; {name}={value}" for name in names)
    client.headers["cookie"] = mine + planted + trackers
    client.headers["referer"] = f"https://{host}/{path}"
    try:
        for _ in range(2):
            assert set(ours(client.get(f"/{path}"))) - OURS <= set(names)
        assert set(ours(client.post("/consent/sync", json={"trackers": {"local:k": "a"}}))) >= {"consentkit"}
        kept = ours(choose(client, *granted))
        assert {"consentkit", "consentkit_allows"} <= set(kept) <= OURS
    finally:
        del client.headers["cookie"], client.headers["referer"]


@given(
    st.lists(st.text("ab_", min_size=1, max_size=600), max_size=9), st.integers(-9, 2000), st.integers(0, 9)
)
@settings(max_examples=60, derandomize=True, deadline=None)
def test_what_ends_cookies_keeps_to_the_room_that_is_left(names: list[str], room: int, turn: int) -> None:
    lines = [*expiries(names, "www.shop.example", ["/", "/tea"], turn, room)]
    assert sum(map(header_size, lines)) <= max(0, room)
    assert all(header_size(line) <= LONGEST_LINE for line in lines)


@pytest.mark.parametrize("host", ["www.shop.example", "www.a.b.shop.example"])
@pytest.mark.parametrize("count", [0, 6, 17])
def test_the_very_answer_to_a_no_ends_what_came_and_then_what_is_known(
    tmp_path: Path, host: str, count: int
) -> None:
    """Whatever the second: on the registrable domain and on the host alone, where trackers keep theirs."""
    came = ["_fbp", "_fbc", *(f"_ga_{number}" for number in range(15))][:count]
    clock = august()
    with browsing(app(Route("/", page)), tmp_path, clock=clock) as client:
        client.base_url = f"https://{host}"
        client.headers["referer"] = f"https://{host}/shop/tea/green"
        services = client.app.kit.edition.policy.services.values()  # type: ignore[attr-defined]
        stated = [cookie for each in services for cookie in each.cookies if cookie.domain == "site"]
        known = [cookie.name for cookie in stated if "*" not in cookie.name]
        assert len(known) >= 10
        for _ in range(7):
            clock.move(seconds=1)
            choose(client, *OPTIONAL)
            mine = [f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar]
            client.headers["cookie"] = "; ".join([*mine, *(f"{name}=1" for name in came)])
            lines = choose(client).headers.get_list("set-cookie")
            del client.headers["cookie"]
            for name in [*dict.fromkeys([*came, *known])][:FITTING]:
                assert f"{name}=; Path=/; Max-Age=0" in lines
                assert f"{name}=; Path=/; Max-Age=0; Domain=shop.example" in lines
