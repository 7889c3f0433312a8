"""Cookies in both directions: the denied cut, the others untouched (A10, A17, L14)."""

from collections.abc import Iterable
from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.gate.brought import Brought, ByCookies, ByName, ByNames, Ends
from consentkit.gate.cookies import (
    ROOM,
    cookie_name,
    cookie_names,
    cookie_values,
    expiries,
    header_size,
    only_cookie,
    paths_of,
    without_cookies,
)

ATTRIBUTES = {"Path", "Max-Age", "Domain", "Secure", "SameSite", "Partitioned"}


def category(name: str) -> str | None:
    return "analytics" if name.startswith("_ga") else None


CATEGORIES = ByName(category)
KNOWN = ByCookies(lambda names: Brought([CATEGORIES[name] for name in names], frozenset()))


def cut(header: bytes, *allowed: str) -> bytes:
    return KNOWN.of(header).cut(header, header.split(b";"), frozenset(allowed))


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (b"a=1; _ga=GA1.2.3; b=2", b"a=1; b=2"),
        (b"_ga=1", b""),
        (b"_ga=1; a=1", b"a=1"),
        (b"a=1; _ga_X=2", b"a=1"),
        (b"a=1;_ga=2;b=3", b"a=1;b=3"),
        (b"a=_ga; b=2", b"a=_ga; b=2"),
        (b" _ga =1; a=1", b"a=1"),
        (b"\xa0_ga=1; \x85_ga_X=1; a=1", b"a=1"),
        (b"_ga; a=1", b"a=1"),
        (b'a="x y"; \xff=\xfe', b'a="x y"; \xff=\xfe'),
    ],
)
def test_only_denied_cookies_are_cut(header: bytes, kept: bytes) -> None:
    assert cut(header) == kept


@given(st.lists(st.sampled_from([b"a=1", b"_ga=2", b"_ga_X=3", b"b", b"", b"=", b"\xff=1"]), max_size=8))
@samples(300, derandomize=True)
def test_no_cookie_of_others_is_ever_lost(pairs: list[bytes]) -> None:
    kept = cut(b"; ".join(pairs))
    wanted = [pair for pair in pairs if pair and not pair.startswith(b"_ga")]
    assert [part.strip() for part in kept.split(b";") if part.strip()] == wanted


def test_the_values_of_one_name_are_read_wherever_it_stands() -> None:
    header = b" ck=1; xck=2; a=ck=3;ck=4 ;\tck=; ck=ck=5"
    assert list(cookie_values(header, b"ck")) == [b"1", b"4", b"", b"ck=5"]
    assert list(cookie_values(b"a=1", b"ck")) == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"ck=1", b"1"),
        (b"a=1; ck=2; b=3", b"2"),
        (b"a=1", None),
        (b"xck=1", None),
        (b"a=ck=1", None),
        (b"a= ck=1", None),
        (b"ck=1; ck=2", None),
        (b"a=1;ck=2", None),
    ],
)
def test_a_cookie_is_taken_at_once_only_where_nothing_is_odd(header: bytes, value: bytes | None) -> None:
    assert only_cookie(header, b"ck=") == value
    assert value is None or cookie_values(header, b"ck") == [value]


def test_names_are_read_from_both_headers() -> None:
    assert list(cookie_names(b"a=1; b=2; c")) == ["a", "b", "c"]
    assert cookie_name(b"sid=abc=; Path=/; HttpOnly") == "sid"


def test_an_expiry_goes_to_the_host_and_each_domain_in_both_jars() -> None:
    assert list(expiries(["_ga"], "www.shop.example", ["/"])) == [
        f"_ga=; Path=/; Max-Age=0{domain}{jar}"
        for jar in ("", "; Secure; SameSite=None; Partitioned")
        for domain in ("", "; Domain=shop.example", "; Domain=www.shop.example")
    ]


def test_of_a_deep_host_s_domains_the_widest_and_its_own_go() -> None:
    host = "a.b.c.d.e.f.g.shop.example"
    lines = [line for line in expiries(["_ga"], host, ["/"]) if "Partitioned" not in line]
    named = [line.partition("; Domain=")[2] for line in lines]
    assert named == ["", "shop.example", "g.shop.example", "f.g.shop.example", "e.f.g.shop.example", host]


@pytest.mark.parametrize(
    ("name", "count", "flags"),
    [
        ("__Secure-t", 6, "; Secure"),
        ("__secure-t", 6, "; Secure"),
        ("__Host-t", 2, "; Secure"),
        ("__HOST-HTTP-t", 2, "; Secure; HttpOnly"),
        ("__Http-t", 6, "; Secure; HttpOnly"),
        ("__utma", 6, ""),
        ("__hostess", 6, ""),
    ],
)
def test_prefixed_cookies_are_expired_as_browsers_allow(name: str, count: int, flags: str) -> None:
    """RFC 6265bis 5.7: without what the name promises they'd survive the withdrawal."""
    found = list(expiries([name], "www.shop.example", ["/", "/tea"]))
    plain = [line for line in found if "Partitioned" not in line and "/tea" not in line]
    assert len(plain) == count // 2
    assert all(line.endswith(flags) for line in plain)
    assert all(("HttpOnly" in line) is ("HttpOnly" in flags) for line in found)
    assert ("; Secure" in "".join(plain)) is bool(flags)
    assert ("Domain=" in "".join(found) and "/tea" in "".join(found)) is (count > 2)


@pytest.mark.parametrize(
    ("path", "paths"),
    [
        ("/", ["/"]),
        ("/tea", ["/", "/tea"]),
        ("/tea/", ["/", "/tea", "/tea/"]),
        ("/tea/green?x=/a/b", ["/", "/tea", "/tea/", "/tea/green"]),
        ("", ["/"]),
        ("*", ["/"]),
        ("//x", ["/", "//", "//x"]),
        ("/a/b;c/d", ["/", "/a", "/a/"]),
        ("/a/\r\nSet-Cookie: x/d", ["/", "/a", "/a/"]),
        ("/a/é/d", ["/", "/a", "/a/"]),
        ("/" + "a/" * 500, ["/", *(f"/{'a/' * n}a{end}" for n in range(5) for end in ("", "/"))]),
    ],
)
def test_a_request_s_path_tells_where_its_cookies_may_have_been_set(path: str, paths: list[str]) -> None:
    assert paths_of(path) == paths


class Answer:
    """Some Set-Cookie lines, as http.cookiejar wants them."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.headers = Message()
        for line in lines:
            self.headers["Set-Cookie"] = line

    def info(self) -> Message:
        return self.headers


def keep(jar: CookieJar, address: str, lines: Iterable[str]) -> None:
    jar.extract_cookies(Answer(lines), Request(address))  # type: ignore[arg-type]


def sent(jar: CookieJar, address: str) -> set[str]:
    request = Request(address)
    jar.add_cookie_header(request)
    return set(cookie_names((request.get_header("Cookie") or "").encode()))


@pytest.mark.parametrize("count", [1, 3, 6])
@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("www.shop.example", "/"),
        ("a.b.www.shop.co.uk", "/tea/green/mint.html"),
        ("me.github.io", "/tea/"),
        ("shop.example", "/a/b/c/d/e"),
    ],
)
def test_a_jar_with_a_cookie_on_every_domain_and_path_is_empty_after_a_few_answers(
    host: str, path: str, count: int
) -> None:
    """Two jars of Python's, one for what is partitioned; a foreign cookie and a sibling's stay."""
    address = f"https://{host}{path}"
    names = [f"_t{number}" for number in range(count)]
    labels = host.split(".")
    # Browsers refuse wider ones.
    widest = 3 if host.endswith((".co.uk", ".github.io")) else 2
    ends = ["", *(f"; Domain={'.'.join(labels[-n:])}" for n in range(widest, len(labels) + 1))]
    folders = ["/", *(path[: at + more] for at in range(1, len(path)) for more in (0, 1) if path[at] == "/")]
    both = CookieJar(), CookieJar()
    sibling = f"https://other.{'.'.join(labels[-widest:])}{path}"
    for jar in both:
        keep(
            jar, address, (f"{n}=1; Path={p}{end}" for n in [*names, "sid"] for p in folders for end in ends)
        )
        keep(jar, sibling, [f"{names[0]}=1; Path=/"])
    assert len(both[0]) == (count + 1) * len(set(folders)) * len(ends) + 1
    for turn in range(60):
        denied = [n for n in names if n in sent(both[0], address) | sent(both[1], address)]
        if not denied:
            break
        lines = list(expiries(denied, host, paths_of(path), turn))
        assert sum(len(f"set-cookie: {line}\r\n") for line in lines) <= ROOM
        for jar, partitioned in zip(both, (False, True), strict=True):
            keep(jar, address, (line for line in lines if ("Partitioned" in line) is partitioned))
    for jar in both:
        assert sent(jar, address) == {"sid"}
        assert sent(jar, sibling) >= {names[0]}
        assert len(jar) == len(set(folders)) * len(ends) + 1


@given(st.text(max_size=60), st.text(max_size=60), st.integers(-3, 10**12))
@samples(100, derandomize=True)
def test_no_host_and_no_path_adds_anything_to_a_header(host: str, path: str, turn: int) -> None:
    for line in expiries(["_ga"], host, paths_of(path), turn):
        assert line.isascii()
        assert line.isprintable()
        name, *attributes = line.split("; ")
        assert name == "_ga="
        assert {each.partition("=")[0] for each in attributes} <= ATTRIBUTES
        assert line.count(";") == len(attributes)


def test_what_is_likely_goes_with_the_first_answer() -> None:
    """Ten trackers on their usual domains are gone at once."""
    names = [f"_tracker_{number}" for number in range(10)]
    lines = list(expiries(names, "www.shop.example", paths_of("/tea/green")))
    for name in names:
        assert f"{name}=; Path=/; Max-Age=0" in lines
        assert f"{name}=; Path=/; Max-Age=0; Domain=shop.example" in lines


def test_what_goes_first_goes_at_every_turn_and_all_the_rest_at_one_of_them() -> None:
    """Many names and domains: which share of an answer it is decides on no cookie that is likely."""
    host, names = "www.a.b.shop.example", [f"_tracker{number}" for number in range(17)]
    turns = [list(expiries(names, host, paths_of("/tea/green"), turn)) for turn in range(60)]
    likely = {f"{name}=; Path=/; Max-Age=0{end}" for name in names for end in ("", "; Domain=shop.example")}
    for lines in turns:
        assert likely <= {*lines}
        assert sum(map(header_size, lines)) <= ROOM
    everywhere = set(expiries(names, host, paths_of("/tea/green"), room=10**6))
    assert set().union(*turns) == everywhere > likely
    # Of too many, the first: whoever asks says what came.
    crowd = [f"_crowd{number}" for number in range(40)]
    for turn in range(3):
        lines = list(expiries([*names, *crowd], host, ["/"], turn))
        assert likely <= {*lines}
        assert sum(map(header_size, lines)) <= ROOM


def test_a_made_up_host_path_and_a_thousand_names_cost_little() -> None:
    made_up = ".".join("a" * 100) + ".shop.example"
    names = [f"_ga_{number}" for number in range(1000)]
    lines = list(expiries(names, made_up, paths_of("/x" * 1000), turn=10**12))
    assert 0 < sum(map(len, lines)) < ROOM
    # What nobody's tracker is called keeps no other from going.
    alone = list(expiries(["_ga"], "shop.example", ["/"]))
    assert list(expiries(["x" * 4000, "_ga"], "shop.example", ["/", "/" + "x" * 4000])) == alone != []
    assert list(expiries([], "shop.example", ["/"])) == list(expiries(["_ga"], "shop.example", [])) == []


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "github.io", "", "a b"])
def test_where_no_domain_is_the_site_s_own_a_cookie_is_the_host_s(host: str) -> None:
    lines = list(expiries(["_ga"], host, ["/"]))
    assert len(lines) == 2
    assert "Domain" not in "".join(lines)


@pytest.mark.parametrize("odd", [b"\xa0", b"\x85", b"\x1f"])
def test_only_spaces_and_tabs_are_no_part_of_a_name(odd: bytes) -> None:
    """RFC 6265bis 5.6; but what an application may take for a tracker's is cut like one."""
    assert cookie_name(b" \t_ga\t =1") == "_ga"
    for name in (odd + b"_ga", b"_ga" + odd):
        assert cookie_name(name + b"=1; Path=/") == name.decode("latin-1")
        assert cut(name + b"=1; a=2") == b"a=2"
        assert without_cookies(name + b"=1; _ga=2", ["_ga"]) == name + b"=1"
        assert cookie_values(name + b"=1", b"_ga") == []


def test_no_name_is_kept_that_is_longer_than_any_site_s() -> None:
    """Anybody may make up thousands of them."""
    known = ByName(category)
    for length in (252, 253):
        assert known[b"_ga_" + b"x" * length] == "analytics"
    assert [*map(len, known)] == [256]


def test_no_end_is_kept_of_what_is_longer_than_an_identifier_nor_more_than_there_is_room_for() -> None:
    ends = Ends(lambda name, value: len(name) + len(value))
    for length in (1014, 1015):
        assert ends[b" _ga=" + b"x" * length + b" ", b"_gid=" + b"x" * 3000] == 3 + length
        assert ends[b" _ga=" + b"x" * length + b" ", b"b=11"] == 3
    assert [sum(map(len, pairs)) for pairs in ends] == [1024]
    for number in range(2 * ends.MOST):
        assert ends[(b"a=%d" % number,)] == 1 + len(str(number))
    assert len(ends) <= ends.MOST


def test_no_more_combinations_of_names_are_kept_than_there_is_room_for() -> None:
    known = ByNames(lambda names: len(names))
    for number in range(3 * known.MOST):
        assert known[b"a", b"%d" % number] == 2
    assert len(known) <= known.MOST
    crowd = (b"a",) * (known.MOST_NAMES + 1)
    assert known[crowd] == len(crowd)
    assert crowd not in known
    endless = (b"a" * (known.LONGEST + 1),)
    assert known[endless] == 1
    assert endless not in known


@given(st.lists(st.lists(st.sampled_from([b"a", b"a=", b" a=1", b"a=b=1", b"ab=2", b"=", b""]), max_size=3)))
@samples(200, derandomize=True)
def test_cookies_are_known_by_their_own_names_whatever_came_before(crowd: list[list[bytes]]) -> None:
    """Twice each, then once more: what came twice in a row is known by a pattern."""
    known = ByCookies(lambda names: names)
    for pairs in [*(pairs for pairs in crowd for _ in range(2)), *crowd]:
        found = known.of(b";".join(pairs))
        assert found == tuple(pair.partition(b"=")[0] for pair in pairs or [b""])


def test_of_the_last_visitors_no_more_is_kept_than_of_all() -> None:
    """No pattern is made of a crowd of names either, nor of what came once."""
    known = ByCookies(lambda names: len(names))
    for count in (*range(1, 100), *range(50, 60)):
        assert known.of(b";".join([b"a=1"] * count)) == count
    assert known._last == []
    for count in (1, 1, 2, 2, 3, 3, ByNames.MOST_NAMES + 1, ByNames.MOST_NAMES + 1):
        assert known.of(b";".join([b"a=1"] * count)) == count
    assert [found for _, found in known._last] == [3, 2]


def test_what_passes_is_told_apart_by_who_allows_it() -> None:
    header = b"a=1; _ga=2"
    for _ in range(2):
        assert cut(header) == cut(header, "marketing") == b"a=1"
        assert cut(header, "analytics") is header
