"""Arbitrary Cookie and Set-Cookie bytes through the whole middleware: nothing raises, nothing else is lost.

The oracle reads cookies as RFC 6265bis says a server and a browser do, and shares no code with the gate.
"""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jar import Browser, Jar
from sample import august, mounted

from consentkit import ConsentMiddleware

HOST = b"www.shop.example"
# google-analytics and meta-pixel, as the sample policy has them, and one that the registry knows besides.
ANALYTICS = re.compile(
    rb"(_ga|_ga_.*|_gid|_gat|_gat_.*|_gac_.*|_dc_gtm_.*|__utm.*|FPID|FPLC|AMP_TOKEN)", re.DOTALL
)
MARKETING = re.compile(rb"(_fbp|_fbc|_gcl_.*)", re.DOTALL)
MINE = re.compile(rb"(sid|theme|cart|csrftoken|x_ga|_GA|ga_|a|b|consent)")
"""Names that no registry claims: the application's own."""
SPACE = b" \t"
CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""In a line, what makes browsers pass over all of it (RFC 6265bis, 5.6)."""
END = datetime(2027, 9, 30, tzinfo=UTC).timestamp()
"""Thirteen calendar months after the sample's day."""
AGE = re.compile(rb"-?[0-9]+")

NAMES = b"sid theme x_ga _GA ga_ a _ga _ga_7XK2 _fbp _gid __Secure-_ga __Host-sid"
OURS = b"consentkit consentkit_seen consentkit_allows"
names = st.sampled_from([*NAMES.split(), *OURS.split(), b""])
values = st.one_of(
    st.sampled_from([b"1", b'"quoted; not"', b"GA1.1.1.1788177600", b"a=b=c", b"", b"\xff\xfe", b"x" * 5000]),
    st.binary(max_size=12),
)
pairs = st.one_of(
    st.tuples(names, values).map(lambda pair: b"=".join(pair)), st.binary(max_size=12), names, st.just(b" ")
)
headers = st.lists(pairs, max_size=9).flatmap(
    lambda parts: st.sampled_from([b"; ", b";", b" ; ", b";;", b",", b";\t"]).map(
        lambda glue: glue.join(parts)
    )
)
ATTRIBUTES = """Path=/|path=/tea; Path=/|Max-Age=63072000|max-age=-1|MAX-AGE=0|Max-Age=99999999999|
Max-Age=\xd9\xa1|Max-Age=+5|Max-Age="9999999"|Max-Age|Secure|HttpOnly|x|=|\0|Expires=nonsense|
Expires=Thu, 01 Jan 2032 00:00:00 GMT|expires=Wed, 21-Oct-31 07:28:00 GMT|Domain=shop.example|
Expires=Thu, 01 Jan 1970 00:00:00 GMT|Domain=.evil.example|Partitioned|SameSite=None|Priority=High"""
attributes = st.one_of(
    st.sampled_from([each.strip("\n").encode("latin-1") for each in ATTRIBUTES.split("|")]),
    st.just(b"Max-Age=1" + b"0" * 5000),
    st.binary(max_size=12),
)
glues = st.sampled_from([b"; ", b";", b" ; "])
lines = st.tuples(pairs, st.lists(attributes, max_size=4), glues).map(lambda t: t[2].join([t[0], *t[1]]))


class Site:
    """Answers with the Set-Cookie lines it is told to; keeps the Cookie headers that it gets."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.kind = b"text/html"
        self.control = b"no-store"
        self.told: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.told = [value for name, value in scope["headers"] if name == b"cookie"]
        fields = [(b"content-type", self.kind), (b"cache-control", self.control)]
        fields += [(b"set-cookie", line) for line in self.lines]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>x</title>"})


class Door:
    """The middleware around the site, asked in bytes."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.clock = august()
        self.site = Site()
        self.app: ConsentMiddleware = mounted(self.site, folder, clock=self.clock)
        self.runner = runner
        self.known = {
            allowed: self._state(*allowed) for allowed in [(), ("analytics",), ("analytics", "marketing")]
        }

    def _state(self, *granted: str) -> bytes:
        browser = Browser(self.app, Jar(self.clock), self.runner)
        if granted:
            browser.choose("https://www.shop.example", *granted)
            browser.jar.write("https://www.shop.example", "_ga=GA1.1.1.1; path=/; max-age=999999")
            browser.get("https://www.shop.example/", accept="text/html")
            browser.jar.end_all("_ga")
        return browser.jar.header("https://www.shop.example/").encode()

    def ask(self, cookies: list[bytes]) -> tuple[list[bytes], list[bytes]]:
        """The Cookie headers that the application got, and the Set-Cookie lines that came out."""
        fields = [(b"host", HOST), (b"accept", b"text/html"), *((b"cookie", each) for each in cookies)]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "scheme": "https",
            "path": "/tea/green",
            "query_string": b"",
            "headers": fields,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 443),
        }
        self.runner.run(_called(self.app, scope, receive, send))
        assert sent[0]["status"] == 200
        return self.site.told, [value for name, value in sent[0]["headers"] if name == b"set-cookie"]


async def _called(app: Any, *args: Any) -> None:
    await app(*args)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with asyncio.Runner() as runner:
        one = Door(tmp_path_factory.mktemp("door"), runner)
        yield one
        one.app.kit.close()


def read(header: bytes) -> list[tuple[bytes, bytes]]:
    """The pairs of a Cookie header as a server reads them, without the spaces around them."""
    found = []
    for part in header.split(b";"):
        name, sign, value = part.strip(SPACE).partition(b"=")
        if name or sign:
            found.append((name.strip(SPACE), value.strip(SPACE)))
    return found


def needs(name: bytes) -> str | None:
    if ANALYTICS.fullmatch(name):
        return "analytics"
    return "marketing" if MARKETING.fullmatch(name) else None


VISITORS = st.sampled_from([(), ("analytics",), ("analytics", "marketing")])


def test_whatever_cookies_come_only_denied_ones_are_cut(door: Door, full: bool) -> None:
    @settings(max_examples=3000 if full else 250, derandomize=True, deadline=None)
    @given(VISITORS, st.lists(headers, min_size=1, max_size=3))
    @example((), [b"_ga; sid=1"])
    @example((), [b"sid=1;_ga=2;;theme=x;"])
    @example(("analytics",), [b'a="_ga=1; _fbp=2"; _ga=3'])
    def check(granted: tuple[str, ...], cookies: list[bytes]) -> None:
        door.site.lines = []
        told, _ = door.ask([*cookies, door.known[granted]])
        assert len(told) <= 1 or told == [*cookies, door.known[granted]]
        allowed = set(granted)
        if b"consentkit=" in b";".join(cookies).replace(b" ", b""):
            allowed = set()  # two of ours: whoever sealed which, at most what was granted
        sent = [pair for header in cookies for pair in read(header)]
        got = [pair for header in told for pair in read(header)]
        mine = [pair for pair in sent if MINE.fullmatch(pair[0])]
        assert [pair for pair in got if MINE.fullmatch(pair[0])] == mine
        may = {need for need in ("analytics", "marketing") if need in granted}
        assert [pair for pair in got if needs(pair[0]) not in {None, *may}] == []
        due = [pair for pair in sent if needs(pair[0]) in allowed and pair[0] != b"_ga"]
        assert [pair for pair in got if needs(pair[0]) in allowed and pair[0] != b"_ga"] == due

    check()


def name_of(line: bytes) -> bytes:
    """The name that a Set-Cookie line gives; of one without a sign, what it would come back as."""
    return line.split(b";")[0].partition(b"=")[0].strip(SPACE)


def latin(line: bytes) -> str:
    return line.decode("latin-1")


def life(line: bytes) -> int | None:
    """The seconds that a line's last valid Max-Age gives; None without one (RFC 6265bis, 5.6.2)."""
    found = None
    for part in line.split(b";")[1:]:
        key, _, value = part.partition(b"=")
        value = value.strip(SPACE)
        if key.strip(SPACE).lower() == b"max-age" and len(value) <= 1024 and AGE.fullmatch(value):
            found = int(value)
    return found


def test_whatever_is_set_only_denied_lines_are_dropped_and_only_trackers_cut(door: Door, full: bool) -> None:
    @settings(max_examples=3000 if full else 250, derandomize=True, deadline=None)
    @given(VISITORS, st.lists(lines, min_size=1, max_size=4), st.booleans())
    @example((), [b"sid=1; Max-Age=63072000", b"_ga=1"], True)
    @example(("analytics",), [b"_ga=1; Max-Age=63072000; X=\xff"], True)
    @example(("analytics",), [b" _ga = 1 ;Expires=Thu, 01 Jan 2032 00:00:00 GMT"], False)
    def check(granted: tuple[str, ...], asked: list[bytes], page: bool) -> None:
        door.site.kind = b"text/html" if page else b"application/json"
        door.site.control = b"no-store" if page else b"public, max-age=60"
        door.site.lines = asked
        _, out = door.ask([door.known[granted]])
        named = [(name_of(line), line) for line in asked]
        for name, line in named:
            if MINE.fullmatch(name):
                assert line in out, "byte for byte"
            if needs(name) not in (None, *granted):
                assert line not in out
        for line in out:
            name = name_of(line)
            if needs(name):
                assert needs(name) in granted or life(line) == 0
                assert CONTROL.search(line) or (life(line) or 0) <= 396 * 86400
        jar = Jar(door.clock)
        with catch_warnings():
            simplefilter("ignore")  # what this jar can't read it drops with a word about itself
            for text in filter(str.isprintable, map(latin, out)):
                jar.take("https://www.shop.example/", [text])
        ends = [cookie.expires for cookie in jar.all() if needs(cookie.name.encode("latin-1"))]
        assert all(end is None or end <= END for end in ends)
        assert [n for n in map(name_of, out) if MINE.fullmatch(n)] == [
            n for n, _ in named if MINE.fullmatch(n)
        ]

    check()
