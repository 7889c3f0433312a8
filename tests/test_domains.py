"""Registrable domains: beside an independent reading of the same list, and at every edge of a host's name."""

import re
import subprocess
import sys
from importlib.resources import files

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.policy.domains import LONGEST_HOST, choice_domain, cookie_domains, is_shareable, registrable

LIST = files("publicsuffixlist") / "public_suffix_list.dat"


def rules() -> list[str]:
    lines = LIST.read_text("utf-8").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("//")]


def by_top_level() -> dict[str, list[list[str]]]:
    """The rules by their last label, each as its labels from the right; `!` stays before the last one."""
    found: dict[str, list[list[str]]] = {}
    for rule in map(ascii_form, rules()):
        labels = rule.split(".")[::-1]
        found.setdefault(labels[0], []).append(labels)
        if rule.startswith("*."):
            found[labels[0]].append(labels[:-1])  # the list's linter: a wildcard's root is a rule, too
    return found


def expected(table: dict[str, list[list[str]]], host: str) -> str | None:
    """The algorithm as publicsuffix.org states it, rule by rule."""
    labels = host.split(".")[::-1]
    matching = [["*"]]
    for rule in table.get(labels[0], []):
        bare = [part.removeprefix("!") for part in rule]
        if len(bare) <= len(labels) and all(b in ("*", each) for b, each in zip(bare, labels, strict=False)):
            matching.append(rule)
    exception = next((rule for rule in matching if rule[-1].startswith("!")), None)
    prevailing = exception[:-1] if exception else max(matching, key=len)
    return ".".join(labels[len(prevailing) :: -1]) if len(labels) > len(prevailing) else None


@pytest.fixture(scope="module")
def table() -> dict[str, list[list[str]]]:
    return by_top_level()


def ascii_form(rule: str) -> str:
    if rule.startswith("!"):
        return "!" + ascii_form(rule[1:])
    return ".".join(label if label.isascii() else idna.encode(label).decode() for label in rule.split("."))


def test_every_rule_of_the_list_means_the_same_to_another_reader(
    table: dict[str, list[list[str]]], full: bool
) -> None:
    every = rules()
    assert len(every) > 9000
    for rule in every if full else every[:: len(every) // 300]:
        suffix = ascii_form(rule.removeprefix("!").replace("*", "any"))
        for host in (suffix, f"shop.{suffix}", f"www.shop.{suffix}"):
            assert registrable(host) == expected(table, host), host


HOSTS = """www.a.x-1.my_shop.github.io co.uk com blogspot s3.amazonaws city.kobe.jp ck xn--p1ai xn--55qx5d.cn
example local kawasaki compute estate"""
LABELS = st.sampled_from(HOSTS.replace(".", " ").split())


@given(st.lists(LABELS, min_size=1, max_size=6).map(".".join))
@samples(400, derandomize=True)
def test_made_up_hosts_mean_the_same_to_another_reader(table: dict[str, list[list[str]]], host: str) -> None:
    assert registrable(host) == expected(table, host)


@given(st.text(max_size=300) | st.text("a.-_:[]%/@xn0123456789é。\u3002 ", max_size=40))
@samples(600, derandomize=True)
def test_whatever_a_visitor_calls_the_host_there_is_an_answer_that_fits_a_header(host: str) -> None:
    alone, *domains = cookie_domains(host)
    assert alone == ""
    assert all(
        re.fullmatch(r"[!#-+\--:<-~]+", domain) and len(domain) <= LONGEST_HOST + 1 for domain in domains
    )
    found = registrable(host)
    assert (found is None) == (not domains)
    assert found is None or domains[-1].removesuffix(".") == found
    assert choice_domain(host, "site") in (found, "")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.shop.example", "shop.example"),
        ("shop.example", "shop.example"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", None),
        ("example.github.io", "example.github.io"),
        ("www.example.github.io", "example.github.io"),
        ("github.io", None),
        ("bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com"),
        ("s3.amazonaws.com", None),
        ("www.ck", "www.ck"),
        ("a.b.ck", "a.b.ck"),
        ("b.ck", None),
        ("WWW.Shop.EXAMPLE", "shop.example"),
        ("www.shop.example.", "shop.example"),
        ("shop.example..", None),
        (".shop.example", None),
        ("www..example", None),
        ("www.straße.example", "xn--strae-oqa.example"),
        ("www.xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("магазин.рф", "xn--80aairftm.xn--p1ai"),
        ("www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn"),
        ("公司.cn", None),
        ("localhost", None),
        ("shop.localhost", "shop.localhost"),
        ("127.0.0.1", None),
        ("127.1", None),
        ("0x7f.0.0.1", None),
        ("[::1]", None),
        ("::1", None),
        ("[2001:db8::1]", None),
        ("shop.example:443", None),
        ("me@shop.example", None),
        ("shop.example/path", None),
        ("shop .example", None),
        ("shop%2eexample", None),
        ("", None),
        (".", None),
        ("\ud800.example", None),
        ("a" * 64 + ".example", "a" * 64 + ".example"),
    ],
)
def test_a_host_has_one_registrable_domain_or_none(host: str, domain: str | None) -> None:
    assert registrable(host) == domain


def test_a_name_may_have_253_characters() -> None:
    longest = "a." * 119 + "xx.shop.example"
    assert len(longest) == LONGEST_HOST
    assert registrable(longest) == "shop.example"
    assert registrable(longest + ".") == "shop.example"
    assert len(cookie_domains(longest)) == 122
    assert registrable("b" + longest) is None
    assert cookie_domains("b" + longest) == ("",)
    assert cookie_domains("a." * 100_000 + "example") == ("",)


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("a.b.example.co.uk", ("", "a.b.example.co.uk", "b.example.co.uk", "example.co.uk")),
        ("Example.CO.uk", ("", "example.co.uk")),
        ("me.github.io", ("", "me.github.io")),
        ("github.io", ("",)),
        ("www.shop.example.", ("", "www.shop.example.", "shop.example.")),
        ("localhost", ("",)),
        ("127.0.0.1", ("",)),
        ("[::1]", ("",)),
    ],
)
def test_a_cookie_may_be_set_on_the_host_and_up_to_the_registrable_domain(
    host: str, domains: tuple[str, ...]
) -> None:
    assert cookie_domains(host) == domains


@pytest.mark.parametrize(
    ("host", "wanted", "domain"),
    [
        ("www.shop.example", "site", "shop.example"),
        ("www.shop.example", "host", ""),
        ("www.shop.example", ["other.example", "shop.example"], "shop.example"),
        ("www.b.shop.example", ["shop.example", "b.shop.example"], "b.shop.example"),
        ("www.shop.fr", ["shop.example", "shop.fr"], "shop.fr"),
        ("evilshop.example", ["shop.example"], ""),
        ("www.shop.example.", "site", ""),
        ("127.0.0.1", "site", ""),
        ("localhost", "site", ""),
        ("github.io", "site", ""),
        ("github.io", ["github.io"], ""),
    ],
)
def test_a_choice_holds_where_the_policy_says_and_never_on_a_public_suffix(
    host: str, wanted: str | list[str], domain: str
) -> None:
    """E13."""
    assert choice_domain(host, wanted) == domain


def test_only_a_registrable_domain_or_one_below_can_be_listed() -> None:
    assert all(
        map(is_shareable, ["shop.example", "www.shop.example", "xn--strae-oqa.example", "me.github.io"])
    )
    refused = [
        "co.uk",
        "Shop.example",
        "straße.example",
        "127.0.0.1",
        "localhost",
        "shop.example.",
        ".a.example",
    ]
    assert not any(map(is_shareable, refused))


def test_the_list_is_not_read_before_it_is_asked() -> None:
    code = (
        "import sys, consentkit.gate.cookies, consentkit.policy.domains as domains;"
        "assert 'publicsuffixlist' not in sys.modules;"
        "domains.registrable('shop.example');"
        "assert 'publicsuffixlist' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
