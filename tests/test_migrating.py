"""Pages written for other tools wait, come alive once, and open ours by their own links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Visit, serving, until, visiting
from playwright.sync_api import expect, sync_playwright
from sample import app, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.policy.aliases import ALIASES

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parent.parent / "examples" / "migrating"
TOOLS = sorted(page.stem for page in FOLDER.glob("*.html"))
VIDEO = "www.youtube-nocookie.com"
TOLD = {
    "cookiebot": ["necessary", "statistics", "marketing"],
    "onetrust": ["C0001", "C0002", "C0004"],
}
COUNTED = '(window.ran ??= []).push("visits");'


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    with sync_playwright() as driver, visiting(driver, [VIDEO]) as visit:
        yield visit


@pytest.mark.parametrize("tool", TOOLS)
def test_a_page_written_for_another_tool_waits_comes_alive_once_and_reopens(
    tool: str, visit: Visit, tmp_path: Path
) -> None:
    async def home(request: Request) -> Response:
        return HTMLResponse((FOLDER / f"{tool}.html").read_text("utf-8"))

    async def counter(request: Request) -> Response:
        return Response(COUNTED, media_type="text/javascript")

    document = policy(
        services=[visits(), "meta-pixel", "youtube"],
        pages={"aliases": [tool] if tool in ALIASES else []},
        categories=["analytics", "marketing"],
    )
    site = mounted(app(Route("/", home), Route("/js/visits.js", counter)), tmp_path, policy=document)
    visit.context.clear_cookies()
    visit.calls.clear()
    with serving(site, "localhost") as origin:
        page = visit.page()
        page.goto(origin)
        page.get_by_role("button", name="Accept all").wait_for()
        assert page.evaluate("window.ran") is None
        assert VIDEO not in visit.calls.hosts()
        page.get_by_role("button", name="Accept all").click()
        until(page, lambda: VIDEO in visit.calls.hosts(), "the film")
        page.wait_for_function("window.ran?.length == 2")
        assert page.evaluate("ran.sort()") == ["ads", "visits"]
        assert page.evaluate("told") == TOLD.get(tool, ["necessary", "analytics", "marketing"])
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_text("Cookie settings").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert page.evaluate("ran.length") == 2
        page.close()
    site.kit.close()


def test_the_notes_name_each_page_and_marks_that_can_be_read() -> None:
    notes = (FOLDER / "README.md").read_text("utf-8")
    rows = re.findall(r"(?m)^\| \[[^]]+\]\(([\w-]+)\.html\)[^|]*\|([^|]*)\|", notes)
    assert sorted(page for page, _ in rows) == TOOLS
    named = {tool: re.findall("`([^`]+)`", cell) for tool, cell in rows}
    assert all(names[:1] == [tool] for tool, names in named.items() if tool in ALIASES)
    assert {name for names in named.values() for name in names} <= set(ALIASES)
