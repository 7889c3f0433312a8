"""Who has answered is told, until they close it, that what they were told has changed (E3, E4)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Clock, Traffic, launched, serving, settle
from playwright.sync_api import expect
from sample import ORIGIN, august, choose, mounted, policy
from shop_stub import TEXTS
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit.gate.state import HINT_COOKIE
from consentkit.policy.months import day_of
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind

PAGE = """<!doctype html><html lang="%s"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"></head><body><h1>Shop</h1>
<div style="height: 90vh"></div><input id="last"></body></html>"""
SAME = {"sec-fetch-site": "same-origin"}
FEWER = policy(services=["google-analytics", "meta-pixel"])
MORE = policy(services=["google-analytics", "meta-pixel", "youtube", "vimeo"])
DRAWN = policy(banner={"position": "top"})
SILENT = FEWER | {"banner": {"headless": True}}


class Site:
    """A shop whose policy changes under one browser; the clock moves a day with each change."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.lang = folder, august(), "en"
        self.open(policy())
        self.client = TestClient(self, base_url=ORIGIN)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)

    def open(self, table: dict[str, Any]) -> None:
        async def page(_: Any) -> HTMLResponse:
            return HTMLResponse(PAGE % self.lang, headers={"cache-control": "no-store"})

        self.app = mounted(Starlette(routes=[Route("/", page)]), self.folder, policy=table, clock=self.clock)
        self.kit = self.app.kit

    def change(self, table: dict[str, Any]) -> None:
        self.kit.close()
        self.clock.move(days=1)
        self.open(table)

    def told(self) -> str:
        """What the readable cookie has behind its last `!`; "" for nothing."""
        found = re.search(r"!(\d+)$", self.client.cookies.get(HINT_COOKIE, ""))
        return found[1] if found else ""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.kit.close()


def changed(site: Site, table: dict[str, Any], *granted: str) -> str:
    choose(site.client, *granted)
    assert site.told() == ""
    site.change(table)
    site.client.get("/consent/state")
    return site.told()


@pytest.mark.parametrize("granted", [(), ("analytics",)])
def test_who_is_asked_nothing_is_told_on_which_day_the_words_changed(site: Site, granted: Any) -> None:
    day = day_of(site.clock.now) + 1
    assert changed(site, FEWER, *granted) == str(day)


def test_the_message_lasts_until_it_is_closed_and_nothing_is_asked_of_the_visitor(site: Site) -> None:
    """Showing it writes nothing; closing it is an entry, once for a version, about who had it to close."""
    day = changed(site, FEWER, "analytics")
    size, before = site.kit.log.size, dict(site.client.cookies)
    site.clock.move(days=7)  # our own cookies are set again, by a page
    site.client.get("/", headers={"accept": "text/html"})
    assert site.client.post("/consent/sync", headers=SAME).status_code == 204
    assert site.told() == day
    assert site.client.post("/consent/sync?closed", headers=SAME).status_code == 204
    assert site.told() == ""
    state = site.client.get("/consent/state").json()
    assert site.told() == ""
    assert not state["ask"]
    assert state["allowed"] == ["necessary", "analytics"]
    assert site.kit.log.size == size + 1
    [entry] = site.kit.log.entries(kind=Kind.MESSAGE)
    assert entry.stmt["policy"] == site.kit.edition.policy.version
    assert entry.stmt["changed"] == int(day)
    [choice] = site.kit.log.entries(kind=Kind.CHOICE)
    assert (entry.stmt["answer"], entry.subj["sub"]) == (choice.index, choice.subj["sub"])
    site.client.cookies.update(before)
    assert site.client.post("/consent/sync?closed", headers=SAME).status_code == 204
    assert site.kit.log.size == size + 1
    assert site.kit.log.verify(claims()).ok
    site.kit.tally.flush()
    told = [
        row for row in site.kit.tally.rows(site.clock.now.date() - timedelta(days=9)) if row.kind == "told"
    ]
    assert [(row.version, row.count) for row in told] == [(site.kit.edition.policy.version, 1)]


def test_closing_what_nobody_was_told_is_no_entry(site: Site) -> None:
    choose(site.client, "analytics")
    size = site.kit.log.size
    assert site.client.post("/consent/sync?closed", headers=SAME).status_code == 204
    site.client.cookies.clear()
    assert site.client.post("/consent/sync?closed", headers=SAME).status_code == 204
    assert site.kit.log.size == size


def test_only_a_page_of_the_site_closes_it(site: Site) -> None:
    day = changed(site, FEWER)
    foreign = {"sec-fetch-site": "cross-site"}
    assert site.client.post("/consent/sync?closed", headers=foreign).status_code == 403
    assert site.told() == day


@pytest.mark.parametrize("table", [DRAWN, SILENT, MORE], ids=["drawn", "headless", "asked"])
def test_nobody_is_told_of_what_says_the_same_or_asks_or_draws_itself(site: Site, table: Any) -> None:
    assert changed(site, table, "marketing") == ""


def test_an_answer_ends_the_message_too(site: Site) -> None:
    changed(site, FEWER, "analytics")
    choose(site.client, "analytics")
    assert site.told() == ""


def test_a_hint_that_anybody_wrote_brings_a_message_at_most(site: Site) -> None:
    choose(site.client, "analytics")
    kept = site.client.cookies.get("consentkit")
    for forged in ("0" * 16 + ".~AAA!99999999", "x" * 16 + ".~AAA!1", "!1"):
        site.client.cookies.clear()
        site.client.cookies.set("consentkit", str(kept))
        site.client.cookies.set(HINT_COOKIE, forged)
        answer = site.client.get("/consent/state")
        assert answer.json()["allowed"] == ["necessary", "analytics"]
        assert "!" not in answer.headers["set-cookie"]


def test_what_changed_has_a_place_that_the_message_leads_to(site: Site) -> None:
    site.change(FEWER)
    page = site.client.get(
        f"/consent/policy/{site.kit.edition.policy.version}", headers={"accept": "text/html"}
    ).text
    assert "YouTube" in page.partition('<h2 id="changes">')[2]


@pytest.mark.browser
def test_the_page_says_so_beside_its_content_and_once(site: Site) -> None:
    """No dialog, focus stays, and what has it can be seen (2.4.11); 320 pixels wide (1.4.10)."""
    site.change(policy())
    site.clock.now = Clock().now  # the browser has no other
    with launched() as browser, serving(site, "localhost") as url:
        context = browser.new_context(locale="en-GB", viewport={"width": 320, "height": 480})
        Traffic.of(context)
        tab = context.new_page()
        tab.goto(url)
        tab.get_by_role("dialog").get_by_role("button", name="Reject all").click()
        expect(tab.get_by_role("dialog")).to_have_count(0)
        site.change(FEWER)
        tab.goto(url)
        box = tab.locator(".consentkit-message[role=status]")
        day = site.clock.now
        expect(box).to_contain_text(f"was updated on {day.day} {day:%B} {day.year}.")
        assert tab.evaluate("document.activeElement === document.body")
        assert box.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().right <= 320")
        site.lang = "fr"
        tab.reload()
        expect(box).to_contain_text(f"{TEXTS['fr']['dates']['months'][day.month - 1]} {day.year}")
        link = box.get_by_role("link")
        assert str(link.get_attribute("href")).endswith(f"{site.kit.edition.policy.version}?lang=fr#changes")
        tab.focus("#last")
        assert tab.evaluate("""() => {
          const { top, left } = document.activeElement.getBoundingClientRect();
          return document.elementFromPoint(left + 3, top + 3)?.id === "last";
        }""")
        with tab.expect_response("**/sync?closed"):
            box.get_by_role("button").click()
        expect(box).to_have_count(0)
        tab.reload()
        tab.wait_for_function("window.consentkit.state")
        settle(tab)
        expect(box).to_have_count(0)
