"""Past the first answer to a withdrawal: the browser is sent on until nothing is left (A10, L14).

The cookies are in the standard library's jar; that each answer has an end is the redirections'.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from itertools import product
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
from jar import Answer, Browser, Jar
from sample import app, august, mounted, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.gate.cookies import ROOM, header_size
from consentkit.gate.ending import MOST_ANSWERS

SITE = "https://www.shop.example"
PAGE = f"{SITE}/shop/tea"
KNOWN = [f"_visit_known{n}" for n in range(20)]
TRACKERS = [*KNOWN, *(f"_visit_{n}" for n in range(40))]
ON = "&page=/shop/tea"
"""What the page's script adds to the address that an answer leads to."""
DOMAINS = ("", "; Domain=shop.example")
PATHS = ("/", "/shop")
ELSEWHERE = {"_visit_below_1": "/far", "_visit_below_2": "/far/away", "_visit_whole": "/whole"}


async def page(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "no-store"})


@contextmanager
def visiting(folder: Path, *cookies: str | dict[str, str]) -> Iterator[Browser]:
    """A visitor who has accepted, on a site with a tracker of these cookies."""
    clock = august()
    rules = policy(services=[visits(cookies=[*cookies])])
    site = mounted(app(Route("/{path:path}", page)), folder, policy=rules, clock=clock)
    with asyncio.Runner() as runner:
        browser = Browser(site, Jar(clock), runner)
        browser.choose(SITE, "analytics")
        yield browser
    site.kit.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """One with sixty trackers, each of them in four places."""
    below = {"name": "_visit_below_*", "lifetime": "P1Y", "path": "/far/away"}
    whole = {"name": "_visit_whole", "lifetime": "P1Y", "path": "/whole"}
    with visiting(tmp_path, *KNOWN, "_visit_*", below, whole) as browser:
        places = product(TRACKERS, DOMAINS, PATHS)
        lines = [f"{name}=1; Path={path}; Secure; Max-Age=9999{domain}" for name, domain, path in places]
        browser.jar.take(PAGE, [*lines, "theme=dark; Path=/; Max-Age=9999"])
        for name, path in ELSEWHERE.items():
            browser.jar.take(SITE + path, [f"{name}=1; Path={path}; Max-Age=9999"])
        yield browser


def kept(browser: Browser) -> set[tuple[str, str]]:
    return {(each.name, each.path) for each in browser.jar.all() if each.name.startswith("_visit")}


def followed(browser: Browser, address: str | None) -> list[Answer]:
    """The answers to an address and to all that it leads to, as a browser asks for them."""
    answers, here = [], SITE
    while address:
        here = urljoin(here, address)
        assert here.startswith(f"{SITE}/"), here
        answers.append(browser.get(here))
        assert sum(map(header_size, answers[-1].lines)) <= ROOM
        address = dict(answers[-1].headers).get("location")
    assert len(answers) <= MOST_ANSWERS + 1
    return answers


def refuse(browser: Browser) -> Answer:
    state = browser.get(f"{SITE}/consent/state").json()
    body = {"choices": {each: False for each in state["reasons"] if each != "necessary"}}
    body |= {"policy": state["policy"], "mechanism": "banner", "locale": "en"}
    return browser.post(f"{SITE}/consent/", body, referer=PAGE)


def test_after_a_withdrawal_all_that_can_be_reached_ends_without_another_page(browser: Browser) -> None:
    assert len(browser.jar.all()) > 4 * len(TRACKERS)
    answer = refuse(browser)
    assert len({name for name, path in kept(browser) if path == "/"}) > len(TRACKERS) // 2
    answers = followed(browser, answer.json()["ending"] + ON)
    assert answers[-1].status == 204
    assert kept(browser) == set()
    assert browser.jar.named("theme")


def test_without_a_script_the_form_s_own_answer_leads_on(browser: Browser) -> None:
    state = browser.get(f"{SITE}/consent/state").json()
    form = f"policy={state['policy']}&locale=en&action=reject".encode()
    typed = {"content_type": "application/x-www-form-urlencoded", "referer": f"{SITE}/consent/"}
    shown = browser.get(f"{SITE}/consent/", referer=PAGE).body.decode()
    (action,) = {unescape(each) for each in re.findall('action="([^"]*)"', shown)}
    answer = browser.ask("POST", SITE + action, form, **typed)
    assert answer.status == 303, answer.body
    answers = followed(browser, dict(answer.headers)["location"])
    assert answers[-1].status == 200
    assert b'role="status"' in answers[-1].body
    assert kept(browser) == set()


def test_where_the_policy_only_knows_beginnings_it_goes_on_for_what_never_came(
    tmp_path: Path,
) -> None:
    with visiting(tmp_path, "_visit_*") as browser:
        names = [f"_visit_{n}" for n in range(30)]
        lines = [f"{name}=1; Path=/shop/tea; Max-Age=9999{each}" for name, each in product(names, DOMAINS)]
        browser.jar.take(PAGE, lines)
        followed(browser, refuse(browser).json()["ending"] + ON)
        assert kept(browser) == set()


def test_who_has_refused_before_anything_was_set_is_not_sent_on(browser: Browser) -> None:
    browser.jar.end_all()
    assert "ending" not in refuse(browser).json()


def test_who_goes_on_refusing_is_sent_on_for_what_came(browser: Browser) -> None:
    followed(browser, refuse(browser).json()["ending"] + ON)
    for name in TRACKERS:
        browser.jar.write(PAGE, f"{name}=1; Path=/; Secure")
    answers = followed(browser, refuse(browser).json()["ending"] + ON)
    assert kept(browser) == set()
    assert len(answers) < 9


def test_nobody_else_can_have_a_visitor_s_cookies_ended(browser: Browser) -> None:
    """A request from another site's page comes without ours, as they are SameSite=Lax."""
    there = kept(browser)
    cookies = browser.jar.header(SITE).split("; ")
    sent = "; ".join(pair for pair in cookies if not pair.startswith("consentkit="))
    answer = browser.get(f"{SITE}/consent/state?ending=1.0", cookie=sent)
    assert answer.status == 200
    for place in ("1.0", "16.0", "1", "x", "1.9999999", "1.0&ending=2.0"):
        browser.get(f"{SITE}/consent/state?ending={place}")
    assert kept(browser) == there


def test_what_only_looks_like_an_address_of_ours_is_the_page_s(browser: Browser) -> None:
    refuse(browser)
    for place, fields in [("1.0.", {"cookie": "_visit_1=1"}), ("x", {}), ("1.0.en&x", {})]:
        answer = browser.get(f"{SITE}/shop?consentkit_ending={place}", **fields)
        assert (answer.status, b"<title>x" in answer.body) == (200, True), place
    followed(browser, "//evil.example?consentkit_ending=1.0.".replace("//", f"{SITE}//"))
    for page in ("//evil.example/", "/\\evil.example", "/consent/", "shop", "/shop?x", "/\r\nx: y", ""):
        there = followed(browser, f"/consent/state?ending=1.999999&page={quote(page)}")
        led = {dict(each.headers).get("location", "").partition("?")[0] for each in there}
        assert led <= {"", "/consent/state", "/far/away"}, page


def test_a_place_that_nobody_gave_leads_to_an_end(browser: Browser) -> None:
    refuse(browser)
    for place in ("0.0", "15.0", "99.999999"):
        followed(browser, f"/consent/state?ending={place}")
