"""What is pressed and drawn, whatever the page does: early, in shadow trees, in frames, over it."""

from collections.abc import Iterator

import pytest
from browser import launched, until
from playwright.sync_api import Browser, Page, Route, expect
from shop_stub import CATEGORIES, TEXTS, Shop

pytestmark = pytest.mark.browser

SHADOW = """<div><template shadowrootmode="open">
<button data-consent="reject-all">None</button></template></div>"""
FRAME = """() => {
  const frame = document.createElement("iframe");
  document.body.append(Object.assign(frame, { name: "inner", src: "/shop/in" }));
}"""
HOSTILE = """html { overflow: hidden } body { transform: translateX(-200vw) scale(0.5); z-index: 0 }
body::after { background: red; content: ""; inset: 0; position: fixed; z-index: 2147483647 }"""
SEEN = """() => {
  const box = document.querySelector(".consentkit-banner").getBoundingClientRect();
  const met = document.elementFromPoint(innerWidth / 2, box.bottom - 30);
  const ours = met.closest(".consentkit-banner") !== null;
  return [box.left, box.right - innerWidth, box.bottom - innerHeight, ours];
}"""
BUTTONS = """(texts) => texts.map(({ locale, dir, buttons }) => {
  const banner = document.querySelector(".consentkit-banner"), all = [...banner.querySelectorAll("button")];
  Object.assign(banner, { lang: locale, dir });
  ["accept", "reject", "choose"].forEach((name, i) => { all[i].textContent = buttons[name]; });
  const box = banner.getBoundingClientRect(), text = banner.firstElementChild;
  const seen = all.map((e) => e.getBoundingClientRect()).every(
    ({ top, bottom }) => top >= box.top && bottom <= Math.min(box.bottom, innerHeight));
  return [locale, seen && text.clientHeight >= 48, box.height / innerHeight];
})"""
SMALL = {(320, 480): 0.601, (320, 568): 0.601, (480, 320): 0.71, (640, 360): 0.63}
"""Windows, and what share of each a bar takes at most."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def shop() -> Iterator[Shop]:
    stub = Shop()
    yield stub
    for server in (stub.server, stub.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def test_what_is_pressed_before_the_kernel_has_come_happens_once_it_has(page: Page, shop: Shop) -> None:
    """In an open shadow tree too, where the page's own listeners see only its host."""
    held: list[Route] = []
    shop.more = SHADOW
    page.route("**/kernel.js", lambda route: held.append(route), times=1)
    page.goto(shop.url, wait_until="commit")
    page.get_by_role("button", name="None").click()
    until(page, lambda: held, "the kernel is not asked for")
    assert page.url == shop.url
    assert "POST /consent/" not in shop.server.paths()
    held[0].continue_()
    until(page, lambda: "POST /consent/" in shop.server.paths(), "the choice isn't sent")
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)
    assert (shop.posted()["mechanism"], shop.posted()["control"]) == ("page", "reject-all")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_bar_stands_over_all_that_the_page_draws_and_the_page_alone_asks(page: Page, shop: Shop) -> None:
    """2.4.11, 1.4.10; its frame of the same site asks nothing; one in a page without consentkit does."""
    page.goto(shop.url)
    box = page.get_by_role("dialog")
    box.wait_for()
    page.evaluate(FRAME)
    page.wait_for_function("frames.inner?.consentkit?.state?.ask")
    page.add_style_tag(content=HOSTILE)
    assert page.evaluate(SEEN) == [0, 0, 0, True]
    for (width, height), most in SMALL.items():
        page.set_viewport_size({"width": width, "height": height})
        for locale, seen, share in page.evaluate(BUTTONS, list(TEXTS.values())):
            assert seen, (locale, width, height)
            assert share <= most, (locale, width, height)
    assert page.evaluate("frames.inner.document.querySelector('.consentkit-banner')") is None
    page.goto(shop.url.replace("/shop/", "/without-starter/"))
    page.evaluate(FRAME)
    expect(page.frame_locator("iframe").get_by_role("dialog")).to_be_visible()


def test_what_could_not_be_loaded_is_tried_again(page: Page, shop: Shop) -> None:
    """Meanwhile a control leads to the visitor's page, and a blocked frame says what the page tells of it."""
    page.clock.install()
    page.route("**/banner.js*", lambda route: route.abort(), times=1)
    page.route("**/details-*", lambda route: route.fulfill(status=404), times=1)
    page.goto(shop.url)
    blocked = page.frame_locator("iframe[data-consentkit]").locator("body")
    expect(blocked.locator("p").first).to_have_text(shop.foreign.removeprefix("http://"))
    expect(blocked.get_by_role("link")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.clock.fast_forward(11_000)
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(blocked.get_by_role("button", name="Load once")).to_be_visible()
    assert len([path for path in shop.server.paths() if "/notice-" in path]) == 1
