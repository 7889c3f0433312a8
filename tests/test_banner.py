"""The starter and the banner in a real Chromium, against a stand-in for the server."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from shop_stub import CATEGORIES, POLICY, TEXTS, Shop

CHROMIUM = shutil.which("chromium")
FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shop() -> Iterator[Shop]:
    stub = Shop()
    yield stub
    for server in (stub.server, stub.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, shop: Shop) -> Page:
    page = context.new_page()
    page.goto(shop.url)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()


def gone(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_first_visit_is_asked_and_nothing_optional_happens(page: Page, shop: Shop) -> None:
    expect(page.get_by_role("dialog", name="Cookies on Shop")).to_be_visible()
    assert page.evaluate("order") == []
    assert shop.tracker.asked == []
    assert shop.server.paths().count("GET /consent/state") == 1


def test_rejecting_loads_nothing_and_is_not_asked_again(page: Page, shop: Shop) -> None:
    press(page, "Reject all")
    gone(page)
    sent = shop.posted()
    assert sent == {
        "choices": dict.fromkeys(CATEGORIES, False),
        "policy": POLICY,
        "mechanism": "banner",
        "locale": "en",
    }
    page.reload()
    assert page.evaluate("new Promise(r => consentkit.push(k => r(k.state)))") == {
        "allowed": ["necessary"],
        "ask": False,
    }
    gone(page)
    assert shop.tracker.asked == []
    assert shop.server.paths().count("GET /consent/state") == 1


def settled(page: Page, shop: Shop) -> int:
    """How much the tracker has been sent, once what was on its way has arrived; fails if it never ends."""
    count, quiet = -1, 0
    for _ in range(40):
        quiet = quiet + 1 if len(shop.tracker.asked) == count else 0
        if quiet == 4:
            return count
        count = len(shop.tracker.asked)
        page.wait_for_timeout(250)
    raise AssertionError("the tracker goes on sending")


def choose_analytics(page: Page) -> None:
    press(page, "Choose")
    boxes = {c: page.locator(f"input[name={c}]") for c in ("necessary", *CATEGORIES)}
    assert {c: (b.is_checked(), b.is_enabled()) for c, b in boxes.items()} == {
        c: (c == "necessary", c != "necessary") for c in boxes
    }
    boxes["analytics"].check()
    press(page, "Save choices")
    gone(page)


def test_analytics_only_revives_in_document_order_in_every_tab_without_a_reload(
    page: Page, context: BrowserContext, shop: Shop
) -> None:
    other = context.new_page()
    other.goto(shop.url)
    born = [tab.evaluate("window.born") for tab in (page, other)]
    choose_analytics(page)
    for tab, since in zip((page, other), born, strict=True):
        tab.wait_for_function("order.length === 3")
        expect(tab.locator("#unfolded")).to_be_visible()
        gone(tab)
        assert tab.evaluate("order") == ["inline after external", "author", "template"]
        assert tab.evaluate("[born, window.adsRan, consentkit.allows('analytics')]") == [since, None, True]
    assert shop.tracker.paths() == ["GET /stats.js"] * 2
    assert shop.posted()["mechanism"] == "preferences"


@pytest.mark.parametrize("status", [403, 409, 422, 429, 503])
def test_a_choice_that_is_not_recorded_keeps_the_banner_and_grants_nothing(
    page: Page, shop: Shop, status: int
) -> None:
    shop.fail = status
    press(page, "Accept all")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text(TEXTS["en"]["status"]["failed"])
    assert page.get_by_role("button", name="Accept all").is_enabled()
    assert page.evaluate("consentkit.state.allowed") == ["necessary"]
    assert shop.tracker.asked == []


def test_reopening_shows_the_stored_choice_and_escape_gives_focus_back(page: Page, shop: Shop) -> None:
    choose_analytics(page)
    page.reload()
    page.click("#manage")
    expect(page.get_by_role("heading", name="Cookies on Shop")).to_be_focused()
    assert [page.locator(f"input[name={c}]").is_checked() for c in CATEGORIES] == [False, True, False]
    page.keyboard.press("Escape")
    gone(page)
    expect(page.locator("#manage")).to_be_focused()
    assert shop.server.paths().count("POST /consent/") == 1


@pytest.mark.parametrize("status", [None, 503])
def test_withdrawal_silences_a_hostile_tracker_in_every_tab(
    page: Page, context: BrowserContext, shop: Shop, status: int | None
) -> None:
    """L14; the tracker kept its own fetch and sendBeacon, and writes again while the page unloads."""
    press(page, "Accept all")
    gone(page)
    other = context.new_page()
    other.goto(shop.url)
    for tab in (page, other):
        tab.wait_for_function("window.adsRan && document.cookie.includes('_ads') && localStorage.ads_id")
        tab.evaluate("window.stale = true")
    page.click("#manage")
    shop.fail = status
    shop.answered.clear()
    page.get_by_role("dialog").get_by_role("button", name="Reject all").click()
    before = settled(page, shop)
    page.wait_for_timeout(400)
    assert [tab.evaluate("window.stale") for tab in (page, other)] == [True, True]
    assert len(shop.tracker.asked) == before > 0
    shop.answered.set()
    for tab in (page, other):
        tab.wait_for_function("!window.stale && document.readyState === 'complete'")
        tab.reload()
        assert tab.evaluate("[document.cookie.includes('_ads'), localStorage.ads_id, window.adsRan]") == [
            False,
            None,
            None,
        ]
    assert len(shop.tracker.asked) == before


def test_leftovers_of_denied_trackers_are_cleared_before_the_page_can_read_them(
    page: Page, shop: Shop
) -> None:
    page.goto(shop.url.replace("/shop/", "/without-starter/"))
    page.evaluate("document.cookie = '_ads_x=1; path=/shop'; document.cookie = 'cart=1; path=/'")
    page.evaluate("localStorage.ads_x = 1; localStorage.theme = 'dark'")
    page.goto(shop.url)
    found = page.evaluate("window.found")
    assert "_ads_x" not in found
    assert "_early" not in found
    assert "ads_x" not in found
    assert "cart=1" in found
    assert "theme" in found


def test_a_script_can_refuse_for_the_visitor_but_never_accept(context: BrowserContext, shop: Shop) -> None:
    page = context.new_page()
    page.goto(shop.url + "?bot=accept-all")
    # Asking the page anything through the driver would count as the visitor's activity.
    page.wait_for_timeout(700)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert "POST /consent/" not in shop.server.paths()
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.goto(shop.url + "?bot=reject-all")
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)


def test_a_blocked_frame_says_what_it_is_and_opens_the_choices(page: Page, shop: Shop) -> None:
    press(page, "Reject all")
    gone(page)
    expect(page.locator(".consentkit-blocked")).to_contain_text("Youtube is blocked here")
    page.locator(".consentkit-blocked button").click()
    page.locator("input[name=marketing]").check()
    press(page, "Save choices")
    expect(page.locator(".consentkit-blocked")).to_have_count(0)
    expect(page.locator("iframe").first).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').src.endsWith('/video')")


@pytest.mark.parametrize("locale", sorted(TEXTS))
def test_the_notice_speaks_the_pages_language(page: Page, shop: Shop, locale: str) -> None:
    shop.lang = locale + "-XX"
    page.reload()
    box = page.get_by_role("dialog", name=TEXTS[locale]["title"].format(site="Shop"))
    expect(box).to_have_attribute("lang", locale)
    sizes = [
        box.get_by_role("button", name=TEXTS[locale]["buttons"][b]).bounding_box()
        for b in ("accept", "reject")
    ]
    (_, _, *accept), (_, _, *reject) = [list((each or {}).values()) for each in sizes]
    assert accept == reject
    press(page, TEXTS[locale]["buttons"]["reject"])
    gone(page)
    assert shop.posted()["locale"] == locale


def test_a_base_elsewhere_never_makes_consentkit_contact_it(context: BrowserContext, shop: Shop) -> None:
    shop.base = f'<base href="{shop.foreign}/">'
    page = context.new_page()
    page.goto(shop.url)
    details = page.get_by_role("dialog").get_by_role("link").first
    assert details.evaluate("link => link.origin === location.origin")
    press(page, "Reject all")
    gone(page)
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)
    assert not [path for path in shop.tracker.paths() if "consent" in path]
    assert "GET /consent/static/banner.css" in shop.server.paths()
