import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.gate.markup.css import urls

FETCHED = {
    "a{b:url(x)}": ["x"],
    "a{b:URL( x )}": ["x"],
    "a{b:url('x')}": ["x"],
    'a{b:url(\n"x")}': ["x"],
    "a{b:url(//x) no-repeat, url('y')}": ["//x", "y"],
    "a{b:url()}": [""],
    "@import 'x';": ["x"],
    '@IMPORT"x" layer(a) screen;@import \'y\'': ["x", "y"],
    "@import/* c */url(x) screen;": ["x"],
    "@import /**/ 'x'": ["x"],
    "@media print{a{b:url(x)}}": ["x"],
    "@font-face{src:url(x) format('woff2'),local('y'),url(z)}": ["x", "z"],
    "a{b:image-set('x' 1x, url(y) 2x, 'z' type('image/png'), url('w') 3x)}": ["x", "y", "z", "w"],
    "a{b:image-set(url('x') 1x, 'y' 2x)}": ["x", "y"],
    "a{b:-webkit-image-set(url(x) 1x)}c{d:url(y)}": ["x", "y"],
    "a{b:image-set(linear-gradient(red, blue) 1x, 'x' 2x)} @import 'y'": ["x", "y"],
    "a{b:src('x')}": ["x"],
    "a{b:cross-fade(url(x), url(y))}": ["x", "y"],
    "a{--b:url(x)}": ["x"],
    "background:url(x)": ["x"],
    # Escapes, in names as in values.
    r"a{b:\75rl(x)}": ["x"],
    r"a{b:u\72 l(x)}": ["x"],
    r"a{b:\000075\52L(x)}": ["x"],
    r"@\69mport 'x'": ["x"],
    r"@i\6dport 'x'": ["x"],
    r"a{b:i\6d age-set('x')}": ["x"],
    r"a{b:url(\2f/x)}": ["//x"],
    r"a{b:url('\2f\2f x')}": ["//x"],
    "a{b:url('/\\\n/x')}": ["//x"],
    r"a{b:url(a\)b)}": ["a)b"],
    r"a{b:url('\0')}": ["\ufffd"],
    r"a{b:url('\110000')}": ["\ufffd"],
    # What has no end is over with the file.
    "a{b:url(x": ["x"],
    "a{b:url('x": ["x"],
    "a{b:url( x ": ["x"],
    "@import 'x": ["x"],
    "a{b:image-set('x'": ["x"],
    # No URLs.
    "/* url(x) */": [],
    "/* url(x)": [],
    "a{content:'url(x)'}": [],
    "a{content:\"\\\"url(x)\"}": [],
    "a{b:xurl(x) url-prefix(y) -url(z)}": [],
    r"a{b:url\(x)}": [],
    "a{b:url (x)}": [],
    "@imported 'x'": [],
    "@import x 'y'": [],
    "@namespace svg url(x);@import 'y'": ["y"],
    "@namespace 'x';": [],
    "type('image/png')": [],
    # A URL that can't be one spoils itself only.
    "a{b:url(a b)}b{c:url(d)}": ["d"],
    "a{b:url(a'b)}b{c:url(d)}": ["d"],
    "a{b:url(a(b)}b{c:url(d)}": ["d"],
    "a{b:url(/* c */'x')}": [],
    # A string that its line ends does so, too.
    "a{content:'x\n}b{c:url(d)}": ["d"],
    "a{b:url('x\n)}b{c:url(d)}": ["d"],
    "": [],
    "a{b:c}": [],
    "\\": [],
}  # fmt: skip


@pytest.mark.parametrize(("css", "expected"), FETCHED.items())
def test_a_sheet_fetches_what_its_tokens_say(css: str, expected: list[str]) -> None:
    assert list(urls(css)) == expected


PIECES = [
    "url(",
    "'",
    '"',
    "\\",
    "/*",
    "*/",
    ")",
    "(",
    "{",
    "}",
    ";",
    "@import ",
    "image-set(",
    "x",
    "\n",
    " ",
    "//t",
]


@samples(200)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_what_comes_later_never_hides_what_came_first(css: str) -> None:
    assert next(urls("a{b:url(first)}" + css)) == "first"


@samples(300)
@given(
    st.lists(st.sampled_from([*PIECES, "src(", "@", "URL(", "url", "-", "@namespace"]), max_size=20).map(
        "".join
    )
)
def test_a_sheet_without_escapes_says_what_it_says_with_one(css: str) -> None:
    plain = css.replace("\\", "/")
    assert list(urls(plain)) == list(urls("\\61{}" + plain))
