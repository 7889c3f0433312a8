import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sample import service
from samples import samples

from consentkit.gate.markup import Rewriter
from consentkit.policy.whose import Whose

INSERTED = (
    rb'(?i:(<script) data-consentkit="[^"]*" type="text/plain")| data-consentkit="[^"]*"|data-consentkit-'
)

STARTER = b"<script data-consentkit-starter>start()</script>"
T = b"//t.test/x"


RULES = Whose([service("t", "t.test", inline=("track(",)), service("p", "paths.test/tag/")])


def rewrite(page: bytes, size: int = 0, *, starter: bytes = b"") -> bytes:
    rewriter = Rewriter(RULES, starter)
    step = size or max(len(page), 1)
    pieces = [rewriter.feed(page[at : at + step]) for at in range(0, len(page), step)]
    return b"".join([*pieces, rewriter.close()])


def undo(page: bytes, starter: bytes = b"") -> bytes:
    page = page.replace(starter, b"", 1)
    return re.sub(INSERTED, rb"\1", page)


# The page, and how often something on it is made inert.
BLOCKED = {
    b"<script src=//t.test/x></script>": 1,
    b"<SCRIPT SRC='//t.test/x' TYPE=MODULE></SCRIPT>": 1,
    b"<script>track(1)</script>": 1,
    b"<script type=''>track(1)</script>": 1,
    b"<script type=' Text/JavaScript '>track(1)</script>": 1,
    b"<script language=javascript>track(1)</script>": 1,
    b"<script nomodule async src=https://t.test/x></script>": 1,
    b"<script src=/own.js></script><script src=//t.test/x></script>": 1,
    b"<script src=/own.js src=//t.test/x></script>": 1,
    b"<script type=text/plain type=module src=//t.test/x></script>": 1,
    b"<iframe src=//t.test/x></iframe>": 1,
    b"<iframe srcdoc='<img src=//t.test/x>'></iframe>": 1,
    b'<iframe srcdoc="&lt;script&gt;track(1)&lt;/script&gt;"></iframe>': 1,
    b"<iframe srcdoc=\"<iframe srcdoc='<img src=//t.test/x>'>\"></iframe>": 1,
    b"<img src=//t.test/x>": 1,
    b"<img src=/\t/t.test/x>": 0,
    b'<img src="/\t/t.test/x">': 1,
    b"<img src=\\\\t.test/x>": 1,
    b"<img src=https:t.test>": 1,
    b"<img src=&#47;&sol;t.test/x>": 1,
    b"<img src=https&colon;//t&period;test/x>": 1,
    b"<img/src=//t.test/x>": 1,
    b'<img a=""src=//t.test/x>': 1,
    b"<img srcset='/a 1x, //t.test/x 2x'>": 1,
    b"<picture><source srcset=//t.test/x><img src=/a></picture>": 1,
    b"<image src=//t.test/x>": 1,
    b"<link rel=stylesheet href=//t.test/x>": 1,
    b"<link href=//t.test/x rel='alternate STYLESHEET'>": 1,
    b"<link rel=preload as=image imagesrcset='//t.test/x 2x'>": 1,
    b"<link rel=modulepreload href=//t.test/x>": 1,
    b"<link rel=prefetch href=//t.test/x>": 1,
    b"<link rel=prerender href=//t.test/x>": 1,
    b"<link rel=preconnect href=//t.test>": 1,
    b"<link rel=dns-prefetch href=//t.test>": 1,
    b"<link rel=preconnect href=https://paths.test>": 1,
    b"<link rel=stylesheet href=https://paths.test/own.css>": 0,
    b"<link rel='shortcut icon' href=//t.test/x>": 1,
    b"<embed src=//t.test/x>": 1,
    b"<object data=//t.test/x></object>": 1,
    b"<video src=/v poster=//t.test/x></video>": 1,
    b"<audio src=//t.test/x></audio>": 1,
    b"<video><source src=//t.test/x><track src=//t.test/y></video>": 2,
    b"<input type=IMAGE src=//t.test/x>": 1,
    b"<frameset><frame src=//t.test/x></frameset>": 1,
    b"<frameset><xmp><frame src=//t.test/x></xmp></frameset>": 1,
    b"<frameset><style><frame src=//t.test/x></frameset><title></frameset><img src=//t.test/y></title>": 1,
    b"<svg><style><a title='</style><img src=//t.test/x>'></style></svg>": 1,
    b"<svg><title><a title='</title><script src=//t.test/x></script>'></title></svg>": 1,
    b"<svg><image href=//t.test/x /></svg>": 1,
    b"<svg><image xlink:href=//t.test/x /></svg>": 1,
    b"<svg><use href='//t.test/x#i'/></svg>": 1,
    b"<svg><script href=//t.test/x /></svg>": 1,
    b"<svg><script xlink:href=//t.test/x></script></svg>": 1,
    b"<svg><script>track(1)</script></svg>": 1,
    b"<svg><g><path d=M1/></g></svg><img src=//t.test/x>": 1,
    b"<svg><style><img src=//t.test/x></style></svg>": 1,
    b"<svg><title><img src=//t.test/x></title></svg>": 1,
    b"<svg><desc><style><img src=//t.test/x></style></desc></svg>": 0,
    b"<svg><foreignObject><title><img src=//t.test/x></title></foreignObject></svg>": 0,
    b"<math><mi><style><img src=//t.test/x></style></mi></math>": 0,
    b"<math><style><img src=//t.test/x></style></math>": 1,
    b"<math><annotation-xml encoding=text/html><style><img src=//t.test/x></style></math>": 0,
    b"<math><annotation-xml><p><style><img src=//t.test/x></style>": 0,
    b"<math><annotation-xml><style><img src=//t.test/x></style></annotation-xml></math>": 1,
    b"<math><annotation-xml><svg><title><style><img src=//t.test/x></style></title></svg></math>": 0,
    b"<math><annotation-xml><k><p><script>track(1)</script>": 1,
    b"<math><script>track(1)</script></math>": 0,
    b"<div><svg><path/></div><script><!--\ntrack(1)\n//--></script>": 1,
    b"<li><svg></li><![CDATA[><img src=//t.test/x>]]>": 1,
    b"<svg><script><!-->track(1)//--></script></svg>": 1,
    b"<svg><script>a<a title='>'>1</a>;track(1)</script></svg>": 1,
    b"<frameset><svg><![CDATA[><frame src=//t.test/x>]]></svg></frameset>": 1,
    b"<template><col><style></template><img src=//t.test/x></style>": 1,
    b"<svg><title><template></title></svg><img src=//t.test/x>": 1,
    b"<svg><![CDATA[><img src=//t.test/x>]]></svg>": 1,
    b"<base href='http://['><base href=//t.test/><img src=x>": 1,
    b"<noscript><base href=/></noscript><base href=//t.test/><img src=x>": 1,
    b"<svg/><style><img src=//t.test/x></style>": 0,
    b"<svg></svg><style><img src=//t.test/x></style>": 0,
    b"<svg><p><style><img src=//t.test/x></style>": 0,
    b"<svg><g><p></p><style><img src=//t.test/x></style>": 0,
    b"<svg><font><style><img src=//t.test/x></style>": 1,
    b"<svg><font color=red><style><img src=//t.test/x></style>": 0,
    b"<svg></p><style><img src=//t.test/x></style>": 0,
    b"<svg><![CDATA[<img alt=//t.test/x>]]></svg>": 0,
    b"<svg><![CDATA[ > ]]><img src=//t.test/x>": 1,
    b"<![CDATA[ ><img src=//t.test/x>]]>": 1,
    b"<noscript><img src=//t.test/x></noscript>": 1,
    b"<noscript><iframe src=//t.test/x></iframe></noscript><img src=//t.test/x>": 2,
    b"<noscript><!--</noscript><img src=//t.test/x>": 1,
    b"<noscript><title></noscript><textarea></title><img src=//t.test/x></textarea>": 1,
    b"<noscript><a b='</noscript><script src=//t.test/x></script>": 1,
    b"<title><img src=//t.test/x></title><img src=//t.test/x>": 1,
    b"<textarea></textarea ><img src=//t.test/x>": 1,
    b"<title></titlex><img src=//t.test/x>": 0,
    b"<style></STYLE/><img src=//t.test/x>": 1,
    b"<!--><img src=//t.test/x>": 1,
    b"<!---><img src=//t.test/x>": 1,
    b"<!----><img src=//t.test/x>": 1,
    b"<!-- --!><img src=//t.test/x>": 1,
    b"<!-- --!-><img src=//t.test/x>": 0,
    b"<!-- <!--> <img src=//t.test/x>": 1,
    b"<!-x><img src=//t.test/x>": 1,
    b"<!><img src=//t.test/x>": 1,
    b"<?x a='>'><img src=//t.test/x>": 1,
    b"</ x='><img src=//t.test/x>": 1,
    b"</><img src=//t.test/x>": 1,
    b"<!doctype html SYSTEM '><img src=//t.test/x>": 1,
    b"< img src=//t.test/x>": 0,
    b"<<img src=//t.test/x>": 1,
    b"<a b='<img src=//t.test/x>'>": 0,
    b"<a b'<img src=//t.test/x>'>": 0,
    b"<a ='><img src=//t.test/x>": 1,
    b"</p a='><img src=//t.test/x>": 0,
    b"<img src=//t.test/x": 0,
    b"<script><!--<script></script>track(1)</script>": 1,
    b"<script><!--<script></script></script><img src=//t.test/x>": 1,
    b"<script><!--<script></script><img src=//t.test/x></script>": 0,
    b"<script><!--</script><img src=//t.test/x>": 1,
    b"<script><!--><script></script><img src=//t.test/x>": 1,
    b"<script><!-- <scriptx></script><img src=//t.test/x>": 1,
    b"<script>a</scriptx><img src=//t.test/x>": 0,
    b"<script/><img src=//t.test/x></script>": 0,
    b"<script>track(1)": 1,
    b"<plaintext></plaintext><img src=//t.test/x>": 0,
    b"<xmp><img src=//t.test/x></xmp><img src=//t.test/x>": 1,
    b"<noembed><img src=//t.test/x></noembed><noframes><img src=//t.test/x></noframes>": 0,
    b"<iframe><img src=//t.test/x></iframe>": 0,
    b"<template><img src=//t.test/x><template></template><script src=//t.test/x></script></template>": 0,
    b"<template><script>'</template>'</script><img src=//t.test/x></template><img src=//t.test/x>": 1,
    b"<template><svg></template><style><img src=//t.test/x></style>": 0,
    b"<div><template shadowrootmode=open><img src=//t.test/x></template></div>": 1,
    b"<svg><template><img src=//t.test/x>": 1,
    b"</template><img src=//t.test/x>": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", [b"script", b"style"])
def test_what_opens_and_ends_deeper_than_all_that_is_followed_ends_nothing_else(name: bytes) -> None:
    """Else the svg might have ended there with an element around it, and what follows were not its text."""
    page = b"<svg>" * 600 + b"<%b></%b><![CDATA[><script>track(1)</script>]]>" % (name, name)
    assert rewrite(page) == page
    assert rewrite(page.replace(b"</", b"</x></", 1)) != page


@pytest.mark.parametrize(("page", "times"), BLOCKED.items())
def test_what_a_browser_would_load_is_blocked_and_nothing_else(page: bytes, times: int) -> None:
    after = rewrite(page)
    assert after.count(b' data-consentkit="') == times, after
    assert undo(after) == page


@pytest.mark.parametrize("page", BLOCKED)
def test_cut_anywhere_a_page_comes_out_the_same(page: bytes) -> None:
    whole = rewrite(page, starter=STARTER)
    assert all(rewrite(page, size, starter=STARTER) == whole for size in range(1, 12))


UNTOUCHED = [
    b'<script type="application/ld+json">{"url":"https://t.test/x","a":"track("}</script>',
    b'<script type="application/json">track(1)</script>',
    b'<script type=importmap>{"imports":{"a":"//t.test/x"}}</script>',
    b'<script type=speculationrules>{"prerender":["//t.test/x"]}</script>',
    b"<script type='text/javascript; charset=utf-8' src=//t.test/x></script>",
    b"<script type=text/plain data-category=analytics src=//t.test/x></script>",
    b"<script type=text/template><img src=//t.test/x></script>",
    b"<script src=//t.test/x data-category=necessary></script>",
    b"<script data-category=necessary>track(1)</script>",
    b"<script src=/own.js>track(1)</script>",
    b"<a href=//t.test/x data-src=//t.test/x>track(1) //t.test/x</a>",
    b"<img data-url=//t.test/x alt=//t.test/x title='//t.test/x'>",
    b"<iframe title=//t.test/x srcdoc='<p>//t.test/x'></iframe>",
    b"<link rel=canonical href=//t.test/x><link rel=alternate href=//t.test/x><link href=//t.test/x>",
    b"<input value=//t.test/x src=//t.test/x><meta content=//t.test/x>",
    b"<!-- <script src=//t.test/x></script> -->",
    b"<form action=//t.test/x><p src=//t.test/x data=//t.test/x>",
    b"<img src=t.test/x><img src=/t.test/x><img src='data:,//t.test/x'><img src=//t.test.own.test>",
    b"<img src='?u=//t.test/x&amp;v=https://t.test'>",
    b"",
    b"plain text < 3",
    bytes(range(256)),
]


@pytest.mark.parametrize("page", UNTOUCHED)
def test_page_data_and_what_loads_nothing_of_a_service_is_untouched(page: bytes) -> None:
    assert rewrite(page) == page


def test_blocking_renames_every_loading_attribute_and_its_duplicates() -> None:
    tag = b"<script a SRC=/own.js type='module' src=//t.test/x type=module>"
    assert rewrite(tag) == (
        b'<script data-consentkit="t" type="text/plain" a data-consentkit-SRC=/own.js'
        b" data-consentkit-type='module' data-consentkit-src=//t.test/x data-consentkit-type=module>"
    )
    assert rewrite(b"<link rel=icon href=//t.test/x>") == (
        b'<link data-consentkit="t" data-consentkit-rel=icon data-consentkit-href=//t.test/x>'
    )
    assert rewrite(b"<video poster=//t.test/x src=/v>") == (
        b'<video data-consentkit="t" data-consentkit-poster=//t.test/x data-consentkit-src=/v>'
    )


STARTED = {
    b"<!doctype html><html><head><title>x</title><link>": (
        b"<!doctype html><html><head><title>x</title>|<link>"
    ),
    b"<title>x</title> and nothing else": b"<title>x</title> and nothing else|",
    b"<head><meta charset=utf-8><script>": b"<head><meta charset=utf-8>|<script>",
    b"<head>\n<meta http-equiv=Content-Type content=x>\n<meta http-equiv=Content-Security-Policy>": (
        b"<head>\n<meta http-equiv=Content-Type content=x>\n|<meta http-equiv=Content-Security-Policy>"
    ),
    b"<head><meta name=viewport><meta charset=utf-8><p>": (
        b"<head><meta name=viewport><meta charset=utf-8>|<p>"
    ),
    b"<meta charset=utf-8><meta http-equiv=refresh content=9>": (
        b"<meta charset=utf-8>|<meta http-equiv=refresh content=9>"
    ),
    b"<html><head></head><body>": b"<html><head>|</head><body>",
    b"<!doctype html>\n<!-- <p> --><p>": b"<!doctype html>\n<!-- <p> -->|<p>",
    b"<?xml version='1.0'?><html><body>": b"<?xml version='1.0'?><html>|<body>",
    b"text <script>": b"text |<script>",
    b"<noscript><img></noscript>": b"|<noscript><img></noscript>",
    b"<header>": b"|<header>",
    b"just text, no element &amp; <": b"just text, no element &amp; <",
    b"<!doctype html>": b"<!doctype html>",
    b"<p": b"<p",
    b"": b"",
}


@pytest.mark.parametrize(("page", "expected"), STARTED.items())
def test_the_starter_comes_first_of_all_that_loads_runs_or_sets_a_policy(
    page: bytes, expected: bytes
) -> None:
    assert rewrite(page, starter=b"|") == expected
    assert rewrite(page, 1, starter=b"|") == expected


PIECES = st.one_of(
    st.sampled_from([page for page in BLOCKED if page]),
    st.sampled_from(UNTOUCHED),
    st.sampled_from([b"<svg>", b"</svg>", b"<noscript>", b"</noscript>", b"<template>", b"</template>"]),
    st.binary(max_size=4),
)  # fmt: skip
PAGES = st.lists(PIECES, max_size=8).map(b"".join)


@samples(300)
@given(PAGES, st.lists(st.integers(1, 40), min_size=1, max_size=20))
@example(b"<template><svg><script></script></svg><script src=//t.test/x></script>", [1])
def test_every_chunking_gives_the_same_bytes(page: bytes, sizes: list[int]) -> None:
    rewriter = Rewriter(RULES, STARTER)
    pieces, at, turn = [], 0, 0
    while at < len(page):
        size = sizes[turn % len(sizes)]
        pieces.append(rewriter.feed(page[at : at + size]))
        at, turn = at + size, turn + 1
    assert b"".join([*pieces, rewriter.close()]) == rewrite(page, starter=STARTER)


@samples(300)
@given(PAGES)
def test_taking_the_insertions_out_gives_the_page_back(page: bytes) -> None:
    assert undo(rewrite(page, starter=STARTER), STARTER) == page


def test_rewriting_twice_changes_nothing_more() -> None:
    for page in BLOCKED:
        assert rewrite(rewrite(page)) == rewrite(page)


def test_only_the_unfinished_construct_is_held_back() -> None:
    rewriter = Rewriter(RULES, b"")
    assert rewriter.feed(b"<p>text <img src=//t.te") == b"<p>text "
    assert rewriter.feed(b"st/x>more<script>tr") == (
        b'<img data-consentkit="t" data-consentkit-src=//t.test/x>more'
    )
    assert rewriter.feed(b"ue</script><!-- long comm") == b"<script>true</script><!-- long c"
    assert rewriter.feed(b"ent --><style>a{") + rewriter.close() == b"omment --><style>a{"
    assert rewriter.blocked == {"t"}


@pytest.mark.parametrize("size", [0, 1, 7])
def test_in_xhtml_any_element_may_close_itself(size: int) -> None:
    page = b"<html><script src='/own.js'/><title/><svg/><![CDATA[<script>]]><script src='//t.test/x'/></html>"
    rewriter = Rewriter(RULES, b"", xhtml=True)
    step = size or len(page)
    out = b"".join(rewriter.feed(page[at : at + step]) for at in range(0, len(page), step)) + rewriter.close()
    assert out.count(b"data-consentkit=") == 1
    assert undo(out) == page
    assert undo(rewrite(page)) == page
    assert b"data-consentkit=" not in rewrite(page), "in HTML the first script goes on"


def test_a_piece_that_ends_with_a_stray_less_than_sign_is_not_remembered() -> None:
    """What follows decides whether that sign is text; another page goes on otherwise."""
    rules = Whose([service("t", "t.test")])
    fill = b"<p class=a>hello world</p>\n" * 60
    known, other = b"text <<img src=//t.test/a><p>tail", b"text <script src=//t.test/a></script>" + fill
    for page in (known, known, known, other):
        rewriter = Rewriter(rules, b"")
        assert b'data-consentkit="t"' in rewriter.feed(fill + page) + rewriter.close()


def test_what_is_remembered_of_other_pages_changes_nothing() -> None:
    """Pages made of the same parts in another order, each as if it were the first."""
    parts = [b"<p class=%d>%b</p>\n" % (n, b"word " * 60) for n in range(8)]
    parts += [b"<img src=//t.test/%d>" % n for n in range(4)] + [
        b"<svg><g>",
        b"</svg>",
        b"<style>a{}</style>",
    ]
    parts += [b"<script nonce=%d>track(1)</script>" % n for n in range(3)] + [
        b"<noscript><img src=//t.test/n></noscript>"
    ]
    parts += [
        b"<base href=//t.test/>",
        b"<title>",
        b"</title>",
        b"text <",
        b"<!-- ",
        b" -->",
        b"<template>",
        b"</template>",
    ]
    rules = Whose([service("t", "t.test", inline=("track(",))])
    for seed in range(300):
        rng = random.Random(seed)  # noqa: S311 - a reproducible sample
        page = b"".join(rng.choices(parts, k=40))
        fresh = Rewriter(Whose([service("t", "t.test", inline=("track(",))]), STARTER)
        used = Rewriter(rules, STARTER)
        assert used.feed(page) + used.close() == fresh.feed(page) + fresh.close(), seed


def test_a_chunk_may_be_a_memoryview() -> None:
    rewriter = Rewriter(RULES, b"")
    out = rewriter.feed(b"<!doctype html><p>hi")
    out += rewriter.feed(memoryview(b"<script src=//t.test/x></script>"))  # type: ignore[arg-type]
    assert b'data-consentkit="t"' in out + rewriter.close()


def test_the_charset_stays_within_the_first_kilobyte() -> None:
    page = (
        b"<!doctype html><html><head><title>x</title><meta name=viewport content=a><meta charset=utf-8><link>"
    )
    assert rewrite(page, starter=b"<script>" + b"x" * 5000 + b"</script>").startswith(
        page[: page.index(b"<link")]
    )


XML = {
    b"<html><body><h:img xmlns:h='x' src='//t.test/x'/></body></html>": b'<h:img data-consentkit="t"',
    b"<html><xmp><img src='//t.test/x'/></xmp></html>": b'<img data-consentkit="t"',
    b"<html><plaintext>a</plaintext><img src='//t.test/x'/></html>": b'<img data-consentkit="t"',
    b"<html><style>a<img src='//t.test/x'/></style></html>": b'<img data-consentkit="t"',
    b"<html><script>tr&#97;ck(1)</script></html>": b'<script data-consentkit="t"',
    b"<html><script>tra<!-- -->ck(1)</script></html>": b'<script data-consentkit="t"',
    b"<html><!--><p>--><img src='//t.test/x'/></html>": b'<img data-consentkit="t"',
    b"<?xml version='1.0'?><?a > ?><html><img src='//t.test/x'/></html>": b'<img data-consentkit="t"',
    b"<?xml-stylesheet type='text/css' href='//t.test/x'?><html></html>": b"<?consentkit-xml-stylesheet",
}


@pytest.mark.parametrize(("page", "expected"), XML.items())
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_page_of_xml_is_read_as_xml(page: bytes, expected: bytes, size: int) -> None:
    rewriter = Rewriter(RULES, b"", xhtml=True)
    pieces = [rewriter.feed(page[at : at + size]) for at in range(0, len(page), size)]
    assert b"".join([*pieces, rewriter.close()]).count(expected) == 1


def test_an_author_may_mark_a_stylesheet() -> None:
    sheet = b"@import '//t.test/x';</style>"
    assert b"data-consentkit" not in rewrite(b"<style data-category=necessary>" + sheet)
    assert b'data-consentkit="@marketing"' in rewrite(b"<style data-category=marketing>" + sheet)
    assert b"data-consentkit" not in rewrite(b"<style data-category=marketing>b{}</style>")
