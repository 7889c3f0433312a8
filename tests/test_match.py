from dataclasses import replace

import pytest
from sample import service

from consentkit.policy.match import Matcher, Places, Scripts
from consentkit.policy.registry import Cookie, Service, known_services
from consentkit.policy.urls import split_url

PLACES = Places(
    [
        ("*.example.com", "all"),
        ("www.example.com/tag/", "www"),
        ("www.example.com/tag/js", "tag"),
        ("ported.test:8443", "port"),
        ("ported.test:443/x", "port"),
        ("127.0.0.1:9000", "ip"),
        ("[::1]:9000", "ip"),
    ]
)


def owner(places: Places, url: str) -> str | None:
    address = split_url(url)
    assert address is not None
    target = places.covering(address)
    return None if target is None else target.owner


RANKED = {
    "https://example.com/": "all",
    "https://a.b.example.com/x": "all",
    "https://www.example.com/tag": "all",
    "https://www.example.com/tag/": "www",
    "https://www.example.com/TAG/js": "all",
    "https://www.example.com/tag/jsx": "tag",
    "https://ported.test:8443/": "port",
    "https://ported.test/x": "port",
    "wss://ported.test/x": "port",
    "//ported.test/x": "port",
    "http://ported.test/x": None,
    "https://ported.test/": None,
    "http://127.0.0.1:9000/": "ip",
    "http://0x7f.1:9000/": "ip",
    "http://2130706433:9000/": "ip",
    "http://0177.0.0.1:9000/": "ip",
    "http://127.0.0.1.:9000/": "ip",
    "http://127.0.0.1:9001/": None,
    "http://[::1]:9000/": "ip",
}


@pytest.mark.parametrize(("url", "expected"), RANKED.items())
def test_the_most_specific_pattern_answers(url: str, expected: str | None) -> None:
    assert owner(PLACES, url) == expected


def test_of_two_that_claim_the_same_the_first_given_answers() -> None:
    places = Places([("x.test/a", "one"), ("x.test/a", "two"), ("x.test:443/a", "ported")])
    assert owner(places, "https://x.test/a") == "ported"
    assert owner(places, "http://x.test/a") == "one"


def test_a_pattern_for_everything_below_a_number_is_no_pattern_for_addresses() -> None:
    assert owner(Places([("*.0.1", "low")]), "https://127.0.0.1/") is None
    assert owner(Places([("*.0.b1", "low")]), "https://a.0.b1/") == "low"


def marked(*marks: str) -> Scripts:
    return Scripts([service("a", inline=marks)])


MARKED = {
    b"fbq('init'": True,
    b"window.fbq('init', 1)": True,
    b"x;_paq.push(1)": True,
    b"a = {\n_paq.push(1)}": True,
    b"my_fbq('init', 1)": False,
    b"my_fbq('init', 1);fbq('init', 2)": True,
    b"my_fbq('init', 1);fbq('track')": False,
    b"href='//fonts.test/css?x'": True,
    b"href='//fonts.test/css2?x'": False,
    b"x_paq.push(1)": False,
    b"fbq('track', 1); _paq = 1": False,
    b"fbq ('init'": False,
    b"'init' fbq(": False,
    b"FBQ('init'": False,
    b"window.tracker_idle": False,
    b"window.tracker_id": True,
    b"window.tracker_id+1": True,
    b"$tracker_id,tracker_ids": True,
    b"\xc3\xa9tracker_id": True,
    b"(((((([": True,
    b"": False,
}


@pytest.mark.parametrize(("body", "hit"), MARKED.items())
def test_a_mark_is_found_where_it_begins_and_ends_no_word_in_the_middle(body: bytes, hit: bool) -> None:
    scripts = marked("fbq('init'", "_paq.push(", "tracker_id", "(((((([", "fonts.test/css")
    assert scripts(body).service == ("a" if hit else None)
    assert scripts(body).service == ("a" if hit else None)


def test_text_that_names_a_tracker_in_an_escaped_script_is_data() -> None:
    assert marked("fbq('init'")(rb"""push("...</s>\r\nfbq('init', '1')")""").service is None


def test_without_marks_no_script_is_anybodys() -> None:
    assert Scripts([])(b"fbq('init'") == (None, (), ())


def test_a_script_of_two_services_belongs_to_the_stricter_category() -> None:
    services = [
        service("prefs", inline=("one()",), category="preferences"),
        service("ads", inline=("two()",), category="marketing"),
        service("stats", inline=("three()",)),
    ]
    scripts = Scripts(services)
    assert scripts(b"one(); three(); two()").service == "ads"
    assert scripts(b"one(); three()").service == "stats"


def test_of_services_of_one_category_the_first_given_answers() -> None:
    scripts = Scripts([service(f"s{n}", inline=(f"mark{n}()",)) for n in range(30)])
    assert scripts(b";".join(b"mark%d()" % n for n in range(29, -1, -1))).service == "s0"


def test_remembering_scripts_is_bounded() -> None:
    scripts = marked("mark()")
    for number in range(200):
        assert scripts(b"x" * 100_000 + b"%d" % number).service is None
    assert sum(map(len, scripts._known)) <= scripts._size <= scripts._BYTES


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 1_000_000,
        b"fbq('init" * 100_000,
        b"xfbq('init'" * 90_000,
        b"a " * 500_000,
        b"import" + b" " * 900_000,
        b"import" + b" from '//a" * 90_000,
        b"import(/*" * 110_000,
        b"import/**/" * 100_000,
        b"import/*" * 120_000,
        b"/*import/**/" * 80_000,
        b"import//" * 120_000,
        b"import//\n" * 100_000,
        b"import(/*\n//" * 80_000,
        b"import" + b"/**/" * 240_000,
        b"import/*" + b"import//\n/*" * 80_000 + b"*/",
        b"import(" + b"\xc2\xa0" * 400_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_reading_a_script_takes_a_time_that_grows_with_its_length_alone(body: bytes) -> None:
    """Were anything tried again from each place, one of these would take hours."""
    assert marked("fbq('init'")(body).service is None


@pytest.mark.parametrize(
    ("script", "urls", "relative"),
    [
        (b'import "https://www.example.com/tag/js";', "https://www.example.com/tag/js", ""),
        (b"import{a}from'//www.example.com/x.js'", "//www.example.com/x.js", ""),
        (b"setTimeout(() => import( `HTTPS://a.test/`))", "HTTPS://a.test/", ""),
        (b"import(/* @vite-ignore */ /*webpackIgnore: true*/'https://a.test/')", "https://a.test/", ""),
        (b'export * from "https://a.test/";export*from"//b.test/"', "https://a.test/ //b.test/", ""),
        (b'import "/own.js"; import x from "bare"', "", "/own.js"),
        (b'import{a}from"./a.js";export*from"../b.js";import(`./c.js`)', "", "./a.js ../b.js ./c.js"),
        (b'import x from "//a.test/";import y from "/";import z from ".z"', "//a.test/", "/"),
        (b"import//c\n'https://a.test/'", "https://a.test/", ""),
        (b"import( //c\n'https://a.test/')", "https://a.test/", ""),
        (b"import(/*c*///c\r/*\n*/'https://a.test/')", "https://a.test/", ""),
        (b"import/**//**//**//**//**/(/**//**//**//**//**/'https://a.test/')", "https://a.test/", ""),
        (b"import x from/**//**//**//**/'https://a.test/'", "https://a.test/", ""),
        (b"import/*" + b"x" * 300 + b"*/'https://a.test/'", "https://a.test/", ""),
        (b"import\xc2\xa0(\xe2\x80\x83'https://a.test/')", "https://a.test/", ""),
        (b"import<!-- c\n('https://a.test/')", "https://a.test/", ""),
        (b"x = 'import /*'; import 'https://a.test/'", "https://a.test/", ""),
        (b"import/* 'https://a.test/'", "", ""),
        (b"import// 'https://a.test/'", "", ""),
        (b"Array.from('//a.test/x'); Array.from(/**/'//b.test/x')", "", ""),
        (b'fetch("https://a.test/tag/js");fetch("./x")', "", ""),
        (b"important = '//a.test/tag/js'; imports('//a.test')", "", ""),
    ],
)
def test_the_modules_that_a_script_imports_by_their_urls(script: bytes, urls: str, relative: str) -> None:
    assert Scripts([])(script) == (None, tuple(urls.split()), tuple(relative.split()))


def test_an_exact_cookie_name_beats_a_glob_and_a_longer_glob_a_shorter() -> None:
    matcher = Matcher([service("a", cookies=("_g*", "_ga")), service("b", cookies=("_ga_*", "x*y"))])
    assert matcher.cookie("_ga") == "a"
    assert matcher.cookie("_ga_1") == "b"
    assert matcher.cookie("_gid") == "a"
    assert matcher.cookie("x.y") == "b"
    assert matcher.cookie("xy2") is None
    assert matcher.cookie("_GA") is None


@pytest.mark.parametrize("known", known_services().values(), ids=lambda known: known.id)
def test_every_known_service_is_found_by_its_own_marks(known: Service) -> None:
    everyone = Scripts(known_services().values())
    for mark in known.inline:
        body = f"a;{mark.match};b".encode()
        assert Scripts([known])(body).service == known.id, mark
        assert everyone(body).service is not None, mark


def test_a_cookie_on_a_vendor_s_domain_does_not_claim_the_site_s_own_of_that_name() -> None:
    ads = replace(
        service("ads", cookies=("_ads",)),
        cookies=(
            Cookie("uid", "session", "vendor", "/", "declared"),
            Cookie("_ads", "session", "site", "/", "declared"),
        ),
    )
    assert Matcher([ads]).cookie("uid") is None
    assert Matcher([ads]).cookie("_ads") == "ads"
