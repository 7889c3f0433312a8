"""Chromium before anybody has chosen: of all the ways in which a page loads or announces, none gets through.

The control is the same site without the middleware: there, every way is seen, each by its own host.
"""

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import PATIENCE, Visit, visiting
from playwright.sync_api import Page, Playwright, sync_playwright
from ways import MARK, TRACKER, Way, elements
from ways_site import DATA, OWN, POLICY, QUIET, SCRIPTED, STRICT, Site, ways_site
from ways_written import STRANGERS, written

WAYS = [*elements(), *written()]
ALL = [*WAYS, *STRANGERS]
CLICK = "element => element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))"
LONGEST_LABEL = 63  # RFC 1035, 2.3.4
browsers = pytest.mark.browser
MODES = [("http", True), ("http", False), ("https", True), ("https", False)]
"""By scheme and whether scripts are switched on; the first and the last hold both of each."""


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def quiet(page: Page, visit: Visit, site: Site) -> None:
    """Wait until nothing has arrived anywhere for a second; fails if that never happens."""
    before, rounds = (-1, -1), 0
    for _ in range(400):
        now = (len(visit.calls.all()), len(site.asked))
        rounds = rounds + 1 if now == before else 0
        if rounds == 10:
            return
        before = now
        page.wait_for_timeout(100)
    pytest.fail("the page goes on loading")


def visited(
    driver: Playwright, scheme: str, scripts: bool, folder: Path | None, policy: dict[str, Any] = POLICY
) -> tuple[set[str], Site]:
    """Every host that the logger or the browser's own log saw, with the index page open and clicked on."""
    hosts = [way.seen_as() for way in WAYS if TRACKER in way.seen_as()] + [f"data.{TRACKER}"]
    ways = WAYS if policy is POLICY and folder else ALL
    with ways_site(ways, scheme, folder, policy) as (origin, site):
        with visiting(driver, hosts, javascript=scripts) as visit:
            page = visit.page()
            page.goto(origin)
            if scripts:
                # Chromium asks for it when an app could be installed, and without scripts none can.
                visit.context.new_cdp_session(page).send("Page.getAppManifest")
            for element in page.locator("[data-click]").all():
                element.evaluate(CLICK, timeout=PATIENCE)
            quiet(page, visit, site)
        return visit.calls.hosts() | visit.netlog.hosts(), site


def described(ways: list[Way], scheme: str) -> str:
    return "\n".join(f"{way.name}: {way.html(scheme) or way.headers(scheme)}" for way in ways)


def assert_none_came_through(hosts: set[str], scheme: str) -> None:
    leaking = [way for way in ALL if way.seen_as() in hosts]
    assert not leaking, described(leaking, scheme)
    assert not {host for host in hosts if host.partition(":")[0].rstrip(".").endswith(f".{TRACKER}")}


def own_numbers(scripts: bool) -> set[int]:
    numbers = {int(number) for number in re.findall(r"/own/(\d+)\.", OWN)}
    return numbers - (QUIET if scripts else SCRIPTED)


@pytest.mark.variant
@browsers
def test_without_consentkit_every_way_is_seen_alone(driver: Playwright, full: bool) -> None:
    for scheme, scripts in MODES if full else MODES[::3]:
        hosts, site = visited(driver, scheme, scripts, None)
        works = [way for way in ALL if way.works(scripts=scripts)]
        if any(way.seen_as() not in hosts for way in works):
            # A busy machine may fetch something after the page has been silent for long.
            hosts |= visited(driver, scheme, scripts, None)[0]
        unseen = [way for way in works if way.seen_as() not in hosts]
        assert not unseen, described(unseen, scheme)
        assert f"data.{TRACKER}" not in hosts
        assert site.own() == own_numbers(scripts)


@browsers
def test_with_consentkit_none_is_seen_and_the_sites_own_loads(
    driver: Playwright, tmp_path: Path, full: bool
) -> None:
    for scheme, scripts in MODES if full else MODES[::3]:
        folder = tmp_path / f"{scheme} {scripts}"
        folder.mkdir()
        hosts, site = visited(driver, scheme, scripts, folder)
        assert_none_came_through(hosts, scheme)
        assert site.own() == own_numbers(scripts)


@browsers
def test_in_strict_mode_nobody_undeclared_is_seen_and_the_sites_own_loads(
    driver: Playwright, tmp_path: Path
) -> None:
    hosts, site = visited(driver, "http", True, tmp_path, STRICT)
    assert_none_came_through(hosts, "http")
    assert site.own() == own_numbers(scripts=True)


def test_there_are_enough_ways_and_each_has_a_host_of_its_own() -> None:
    for scripts in (True, False):
        assert len([way for way in WAYS if way.works(scripts=scripts)]) >= 200
    for names in ([way.name for way in ALL], [way.seen_as() for way in ALL]):
        assert len(names) == len(set(names))
    assert max(len(way.name) for way in ALL) <= LONGEST_LABEL


def test_page_data_that_names_a_tracker_stays_byte_for_byte(tmp_path: Path) -> None:
    assert DATA.count(TRACKER) + DATA.count(MARK) > 10
    with ways_site(WAYS, "http", tmp_path) as (origin, _), urllib.request.urlopen(origin) as answer:
        page = answer.read()
    assert DATA.encode() in page
    assert b'data-consentkit="everywhere"' in page
