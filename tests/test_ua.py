"""Coarse on purpose: a browser's family, never its version or device (design §3.10)."""

from pathlib import Path

import pytest
from sample import app, browsing, choose, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.gate.ua import family, is_bot


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


GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("header", "bot"),
    [
        (GOOGLEBOT, True),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        (FIREFOX, False),
        ("", False),
        ("\xff" * 100_000, False),
        (FIREFOX + " " * 600 + "Googlebot/2.1", False),  # beyond what is read
    ],
)
def test_a_bot_or_a_person(header: str, bot: bool) -> None:
    assert is_bot([(b"user-agent", header.encode("latin-1"))]) is bot
    assert is_bot([]) is False


def test_a_bot_is_denied_sees_the_same_page_and_is_nobody_until_it_answers(tmp_path: Path) -> None:
    async def page(_: Request) -> Response:
        return HTMLResponse("<!doctype html><script src='https://www.googletagmanager.com/gtag/js'></script>")

    with browsing(app(Route("/page", page)), tmp_path, policy=policy(regime="us")) as client:
        kit = client.app.kit  # type: ignore[attr-defined]

        def sees(agent: str) -> tuple[list[str], str]:
            headers = {"user-agent": agent, "sec-gpc": "1", "cookie": "_ga=GA1.1.1.1"}
            state = client.get("/consent/state", headers=headers).json()
            return state["allowed"], client.get("/page", headers=headers).text

        def heard() -> int:
            return sum(row.count for row in kit.tally.rows() if row.kind == "signal")

        (bots, page_of_bots), (people, page_of_people) = sees(GOOGLEBOT), sees(FIREFOX)
        assert (bots, people) == (["necessary"], ["necessary", "preferences", "analytics"])
        assert page_of_bots == page_of_people
        assert heard() == 1
        # A person whose browser says so can answer all the same, and what they say is recorded and counts.
        client.headers["user-agent"] = GOOGLEBOT
        before = kit.log.size
        assert choose(client, "analytics").json()["allowed"] == ["necessary", "analytics"]
        assert kit.log.size == before + 1
        client.headers["sec-gpc"] = "1"
        assert client.get("/consent/state").json()["allowed"] == ["necessary", "analytics"]
        assert kit.log.size == before + 1
