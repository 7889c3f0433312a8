"""What authors say about their elements, in our own words and in those of other tools."""

import re

import pytest
from sample import service

from consentkit.gate.markup import Rewriter
from consentkit.gate.markup.verdicts import Verdict, Verdicts
from consentkit.policy.aliases import ALIASES
from consentkit.policy.whose import Whose

SERVICES = [
    service("t", "t.test", inline=("track(",), category="analytics"),
    service("google-tag-manager", "gtm.test", category="marketing"),
    service("youtube", "yt.test", category="marketing"),
    service("login", "login.test", category="necessary"),
]
KNOWN = [service("nobodys", "undeclared.test", category="marketing")]


def verdicts(*aliases: str, strict: bool = False) -> Verdicts:
    rules = Whose(SERVICES, KNOWN, aliases=aliases, strict=strict)
    return Verdicts(rules.at("own.test"), lambda html: None)


def inserted(tag: bytes, verdict: Verdict) -> bytes:
    out, done = b"", 0
    for at, text in verdict.edits:
        out, done = out + tag[done:at] + text, at
    return out + tag[done:]


# data-category="necessary".


@pytest.mark.parametrize(
    "tag",
    [
        b"<script src=//t.test/x data-category=necessary>",
        b"<script src=//t.test/x data-category=' NECESSARY '>",
        b"<iframe src=//t.test/x data-category=necessary>",
        b"<link rel=preconnect href=//t.test data-category=necessary>",
        b"<img srcset='//t.test/x 2x' data-category=necessary>",
    ],
)
def test_what_its_author_needs_passes_and_is_counted_as_overridden(tag: bytes) -> None:
    verdict = verdicts().tag(tag)
    assert (verdict.service, verdict.edits, verdict.necessary) == (None, (), True)
    assert verdict.seen == (("overridden", "t"),)


def test_nothing_is_overridden_where_nothing_would_have_been_blocked() -> None:
    verdict = verdicts().tag(b"<script src=/own.js data-category=necessary>")
    assert verdict.necessary
    assert verdict.seen == ()


def test_a_strange_host_let_through_by_its_author_is_named() -> None:
    tag = b"<script src=//cdn.test/x data-category=necessary>"
    assert verdicts(strict=True).tag(tag).seen == (("overridden", "cdn.test"),)


# A category that visitors are asked about.

GOVERNED = {
    b"<script data-category=analytics>": ("@analytics", ()),
    b"<script src=/own.js data-category=analytics>": ("@analytics", ()),
    b"<script src=//cdn.test/x.js data-category=marketing>": ("@marketing", ()),
    b"<img src=/pixel.gif data-category=preferences>": ("@preferences", ()),
    b"<iframe src=/own data-category=Analytics>": ("@analytics", ()),
    b"<link rel=stylesheet href=/x.css data-category=marketing>": ("@marketing", ()),
    # The declared category is the same: the service's own name says more.
    b"<script src=//t.test/x data-category=analytics>": ("t", (("blocked", "t"),)),
    # A known tracker is moved.
    b"<script src=//t.test/x data-category=marketing>": ("@marketing", (("overridden", "t"),)),
    b"<script src=//undeclared.test/x data-category=marketing>": (
        "@marketing",
        (("overridden", "nobodys"),),
    ),
    # By the name of a service.
    b"<script src=/own.js data-service=youtube>": ("youtube", (("blocked", "youtube"),)),
    b"<script data-service=youtube>": ("youtube", (("blocked", "youtube"),)),
    b"<img src=//t.test/x data-service=youtube>": (
        "youtube",
        (("blocked", "youtube"), ("overridden", "t")),
    ),
    b"<img src=//yt.test/x data-service=google-tag-manager>": (
        "google-tag-manager",
        (("blocked", "google-tag-manager"),),
    ),
    b"<img src=/x data-category=analytics data-service=youtube>": ("youtube", (("blocked", "youtube"),)),
}


@pytest.mark.parametrize(("tag", "expected"), GOVERNED.items())
def test_the_authors_category_governs_an_element_that_would_load(
    tag: bytes, expected: tuple[str, tuple[tuple[str, str], ...]]
) -> None:
    verdict = verdicts().tag(tag)
    assert (verdict.service, verdict.seen) == expected
    assert not verdict.runs_in_html
    assert f'data-consentkit="{expected[0]}"'.encode() in inserted(tag, verdict)
    assert re.search(
        rb"[ -](?:src|href)=", inserted(tag, verdict)
    ) is None or b"data-consentkit-" in inserted(tag, verdict)


INERT = [
    b"<script type=text/plain data-category=analytics src=//t.test/x>",
    b"<script type=text/plain data-category=analytics>",
    b"<script type='module-x' data-category=analytics src=//t.test/x>",
    b"<iframe data-src=//t.test/x data-category=analytics>",
    b"<iframe src=about:blank data-src=//t.test/x data-category=analytics>",
    b"<img src='data:,' data-src=//t.test/x data-category=analytics>",
    b"<img src=/wait.gif data-src=//t.test/x data-category=marketing>",
    b"<img data-src=//t.test/x data-service=t>",
    b"<img alt=x data-category=analytics>",
    b"<link rel=canonical href=/x data-category=analytics>",
    b"<input src=/x data-category=analytics>",
    b"<video data-category=analytics>",
]


@pytest.mark.parametrize("tag", INERT)
def test_what_its_author_made_inert_stays_as_it_is(tag: bytes) -> None:
    verdict = verdicts().tag(tag)
    assert (verdict.service, verdict.edits) == (None, ())


@pytest.mark.parametrize(
    "mark", [b"data-category=shoes", b"data-category=''", b"data-service=nobodys", b"data-service=login"]
)
def test_a_mark_of_which_the_policy_knows_nothing_neither_blocks_nor_allows(mark: bytes) -> None:
    assert verdicts().tag(b"<img src=/own.png " + mark + b">").service is None
    assert verdicts().tag(b"<script " + mark + b">").runs_in_html
    assert verdicts().tag(b"<script src=//t.test/x " + mark + b">").service == "t"
    assert verdicts().tag(b"<img data-src=//t.test/x " + mark + b">").service == "t"


def test_a_tracker_behind_a_placeholder_is_blocked_all_the_same() -> None:
    verdict = verdicts().tag(b"<img src=//t.test/x data-src=/own data-category=analytics>")
    assert verdict.service == "t"


def test_what_cannot_be_decided_stays_so_whatever_its_author_says() -> None:
    tag = b"<iframe data-category=analytics srcdoc=x>"
    assert Verdicts(Whose(SERVICES), lambda html: (frozenset(("",)), frozenset())).tag(tag).service == ""


# Other tools.

READ = {
    ("cookiebot", b"<script type=text/plain data-cookieconsent=statistics>"): b' data-category="analytics"',
    ("cookiebot", b"<script type=text/plain data-cookieconsent='Statistics, marketing'>"): (
        b' data-category="analytics" data-service="@marketing"'
    ),
    ("cookiebot", b"<script type=text/plain data-cookieconsent=necessary>"): b' data-category="necessary"',
    ("cookiebot", b"<script type=text/plain data-cookieconsent='necessary,statistics'>"): (
        b' data-category="analytics"'
    ),
    ("cookiebot", b"<iframe data-cookieblock-src='//t.test/x?a&amp;b' data-cookieconsent=marketing>"): (
        b' data-category="marketing" data-src="//t.test/x?a&amp;b"'
    ),
    ("onetrust", b"<script type=text/plain class=optanon-category-C0002>"): b' data-category="analytics"',
    ("onetrust", b"<script type=text/plain class='a optanon-category-C0003 b'>"): (
        b' data-category="preferences"'
    ),
    ("onetrust", b"<script type=text/plain class=optanon-category-C0004-C0005>"): (
        b' data-category="marketing"'
    ),
    ("onetrust", b"<script type=text/plain class=optanon-category-C0002-C0004>"): (
        b' data-category="analytics" data-service="@marketing"'
    ),
    ("onetrust", b"<iframe class=optanon-category-C0004 data-src=//t.test/x>"): b' data-category="marketing"',
    ("klaro", b"<script type=text/plain data-type=text/javascript data-name=youtube>"): (
        b' data-category="marketing" data-service="youtube"'
    ),
    ("onetrust", b"<script type=text/plain class=optanon-category-4>"): b' data-category="marketing"',
    ("klaro", b"<script type=opt-in data-type=text/javascript data-name=youtube>"): (
        b' data-category="marketing" data-service="youtube" type="text/plain"'
    ),
    # Its services have names for people, and many a site's categories others than ours.
    ("vanilla-cookieconsent", b"<script type=text/plain data-category=ads data-service='Ad Words'>"): (
        b' data-category="marketing" data-service="@marketing"'
    ),
    # To run where that is refused: nothing here does.
    ("vanilla-cookieconsent", b"<script type=text/plain data-category=!ads>"): None,
    ("cookieconsent", b"<script type=text/plain data-cookiecategory=targeting>"): (
        b' data-category="marketing"'
    ),
    ("cookieyes", b"<script type=text/plain data-cookieyes=cookieyes-advertisement>"): (
        b' data-category="marketing"'
    ),
    ("complianz", b"<script type=text/plain data-category=statistics data-service=matomo>"): (
        b' data-category="analytics" data-service="@analytics"'
    ),
    ("complianz", b"<iframe data-category=marketing-x data-src-cmplz=//t.test/x>"): None,
    ("complianz", b"<iframe data-category=statistics data-src-cmplz=//t.test/x>"): (
        b' data-category="analytics" data-src="//t.test/x"'
    ),
    # The element's own data-service and data-category come behind what is put in.
    ("complianz", b"<script type=text/plain data-service=t data-category=statistics>"): (
        b' data-category="analytics"'
    ),
    ("complianz", b"<script type=text/plain data-service=t data-category=marketing>"): b"",
    ("complianz", b"<script type=text/plain data-service=youtube data-category=statistics>"): (
        b' data-category="analytics"'
    ),
    (
        "complianz",
        b"<iframe src=about:blank data-category=marketing data-service=youtube data-src-cmplz=//yt.test/x>",
    ): b' data-src="//yt.test/x"',
    ("complianz", b"<iframe data-category=marketing data-service=vimeo data-src-cmplz=//t.test/x>"): (
        b' data-service="@marketing" data-src="//t.test/x"'
    ),
    ("cookiebot", b"<iframe data-service=youtube data-cookieconsent=marketing data-cookieblock-src=//y>"): (
        b' data-src="//y"'
    ),
    ("cookiebot", b"<script type=text/plain data-service=youtube data-category=Statistics>"): (
        b' data-category="marketing"'
    ),
    ("usercentrics", b"<script type=text/plain data-usercentrics='Google Tag Manager'>"): (
        b' data-category="marketing" data-service="google-tag-manager"'
    ),
    ("usercentrics", b"<script type=text/plain data-usercentrics='Something Else'>"): None,
    ("iubenda", b"<script type=text/plain class=_iub_cs_activate data-iub-purposes=4>"): (
        b' data-category="analytics"'
    ),
    ("iubenda", b"<img data-suppressedsrc=//t.test/x data-iub-purposes='4, 5'>"): (
        b' data-category="analytics" data-service="@marketing" data-src="//t.test/x"'
    ),
    ("didomi", b"<script type=didomi/javascript data-vendor=c:youtube>"): (
        b' data-category="marketing" data-service="youtube" type="text/plain"'
    ),
    ("didomi", b"<script type=didomi/javascript data-vendor=c:youtube-Xy12>"): (
        b' data-category="marketing" data-service="youtube" type="text/plain"'
    ),
    ("cookie-consent-bundle", b"<iframe data-consent-category=marketing data-consent-src=//t.test/x>"): (
        b' data-category="marketing" data-src="//t.test/x"'
    ),
    ("probo", b"<iframe data-cookie-consent=marketing data-src=//t.test/x>"): b' data-category="marketing"',
    ("biscuitman", b"<script type=text/plain data-consent=analytics>"): b' data-category="analytics"',
    # Nobody is asked about these, or about all of them at once.
    ("cookiebot", b"<script type=text/plain data-cookieconsent=unclassified>"): None,
    ("cookiebot", b"<script type=text/plain data-cookieconsent='statistics,marketing,preferences'>"): None,
    ("onetrust", b"<script type=text/plain class=optanon-category-C0099>"): None,
}


@pytest.mark.parametrize(("case", "expected"), READ.items())
def test_another_tools_mark_on_what_is_inert_is_said_in_our_words(
    case: tuple[str, bytes], expected: bytes | None
) -> None:
    tool, tag = case
    verdict = verdicts(tool).tag(tag)
    assert verdict.service is None
    end = re.match(rb"<\w+", tag)
    assert end is not None
    assert verdict.edits == (((end.end(), expected),) if expected else ())


@pytest.mark.parametrize("case", [case for case in READ if b"data-category" not in case[1]])
def test_marks_of_a_tool_that_the_policy_does_not_name_say_nothing(case: tuple[str, bytes]) -> None:
    others = [name for name in ALIASES if name != case[0]]
    verdict = verdicts(*others).tag(case[1])
    assert all(text == b"data-consentkit-" or b"data-consentkit=" in text for _, text in verdict.edits)


def test_every_tool_has_an_example_here() -> None:
    assert {tool for tool, _ in READ} == set(ALIASES)


def test_another_tools_mark_on_what_would_load_blocks_it() -> None:
    assert verdicts("cookiebot").tag(b"<script src=/x data-cookieconsent=statistics>").service == "@analytics"
    tag = b"<script data-cookieconsent='statistics,marketing'>"
    verdict = verdicts("cookiebot").tag(tag)
    assert inserted(tag, verdict) == (
        b'<script data-consentkit="@analytics" type="text/plain" data-category="analytics"'
        b" data-service=\"@marketing\" data-cookieconsent='statistics,marketing'>"
    )
    assert verdicts("klaro").tag(b"<script src=/x data-name=youtube>").service == "youtube"


def test_what_another_tool_never_blocks_is_not_blocked() -> None:
    verdict = verdicts("cookiebot").tag(b"<script src=//t.test/x data-cookieconsent=ignore>")
    assert verdict.necessary
    assert verdict.seen == (("overridden", "t"),)
    assert verdicts("complianz").tag(b"<script src=//t.test/x data-category=functional>").necessary
    assert verdicts().tag(b"<script src=//t.test/x data-cookieconsent=ignore>").service == "t"


def test_our_own_mark_goes_before_another_tools() -> None:
    tag = b"<script data-category=analytics data-cookieconsent=ignore>"
    assert verdicts("cookiebot").tag(tag).service == "@analytics"


def test_a_value_cannot_end_the_attribute_it_is_copied_to() -> None:
    tag = b"<iframe data-cookieconsent=marketing data-cookieblock-src='x\"onload=\"y&quot;&amp;quot;'>"
    verdict = verdicts("cookiebot").tag(tag)
    assert verdict.edits[0][1].endswith(b' data-src="x&quot;onload=&quot;y&quot;&amp;quot;"')


def test_a_page_keeps_every_byte_beside_the_marks() -> None:
    rewriter = Rewriter(Whose(SERVICES, aliases=("onetrust",)), b"")
    page = b"<p><script type=text/plain class=optanon-category-C0002 src=//t.test/x></script><p>"
    out = rewriter.feed(page) + rewriter.close()
    assert out == page.replace(b"<script", b'<script data-category="analytics"')
