"""The control: without the middleware every snippet and hint of the shop reaches its host, and shows."""

from collections.abc import Iterator

import pytest
from browser import Visit, settle, storage, until, visiting
from playwright.sync_api import Playwright, sync_playwright
from stage import COLLECTORS, HOSTS, Stage, bare

from consentkit.demo.snippets import PARTS, TRACKER, Part

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def stage() -> Iterator[Stage]:
    with bare() as running:
        yield running


def open_part(visit: Visit, stage: Stage, part: Part, hosts: tuple[str, ...]) -> None:
    page = visit.page()
    page.goto(f"{stage.shop}/only/{part.name}")
    settle(page)
    if TRACKER in hosts:
        until(page, stage.reached, f"{part.name} reaches the tracker")
    for host in hosts:
        # A look-up alone connects to nobody: only the browser's own log can know of it.
        if host != TRACKER and part.name != "dns-prefetch":
            assert visit.calls.wait_for(host), f"{part.name} did not reach {host}"


def in_turn() -> list[tuple[Part, ...]]:
    """The parts in groups of which no two share a host: each host in a browser's log is one part's doing.

    What calls the tracker of ours comes last: it may call once more as its page is closed.
    """
    groups: list[list[Part]] = []
    for part in sorted(PARTS, key=lambda part: TRACKER in part.hosts):
        for group in groups:
            if not {host for other in group for host in other.hosts} & set(part.hosts):
                group.append(part)
                break
        else:
            groups.append([part])
    return [tuple(group) for group in groups]


@pytest.mark.parametrize("parts", in_turn(), ids=lambda parts: " ".join(part.name for part in parts))
def test_each_part_alone_reaches_its_hosts(driver: Playwright, stage: Stage, parts: tuple[Part, ...]) -> None:
    with visiting(driver, HOSTS) as visit:
        for part in parts:
            visit.calls.clear()
            stage.app.state.ledger.clear()
            open_part(visit, stage, part, part.hosts)
            others = HOSTS - set(part.hosts)
            assert not others & visit.calls.hosts(), "a part that is alone reaches no other host"
            assert all(bool(stage.reached()) == (host == TRACKER) for host in part.hosts)
            visit.context.pages[-1].close()
    asked = {host for part in parts for host in part.hosts}
    logged = visit.netlog.hosts()
    assert {stage.at(host) for host in asked} <= logged
    assert not (HOSTS - asked) & logged


@pytest.mark.variant
def test_each_part_without_javascript_reaches_its_hosts(driver: Playwright, stage: Stage) -> None:
    quiet = [part for part in PARTS if part.quiet_hosts]
    with visiting(driver, HOSTS, javascript=False) as visit:
        for part in quiet:
            visit.calls.clear()
            open_part(visit, stage, part, part.quiet_hosts)
            assert HOSTS & visit.calls.hosts() <= set(part.quiet_hosts)
    # No two of these parts share a host, so each host in the log is its own part's doing.
    assert HOSTS & visit.netlog.hosts() == {host for part in quiet for host in part.quiet_hosts}


def test_both_real_trackers_run_and_leave_cookies_and_storage(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(f"{stage.shop}/tea/garden-mint")
        until(page, lambda: set(stage.reached()) >= COLLECTORS, "both collectors are called")
        here, there = visit.cookies()["localhost"], visit.cookies()["127.0.0.1"]
        kept = storage(page)
    assert any(name.startswith("ph_") for name in here)
    assert any(name.startswith("_sp_id.") for name in here)
    assert any(name.startswith("_sp_ses.") for name in here)
    assert "_shop_visit" in here
    assert there == {"sp"}
    assert any(name.startswith("ph_") for name in kept["local"])
    assert any(name.startswith("snowplowOutQueue") for name in kept["local"])
    assert visit.errors == []


def test_the_trackers_name_their_events(driver: Playwright, stage: Stage) -> None:
    with visiting(driver, HOSTS) as visit:
        page = visit.page()
        page.goto(stage.shop)
        page.wait_for_function("window.posthog && posthog.__loaded")
        page.evaluate("posthog.capture('asked for tea')")
        rows = stage.app.state.ledger.rows
        wanted = {"asked for tea", "$pageview", "pv"}
        until(
            page, lambda: wanted <= {event for row in rows() for event in row["events"]}, "all events named"
        )
