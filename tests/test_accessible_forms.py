"""WCAG 2.2 AA of what test_accessibility leaves: each other form, the corner, the message (§3.9).

One page for each form, as all of it is about how one thing is drawn.
"""

from collections.abc import Iterator

import pytest
from axe import axe
from browser import launched
from playwright.sync_api import Browser, Locator, Page, expect
from seen import CONTROLS, EQUAL, OWN_STYLE, SMALL, focus_ring, lost
from shop_stub import TEXTS, Shop
from test_accessibility import SPACING, ZOOMS

from consentkit.policy.banner import Banner

pytestmark = pytest.mark.browser

FORMS = {
    "dialog": Banner(form="dialog"),
    "inline": Banner(form="inline"),
    "top": Banner(position="top"),
}
ROLES = {"dialog": "dialog", "inline": "region", "top": "dialog"}
LONGEST = sorted(TEXTS, key=lambda locale: sum(map(len, TEXTS[locale]["buttons"].values())))[-5:]
FOCUS = """(controls) => {
  const each = document.activeElement, box = document.querySelector(".consentkit-banner");
  const all = [...box.querySelectorAll(controls)].filter((each) => each.checkVisibility() && !each.disabled);
  const { left, right, top, bottom } = each.getClientRects()[0];
  const met = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return [all.indexOf(each), all.length, each.contains(met)];
}"""
MOVING = """(box) => [box, ...box.querySelectorAll("*")].filter((each) => {
  const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(each);
  return animationName !== "none" || transitionDuration !== "0s" || scrollBehavior !== "auto";
}).length + document.getAnimations().length"""
CHANGED = "document.cookie = document.cookie.match(/consentkit_allows=[^;]*/)[0] + '!20000;path=/'"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def shop() -> Iterator[Shop]:
    stub = Shop()
    stub.more = "<style>iframe { border: 0; max-width: 100% }</style>"
    yield stub
    for server in (stub.server, stub.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    yield context.new_page()
    context.close()


def nothing_is_lost(page: Page, box: Locator, where: str) -> None:
    """1.4.4, 1.4.10, 1.4.12, 2.5.8: axe, then windows down to 400 %, wider and larger text, targets."""
    assert axe(page, where) == [], where
    for zoom, (width, height) in ZOOMS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert lost(box) == [], (where, zoom)
    assert box.evaluate(SMALL, CONTROLS) == [], where
    page.evaluate(OWN_STYLE, SPACING)
    assert lost(box) == [], (where, "text spacing")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert lost(box) == [], (where, "text twice as large")
    page.evaluate("document.documentElement.style.fontSize = ''; document.adoptedStyleSheets = []")


def keyboard_reaches_all(page: Page, where: str) -> None:
    """2.1.1, 2.4.3, 2.4.11: in the order of the document, and what has focus is seen."""
    page.locator(".consentkit-title").focus()
    page.keyboard.press("Tab")
    found = [page.evaluate(FOCUS, CONTROLS)]
    for _ in range(found[0][1] - 1):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUS, CONTROLS))
    assert found == [[index, len(found), True] for index in range(len(found))], where


@pytest.mark.parametrize("form", FORMS)
def test_each_form_can_be_read_reached_and_left(page: Page, shop: Shop, form: str, full: bool) -> None:
    """Both layers, light; 1.3.2 in Arabic, 1.4.11 in forced colours, 2.3.3, 4.1.2, A8 by language."""
    shop.banner = FORMS[form]
    page.goto(shop.url)
    box = page.get_by_role(ROLES[form], name="Cookies on Shop")  # type: ignore[arg-type]
    box.get_by_role("button").last.wait_for()
    nothing_is_lost(page, box, ".consentkit-banner")
    keyboard_reaches_all(page, "first layer")
    assert box.evaluate(MOVING) == 0
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    share, sides = focus_ring(box.get_by_role("button", name="Reject all"))
    assert (share >= 1, len(sides)) == (True, 4), "forced colours"
    page.emulate_media(forced_colors="none", color_scheme="dark", reduced_motion="reduce")
    assert axe(page, ".consentkit-banner") == []
    box.get_by_role("button", name="Choose").press("Enter")
    expect(box.get_by_role("checkbox", name="Analytics")).to_be_visible()
    expect(box.get_by_role("heading")).to_be_focused()
    nothing_is_lost(page, box, ".consentkit-banner")
    keyboard_reaches_all(page, "second layer")
    page.keyboard.press("Escape")
    expect(box.get_by_role("button", name="Choose")).to_be_visible()
    assert "POST /consent/" not in shop.server.paths()
    words = [TEXTS[locale] for locale in (TEXTS if full else LONGEST)]
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        for text, (accept, reject) in zip(words, box.evaluate(EQUAL, words), strict=True):
            assert accept == reject, text["locale"]
            assert accept[2], f"{text['locale']}: a word is wider than its button"
    shop.lang = "ar"
    page.reload()
    arabic = page.locator(".consentkit-banner[dir=rtl][lang=ar]")
    arabic.locator("button").last.wait_for()
    lefts = arabic.locator("button").evaluate_all("all => all.map((e) => e.getBoundingClientRect().left)")
    assert lefts == sorted(lefts, reverse=True)
    assert lost(arabic) == []


def test_the_corner_and_the_message_can_be_read_reached_and_closed(page: Page, shop: Shop) -> None:
    """2.1.1, 2.4.3, 2.4.7, 2.4.11, 2.5.8, 4.1.3; neither covers the other."""
    shop.banner = Banner(button="bottom-left")
    page.goto(shop.url)
    page.get_by_role("dialog").get_by_role("button", name="Accept all").click()
    corner, message = page.locator(".consentkit-corner"), page.locator(".consentkit-message[role=status]")
    corner.wait_for()
    page.evaluate(CHANGED)
    page.reload()
    message.get_by_role("button").wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert axe(page, ".consentkit-corner") == axe(page, ".consentkit-message") == [], scheme
    for place in (corner, message):
        nothing_is_lost(page, place, "." + place.evaluate("e => e.classList[0]"))
        page.emulate_media(forced_colors="active")
        share, sides = focus_ring(place.get_by_role("button").first)
        assert (share >= 1, len(sides)) == (True, 4)
        page.emulate_media(forced_colors="none")
    manage, withdraw = corner.get_by_role("button").all()
    expect(manage).to_have_accessible_name("Manage cookies")
    expect(withdraw).to_have_accessible_name("Withdraw everything")
    manage.focus()
    page.keyboard.press("Tab")
    expect(withdraw).to_be_focused()
    message.get_by_role("button", name="Close").press("Enter")
    expect(message).to_have_count(0)
    manage.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading")).to_be_focused()
    page.keyboard.press("Escape")
    expect(manage).to_be_focused()
