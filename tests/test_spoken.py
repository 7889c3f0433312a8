"""What stands in each vendor's own queue, in order, at each step: a real Chromium, snippets as they are."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from browser import launched, until
from browser import serving as served
from playwright.sync_api import Browser, BrowserContext, Page, Route
from sample import app, mounted, policy
from shop_stub import ROOT
from starlette import routing
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from test_still import STRICT

from consentkit import ConsentMiddleware
from consentkit.policy.hooks import known_hooks
from consentkit.policy.registry import known_services

CATEGORIES = ("preferences", "analytics", "marketing")
SERVICES = list(dict.fromkeys(id_ for hook in known_hooks() for id_ in hook.services))
# Each makes what its vendor's documented snippet makes, in that shape, and then calls it for the first time.
SNIPPETS = {
    "google-analytics": "window.dataLayer = window.dataLayer || [];"
    " function gtag() { dataLayer.push(arguments); } gtag('config', 'G-1');",
    "microsoft-advertising": "window.uetq = window.uetq || []; uetq.push('event', 'page_view', {});",
    "microsoft-clarity": "window.clarity = window.clarity ||"
    " function () { (clarity.q = clarity.q || []).push(arguments); }; clarity('set', 'a', 'b');",
    "meta-pixel": "!function (f, n) { if (f.fbq) return; window.metaLoads = true; n = f.fbq = function () {"
    " n.callMethod ? n.callMethod.apply(n, arguments) : n.queue.push(arguments) }; if (!f._fbq) f._fbq = n;"
    " n.push = n; n.queue = []; }(window); fbq('init', '1'); window.sameFbq = fbq === _fbq;",
    "tiktok-pixel": "!function (w, t) { var ttq = w[t] = w[t] || []; ['load', 'page', 'grantConsent',"
    " 'revokeConsent', 'holdConsent'].forEach(function (m) { ttq[m] = function () {"
    " ttq.push([m].concat([].slice.call(arguments))) } }); ttq.load('1'); }(window, 'ttq');",
    "pinterest-tag": "if (!window.pintrk) { window.pinterestLoads = true; window.pintrk = function () {"
    " window.pintrk.queue.push([].slice.call(arguments)) }; var n = window.pintrk; n.queue = []; }"
    " pintrk('load', '1');",
    "matomo": "var _paq = window._paq = window._paq || []; _paq.push(['trackPageView']);",
    "hubspot": "window._hsq = window._hsq || []; _hsq.push(['trackPageView']);",
    "piano-analytics": "window.pa = { modes: [_pac.consentDefaultMode],"
    " consent: { setMode: function (mode) { pa.modes.push(mode) } } };",
    "shopify-analytics": "window.Shopify = { said: [], customerPrivacy: { setTrackingConsent: function (c) {"
    " Shopify.said.push(c) } } }; document.dispatchEvent(new Event('shopifyCustomerPrivacyApiLoaded'));",
    "snowplow": "window.snowplow = window.snowplow || function () {"
    " (snowplow.q = snowplow.q || []).push(arguments) }; snowplow('newTracker', 'sp');",
    "posthog": "var e = window.posthog || []; window.posthog = e; e.capture = function (n) {"
    " e.push(['capture', n]) }; posthog.capture('seen');",
    "mixpanel": "var b = window.mixpanel || []; window.mixpanel = b; b.track = function (n) {"
    " b.push(['track', n]) }; mixpanel.track('seen');",
    "amplitude": "var r = window.amplitude || { _q: [] }; r.track = function (n) { r._q.push(['track', n]) };"
    " r.setOptOut = function (out) { r._q.push(['setOptOut', out]) }; window.amplitude = r; r.track('seen');",
}
MARKED = '<script type="text/plain" data-category="%s" nonce="n0nce"%s>%s</script>'
TAG = MARKED % ("analytics", ' data-src="https://www.googletagmanager.com/gtag/js?id=G-1"', "")
LAST = MARKED % ("marketing", "", "window.ran = true")
BLOCKED = "".join(MARKED % (known_services()[id_].category, "", text) for id_, text in SNIPPETS.items())
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel=icon href="data:,">
<title>Shop</title></head><body><h1>Shop</h1><script nonce="n0nce">window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
</script>%s<footer><a id="manage" href="/consent/" data-consent="open">Manage cookies</a></footer>
</body></html>"""
QUEUES = """() => {
  const plain = (queue) => queue && [...queue].map((each) =>
    Object.prototype.toString.call(each) === "[object Arguments]" ? [...each] : each);
  return {
    google: plain(window.dataLayer), uet: window.uetq, clarity: plain(window.clarity?.q),
    meta: plain(window.fbq?.queue), tiktok: plain(window.ttq), pinterest: window.pintrk?.queue,
    matomo: window._paq, hubspot: window._hsp, piano: window.pa?.modes, shopify: window.Shopify?.said,
    snowplow: plain(window.snowplow?.q), posthog: plain(window.posthog), mixpanel: plain(window.mixpanel),
    amplitude: window.amplitude?._q,
  };
}"""
NO = dict.fromkeys(CATEGORIES, False)
YES = dict.fromkeys(CATEGORIES, True)


def google(phase: str, answer: dict[str, bool], **more: Any) -> list[Any]:
    """Google's word for an answer, all seven types of it."""
    needs = {
        "ad_storage": "marketing",
        "ad_user_data": "marketing",
        "ad_personalization": "marketing",
        "analytics_storage": "analytics",
        "functionality_storage": "preferences",
        "personalization_storage": "preferences",
    }
    states = {type_: "granted" if answer[need] else "denied" for type_, need in needs.items()}
    return ["consent", phase, {**states, "security_storage": "granted", **more}]


def event(answer: dict[str, bool]) -> dict[str, Any]:
    allowed = [category for category, yes in answer.items() if yes]
    return {"event": "consentkit", "allowed": ["necessary", *allowed]}


FIRST = [google("default", NO), ["set", "ads_data_redaction", True]]


def clarity(word: str) -> list[Any]:
    return ["consentv2", {"ad_Storage": word, "analytics_Storage": word}]


def uet(phase: str, word: str) -> list[Any]:
    return ["consent", phase, {"ad_storage": word}]


def hubspot(answer: bool) -> list[Any]:
    return ["setHubSpotConsent", dict.fromkeys(("analytics", "advertisement", "functionality"), answer)]


def shopify(answer: bool) -> dict[str, bool]:
    return dict.fromkeys(("preferences", "analytics", "marketing", "sale_of_data"), answer)


# What each queue has once the visitor's yes is known, the vendor's own first call last.
GRANTED: dict[str, list[Any]] = {
    "uet": [*uet("default", "denied"), *uet("update", "granted"), "event", "page_view", {}],
    "clarity": [clarity("denied"), clarity("granted"), ["set", "a", "b"]],
    "meta": [["consent", "revoke"], ["consent", "grant"], ["init", "1"]],
    "tiktok": [["holdConsent"], ["grantConsent"], ["load", "1"]],
    "pinterest": [["setconsent", True], ["load", "1"]],
    "matomo": [["requireConsent"], ["setConsentGiven"], ["trackPageView"]],
    "hubspot": [hubspot(False), hubspot(True)],
    "piano": ["opt-in"],
    "shopify": [shopify(True)],
    "snowplow": [["newTracker", "sp"]],
    "posthog": [["opt_in_capturing", {"captureEventName": False}], ["capture", "seen"]],
    "mixpanel": [["opt_in_tracking", {"track": None}], ["track", "seen"]],
    "amplitude": [["track", "seen"], ["setOptOut", False]],
}
ANONYMOUS = {"options": {"withServerAnonymisation": True}, "stateStorageStrategy": "none"}
# And what a withdrawal adds, before the page ends.
WITHDRAWN: dict[str, list[Any]] = {
    "google": [google("update", NO)],
    "uet": uet("update", "denied"),
    "clarity": [clarity("denied")],
    "meta": [["consent", "revoke"]],
    "tiktok": [["revokeConsent"]],
    "pinterest": [["setconsent", False]],
    "matomo": [["forgetConsentGiven"]],
    "hubspot": [hubspot(False), ["revokeCookieConsent"]],
    "piano": ["opt-out"],
    "shopify": [shopify(False)],
    "snowplow": [["enableAnonymousTracking", ANONYMOUS], ["clearUserData"]],
    "posthog": [["opt_out_capturing"]],
    "mixpanel": [["opt_out_tracking"]],
    "amplitude": [["setOptOut", True]],
}
UNTOLD = dict.fromkeys(GRANTED)


def serving(folder: Path, content: str, **changes: Any) -> ConsentMiddleware:
    async def home(_: Request) -> Response:
        return HTMLResponse(PAGE % content, headers={"content-security-policy": STRICT})

    routes = routing.Route("/", home), routing.Route("/kettles", home)
    return mounted(app(*routes), folder, policy=policy(**changes))


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with TemporaryDirectory() as folder:
        site = serving(Path(folder), TAG + BLOCKED + LAST, services=SERVICES)
        with served(site, "localhost") as origin:
            yield origin
        site.kit.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost") as browser:
        yield browser


def queues(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(QUEUES)
    return found


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def wait(page: Page, holds: str) -> None:
    """Wait for an expression to be true; the page's policy lets no predicate be evaluated in it."""
    until(page, lambda: page.evaluate(holds), holds)


def shown(page: Page, address: str, asks: bool) -> Page:
    page.goto(address)
    wait(page, f"window.consentkit.state?.ask === {str(asks).lower()}")
    return page


@pytest.mark.browser
def test_each_vendor_is_told_each_decision_once_in_its_own_queue_and_in_order(
    browser: Browser, origin: str
) -> None:
    context = browser.new_context()
    page = shown(context.new_page(), origin, asks=True)
    page.get_by_role("dialog").wait_for()
    nobody = event(NO)
    assert queues(page) == {**UNTOLD, "google": [*FIRST, nobody]}, "first visit: Google's defaults alone"

    press(page, "Reject all")
    wait(page, "dataLayer.length === 5")
    refused = [*FIRST, nobody, google("update", NO), nobody]
    assert queues(page)["google"] == refused, "a no is a decision"
    assert page.evaluate("[window.fbq, window.ttq, window.pintrk, window.posthog, window.ran]") == [None] * 5

    page.click("#manage")
    press(page, "Accept all")
    wait(page, "window.ran")
    found = queues(page)
    assert found.pop("google") == [*refused, google("update", YES), event(YES), ["config", "G-1"]]
    # They were told of the no as well, where a list waited for their scripts.
    again = {
        "uet": [*uet("default", "denied"), *uet("update", "denied"), *GRANTED["uet"][3:]],
        "clarity": [clarity("denied"), *GRANTED["clarity"]],
        "matomo": [["requireConsent"], ["forgetConsentGiven"], *GRANTED["matomo"][1:]],
        "hubspot": [hubspot(False), hubspot(False), ["revokeCookieConsent"], hubspot(True)],
    }
    assert found == GRANTED | again
    assert page.evaluate("[metaLoads, pinterestLoads, sameFbq]") == [True, True, True]

    withdraw(page, {**found, "google": [*refused, google("update", YES), event(YES), ["config", "G-1"]]})
    wait(page, "window.consentkit.state?.ask === false && dataLayer.length === 3")
    assert queues(page) == {**UNTOLD, "google": [*FIRST, nobody]}, "the next page after a no"

    press_yes(page)
    assert queues(page) == {**GRANTED, "google": [*FIRST, nobody, *told_yes()]}
    for address in (f"{origin}/kettles", origin):
        page.goto(address)
        wait(page, "window.ran")
        assert queues(page) == {**GRANTED, "google": [*FIRST, *told_yes()]}, "default, then update, then tag"
    assert page.evaluate("violations") == []
    context.close()


def told_yes() -> list[Any]:
    return [google("update", YES), event(YES), ["config", "G-1"]]


def press_yes(page: Page) -> None:
    page.click("#manage")
    press(page, "Accept all")
    wait(page, "window.ran")


def withdraw(page: Page, before: dict[str, Any]) -> None:
    """Reject all, and look at the page while the server has not yet answered."""
    held: list[Route] = []
    page.route("**/consent/", lambda route: held.append(route))
    page.click("#manage")
    press(page, "Reject all")
    until(page, lambda: held, "the answer is under way")
    after = queues(page)
    added = {name: queue[len(before[name] or ()) :] for name, queue in after.items()}
    assert added == WITHDRAWN
    assert {name: queue[: len(before[name])] for name, queue in after.items()} == before
    with page.expect_navigation():
        held[0].continue_()
    page.unroute("**/consent/")


@pytest.fixture(scope="module")
def decided(browser: Browser, origin: str) -> Any:
    """The cookies of a visitor who has said yes."""
    context = browser.new_context()
    page = shown(context.new_page(), origin, asks=True)
    press(page, "Accept all")
    wait(page, "window.ran")
    kept = context.storage_state()
    context.close()
    return kept


@pytest.mark.browser
def test_the_default_comes_before_the_tag_on_a_cold_cache_every_time(
    browser: Browser, origin: str, decided: Any, full: bool
) -> None:
    """As peers' did not: a tag that was faster than its consent tool wrote `_ga` (peers §5, 12)."""
    for _ in range(100 if full else 5):
        context: BrowserContext = browser.new_context(storage_state=decided)
        page = context.new_page()
        page.goto(origin)
        wait(page, "window.ran")
        assert queues(page) == {**GRANTED, "google": [*FIRST, *told_yes()]}
        context.close()


@pytest.mark.browser
def test_without_their_words_no_vendor_runs_and_they_are_asked_for_again(
    browser: Browser, origin: str, decided: Any
) -> None:
    context = browser.new_context(storage_state=decided)
    page = context.new_page()
    page.route("**/static/words.*.js*", lambda route: route.abort())
    page.goto(origin)
    page.evaluate("new Promise((done) => consentkit.push(done))")
    page.evaluate("new Promise((done) => setTimeout(done, 500))")  # as long as the tags would take
    assert page.evaluate("[window.ran, consentkit.allows('marketing')]") == [None, False]
    page.unroute("**/static/words.*.js*")
    page.reload()
    wait(page, "window.ran")
    context.close()


PLAIN = """<script async src="https://www.googletagmanager.com/gtag/js?id=G-1" nonce="n0nce"></script>
<script nonce="n0nce">function gtag() { dataLayer.push(arguments); } gtag('config', 'G-1');
document.cookie = "_ga=1"; document.cookie = "own=1";</script>
<script src="https://connect.facebook.net/en_US/fbevents.js" nonce="n0nce"></script>"""


@pytest.mark.browser
def test_in_advanced_mode_google_s_tag_runs_before_the_choice_told_no_and_keeps_nothing(
    browser: Browser, tmp_path: Path
) -> None:
    mode = {"google": "advanced", "regions": ["FR", "US-CA"]}
    site = serving(tmp_path, PLAIN, services=["google-analytics", "meta-pixel"], consent_mode=mode)
    held = {"wait_for_update": 500, "region": ["FR", "US-CA"]}
    first = [google("default", NO, **held), google("default", YES, wait_for_update=500), FIRST[1]]
    with served(site, "localhost") as origin:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url.split("?")[0]))
        shown(page, origin, asks=True)
        assert queues(page)["google"] == [*first, ["config", "G-1"], event(NO)]
        assert "https://www.googletagmanager.com/gtag/js" in asked
        assert not [url for url in asked if "facebook" in url], "no other tag does"
        assert page.evaluate("document.cookie") == "own=1", "what it writes waits for a yes all the same"
        press(page, "Reject all")
        wait(page, "dataLayer.length === 7")
        assert queues(page)["google"][-2:] == [google("update", NO), event(NO)]
        page.close()
    site.kit.close()


HELD = """<script nonce="n0nce">
fetch("https://www.clarity.ms/tag").catch(() => clarity("held came"));
</script>"""


@pytest.mark.browser
def test_a_yes_to_a_part_is_told_as_one_and_what_the_guard_held_comes_after_the_word(
    browser: Browser, tmp_path: Path
) -> None:
    site = serving(tmp_path, HELD + BLOCKED, services=SERVICES)
    with served(site, "localhost") as origin:
        page = shown(browser.new_page(), origin, asks=True)
        press(page, "Choose")
        page.locator("input[name=analytics]").check()
        press(page, "Save choices")
        wait(page, "!!window.snowplow")
        part = {**NO, "analytics": True}
        found = queues(page)
        assert found["google"][3:] == [google("update", part), event(part), ["config", "G-1"]]
        part_of = ["consentv2", {"ad_Storage": "denied", "analytics_Storage": "granted"}]
        assert found["clarity"][:2] == [clarity("denied"), part_of]
        assert found["matomo"] == GRANTED["matomo"]
        assert found["hubspot"][1][1] == {"analytics": True, "advertisement": False, "functionality": False}
        assert found["uet"] == [*uet("default", "denied"), *uet("update", "denied")]
        assert [found[each] for each in ("meta", "tiktok", "pinterest", "shopify")] == [None] * 4
        wait(page, "clarity.q.length === 4")
        assert ["held came"] in queues(page)["clarity"][2:]
        page.close()
    site.kit.close()


@pytest.mark.browser
def test_the_list_that_posthog_s_own_script_takes_over_opens_it(browser: Browser) -> None:
    """The real one, told by its page to keep nothing until it hears a word; the stubs stand for others."""
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<title>x</title>", content_type="text/html"))
    page.goto("http://localhost/")
    page.evaluate(
        """(word) => {
          const e = (window.posthog = [word]);
          Object.assign(e, { _i: [], people: [], __SV: 1, init: (...given) => e._i.push(given) });
          posthog.init("x", { api_host: "http://localhost", opt_out_capturing_by_default: true });
        }""",
        GRANTED["posthog"][0],
    )
    page.add_script_tag(path=ROOT / "consentkit" / "demo" / "vendor" / "posthog-array.js")
    assert page.evaluate("posthog.has_opted_in_capturing()")
    page.evaluate("posthog.opt_out_capturing()")
    assert page.evaluate("posthog.has_opted_out_capturing()")
    page.close()
