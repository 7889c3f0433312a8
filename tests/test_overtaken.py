"""An answer that was under way while its visitor withdrew brings nothing back (A10, L14)."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sample import ORIGIN, Clock, app, august, choose, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient


class Shop:
    """A site with one visitor, whose pages take as long as something else that happens meanwhile."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.clock: Clock = august()
        self.meanwhile: Callable[[], object] | None = None
        site = app(Route("/", self.page))
        self.middleware = mounted(site, folder, clock=self.clock, policy=policy(**changes))
        _ = self.middleware.kit
        self.visitor = self.browser()

    def browser(self) -> TestClient:
        return TestClient(self.middleware, base_url=ORIGIN)

    async def page(self, _: Request) -> HTMLResponse:
        if self.meanwhile is not None:
            await asyncio.to_thread(self.meanwhile)
        return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "private"})

    def cookies(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.visitor.cookies.items())

    def withdraw(self) -> None:
        assert choose(self.visitor).status_code == 201

    def lines(self, meanwhile: Callable[[], object], **cookies: str) -> dict[str, str]:
        """What a page sets that was asked for with today's cookies, by name; tracker ends aside."""
        sent = "; ".join([self.cookies(), *(f"{name}={value}" for name, value in cookies.items())])
        self.meanwhile = meanwhile
        answer = self.browser().get("/", headers={"cookie": sent})
        self.meanwhile = None
        return set_by(answer)

    def granted(self, lines: dict[str, str]) -> set[str]:
        """What the cookies allow that an answer sets."""
        seal = self.middleware._faces.gate.orders.seal
        consent = seal.unseal(lines["consentkit"])
        assert consent is not None
        hint = {
            part.partition("+")[0]
            for part in lines["consentkit_allows"].split("~")[0].split(".")
            if "+" in part
        }
        assert hint == {category for category, choice in consent.choices.items() if choice.granted}
        return hint


def set_by(answer: Any) -> dict[str, str]:
    pairs = [line.split(";")[0].partition("=") for line in answer.headers.get_list("set-cookie")]
    return {name: value for name, _, value in pairs if value}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    choose(shop.visitor, "analytics", "marketing")
    yield shop
    shop.middleware.kit.close()


@pytest.mark.parametrize(("days", "cookies"), [(5, {}), (0, {"_ga": "GA1.1.1.1"})])
def test_a_page_under_way_at_a_withdrawal_doesn_t_bring_the_grant_back(
    shop: Shop, days: int, cookies: dict[str, str]
) -> None:
    """Our cookies are five days old, or a tracker is new: either way they are set again."""
    shop.clock.move(days=days)
    assert shop.granted(shop.lines(lambda: None, **cookies)) == {"analytics", "marketing"}
    lines = shop.lines(shop.withdraw, **cookies)
    assert shop.granted(lines) == set()
    assert "consentkit_seen" not in lines


def test_a_report_under_way_at_a_withdrawal_doesn_t_bring_the_grant_back(shop: Shop) -> None:
    old = shop.cookies()

    def report() -> dict[str, str]:
        answer = shop.browser().post(
            "/consent/sync", json={"trackers": {"_ga": "a"}}, headers={"cookie": old}
        )
        assert answer.status_code == 204
        return set_by(answer)

    assert shop.granted(report()) == {"analytics", "marketing"}
    shop.withdraw()
    assert shop.granted(report()) == set()
    assert "consentkit_seen" not in report()


def test_no_tracker_is_set_once_more_by_a_page_under_way_at_a_withdrawal(tmp_path: Path) -> None:
    shop = Shop(tmp_path, pages={"guard": False})
    choose(shop.visitor, "analytics")
    kept = shop.lines(lambda: None, _ga="GA1.1.1.1")["consentkit_seen"]
    shop.visitor.cookies.set("consentkit_seen", kept)
    assert shop.lines(lambda: None, _ga="GA1.1.1.1")["_ga"] == "GA1.1.1.1"
    assert "_ga" not in shop.lines(shop.withdraw, _ga="GA1.1.1.1")
    shop.middleware.kit.close()


def test_without_the_log_a_browser_keeps_what_it_has(tmp_path: Path) -> None:
    """Nobody knows whether its visitor has withdrawn; what they never allowed goes all the same."""
    shop = Shop(tmp_path)
    choose(shop.visitor, "analytics")
    shop.clock.move(days=5)
    assert "consentkit" in shop.lines(lambda: None)
    for file in tmp_path.glob("log.db*"):
        file.rename(file.with_name(f"gone-{file.name}"))
    answer = shop.browser().get("/", headers={"cookie": f"{shop.cookies()}; _ga=1; _fbp=1; theme=1"})
    assert set_by(answer) == {}
    assert {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")} == {"_fbp"}
    answer = shop.browser().post("/consent/sync", json={}, headers={"cookie": shop.cookies()})
    assert (answer.status_code, "set-cookie" in answer.headers) == (503, False)
    shop.middleware.kit.close()
