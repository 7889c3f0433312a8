"""WCAG 2.2 AA, criterion by criterion, of all that visitors and auditors see (requirements §3.9)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe import axe
from browser import launched, serving
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect
from sample import SECRET, app, mounted, policy
from samples import first
from seen import CONTROLS, EQUAL, FOCUSED, OWN_STYLE, SMALL, edge, focus_ring, lost
from shop_stub import TEXTS
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.desk.auth import link

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"></head>
<body><main><h1>Shop</h1>
<iframe title="Film" src="https://www.youtube.com/embed/x" width="300" height="200"></iframe>
{links}</main><footer><a href="/consent/" data-consent="open">Cookies</a></footer></body></html>"""
LINKS = "".join(f'<p style="margin-bottom:200px"><a href="#{n}">Tea {n}</a></p>' for n in range(8))
BANNER = ".consentkit-banner"
ZOOMS = {"reflow": (320, 800), "200 %": (640, 512), "400 %": (320, 256), "sideways": (800, 320)}
SPACING = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
 word-spacing: 0.16em !important } p { margin-bottom: 2em !important }"""


async def home(request: Request) -> Response:
    return HTMLResponse(PAGE.format(lang=request.query_params.get("lang", "en"), links=LINKS))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    said = policy()
    said["site"]["languages"] = ["en", "fr", "ar"]
    site = mounted(app(Route("/", home)), tmp_path_factory.mktemp("site"), policy=said)
    with serving(site, "localhost") as origin:
        yield origin
    site.kit.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor whom nobody knows yet."""
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


def blocked(page: Page) -> FrameLocator:
    """What stands in a blocked frame."""
    return page.frame_locator("iframe[data-consentkit]").first


def layer_one(page: Page, origin: str) -> Locator:
    page.goto(origin)
    expect(page.locator(f"{BANNER} button")).to_have_count(3)
    expect(blocked(page).get_by_role("button").first).to_be_visible()
    return page.locator(BANNER)


def layer_two(page: Page, origin: str) -> Locator:
    box = layer_one(page, origin)
    box.get_by_role("button", name="Choose").click()
    expect(box.get_by_role("checkbox", name="Analytics")).to_be_visible()
    box.locator("summary").last.click()
    return box


def placeholder(page: Page, origin: str) -> Locator:
    box = layer_one(page, origin)
    box.get_by_role("button", name="Reject all").click()
    expect(box).to_have_count(0)
    return blocked(page).locator("body")


def visitors_page(page: Page, origin: str) -> Locator:
    placeholder(page, origin)
    page.goto(f"{origin}/consent/")
    page.locator("summary").last.click()
    return page.locator("body")


def desk(page: Page, origin: str) -> Locator:
    page.goto(link(SECRET, origin))
    return page.locator("body")


Show = Callable[[Page, str], Locator]
OURS: list[Show] = [layer_one, layer_two, placeholder]
ALL: list[Show] = [*OURS, visitors_page, desk]


def each_of(shown: list[Show]) -> Any:
    return pytest.mark.parametrize("show", shown, ids=lambda show: show.__name__)


@each_of(ALL)
def test_axe_finds_nothing_and_nothing_is_lost_in_any_window(page: Page, origin: str, show: Show) -> None:
    """1.4.3 in either scheme; 1.4.4, 1.4.10, 1.4.12: all can be read and reached at any size."""
    box = show(page, origin)
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe(page) == []
    for zoom, (width, height) in ZOOMS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert lost(box) == [], zoom
    page.evaluate(OWN_STYLE, SPACING)
    assert lost(box) == [], "text spacing"
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert lost(box) == [], "text twice as large"


@pytest.mark.parametrize(("width", "height"), [(1280, 700), (320, 480)])
@each_of([layer_one, layer_two])
def test_tab_goes_through_the_banner_and_on_through_the_page_and_what_has_focus_is_seen(
    page: Page, origin: str, show: Show, width: int, height: int
) -> None:
    """2.1.1, 2.1.2, 2.4.3, 2.4.11: in the order of the document, and nothing is held or covered."""
    page.set_viewport_size({"width": width, "height": height})
    show(page, origin)
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    page.locator(f"{BANNER} h2").focus()
    page.keyboard.press("Tab")
    found = [page.evaluate(FOCUSED)]
    count = found[0][1]
    for _ in range(count - 1 + blocked(page).locator("button, a").count()):
        page.keyboard.press("Tab")
        found.append(page.evaluate(FOCUSED))
    # What stands in the blocked frame has the focus of a document of its own.
    assert [each for each in found if each[0] >= 0] == [[index, count, True] for index in range(count)]
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED) == [count - 2, count, True]


def test_escape_and_back_grant_nothing_and_give_focus_back(page: Page, origin: str) -> None:
    """2.4.3; whatever was ticked before."""
    box = layer_one(page, origin)
    posts: list[str] = []
    page.on("request", lambda request: posts.extend([request.method] * (request.method == "POST")))
    page.keyboard.press("Escape")
    expect(box).to_be_visible()
    footer = page.get_by_role("link", name="Cookies", exact=True)
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: box.get_by_role("button", name="Back").click(),
    ):
        footer.press("Enter")
        expect(page.get_by_role("heading", name="Cookies on")).to_be_focused()
        box.get_by_role("checkbox", name="Analytics").check()
        leave()
        expect(box.get_by_role("button", name="Choose")).to_be_visible()
        expect(footer).to_be_focused()
    assert posts == []
    assert page.evaluate("consentkit.state.allowed") == ["necessary"]


RINGS = first(("light", "none"), ("dark", "active"), ("light", "active"), ("dark", "none"))


@pytest.mark.parametrize(("scheme", "forced"), RINGS)
def test_focus_and_the_edges_of_controls_can_be_seen(
    page: Page, origin: str, scheme: Any, forced: Any
) -> None:
    """1.4.11, 2.4.7: by 3:1, in pixels, in either scheme and in forced colours."""
    page.emulate_media(color_scheme=scheme, forced_colors=forced)
    box = layer_two(page, origin)
    page.keyboard.press("Tab")
    controls = {
        "box": box.get_by_role("checkbox", name="Preferences"),
        "fold": box.locator("summary").first,
        "link": box.get_by_role("link", name="Cookie policy"),
        "button": box.get_by_role("button", name="Accept all"),
        "blocked": blocked(page).get_by_role("button").first,
    }
    for name, control in controls.items():
        share, sides = focus_ring(control)
        assert sides == ["bottom", "left", "right", "top"], name
        assert share >= 1, name
        if name not in ("fold", "link"):
            assert edge(control) >= 0.7, f"{name}: its corners may be round"


@each_of(OURS)
def test_every_control_is_24_pixels_wide_and_high(page: Page, origin: str, show: Show) -> None:
    """2.5.8, without any exception; axe looks at the pages."""
    page.set_viewport_size({"width": 320, "height": 700})
    assert show(page, origin).evaluate(SMALL, CONTROLS) == []


def test_the_first_layer_is_what_a_screen_reader_is_told(page: Page, origin: str) -> None:
    """1.3.1, 4.1.2."""
    expect(layer_one(page, origin)).to_match_aria_snapshot("""
      - dialog "Cookies on Corner Shop":
        - heading "Cookies on Corner Shop" [level=2]
        - paragraph
        - paragraph
        - paragraph
        - paragraph: "What they are for:"
        - list:
          - listitem:
            - strong: Necessary
            - text: Keep the site working and secure, and remember this choice.
            - strong: Always on
          - listitem
          - listitem
          - listitem
        - paragraph:
          - link "All companies and cookies"
          - link "Cookie policy"
        - button "Accept all"
        - button "Reject all"
        - button "Choose"
        - status
    """)


def test_boxes_have_names_states_and_descriptions(page: Page, origin: str) -> None:
    """1.3.1, 2.5.3, 4.1.2."""
    box = layer_two(page, origin)
    for name in ("Necessary", "Preferences", "Analytics", "Marketing"):
        each = box.get_by_role("checkbox", name=name)
        expect(each).to_be_checked(checked=name == "Necessary")
        expect(each).to_be_enabled(enabled=name != "Necessary")
        expect(each).to_have_accessible_description(TEXTS["en"]["categories"][name.lower()]["description"])
    named = box.locator("[aria-label]").evaluate_all("all => all.map((e) => [e.ariaLabel, e.textContent])")
    assert named
    assert all(text in label for label, text in named), "2.5.3: what is read is part of what is called"


def test_a_choice_is_told_without_moving_focus_and_so_is_its_failure(page: Page, origin: str) -> None:
    """4.1.3: what tells it is there before it has anything to tell."""
    box = layer_one(page, origin)
    page.route("**/consent/", lambda route: route.fulfill(status=503), times=1)
    failed, saved = box.get_by_role("status"), page.locator(".consentkit-saved")
    assert [failed.text_content(), saved.text_content()] == ["", ""]
    reject = box.get_by_role("button", name="Reject all")
    reject.press("Enter")
    expect(failed).not_to_be_empty()
    expect(reject).to_be_focused()
    reject.press("Enter")
    expect(saved).to_have_text(TEXTS["en"]["status"]["saved"])
    expect(saved).to_have_attribute("lang", "en")
    expect(page.get_by_role("status")).to_have_count(1)


def test_it_stays_until_it_is_answered_and_nothing_moves(page: Page, origin: str) -> None:
    """2.2.1, 2.2.2, 2.3.3."""
    page.clock.install()
    page.emulate_media(reduced_motion="reduce")
    box = layer_two(page, origin)
    page.clock.fast_forward("24:00:00")
    expect(box).to_be_visible()
    moving = box.evaluate("""box => [box, ...box.querySelectorAll("*")].filter((each) => {
      const { animationName, transitionDuration, scrollBehavior } = getComputedStyle(each);
      return animationName !== "none" || transitionDuration !== "0s" || scrollBehavior !== "auto";
    }).length""")
    assert (moving, page.evaluate("document.getAnimations().length")) == (0, 0)


def test_arabic_runs_from_the_right_and_latin_names_keep_their_own_way(page: Page, origin: str) -> None:
    """1.3.2, 3.1.2."""
    page.goto(f"{origin}/?lang=ar")
    box = page.locator(BANNER)
    expect(box).to_have_attribute("dir", "rtl")
    expect(box).to_have_attribute("lang", "ar")
    lefts = [each.bounding_box() for each in box.locator("button").all()]
    assert [each["x"] for each in lefts if each] == sorted((e["x"] for e in lefts if e), reverse=True)
    box.locator("button").last.click()
    expect(box.locator("summary")).not_to_have_count(0)
    names = box.locator("code, .consentkit-service > .consentkit-name, dt:first-child + dd")
    assert (
        names.evaluate_all("all => all.filter((each) => each.firstElementChild?.localName !== 'bdi').length")
        == 0
    )


def test_yes_and_no_are_equal_in_every_language_and_any_window(page: Page, origin: str) -> None:
    """A8, L17: in size, type and colours."""
    box = layer_one(page, origin)
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        for locale, (accept, reject) in zip(TEXTS, box.evaluate(EQUAL, list(TEXTS.values())), strict=True):
            assert accept == reject, locale
            assert accept[2], f"{locale}: a word is wider than its button"
