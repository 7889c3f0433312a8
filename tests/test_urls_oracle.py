"""Our reading of a URL's host against ada, the WHATWG URL parser of Node.js, on URLs made to be misread."""

import ada_url
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from samples import samples

from consentkit.policy.urls import UNSURE, split_url

BASES = ("https://own.example/folder/page", "http://own.example/folder/page")
SCHEMES = ["http:", "https:", "ws:", "wss:", "HTTPS:", "hTTp:", "ftp:", "data:", "javascript:", "x:", ""]
NOISE = ["", "", "", "\t", "\n", "\r", "\r\n", "\x00", "\x01", " ", "\x1f", "\x0b", "\xa0", "\ufeff"]
SLASHES = ["//", "//", "//", "/", "", "\\\\", "/\\", "\\/", "///", "////\\", "/\t/", "/\n\\"]
USERS = ["", "", "", "user@", "user:pass@", "@", ":@", "a@b@", "t.test@", "t.test:80@", "%40@", "a/b@", "ｔ@"]
LABELS = [
    "t", "test", "T", "TeSt", "www", "a-b", "-a", "a-", "a_b", "xn--mnchen-3ya", "XN--MNCHEN-3YA",
    "münchen", "MÜNCHEN", "ｔｅｓｔ", "faß", "ς", "日本語",
    "ｗｗｗ", "ﬁ", "a\u00adb", "a\u200bb", "a\u200db", "☃",
    "💩", "ı", "İ", "K", "%74", "%54est", "%2e", "%2E", "%", "%zz", "%00", "%C3%BC", "%ef%bd%94",
    "%E2%80%8B", "%ff", "xn--", "xn--a", "xn--ls8h", "a b", "*", "a<b", "a^b", "a|b", "!", "~", "a$b", "(",
    "a,b", ";", "'", '"', "`", "{", "&", "+", "é", "x\u0301", "e\u0301", "\u0301", "א", "ا1", "ß", "\ud7ff",
    "0", "1", "127", "0x7f", "0177", "256", "1e3", "",
]  # fmt: skip
DOTS = [".", ".", ".", ".", "。", "．", "｡", "..", "%2e"]
IPV4 = [
    "127.0.0.1", "127.1", "0x7f.1", "0177.0.0.01", "2130706433", "0x7f000001", "127.0.0.1.", "1.2.3.4.5",
    "256.1", "1.2.3.256", "0x", "0x.0x", "4294967295", "4294967296", "1.2.3.", "1..2", "08.1", "0xg", "a.1",
    "1.a", "１２７.0.0.1", "127.0.0.0x1", "0.0.0.0", "a.0x", "a.09", "999999999999999999999", "1.2.3.4a",
    "%31.2.3.4", "1.00000000000000000000000000000000",
]  # fmt: skip
IPV6 = [
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[2001:DB8::1]", "[1:2:3:4:5:6:7:8]", "[::127.0.0.1]",
    "[::ffff:7f00:1]", "[1::2::3]", "[:1]", "[::1", "::1]", "[1:2:3:4:5:6:7:8:9]", "[::1%25eth0]",
    "[::1.2.3]", "[0001::0]", "[g::]", "[1:0:0:2:0:0:0:3]", "[::1]x", "[::256.0.0.1]",
    "[1:2:3:4:5:6:1.2.3.4]", "[::00001]", "[::1.2.3.04]",
]  # fmt: skip
PORTS = [
    "",
    "",
    "",
    ":80",
    ":443",
    ":",
    ":0",
    ":8080",
    ":00080",
    ":65535",
    ":65536",
    ":x",
    ":8a",
    ":-1",
    ":80:80",
    ":٣",
    ": 80",
    ":000000000080",
]
TAILS = [
    "",
    "/",
    "/x",
    "?q",
    "#f",
    "\\x",
    "/a b",
    "/@t.test",
    "?@t.test",
    "#@t.test",
    "\\@t.test",
    "/../..",
    "/%2e%2E/x",
    "/a/./b/..",
    "/x:80",
    "\t",
    " ",
]

labels = st.sampled_from(LABELS) | st.text(max_size=3)
named = st.builds(
    lambda first, rest: first + "".join(dot + label for dot, label in rest),
    labels,
    st.lists(st.tuples(st.sampled_from(DOTS), labels), max_size=4),
)
hosts = st.one_of(
    named, named.map(lambda name: name + "."), st.sampled_from(IPV4), st.sampled_from(IPV6), st.just("t.test")
)
parts = st.tuples(
    *map(st.sampled_from, (NOISE, SCHEMES, SLASHES, USERS)),
    hosts,
    *map(st.sampled_from, (PORTS, TAILS, NOISE)),
)
urls = parts.map("".join)


@st.composite
def broken_up(draw: st.DrawFn) -> str:
    """A URL with characters anywhere that a browser drops, or doesn't."""
    url = draw(urls)
    for noise in draw(
        st.lists(st.sampled_from(["\t", "\n", "\r", "\x00", " ", "/", "\\", "@", ":"]), max_size=2)
    ):
        at = draw(st.integers(0, len(url)))
        url = url[:at] + noise + url[at:]
    return url


def read(url: str, base: str) -> tuple[str, str] | None:
    """The host, without its trailing dot, and the path that a browser asks for; None if it asks none."""
    try:
        address = ada_url.URL(url, base=base)
    except (ValueError, UnicodeEncodeError):
        return None
    if address.protocol not in ("http:", "https:", "ws:", "wss:"):
        return None
    return address.hostname.removesuffix("."), address.pathname


def readings(url: str) -> set[str]:
    """The foreign hosts that a URL means on an https page or on an http page."""
    found = {read(url, base) for base in BASES}
    return {host for host, _ in filter(None, found)} - {"own.example", ""}


def difference(url: str) -> str | None:
    """How we differ from the browser on a URL, in words; None if we don't."""
    ours, theirs = split_url(url), readings(url)
    if ours is not None and ours.host == UNSURE:
        # Doubt means blocked, and is right for what isn't plain ASCII or isn't valid at all.
        plain = any("xn--" not in host for host in theirs)
        return f"doubted: {url!r} leads to {sorted(theirs)}" if plain and url.isascii() else None
    if theirs and ours is None:
        return f"unseen: {url!r} leads to {sorted(theirs)}"
    if ours is not None and {ours.host} != theirs:
        return f"misread: {url!r} as {ours.host!r}, not {sorted(theirs) or 'a relative or invalid URL'}"
    return None


@samples(1_000)
@given(st.one_of(urls, broken_up()))
@example("https://t.test.")
@example("https:t.test")
@example("https://127.1/")
@example("//[1:0:0:2:0:0:0:3]/")
@example("https://a\u00adb.test/")
@example("https://xn--a/")
def test_a_host_is_read_as_browsers_read_it(url: str) -> None:
    assert difference(url) is None


@samples(500)
@given(st.text())
def test_any_text_is_read_as_browsers_read_it(url: str) -> None:
    assert difference(url) is None


@pytest.mark.parametrize(
    "path", ["/a/../b", "/a/%2e%2E/b", "/./a//b", "\\a\\..\\b", "?q", "#f", "", "/a/.", "/a/.."]
)
def test_a_path_is_read_as_browsers_read_it(path: str) -> None:
    url = "https://t.test" + path
    ours, theirs = split_url(url), read(url, BASES[0])
    assert ours is not None
    assert theirs == (ours.host, ours.path)


def test_the_oracle_sees_a_host_behind_a_disguise() -> None:
    assert readings("ht\ttps:\\\\user@%74.TEST.:443/x") == {"t.test"}
    assert readings("https:/page") == {"page"}, "absolute on an http page"
    assert readings("/page") == set()
