"""The guard in a real Chromium: what scripts add at run time waits, and everything else stays native."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import PATIENCE, Visit, until, visiting
from container import (
    ANALYTICS,
    MARKETING,
    MORE,
    NOBODYS,
    POLICY,
    VENDORS,
    WHOLE,
    WRITTEN,
    Shop,
    Vendor,
    container,
)
from native import NATIVE
from playwright.sync_api import Page, Playwright, expect, sync_playwright

from consentkit.gate.anchors import MOST, Anchor, Seen, hint_records, key_of
from consentkit.policy.months import day_of, least_days, start_of

pytestmark = pytest.mark.browser
ALL = [*VENDORS, *MORE]
DOMAINS = (ANALYTICS, MARKETING)
# Half of them are one category's, half the other's; of two alike, not both the same.
BOTH = [(vendor, DOMAINS[place % 2]) for place, vendor in enumerate(ALL)]
DAY = 86_400


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def visit(driver: Playwright) -> Iterator[Visit]:
    with visiting(driver) as visit:
        yield visit


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def site(shop: Shop, tmp_path: Path, visit: Visit) -> Iterator[str]:
    """The shop behind the middleware, for a visitor who comes for the first time."""
    visit.context.clear_cookies()
    with container(shop, tmp_path) as origin:
        yield origin
    for page in visit.context.pages[1:]:
        page.close()
    visit.calls.clear()
    visit.errors.clear()


@pytest.fixture
def page(visit: Visit, site: str) -> Page:
    return visit.page()


def hosts(vendors: list[tuple[Vendor, str]], *domains: str) -> set[str]:
    return {vendor.host(domain) for vendor, domain in vendors if domain in (domains or DOMAINS)}


def called(visit: Visit) -> set[str]:
    """The vendors' hosts that were reached for."""
    ends = tuple(f".{domain}" for domain in (*DOMAINS, NOBODYS))
    return {host for host in visit.calls.hosts() if f".{host}".endswith(ends)}


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE)


def choose(page: Page, *categories: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Choose", exact=True).click()
    for category in categories:
        page.locator(f"input[name={category}]").check()
    press(page, "Save choices")


def quiet(page: Page) -> None:
    """Wait until a request that is made after all others has been answered, and a bit longer."""
    page.evaluate("fetch('/last').then(() => new Promise((done) => setTimeout(done, 250)))")


# What is added at run time ------------------------------------------------------------------------------


def test_without_us_every_vendor_of_the_container_is_reached(driver: Playwright, shop: Shop) -> None:
    shop.vendors = BOTH
    shop.more = f"<script>{WRITTEN.script(ANALYTICS)}</script>"
    with container(shop, None) as origin, visiting(driver, hosts(BOTH)) as visit:
        page = visit.page()
        page.goto(origin)
        wanted = hosts([*BOTH, (WRITTEN, ANALYTICS)])
        until(page, lambda: called(visit) >= wanted, "a vendor isn't reached")


def test_before_a_choice_none_is_reached_and_the_page_goes_on(
    driver: Playwright, shop: Shop, tmp_path: Path
) -> None:
    shop.vendors = [*BOTH, (Vendor("undeclared", f"new Image().src = 'http://{NOBODYS}/tr';"), ANALYTICS)]
    shop.more = f"<script>{WRITTEN.script(ANALYTICS)}</script>"
    with container(shop, tmp_path) as origin, visiting(driver, {*hosts(shop.vendors), NOBODYS}) as visit:
        page = visit.page()
        page.goto(origin)
        expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
        quiet(page)
        assert page.locator("#end").is_visible()
        assert page.evaluate("threw") == []
        assert visit.errors == []
        # A beacon's sender learns only that it was taken.
        assert [host.split(".")[0] for host in page.evaluate("ran")] == ["beacon"]
    assert called(visit) == set()
    assert not {host for host in visit.netlog.hosts() if host.endswith((*DOMAINS, NOBODYS))}


def test_all_of_them_run_once_everything_is_accepted(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    shop.vendors = BOTH
    shop.more = f"<script>{WRITTEN.script(ANALYTICS)}</script>"
    page.goto(site)
    born = page.evaluate("born")
    press(page, "Accept all")
    wanted = hosts([each for each in BOTH if each[0].again]) | {WRITTEN.host(ANALYTICS)}
    until(page, lambda: called(visit) >= wanted, "a vendor stays held")
    # The very elements and requests of the page: their own handlers hear of it.
    heard = hosts([each for each in BOTH if each[0] in VENDORS and each[0].name != "markup"])
    until(page, lambda: heard <= set(page.evaluate("ran")), "a handler was not called")
    quiet(page)
    assert called(visit) == wanted
    assert len(visit.calls.requests(BOTH[0][0].host(BOTH[0][1]))) == 1
    assert page.evaluate("[born, threw]") == [born, []]
    assert visit.errors == []


def test_only_what_is_allowed_runs(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    shop.vendors = [(vendor, domain) for vendor in VENDORS for domain in DOMAINS]
    page.goto(site)
    choose(page, "analytics")
    until(page, lambda: called(visit) >= hosts(shop.vendors, ANALYTICS), "a vendor stays held")
    quiet(page)
    assert called(visit) == hosts(shop.vendors, ANALYTICS)
    # The next page knows it from the start, and asks nobody.
    visit.calls.clear()
    page.goto(site)
    until(page, lambda: called(visit) >= hosts(shop.vendors, ANALYTICS), "a vendor stays held")
    quiet(page)
    assert called(visit) == hosts(shop.vendors, ANALYTICS)


ADD = """host => {
  const script = document.createElement("script");
  script.src = `http://${host}/x`;
  document.head.append(script);
}"""


def test_after_a_withdrawal_it_holds_again(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    page.goto(site)
    press(page, "Accept all")
    page.evaluate("consentkit.open()")
    born = page.evaluate("born")
    press(page, "Reject all")
    page.evaluate(ADD, f"a.{ANALYTICS}")
    quiet(page)
    assert page.evaluate("born") == born  # nothing of the category ran, so nothing had to be ended
    assert called(visit) == set()


def test_what_the_guard_let_run_is_ended_by_a_withdrawal(
    page: Page, visit: Visit, shop: Shop, site: str
) -> None:
    page.goto(site)
    press(page, "Accept all")
    page.evaluate(ADD, f"a.{ANALYTICS}")
    until(page, lambda: called(visit), "an allowed script is held")
    page.evaluate("window.stale = true; consentkit.open()")
    page.get_by_role("dialog").get_by_role("button", name="Reject all", exact=True).click()
    page.wait_for_function("!window.stale && document.readyState === 'complete'")


def test_what_its_author_puts_in_another_category_goes_by_that(
    page: Page, visit: Visit, shop: Shop, site: str
) -> None:
    mark = "type=text/plain data-category=analytics"
    shop.more = f"""<script {mark} data-src="http://chosen.{MARKETING}/a"></script>
      <template data-category="analytics"><iframe src="http://folded.{MARKETING}/b"></iframe></template>
      <script>new Image().src = "http://other.{MARKETING}/c";</script>"""
    page.goto(site)
    quiet(page)
    assert called(visit) == set()
    choose(page, "analytics")
    page.evaluate(
        "u => { const i = new Image(); i.dataset.category = 'analytics'; i.src = u }",
        f"http://own.{MARKETING}/d",
    )
    wanted = {f"{name}.{MARKETING}" for name in ("chosen", "folded", "own")}
    until(page, lambda: called(visit) >= wanted, "an author's mark doesn't count")
    quiet(page)
    assert called(visit) == wanted


def test_a_frame_that_a_script_adds_gets_its_box_and_comes_back(
    page: Page, visit: Visit, shop: Shop, site: str
) -> None:
    page.goto(site)
    page.evaluate(
        f"""const f = document.createElement('iframe'); f.width = 300; f.height = 200;
        f.src = 'http://video.{MARKETING}/v'; document.body.append(f)"""
    )
    expect(page.frame_locator("iframe[width='300']").locator("body")).to_contain_text("Ads is blocked here")
    press(page, "Accept all")
    until(page, lambda: called(visit), "the frame stays off")


def test_who_is_refused_for_good_sees_a_network_that_is_down(page: Page, site: str) -> None:
    page.goto(site)
    seen = page.evaluate(
        """async (url) => {
          const failed = (it, ...names) => new Promise((done) => {
            const seen = [];
            for (const name of names)
              it.addEventListener(name, () => (seen.push(name), seen.length === names.length && done(seen)));
          });
          const request = new XMLHttpRequest();
          request.open("POST", url);
          request.send("x");
          return [
            await fetch(url).catch(String),
            await failed(request, "error", "loadend"),
            await failed(new WebSocket(url.replace("http", "ws")), "error", "close"),
            await failed(new EventSource(url), "error"),
          ];
        }""",
        f"http://{NOBODYS}/tr",
    )
    assert seen == ["TypeError: Failed to fetch", ["error", "loadend"], ["error", "close"], ["error"]]


HELD = """host => {
  const url = (name) => `http://${name}.${host}/`;
  const load = (name, timeout) => new Promise((done) => {
    const request = new XMLHttpRequest(), seen = [];
    for (const type of ["readystatechange", "load", "error", "timeout"])
      request.addEventListener(type, () => seen.push(type + request.readyState + request.status));
    request.addEventListener("loadend", () => done(seen.join()));
    request.open("GET", url(name));
    seen.length = 0;
    request.timeout = timeout;
    request.send();
  });
  window.settled = {};
  const all = { fetch: fetch(url("f")), posted: fetch(new Request(url("r"), { method: "POST", body: "x" })),
                request: load("x", 0), slow: load("s", 400), late: load("l", 1e6) };
  for (const name in all) all[name].catch(String).then((value) => (settled[name] = value));
  return Promise.all([navigator.sendBeacon(url("b"), "x"), all.slow])
    .then(() => Object.keys(settled));
}"""
DOWN = dict.fromkeys(("fetch", "posted"), "TypeError: Failed to fetch") | dict.fromkeys(
    ("request", "slow", "late"), "readystatechange40,error40"
)


def test_what_waits_fails_as_a_network_does_once_it_is_refused(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    # Who has set a limit of time goes by that; the others wait for the choice.
    page.evaluate(WHOLE)
    assert page.evaluate(HELD, MARKETING) == ["slow"]
    choose(page, "analytics")
    fail = "Object.keys(settled).length === 5 && settled"
    late = {"slow": DOWN["slow"].replace("error", "timeout")}
    assert page.wait_for_function(fail).json_value() == DOWN | late
    # Now that it is known, nobody waits: on this page, and on the next from its start.
    page.evaluate(HELD, MARKETING)
    assert page.wait_for_function(fail).json_value() == DOWN
    page.goto(site)
    page.evaluate(HELD, MARKETING)
    assert page.wait_for_function(fail).json_value() == DOWN
    page.evaluate("consentkit.open()")
    press(page, "Accept all")
    quiet(page)
    assert called(visit) == set()


def test_a_request_that_is_opened_anew_while_it_waits_is_only_the_new_one(
    page: Page, visit: Visit, site: str
) -> None:
    page.goto(site)
    page.evaluate(
        """url => {
          const twice = new XMLHttpRequest(), unsent = new XMLHttpRequest();
          for (const at of [1, 2]) {
            twice.open("POST", url + at);
            twice.send(new Blob([], { type: `text/plain;at=${at}` }));
          }
          unsent.open("POST", url + "unsent1");
          unsent.send();
          unsent.open("POST", url + "unsent2");
        }""",
        f"http://a.{ANALYTICS}/",
    )
    with page.expect_request(f"http://a.{ANALYTICS}/2") as sent:
        press(page, "Accept all")
    assert sent.value.headers["content-type"] == "text/plain;at=2"
    quiet(page)
    assert {each.path for each in visit.calls.requests(f"a.{ANALYTICS}")} == {"/2"}


def test_a_caller_that_gives_up_hears_so_at_once(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    page.evaluate(WHOLE)
    told = page.evaluate(
        """url => Promise.race([
          Promise.all([
            fetch(url, { signal: AbortSignal.timeout(50) }).catch(String),
            fetch(url, { signal: AbortSignal.abort() }).catch(String),
          ]),
          new Promise((done) => setTimeout(done, 5000, ["nothing", ""])),
        ])""",
        f"http://a.{ANALYTICS}/",
    )
    assert [each.partition(":")[0] for each in told] == ["TimeoutError", "AbortError"]
    page.evaluate(
        "url => { const x = new XMLHttpRequest(); x.open('GET', url); x.send(); x.abort() }",
        f"http://b.{ANALYTICS}/",
    )
    press(page, "Accept all")
    quiet(page)
    assert called(visit) == set()


def test_markup_is_seen_wherever_it_is_put(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    page.evaluate(
        """([card, stray, poster, entity]) => {
          const box = (name) => document.body.appendChild(document.createElement(name));
          box("team-card").innerHTML = `<img src="${card}">`;
          box("p").innerHTML = `</template><img src="${stray}">`;
          box("p").innerHTML = `<video poster="${poster}"></video>`;
          box("p").innerHTML = `<img src="${entity.replace(/[/]/g, "&#x2F;")}">`;
          box("p").innerHTML = `</template><b id="innocent"></b>`;
        }""",
        [f"http://{name}.{ANALYTICS}/x" for name in ("card", "stray", "poster", "entity")],
    )
    quiet(page)
    assert called(visit) == set()
    assert page.evaluate("!!document.querySelector('#innocent')")


def test_trusted_types_stay_what_they_are(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    # The starter gets a policy of the site's own, and so does what is written here.
    shop.headers = {"content-security-policy": "require-trusted-types-for 'script'"}
    page.goto(site)
    told = page.evaluate(
        """async (url) => {
          const seen = [];
          addEventListener("securitypolicyviolation", (event) => seen.push(event.sample));
          const policy = trustedTypes.createPolicy("own", { createHTML: (text) => text });
          const frame = document.body.appendChild(document.createElement("iframe"));
          const view = frame.contentDocument;
          view.write(policy.createHTML("<p>one "), policy.createHTML("two</p>"));
          const box = document.body.appendChild(document.createElement("p"));
          box.innerHTML = policy.createHTML("<img src='/ok.png' alt='three'>");
          await new Promise((done) => setTimeout(done, 100));
          return [view.body.textContent, box.firstChild.alt, seen];
        }"""
    )
    assert told == ["one two", "three", []]


# Cookies and storage ------------------------------------------------------------------------------------


def expiries(visit: Visit) -> dict[str, float]:
    return {str(each.get("name")): float(each.get("expires", -1)) for each in visit.context.cookies()}


def test_cookies_are_refused_or_cut_as_they_are_set(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    choose(page, "analytics")
    year = f"expires={datetime(2099, 1, 1, tzinfo=UTC):%a, %d %b %Y %H:%M:%S GMT}"
    lines = {
        "_ads": "max-age=9999", "_ads_x": "path=/", "_fbp": "max-age=9999", "theme": "max-age=34300000",
        "_stats": "max-age=63072000", "_stats_1": year, "_stats_2": "max-age=60", "_stats_3": "path=/",
        "_stats_4": f"{year}; max-age=10x", "_stats_5": "Max-Age=99999999; MAX-AGE = 60 ",
        "_stats_6": f"max-age=60; {year}", "_stats_7": f"max-age=60;{year};Max-Age=34300000; path=/",
        "_stats_month": year,
        "_stats_8": "expires=00:00:00 1-Jan-2099", "_stats_9": "expires=Jan 1 2099 0:0:0",
    }  # fmt: skip
    # A browser reads no life in these, so none of them is lengthened or ended.
    unread = ("Session", "undefined", "Invalid Date", "0", "-1", "1", "2099-01-01T00:00:00.000Z")
    lives = [f"expires={date}" for date in unread]
    lives += [f"max-age={age}" for age in ("63072000.5", "Infinity", "undefined", "1e9", " ", "0.5")]
    lines |= {f"_stats_session_{at}": life for at, life in enumerate(lives)}
    page.evaluate(
        "lines => { for (const name in lines) document.cookie = `${name}=1; ${lines[name]}` }", lines
    )
    page.evaluate(
        """async (end) => {
          await cookieStore.set("_ads_store", "1");
          await cookieStore.set({ name: "_ads_store2", value: "1", expires: end });
          await cookieStore.set({ name: "_stats_store", value: "1", expires: end });
          await cookieStore.set("_stats_store2", "1");
          await cookieStore.set({ name: "own_store", value: "1", expires: end });
        }""",
        int(datetime.now(UTC).timestamp() + 399 * DAY) * 1000,
    )
    left = {name: end - datetime.now(UTC).timestamp() for name, end in expiries(visit).items()}
    assert not [name for name in left if name.startswith(("_ads", "_fbp"))]
    most = least_days(13) * DAY
    cut = {name for name, life in left.items() if most - 60 < life <= most}
    assert cut == {f"_stats{end}" for end in ("", "_1", "_4", "_7", "_8", "_9", "_store")}
    assert 30 * DAY - 60 < left["_stats_month"] <= 30 * DAY
    assert {name for name, life in left.items() if 0 < life <= 60} == {"_stats_2", "_stats_5", "_stats_6"}
    unended = {name for name, life in expiries(visit).items() if life < 0}
    assert {life for at, life in enumerate(lives) if f"_stats_session_{at}" not in unended} == set()
    assert {"_stats_3", "_stats_store2"} <= unended
    assert min(left["theme"], left["own_store"]) > most + DAY


def tell(visit: Visit, site: str, seen: Seen) -> None:
    """Let the hint say what the server would of these anchors."""
    hint = next(each for each in visit.context.cookies() if each.get("name") == "consentkit_allows")
    value = str(hint.get("value")).partition("~")[0] + "~" + hint_records(seen, seen.issued)
    visit.context.add_cookies([{"name": "consentkit_allows", "value": value, "url": site}])


def test_a_tracker_s_end_is_the_one_that_the_hint_tells(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    today = day_of(datetime.now(UTC))
    # Any script may write a cookie whose name only ends as the hint's.
    lie = hint_records(Seen(today, {key_of("_stats"): Anchor(today, 13, "__")}), today)
    page.evaluate("lie => { document.cookie = `my_consentkit_allows=~${lie}` }", lie)
    press(page, "Accept all")
    days = {"_stats": today - 300, "_stats_é": today - 380, "_stats_old": today - 500, "_stats_new": today}
    days |= {"_stats_month": today - 300, "_stats_month_old": today - 380}
    running = {key_of(name): Anchor(day, 13, "__") for name, day in days.items()}
    tell(visit, site, Seen(today, running))
    assert page.evaluate("document.cookie").startswith("my_")
    page.evaluate("names => { for (const n of names) document.cookie = `${n}=1; max-age=34300000` }", [*days])
    ends = expiries(visit)
    assert "_stats_old" not in ends
    assert abs(ends["_stats_month"] - datetime.now(UTC).timestamp() - 30 * DAY) <= 60
    for name in ("_stats", "_stats_é", "_stats_new", "_stats_month_old"):
        assert abs(ends[name] - start_of(running[key_of(name)].end).timestamp()) <= 2


def test_a_date_that_only_a_script_takes_for_past_keeps_no_tracker(
    page: Page, visit: Visit, site: str
) -> None:
    # Two digits of a year are 1960 to a script, 2060 to a cookie; other dates are none to a script.
    page.goto(site)
    choose(page, "analytics")
    dates = ["Fri, 01-Jan-60 00:00:00 GMT", "01|Jan|2038|00:00:00", "Fri, 01 Jan 10000 00:00:00 GMT"]
    write = """([name, dates]) => dates.forEach((date, at) => {
      document.cookie = `${name}_${at}=1; path=/; expires=${date}`;
    })"""
    page.evaluate(write, ["_ads", dates])
    page.evaluate(write, ["_stats", dates])
    page.evaluate("document.cookie = '=_ads_nameless=1; max-age=9999'")
    ends = expiries(visit)
    assert not [name for name in ends if name.startswith("_ads")]
    assert "_ads" not in page.evaluate("document.cookie")
    most = datetime.now(UTC).timestamp() + least_days(13) * DAY
    assert all(0 < end <= most for name, end in ends.items() if name.startswith("_stats"))


def test_where_there_is_no_room_for_a_day_a_tracker_has_one_more(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    press(page, "Accept all")
    today = day_of(datetime.now(UTC))
    tell(visit, site, Seen(today, {key_of(f"_stats_{at}"): Anchor(today, 13, "__") for at in range(MOST)}))
    page.evaluate(
        """async () => {
          document.cookie = "_stats_new=1; max-age=34300000";
          document.cookie = "_stats_brief=1; max-age=60";
          document.cookie = "_stats_shut=1";
          document.cookie = "_stats_1=1; max-age=34300000";
        }"""
    )
    ends, now = expiries(visit), datetime.now(UTC).timestamp()
    assert 0 < ends["_stats_brief"] - now <= 60 < ends["_stats_new"] - now <= DAY
    assert ends["_stats_shut"] == -1
    assert ends["_stats_1"] - now > 390 * DAY


def test_a_removal_stays_one(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    press(page, "Accept all")
    lives = ["max-age=0", "Max-Age=-1; expires=Fri, 01 Jan 2038 00:00:00 GMT"]
    lives += ["expires=Thu, 01 Jan 1970 00:00:00 GMT", "expires=Thu, 01 Jan 1931 00:00:00 GMT"]
    for life in lives:
        page.evaluate("document.cookie = '_stats=1'")
        assert "_stats" in expiries(visit)
        page.evaluate("life => { document.cookie = `_stats=; ${life}` }", life)
        assert "_stats" not in expiries(visit), life
    page.evaluate("document.cookie = '_stats_1=1; expires='")
    assert expiries(visit)["_stats_1"] == -1


def test_no_script_writes_or_removes_our_own_cookies(page: Page, visit: Visit, site: str) -> None:
    page.goto(site)
    press(page, "Reject all")
    before = {each.get("name"): each.get("value") for each in visit.context.cookies()}
    assert {"consentkit", "consentkit_allows"} <= before.keys()
    page.evaluate(
        """async () => {
          for (const name of ["consentkit", "consentkit_allows", "consentkit_seen"]) {
            for (const life of ["max-age=9999", "max-age=0", "path=/"])
              document.cookie = `${name}=1; path=/; ${life}`;
            await cookieStore.set(name, "1");
          }
          document.cookie = "=consentkit_seen=1";
        }"""
    )
    assert {each.get("name"): each.get("value") for each in visit.context.cookies()} == before


def test_storage_is_refused_under_denied_keys_alone(page: Page, site: str) -> None:
    page.goto(site)
    page.evaluate(WHOLE)
    press(page, "Reject all")
    seen = page.evaluate(
        """async () => {
          const failed = async (make) => {
            try { await make(); return "" } catch (error) { return error.name }
          };
          for (const store of [localStorage, sessionStorage]) {
            store.setItem("ads-1", 1); if (store.getItem("ads-1")) throw new Error("kept");
            store.setItem("own", 1); store["ads-2"] = 1; store.mine = 1;
            store._hjUserAttributes = 1;
          }
          localStorage.setItem("stats.x", 1);
          await 0;
          return [
            Object.keys(localStorage).sort(), Object.keys(sessionStorage).sort(),
            await failed(() => indexedDB.open("ads-db")), await failed(() => caches.open("ads-cache")),
            (await caches.open("ads-1").catch((error) => error)).name,
            await failed(() => indexedDB.open("own")), await failed(() => caches.open("own")),
          ];
        }"""
    )
    assert seen == [["mine", "own"], ["mine", "own"], "TypeError", "TypeError", "TypeError", "", ""]


# Everything else ----------------------------------------------------------------------------------------


def test_what_is_not_denied_behaves_as_if_we_were_not_there(
    visit: Visit, page: Page, site: str, shop: Shop
) -> None:
    page.goto(site)
    page.evaluate(WHOLE)
    guarded = page.evaluate(NATIVE)
    with container(shop, None) as bare:
        page.goto(bare)
        native = page.evaluate(NATIVE)
    assert len(native) > 60
    assert {name: guarded[name] for name in native if guarded[name] != native[name]} == {}


@pytest.mark.parametrize("table", ["[[null]]", "[[/(/s]]", "null"])
def test_a_broken_guard_leaves_the_page_and_the_gate_as_they_were(
    page: Page, visit: Visit, shop: Shop, site: str, table: str
) -> None:
    shop.vendors = [(vendor, ANALYTICS) for vendor in VENDORS]
    shop.more = f'<script src="http://blocked.{MARKETING}/x.js"></script>'
    body = (
        (Path(__file__).parent.parent / "static" / "guard.js")
        .read_text("utf-8")
        .replace("__WAYS__", "'/none.js'")
    )
    page.route(
        "**/static/guard.*.js",
        lambda route: route.fulfill(body=body.replace("__GUARD__", table), content_type="text/javascript"),
    )
    page.goto(site)
    until(page, lambda: called(visit) >= hosts(shop.vendors), "what can't be judged is held")
    quiet(page)
    assert called(visit) == hosts(shop.vendors)
    assert page.evaluate("threw") == []
    press(page, "Accept all")
    until(page, lambda: f"blocked.{MARKETING}" in called(visit), "the gate's own revival fails")


def test_it_works_under_a_policy_of_nonces(page: Page, visit: Visit, shop: Shop, site: str) -> None:
    shop.vendors = [(vendor, ANALYTICS) for vendor in VENDORS]
    shop.nonce = "r4nd0m"
    shop.headers = {
        "content-security-policy": "script-src 'nonce-r4nd0m' 'strict-dynamic'; object-src 'none'"
    }
    page.goto(site)
    assert page.evaluate("document.querySelector('[src*=guard]').nonce") == "r4nd0m"
    quiet(page)
    assert called(visit) == set()
    press(page, "Accept all")
    until(page, lambda: called(visit) == hosts(shop.vendors), "a vendor stays held")
    assert visit.errors == []


def test_a_site_can_do_without(page: Page, tmp_path: Path, shop: Shop, visit: Visit) -> None:
    policy = POLICY | {"pages": {"guard": False}}
    shop.vendors = [(VENDORS[0], ANALYTICS)]
    (tmp_path / "without").mkdir()
    with container(shop, tmp_path / "without", policy) as origin:
        page.goto(origin)
        until(page, lambda: called(visit) == hosts(shop.vendors), "held by nobody")
        assert page.evaluate("document.querySelector('[src*=guard]')") is None
