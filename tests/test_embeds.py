"""What stands where an embed is blocked: who would be contacted, and every way out of it (B14, L2, L14)."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import launched, until
from playwright.sync_api import Browser, FrameLocator, Page, expect
from sample import app, august, browsing, choose, policy
from shop_stub import CATEGORIES, Shop

from consentkit.errors import PolicyError
from consentkit.policy.notice import compose
from consentkit.policy.version import resolve

browser_test = pytest.mark.browser

MORE = """<section style="max-width: 40rem"><p>Before</p>
<iframe id="map" title="How to find us" data-category="preferences" data-src="%(tracker)s/map"
 data-consent-instead="#address" width="560" style="max-width: 100%%" height="200"></iframe>
<p id="address">12 Tea Lane, <a href="tel:+33100000000">+33 1 00 00 00 00</a></p>
<div id="chat" data-consent-for="shop-stats" style="height: 12rem"></div>
<object id="plan" data-consentkit="youtube" data-consentkit-data="%(tracker)s/plan" width="300" height="160">
</object><div id="form" data-consent-for="shop-ads"></div><div id="unknown" data-consent-for="nobody"></div>
<iframe id="pixel" data-consentkit="youtube" data-consentkit-src="%(tracker)s/x" width="1" height="1">
</iframe>
<iframe id="late" width="400" height="200"></iframe><p id="after">After</p></section>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def shop() -> Iterator[Shop]:
    stub = Shop()
    stub.more = MORE % {"tracker": stub.foreign}
    yield stub
    for server in (stub.server, stub.tracker):
        server.shutdown()
        server.server_close()


@pytest.fixture
def page(chromium: Browser, shop: Shop) -> Iterator[Page]:
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(shop.url)
    yield page
    context.close()


def box(page: Page, frame: str) -> FrameLocator:
    return page.frame_locator(frame)


SAVED = """fetch("/consent/static/saved.js").then((answer) => answer.text()).then((text) =>
  document.head.append(Object.assign(document.createElement("script"), { text })))"""
VIDEO = "iframe[width='480']"
PLACES = (
    "[...document.querySelectorAll('iframe, #after')].map((e) => JSON.stringify(e.getBoundingClientRect()))"
)


@browser_test
def test_a_blocked_frame_says_who_would_be_contacted_and_keeps_its_place(page: Page, shop: Shop) -> None:
    """CLS 0; a frame that the guard marks where it stands, one that nobody can see, one nobody can allow."""
    video = box(page, VIDEO)
    expect(video.locator("p").first).to_contain_text(
        "Youtube is blocked here. Loading it contacts Example Ltd"
    )
    names = [button.get_attribute("aria-label") for button in video.get_by_role("button").all()]
    assert names == ["Load once: Youtube", "Always allow “Marketing”: Youtube"]
    assert page.locator(VIDEO).get_attribute("title") == "Youtube"
    expect(box(page, "#map").locator("div").first).to_have_text("Without it: 12 Tea Lane, +33 1 00 00 00 00")
    expect(box(page, "#chat iframe").get_by_role("button")).to_have_count(1)
    form = box(page, "#form iframe").locator("html")
    expect(form.get_by_role("button")).to_be_visible()
    assert form.evaluate("(e) => e.scrollHeight == e.clientHeight")
    expect(page.locator("#unknown iframe")).to_have_count(0)
    expect(box(page, "#pixel").get_by_role("button")).to_have_count(0)
    drawn = page.evaluate(PLACES)
    page.evaluate(
        "document.querySelectorAll('iframe').forEach((e) => e.contentDocument.body.replaceChildren())"
    )
    assert page.evaluate(PLACES) == drawn
    page.evaluate("late.setAttribute('data-consentkit-src', '/x'); late.dataset.consentkit = 'youtube'")
    expect(box(page, "#late").locator("p").first).to_contain_text("Youtube is blocked")
    assert page.evaluate(PLACES) == drawn
    assert shop.tracker.asked == []


@browser_test
def test_loading_once_is_for_one_frame_on_one_page_until_the_next_no(page: Page, shop: Shop) -> None:
    once = box(page, VIDEO).get_by_role("button", name="Load once")
    once.wait_for()
    page.evaluate(f'document.querySelector("{VIDEO}").contentDocument.querySelector("button").click()')
    once.press("Enter")
    until(page, lambda: shop.tracker.paths() == ["GET /video"], "the video is not loaded")
    assert page.evaluate("document.activeElement.width") == "480"
    assert page.evaluate("consentkit.state.allowed") == ["necessary"]
    assert "POST /consent/" not in shop.server.paths()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Reject all").click()
    expect(once).to_be_visible()
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)
    assert shop.tracker.paths() == ["GET /video"]
    box(page, "#plan + iframe").get_by_role("button", name="Load once").click()
    until(page, lambda: shop.tracker.paths() == ["GET /video", "GET /plan"], "the object is not loaded")
    expect(page.locator("#plan + iframe")).to_have_count(0)
    # A no on the visitor's page is heard here, though nothing changes by it that was recorded.
    page.evaluate(SAVED)
    expect(box(page, "#plan + iframe").get_by_role("button", name="Load once")).to_be_visible()
    assert shop.tracker.paths() == ["GET /video", "GET /plan"]


@browser_test
def test_always_allowing_answers_about_one_category_alone(page: Page, shop: Shop) -> None:
    always = box(page, "#map").get_by_role("button", name="Always allow “Preferences”: How to find us")
    shop.fail = 503
    always.click()
    expect(box(page, "#map").get_by_role("status")).to_contain_text("could not be saved")
    expect(always).to_be_focused()
    shop.fail = None
    always.click()
    until(page, lambda: shop.tracker.paths() == ["GET /map"], "the map is not loaded")
    sent = shop.posted()
    assert (sent["choices"], sent["mechanism"], sent["control"]) == (
        {"preferences": True},
        "placeholder",
        "always",
    )
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(box(page, VIDEO).get_by_role("button", name="Load once")).to_be_visible()
    box(page, "#chat iframe").get_by_role("button", name="Always allow").click()
    expect(page.locator("#chat iframe")).to_have_count(0)
    assert shop.choices == {"preferences": True, "analytics": True}


@browser_test
def test_a_frame_that_the_browser_objects_to_offers_no_yes_that_would_change_nothing(
    page: Page, shop: Shop
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    page.goto(shop.url)
    expect(box(page, VIDEO).get_by_role("button")).to_have_count(1)
    expect(box(page, VIDEO).locator("div").first).to_contain_text("these stay off: Marketing")
    expect(box(page, "#map").get_by_role("button")).to_have_count(2)


@pytest.mark.parametrize("before", [None, ("marketing",), ()], ids=["unasked", "granted", "refused"])
def test_an_answer_on_a_placeholder_says_nothing_of_other_categories(
    tmp_path: Path, before: tuple[str, ...] | None
) -> None:
    """An answer that stands keeps its instant, one that was never given is not made up (design §3.3)."""
    clock = august()
    with browsing(app(), tmp_path, clock=clock) as client:
        earlier = choose(client, *before).json() if before is not None else None
        clock.move(days=3)
        always = {"choices": {"preferences": True}, "mechanism": "placeholder", "control": "always"}
        after = choose(client, **always).json()
        others = {c: end for c, end in after["until"].items() if c != "preferences"}
        assert others == {
            c: end for c, end in (earlier or {"until": {}})["until"].items() if c != "preferences"
        }
        assert after["allowed"] == ["necessary", "preferences", *(before or ())]
        assert after["ask"] is (earlier is None)
        assert choose(client, choices={}, mechanism="placeholder").status_code == 422


WAY = {"href": "tel:+33100000000", "text": {"en": "Call us", "fr": "Appelez-nous", "de": "Rufen Sie an"}}


def with_way(way: object) -> dict[str, object]:
    return policy(services=["meta-pixel", {"id": "youtube", "instead": way}])


@pytest.mark.parametrize("locale", ["en", "fr", "de"])
def test_another_way_stands_in_the_notice_in_each_language(locale: str) -> None:
    marketing = compose(resolve(with_way(WAY)), locale, "/consent")["categories"][-1]["services"]
    found = {service["id"]: service.get("instead") for service in marketing}
    assert found == {"meta-pixel": None, "youtube": {"href": WAY["href"], "text": WAY["text"][locale]}}


def test_a_policy_without_another_way_stays_the_version_that_it_was() -> None:
    plain = resolve(policy(services=["meta-pixel", "youtube"]))
    assert "instead" not in json.loads(plain.body)
    assert resolve(with_way(WAY)).services == plain.services


@pytest.mark.parametrize(
    ("way", "paths"),
    [
        ("/contact", ["services.youtube.instead"]),
        ({"href": "javascript:x", "text": "Call"}, ["services.youtube.instead.href"]),
        ({"href": "/contact"}, ["services.youtube.instead.text"]),
        ({"href": "/c", "text": "C", "rel": "x"}, ["services.youtube.instead.rel"]),
        ({"href": "/c", "text": {"en": "C", "fr": "C", "it": "C"}}, ["de", "it"]),
    ],
)
def test_what_is_wrong_with_another_way_is_named(way: object, paths: list[str]) -> None:
    with pytest.raises(PolicyError) as error:
        resolve(with_way(way))
    found = [problem.path for problem in error.value.problems]
    assert [path.removeprefix("services.youtube.instead.text.") for path in found] == paths
