"""Anchors that came more than once give no tracker more life than any of them does (B6)."""

from pathlib import Path

import pytest
from sample import Clock, app, august, browsing, choose
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from consentkit.gate.anchors import DONE, MOST, Anchor, Ended, Seen, key_of, mark_of
from consentkit.gate.several import merged

TODAY = 20_779
GA, FBP = key_of("_ga"), key_of("_fbp")


def together(*seen: Seen) -> Seen | None:
    payload = merged([each.payload().encode() for each in seen])
    return None if payload is None else Seen.from_payload(payload)


@pytest.mark.parametrize("turn", [1, -1])
def test_the_earliest_day_and_the_fewest_months_count(turn: int) -> None:
    young = Seen(TODAY, {GA: Anchor(TODAY, 6, "ab"), FBP: Anchor(TODAY, 13, "cd")})
    old = Seen(TODAY - 300, {GA: Anchor(TODAY - 300, 13, "ab")})
    assert together(*(young, old)[::turn]) == Seen(
        TODAY - 300, {GA: Anchor(TODAY - 300, 6, "ab"), FBP: Anchor(TODAY, 13, "cd")}
    )


@pytest.mark.parametrize("turn", [1, -1])
def test_an_end_counts_before_everything(turn: int) -> None:
    """By DONE the value that comes next is the one that ended."""
    running = Seen(TODAY, {GA: Anchor(TODAY, 13, "ab"), FBP: Anchor(TODAY, 13, "cd")})
    ended = Seen(TODAY, {}, {GA: Ended(TODAY - 2, 13, "ab"), FBP: Ended(TODAY - 1, 6, "ef")})
    assert together(*(running, ended)[::turn]) == Seen(
        TODAY, {}, {GA: Ended(TODAY - 2, 13, "ab"), FBP: Ended(TODAY - 1, 6, DONE)}
    )


def test_more_than_there_is_room_for_leaves_the_oldest() -> None:
    full = [
        Seen(TODAY, {key_of(f"{start}-{n}"): Anchor(start + n, 13, "ab") for n in range(MOST)})
        for start in (TODAY, TODAY - 32)
    ]
    seen = together(*full)
    assert seen is not None
    assert len(seen.running) == MOST
    assert min(each.day for each in seen.running.values()) == TODAY - 32
    assert max(each.day for each in seen.running.values()) == TODAY + 15


def test_what_can_t_be_read_says_nothing() -> None:
    seen = Seen(TODAY, {GA: Anchor(TODAY, 13, mark_of("x"))})
    assert merged([b"1.odd", b""]) is None
    assert merged([b"1.odd", seen.payload().encode()]) == seen.payload().encode()


def test_planted_anchors_of_another_visitor_give_a_tracker_no_more_life(tmp_path: Path) -> None:
    """A sibling host may set a cookie below a longer path, which then comes first."""
    clock: Clock = august()

    async def shop(request: Request) -> HTMLResponse:
        sees = "_fbp" in request.cookies
        return HTMLResponse(f"<!doctype html><p>{sees}", headers={"cache-control": "private"})

    with browsing(app(Route("/", shop)), tmp_path, clock=clock) as client:

        def visited() -> str:
            client.cookies.clear()
            choose(client, "marketing")
            client.cookies.set("_fbp", "abc")
            client.get("/")
            return client.cookies["consentkit_seen"]

        own = visited()
        clock.move(days=380)
        planted = visited()
        clock.move(days=18)
        consent = client.cookies["consentkit"]
        for several in ((own,), (planted, own), (own, planted)):
            seen = "; ".join(f"consentkit_seen={each}" for each in several)
            page = client.get("/", headers={"cookie": f"{seen}; consentkit={consent}; _fbp=abc"})
            assert "False" in page.text
