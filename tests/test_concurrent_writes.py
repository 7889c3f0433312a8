"""Scripts that write while an answer of ours is on its way, on a site without the guard (L30, B6).

What the server sets once more must never bring back a value that a script has written over, or make a second
cookie of a name.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jar import Browser, Jar
from sample import Clock, app, august, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit import ConsentMiddleware

SITE = "https://www.shop.example"
NAMES = ("_ga", "_ga_7XK2", "_fbp")


async def page(request: Request) -> Response:
    control = {"cache-control": request.path_params["control"]}
    return HTMLResponse("<!doctype html><title>x</title>", headers=control)


class Scripts:
    """As Google's and Meta's: an identifier that stays, a session that each hit writes again."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.hits = 0
        self.last: dict[str, str] = {}

    def write(self, name: str, value: str) -> None:
        self.last[name] = value
        self.browser.jar.write(SITE, f"{name}={value}; path=/; domain=shop.example; max-age=63072000")

    def hit(self) -> None:
        """A page's view or event, whichever tab it comes from."""
        self.hits += 1
        kept = self.browser.jar.document_cookie(SITE)
        self.write("_ga", kept.get("_ga") or "GA1.1.1.1")
        self.write("_fbp", kept.get("_fbp") or "fb.1.1.1")
        self.write("_ga_7XK2", f"GS2.1.s1$o1$g1$t{self.hits}")


@contextmanager
def unguarded(folder: Path, clock: Clock) -> Iterator[ConsentMiddleware]:
    rules = policy(pages={"guard": False})
    site = mounted(app(Route("/{control}", page)), folder, clock=clock, policy=rules)
    yield site
    site.kit.close()


class Visit:
    """One visitor who accepted; counts how often the server sets each of the scripts' cookies."""

    def __init__(self, site: ConsentMiddleware, runner: asyncio.Runner, clock: Clock) -> None:
        self.browser = Browser(site, Jar(clock), runner)
        self.scripts = Scripts(self.browser)
        self.clock = clock
        self.again: Counter[str] = Counter()
        assert self.browser.choose(SITE, "analytics", "marketing").status == 201

    def get(self, control: str = "no-store", *, underway: int = 0) -> None:
        """Get a page; so many hits of scripts happen between the answer's sending and its arrival."""
        self.browser.between = lambda: [self.scripts.hit() for _ in range(underway)] and None
        answer = self.browser.get(f"{SITE}/{control}", accept="text/html")
        self.browser.between = lambda: None
        self.again.update({name: len(answer.of(name)) for name in NAMES})

    def nothing_is_lost(self) -> None:
        kept = {name: [cookie.value for cookie in self.browser.jar.named(name)] for name in self.scripts.last}
        assert kept == {name: [value] for name, value in self.scripts.last.items()}
        assert all(count <= 1 for count in self.again.values()), self.again


STEPS = st.lists(
    st.tuples(st.sampled_from(["no-store", "private", "public"]), st.integers(0, 2), st.integers(0, 3)),
    min_size=3,
    max_size=12,
)


@pytest.fixture(scope="module")
def clock() -> Clock:
    return august()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[ConsentMiddleware]:
    with unguarded(tmp_path_factory.mktemp("site"), clock) as middleware:
        yield middleware


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as one:
        yield one


def test_no_value_is_lost_and_no_cookie_made_twice(
    site: ConsentMiddleware, runner: asyncio.Runner, clock: Clock, full: bool
) -> None:
    @settings(max_examples=400 if full else 40, derandomize=True, deadline=None)
    @given(STEPS)
    def check(steps: list[tuple[str, int, int]]) -> None:
        visit = Visit(site, runner, clock)
        for control, underway, days in steps:
            clock.move(days=days)
            visit.get(control, underway=underway)
            visit.scripts.hit()
            visit.nothing_is_lost()

    check()


def test_what_stays_is_set_again_once_and_what_changes_never(
    site: ConsentMiddleware, runner: asyncio.Runner, clock: Clock
) -> None:
    visit = Visit(site, runner, clock)
    for _ in range(6):
        visit.get(underway=1)
        visit.scripts.hit()
    visit.nothing_is_lost()
    assert visit.again == {"_ga": 1, "_fbp": 1, "_ga_7XK2": 0}


def test_a_session_that_was_silent_for_a_page_loses_no_hit_either(
    site: ConsentMiddleware, runner: asyncio.Runner, clock: Clock
) -> None:
    """A page that is left before its script ran: the value comes twice, and changes as the answer travels."""
    visit = Visit(site, runner, clock)
    visit.scripts.hit()
    visit.get()
    visit.get(underway=1)
    visit.nothing_is_lost()


def test_two_tabs_that_ask_at_once_leave_one_cookie(
    site: ConsentMiddleware, runner: asyncio.Runner, clock: Clock
) -> None:
    """Both answers set it: the same value, on the same domain and path."""
    visit = Visit(site, runner, clock)
    visit.scripts.hit()
    visit.get()
    other = Browser(site, visit.browser.jar, runner)
    visit.browser.between = lambda: other.get(f"{SITE}/no-store") and None
    visit.browser.get(f"{SITE}/no-store")
    visit.browser.between = lambda: None
    assert [len(visit.browser.jar.named(name)) for name in NAMES] == [1, 1, 1]
    visit.get()
    visit.nothing_is_lost()
