"""The banner's forms: what a policy says of them, and how each stands in its page (A5 to A8, §3.9)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import launched, serving
from playwright.sync_api import Browser, Locator, Page, expect
from sample import app, mounted, policy
from samples import first
from shop_stub import CATEGORIES, TEXTS, Shop, notice
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.edition import compile_edition
from consentkit.errors import PolicyError
from consentkit.policy.banner import CONTROLS, Banner
from consentkit.policy.change import still_counts
from consentkit.policy.document import parse
from consentkit.policy.rendering import preferences_layer
from consentkit.policy.version import from_bytes, resolve

OPENED = "document.documentElement.classList.contains('consentkit-open')"


def problems_of(table: object) -> dict[str, str]:
    with pytest.raises(PolicyError) as caught:
        parse(policy(banner=table))
    return {problem.path: str(problem) for problem in caught.value.problems}


def test_everything_wrong_with_a_banner_is_told_at_once_with_what_is_allowed() -> None:
    found = problems_of(
        {"form": "popup", "position": "left", "order": ["accept", "buy", 7], "button": "middle", "wide": 1}
    )
    assert found["banner.form"].endswith("(allowed: bar, dialog, inline)")
    assert found["banner.position"].endswith("(allowed: bottom, top)")
    assert found["banner.order.1"].endswith("(allowed: accept, reject, choose)")
    assert "top-right" in found["banner.button"]
    assert found["banner.wide"].endswith("(allowed: form, position, order, button, headless)")
    assert found.keys() - {"banner.order.2"} == {
        f"banner.{field}" for field in ("form", "position", "order.1", "button", "wide")
    }


@pytest.mark.parametrize(
    ("table", "path"),
    [
        (7, "banner"),
        ({"order": ["accept", "choose", "accept"]}, "banner.order"),
        ({"order": ["accept", "choose"]}, "banner.order"),
        ({"order": []}, "banner.order"),
        ({"form": "dialog", "position": "top"}, "banner.position"),
        ({"headless": "yes"}, "banner.headless"),
        ({"headless": True, "button": "top-left"}, "banner.button"),
    ],
)
def test_a_banner_that_cannot_be_drawn_is_one_mistake(table: object, path: str) -> None:
    assert problems_of(table).keys() == {path}


def test_what_the_small_button_says_is_logged_where_there_is_one() -> None:
    """A6: with its name, in each language, before it is shown."""
    edition = compile_edition(resolve(policy(banner={"button": "top-left"})), "/consent")
    for locale in edition.policy.site.languages:
        logged = json.loads(edition.renderings[locale].body)
        words = [TEXTS[locale]["labels"]["unblock"], TEXTS[locale]["buttons"]["withdraw"]]
        assert [each["parts"][0] for each in logged["corner"]["parts"]] == words
        assert logged["banner"]["button"] == "top-left"
    assert {"corner.js", "corner.css"} <= edition.manifest["files"].keys()
    plain = compile_edition(resolve(policy()), "/consent")
    assert not {"corner.js", "corner.css"} & plain.manifest["files"].keys()
    assert "manage" not in json.loads(plain.notices["en"].body)


def test_another_form_is_another_version_that_asks_nobody_again() -> None:
    """And a policy that says nothing of it, or what holds anyway, stays the version that it was."""
    plain, stated = resolve(policy()), resolve(policy(banner={"form": "bar", "order": list(CONTROLS)}))
    assert plain.version == stated.version
    other = resolve(policy(banner={"form": "dialog", "order": ["reject", "accept", "choose"]}))
    assert other.version != plain.version
    assert from_bytes(other.body).banner == Banner(form="dialog", order=["reject", "accept", "choose"])
    for category in other.categories:
        assert all(still_counts(plain, other, category, granted=granted) for granted in (True, False))


@pytest.mark.parametrize(
    "table", [{}, {"position": "top"}, {"form": "dialog"}, {"form": "inline"}, {"headless": True}]
)
def test_a_site_serves_and_logs_the_files_of_its_form_alone(table: dict[str, Any]) -> None:
    edition = compile_edition(resolve(policy(banner=table)), "/consent")
    files = {asset.name for asset in edition.served.values()}
    forms = {"banner.js", "dialog.js", "inline.js", "headless.js", "banner.css", "top.css", "dialog.css"}
    assert files & (forms | {"inline.css"}) == {*Banner(**table).files}
    assert {*Banner(**table).files} <= edition.manifest["files"].keys()


# In a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def shared() -> Iterator[Shop]:
    shop = Shop()
    shop.more = LONG
    yield shop
    for server in (shop.server, shop.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def shop(shared: Shop) -> Shop:
    shared.choices, shared.banner, shared.more = None, Banner(), LONG
    return shared


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 720})
    yield context.new_page()
    context.close()


LONG = (
    "<input id=first aria-label=first>" + "<p>Tea and kettles.</p>" * 60 + "<input id=last aria-label=last>"
)
VISIBLE = """(id) => {
  const { top, bottom, left } = document.getElementById(id).getBoundingClientRect();
  return document.elementFromPoint(left + 3, (top + bottom) / 2)?.id === id;
}"""


def names(page: Page) -> list[str]:
    return page.locator(".consentkit-actions button").all_inner_texts()


def test_the_buttons_keep_their_places_on_both_layers(tab: Page, shop: Shop) -> None:
    shop.banner = Banner(order=["reject", "choose", "accept"], position="top")
    tab.goto(shop.url)
    box = tab.get_by_role("dialog")
    box.wait_for()
    assert names(tab) == ["Reject all", "Choose", "Accept all"]
    box.get_by_role("button", name="Choose").click()
    box.get_by_role("button", name="Back").wait_for()
    assert names(tab) == ["Reject all", "Save choices", "Accept all", "Back"]
    drawn = preferences_layer(notice("en"), shop.banner.order)[1]["parts"]
    assert [button["parts"][0] for button in drawn] == names(tab)


@pytest.mark.parametrize("position", ["bottom", "top"])
def test_a_bar_stands_at_its_edge_and_covers_nothing_that_has_focus(
    tab: Page, shop: Shop, position: Any
) -> None:
    """2.4.11; and whoever answers nothing can scroll, and use the page."""
    shop.banner = Banner(position=position)
    tab.goto(shop.url)
    box = tab.get_by_role("dialog")
    box.wait_for()
    edges = box.evaluate(
        "e => [e.getBoundingClientRect().top, innerHeight - e.getBoundingClientRect().bottom]"
    )
    assert (edges[0] == 0, edges[1] == 0) == (position == "top", position == "bottom")
    for field, back in (("last", "first"), ("first", "last")):
        tab.focus(f"#{back}")
        tab.keyboard.press("Shift+Tab" if field == "first" else "Tab")  # the keyboard is in use
        tab.focus(f"#{field}")
        assert tab.evaluate(VISIBLE, field), field
    tab.mouse.move(640, 360)
    tab.evaluate("scrollTo(0, 0)")
    tab.mouse.wheel(0, 300)
    tab.wait_for_function("scrollY > 0")


def test_a_dialog_keeps_focus_and_escape_answers_nothing(tab: Page, shop: Shop) -> None:
    shop.banner = Banner(form="dialog")
    tab.goto(shop.url)
    box = tab.get_by_role("dialog", name="Cookies on Shop")
    expect(box.get_by_role("heading")).to_be_focused()
    assert box.evaluate("e => e.matches(':modal')")
    for _ in range(7):  # the window's own controls are all else that there is
        tab.keyboard.press("Tab")
        assert tab.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    for _ in range(3):  # browsers let the second one pass
        tab.keyboard.press("Escape")
        assert box.evaluate("e => e.matches(':modal') && !!e.querySelector('[data-consent=accept-all]')")
    box.get_by_role("button", name="Choose").click()
    expect(box.get_by_role("button", name="Save choices")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(box.get_by_role("button", name="Choose")).to_be_visible()
    assert "POST /consent/" not in shop.server.paths()
    box.get_by_role("button", name="Reject all").click()
    expect(box).to_have_count(0)
    tab.click("#manage")
    expect(box.get_by_role("heading")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(box).to_have_count(0)
    expect(tab.locator("#manage")).to_be_focused()
    assert shop.server.paths().count("POST /consent/") == 1


def test_a_block_stands_where_the_site_wants_it(tab: Page, shop: Shop) -> None:
    shop.banner = Banner(form="inline")
    shop.more = "<aside data-consent=here></aside>" + LONG
    tab.goto(shop.url)
    box = tab.get_by_role("region", name="Cookies on Shop")
    box.wait_for()
    assert box.evaluate("e => [e.parentNode.localName, getComputedStyle(e).position]") == ["aside", "static"]
    box.get_by_role("button", name="Choose").click()
    box.get_by_role("checkbox", name="Analytics").check()
    box.get_by_role("button", name="Save choices").click()
    expect(box).to_have_count(0)
    assert shop.posted()["choices"] == {each: each == "analytics" for each in CATEGORIES}
    shop.choices, shop.more = None, LONG
    tab.context.clear_cookies()
    tab.reload()
    box.wait_for()
    assert box.evaluate("e => e === document.body.firstElementChild")


def test_a_headless_site_draws_all_itself_and_its_controls_answer(tab: Page, shop: Shop) -> None:
    shop.banner = Banner(headless=True)
    shop.more = (
        "<form><input type=checkbox name=analytics><button data-consent=save>Mine</button></form>"
        "<button data-consent=reject-all>None</button><button data-consent=open>More</button>"
    )
    tab.goto(shop.url)
    assert tab.evaluate("new Promise(done => consentkit.push(kit => done(kit.state.ask)))")
    tab.check("input[name=analytics]")
    with tab.expect_response(lambda answer: answer.request.method == "POST"):
        tab.click("text=Mine")
    assert shop.posted()["choices"] == {each: each == "analytics" for each in CATEGORIES}
    assert shop.posted()["mechanism"] == "page"
    tab.wait_for_function("consentkit.allows('analytics')")
    assert tab.locator(".consentkit-banner, .consentkit-saved").count() == 0
    tab.click("text=More")
    tab.wait_for_url("**/consent/")


@pytest.mark.parametrize("form", ["bar", "dialog", "inline"])
def test_at_320_pixels_everything_is_reached_and_what_scrolls_says_so(
    tab: Page, shop: Shop, form: Any
) -> None:
    """1.4.10."""
    shop.banner = Banner(form=form)
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.goto(shop.url)
    box = tab.locator(".consentkit-banner")
    box.wait_for()
    assert box.evaluate("e => e.scrollWidth <= e.clientWidth && e.getBoundingClientRect().width <= 320")
    for each in box.get_by_role("button").all() + box.get_by_role("link").all():
        each.focus()
        assert each.evaluate("""e => {
          const { top, bottom, left, right } = e.getBoundingClientRect();
          return e.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
        }""")
    text = box.locator(".consentkit-text")
    if text.evaluate("e => e.scrollHeight > e.clientHeight"):
        assert "gradient" in text.evaluate("e => getComputedStyle(e).maskImage")
    else:
        assert form == "inline"


@pytest.mark.parametrize("corner", first("bottom-left", "top-left"))
def test_a_decided_visitor_finds_the_same_small_button_in_its_corner_of_every_page(
    tab: Page, shop: Shop, corner: Any
) -> None:
    """A3, A5, A6, 2.4.11, 2.5.8, 3.2.4."""
    shop.banner = Banner(button=corner)
    tab.goto(shop.url)
    small = tab.locator(".consentkit-corner [data-consent=open]")  # a placeholder's link has its name
    tab.get_by_role("dialog").get_by_role("button", name="Accept all").click()
    small.wait_for()
    expect(small).to_have_accessible_name("Manage cookies")
    place = small.bounding_box()
    assert place
    assert min(place["width"], place["height"]) >= 24
    assert place["x"] < 640
    assert ("top" in corner) == (place["y"] < 360)
    shop.server.asked.clear()
    tab.goto(shop.url + "/two")
    small.wait_for()
    assert small.bounding_box() == place
    assert "GET /consent/state" not in shop.server.paths()
    tab.evaluate("document.body.insertAdjacentHTML('afterbegin', '<input id=top aria-label=top>')")
    for field, key in (("manage", "Tab"), ("top", "Shift+Tab")):  # where the page ends, and begins
        tab.keyboard.press(key)
        tab.focus(f"#{field}")
        assert tab.evaluate(VISIBLE, field), field
    small.press("Enter")
    expect(tab.get_by_role("dialog").get_by_role("heading")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(small).to_be_focused()
    assert small.count() == 1
    withdraw = tab.get_by_role("button", name="Withdraw everything")
    with tab.expect_response("**/consent/"):
        withdraw.press("Enter")
    expect(withdraw).to_have_count(0)
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)
    assert small.bounding_box() == place


def test_withdrawing_takes_no_more_presses_than_accepting(tab: Page, shop: Shop) -> None:
    """A7, GDPR 7(3): by each way that there is, counted in trusted events."""
    shop.banner = Banner(button="bottom-right")
    shop.more = "<button data-consent=reject-all>None of it</button>"
    tab.add_init_script("addEventListener('click', event => event.isTrusted && counted(), true)")
    presses: list[int] = []
    tab.expose_function("counted", lambda: presses.append(1))
    tab.goto(shop.url)

    def presses_of(allowed: int, *ways: Locator) -> int:
        presses.clear()
        for way in ways:
            way.click()
        expect(tab.get_by_role("dialog")).to_have_count(0)
        tab.wait_for_function("many => consentkit.state?.allowed.length === many", arg=allowed)
        return len(presses)

    box, manage = tab.get_by_role("dialog"), tab.locator("#manage")
    accept, reject = (box.get_by_role("button", name=f"{verb} all") for verb in ("Accept", "Reject"))
    first = presses_of(4, accept)
    assert presses_of(1, tab.get_by_text("Withdraw everything")) <= first == 1
    assert presses_of(4, manage, accept) == 2
    assert presses_of(1, tab.get_by_text("None of it")) <= first
    again = presses_of(4, manage, accept)
    assert presses_of(1, manage, reject) <= again


def test_where_all_is_on_until_a_no_the_banner_says_so_and_a_no_ends_it(
    chromium: Browser, tmp_path: Path
) -> None:
    """L24: the same page; the server says which law holds, and the notice has its words."""

    async def page(_: Request) -> Response:
        marked = "<script type=text/plain data-category=analytics>document.title = 'counted'</script>"
        return HTMLResponse(f"<!doctype html><html lang=en><title>still</title><h1>Tea</h1>{marked}")

    site = mounted(app(Route("/", page)), tmp_path, policy=policy(regimes={"us": {}}), regime=lambda _: "us")
    with serving(site, "localhost") as here:
        context = chromium.new_context(locale="en-GB")
        tab = context.new_page()
        tab.goto(here)
        banner = tab.get_by_role("dialog")
        banner.get_by_text("It uses others, for the purposes below, unless you reject them.").wait_for()
        tab.wait_for_function("document.title === 'counted'")
        tab.get_by_role("button", name="Reject all").click()
        # What has run ends with the page.
        tab.wait_for_function("document.title === 'still' && consentkit.state?.ask === false")
        assert tab.evaluate("consentkit.state.allowed") == ["necessary"]
        context.close()
    site.kit.close()
