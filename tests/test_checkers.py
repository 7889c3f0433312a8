"""What other people's programs make of what visitors see: axe-core, autoconsent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe import axe
from browser import launched, serving
from playwright.sync_api import Browser, Page, expect
from sample import app, mounted
from samples import first
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

pytestmark = pytest.mark.browser

AUTOCONSENT = (
    Path(__file__).parent.parent / "node_modules/@duckduckgo/autoconsent/dist/autoconsent.standalone.js"
)
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1>Shop</h1><p>Tea.</p></main>
<footer><a href="/consent/" data-consent="open">Cookies</a></footer></body></html>"""


async def home(request: Request) -> Response:
    return HTMLResponse(PAGE.format(lang=request.query_params.get("lang", "en")))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    site = mounted(app(Route("/", home)), tmp_path_factory.mktemp("site"))
    with serving(site, "localhost") as origin:
        yield origin
    site.kit.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor whom nobody knows yet."""
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.set_content(
        "<!doctype html><html lang=en><title>x</title><main><h1>x</h1><p><img src=data:,></main>"
    )
    assert [line.split(" ")[0] for line in axe(page)] == ["image-alt"]


@pytest.mark.skipif(not AUTOCONSENT.exists(), reason="node_modules/@duckduckgo/autoconsent isn't there")
@pytest.mark.parametrize("lang", first("de", "en", "fr"))
def test_autoconsent_finds_the_banner_and_refuses(page: Page, origin: str, lang: str) -> None:
    """Without a rule made for it, by its words and buttons alone."""
    page.goto(f"{origin}/?lang={lang}")
    expect(page.get_by_role("dialog")).to_have_attribute("lang", lang)
    page.evaluate(AUTOCONSENT.read_text("utf-8") + ";0")
    page.wait_for_function("autoconsentStandalone.messages.some(({type}) => type === 'optOutResult')")
    told = page.evaluate("JSON.stringify(autoconsentStandalone.messages)")
    messages = {each["type"]: each for each in json.loads(told)}
    assert messages["popupFound"]["cmp"] == "HEURISTIC-REJECT"
    assert messages["optOutResult"]["result"] is True
    expect(page.get_by_role("dialog")).to_have_count(0)
    state = page.context.request.get(f"{origin}/consent/state").json()
    assert (state["allowed"], state["ask"]) == (["necessary"], False)
