"""The starter and the banner in a real Chromium, against a stand-in for the server."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from browser import launched, until
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sample import service
from samples import first
from shop_stub import CATEGORIES, NOTICE, POLICY, TEXTS, Shop, notice

from consentkit.gate.markup import Rewriter
from consentkit.policy.rendering import again_layer, banner_layer, preferences_layer
from consentkit.policy.whose import Whose

pytestmark = pytest.mark.browser


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
    assert abs(sent.pop("client") / 1000 - time.time()) < 3600, "the visitor's own clock, in milliseconds"
    assert sent == {
        "choices": dict.fromkeys(CATEGORIES, False),
        "policy": POLICY,
        "mechanism": "banner",
        "control": "reject-all",
        "locale": "en",
        "notice": NOTICE,
        "size": "wide",
    }
    page.reload()
    assert page.evaluate("new Promise(r => consentkit.push(k => r(k.state)))") == {
        "allowed": ["necessary"],
        "ask": False,
        "until": {
            category: datetime.fromtimestamp(shop.ends, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            for category in CATEGORIES
        },
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
    assert {k: shop.posted()[k] for k in ("mechanism", "control")} == {
        "mechanism": "preferences",
        "control": "save",
    }


def test_a_control_of_the_page_opts_out_of_a_sale_and_of_no_more(page: Page, shop: Shop) -> None:
    page.evaluate("manage.dataset.consent = 'opt-out'")
    page.locator("#manage").click()
    expect(page.get_by_role("status").filter(has_text=TEXTS["en"]["status"]["saved"])).to_have_count(1)
    sent = shop.posted()
    assert (sent["choices"], sent["control"], sent["mechanism"]) == ({"marketing": False}, "opt-out", "page")
    gone(page)
    assert page.evaluate("consentkit.state.ask") is False, "about the rest, from the next page on"
    assert shop.tracker.asked == []


def test_vendors_find_the_platform_only_where_its_law_counts_and_before_they_run(
    page: Page, context: BrowserContext, shop: Shop
) -> None:
    """IAB GPP CMP API 1.1: what the stub kept is answered, each change is told, and frames reach it."""
    press(page, "Accept all")
    page.wait_for_function("window.adsRan")
    assert page.evaluate("typeof __gpp") == "undefined"
    context.clear_cookies()
    shop.choices, shop.regime = {"analytics": True}, "us"
    shop.more = """<script>
      window.told = []; const keep = (data) => told.push(data);
      window.__gpp = () => {}; __gpp.queue = [["getField", keep, "usca.SaleOptOut"]];
      __gpp.events = [{ id: 3, callback: ({ eventName, data }) => told.push([eventName, data]) }];
      addEventListener("message", ({ data }) => data.__gppReturn && told.push(data.__gppReturn));
      </script>"""
    page.goto(shop.url)
    page.wait_for_function("order.length === 3")
    page.evaluate("for (const each of ['ping', 'x']) __gpp(each, (...all) => told.push(all))")
    page.evaluate("postMessage({ __gppCall: { command: 'hasSection', parameter: 'usnat', callId: 5 } })")
    page.wait_for_function("told.length === 5")
    first, ready, (ping, _), unknown, framed = page.evaluate("told")
    assert (first, ready, unknown) == (1, ["signalStatus", "ready"], [None, False])
    assert framed == {"returnValue": True, "success": True, "callId": 5}
    names = ("cmpId", "signalStatus", "cmpDisplayStatus", "applicableSections", "supportedAPIs", "gppString")
    assert [ping[name] for name in names] == [
        *(1, "ready", "visible", [7, 8], ["7:usnat", "8:usca"]),
        "DBABrw~CVQVAAAAAACA.QA~BUUAAACA.QA",
    ]
    assert "__gppLocator" in page.evaluate("[...document.querySelectorAll('iframe')].map(f => f.name)")
    press(page, "Accept all")
    page.wait_for_function("told.length > 7")
    assert page.evaluate("told.slice(5)") == [
        ["cmpDisplayStatus", "hidden"],
        *(["sectionChange", name] for name in ("usnat", "usca")),
        ["signalStatus", "ready"],
    ]


def test_what_the_browser_objects_to_comes_alive_by_no_hint_no_answer_and_no_cached_page(
    page: Page, context: BrowserContext, shop: Shop
) -> None:
    """Neither the earlier yes nor a server that the signal doesn't reach counts against it (W3C GPC §3.2)."""
    press(page, "Accept all")
    page.wait_for_function("window.adsRan")
    context.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    for _ in range(2):  # by a hint that the tab has confirmed, then by the server's word
        page.goto(shop.url)
        page.wait_for_function("order.length === 3")
        assert page.evaluate("[window.adsRan, consentkit.allows('marketing'), consentkit.state.allowed]") == [
            None,
            False,
            ["necessary", "preferences", "analytics"],
        ]
        page.evaluate("delete sessionStorage.consentkit")
    # Who is asked is told beforehand what no button turns on.
    shop.choices = None
    context.clear_cookies()
    page.reload()
    told = TEXTS["en"]["signal"]
    for layer in ("Choose", "Accept all"):
        expect(page.get_by_role("dialog")).to_contain_text(told["honoured"])
        expect(page.get_by_role("dialog")).to_contain_text("“Accept all” these stay off: Marketing")
        press(page, layer)
    gone(page)
    assert shop.posted()["gpc"] is True


@pytest.mark.parametrize("status", first(503, 403, 409, 422, 429))
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


def test_the_second_layer_says_until_when_each_answer_counts(page: Page, shop: Shop) -> None:
    choose_analytics(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<b id=out data-consent=save>Save</b>')")
    page.click("#out")  # of no form: there is nothing to save yet
    end = datetime.fromtimestamp(shop.ends, UTC)
    for name in ("Preferences", "Analytics", "Marketing"):
        told = page.locator("label", has_text=name)
        expect(told).to_contain_text(f"until {end.day} {end:%B} {end.year}")
    expect(page.locator("label", has_text="Necessary")).not_to_contain_text("until")
    assert shop.server.paths().count("POST /consent/") == 1


OWN = """<script>
consentkit.push((kit) => kit.accept().catch((error) => console.log(error.message)));</script>
<form action="/elsewhere"><input type="checkbox" name="analytics">
<button data-consent="save">Mine</button></form>
<button id="no" onclick="consentkit.reject(['analytics'])">No more</button>"""


def test_a_site_can_draw_its_own_controls_and_its_scripts_never_accept(
    context: BrowserContext, shop: Shop
) -> None:
    shop.more = OWN
    page = context.new_page()
    # To evaluate anything in a page counts as the visitor's own action in it.
    with page.expect_console_message(lambda said: "consentkit" in said.text) as said:
        page.goto(shop.url)
    assert "visitor's own action" in said.value.text
    assert "POST /consent/" not in shop.server.paths()
    page.check("input[name=analytics]")
    page.click("text=Mine")
    gone(page)
    assert shop.posted()["choices"] == {"preferences": False, "analytics": True, "marketing": False}
    page.wait_for_function("order.length === 3")
    assert page.evaluate("consentkit.allowsService('shop-stats')")
    with page.expect_navigation():  # what runs ends
        page.click("#no")
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)
    assert shop.posted()["mechanism"] == "api"
    assert not page.evaluate("consentkit.allowsService?.('shop-stats')")


def test_without_the_kernel_the_hint_answers_and_the_visitor_s_page_is_what_opens(
    page: Page, context: BrowserContext, shop: Shop
) -> None:
    choose_analytics(page)
    context.route("**/kernel.js", lambda route: route.abort())
    page.reload()
    asked = "['necessary', 'analytics', 'marketing', 'nonsense'].map((each) => consentkit.allows(each))"
    assert page.evaluate(asked) == [True, True, False, False]
    assert page.evaluate("order") == []
    page.evaluate("void consentkit.open()")
    page.wait_for_url("**/consent/")


def test_a_question_that_comes_again_names_what_it_is_about_and_a_yes_is_to_that_alone(
    page: Page, shop: Shop
) -> None:
    """L9: drawn as the log says; reject all still refuses every optional category."""
    shop.choices = {"preferences": False, "analytics": True}  # the last one has changed since
    page.reload()
    page.wait_for_function("consentkit.state.allowed.includes('analytics')")
    asked = [{"id": "necessary", "locked": True}, *notice("en")["categories"][3:]]
    drawn = again_layer({**notice("en"), "categories": asked})
    assert page.get_by_role("dialog").evaluate(DRAWN) == json.loads(json.dumps(drawn))
    press(page, "Accept all")
    gone(page)
    assert shop.posted()["choices"] == {"preferences": False, "analytics": True, "marketing": True}
    shop.choices = {"analytics": True}
    page.context.clear_cookies()
    page.reload()
    page.wait_for_function("consentkit.state.allowed.includes('analytics')")
    press(page, "Reject all")
    page.wait_for_function("window.consentkit && !consentkit.state.allowed[1] && !consentkit.state.ask")
    assert shop.posted()["choices"] == dict.fromkeys(CATEGORIES, False)


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


def test_leftovers_of_denied_trackers_are_cleared_before_what_waits_can_read_them(
    page: Page, shop: Shop
) -> None:
    page.goto(shop.url.replace("/shop/", "/without-starter/"))
    page.evaluate("document.cookie = '_ads_x=1; path=/shop'; document.cookie = 'cart=1; path=/'")
    page.evaluate("localStorage.ads_x = 1; localStorage.theme = 'dark'")
    page.goto(shop.url)
    found = page.wait_for_function("window.found").json_value()
    assert "_ads_x" not in found
    assert "_early" not in found
    assert "ads_x" not in found
    assert "cart=1" in found
    assert "theme" in found


def test_a_hint_that_grants_is_confirmed_once_in_a_tab(
    page: Page, context: BrowserContext, shop: Shop
) -> None:
    choose_analytics(page)
    page.reload()
    page.wait_for_function("order.length === 3")
    assert shop.server.paths().count("GET /consent/state") == 1  # before there was an answer
    other = context.new_page()
    other.goto(shop.url)
    other.wait_for_function("order.length === 3")
    other.reload()
    other.wait_for_function("order.length === 3")
    assert shop.server.paths().count("GET /consent/state") == 2


def test_a_hint_that_ends_later_than_any_answer_is_not_believed(page: Page, shop: Shop) -> None:
    shop.ends += 200 * 86400
    press(page, "Reject all")
    gone(page)
    page.reload()
    until(page, lambda: shop.server.paths().count("GET /consent/state") == 2, "the page asks")


def test_cookies_with_a_prefix_go_by_the_rules_of_their_prefix(page: Page, shop: Shop) -> None:
    """RFC 6265bis, 4.1.3: else a browser doesn't take what removes them."""
    page.goto(shop.url.replace("/shop/", "/without-starter/"))
    for name in ("__Host-ads", "__Secure-ads", "__Host-cart"):
        page.evaluate("name => { document.cookie = name + '=1; path=/; secure' }", name)
    assert page.evaluate("document.cookie").count("=1") == 3
    page.goto(shop.url)
    found = page.wait_for_function("window.found").json_value()
    assert "-ads" not in found
    assert "__Host-cart=1" in found


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
    box = page.frame_locator("iframe")
    expect(box.locator("body")).to_contain_text("Youtube is blocked here")
    box.get_by_role("link", name="Manage cookies").click()
    page.locator("input[name=marketing]").check()
    press(page, "Save choices")
    gone(page)
    assert shop.posted()["mechanism"] == "reopened"
    expect(page.locator("iframe").first).to_be_visible()
    page.wait_for_function("document.querySelector('iframe').src.endsWith('/video')")


DRAWN = """box => {
  const node = (e) => ({
    element: e.localName,
    ...(e.dataset.consent && {control: e.dataset.consent}),
    ...(e.name && {type: e.type, name: e.name, checked: e.checked, disabled: e.disabled}),
    parts: [...e.childNodes].map((each) => each.data ?? node(each)),
  });
  return [...box.children].slice(0, -1).map(node);
}"""


@pytest.mark.parametrize("width", [360, 1280])
def test_both_layers_are_drawn_as_the_log_says_in_a_narrow_window_and_in_a_wide_one(
    page: Page, shop: Shop, width: int
) -> None:
    """L9, Q2: the rendering that is logged is the one that visitors see, element by element."""
    page.set_viewport_size({"width": width, "height": 700})
    box = page.get_by_role("dialog")
    ireland = page.evaluate("new Intl.DisplayNames(['en'], {type: 'region'}).of('IE')")
    for layer in (banner_layer, preferences_layer):
        logged = json.dumps(layer(notice("en"))).replace("{IE}", ireland)
        assert box.evaluate(DRAWN) == json.loads(logged)
        if layer is banner_layer:
            press(page, "Choose")
            expect(box.get_by_role("button", name="Save choices")).to_be_visible()
    press(page, "Save choices")
    gone(page)
    assert shop.posted()["size"] == ("wide" if width == 1280 else "narrow")


@pytest.mark.parametrize("locale", first("fr", "de"))
def test_the_notice_speaks_the_pages_language(page: Page, shop: Shop, locale: str) -> None:
    shop.lang = locale + "-XX"
    page.reload()
    box = page.get_by_role("dialog", name=TEXTS[locale]["title"].format(site="Shop"))
    expect(box).to_have_attribute("lang", locale)
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


REVIVABLE = {
    "frame": "<iframe {m} data-consentkit-src={u}></iframe>",
    "frame-document": "<iframe {m} data-consentkit-srcdoc='<img src={u}>'></iframe>",
    "frame-both": "<iframe {m} data-consentkit-src={u}?not data-consentkit-srcdoc='<img src={u}>'></iframe>",
    "img": "<img {m} data-consentkit-src={u}>",
    "img-set": "<img {m} data-consentkit-srcset='{u} 1x'>",
    "img-lazy": "<img {m} loading=lazy data-consentkit-src={u}>",
    "picture": "<picture><source {m} data-consentkit-srcset={u}><img></picture>",
    "input": "<input type=image {m} data-consentkit-src={u}>",
    "video": "<video {m} data-consentkit-src={u} preload=auto></video>",
    "video-poster": "<video {m} data-consentkit-poster={u} preload=none></video>",
    "video-source": "<video preload=auto><source {m} data-consentkit-src={u}></video>",
    "audio": "<audio {m} data-consentkit-src={u} preload=auto></audio>",
    "embed": "<embed {m} data-consentkit-src={u}>",
    "object": "<object {m} data-consentkit-data={u}></object>",
    "object-typed": "<object {m} type=image/svg+xml data-consentkit-data={u}></object>",
    "stylesheet": "<link {m} data-consentkit-rel=stylesheet data-consentkit-href={u}>",
    "preload": "<link {m} data-consentkit-rel=preload as=image data-consentkit-imagesrcset='{u} 1x'>",
    "prefetch": "<link {m} data-consentkit-href={u} data-consentkit-rel=prefetch>",
    "style": "<style {m} type=text/plain>h1{background:url({u})}</style>",
    "style-typed": "<style {m} type=text/plain data-consentkit-type='text/css'>@consentkit blocked;"
    "@import '{u}';</style>",
    "svg-style": "<svg><style {m} type=text/plain>@consentkit blocked;<![CDATA[@import '{u}'"
    "]]></style></svg>",
    "style-media": "<style {m} type=text/plain data-consentkit-media=all>h1+p{background:url({u})}</style>",
    "style-attribute": "<p {m} data-consentkit-style='background:url({u})'>x</p>",
    "table": "<table {m} data-consentkit-background={u}><tr><td>x</table>",
    "svg-image": "<svg><image {m} data-consentkit-href={u} width=9 height=9 /></svg>",
    "svg-xlink": "<svg><image {m} data-consentkit-xlink:href={u} width=9 height=9 /></svg>",
    "svg-feimage": "<svg><filter id=f><feImage {m} data-consentkit-href={u} /></filter>"
    "<rect filter='url(#f)' width=9 height=9 /></svg>",
    "svg-mask": "<svg><rect {m} data-consentkit-mask='url({u}#a)' width=9 height=9 /></svg>",
    "svg-set": "<svg><image width=9 height=9><set {m} attributeName=href data-consentkit-to={u} />"
    "</image></svg>",
    "svg-script": "<svg><script {m} type=text/plain data-consentkit-href={u}></script></svg>",
    "module": "<script {m} type=text/plain data-consentkit-type=module data-consentkit-src={u}></script>",
    "category": "<img data-consentkit=@analytics data-category=statistics data-consentkit-src={u}>",
    "handler": "<iframe {m} data-consentkit-onload='new Image().src=`{u}`' src=about:blank></iframe>",
}


def marked(foreign: str, ways: dict[str, str], mark: str = "data-consentkit=shop-stats") -> str:
    return "\n".join(
        markup.replace("{m}", mark).replace("{u}", f"{foreign}/revived/{name}")
        for name, markup in ways.items()
    )


def revived(shop: Shop) -> list[str]:
    return sorted(path.split("/")[-1] for path in shop.tracker.paths() if "/revived/" in path)


def test_everything_that_is_blocked_comes_back_once(page: Page, shop: Shop) -> None:
    shop.more = marked(shop.foreign, REVIVABLE)
    page.reload()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert revived(shop) == []
    choose_analytics(page)
    until(page, lambda: len(revived(shop)) >= len(REVIVABLE), "not everything came back")
    settled(page, shop)
    assert revived(shop) == sorted(REVIVABLE)


def test_what_could_not_be_decided_or_was_not_declared_never_comes_back(page: Page, shop: Shop) -> None:
    ways = REVIVABLE | {"category": "<img {m} data-consentkit-src={u}>"}
    for mark in ("", "?cdn.example", "@necessary", "@toString", "@", "nobody", "constructor"):
        shop.more += marked(shop.foreign, ways, f'data-consentkit="{mark}"')
    shop.more += marked(shop.foreign, {"last": REVIVABLE["img"]})
    page.reload()
    press(page, "Accept all")
    page.wait_for_function("document.querySelector('img[src$=last]')?.complete")
    assert revived(shop) == ["last"]


def test_what_its_author_needs_loads_once_unless_it_was_made_inert(page: Page, shop: Shop) -> None:
    ways = {
        "frame": "<iframe src={u} {m}></iframe>",
        "image": "<img src={u} {m}>",
        "style": "<link rel=stylesheet href={u} {m}>",
        "object": "<object data={u} {m}></object>",
        "script": "<script src={u}.js {m}></script>",
        "waiting": "<iframe data-src={u} {m}></iframe>",
        "plain": "<script type=text/plain src={u}.js {m}></script>",
        "folded": "<template {m}><iframe src={u}></iframe></template>",
    }
    expected = sorted(name + ".js" * (name in ("script", "plain")) for name in ways)
    shop.more = marked(shop.foreign, ways, "data-category=necessary")
    page.reload()
    until(page, lambda: len(revived(shop)) >= len(ways), "not everything that is needed came")
    settled(page, shop)
    assert revived(shop) == expected
    choose_analytics(page)
    settled(page, shop)
    assert revived(shop) == expected
    shop.tracker.asked.clear()
    page.reload()
    until(page, lambda: len(revived(shop)) >= len(ways), "not everything that is needed came")
    settled(page, shop)
    assert revived(shop) == expected


def test_what_another_tool_made_inert_comes_alive_with_its_category(page: Page, shop: Shop) -> None:
    source = f"{shop.foreign}/revived/"
    markup = f"""<script type="text/plain" data-service="shop-stats" data-category="statistics"
      src="{source}script.js"></script>
      <iframe class="cmplz-iframe" data-category="marketing" data-service="youtube"
      data-src-cmplz="{source}frame" src="about:blank"></iframe>"""
    declared = [
        service("shop-stats", "t.test", category="analytics"),
        service("youtube", "yt.test", category="marketing"),
    ]
    gate = Rewriter(Whose(declared, aliases=("complianz",)), b"")
    shop.more = (gate.feed(markup.encode()) + gate.close()).decode()
    page.reload()
    choose_analytics(page)
    until(page, lambda: "script.js" in revived(shop), "the script stays off")
    settled(page, shop)
    assert revived(shop) == ["script.js"]
    page.locator("#manage").click()
    press(page, "Accept all")
    until(page, lambda: "frame" in revived(shop), "the frame stays off")
    assert revived(shop) == ["frame", "script.js"]


def test_a_blocked_base_and_what_depends_on_it_come_back_together(page: Page, shop: Shop) -> None:
    mark = "data-consentkit=shop-stats"
    shop.base = f'<base {mark} data-consentkit-href="{shop.foreign}/revived/">'
    shop.more = (
        f'<img {mark} data-consentkit-src="img"><p {mark} data-consentkit-style="background:url(css)">x</p>'
    )
    page.reload()
    choose_analytics(page)
    settled(page, shop)
    assert revived(shop) == ["css", "img"]


def test_a_blocked_refresh_goes_where_its_author_sent_it(page: Page, shop: Shop) -> None:
    away = f"0;url={shop.foreign}/revived/away"
    mark = "data-consentkit=shop-stats data-consentkit-http-equiv=refresh"
    shop.base = f'<meta {mark} data-consentkit-content="{away}">'
    page.reload()
    press(page, "Choose")
    page.locator("input[name=analytics]").check()
    press(page, "Save choices")
    page.wait_for_url(f"{shop.foreign}/revived/away")
    assert revived(shop) == ["away"]


def test_what_a_sanitizer_lets_pass_gains_nothing_that_runs_or_leads_away(page: Page, shop: Shop) -> None:
    mark = "data-consentkit=shop-stats"
    shop.more = f"""<a id=a {mark} data-consentkit-href="javascript:order.push('href')"
      data-consentkit-onclick="order.push('click')" data-consentkit-ping="{shop.foreign}/revived/ping">x</a>
      <img id=b {mark} data-consentkit-src="data:," data-consentkit-onerror="order.push('error')">
      <form id=c {mark} data-consentkit-action="{shop.foreign}/"></form>
      <input id=d {mark} type=submit data-consentkit-formaction="{shop.foreign}/">
      <svg><a id=e {mark} data-consentkit-xlink:href="java\tscript:order.push('svg')"><text>x</text></a></svg>
      <style id=f {mark} data-consentkit-onload="order.push('load')">a{{}}</style>"""
    page.reload()
    choose_analytics(page)
    page.wait_for_function("document.querySelector('#a').ping")
    page.wait_for_function("document.querySelector('#f') && !document.querySelector('#f').dataset.consentkit")
    names = page.evaluate(
        "[...'abcdef'].map(id => document.getElementById(id).getAttributeNames().sort().join())"
    )
    assert names == ["id,ping", "id,src", "id", "id,type", "id", "id"]
    assert page.evaluate("order") == ["inline after external", "author", "template"]
