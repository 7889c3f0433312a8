"""Set-Cookie lines cut to a tracker's life: a table of real ones, other implementations, anything at all."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy, parse_ns_headers
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.request import Request

import pytest
from browser import launched
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Route
from samples import samples

from consentkit.gate.cookiedate import cookie_date, http_date
from consentkit.gate.setcookie import MOST_SECONDS, SetCookie, clamped, parsed, session_only, session_pair

NOW = datetime(2026, 11, 22, 10, 0, 0, 250_000, tzinfo=UTC)
MOST = 15_638_400
BLOCKS = (Path(__file__).parent / "set_cookie_lines.txt").read_text("latin-1").split("\n# ")[1:]


def rows() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield where a line is from, what comes in and what goes out."""
    for block in BLOCKS:
        source, before, after = block.rstrip("\n").split("\n")
        line = before.removeprefix("in: ").encode("latin-1")
        out = after.removeprefix("out: ").encode("latin-1")
        yield source, line, line if out == b"the same" else out


LINES = list(rows())
VENDORS = ["Google", "Meta", "Matomo", "Cloudflare", "AWS", "Akamai", "Django", "Rails", "Laravel", "PHP"]
VENDORS += ["Express", "ASP.NET", "Shopify", "WordPress", "HubSpot", "Adobe", "LinkedIn", "TikTok"]
VENDORS += ["Snowplow", "Piano", "Segment", "Optimizely", "Stripe"]


def cut(line: bytes, most: int = MOST, now: datetime = NOW) -> bytes:
    return clamped(line, most, now)


@pytest.mark.parametrize(("line", "out"), [row[1:] for row in LINES], ids=[row[0][:40] for row in LINES])
def test_a_real_line_comes_out_as_written_in_the_table(line: bytes, out: bytes) -> None:
    found = cut(line)
    assert found == out
    assert found != line or found is line
    assert cut(found) is found


def test_the_table_is_large_and_has_its_vendors() -> None:
    sources = " ".join(row[0] for row in LINES)
    assert len(LINES) - 40 >= 120, "beside those that are odd on purpose"
    for vendor in VENDORS:
        assert vendor in sources


# Odd bytes that a text file doesn't keep.
@pytest.mark.parametrize(
    ("line", "out"),
    [
        (b"a=1;\tMax-Age\t=\t63072000\t;\tPath=/", b"a=1;\tMax-Age\t=\t15638400\t;\tPath=/"),
        (b"a=1;Expires=\tTue, 21 Nov 2028 10:00:00 GMT  ", b"a=1;Expires=\tSat, 22 May 2027 10:00:00 GMT  "),
        (b"\xff=\xfe; Max-Age=63072000; \xe9=1", b"\xff=\xfe; Max-Age=15638400; \xe9=1"),
        (b"a=1; Expires=Tue,\x0c21 Nov 2028", b"a=1; Expires=Tue,\x0c21 Nov 2028"),
        # Browsers pass over a line with a control character (RFC 6265bis §5.6, step 1).
        (b"a=\x00; Max-Age=63072000", b"a=\x00; Max-Age=63072000"),
        (b"a=1; Max-Age=63072000; b=\r\n", b"a=1; Max-Age=63072000; b=\r\n"),
        (b"a=\x7f; Max-Age=63072000", b"a=\x7f; Max-Age=63072000"),
        # And over an attribute of more than 1024 bytes (step 6 of its loop), but not over one in many spaces.
        (b"a=1; Max-Age=" + b"0" * 1017 + b"63072000", None),
        (b"a=1; Max-Age=" + b"0" * 1016 + b"63072000", b"a=1; Max-Age=15638400"),
        (
            b"a=1; Max-Age=" + b" " * 2000 + b"63072000" + b" " * 2000,
            b"a=1; Max-Age=" + b" " * 2000 + b"15638400" + b" " * 2000,
        ),
        (
            b"a=1; Expires=" + b" " * 1100 + b"Tue, 21 Nov 2028 10:00:00 GMT",
            b"a=1; Expires=" + b" " * 1100 + b"Sat, 22 May 2027 10:00:00 GMT",
        ),
        (b"a=1; Expires=" + b"-" * 1100 + b"21 Nov 2028 10:00:00", None),
        (b"", None),
        (b";", None),
        (b"=", None),
        (b"; Max-Age", None),
        (b"a" * 5000, None),
    ],
)
def test_odd_bytes(line: bytes, out: bytes | None) -> None:
    assert cut(line) == (line if out is None else out)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"a=1; Max-Age=%d", MOST),
        (b"a=1; Max-Age=%d", MOST + 1),
        (b"a=1; Max-Age=%d", MOST - 1),
    ],
)
def test_a_max_age_is_cut_from_the_first_second_too_many(line: bytes, seconds: int) -> None:
    assert cut(line % seconds) == line % min(seconds, MOST)


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_an_end_is_cut_to_the_whole_second_before(microsecond: int) -> None:
    """Max-Age counts from the very moment, an Expires can't: it is rounded down, never up."""
    now = NOW.replace(microsecond=microsecond)
    kept = b"a=1; Expires=Sat, 22 May 2027 10:00:00 GMT"
    assert cut(kept, now=now) is kept
    assert cut(b"a=1; Expires=Sat, 22 May 2027 10:00:01 GMT", now=now) == kept


def test_the_zone_of_now_changes_nothing() -> None:
    """An application's clock may be in any zone; a cookie's is GMT."""
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    for _, line, out in LINES:
        assert cut(line, now=tokyo) == out


def test_no_cut_goes_beyond_what_browsers_keep() -> None:
    """RFC 6265bis §5.5: 400 days."""
    assert cut(b"a=1; Max-Age=99999999", most=10**9) == b"a=1; Max-Age=34560000"
    kept = b"a=1; Max-Age=34560000"
    assert cut(kept, most=10**9) is kept


@pytest.mark.parametrize(
    ("line", "out"),
    [
        (
            b"_ga=GA1.1.2.3; Path=/; Domain=.shop.example; Secure",
            b"_ga=; Path=/; Domain=.shop.example; Secure",
        ),
        (b"_ga=1; Max-Age=63072000; Path=/; X=y; Partitioned", b"_ga=; Path=/; X=y; Partitioned"),
        (b"_ga=1;expires=Tue, 21 Nov 2028 10:00:00 GMT;path=/", b"_ga=;path=/"),
        (b" _ga = 1 ;Max-Age", b" _ga ="),
        (b'_ga="a=b"', b"_ga="),
        # Without a name the value has to stay: browsers pass over a line with neither.
        (b"=1; Path=/", b"=1; Path=/"),
        (b"1; Path=/; Max-Age=9", b"1; Path=/"),
    ],
)
def test_where_no_life_is_left_the_line_ends_the_cookie(line: bytes, out: bytes) -> None:
    for most in (0, -5):
        found = cut(line, most)
        assert found == out + b"; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        assert cut(found, most) is found


def test_a_line_that_ends_a_cookie_goes_on_doing_so() -> None:
    for line in (b"a=1; Max-Age=0; Path=/", b"a=; Expires=Thu, 01 Jan 1970 00:00:01 GMT", b"a=\x00", b""):
        assert cut(line, 0) is line
        assert cut(line) is line
        assert session_only(line, NOW) is line


@pytest.mark.parametrize(
    ("line", "out"),
    [
        (b"sid=1; Path=/; Max-Age=63072000; HttpOnly", b"sid=1; Path=/; HttpOnly"),
        (b"sid=1; expires=Tue, 21 Nov 2028 10:00:00 GMT; Max-Age=60", b"sid=1"),
        (b"sid=1;MAX-AGE;Path=/ ; Expires", b"sid=1;Path=/ "),
        (b"sid=1; Expires=never; X-Expires=1", b"sid=1; X-Expires=1"),
        (b"sid=1; Max-Ages=1; Expires-At=2", b"sid=1; Max-Ages=1; Expires-At=2"),
    ],
)
def test_a_session_cookie_has_no_end(line: bytes, out: bytes) -> None:
    """What only begins like an end is none."""
    assert session_only(line, NOW) == out
    assert session_only(out, NOW) is out


def test_a_line_is_read_as_browsers_read_it() -> None:
    """RFC 6265bis §5.6: names in any case, spaces around trimmed, of several the last valid one."""
    assert parsed(
        b' a =\t"b=c" ; PATH=/x ; path=y; Domain=.Shop.Example; domain=B.example; secure=no; HTTPONLY;'
        b"SameSite=strict; samesite=LAX ; Partitioned; Max-Age=5; max-age=+7; Expires=x; Unknown=1"
    ) == SetCookie("a", b'"b=c"', 5, None, "b.example", "", True, True, "lax", True)
    assert parsed(b"a; Domain=; Path=/x") == SetCookie("", b"a", path="/x")
    assert parsed(b"a=1; SameSite=Strict; SameSite=odd") == SetCookie("a", b"1")
    assert parsed(b"a=1; Max-Age=-") == SetCookie("a", b"1")
    assert parsed(b"a=1; Max-Age=-9") == SetCookie("a", b"1", -9)
    assert parsed(b"a=1; Path=/" + b"x" * 1024) == SetCookie("a", b"1")
    for line in (b"", b"=", b" = ; Path=/", b"a=" + b"x" * 4096, b"a=1\n", b"\x01", b"a=1; b\x1f"):
        assert parsed(line) is None
    assert parsed(b"a=" + b"x" * 4095) is not None


def test_when_a_cookie_ends() -> None:
    soon = NOW + timedelta(seconds=5)
    assert SetCookie("a", b"", 5, NOW).ends(NOW) == soon
    assert SetCookie("a", b"", None, soon).ends(NOW) == soon
    assert SetCookie("a", b"").ends(NOW) is None
    assert SetCookie("a", b"", -5).ends(NOW) == NOW
    latest = NOW + timedelta(seconds=MOST_SECONDS)
    assert SetCookie("a", b"", 10**30).ends(NOW) == latest
    assert SetCookie("a", b"", None, latest + timedelta(1)).ends(NOW) == latest


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (b"Wed, 21 Oct 2026 07:28:00 GMT", "2026-10-21T07:28:00"),
        (b"Wednesday, 21-Oct-26 07:28:00 GMT", "2026-10-21T07:28:00"),
        (b"Wed Oct 21 07:28:00 2026", "2026-10-21T07:28:00"),
        (b"Wed, 21-Oct-2026 07:28:00 UTC", "2026-10-21T07:28:00"),
        (b"07:28:00 2026 OCTOBER 21st", "2026-10-21T07:28:00"),
        (b"1 jan 70 1:2:3", "1970-01-01T01:02:03"),
        (b"1 jan 69 01:02:03pm", "2069-01-01T01:02:03"),
        (b"1 jan 1601 00:00:00", "1601-01-01T00:00:00"),
        (b"29 Feb 2028 23:59:59", "2028-02-29T23:59:59"),
        # The parts count in the order in which they stand: 26 is the day.
        (b"26-10-21 oct 07:28:00", "2010-10-26T07:28:00"),
        (b"1 jan 1600 00:00:00", None),
        (b"29 Feb 2027 00:00:00", None),
        (b"32 jan 2027 00:00:00", None),
        (b"1 jan 2027 24:00:00", None),
        (b"1 jan 2027 00:60:00", None),
        (b"1 jan 2027 00:00", None),
        (b"1 jan 2027 00:00:000", None),
        (b"1 jan 20270 00:00:00", None),
        (b"123 jan 2027 00:00:00", None),
        (b"Mar, 21 Oct 2026 07:28:00 GMT", "2026-03-21T07:28:00"),
        (b"Wed, 21 Xyz 2026 07:28:00 GMT", None),
        (b"2026-10-21T07:28:00Z", None),
        (b"1792567680", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_a_cookie_s_date(text: bytes, instant: str | None) -> None:
    """RFC 6265bis §5.1.1, as all three engines read dates; not what an HTTP library takes for one."""
    assert cookie_date(text) == (datetime.fromisoformat(instant).replace(tzinfo=UTC) if instant else None)


@given(st.datetimes(datetime(1601, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
@samples(300, derandomize=True)
def test_dates_are_written_as_the_standard_library_writes_them(instant: datetime) -> None:
    instant = instant.replace(microsecond=0)
    written = http_date(instant)
    assert written.decode() == format_datetime(instant, usegmt=True)
    assert cookie_date(written) == parsedate_to_datetime(written.decode()) == instant


# Other implementations, before and after.


def simple(line: bytes) -> dict[str, dict[str, str]]:
    jar = SimpleCookie()
    try:
        jar.load(line.decode("latin-1"))
    except CookieError:
        return {}
    return {name: {**morsel, "value": morsel.coded_value} for name, morsel in jar.items()}


def test_python_s_simple_cookie_sees_only_the_ends_change() -> None:
    """Where it reads a line at all: it gives up a cookie for a date it doesn't know."""
    read = 0
    for _, line, _ in LINES:
        before, after = simple(line), simple(cut(line))
        assert before.keys() <= after.keys(), line
        for name, morsel in before.items():
            found = after[name]
            for key in morsel.keys() - {"expires", "max-age"}:
                assert found[key] == morsel[key], (line, key)
            if morsel["max-age"].isdecimal() and cut(line) is not line:
                assert int(found["max-age"]) == min(int(morsel["max-age"]), MOST)
                read += 1
    assert read > 40


def jarred(line: bytes) -> list[Cookie]:
    """What the standard library's cookie jar keeps of a line that came at NOW."""
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=None))
    jar._now = jar._policy._now = int(NOW.timestamp())  # type: ignore[attr-defined]
    request = Request("https://www.shop.example/")
    kept = parse_ns_headers([line.decode("latin-1")])
    return list(jar._cookies_from_attrs_set(kept, request))  # type: ignore[attr-defined]


def test_python_s_cookie_jar_keeps_the_smaller_life_and_all_else() -> None:
    """It reads fewer forms of a date than browsers, and takes the rest for a session's."""
    last = int(NOW.timestamp()) + MOST
    shortened = kept = 0
    for _, line, _ in LINES:
        before, after = jarred(line), jarred(cut(line))
        assert len(before) == len(after), line
        for old, new in zip(before, after, strict=True):
            for key in vars(old).keys() - {"expires", "discard"}:
                assert getattr(new, key) == getattr(old, key), (line, key)
            if cut(line) is line:
                assert new.expires == old.expires, line
                kept += 1
            elif session_pair(cut(line)):
                assert new.expires is None, line
            else:
                assert new.expires == min(old.expires or last, last), line
                shortened += 1
    assert shortened > 80
    assert kept > 30


@pytest.mark.browser
def test_chromium_keeps_the_smaller_life_and_all_else(full: bool) -> None:
    """Each line before and after, on two hosts, under the browser's own clock."""
    now = datetime.now(UTC)
    lines = [line for _, line, out in LINES if out is not line][:: 1 if full else 2]
    bare = [re.sub(rb";[ \t]*domain=[^;]*", b"", line, flags=re.IGNORECASE) for line in lines]
    told = {f"a{at}": line for at, line in enumerate(bare)}
    told |= {f"b{at}": clamped(line, MOST, now) for at, line in enumerate(bare)}
    with launched() as browser:
        context = browser.new_context()

        def answer(route: Route) -> None:
            line = told.get(route.request.url.removeprefix("https://").split(".")[0], b"")
            headers = {"Set-Cookie": line.decode("latin-1")} if line else {}
            route.fulfill(body="<title>lines</title>", content_type="text/html", headers=headers)

        context.route("**/*", answer)
        page = context.new_page()
        for site in range(0, len(bare), 50):  # Chromium keeps 180 cookies for a site
            page.goto(f"https://site{site}.example/")
            hosts = [f"{side}{at}.site{site}.example" for at in range(site, site + 50) for side in "ab"]
            page.evaluate(
                """(hosts) => Promise.all(hosts.map((host) =>
                     fetch(`https://${host}/`, {mode: "no-cors", credentials: "include"})))""",
                hosts,
            )
        kept = {str(cookie["domain"]).split(".")[0]: cookie for cookie in context.cookies()}
    last = now.timestamp() + MOST
    persistent = 0
    for at, line in enumerate(bare):
        old, new = kept.get(f"a{at}"), kept.get(f"b{at}")
        assert (old is None) == (new is None), line
        if old is None or new is None:
            continue
        assert {**old, "domain": "", "expires": 0} == {**new, "domain": "", "expires": 0}, line
        end = -1 if session_pair(told[f"b{at}"]) else old["expires"]
        assert new["expires"] == pytest.approx(end if end == -1 else min(end, last), abs=60), line
        persistent += end != -1
    assert persistent > len(bare) * 3 // 4


# Anything at all.

PARTS = [
    b"a=1",
    b"=",
    b";",
    b"; ",
    b";\t",
    b"Max-Age",
    b"max-AGE=",
    b"Expires=",
    b"expires",
    b'"',
    b"+",
    b"-",
]
PARTS += [b"0", b"7", b"63072000", b"9" * 30, b"1e9", b"Tue, 21 Nov 2028 10:00:00 GMT", b"21-Nov-99 1:2:3"]
PARTS += [b"Mon Nov 22 10:00:00 2027", b"Thu, 01 Jan 1970 00:00:00 GMT", b"Path=/", b"Secure", b"\x00"]
PARTS += [
    b"\xff",
    b",",
    b" ",
    b"Domain=x",
    b"Partitioned",
    b"nov",
    b"23:59:59",
    b"31",
    b"2038",
    b"=0",
    b"=-1",
]
SOUP = st.lists(st.sampled_from(PARTS), max_size=14).map(b"".join)
ANYTHING = SOUP | st.binary(max_size=60) | st.binary(max_size=30).map(lambda tail: b"a=1; Expires=" + tail)
MOSTS = st.integers(-3, MOST_SECONDS + 3)


def end_of(line: bytes) -> datetime:
    cookie = parsed(line)
    end = cookie.ends(NOW) if cookie else NOW
    return end or datetime.max.replace(tzinfo=UTC)


@given(ANYTHING, MOSTS)
@samples(800, derandomize=True)
def test_anything_is_cut_once_and_never_lives_longer(line: bytes, most: int) -> None:
    found = clamped(line, most, NOW)
    before, after = parsed(line), parsed(found)
    assert clamped(found, most, NOW) is found
    assert (found is line) == (found == line)
    assert (before is None) == (after is None)
    if before and after:
        wanted = min(end_of(line), NOW + timedelta(seconds=max(0, most)))
        if end_of(line).year < 9999 or most <= 0:
            assert timedelta(0) <= wanted - end_of(found) < timedelta(seconds=1) or end_of(found) <= NOW
        else:
            assert end_of(found) == end_of(line)
        assert before.name == after.name
        assert (before.domain, before.path, before.secure, before.http_only, before.same_site) == (
            (after.domain, after.path, after.secure, after.http_only, after.same_site)
        )
        assert before.partitioned == after.partitioned


@given(ANYTHING)
@samples(300, derandomize=True)
def test_anything_can_be_made_a_session_s(line: bytes) -> None:
    found = session_only(line, NOW)
    cookie = parsed(found)
    assert session_only(found, NOW) is found
    assert cookie is None or cookie.ends(NOW) is None or end_of(line) <= NOW


@pytest.mark.parametrize("line", [line for _, line, _ in LINES])
def test_a_pair_is_read_only_off_a_line_that_is_for_the_session(line: bytes) -> None:
    pair, cookie = session_pair(line), parsed(line)
    if pair is not None:
        assert cookie is not None
        assert (cookie.name, cookie.value) == pair
        assert clamped(line, 1, NOW) == session_only(line, NOW) == line


def test_most_lines_for_the_session_are_read_as_a_pair() -> None:
    assert session_pair(b"_ga = 2=3 ; Path=/; HttpOnly") == ("_ga", b"2=3")
    assert session_pair(b"_ga=2") == ("_ga", b"2")
    for odd in (b"=2", b"2", b"_ga=2\x00", b"_ga=2; x=\x00", b"_ga=2; Max-Age=5", b"_ga=2;\texpires = x"):
        assert session_pair(odd) is None
    assert session_pair(b"_ga=" + b"x" * 4096) is None
