"""The gate against html5lib: on random tag soups nothing is left armed, and nothing else is changed."""

import multiprocessing
import re
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

import oracle
import pytest
import soups

from consentkit.policy.whose import Whose

RULES = Whose((), [soups.TRACKER])
JUDGE = oracle.Judge([soups.TRACKER])
BATCH = 500
# 20,000 soups in all. Of five batches two are of long soups: html5lib takes its time.
BATCHES = {"html": 16, "noscript": 8, "foreign": 16}
LONG, SHORT = 20, 6
# Where the gate and html5lib differ and it is html5lib that is wrong: how to tell such a page, and why.
# One soup in a thousand may differ so, one more as READ_TWICE says, and none for another reason, but that it
# is armed for a browser's preload scanner.
EXPLAINED = {
    rb"(?s)<(?:svg|math)\b.*</(?:p|br)\b": (
        "html5lib 1.1 follows the standard of 2013, where </p> and </br> didn't yet leave svg and math."
    ),
    rb"<template\b": "html5lib 1.1 doesn't know that a template's content is another document.",
    rb"(?s)<select\b.*<(?:iframe|math|noembed|noframes|plaintext|style|svg|textarea|title|xmp)\b": (
        "html5lib 1.1 lets a select drop every tag but its options; the standard keeps them since 2025."
    ),
}
# Where the gate can't know which of two readings is the browser's, and blocks what is armed in either: it may
# come out changed, or blocked, but never armed.
READ_TWICE = {
    rb"(?s)<(?:svg|math)\b.*</(?!svg|math)": (
        "Whether an end tag in svg ends an HTML element around it, and the svg with it, isn't followed."
    ),
    rb"<frameset\b": "What stands before it decides whether a frameset is one.",
}
# An HTML element that is called as one of svg's own and stands around an svg that isn't closed: an end tag
# of that name is taken for one that ends nothing.
UNLIKELY = (rb"(?s)<(g|mi|title|desc|text|image|foreignobject|circle|path)\b.*<(?:svg|math)\b.*</\1\b",)


def read_twice(page: bytes, why: str) -> bool:
    return why.startswith(("changed:", "blocked:")) and any(
        re.search(kind, page.lower()) for kind in READ_TWICE
    )


def preloaded(page: bytes, why: str) -> bool:
    """Whether a preload scanner may fetch something: to it, svg and math are elements like any other.

    And it drops no frame because of where it stands.
    """
    seen = re.sub(rb"(?i)<(/?)(?=svg|math)", rb"<\1x", page)
    elements = oracle.elements(re.sub(rb"(?i)<frame(?=[\s/>])", b"<embed", seen))
    fetched = any(JUDGE.may(element, base) for element, base in JUDGE.bases(elements))
    return fetched and why.startswith(("changed:", "blocked:"))


def outdated(page: bytes) -> bool:
    return any(re.search(kind, page.lower()) for kind in (*EXPLAINED, *UNLIKELY))


def faults(family: soups.Family, batch: int, most: int) -> list[tuple[bytes, str]]:
    """The soups of a batch that come out wrong, each made as small as it stays wrong."""
    found = []
    for number in range(batch * BATCH, (batch + 1) * BATCH):
        page = soups.page(f"{family} {number}", family, most=most)
        problem = wrong(page, family)
        if problem and not preloaded(page, problem):
            cut = small(page, family, problem)
            # What a preload scanner sees and a tree drops shows itself in the smallest page of the kind.
            if not preloaded(cut, problem):
                found.append((cut, problem))
    return found


def small(page: bytes, family: soups.Family, problem: str) -> bytes:
    kind = problem.partition(":")[0]
    return oracle.smallest(page, lambda cut: (wrong(cut, family) or "").startswith(kind))


def wrong(page: bytes, family: soups.Family) -> str | None:
    return oracle.fault(page, RULES, JUDGE, noscript=family == "noscript")


@pytest.fixture(scope="module")
def workers() -> Iterator[ProcessPoolExecutor]:
    """Two fresh processes: it is html5lib that takes the time."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("family", soups.FAMILIES)
def test_on_tag_soups_exactly_what_is_armed_is_blocked(
    family: soups.Family, workers: ProcessPoolExecutor, full: bool
) -> None:
    batches = range(BATCHES[family] * (5 if full else 1))
    lengths = [LONG if full or batch % 5 < 2 else SHORT for batch in batches]
    found = [case for cases in workers.map(faults, repeat(family), batches, lengths) for case in cases]
    twice = [case for case in found if read_twice(*case)]
    others = [case for case in found if case not in twice]
    assert [case for case in others if not outdated(case[0])] == []
    assert max(len(twice), len(others)) <= len(batches) * BATCH // 1_000, found


# What the soups must be able to show: each is armed for the judge when nobody rewrites it.
ARMED = [
    b"<p><img src=//t.test/x>",
    b"<img srcset='/a, //t.test/x 2x'>",
    b"<img data-src=//t.test/x>",
    b"<script>track(1)</script>",
    b"<script type=module>import '//t.test/x'</script>",
    b"<iframe srcdoc='&lt;img src=//t.test/x>'></iframe>",
    b"<iframe src='java&Tab;script:track(1)'></iframe>",
    b"<link rel='x Stylesheet' href=//t.test/x>",
    b"<link rel=dns-prefetch href=//cdn.test:8443>",
    b"<base href=//t.test><img src=x>",
    b"<base target=x><base href=//t.test/><img src=x>",
    b"<meta http-equiv=Refresh content='0; URL=\"//t.test/x\"'>",
    b"<frameset><frame src=//t.test/x></frameset>",
    b"<input type=Image src=//t.test/x>",
    b"<body background=//t.test/x>",
    b"<a ping='/own //t.test/x'>",
    b"<p style='background:url( //t.test/x )'>",
    b"<style>@import '//t.test/x';</style>",
    b"<style>a{b:url(//t.test/x)}</style>",
    b"<p onload='track(1)'>",
    b"<svg><image xlink:href=//t.test/x />",
    b"<svg><use href='//t.test/x#i'/>",
    b"<svg><feImage href=//t.test/x />",
    b"<svg><script href=//t.test/x />",
    b"<svg><script>tr&#97;ck(1)</script>",
    b"<svg><g filter='url(//t.test/x#f)'/>",
    b'<p style=\'a:"x";b:url("//t.test/x\'>',
    b'<style>/* */ @IMPORT"//t.test/x"</style>',
    b"<style>a{b:URL(\t/\\2ft.test/x\n)}</style>",
]
DISARMED = [
    b"<base href=/own><base href=//t.test><img src=x>",
    b"<img src=x><base href=//t.test>",
    b"<template><img src=//t.test/x></template>",
    b"<img src=//t.test/x data-category=necessary>",
    b"<img data-src=//t.test/x data-category=analytics>",
    b"<script type=importmap>{'a':'//t.test/x'}</script>",
    b"<script src=//t.test/x type=text/plain></script>",
    b"<a href=//t.test/x>",
    b"<link rel=canonical href=//t.test/x>",
    b"<meta name=refresh content='0;url=//t.test/x'>",
    b"<script>subtrack(1)</script>",
    b"<p onclick='track(1)'>",
    b"<style>a{content:'url(//t.test/x)'} /* url(//t.test/x) */ b{c:url(\"/own\")}</style>",
    b"<p style='b:url(//t.test/ x)'><p style='b:curl(//t.test/x)'>",
    b"<img src=https://cdn.test:8443/x><img src=https://a.cdn.test/tag/x>",
]


def reached(page: bytes) -> bool:
    return bool(JUDGE.reached(oracle.elements(page)))


@pytest.mark.parametrize("page", ARMED)
def test_the_oracle_sees_what_is_armed(page: bytes) -> None:
    assert reached(page)


@pytest.mark.parametrize("page", DISARMED)
def test_the_oracle_sees_what_is_not(page: bytes) -> None:
    assert not reached(page)


def test_the_oracle_sees_every_kind_of_fault() -> None:
    page = b"<p>a<img src=//t.test/x alt=b>"
    marked = b'<p>a<img data-consentkit="tracker" data-consentkit-src=//t.test/x alt=b>'
    assert oracle.restores(marked, page)
    assert not oracle.restores(marked.replace(b"alt", b"Alt"), page)
    assert not oracle.restores(marked + b" ", page)
    old, new = oracle.elements(page), oracle.elements(marked)
    assert oracle.compare(old, old, JUDGE) == f"left armed: {old[-1]} for ['tracker']"
    assert oracle.compare(old, new, JUDGE) is None
    harmless = oracle.elements(page.replace(b"t.test", b"own.test"))
    assert (oracle.compare(harmless, new, JUDGE) or "").startswith("blocked")
    assert (
        oracle.compare(oracle.elements(b"<p>a<img src=//own.test/x alt=c>"), harmless, JUDGE) or ""
    ).startswith("changed")


def test_a_wrong_page_is_made_as_small_as_it_stays_wrong() -> None:
    assert oracle.smallest(b"<p>some text<b>and</b> more", lambda page: b"<b>" in page) == b"<b>"


def test_soups_hold_everything_they_are_made_for() -> None:
    pages = [soups.page(f"{family} {number}", family) for family in soups.FAMILIES for number in range(700)]
    together = b"".join(pages).lower()
    for name in (
        *soups.LOADING,
        *soups.WAYS,
        *soups.RAW_TAGS,
        *soups.SVG_TAGS,
        "template",
        "select",
        "plaintext",
    ):
        assert b"<" + name.lower().encode() in together, name
    armed = sum(reached(page) for page in pages)
    assert armed > len(pages) / 4
