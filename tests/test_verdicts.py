from base64 import b64encode
from itertools import product

import pytest
from sample import service
from test_elements import within

from consentkit.gate.markup import Rewriter
from consentkit.gate.markup.elements import TABLES
from consentkit.gate.markup.verdicts import UNTOUCHED, Verdict, Verdicts, condemned, decoded
from consentkit.policy.aliases import ALIASES
from consentkit.policy.whose import Whose

SERVICES = [
    service("t", "t.test", inline=("track(", "wordmarks"), category="analytics"),
    service("m", "m.test", "cdn.test/m/", category="marketing"),
    service("v", "v.test", category="preferences"),
    service("own", "w.test", category="video"),
    service("login", "login.test", category="necessary"),
]
RULES = Whose(SERVICES, [service("u", "nobodys.test", category="preferences")], allow=["allowed.test"])
STRICT = Whose(SERVICES, strict=True).at("own.test")
NONCES = (b"r4nd0mR4ND0M+/==", b"an0therAN0THER-_", b"short-one")


def verdicts(rules: Whose = RULES) -> Verdicts:
    return Verdicts(rules, within)


def rewritten(tag: bytes, verdict: Verdict) -> bytes:
    out, done = b"", 0
    for at, text in verdict.edits:
        out, done = out + tag[done:at] + text, at
    return out + tag[done:]


# Which attributes go, and what is counted.


def test_only_what_is_to_blame_goes_if_it_is_not_what_the_element_is_for() -> None:
    tag = b"<iframe src=/own style='background:url(//t.test/x)' onload=track(1) onclick=track(1)>"
    assert rewritten(tag, verdicts().tag(tag)) == (
        b"<iframe data-consentkit=\"t\" src=/own data-consentkit-style='background:url(//t.test/x)'"
        b" data-consentkit-onload=track(1) onclick=track(1)>"
    )


def test_what_the_element_is_for_goes_as_a_whole() -> None:
    tag = b"<img src=/own srcset='//t.test/x 2x' style='color:red' data-src=/own>"
    assert rewritten(tag, verdicts().tag(tag)) == (
        b"<img data-consentkit=\"t\" data-consentkit-src=/own data-consentkit-srcset='//t.test/x 2x'"
        b" style='color:red' data-consentkit-data-src=/own>"
    )


@pytest.mark.parametrize(
    ("urls", "whose"),
    [
        ("//v.test/x //m.test/x //t.test/x", "m"),
        ("//v.test/x //t.test/x", "t"),
        ("//v.test/x //w.test/x", "own"),
        ("//m.test/x //nobodys.test/x", "u"),
        ("//m.test/x //x.test%/ //ok.test/x", "m"),
    ],
)
def test_of_several_services_the_strictest_one_decides(urls: str, whose: str) -> None:
    srcset = ", ".join(f"{url} {place}x" for place, url in enumerate(urls.split(), 1))
    assert verdicts().tag(f"<img srcset='{srcset}'>".encode()).service == whose
    attributes = urls.split()
    tag = f"<img src={attributes[0]} srcset='{attributes[-1]} 2x' data-src={attributes[1]}>".encode()
    assert verdicts().tag(tag).service == whose or len(attributes) > 2


def test_what_passes_is_counted_once_each() -> None:
    tag = b"<img src=//a.test/1 srcset='//a.test/2 1x, //login.test/x 2x, //allowed.test/y 3x, /own 4x'>"
    assert verdicts().tag(tag).seen == (
        ("undeclared", "a.test"),
        ("passed", "login"),
        ("passed", "allowed.test"),
    )
    assert verdicts().tag(b"<script src=//a.test/x>") == Verdict(
        seen=(("undeclared", "a.test"),), runs_in_svg=True
    )


def test_in_strict_mode_a_host_that_nobody_declared_is_blocked_by_its_name() -> None:
    verdict = verdicts(STRICT).tag(b"<script src=//a.test/x>")
    assert verdict.service == "?a.test"
    assert verdict.seen == (("blocked", "a.test"),)
    assert verdicts(STRICT).tag(b"<script src=//own.test/x>").service is None
    assert verdicts(STRICT).tag(b"<img src=//m.test/x srcset='//a.test/y 2x'>").service == "?a.test"


@pytest.mark.parametrize(
    ("tag", "runs"),
    [
        (b"<script>", (True, True)),
        (b"<script src=/own>", (False, True)),
        (b"<script href=/own>", (True, False)),
        (b"<script type=text/plain>", (False, False)),
        (b"<script type=module async>", (True, True)),
        (b"<img>", (False, False)),
    ],
)
def test_a_body_is_only_asked_for_where_it_would_run(tag: bytes, runs: tuple[bool, bool]) -> None:
    verdict = verdicts().tag(tag)
    assert (verdict.runs_in_html, verdict.runs_in_svg) == runs


def test_an_inline_script_is_blocked_by_its_marks() -> None:
    assert verdicts().inline(b"<script>", b"other(1)") is UNTOUCHED
    assert rewritten(b"<script>", verdicts().inline(b"<script>", b"track(1)")) == (
        b'<script data-consentkit="t" type="text/plain">'
    )


# What a URL carries within itself.

XHTML = '<x xmlns="http://www.w3.org/1999/xhtml">'


def framed(kind: str, document: bytes) -> bytes:
    return f"<iframe src='data:{kind};base64,{b64encode(document).decode()}'>".encode()


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/XML", "text/xsl", "application/rss+xml", "image/svg+xml"]
)
def test_every_type_of_document_that_a_url_carries_is_read(kind: str) -> None:
    tag = framed(kind, XHTML.encode() + b'<img src="https://t.test/a"/></x>')
    assert verdicts().tag(tag).service == "t"
    assert verdicts().tag(framed(kind, XHTML.encode() + b'<img src="/a"/></x>')) is UNTOUCHED
    assert verdicts(STRICT).tag(framed(kind, XHTML.encode() + b"</x>")).service is None


@pytest.mark.parametrize(
    ("xml", "service"),
    [
        (b'<?xml-stylesheet href="https://t.test/a" type="text/css"?><x/>', "t"),
        (b'<h:img xmlns:h="http://www.w3.org/1999/xhtml" src="https://t.test/a"/>', "t"),
        (b'<h:img xmlns:h="http://www.w3.org/1999/xhtml" src="ht&#x74;ps:&#47;&#10;/t.test/a"/>', "t"),
        (b'<x><![CDATA[ > <!-- ]]><h:img src="https://t.test/a"/></x>', "t"),
        (b'<x><style><img src="https://t.test/a"/></style></x>', "t"),
        (b"<x><h:script>tr&#97;ck(1)</h:script></x>", "t"),
        (b'<x><![CDATA[ > <!-- ]]><h:p onclick="track(1)"/></x>', "t"),
        (b"<x><!--<script></script>--><h:script>track(1)</h:script></x>", "t"),
        (b'<!DOCTYPE x [<!ENTITY y "&#60;i/>">]><x>&y;</x>', ""),
        (b'<x xmlns:t="https://t.test/"/>', None),
        (b"<x>track (1) //x</x>", None),
    ],
)
def test_xml_that_a_url_carries_is_blocked_by_whatever_it_names(xml: bytes, service: str | None) -> None:
    assert verdicts().tag(framed("text/xml", xml)).service == service


@pytest.mark.parametrize(
    "charset", ["utf-16le", "UTF-16BE", "utf-16", "'unicode'", "csunicode", "iso-2022-jp", "utf-7"]
)
def test_what_a_url_carries_in_an_encoding_that_cannot_be_read_is_blocked_for_good(charset: str) -> None:
    kind = f"text/%s;charset={charset}".replace("'", "&quot;")
    assert verdicts().tag(framed(kind % "html", b"x")).service == ""
    assert verdicts().tag(framed(kind % "javascript", b"x").replace(b"iframe", b"script")).service == ""
    sheet = framed(kind % "css", b"x").replace(b"iframe", b"link rel=stylesheet").replace(b"src", b"href")
    assert verdicts().tag(sheet).service == ""


@pytest.mark.parametrize(
    "document",
    [
        "<img src=https://t.test/a>".encode("utf-16le"),
        "<img src=https://t.test/a>".encode("utf-16"),
        b"<meta charset=iso-2022-jp>\x1b$B<img src=//t.test/x>",
        b"\x1b(J<p>",
    ],
)
def test_what_a_url_carries_is_not_read_as_what_it_is_not(document: bytes) -> None:
    assert verdicts().tag(framed("text/html", document)).service == ""


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "unicode-1-1-utf-8", "us-ascii", "windows-1252"])
def test_what_a_url_carries_in_an_ordinary_encoding_is_read(charset: str) -> None:
    assert verdicts().tag(framed(f"text/html;charset={charset}", b"<img src=/own>")) is UNTOUCHED
    assert verdicts().tag(framed(f"text/html;charset={charset}", b"<img src=//t.test>")).service == "t"


# Bases.


@pytest.mark.parametrize(
    "tag",
    [
        b"<img src=x.png>",
        b"<img src=/x.png>",
        b"<img srcset='x.png 2x'>",
        b"<script src=?x>",
        b"<p style='background:url(x.png)'>",
        b"<iframe srcdoc='<img src=x.png>'>",
        b"<link rel=preload href=x>",
    ],
)
def test_a_base_says_whose_a_relative_address_is(tag: bytes) -> None:
    assert verdicts().tag(tag).service is None
    assert verdicts().based("//t.test/a/").tag(tag).service == "t"
    assert verdicts().based("https://a.test/").tag(tag).service is None


def test_a_base_changes_nothing_for_whole_addresses_and_fragments_of_sheets_follow_it() -> None:
    based = verdicts().based("https://cdn.test/m/")
    assert based.tag(b"<img src=//t.test/x>").service == "t"
    assert based.tag(b"<img src=https://login.test/x>").service is None
    assert based.tag(b"<img src=x.png>").service == "m"
    assert based.tag(b"<img src=/x.png>").service is None
    assert based.style(b"<style>", b"@import 'x.css'").service == "m"
    assert based.style(b"<style>", b"@import '/x.css'").service is None


def test_a_document_in_an_attribute_may_have_a_base_of_its_own() -> None:
    based = verdicts().based("https://cdn.test/m/")
    tag = b"<iframe srcdoc='<base href=https://cdn.test/other/><img src=x.png>'>"
    assert based.tag(tag).service is None


@pytest.mark.parametrize(
    "href",
    ["", "/app/", "x/", "#", "data:text/html,x", "javascript:x", "https://", "https://a b/", "about:blank"],
)
def test_a_base_that_is_relative_invalid_or_of_another_scheme_changes_nothing(href: str) -> None:
    plain = verdicts()
    assert plain.based(href) is plain


def test_a_base_is_counted_by_its_host_and_its_author_moves_nothing() -> None:
    assert verdicts().tag(b"<base href=https://a.test/>") == Verdict(seen=(("undeclared", "a.test"),))
    assert verdicts().tag(b"<base href=https://t.test/ data-category=analytics>") is UNTOUCHED
    assert verdicts().tag(b"<base href=/x/>") is UNTOUCHED


def test_a_base_where_nothing_is_blocked_changes_nothing() -> None:
    plain, strict = verdicts(), verdicts(STRICT)
    assert plain.based("https://a.test/x/") is plain
    assert plain.based("https://cdn.test/") is not plain
    assert plain.based("https://allowed.test/") is not plain
    assert strict.based("https://static.own.test/") is strict
    assert strict.based("https://a.test/").tag(b"<img src=x>").service == "?a.test"
    based = plain.based("https://cdn.test/m/")
    assert based.based("https://a.test/").tag(b"<img src=x>").service is None


@pytest.mark.parametrize(
    ("script", "whose"),
    [
        (b'import "./a.js"', "m"),
        (b'export * from "../m/a.js"', "m"),
        (b"import('/m/a.js')", "m"),
        (b"import('../a.js')", None),
        (b'import "//t.test/a.js"', "t"),
        (b'import "bare"', None),
    ],
)
def test_a_module_s_relative_imports_follow_the_base(script: bytes, whose: str | None) -> None:
    assert verdicts().based("https://cdn.test/m/").inline(b"<script type=module>", script).service == whose
    assert (verdicts().inline(b"<script type=module>", script).service == "t") is (whose == "t")


def test_a_document_in_an_attribute_is_blocked_by_the_strictest_in_it_or_counted() -> None:
    blocked, passed = Rewriter(RULES, b""), Rewriter(RULES, b"")
    blocked.feed(b"<iframe srcdoc='<img src=//v.test/x><img src=//m.test/x><img src=//a.test/x>'>")
    assert blocked.blocked == {"m"}
    assert blocked.seen == {("blocked", "m")}
    passed.feed(b"<iframe srcdoc='<img src=//b.test/x><img src=//login.test/x>'><iframe srcdoc=x>")
    assert passed.seen == {("passed", "login"), ("undeclared", "b.test")}


def test_verdicts_of_a_base_are_made_once_and_a_base_may_be_relative_to_another() -> None:
    plain = verdicts()
    assert plain.based("//t.test/") is plain.based("//t.test/")
    inner = plain.based("https://cdn.test/m/").based("../other/")
    assert inner.tag(b"<img src=x.png>").service is None
    for number in range(50):
        plain.based(f"https://a{number}.test/")
    assert plain.based("//t.test/").tag(b"<img src=x>").service == "t"


# Stylesheets.


def test_a_sheet_that_fetches_from_a_tracker_is_inert_as_a_whole() -> None:
    tag = b"<style media=screen type='text/css'>"
    verdict = verdicts().style(tag, b"a{b:c} d{background:url(//t.test/x)}")
    assert verdict.service == "t"
    assert rewritten(tag, verdict) == (
        b'<style data-consentkit="t" type="text/plain" media=screen data-consentkit-type=\'text/css\'>'
        b"@consentkit blocked;"
    )


def test_a_sheet_is_counted_by_what_it_fetches() -> None:
    sheet = b"@import '//a.test/x';b{c:url(//login.test/x)}d{e:url(/own)}"
    assert verdicts().style(b"<style>", sheet) == Verdict(
        seen=(("undeclared", "a.test"), ("passed", "login"))
    )
    assert verdicts().style(b"<style>", b"a{b:url(/own)} c{content:'//t.test'}") is UNTOUCHED
    assert verdicts().style(b"<style>", b"a{b:url(//t.test/x),url(//m.test/x)}").service == "m"


def test_a_sheet_within_a_sheet_is_read_and_one_too_deep_is_blocked_for_good() -> None:
    once = "@import 'data:text/css,@import %22//t.test/x%22'"
    assert verdicts().style(b"<style>", once.encode()).service == "t"
    deep = "data:text/css,a{b:c}"
    for _ in range(3):
        deep = "data:text/css,@import%20%22" + deep.replace("%", "%25").replace('"', "%22") + "%22"
    assert verdicts().style(b"<style>", f"@import '{deep}'".encode()).service == ""


def test_sheets_are_remembered_within_bounds() -> None:
    one = verdicts()
    for number in range(40):
        sheet = b"a{b:url(//t.test/%d)}" % number + b" " * (1 << 17)
        assert one.style(b"<style>", sheet).service == "t"
        assert one.style(b"<style>", sheet).service == "t"


# What is remembered.


@pytest.mark.parametrize(
    "tag",
    [b"<script nonce='%s' src=//t.test/x>", b'<script async nonce="%s">', b'<link nonce="%s" rel=icon>'],
)
def test_a_nonce_that_differs_in_every_answer_changes_nothing_else(tag: bytes) -> None:
    one = verdicts()
    for nonce in NONCES:
        whole = tag % nonce
        assert one.tag(whole) == verdicts().tag(whole)
    assert len(one._remembered) <= 2, "one for each length"


def test_what_only_looks_like_a_nonce_is_read_for_what_it_is() -> None:
    one = verdicts()
    first = b"<img alt=' nonce=\"abcdefgh\"' src='//t.test/x'>"
    second = b"<img src=' nonce=\"12345678\"' alt='//t.test/x'>"
    third = b"<script nonce='t.test/x' src=//ok.test/>"
    assert [one.tag(tag).service for tag in (first, second, third)] == ["t", None, None]
    assert [one.tag(tag).service for tag in (first, second, third)] == ["t", None, None]
    code = b"<img onload=' nonce=\"%s\"'>"
    assert [one.tag(code % word).service for word in (b"otherword", b"wordmarks")] == [None, "t"]
    a, b = (b"<p style='background:url(//%s/ nonce=\"abcdefgh\")'>" % host for host in (b"t.test", b"m.test"))
    assert (one.tag(a).service, one.tag(b).service) == (None, None), "a quote spoils an unquoted URL"


def test_tags_are_remembered_within_bounds() -> None:
    one = verdicts()
    for number in range(10_000):
        assert one.tag(b"<img src=//t.test/%d>" % number).service == "t"
    assert len(one._remembered) <= one._ENTRIES
    assert one.tag(b"<img src=//t.test/1>") == verdicts().tag(b"<img src=//t.test/1>")


# What is too long.


@pytest.mark.parametrize(
    ("head", "cut", "service"),
    [
        (b"<img alt=x>", b" src='data:x", None),
        (b"<img alt=x>", b" src='//x", ""),
        (b"<img alt=x>", b" alt='//x", None),
        (b"<img src=//t.test/x>", b" alt='//x", "t"),
        (b"<img src=//t.test/x>", b" srcset='//x", ""),
        (b"<script>", b" x=y", ""),
        (b"<video>", b" data-src='//x", ""),
    ],
)
def test_a_tag_too_long_to_hold_is_judged_by_what_there_is(
    head: bytes, cut: bytes, service: str | None
) -> None:
    assert verdicts().oversize(head, cut).service == service


def test_a_stylesheet_whose_tag_is_too_long_to_hold_is_blocked_for_good_within_its_tag() -> None:
    tag = b"<style type=text/css id=x>"
    verdict = verdicts().oversize(tag, b'title="xx')
    assert verdict.service == ""
    assert rewritten(tag, verdict) == (
        b'<style data-consentkit="" type="text/plain" data-consentkit-type=text/css id=x>'
    )


def test_what_cannot_be_decided_is_not_counted_by_a_name() -> None:
    assert condemned(b"<script>", "").seen == ()
    assert condemned(b"<script>", "?a.test").seen == (("blocked", "a.test"),)
    assert condemned(b"<script>", "@analytics").seen == ()


# Scripts in svg.


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"track(1)", b"track(1)"),
        (b"tr&#97;ck&lpar;1)", b"track(1)"),
        (b"tr<!-- x -->ack<!-- y --!>(1)", b"track(1)"),
        (b"tr<b>ack</b>(1)<br/>", b"track(1)"),
        (b"<![CDATA[a && b < c; track(1)]]>", b"a && b < c; track(1)"),
        (b"x<![CDATA[tr]]>ack(1)", b"xtrack(1)"),
        (b"<![CDATA[&amp;", b"&amp;"),
        (b"<!-- ", b""),
        (b"a < b", b"a < b"),
        (b"<?x track(1)?>ok", b"ok"),
        (b"", b""),
    ],
)
def test_the_text_of_a_script_in_svg_is_what_its_markup_leaves(body: bytes, text: bytes) -> None:
    assert decoded(body) == text


# What is passed at a glance is what a longer look passes.


@pytest.mark.parametrize(
    ("tag", "service"),
    [
        (b"<link rel=canonical href=//t.test/x>", None),
        (b"<LINK href=//t.test/x REL='Canonical'>", None),
        (b"<link rel='alternate stylesheet' href=//t.test/x>", "t"),
        (b"<link rel=alternate rel=stylesheet href=//t.test/x>", "t"),
        (b"<link title=' rel=me ' rel =icon href=//t.test/x>", "t"),
        (b"<link title=' rel=me ' href=//t.test/x>", None),
        (b"<link rel=me&#32;icon href=//t.test/x>", "t"),
        (b"<link rel=canonical style='background:url(//t.test/x)'>", "t"),
        (b"<link rel=canonical onload='track(1)'>", "t"),
        (b"<meta name=x content='0;url=//t.test/x' http-equiv=refresh>", "t"),
        (b"<meta name=refresh content='0;url=//t.test/x'>", None),
        (b"<input type=text src=//t.test/x>", None),
        (b"<input src=//t.test/x type='&#105;mage'>", "t"),
        (b"<input type=image src=//t.test/x>", "t"),
        (b"<input onfocus=track(1)>", "t"),
    ],
)
def test_a_glance_and_a_long_look_agree(tag: bytes, service: str | None) -> None:
    assert verdicts().tag(tag).service == service
    assert verdicts()._judge(tag, None).service == service


PLAIN_TAGS = [
    b"<img src=%s>",
    b'<img alt="x" src="%s" width=1>',
    b'<img src="%s"/>',
    b"<img SRC=%s alt='//t.test/'>",
    b'<script async src="%s" type=module>',
    b'<script src="%s" language="JavaScript" nomodule>',
    b'<script type="text/plain" src="%s">',
    b'<script src="%s" type="text/javascript" type="text/plain">',
    b'<link rel="stylesheet" href="%s">',
    b'<link href="%s" media="all" rel="shortcut icon"/>',
    b'<link rel="preconnect" href="%s">',
    b'<link rel="canonical" href="%s">',
    b'<link href="%s" rel="alternate" hreflang=de>',
    b'<link rel="stylesheet" rel="canonical" href="%s">',
    b'<link title=" rel="stylesheet" href="%s">',
    b'<use xlink:href="#x" href=%s>',
    b'<use href="%s" class=x>',
    b'<input type="image" src="%s">',
    b'<input type="text\' src="%s" value=" type=image ">',
    b'<meta name=x content="%s">',
    b"<script>",
    b'<script language="javascript" id=x>',
    b'<script type="text/template" id=x>',
    b'<script type="text/template" type="text/javascript" src="%s">',
    b"<script src='%s' type=text/JavaScript>",
    b"<iframe width=1 src='%s' style='border:0'>",
    b'<iframe src="%s" srcdoc="">',
    b"<link rel='icon apple-touch-icon' href='%s'>",
    b"<link rel='me icon' href=%s>",
    b"<link rel=iconic href=%s>",
    b"<meta http-equiv=refreshing content='0;%s'>",
    b'<img src="%s\' src="//t.test/">',
    b'<img src="%s" onclick=track(1) style="background:url(//t.test/)">',
    b"<img style=\"background:red\" src='%s'onerror=track(1)>",
    b"<img src=' %s ' onclicks='track(1)'>",
    b"<IMG SRC='%s' ALT=X>",
]
PLAIN_URLS = [
    b"//t.test/x",
    b"https://a.test/x?y=//t.test",
    b"//a.test",
    b"//a.test@t.test/",
    b"//a.test:80@t.test/",
    b"//a.test\\@t.test/",
    b"//a.test&sol;x",
    b"//login.test/x#y",
    b"//cdn.test/m/x",
    b"//cdn.test/x",
    b"//allowed.test/x",
    b"//sub.a.test/",
    b"/\t/t.test/x",
    b"/x",
    b"../x",
    b"x.png",
    b"javascript:track(1)",
    b"t.test:x",
    b"https:/t.test/x",
    b"https:t.test",
    b" //t.test/",
    b"#x",
    b"",
    b"//A.test/",
    b"//T.TEST/",
    b"data:image/png,//t.test/",
    b"data:imagery",
    b"//a.test/ x",
    b"/x onload=track(1) y=",
]


@pytest.mark.parametrize("tag", PLAIN_TAGS)
@pytest.mark.parametrize("base", ["", "https://t.test/", "https://cdn.test/m/"])
@pytest.mark.parametrize("rules", [RULES, STRICT])
def test_a_glance_says_what_a_longer_look_says(tag: bytes, base: str, rules: Whose) -> None:
    for url in PLAIN_URLS:
        one = tag.replace(b"%s", url)
        glancing, looking = verdicts(rules).based(base), verdicts(rules).based(base)
        for again in (one, one.replace(b">", b" class=again>")):
            assert glancing.tag(again) == looking._judge(again, None), again


ELEMENTS = [b"<img", b"<script", b'<link rel="icon"', b"<link", b"<meta", b"<input", b"<use", b"<iframe"]


@pytest.mark.parametrize("element", ELEMENTS)
def test_no_attribute_that_loads_or_marks_is_passed_over_at_a_glance(element: bytes) -> None:
    names = {name for kinds in TABLES.values() for name in kinds} | {b"onload", b"is", b"rel", b"http-equiv"}
    names |= {tool.attribute.encode() for tool in ALIASES.values()} | {b"data-category", b"data-service"}
    names |= {name.encode() for tool in ALIASES.values() for name in tool.sources}
    glancing = verdicts(Whose(SERVICES, aliases=ALIASES))
    values = [b"https://t.test/", b"url(//t.test/)", b"track(1)", b"analytics", b"t", b"icon", b"refresh"]
    tails = [b"", b' src="https://a.test/"', b' href="https://a.test/"', b" type=image content='0;//t.test/'"]
    # What is said by the class is looked for apart.
    for name, value, tail in product(names - {b"class"}, values, tails):
        for tag in (
            b'%s %s="%s"%s>' % (element, name, value, tail),
            b"%s%s %s=%s>" % (element, tail, name, value),
        ):
            assert glancing.tag(tag) == glancing._judge(tag, None), tag
            assert glancing.tag(tag.upper()) == glancing._judge(tag.upper(), None), tag
