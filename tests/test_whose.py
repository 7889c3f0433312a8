"""Whose is a URL or a script, and may it pass."""

from typing import Any

import pytest
from sample import policy, service

from consentkit.policy.registry import known_services
from consentkit.policy.version import resolve
from consentkit.policy.whose import Whose, rules_of

DECLARED = [
    service("ads", "*.ads.test", "pay.test/pixel", inline=("ads_init(",), category="marketing"),
    service("pay", "pay.test/v3", "js.ads.test", inline=("pay_init(",), category="necessary"),
]
KNOWN = [
    service("stats", "stats.test", "both.test/s/", inline=("stats_init(",)),
    service("shield", "shield.test", category="necessary"),
]


def rules(**changes: Any) -> Whose:
    """The rules of a small policy."""
    return Whose(DECLARED, KNOWN, **{"allow": ["cdn.test/lib/", "*.images.test", "stats.test"], **changes})


REPORT, STRICT = rules(), rules(strict=True).at("www.shop.test:8000")

# URL: blocked as (in strict mode, if that differs), else what is counted about it.
FETCHED: dict[str, tuple[str | None, str | None, tuple[str, str] | None]] = {
    "https://x.ads.test/": ("ads", "ads", None),
    "//pay.test/pixel.gif": ("ads", "ads", None),
    "https://stats.test/allowed/but/known": ("stats", "stats", None),
    "https://js.ads.test/more/specific": (None, None, ("passed", "pay")),
    "https://pay.test/v3/x.js": (None, None, ("passed", "pay")),
    "https://pay.test/v2/x.js": (None, "?pay.test", ("undeclared", "pay.test")),
    "https://shield.test/known/but/not/declared": (None, "?shield.test", ("undeclared", "shield.test")),
    "https://cdn.test/lib/x.js": (None, None, ("passed", "cdn.test/lib/")),
    "https://cdn.test/other.js": (None, "?cdn.test", ("undeclared", "cdn.test")),
    "https://a.images.test/": (None, None, ("passed", "*.images.test")),
    "https://CDN.other.test:444/x": (None, "?cdn.other.test", ("undeclared", "cdn.other.test")),
    "https://127.1/": (None, "?127.0.0.1", ("undeclared", "127.0.0.1")),
    "wss://[::1]:80/": (None, "?[::1]", ("undeclared", "[::1]")),
    "/x.js": (None, None, None),
    "x.js?//x.ads.test": (None, None, None),
    "data:,https://x.ads.test/": (None, None, None),
    "https://bad host/": (None, None, None),
    "https://\u0378.test/": ("", "", None),
}


@pytest.mark.parametrize(("url", "expected"), FETCHED.items(), ids=map(ascii, FETCHED))
def test_a_url_is_blocked_passed_or_reported(
    url: str, expected: tuple[str | None, str | None, tuple[str, str] | None]
) -> None:
    for _ in range(2):  # as decided, and as remembered
        assert (REPORT.url(url), STRICT.url(url), REPORT.seen(url)) == expected
        assert STRICT.seen(url) == expected[2]


ANNOUNCED: dict[str, tuple[str | None, str | None]] = {
    "https://pay.test": ("ads", "ads"),
    "https://js.ads.test": (None, None),
    "https://both.test": ("stats", "stats"),
    "https://cdn.test": (None, None),
    "https://shield.test": (None, "?shield.test"),
    "https://other.test": (None, "?other.test"),
    "https://shop.test": (None, None),
    "/x": (None, None),
    "//\u0378.test": ("", ""),
}


@pytest.mark.parametrize(("url", "expected"), ANNOUNCED.items(), ids=map(ascii, ANNOUNCED))
def test_a_hint_is_about_everything_on_its_host(url: str, expected: tuple[str | None, str | None]) -> None:
    assert (REPORT.host(url), STRICT.host(url)) == expected


def test_a_hint_for_a_host_that_is_declared_with_a_path_isn_t_undeclared() -> None:
    only = Whose([service("pay", "pay.test/v3", category="necessary")], strict=True).at("shop.test")
    assert only.host("https://pay.test") is None
    assert only.seen("https://pay.test") == ("passed", "pay")
    assert only.seen("https://pay.test/v2") == ("undeclared", "pay.test")


def test_a_hint_for_another_port_is_about_something_else() -> None:
    ported = Whose([service("stats", "x.test:8443/s")], allow=["y.test:8443"], strict=True).at("shop.test")
    assert (ported.host("https://x.test:8443"), ported.host("https://x.test")) == ("stats", "?x.test")
    assert (ported.host("https://y.test:8443"), ported.host("https://y.test")) == (None, "?y.test")


@pytest.mark.parametrize(
    ("host", "url", "own"),
    [
        ("www.shop.test", "https://shop.test/x", True),
        ("shop.test", "https://www.shop.test/x", True),
        ("shop.test", "https://static.shop.test/x", True),
        ("SHOP.test.:8000", "https://shop.test:9000/x", True),
        ("shop.test", "https://myshop.test/x", False),
        ("app.shop.test", "https://shop.test/x", False),
        ("127.0.0.1:8000", "http://127.0.0.1:9000/", True),
        ("0.0.1", "http://1.0.0.1/", False),
        ("[::1]:8000", "http://[0::1]/", True),
        ("localhost", "http://localhost:1/", True),
        ("", "https://shop.test/x", False),
        ("", "https://shop.test../x", False),
        ("bad host", "https://shop.test/x", False),
        ("\u0378", "https://shop.test/x", False),
    ],
)
def test_a_page_s_own_host_and_what_is_below_it_always_passes(host: str, url: str, own: bool) -> None:
    strict = rules(strict=True).at(host)
    assert (strict.url(url) is None) == own
    assert (strict.seen(url) is None) == own
    assert (strict.host(url) is None) == own


def test_a_tracker_on_the_page_s_own_host_is_a_tracker() -> None:
    assert rules(strict=True).at("ads.test").url("https://x.ads.test/") == "ads"


def test_rules_are_the_same_object_for_the_same_host() -> None:
    strict, report = rules(strict=True), rules()
    assert strict.at("shop.test") is strict.at("www.shop.test:80")
    assert strict.at("shop.test") is not strict.at("other.test")
    assert report.at("shop.test") is report.at("other.test") is report
    assert len({strict, strict.at("shop.test"), report}) == 3


def test_any_number_of_hosts_can_be_asked_for() -> None:
    strict = rules(strict=True)
    for number in range(5_000):
        assert strict.at(f"h{number}.test").url(f"https://h{number}.test/") is None
    assert strict._sites.cache_info().currsize <= 8


SCRIPTS = {
    b"ads_init(1)": ("ads", "ads"),
    b"stats_init(1)": ("stats", "stats"),
    b"pay_init(1)": (None, None),
    b"import 'https://x.ads.test/x.js'": ("ads", "ads"),
    b"import 'https://js.ads.test/x.js'": (None, None),
    b"import 'https://unknown.test/x.js'": (None, "?unknown.test"),
    b"import 'https://cdn.test/lib/x.js'; import 'https://stats.test/'": ("stats", "stats"),
    b"import 'https://shop.test/x.js'": (None, None),
    b"import 'https://\xcd\xb8.test/x.js'": ("", ""),
    b"import '/x.js'": (None, None),
}


@pytest.mark.parametrize(("body", "expected"), SCRIPTS.items())
def test_an_inline_script_is_blocked_by_its_marks_or_its_imports(
    body: bytes, expected: tuple[str | None, str | None]
) -> None:
    assert (REPORT.inline(body), STRICT.inline(body)) == expected


def test_a_host_s_name_can_t_break_out_of_an_attribute_or_fill_a_table() -> None:
    assert STRICT.url('https://a"onload=x&b.test/') == "?a%22onload%3Dx%26b.test"
    assert REPORT.seen('https://a"b.test/') == ("undeclared", "a%22b.test")
    assert len(STRICT.url("https://" + "a" * 900 + ".test/") or "") == 254


def test_what_is_remembered_about_urls_is_bounded() -> None:
    asked = rules()
    for number in range(10_000):
        asked.url(f"https://pay.test/{number}")
        asked.url(f"https://h{number}.test/")
        asked.url("https://pay.test/" + "x" * 2_000 + str(number))
    info = asked._facts._fetched.cache_info()
    assert info.currsize <= 4096
    assert info.misses == 20_000


def test_rules_know_what_the_policy_declares_asks_and_reads() -> None:
    some = rules(categories=("analytics",), aliases=("cookiebot",))
    assert (some.category("ads"), some.category("pay"), some.category("stats")) == (
        "marketing",
        "necessary",
        None,
    )
    assert (some.asks("analytics"), some.asks("marketing"), some.asks("necessary")) == (True, False, False)
    assert some.aliases == ("cookiebot",)


def test_a_published_policy_s_rules_are_what_it_says_about_pages() -> None:
    pages = {"third_parties": "strict", "allow": ["cdn.test"], "aliases": ["cookiebot"]}
    resolved = resolve(policy(pages=pages, categories=["analytics", "marketing"], services=["stripe"]))
    strict = rules_of(resolved).at("shop.example")
    assert strict.url("https://www.googletagmanager.com/gtm.js") == "google-tag-manager"
    assert strict.seen("https://js.stripe.com/v3/") == ("passed", "stripe")
    assert strict.seen("https://cdn.test/x") == ("passed", "cdn.test")
    assert strict.url("https://unknown.test/") == "?unknown.test"
    assert strict.aliases == ("cookiebot",)
    assert not strict.asks("preferences")
    report = rules_of(resolve(policy()))
    assert report.url("https://unknown.test/") is None
    assert report.url("https://js.stripe.com/v3/") is None
    assert report.seen("https://js.stripe.com/v3/") == ("undeclared", "js.stripe.com")


@pytest.mark.parametrize("known", known_services().values(), ids=lambda known: known.id)
def test_every_known_service_is_found_by_its_own_patterns(known: Any) -> None:
    asked = Whose([], [known])
    for pattern in known.urls:
        url = "https://" + pattern.match.replace("*.", "sub.")
        hit = None if known.category == "necessary" else known.id
        assert (asked.url(url), asked.host(url)) == (hit, hit), url
