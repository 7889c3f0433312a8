from dataclasses import replace

import pytest

from consentkit.policy.match import Matcher
from consentkit.policy.registry import Category, Cookie, Pattern, Service, known_services


def service(
    id_: str,
    *urls: str,
    inline: tuple[str, ...] = (),
    cookies: tuple[str, ...] = (),
    category: Category = "analytics",
) -> Service:
    return Service(
        id=id_,
        name=id_,
        vendor=id_,
        country="FR",
        category=category,
        purposes=(),
        policy_url="https://example.com/",
        urls=tuple(Pattern(url, "declared") for url in urls),
        inline=tuple(Pattern(mark, "declared") for mark in inline),
        cookies=tuple(Cookie(name, "session", "site", "/", "declared") for name in cookies),
        storage=(),
    )


MATCHER = Matcher(
    [
        service("all", "*.example.com"),
        service("www", "www.example.com/tag/"),
        service("tag", "www.example.com/tag/js"),
        service("port", "ported.test:8443", "ported.test:443/x"),
        service("ip", "127.0.0.1:9000", "[::1]:9000"),
    ]
)

SPELLINGS = [
    "https://www.example.com/tag/js",
    "//www.example.com/tag/js",
    "http://www.example.com/tag/js?x#y",
    "wss://www.example.com/tag/js",
    "HTTPS://WWW.EXAMPLE.COM/tag/js",
    " \x01https://www.example.com/tag/js\n",
    "ht\ntps:/\t/www.exam\rple.com/t\nag/js",
    "\\\\www.example.com\\tag\\js",
    "/\\www.example.com/tag/js",
    "///www.example.com/tag/js",
    "https:www.example.com/tag/js",
    "https:/www.example.com/tag/js",
    "https:\\\\www.example.com/tag/js",
    "https://user:pass@www.example.com/tag/js",
    "https://a@b@www.example.com/tag/js",
    "https://www.example.com:443/tag/js",
    "https://www.example.com:/tag/js",
    "https://www.example.com:8080/tag/js",
    "https://www.example.com./tag/js",
    "https://www.exam\u034fple.com/tag/js",
    "https://www.exam\ufe0fple.com/tag/js",
    "https://www.exam\U000e0101ple.com/tag/js",
    "https://www.ex%61mple.com/tag/js",
    "https://ｗｗｗ.example。com/tag/js",
    "https://www.exam\u00adple.com/tag/js",
    "https://www.example.com/x/../tag/./js",
    "https://www.example.com/x/%2E%2e/tag/js",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_every_spelling_of_a_url_finds_its_service(url: str) -> None:
    assert MATCHER.url(url) == "tag"


FOREIGN = [
    "",
    "/tag/js",
    "tag/js",
    "www.example.com/tag/js",
    "?//www.example.com",
    "#//www.example.com",
    "data:text/javascript,//www.example.com/tag/js",
    "ftp://www.example.com/tag/js",
    "javascript:'//www.example.com'",
    "blob:https://www.example.com/1",
    "https://example.com.evil.test/",
    "https://notexample.com/",
    "https://evil.test/www.example.com/tag/js",
    "https://evil.test?@www.example.com/",
    "https://evil.test\\@www.example.com/",
    "https://www.example.com:99999/tag/js",
    "https://www.example.com:x/tag/js",
    "https://www exa.example.com/",
    "https://",
    "https:",
    "//",
    "https://[::1",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_relative_foreign_and_invalid_urls_find_none(url: str) -> None:
    assert MATCHER.url(url) is None


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
    "http://127.0.0.256:9000/": None,
    "http://127.0.0.1:9001/": None,
    "http://[::1]:9000/": "ip",
}


@pytest.mark.parametrize(("url", "expected"), RANKED.items())
def test_the_most_specific_pattern_answers(url: str, expected: str | None) -> None:
    assert MATCHER.url(url) == expected


def test_a_hint_names_a_host_and_any_service_there_answers() -> None:
    only_paths = Matcher([service("gtag", "www.example.com/gtag/", "ported.test:8443/x")])
    assert only_paths.url("https://www.example.com") is None
    assert only_paths.host("https://www.example.com") == "gtag"
    assert only_paths.host("//WWW.example.com/other") == "gtag"
    assert only_paths.host("https://ported.test:8443") == "gtag"
    assert only_paths.host("https://ported.test") is None
    assert only_paths.host("https://example.com") is None
    assert only_paths.host("/gtag/") is None


def test_an_inline_mark_is_an_exact_substring_even_within_a_word() -> None:
    matcher = Matcher([service("a", inline=("fbq('init'", "_paq.push("))])
    assert matcher.inline(b"window.fbq('init', 1)") == "a"
    assert matcher.inline(b"my_fbq('init', 1)") == "a"
    assert matcher.inline(b"x_paq.push(1)") == "a"
    assert matcher.inline(b"fbq('track', 1); _paq = 1") is None
    assert matcher.inline(b"FBQ('init'") is None
    assert matcher.inline(b"") is None
    assert Matcher([]).inline(b"fbq('init'") is None


def test_a_mark_is_found_whatever_was_remembered_before() -> None:
    matcher = Matcher([service("a", inline=("fbq('init'",))])
    for body in (b"fbq", b"fbq(1)", b"x = 'init'", b"fbq ('init'"):
        assert matcher.inline(body) is None
    assert matcher.inline(b"fbq('init'") == "a"


def test_a_script_of_two_services_belongs_to_the_stricter_category() -> None:
    services = [
        service("prefs", inline=("one()",), category="preferences"),
        service("ads", inline=("two()",), category="marketing"),
        service("stats", inline=("three()",)),
    ]
    matcher = Matcher(services)
    assert matcher.inline(b"one(); three(); two()") == "ads"
    assert matcher.inline(b"one(); three()") == "stats"


def test_remembering_scripts_is_bounded() -> None:
    matcher = Matcher([service("a", inline=("mark()",))])
    for number in range(200):
        assert matcher.inline(b"x" * 100_000 + b"%d" % number) is None
    assert matcher._inline._size <= matcher._inline._BYTES


def test_an_exact_cookie_name_beats_a_glob_and_a_longer_glob_a_shorter() -> None:
    matcher = Matcher([service("a", cookies=("_g*", "_ga")), service("b", cookies=("_ga_*", "x*y"))])
    assert matcher.cookie("_ga") == "a"
    assert matcher.cookie("_ga_1") == "b"
    assert matcher.cookie("_gid") == "a"
    assert matcher.cookie("x.y") == "b"
    assert matcher.cookie("xy2") is None
    assert matcher.cookie("_GA") is None


def test_every_known_service_is_found_by_its_own_patterns() -> None:
    services = known_services()
    matcher = Matcher(services.values())
    for known in services.values():
        for pattern in known.urls:
            url = "https://" + pattern.match.replace("*.", "sub.")
            assert matcher.url(url) is not None, url
            assert matcher.host(url) is not None, url
        for mark in known.inline:
            assert matcher.inline(f"a;{mark.match};b".encode()) is not None, mark


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


@pytest.mark.parametrize(
    ("script", "owner"),
    [
        (b'import "https://www.example.com/tag/js";', "tag"),
        (b"import{a}from'//www.example.com/tag/x.js'", "www"),
        (b"setTimeout(() => import( `https://www.example.com/tag/js`))", "tag"),
        (b'export * from "https://other.example.com/"', "all"),
        (b'import "/own.js"; export * from "https://own.test/"', None),
        (b'fetch("https://www.example.com/tag/js")', None),
        (b"important = '//www.example.com/tag/js'", None),
    ],
)
def test_a_script_is_the_service_s_whose_module_it_imports(script: bytes, owner: str | None) -> None:
    assert MATCHER.inline(script) == owner


def test_looking_for_imports_takes_a_time_that_grows_with_the_script_alone() -> None:
    """Were the spaces tried in every split, this would take hours."""
    assert MATCHER.inline(b"import" + b" " * 900_000) is None
    assert MATCHER.inline(b"import" + b" from '//a" * 90_000) is None
