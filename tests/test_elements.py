"""Every element and attribute that loads: armed it is blocked, where it loads nothing it is left alone."""

import pytest
from sample import service

from consentkit.gate.markup import Rewriter
from consentkit.gate.markup.elements import LOADING, candidates
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdicts
from consentkit.policy.whose import Whose

RULES = Whose(
    [
        service("t", "t.test", inline=("track(",)),
        service("p", "p.test/tag/", category="marketing"),
    ]
)


def verdicts() -> Verdicts:
    return Verdicts(RULES, within)


def within(html: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    rewriter = Rewriter(RULES, b"")
    rewriter.feed(html.encode())
    rewriter.close()
    return rewriter.blocked, rewriter.seen


# The tag with its URL left out, and the attributes that are renamed when the URL is a tracker's.
ARMED = {
    b"<script src=%s>": b"src",
    b"<script type=module src=%s>": b"type src",
    b"<script href=%s>": b"href",
    b"<script xlink:href=%s>": b"xlink:href",
    b"<script src=/own attributionsrc=%s>": b"src attributionsrc",
    b"<iframe src=%s>": b"src",
    b"<iframe data-src=%s>": b"data-src",
    b"<iframe data-lazy-src=%s>": b"data-lazy-src",
    b"<iframe srcdoc='<img src=%s>'>": b"srcdoc",
    b"<iframe src='data:text/html,<img src=%s>'>": b"src",
    b"<iframe src='data:text/html;charset=utf-8,%%3Cimg src=%s%%3E'>": b"src",
    b"<iframe src='DATA:image/svg+xml,<image href=%s />'>": b"src",
    b"<frame src=%s>": b"src",
    b"<portal src=%s>": b"src",
    b"<fencedframe src=%s>": b"src",
    b"<embed src=%s>": b"src",
    b"<object data=%s>": b"data",
    b"<object data='data:text/html,<img src=%s>'>": b"data",
    b"<param name=movie value=%s>": b"value",
    b"<param name=SRC value=%s>": b"value",
    b"<applet archive=%s>": b"archive",
    b"<bgsound src=%s>": b"src",
    b"<img src=%s>": b"src",
    b"<img srcset='/own 1x, %s 2x'>": b"srcset",
    b"<img data-src=%s>": b"data-src",
    b"<img data-srcset='/own 1x, %s 2x'>": b"data-srcset",
    b"<img data-lazy-src=%s>": b"data-lazy-src",
    b"<img data-lazy-srcset='%s 2x'>": b"data-lazy-srcset",
    b"<img data-original=%s>": b"data-original",
    b"<img data-lazy=%s>": b"data-lazy",
    b"<img src=/own data-src=%s>": b"src data-src",
    b"<img src=/own attributionsrc=%s>": b"attributionsrc",
    b"<img src=/own attributionsrc='/own %s'>": b"attributionsrc",
    b"<image src=%s>": b"src",
    b"<image href=%s>": b"href",
    b"<image xlink:href=%s>": b"xlink:href",
    b"<feImage href=%s>": b"href",
    b"<use href=%s#a>": b"href",
    b"<animate attributeName=href to=%s>": b"to",
    b"<animate attributeName=xlink:href from=%s>": b"from",
    b"<animate attributeName=href values='/own;%s'>": b"values",
    b"<set attributeName=href to=%s>": b"to",
    b"<set attributeName=mask to='url(%s#x)'>": b"to",
    b"<set attributeName=' clip-path' to=url(%s)>": b"to",
    b"<animate attributeName=fill from=red values='red; url(\"%s\")'>": b"from values",
    b"<animate attributeName=fill attributeName=href to=%s>": b"to",
    b"<link rel=search href=%s>": b"rel href",
    b"<link rel='alternate search' type=application/opensearchdescription+xml href=%s>": b"rel href",
    b"<source src=%s>": b"src",
    b"<source srcset='%s 2x'>": b"srcset",
    b"<source data-srcset='%s 2x'>": b"data-srcset",
    b"<video src=%s>": b"src",
    b"<video poster=%s>": b"poster",
    b"<video data-src=%s>": b"data-src",
    b"<audio src=%s>": b"src",
    b"<track src=%s>": b"src",
    b"<input type=image src=%s>": b"src",
    b"<link rel=stylesheet href=%s>": b"rel href",
    b"<link rel='alternate stylesheet' href=%s>": b"rel href",
    b"<link rel=stylesheet href='data:text/css,@import \"%s\"'>": b"rel href",
    b"<link rel=preload imagesrcset='/own 1x, %s 2x'>": b"rel imagesrcset",
    b"<link rel=modulepreload href=%s>": b"rel href",
    b"<link rel=prefetch href=%s>": b"rel href",
    b"<link rel=prerender href=%s>": b"rel href",
    b"<link rel='shortcut icon' href=%s>": b"rel href",
    b"<link rel=apple-touch-icon href=%s>": b"rel href",
    b"<link rel=mask-icon href=%s>": b"rel href",
    b"<link rel=manifest href=%s>": b"rel href",
    b"<link rel=compression-dictionary href=%s>": b"rel href",
    b"<link rel=preconnect href=%s>": b"rel href",
    b"<link rel=DNS-prefetch href=%s>": b"rel href",
    b"<meta http-equiv=refresh content='0;url=%s'>": b"http-equiv content",
    b"<meta http-equiv=Refresh content='3 ; URL = \"%s\"'>": b"http-equiv content",
    b"<meta http-equiv=refresh content='0,%s'>": b"http-equiv content",
    b"<meta http-equiv='&#114;efresh' content='0;url=%s'>": b"http-equiv content",
    b"<a href=/own ping=%s>": b"ping",
    b"<a href=/own ping='/own %s'>": b"ping",
    b"<area href=/own ping=%s>": b"ping",
    b"<a href=/own attributionsrc=%s>": b"attributionsrc",
    b"<body background=%s>": b"background",
    b"<table background=%s>": b"background",
    b"<col background=%s>": b"background",
    b"<tr background=%s>": b"background",
    b"<td background=%s>": b"background",
    b"<th background=%s>": b"background",
    b"<p style='background:url(%s)'>": b"style",
    b"<p style=\"background:url('%s')\">": b"style",
    b"<p style='background:url(&quot;%s&quot;)'>": b"style",
    b"<p style='background:u\\72 l(%s)'>": b"style",
    b"<p style='background:image-set(\"%s\" 1x)'>": b"style",
    b"<img src=/own style='content:url(%s)'>": b"style",
    b"<rect fill='url(%s#a)'>": b"fill",
    b"<g mask='url(%s)'>": b"mask",
    b"<path marker-end='url(%s#a)'>": b"marker-end",
    b"<text clip-path='url(%s#a)'>": b"clip-path",
    b"<svg filter='url(%s#a)'>": b"filter",
    b"<div class=lazyload data-bg=%s>": b"data-bg",
}  # fmt: skip


@pytest.mark.parametrize(("tag", "renamed"), ARMED.items())
@pytest.mark.parametrize("url", [b"//t.test/x", b"https://T.test./x?y"])
def test_whatever_loads_is_blocked_by_the_names_of_its_attributes(
    tag: bytes, renamed: bytes, url: bytes
) -> None:
    tag = tag % url
    verdict = verdicts().tag(tag)
    assert verdict.service == "t"
    assert verdict.seen == (("blocked", "t"),)
    (_, mark), *edits = verdict.edits
    assert mark.startswith(b' data-consentkit="t"')
    assert (b'type="text/plain"' in mark) == tag.startswith(b"<script")
    for name in renamed.split():
        at = tag.index(b" " + name) + 1
        assert (at, b"data-consentkit-") in edits
    assert len(edits) == len(renamed.split())


@pytest.mark.parametrize("tag", ARMED)
@pytest.mark.parametrize("url", [b"/own/x", b"x?u=//t.test/x", b"#t.test"])
def test_what_loads_from_the_own_host_is_left_alone(tag: bytes, url: bytes) -> None:
    verdict = verdicts().tag(tag % url)
    assert (verdict.service, verdict.edits, verdict.seen) == (None, (), ())


@pytest.mark.parametrize(
    "tag", [tag for tag in ARMED if b"srcdoc" not in tag and b"data:" not in tag.lower()]
)
def test_what_loads_from_elsewhere_is_counted(tag: bytes) -> None:
    verdict = verdicts().tag(tag % b"https://u.test/x")
    assert (verdict.service, verdict.edits) == (None, ())
    assert verdict.seen == (("undeclared", "u.test"),)


HARMLESS = [
    b"<a href=//t.test/x>",
    b"<area href=//t.test/x>",
    b"<form action=//t.test/x>",
    b"<button formaction=//t.test/x>",
    b"<input type=submit formaction=//t.test/x src=//t.test/x>",
    b"<input value=//t.test/x src=//t.test/x>",
    b"<q cite=//t.test/x>",
    b"<link rel=canonical href=//t.test/x>",
    b"<link rel=alternate href=//t.test/x>",
    b"<link href=//t.test/x>",
    b"<meta content=//t.test/x>",
    b"<meta property=og:image content=//t.test/x>",
    b"<meta http-equiv=refresh content=3>",
    b"<meta http-equiv=refresh content=//t.test/x>",
    b"<meta http-equiv=content-security-policy content='script-src t.test'>",
    b"<param name=flashvars value=//t.test/x>",
    b"<animate attributeName=d to=//t.test/x>",
    b"<animate to=//t.test/x values=url(//t.test/x)>",
    b"<base href=//t.test/x>",
    b"<set attributeName=fill to=//t.test/x>",
    b"<script type=application/ld+json src=//t.test/x>",
    b"<script type=importmap src=//t.test/x>",
    b"<script type=speculationrules src=//t.test/x>",
    b"<script type='text/javascript; charset=utf-8' src=//t.test/x>",
    b"<img alt=//t.test/x title='//t.test/x' data-caption=//t.test/x>",
    b"<img src='data:image/svg+xml,//t.test/x'>",
    b"<img src='javascript:track(1)'>",
    b"<p background=//t.test/x src=//t.test/x ping=//t.test/x>",
    b"<p fill='url(//t.test/x)'>",
    b"<p style='content:\"url(//t.test/x)\"'>",
    b"<p style='color:red /* url(//t.test/x) */'>",
    b"<div data-bg=//t.test/x>",
    b"<a href='javascript:track(1)'>",
    b"<a href=# onclick='track(1)'>",
    b"<form onsubmit='track(1)'>",
    b"<img src=/own onload='other(1)'>",
    b"<link rel=preconnect href=//p.test.other.test>",
    b"<link rel=stylesheet href=//t.test.own.test/x.css>",
    b"<base href=//t.test/>",
]  # fmt: skip


@pytest.mark.parametrize("tag", HARMLESS)
def test_what_waits_for_a_click_or_loads_nothing_is_left_alone(tag: bytes) -> None:
    verdict = verdicts().tag(tag)
    assert (verdict.service, verdict.edits) == (None, ())


RUNNING = {
    b"<body onload='track(1)'>": b"onload",
    b"<body onload='tr&#97;ck(1)'>": b"onload",
    b"<img src=/own onerror=track(1)>": b"onerror",
    b"<p ONMOUSEOVER='track(1)'>": b"ONMOUSEOVER",
    b"<iframe src='javascript:track(1)'>": b"src",
    b"<iframe src='java\nscript:tr%61ck(1)'>": b"src",
    b"<object data=' javascript:track(1)'>": b"data",
    b"<script src='data:text/javascript,track(1)'>": b"src",
    b"<script src='data:text/javascript;base64,dHJhY2soMSk='>": b"src",
    b"<script src='data:;base64,dHJhY2soMSk'>": b"src",
}  # fmt: skip


@pytest.mark.parametrize(("tag", "name"), RUNNING.items())
def test_code_in_an_attribute_is_judged_as_a_script_is(tag: bytes, name: bytes) -> None:
    verdict = verdicts().tag(tag)
    assert verdict.service == "t"
    assert (tag.index(name), b"data-consentkit-") in verdict.edits


def test_a_hint_is_blocked_for_any_path_of_its_host_and_a_file_only_for_its_own() -> None:
    assert verdicts().tag(b"<link rel=preconnect href=//p.test>").service == "p"
    assert verdicts().tag(b"<link rel=stylesheet href=//p.test>").service is None
    assert verdicts().tag(b"<link rel='preconnect stylesheet' href=//p.test/tag/x>").service == "p"


def test_a_local_tag_is_passed_without_a_word() -> None:
    assert verdicts().tag(b"<img src=/own.png class=x>") is UNTOUCHED


def test_every_loading_element_has_an_example_here() -> None:
    shown = {tag[1:].split(b" ")[0].lower() for tag in ARMED}
    assert set(LOADING) - {b"model", b"base"} <= shown


SRCSETS = {
    "a.png 1x, b.png 2x": ["a.png", "b.png"],
    "a.png,b.png": ["a.png,b.png"],
    "a.png, b.png": ["a.png", "b.png"],
    " ,a.png,,": ["a.png"],
    "data:,x 1x, b": ["data:,x", "b"],
    "a (x,y) 1x, b": ["a", "b"],
    "a (x": ["a"],
    "a,b 1x,c": ["a,b", "c"],
    "a 1x,,b": ["a", "b"],
    "": [],
    " , ": [],
    "," * 100_000: [],
}  # fmt: skip


@pytest.mark.parametrize(("srcset", "urls"), SRCSETS.items())
def test_a_srcset_is_split_as_browsers_do(srcset: str, urls: list[str]) -> None:
    assert list(candidates(srcset)) == urls
