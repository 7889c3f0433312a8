"""URLs read as browsers read them; tests/test_urls_oracle.py compares with an independent parser."""

import pytest

from consentkit.policy.urls import UNSURE, joined, plain_host, split_url

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
    "https://www.example.com:000000000000000008080/tag/js",
    "https://www.example.com./tag/js",
    "https://www.exam\u034fple.com/tag/js",
    "https://www.exam\ufe0fple.com/tag/js",
    "https://www.exam\U000e0101ple.com/tag/js",
    "https://www.ex%61mple.com/tag/js",
    "https://ｗｗｗ.example。com/tag/js",
    "https://\U0001ccec\U0001ccec\U0001ccec.example.com/tag/js",  # letters of Unicode 16
    "https://www.exam\u00adple.com/tag/js",
    "https://www.example.com/x/../tag/./js",
    "https://www.example.com/x/%2E%2e/tag/js",
    "https://www.example.com/%74ag/%6as",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_every_spelling_of_a_url_leads_to_the_same_place(url: str) -> None:
    address = split_url(url)
    assert address is not None
    assert (address.host, address.path, address.is_ip) == ("www.example.com", "/tag/js", False)


NOWHERE = [
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
    "https://www.example.com:65536/tag/js",
    "https://www.example.com:99999999999999999999/tag/js",
    "https://www.example.com:x/tag/js",
    "https://www.example.com:٣/tag/js",
    "https://www exa.example.com/",
    "https://",
    "https:",
    "//",
    "https://@/x",
    "https://[::1",
    "https://[::1]x80/",
    "https://[::1%25eth0]/",
    "https://1.2.3.4.5/",
    "https://1.2.3.256/",
    "https://☃.09/",
    "https://a%00.test/",
]


@pytest.mark.parametrize("url", NOWHERE)
def test_a_relative_or_invalid_url_or_one_of_another_scheme_leads_nowhere(url: str) -> None:
    assert split_url(url) is None
    assert plain_host(url) is None


HOSTS = {
    "https://example.com.evil.test/": "example.com.evil.test",
    "https://evil.test/www.example.com/tag/js": "evil.test",
    "https://evil.test?@www.example.com/": "evil.test",
    "https://evil.test\\@www.example.com/": "evil.test",
    "https://good.test@evil.test/": "evil.test",
    "https://good.test\t.evil.test/": "good.test.evil.test",
    "https://good.test:80@evil.test/": "evil.test",
    "https://faß.test/": "xn--fa-hia.test",
    "https://münchen.test/": "xn--mnchen-3ya.test",
    "https://a_b.münchen.test/": "a_b.xn--mnchen-3ya.test",
    "https://XN--MNCHEN-3YA.test/": "xn--mnchen-3ya.test",
    "https://xn--mnchen-3ya.te\u00adst/": "xn--mnchen-3ya.test",
    "http://0x7f.1/": "127.0.0.1",
    "http://2130706433/": "127.0.0.1",
    "http://0177.0.0.1/": "127.0.0.1",
    "http://127.0.0.1./": "127.0.0.1",
    "http://１２７.1/": "127.0.0.1",
    "http://1.00000000000000000000000000002/": "1.0.0.2",
    "http://[0:0:0::1]/": "[::1]",
    "http://[2001:DB8:0:0:1:0:0:0]/": "[2001:db8:0:0:1::]",
    "http://[::FFFF:1.2.3.4]/": "[::ffff:102:304]",
    "http://[1:0:2:3:4:5:6:7]/": "[1:0:2:3:4:5:6:7]",
}


@pytest.mark.parametrize(("url", "host"), HOSTS.items())
def test_a_host_is_the_one_that_a_browser_asks(url: str, host: str) -> None:
    address = split_url(url)
    assert address is not None
    assert address.host == host
    assert plain_host(url) in (None, host)


DOUBTFUL = [
    "https://\u0378.test/",  # unassigned, until some Unicode says otherwise
    "https://%ff.test/",
    "https://\ud800.test/",
    "https://\u0301a.test/",
    "https://a\u200db.test/",
    "https://אa.test/",
    "https://xn--\u00fc.test/",
    "https://xn--a-.\u00fc.test/",
    "https://.",
    "https://" + "a" * 2_000 + ".test/",
    "https://" + "\u00ad" * 2_000 + "a.test/",
]


@pytest.mark.parametrize("url", DOUBTFUL, ids=ascii)
def test_a_host_that_browsers_may_read_in_different_ways_is_unsure(url: str) -> None:
    address = split_url(url)
    assert address is not None
    assert address.host == UNSURE


def test_a_port_is_said_or_the_scheme_s_own_or_either() -> None:
    ports = [
        split_url(url) for url in ("http://a.test", "wss:a.test/", "//a.test", "//a.test:00443/", "//a.test:")
    ]
    assert [address and set(address.ports) for address in ports] == [{80}, {443}, {80, 443}, {443}, {80, 443}]


JOINED = [
    ("x.js", "https://b.test/a/c?q#f", "https://b.test/a/x.js"),
    ("x.js", "https://b.test", "https://b.test/x.js"),
    ("/x.js?a/../b", "https://b.test/a/c", "https://b.test/x.js?a/../b"),
    ("\\x.js", "https://b.test/a/c", "https://b.test/x.js"),
    ("../../x.js#/../", "https://b.test/a/c/d/", "https://b.test/a/x.js#/../"),
    ("..", "https://b.test/a/c/d", "https://b.test/a/"),
    ("%2E%2e\\x", "https://b.test/a/c/d", "https://b.test/a/x"),
    ("x", "https://b.test/a/c/..", "https://b.test/a/x"),
    ("x", "https:\\\\b.test\\a\\c", "https://b.test/a/x"),
    ("//c.test/x", "https://b.test/", "https://c.test/x"),
    ("\\/c.test/x", "https://b.test/", "https:\\/c.test/x"),
    ("?n", "https://b.test/a/c?q#f", "https://b.test/a/c?n"),
    ("#n", "https://b.test/a/c?q#f", "https://b.test/a/c?q#n"),
    ("", "https://b.test/a/c?q#f", "https://b.test/a/c?q"),
    ("https:x", "https://b.test/a/", "https://b.test/a/x"),
    ("https:/x", "https://b.test/a/", "https://b.test/x"),
    ("http:x", "https://b.test/a/", "http://x"),
    ("https:/x", "http://b.test/a/", "https://x"),
    ("HTTPS:\\\\c.test", "https://b.test/a/", "HTTPS://c.test"),
    ("x", "https://u:p@b.test:81/a/", "https://u:p@b.test:81/a/x"),
    ("x", "//b.test/a/", "//b.test/a/x"),
    ("//c.test", "//b.test/a/", "//c.test"),
    ("https:x", "//b.test/a/", "//b.test/a/x"),
    ("http:x", "//b.test/a/", "http://x"),
    (" \tx ", " https://b.t\nest/ ", "https://b.test/x"),
    ("data:,x", "https://b.test/", "data:,x"),
    ("x", "data:text/html,a/b", "x"),
    ("x", "javascript:1", "x"),
    ("x", "about:blank", "x"),
    ("x", "/a/", "x"),
    ("x", "https://b test/", "x"),
    ("x", "", "x"),
]


@pytest.mark.parametrize(("url", "base", "whole"), JOINED)
def test_a_relative_url_is_joined_to_the_document_s_base(url: str, base: str, whole: str) -> None:
    assert joined(url, base) == whole


@pytest.mark.parametrize(
    "url",
    [
        "https://a.test" + "/.." * 300_000,
        "https://a.test" + "/%2e" * 250_000,
        "https://" + "a@" * 500_000 + "a.test",
        "https://" + "a." * 500_000,
        "https://" + "é" * 1_000_000,
        "https://[" + ":" * 1_000_000 + "]",
        "https://a.test:" + "0" * 1_000_000,
        "https:" + "/\\" * 500_000 + "a.test",
        "\t" * 1_000_000 + "//a.test",
        "%" * 1_000_000,
        "//" + "%61" * 300_000,
        "https://0x" + "f" * 1_000_000,
    ],
    ids=lambda url: ascii(url[:20]),
)
def test_reading_a_url_takes_a_time_that_grows_with_its_length_alone(url: str) -> None:
    """Were anything tried again from each place, one of these would take hours."""
    split_url(url)
    plain_host(url)
    joined(url, "https://b.test/a/")
    joined("x", url)
