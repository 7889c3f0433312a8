"""Fourteen months: no tracker outlives its end, no choice its six months (A1, A2, B6, L3, L4, L30).

The ends are read from the standard library's jar, which lives under the same shifted clock. The scripts are
as the vendors' own: they read the jar and write again at every visit.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from jar import Browser, Jar
from sample import Clock, app, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

SITE = "https://www.shop.example"
START = datetime(2026, 8, 31, 12, 0, tzinfo=UTC)
END = datetime(2027, 9, 30, tzinfo=UTC)
"""13 calendar months after the day of the first visit, clamped, from the start of that day."""
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
TRACKERS = ("_ga", "_ga_7XK2", "_fbp", "_visit", "_aff")
ROLLING = "_fbp"
"""Its own 90 days roll with each visit, as long as they end before the tracker does."""


@dataclass
class Site:
    """A shop that sets trackers of its own, and writes down every tracker it is told of."""

    clock: Clock
    told: list[tuple[datetime, dict[str, str]]] = field(default_factory=list)

    def note(self, request: Request) -> None:
        told = {name: value for name, value in request.cookies.items() if name in TRACKERS}
        self.told.append((self.clock.now, told))

    async def page(self, request: Request) -> Response:
        self.note(request)
        return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "no-store"})

    async def cached(self, request: Request) -> Response:
        self.note(request)
        return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "public"})

    async def beat(self, request: Request) -> Response:
        """Renew what there is for years, one out of reach of scripts."""
        self.note(request)
        answer = JSONResponse({})
        visit = request.cookies.get("_visit") or f"v{self.clock.now:%Y%m%d}"
        affiliate = request.cookies.get("_aff") or f"a{self.clock.now:%Y%m%d}"
        answer.set_cookie("_visit", visit, max_age=2 * 365 * 86400, httponly=True, secure=True)
        answer.set_cookie(
            "_aff", affiliate, expires=self.clock.now + timedelta(days=1000), domain="shop.example"
        )
        return answer


def key_of(name: str) -> str:
    """FNV-1a as the page's guard computes it."""
    key = 0x811C9DC5
    for byte in name.encode():
        key = (key ^ byte) * 0x01000193 % 2**32
    return "".join(DIGITS[key >> shift & 63] for shift in (30, 24, 18, 12, 6, 0))


def day_in(digits: str) -> datetime:
    """The start of the day that three digits tell."""
    high, middle, low = map(DIGITS.index, digits)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=high << 12 | middle << 6 | low)


@dataclass
class Visitor:
    """A person with a browser, who accepts when asked; and the scripts that then run in it."""

    browser: Browser
    clock: Clock
    mode: str
    luck: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311
    accepted: list[datetime] = field(default_factory=list)
    reissued: dict[str, list[str]] = field(default_factory=dict)

    @property
    def jar(self) -> Jar:
        return self.browser.jar

    @property
    def hint(self) -> str:
        return self.jar.document_cookie(SITE).get("consentkit_allows", "")

    def allows(self, category: str) -> bool:
        until = self.hint.partition(f".{category}+")[2].partition(".")[0]
        return bool(until) and int(until) > self.clock.now.timestamp()

    def visit(self, *, accepting: bool = True) -> None:
        """Open a page: the page itself, the starter, a choice if it asks for one, and what then runs."""
        page = f"{SITE}/{'cached' if self.mode == 'sync' else 'page'}"
        answer = self.browser.get(page, accept="text/html")
        for name in TRACKERS:
            self.reissued.setdefault(name, []).extend(
                each for each in answer.of(name) if "Max-Age=0" not in each
            )
        if not self.allows("analytics"):
            asks = self.browser.get(f"{SITE}/consent/state").json()["ask"]
            if asks and accepting:
                self.accepted.append(self.clock.now)
                assert self.browser.choose(SITE, "preferences", "analytics", "marketing").status == 201
        self.browser.get(f"{SITE}/beat", sec_fetch_dest="empty")
        if self.allows("analytics"):
            self.analytics()
        if self.allows("marketing"):
            self.pixel()
        if self.mode != "server":
            self.report()

    def report(self) -> None:
        """What the starter tells once there are trackers without an end, or our cookies are five days old."""
        records = self.hint.partition("~")[2]
        known = {records[at : at + 6] for at in range(3, len(records), 9)}
        unknown = [
            name for name in TRACKERS if name in self.jar.document_cookie(SITE) and key_of(name) not in known
        ]
        if unknown or (records and self.clock.now >= day_in(records[:3]) + timedelta(days=5)):
            assert self.browser.post(f"{SITE}/consent/sync", {}).status == 204

    def analytics(self) -> None:
        kept, now = self.jar.document_cookie(SITE), int(self.clock.now.timestamp())
        client = kept.get("_ga") or f"GA1.1.{self.luck.randrange(10**9)}.{now}"
        self.write("_ga", client, 63_072_000)
        self.write("_ga_7XK2", f"GS2.1.s{now}$o{self.luck.randrange(99)}$g1$t{now}", 63_072_000)

    def pixel(self) -> None:
        made = f"fb.1.{int(self.clock.now.timestamp() * 1000)}.{self.luck.randrange(10**9)}"
        self.write("_fbp", self.jar.document_cookie(SITE).get("_fbp") or made, 90 * 86400)

    def write(self, name: str, value: str, life: int) -> None:
        """`document.cookie = …`, which the guard shortens to what the hint says, or to thirteen months."""
        if self.mode != "server":
            records = self.hint.partition("~")[2][3:]
            ends = {records[at : at + 6]: records[at + 6 : at + 9] for at in range(0, len(records), 9)}
            day = ends.get(key_of(name))
            end = day_in(day) if day else self.clock.now + timedelta(days=392)
            life = min(life, int((end - self.clock.now).total_seconds()))
        self.jar.write(SITE, f"{name}={value}; path=/; domain=.shop.example; max-age={life}")

    def ends(self) -> dict[str, datetime | None]:
        return {name: self.jar.end(name) for name in TRACKERS if self.jar.named(name)}


@contextmanager
def shopping(folder: Path, mode: str, clock: Clock, **options: Any) -> Iterator[tuple[Visitor, Site]]:
    site = Site(clock)
    routes = [Route(f"/{each.__name__}", each) for each in (site.page, site.cached, site.beat)]
    services = [
        "google-analytics",
        "meta-pixel",
        visits(id="visits", category="analytics", cookies=[{"name": "_visit", "lifetime": "P2Y"}]),
        visits(id="affiliates", category="marketing", cookies=[{"name": "_aff", "lifetime": "P2Y"}]),
    ]
    rules = policy(services=services, pages={"guard": mode != "server"})
    middleware = mounted(app(*routes), folder, clock=clock, **({"policy": rules} | options))
    with asyncio.Runner() as runner:
        yield Visitor(Browser(middleware, Jar(clock), runner), clock, mode), site
    middleware.kit.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


def days_to(end: datetime, luck: random.Random) -> Iterator[datetime]:
    """Every few days, always within a day's opening hours, and once at the very instant of the end."""
    now = START
    while now < end:
        yield now
        later = now + timedelta(days=luck.randint(2, 9), minutes=luck.randint(-300, 300))
        now = END if now < END < later else later


@dataclass(frozen=True)
class Life:
    """Fourteen months of visits: after each one, what the jar says of each tracker's end."""

    ends: list[tuple[datetime, dict[str, datetime | None]]]
    visitor: Visitor
    site: Site


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Life]:
    return {mode: live(mode, tmp_path_factory.mktemp(mode)) for mode in ("guard", "server", "sync")}


def live(mode: str, folder: Path) -> Life:
    clock = Clock(START)
    with shopping(folder, mode, clock) as (visitor, site):
        ends = []
        for now in days_to(START + relativedelta(months=14), random.Random(2026)):  # noqa: S311
            clock.now = now
            visitor.visit()
            decided = visitor.accepted[-1]
            for name in ("consentkit", "consentkit_allows"):
                assert visitor.jar.end(name) == decided + relativedelta(months=6), now
            ends.append((now, visitor.ends()))
    return Life(ends, visitor, site)


@pytest.mark.parametrize("mode", ["guard", "sync"])
def test_no_visit_of_fourteen_months_moves_an_end(lives: dict[str, Life], mode: str) -> None:
    ends = lives[mode].ends
    assert len(ends) > 60
    first, *further = [each for now, each in ends if now < END]
    assert first.keys() == {*TRACKERS}
    for name in TRACKERS:
        found = {each[name] for each in further if name in each}
        if name == ROLLING:
            assert max(filter(None, found)) == END
        else:
            assert found == {END}, name
    # A script's first writing comes before anybody knows its anchor: it may only be shorter.
    begun = {end for name, end in first.items() if name != ROLLING}
    assert all(end and END - timedelta(days=6) < end <= END for end in begun)
    assert all(each.keys() == {*TRACKERS} for each in further)


@pytest.mark.parametrize("mode", ["guard", "server", "sync"])
def test_who_accepts_is_asked_every_six_months_and_never_before(lives: dict[str, Life], mode: str) -> None:
    accepted = lives[mode].visitor.accepted
    assert len(accepted) == 3
    for before, after in pairwise(accepted):
        end = before + relativedelta(months=6)
        assert end <= after < end + timedelta(days=10)


@pytest.mark.parametrize("mode", ["guard", "server", "sync"])
def test_the_application_is_told_nothing_past_an_end_and_everything_before(
    lives: dict[str, Life], mode: str
) -> None:
    told_of = lives[mode].site.told
    for name in TRACKERS:
        told = [(now, cookies[name]) for now, cookies in told_of if name in cookies]
        end = told[0][0].replace(hour=0, minute=0) + relativedelta(months=13)
        before = {value for now, value in told if now < end}
        assert [(now, value) for now, value in told if now >= end and value in before] == [], name
        assert max(now for now, _ in told if now < end) > end - timedelta(days=12)
        assert [now for now, _ in told if now >= end], "it starts anew after its end"


def test_without_a_guard_the_server_holds_its_own_and_sets_the_others_again_once(
    lives: dict[str, Life],
) -> None:
    life = lives["server"]
    for now, each in life.ends:
        assert each.keys() >= {"_ga", "_visit"} or now >= END
        for name in ("_visit", "_aff"):
            assert name not in each or each[name] == END or now >= END, name
    counts = {name: len(lines) for name, lines in life.visitor.reissued.items()}
    assert counts["_ga_7XK2"] == 0, "it changes with every visit"
    assert all(count <= 2 for count in counts.values()), "once for each of two anchors"
    assert counts["_ga"] >= 1
    assert counts[ROLLING] >= 1
    ages = [int(line.partition("Max-Age=")[2].partition(";")[0]) for line in life.visitor.reissued[ROLLING]]
    assert max(ages) <= 90 * 86400, "no longer than the visitor was told"


def test_at_the_end_an_answer_empties_the_jar_of_what_scripts_renewed(tmp_path: Path, clock: Clock) -> None:
    with shopping(tmp_path, "server", clock) as (visitor, site):
        for months in (0, 6, 12):
            for days in (1, 2) if months else (0, 0):
                clock.now = START + relativedelta(months=months, days=days)
                visitor.visit()
        clock.now = END - timedelta(seconds=1)
        visitor.visit()
        assert all((visitor.jar.end(name) or END) > END for name in ("_ga", "_ga_7XK2")), (
            "a script renewed it"
        )
        clock.now = END
        visitor.browser.get(f"{SITE}/page")
        assert site.told[-1][1] == {}
        assert visitor.ends() == {}


def test_two_visits_five_days_apart_give_one_end_and_a_max_age_five_days_shorter(
    tmp_path: Path, clock: Clock
) -> None:
    """Safari may let go after seven days of what isn't set again (L30)."""
    with shopping(tmp_path, "guard", clock) as (visitor, _):
        visitor.visit()
        life = {name: visitor.jar.end(name) for name in ("consentkit", "consentkit_allows")}
        clock.move(days=4)
        assert not visitor.browser.get(f"{SITE}/page").of("consentkit")
        clock.now = START + timedelta(days=5)
        lines = visitor.browser.get(f"{SITE}/page")
        for name, end in life.items():
            (line,) = lines.of(name)
            age = int(line.partition("Max-Age=")[2].partition(";")[0])
            assert age == ((START + relativedelta(months=6)) - START).total_seconds() - 5 * 86400
            assert visitor.jar.end(name) == end


def test_on_a_page_for_caches_the_answer_to_its_report_ends_what_is_over(
    tmp_path: Path, clock: Clock
) -> None:
    """Where nothing but the starter runs: the page itself may not carry it."""
    with shopping(tmp_path, "server", clock) as (visitor, _):
        for months in (0, 6, 12):
            clock.now = START + relativedelta(months=months, days=1 if months else 0)
            for _ in range(2):
                visitor.visit()
        clock.now = datetime(2027, 10, 1, tzinfo=UTC)
        assert "_ga" in visitor.ends()
        visitor.browser.get(f"{SITE}/cached")
        assert "_ga" in visitor.ends(), "no answer yet that could"
        visitor.browser.post(f"{SITE}/consent/sync", referer=f"{SITE}/cached")
        assert visitor.ends() == {}


@pytest.mark.parametrize(
    "gone", [("consentkit",), ("consentkit", "consentkit_allows", "consentkit_seen"), ()]
)
def test_cookies_deleted_by_hand_leave_a_visitor_who_denies(
    tmp_path: Path, clock: Clock, gone: tuple[str, ...]
) -> None:
    with shopping(tmp_path, "guard", clock) as (visitor, site):
        visitor.visit()
        clock.move(days=1)
        visitor.jar.end_all(*gone)
        visitor.visit(accepting=False)
        assert site.told[-1][1] == {}
        assert "_visit" not in visitor.ends()
        assert visitor.browser.get(f"{SITE}/consent/state").json()["allowed"] == ["necessary"]


def test_anchors_outlive_a_choice_and_its_cookies(tmp_path: Path, clock: Clock) -> None:
    """Whoever lets one choice end, and makes another, gives no tracker a day more."""
    with shopping(tmp_path, "guard", clock) as (visitor, _):
        for day in (0, 1, 200, 201):
            clock.now = START + timedelta(days=day)
            visitor.visit()
        assert len(visitor.accepted) == 2
        assert {end for name, end in visitor.ends().items() if name != ROLLING} == {END}


@pytest.mark.parametrize("ahead", [0, 90])
@pytest.mark.parametrize("path", ["page", "cached"])
def test_a_browser_whose_clock_is_behind_loses_no_anchor(
    tmp_path: Path, clock: Clock, path: str, ahead: int
) -> None:
    """It still sends the choice that has ended; what it is answered then must not make trackers younger."""
    with shopping(tmp_path, "guard", clock) as (visitor, _):
        for day in (0, 1):
            clock.now = START + timedelta(days=day)
            visitor.visit()
        jar = Clock(START + relativedelta(months=6) - timedelta(seconds=1))
        visitor.jar._clock = jar
        clock.now = jar.now + timedelta(seconds=1 + ahead)
        visitor.browser.get(f"{SITE}/{path}")
        assert visitor.browser.get(f"{SITE}/consent/state").json()["ask"]
        jar.now = clock.now = clock.now + timedelta(hours=1)
        for _ in range(2):
            visitor.visit()
        assert {end for name, end in visitor.ends().items() if name != ROLLING} == {END}


@pytest.mark.parametrize("moved", [timedelta(seconds=-6), timedelta(days=-1), timedelta(days=-400)])
def test_a_clock_set_back_makes_a_choice_one_of_the_future(
    tmp_path: Path, clock: Clock, moved: timedelta
) -> None:
    with shopping(tmp_path, "guard", clock) as (visitor, site):
        visitor.visit()
        cookies = visitor.jar.header(SITE)
        clock.now = START + moved
        answer = visitor.browser.get(f"{SITE}/page", cookie=cookies)
        assert site.told[-1][1] == {}
        assert {line.partition("=")[0] for line in answer.lines if "Max-Age=0" not in line} <= {
            "consentkit_seen"
        }


@pytest.mark.parametrize("other", ["site", "key"])
def test_what_another_site_or_key_sealed_is_no_choice_here(tmp_path: Path, clock: Clock, other: str) -> None:
    changes = {"secret_key": "another key that is long enough"} if other == "key" else {}
    with shopping(tmp_path / "one", "guard", clock) as (visitor, _):
        visitor.visit()
        cookies = visitor.jar.header(SITE)
    with shopping(tmp_path / "two", "guard", clock, **changes) as (visitor, site):
        visitor.browser.get(f"{SITE}/page", cookie=cookies)
        assert site.told[-1][1] == {}
        state = visitor.browser.get(f"{SITE}/consent/state", cookie=cookies).json()
        assert (state["allowed"], state["ask"]) == (["necessary"], True)
