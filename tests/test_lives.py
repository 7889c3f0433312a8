"""The tracker's clock on the wire: cut on its way out, ended on its way in (B1, B3, B6, L4, L14, L30)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from sample import Clock, app, browsing, choose, policy, visits
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from consentkit import sets_cookie, setters
from consentkit.gate.anchors import MOST, Seen, key_of, mark_of
from consentkit.gate.keeping import denied
from consentkit.gate.lives import Lives
from consentkit.gate.setcookie import SetCookie, parsed

START = datetime(2026, 8, 31, 12, 0, tzinfo=UTC)
END = datetime(2027, 9, 30, tzinfo=UTC)
"""The start of the day, thirteen calendar months after the first, clamped to September's last day."""
TWO_YEARS = 63_072_000


async def sets(request: Request) -> Response:
    """Answer with the Set-Cookie lines that the query holds."""
    response = JSONResponse({}, headers={"cache-control": "no-store"})
    for line in request.query_params.getlist("line"):
        response.headers.append("set-cookie", line)
    return response


async def sees(request: Request) -> Response:
    return JSONResponse(dict(request.cookies), headers={"cache-control": "no-store"})


async def plain(request: Request) -> Response:
    """An answer that caches may keep, so nothing of ours can go with it."""
    return JSONResponse(dict(request.cookies))


async def page(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "no-store"})


async def cached(_: Request) -> Response:
    return HTMLResponse("<!doctype html><title>x</title>", headers={"cache-control": "public, max-age=600"})


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


async def socket(asked: WebSocket) -> None:
    lines = asked.query_params.getlist("line")
    await asked.accept(headers=[(b"set-cookie", line.encode()) for line in lines])
    await asked.close()


def visitor(folder: Path, clock: Clock, **changes: Any) -> Any:
    routes = [Route(f"/{each.__name__}", each) for each in (sets, sees, plain, page, cached, closed)]
    return browsing(
        app(*routes, WebSocketRoute("/socket", socket)), folder, clock=clock, policy=policy(**changes)
    )


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with visitor(tmp_path, clock) as browser:
        choose(browser, "analytics", "marketing", "preferences")
        yield browser


def set_by(client: TestClient, line: str) -> SetCookie | None:
    """What becomes of a Set-Cookie line that the application answers with."""
    name = line.partition("=")[0]
    lines = client.get("/sets", params={"line": line}).headers.get_list("set-cookie")
    found = [each for each in lines if each.partition("=")[0] == name]
    return parsed(found[0].encode()) if found else None


def end_of(cookie: SetCookie | None, now: datetime) -> datetime | None:
    assert cookie is not None
    return cookie.ends(now)


def anchors(client: TestClient) -> Seen:
    seal = client.app._faces.gate.orders.seal  # type: ignore[attr-defined]
    payload = seal.open_seen(client.cookies["consentkit_seen"].encode())
    seen = Seen.from_payload(payload)
    assert seen is not None
    return seen


# Set by the application ---------------------------------------------------------------------------------


def test_a_tracker_s_end_never_moves_however_often_it_is_set_again(client: TestClient, clock: Clock) -> None:
    """B6, L4: "not prolonged automatically on new visits"."""
    for day in (0, 1, 40, 170):
        clock.now = START + timedelta(days=day)
        assert end_of(set_by(client, f"_ga=GA1.1.1.{day}; Path=/; Max-Age={TWO_YEARS}"), clock.now) == END


def test_a_websocket_sets_a_tracker_without_an_anchor_for_the_session(
    client: TestClient, clock: Clock
) -> None:
    """B6: its answer carries no anchor, so a longer life would begin anew at each visit."""

    def accepted(line: str) -> SetCookie | None:
        where = "/socket?" + urlencode({"line": line})
        with client.websocket_connect(where, headers={"cookie": whole(client)}) as session:
            (found,) = [value for name, value in session.extra_headers if name == b"set-cookie"]
        return parsed(found)

    line = f"_ga=GA1.1.1.1; Path=/; Max-Age={TWO_YEARS}"
    assert end_of(accepted(line), clock.now) is None
    assert end_of(accepted("_ga=; Path=/; Max-Age=0"), clock.now) == clock.now
    set_by(client, line)
    assert end_of(accepted(line), clock.now) == END


def test_what_is_shorter_than_its_cap_leaves_as_it_was(client: TestClient) -> None:
    line = "_fbp=fb.1.1.1; path=/; MAX-AGE=7776000; Unknown=x"
    lines = client.get("/sets", params={"line": line}).headers.get_list("set-cookie")
    assert line in lines


@pytest.mark.parametrize(
    ("name", "life"),
    [("_visit", timedelta(days=30)), ("_visit_7", timedelta(minutes=30)), ("_visited", None)],
)
def test_a_tracker_lives_as_long_as_visitors_are_told_each_time_and_to_its_end_at_most(
    tmp_path: Path, clock: Clock, name: str, life: timedelta | None
) -> None:
    """L20: the lifetime in the notice is the one that is applied; of several cookies, each has its own."""
    told = {"_visit": "P30D", "_visit_*": "PT30M", "_visited": "session"}
    counter = visits(cookies=[{"name": name, "lifetime": lifetime} for name, lifetime in told.items()])
    with visitor(tmp_path, clock, services=[counter]) as browser:
        for days in (0, 1, 40, 170, 190, 380):
            clock.now = START + timedelta(days=days)
            choose(browser, "analytics")
            cookie = set_by(browser, f"{name}=1; Path=/; Max-Age={TWO_YEARS}")
            assert end_of(cookie, clock.now) == (life and min(clock.now + life, END))
        clock.now = END
        assert end_of(set_by(browser, f"{name}=1; Path=/; Max-Age={TWO_YEARS}"), clock.now) == clock.now


def test_a_tracker_that_is_only_named_lives_as_long_as_its_category_may(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock, services=[visits(cookies=["_visit"])]) as browser:
        choose(browser, "analytics")
        assert end_of(set_by(browser, f"_visit=1; Path=/; Max-Age={TWO_YEARS}"), clock.now) == END


def test_a_tracker_for_the_session_is_removed_as_it_asks(tmp_path: Path, clock: Clock) -> None:
    counter = visits(cookies=[{"name": "_visit", "lifetime": "session"}])
    with visitor(tmp_path, clock, services=[counter]) as browser:
        choose(browser, "analytics")
        for line in ("_visit=; Path=/; Max-Age=0", "_visit=1; Path=/; SameSite=Lax"):
            assert lines_of(browser.get("/sets", params={"line": line}), "_visit") == [line]


@pytest.mark.parametrize(
    ("life", "session"), [("session", True), ("P1D", False), ("P2Y", False), ("PT30M", False)]
)
def test_a_necessary_cookie_lives_as_long_as_its_declaration_says(
    tmp_path: Path, clock: Clock, life: str, session: bool
) -> None:
    """B1: session time; a longer life where it is declared, a year at most (requirements §5.2)."""
    cart = visits(category="necessary", cookies=[{"name": "cart_id", "lifetime": life}])
    ends = {"P1D": START + timedelta(days=1), "PT30M": START + timedelta(minutes=30)}
    with visitor(tmp_path, clock, services=[cart]) as browser:
        cookie = set_by(browser, f"cart_id=1; Path=/; Max-Age={TWO_YEARS}")
        wanted = ends.get(life, datetime(2027, 8, 31, 12, 0, tzinfo=UTC))
        assert end_of(cookie, clock.now) == (None if session else wanted)


@pytest.mark.parametrize("named", ["in the policy", "in code"])
def test_a_technical_cookie_is_the_session_s_alone_unless_its_site_declares_a_life(
    tmp_path: Path, clock: Clock, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 4's cap for what needs no consent; `check` asks why it is kept longer, where a site says so."""
    services = [visits(category="necessary", cookies=["cart_id"])] if named == "in the policy" else []
    monkeypatch.setattr(setters, "_declarations", setters._Declarations())
    if not services:
        sets_cookie("cart_id", category="necessary")
    with visitor(tmp_path, clock, services=services) as browser:
        for life in (f"Max-Age={TWO_YEARS}", "Expires=Fri, 01 Jan 2038 00:00:00 GMT"):
            assert end_of(set_by(browser, f"cart_id=1; Path=/; {life}"), clock.now) is None


def test_for_a_necessary_cookie_nobody_s_trackers_are_looked_at(tmp_path: Path, clock: Clock) -> None:
    cart = visits(category="necessary", cookies=[{"name": "cart_id", "lifetime": "P1D"}])
    with visitor(tmp_path, clock, services=[cart, "google-analytics"]) as client:
        choose(client, "analytics")
        client.get("/sets", params={"line": "_ga=1; Path=/"})
        client.cookies.delete("_ga")
        known = client.app._faces.gate.orders.grants._payloads  # type: ignore[attr-defined]
        for line, opened in (("cart_id=1", 0), ("_ga=1; Path=/", 1)):
            known.clear()
            client.get("/sets", params={"line": line}, headers={"sec-fetch-dest": "empty"})
            assert len(known) == opened


def test_a_tracker_too_long_for_browsers_is_cut_all_the_same(client: TestClient) -> None:
    line = f"_ga={'x' * 5000}; Path=/; Max-Age={TWO_YEARS}"
    (kept,) = lines_of(client.get("/sets", params={"line": line}), "_ga")
    assert int(kept.rpartition("Max-Age=")[2]) <= int((END - START).total_seconds())


def test_a_cookie_that_nobody_declares_passes_untouched(client: TestClient) -> None:
    line = f"own=1; Path=/; Max-Age={TWO_YEARS}"
    assert line in client.get("/sets", params={"line": line}).headers.get_list("set-cookie")


def test_strict_sites_cut_what_nobody_declares_in_both_directions(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock, cookies={"undeclared": "strict"}) as browser:
        assert set_by(browser, "own=1; Path=/") is None
        assert browser.get("/sees", headers={"cookie": "own=1"}).json() == {}
        choose(browser, "analytics")
        assert "consentkit" in browser.get("/sees").json()
        rows = browser.app.kit.tally.rows()
        assert {row.name for row in rows if row.kind == "cut"} == {"own"}
        assert not [row for row in rows if row.kind == "undeclared"]


def test_a_lowered_cap_counts_for_trackers_that_live_already(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path / "a", clock, lifetimes={"analytics_months": 3}) as browser:
        choose(browser, "analytics")
        cookie = set_by(browser, f"_ga=GA1.1.1.1; Path=/; Max-Age={TWO_YEARS}")
        assert end_of(cookie, clock.now) == datetime(2026, 11, 30, tzinfo=UTC)


# Set by a script: the request says no more than that it is there


def sent(client: TestClient, path: str, **cookies: str) -> Any:
    """Get a page with cookies that scripts have set since."""
    for name, value in cookies.items():
        client.cookies.set(name, value, domain="shop.example", path="/")
    return client.get(path)


def test_a_tracker_s_first_day_is_kept_once_an_answer_may_carry_it(client: TestClient) -> None:
    sent(client, "/page", _ga="GA1.1.1.1")
    assert [each.end for each in anchors(client).running.values()] == [day(END)]


def day(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)).days


def test_a_page_that_caches_may_keep_carries_nothing_of_ours(client: TestClient) -> None:
    """Design §3.1; the starter reports what it sees there."""
    answer = sent(client, "/cached", _ga="GA1.1.1.1")
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "public, max-age=600"


def renew(client: TestClient, clock: Clock) -> None:
    """Answer again, as visitors are asked to every six months."""
    choose(client, "analytics", "marketing", "preferences")


def at_the_end(client: TestClient, clock: Clock) -> None:
    """Live until the tracker's last day, answering when asked."""
    sent(client, "/page", _ga="GA1.1.1.1")
    for months in (6, 12):
        clock.now = datetime(2027, 3, 1, tzinfo=UTC) if months == 6 else datetime(2027, 9, 2, tzinfo=UTC)
        renew(client, clock)
    clock.now = END - timedelta(seconds=1)
    assert "_ga" in client.get("/sees").json()
    clock.now = END


def test_a_tracker_that_a_script_renews_ends_all_the_same(client: TestClient, clock: Clock) -> None:
    """Neither read by the site any more (L14), nor left in the browser."""
    at_the_end(client, clock)
    answer = sent(client, "/sees", _ga="GA1.1.1.1")
    assert "_ga" not in answer.json()
    gone = [line for line in answer.headers.get_list("set-cookie") if line.startswith("_ga=;")]
    assert any("Domain=shop.example" in line and "Max-Age=0" in line for line in gone)


def test_the_value_that_ended_doesn_t_come_back_another_one_starts_anew(
    client: TestClient, clock: Clock
) -> None:
    at_the_end(client, clock)
    sent(client, "/sees", _ga="GA1.1.1.1")
    for _ in range(2):
        assert "_ga" not in sent(client, "/sees", _ga="GA1.1.1.1").json()
        assert set_by(client, f"_ga=GA1.1.1.1; Path=/; Max-Age={TWO_YEARS}") == parsed(
            b"_ga=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        )
    cookie = set_by(client, f"_ga=GA1.1.2.2; Path=/; Max-Age={TWO_YEARS}")
    assert end_of(cookie, clock.now) == datetime(2028, 10, 30, tzinfo=UTC)
    assert "_ga" in client.get("/sees").json()


def test_an_application_that_sees_no_tracker_any_more_may_begin_a_new_one(
    client: TestClient, clock: Clock
) -> None:
    """In the very answer that ends the old one: the end mustn't take the new one with it."""
    at_the_end(client, clock)
    answer = client.get("/sets", params={"line": f"_ga=GA1.1.2.2; Path=/; Max-Age={TWO_YEARS}"})
    lines = lines_of(answer, "_ga")
    assert [end_of(parsed(line.encode()), clock.now) for line in lines] == [
        datetime(2028, 10, 30, tzinfo=UTC)
    ]


def test_a_tracker_s_odd_name_is_ended_by_that_very_name(client: TestClient) -> None:
    """Latin-1 has more spaces than browsers take off; applications take all of them off."""
    orders = client.app._faces.gate.orders  # type: ignore[attr-defined]
    assert denied(orders, b"a=1; _ga\xa0=1; _ga=2", {"marketing"}) == ["_ga\xa0", "_ga"]
    lives = Lives(orders, b"_ga\xa0=1", frozenset({"analytics"}), START)
    assert lives.seen.running.keys() == {key_of("_ga\xa0")}


def test_a_tracker_that_tells_an_older_birth_is_as_old(client: TestClient, clock: Clock) -> None:
    """`_ga` carries the second of its first visit."""
    born = int(datetime(2026, 1, 15, tzinfo=UTC).timestamp())
    cookie = set_by(client, f"_ga=GA1.1.123456789.{born}; Path=/; Max-Age={TWO_YEARS}")
    assert end_of(cookie, clock.now) == datetime(2027, 2, 15, tzinfo=UTC)


def test_an_older_birth_counts_for_a_tracker_that_runs_already(client: TestClient, clock: Clock) -> None:
    """A script writes an identifier from years ago over the one we know."""
    young, old = (int((START - timedelta(days=days)).timestamp()) for days in (0, 1000))
    sent(client, "/page", _ga=f"GA1.1.1.{young}")
    answer = sent(client, "/page", _ga=f"GA1.1.1.{old}")
    assert "_ga=; Path=/; Max-Age=0; Domain=shop.example" in lines_of(answer, "_ga")
    assert "_ga" not in client.get("/sees").json()
    for end in ("", f"; Max-Age={TWO_YEARS}"):
        sent(client, "/page", _ga_1=f"GS1.1.{young}.1.0")
        assert end_of(set_by(client, f"_ga_1=GS1.1.{old}.1.0; Path=/{end}"), clock.now) == clock.now
        del client.cookies["consentkit_seen"]


def test_what_a_value_says_counts_before_anything_is_anchored(client: TestClient) -> None:
    old = int((START - timedelta(days=1000)).timestamp())
    assert "_ga" not in sent(client, "/sees", _ga=f"GA1.1.1.{old}").json()


@pytest.mark.parametrize("known", ["", "another", "the same"])
def test_what_was_born_too_long_ago_is_not_forwarded_wherever_it_comes(
    client: TestClient, clock: Clock, known: str
) -> None:
    """Pages that caches may keep can't end it, and for weeks a visitor may see no others."""
    young, old = (int((START - timedelta(days=days)).timestamp()) for days in (0, 1000))
    if known:
        sent(client, "/page", **{"_ga" if known == "the same" else "_fbp": f"GA1.1.1.{young}"})
        assert anchors(client).running
    for _ in range(3):
        assert "_ga" in sent(client, "/plain", _ga=f"GA1.1.1.{young}").json()
        read = sent(client, "/plain", _ga=f"GA1.1.1.{old}", _ga_1=f"GS1.1.{old}.1.0", _gid="1").json()
        assert {"_ga", "_ga_1"}.isdisjoint(read)
        assert "_gid" in read
        clock.move(days=20)


def test_a_clock_that_was_ahead_gives_no_tracker_more_life(client: TestClient, clock: Clock) -> None:
    clock.now = START + timedelta(days=300)
    choose(client, "analytics")
    sent(client, "/page", _ga="GA1.1.1.1")
    clock.now = START
    choose(client, "analytics")
    assert [each.day for each in anchors(client).running.values()] == [day(START)]


# Once more by the server, where no guard runs


@pytest.fixture
def unguarded(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with visitor(tmp_path, clock, pages={"guard": False}) as browser:
        choose(browser, "analytics", "marketing")
        yield browser


def lines_of(answer: Any, name: str) -> list[str]:
    return [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{name}=")]


def test_what_a_script_set_is_set_once_more_with_the_life_that_is_left(unguarded: TestClient) -> None:
    """Only once its value has proved to stay, on the domain and path that the registry knows."""
    assert lines_of(sent(unguarded, "/page", _ga="GA1.1.1.1"), "_ga") == []
    no_page = unguarded.get("/sets", params={"line": "_fbp=1; Path=/"})
    assert (len(lines_of(no_page, "consentkit_seen")), lines_of(no_page, "_ga")) == (1, [])
    left = int((END - START).total_seconds())
    wanted = f"_ga=GA1.1.1.1; Path=/; Max-Age={left}; Domain=shop.example"
    assert lines_of(unguarded.get("/page"), "_ga") == [wanted]
    assert lines_of(unguarded.get("/page"), "_ga") == []


def test_a_value_that_scripts_keep_writing_is_never_set_by_the_server(unguarded: TestClient) -> None:
    """It could be one that a script has written over in the meantime: a lost hit."""
    for hit in range(5):
        assert lines_of(sent(unguarded, "/page", _ga_7XK2=f"GS1.1.1.{hit}"), "_ga_7XK2") == []
    for _ in range(2):
        assert lines_of(unguarded.get("/page"), "_ga_7XK2") == []


def test_a_cookie_that_comes_twice_is_never_set_by_the_server(unguarded: TestClient) -> None:
    ours = "; ".join(f"{cookie.name}={cookie.value}" for cookie in unguarded.cookies.jar)
    for _ in range(3):
        answer = unguarded.get("/page", headers={"cookie": f"{ours}; _ga=GA1.1.1.1; _ga=GA1.1.1.1"})
        assert lines_of(answer, "_ga") == []
        ours = "; ".join(f"{cookie.name}={cookie.value}" for cookie in unguarded.cookies.jar)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("life", ["", f"; Max-Age={TWO_YEARS}"])
def test_what_the_application_sets_itself_is_never_set_by_the_server(
    unguarded: TestClient, life: str, before: bool
) -> None:
    """Its flags would be lost: HttpOnly, Secure and SameSite don't come with any request."""
    if before:
        sent(unguarded, "/page", _ga="GA1.1.1.1")
    cookie = set_by(unguarded, f"_ga=GA1.1.1.1; Path=/; Domain=shop.example; HttpOnly; Secure{life}")
    assert cookie is not None
    assert cookie.http_only
    for _ in range(2):
        assert lines_of(unguarded.get("/page"), "_ga") == []


def test_a_guard_in_the_page_does_it_better(client: TestClient) -> None:
    for _ in range(3):
        assert lines_of(sent(client, "/page", _ga="GA1.1.1.1"), "_ga") == []


CLOSED = "script-src 'sha256-of-another-script='"
"""Lets no file of the site in, so no guard."""


async def closed(_: Request) -> Response:
    headers = {"cache-control": "no-store", "content-security-policy": CLOSED}
    return HTMLResponse("<!doctype html><title>x</title>", headers=headers)


def test_where_a_page_s_own_policy_keeps_the_guard_out_the_server_does_its_part(client: TestClient) -> None:
    """L30; what the application sets itself stays its own there, too, whichever page saw it first."""
    own = "_fbp=fb.1.1.1; Path=/; Domain=shop.example; HttpOnly"
    client.get("/sets", params={"line": own})
    sent(client, "/page", _ga="GA1.1.1.1")
    assert lines_of(client.get("/page"), "_ga") == []
    answer = client.get("/closed")
    left = int((END - START).total_seconds())
    assert lines_of(answer, "_ga") == [f"_ga=GA1.1.1.1; Path=/; Max-Age={left}; Domain=shop.example"]
    for again in (answer, client.get("/closed")):
        assert lines_of(again, "_fbp") == []
    assert lines_of(client.get("/closed"), "_ga") == []


def test_no_more_is_set_once_more_than_an_answer_has_room_for(tmp_path: Path, clock: Clock) -> None:
    """The rest with the next one; what is too long for any is left as its script set it."""
    long = {f"_pk_id.{n}": "x" * 300 for n in range(7)}
    found = []
    with visitor(tmp_path, clock, pages={"guard": False}, services=["matomo"]) as browser:
        choose(browser, "analytics")
        sent(browser, "/page", **long, **{"_pk_id.long": "x" * 1200})
        for _ in range(4):
            answer = browser.get("/page")
            lines = [line for line in answer.headers.get_list("set-cookie") if "_pk" in line]
            assert sum(map(len, lines)) < 1024
            found += [line.partition("=")[0] for line in lines]
    assert sorted(found) == sorted(long)


# Our own cookies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/page", "/consent/sync"])
def test_our_cookies_are_set_again_after_five_days_with_what_is_left(
    client: TestClient, clock: Clock, path: str
) -> None:
    """Safari keeps some for seven days; no visit moves an end (A2, L30)."""
    ask = client.post if path == "/consent/sync" else client.get
    end = datetime(2027, 2, 28, 12, 0, tzinfo=UTC)
    clock.now = START + timedelta(days=4)
    assert lines_of(client.get("/page"), "consentkit") == []
    clock.now = START + timedelta(days=5)
    again = lines_of(ask(path), "consentkit")
    assert [end_of(parsed(line.encode()), clock.now) for line in again] == [end]
    assert lines_of(client.get("/page"), "consentkit") == []


def test_a_visitor_who_refused_keeps_their_refusal_as_long(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock) as browser:
        choose(browser)
        clock.now = START + timedelta(days=6)
        again = lines_of(browser.get("/page"), "consentkit")
        assert [end_of(parsed(line.encode()), clock.now) for line in again] == [
            datetime(2027, 2, 28, 12, 0, tzinfo=UTC)
        ]


# Told by a page -----------------------------------------------------------------------------------------


def sync(client: TestClient, **body: Any) -> Any:
    return client.post("/consent/sync", json=body)


def test_a_page_reports_what_no_answer_could_keep(client: TestClient) -> None:
    sent(client, "/cached", _ga="GA1.1.1.1")
    answer = sync(client)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["cache-control"] == "no-store"
    assert [each.end for each in anchors(client).running.values()] == [day(END)]


def test_a_page_s_word_counts_for_a_cookie_that_the_report_itself_does_not_carry(client: TestClient) -> None:
    """Below another path than ours; of one that comes, the value that came counts."""
    client.cookies.set("_ga", "GA1.1.1.1")
    sync(client, trackers={"_ga": "aa", "_gid": "bb", "_own": "cc"})
    running = anchors(client).running
    assert {key: each.mark for key, each in running.items()} == {
        key_of("_ga"): mark_of("GA1.1.1.1"),
        key_of("_gid"): mark_of("bb"),
    }


def test_names_that_a_page_makes_up_take_no_tracker_s_clock(client: TestClient, clock: Clock) -> None:
    """Any script may report any number of them; each would hold a record."""
    for part in range(2):
        sync(client, trackers={f"_ga_{part}{n}": "aa" for n in range(60)})
    sent(client, "/page", _ga="GA1.1.1.1")
    assert set_by(client, f"_fbp=fb.1.1.1; Path=/; Max-Age={TWO_YEARS}") is not None
    assert len(anchors(client).running) == MOST
    assert anchors(client).end_of("_ga") == anchors(client).end_of("_fbp") == day(END)
    clock.now = END
    renew(client, clock)
    assert client.get("/sees", headers={"cookie": whole(client) + "; _ga=GA1.1.1.1"}).json().keys() == {
        *("consentkit", "consentkit_allows", "consentkit_seen")
    }


def test_a_tracker_without_room_for_its_clock_is_neither_forwarded_nor_kept(client: TestClient) -> None:
    """Scripts may set any number of them as well."""
    crowd = {f"_ga_{n:02}": "1" for n in range(MOST)}
    sent(client, "/page", **crowd)
    answer = sent(client, "/sees", _gid="GA1.1.1.1")
    assert answer.json().keys() >= crowd.keys()
    assert "_gid" not in answer.json()
    assert lines_of(answer, "_gid")[0] == "_gid=; Path=/; Max-Age=0"
    ended = set_by(client, "_fbp=1; Path=/")
    assert ended is not None
    assert ended.max_age == 0
    for name in crowd:
        del client.cookies[name]
    assert "_gid" not in sent(client, "/sees", _gid="GA1.1.1.1").json(), "those that ran may come again"


def whole(client: TestClient) -> str:
    return "; ".join(
        f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar if "_ga" not in cookie.name
    )


def test_a_page_can_t_anchor_what_its_visitor_denies(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock) as browser:
        choose(browser, "marketing")
        sync(browser, trackers={"_ga": "aa", "local:_hjid": "bb", "consentkit": "cc", "": ""})
        assert "consentkit_seen" not in browser.cookies


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({"more": 1}, "more"),
        ({"trackers": []}, "trackers"),
        ({"trackers": {"local:a": 1}}, "trackers"),
        ({"trackers": {f"local:{n}": "a" for n in range(300)}}, "trackers"),
    ],
)
def test_an_odd_report_is_refused_and_says_why(client: TestClient, body: Any, field: str) -> None:
    answer = client.post("/consent/sync", json=body)
    assert answer.status_code == 422
    assert [each["path"] for each in answer.json()["problems"]] == [field]


def test_another_site_s_page_can_t_report(client: TestClient) -> None:
    answer = client.post("/consent/sync", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_nobody_s_report_leaves_nothing_behind(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock) as browser:
        assert "set-cookie" not in sync(browser, trackers={"local:_hjid": "aa"}).headers


def test_a_hint_without_a_consent_goes(client: TestClient) -> None:
    """Else each page would report for it again."""
    del client.cookies["consentkit"]
    assert [parsed(line.encode()).max_age for line in lines_of(sync(client), "consentkit_allows")] == [0]  # type: ignore[union-attr]
    assert "set-cookie" not in sync(client).headers


@pytest.mark.parametrize("left", [(), ("marketing",)])
def test_no_tracker_begins_anew_because_its_visitor_said_no_and_then_yes(
    client: TestClient, clock: Clock, left: tuple[str, ...]
) -> None:
    """B6: one below another path, or on a sibling host, is still there; nothing is anchored after a no."""
    line = f"_ga=GA1.1.1.1; Path=/a; Max-Age={TWO_YEARS}"
    for days in (0, 170, 340):
        clock.now = START + timedelta(days=days)
        choose(client, *left)
        sync(client, trackers={"_gid": "aa"})
        choose(client, "analytics")
        assert end_of(set_by(client, line), clock.now) == END
    assert anchors(client).running.keys() == {key_of("_ga")}


def test_after_a_no_to_everything_scripts_read_no_anchor(client: TestClient, clock: Clock) -> None:
    """The sealed ones stay as they were, also when our cookies are set again."""
    sync(client, trackers={"_ga": "bb", "_fbp": "cc"})
    kept = client.cookies["consentkit_seen"]
    choose(client)
    for days, renewing in enumerate([sync, lambda browser: browser.get("/page")]):
        clock.now = START + timedelta(days=6 * days)
        renewing(client)
        assert client.cookies["consentkit_seen"] == kept
        assert len(client.cookies["consentkit_allows"].partition("~")[2]) == 3  # the day alone
    assert len(anchors(client).running) == 2


def test_who_never_allowed_anything_has_no_anchors(tmp_path: Path, clock: Clock) -> None:
    with visitor(tmp_path, clock) as browser:
        answers = [choose(browser), sync(browser, trackers={"_ga": "aa"}), browser.get("/page")]
        assert [lines_of(each, "consentkit_seen") for each in answers] == [[], [], []]


def test_a_cookie_for_the_session_ends_with_its_anchor_whatever_was_known_of_it(
    client: TestClient, clock: Clock
) -> None:
    assert end_of(set_by(client, "_ga=one; Path=/"), clock.now) is None
    kept = anchors(client)
    assert end_of(set_by(client, "_ga=one; Path=/"), clock.now) is None
    assert anchors(client) == kept
    clock.now = END - timedelta(milliseconds=500)
    choose(client, "analytics", "marketing", "preferences")
    assert end_of(set_by(client, "_ga=one; Path=/"), clock.now) == clock.now


@pytest.mark.parametrize("path", ["/page", "/consent/sync"])
def test_our_names_go_from_the_paths_of_the_page_where_one_came_twice(
    client: TestClient, clock: Clock, path: str
) -> None:
    """A sibling host planted one below a longer path, which comes first."""
    clock.now = START + timedelta(days=5)
    sent_twice = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {
        "cookie": f"consentkit_seen=a; consentkit_seen=b; {sent_twice}",
        "referer": "https://shop.example/page",
    }
    answer = client.request("POST" if "sync" in path else "GET", path, headers=headers)
    lines = lines_of(answer, "consentkit_seen")
    for domain in ("", "; Domain=shop.example"):
        assert f"consentkit_seen=; Path=/page; Max-Age=0{domain}" in lines
    assert not any(
        line.startswith("consentkit_seen=; Path=/; Max-Age=0; Domain=shop.example") for line in lines
    )
