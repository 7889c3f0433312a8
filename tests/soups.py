"""Random tag soups: every state of the tokenizer, every way to load, every way to write the tracker's URL."""

from random import Random
from typing import Final, Literal

from consentkit.policy.registry import Pattern, Service

Family = Literal["html", "noscript", "foreign"]
FAMILIES: Final[tuple[Family, ...]] = ("html", "noscript", "foreign")
HOST, MARK = "t.test", "track("
TRACKER: Final = Service(
    id="tracker",
    name="Tracker",
    vendor="Tracker",
    country="FR",
    category="analytics",
    purposes=(),
    policy_url=f"https://{HOST}/privacy",
    urls=(Pattern(HOST, "declared"), Pattern("*.cdn.test:8443/tag/", "declared")),
    inline=(Pattern(MARK, "declared"),),
    cookies=(),
    storage=(),
)

URLS: Final = [
    "https://t.test/a.js",
    "https://t.test/b.js",
    "//T.Test/x",
    "/own.js",
    "relative/x",
    "https://own.test/x",
    "https&colon;//t&#46;test/&lt=1",
    "",
]
# Ways to write a URL that only a URL parser sees through; those at the end lead elsewhere.
ODD_URLS: Final = [
    "ht\ttps://t.te\nst/x",
    "\\\\t.test\\x",
    "https:t.test",
    "https:/t.test/x",
    "///t.test/x",
    "https://user:pass@t.test:443/x",
    "https://t.test./x",
    "https://%74.test/x",
    " \x01https://t.test/x ",
    "https://t&period;te&#x73;t/x",
    "&#x2f&#47t.test/x",
    "wss://t.test/x",
    "//ｔ.test/x".encode().decode("latin-1"),
    "https://a.cdn.test:8443/tag/x?<b>",
    "https://cdn.test:8443/tag/x",
    "https://t.test.own.test/x",
    "https://own.test/https://t.test/",
    "/x?u=//t.test/x",
    "data:,//t.test/x",
    "https://a.cdn.test/tag/x",
    "https://t.test:99999/x",
    "javascript:track(1)",
    "\xe9\xff\x80",
]
SRCSETS: Final = [
    "/a 1x, //t.test/x 2x",
    "/a,b 1x,//t.test/x",
    "data:,a 1x (b, //t.test/c) , /d",
    "/a 1x,/b 2x",
]
VALUES: Final = [
    *URLS, "'", '"', "a b", "<img src=//t.test/q>", "-->", "]]>", "/", ">", "=", "text/javascript", "module",
    "text/plain", "image", "text/html", "necessary", "\x80\xff", "&notit;&amp", "track(1)",
]  # fmt: skip
ATTRIBUTES: Final = [
    "src", "SRC", "href", "data", "srcset", "poster", "type", "rel", "id", "xlink:href", "alt", "=",
    "language", "encoding", "color", "src\0", "sr\xe7", "ismap", "'src", "a<b",
]  # fmt: skip
LINKS: Final = ["src", "href", "xlink:href"]
# Element -> how it loads; the URL goes where the star is.
LOADING: Final = {
    "script": [
        'src="*"',
        "src='*' type=module",
        'type=text/plain src="*"',
        'href="*"',
        'src="*" async nomodule',
    ],
    "img": ['src="*"', "srcset='* 2x'", 'alt=x src="*"', 'src="*" src=/own.png'],
    "iframe": ['src="*"', "srcdoc='<img src=\"*\">'", 'srcdoc="&lt;p>*"'],
    "link": [
        'rel=stylesheet href="*"',
        'href="*" rel="PRELOAD x"',
        'rel=preconnect href="*"',
        'rel=next href="*"',
    ],
    "embed": ['src="*"'],
    "object": ['data="*"'],
    "video": ['src="*"', 'src=/v poster="*"'],
    "audio": ['src="*"'],
    "source": ['src="*"', 'srcset="/a 1x, * 2x"'],
    "track": ['src="*"'],
    "input": ['type=image src="*"', 'src="*"', 'src="*" type=IMAGE'],
    "image": ['src="*"', 'href="*"', 'xlink:href="*"'],
    "frame": ['src="*"'],
    "use": ['href="*"', 'xlink:href="*"', 'xlink:href="*" href=/own'],
    "feImage": ['href="*"', 'XLINK:HREF="*"'],
}
# What the gate learned to see later; each must be seen in the test of ways below as well.
WAYS: Final = {
    "style": [">a{b:url(*)}</style", ">@import '*';</style", ">a{content:'*'}</style"],
    "base": ['href="*"', 'target=x href="*"', "target=_self"],
    "meta": [
        'http-equiv=refresh content="0;url=*"',
        'content="1, *" http-equiv=Refresh',
        'content="0;url=*"',
    ],
    "body": ['background="*"', "onload=track(1)"],
    "td": ['background="*"'],
    "p": ['style="background:url(*)"', "style='a:url( \"*\" )'", "onload='track(1)'"],
    "a": ['ping="/p *"', 'href="*"', 'title="*"'],
    "img": ['data-src="*"', 'data-lazy-src="*"', "onerror=track(1)", 'style="content:url(*)"'],
    "iframe": ["src=javascript:track(1)"],
}
HTML_TAGS: Final = [name for name in LOADING if name not in ("frame", "use", "feImage")]
PLAIN_TAGS: Final = [
    "p", "div", "a", "b", "span", "br", "scripts", "im", "x-y", "h1", "ul", "li", "form", "button", "nobr",
    "i", "dd", "option", "hr", "pre", "font", "applet", "address",
]  # fmt: skip
RAW_TAGS: Final = ["style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "script"]
TABLE_TAGS: Final = ["table", "tr", "td", "tbody", "caption", "col", "colgroup", "th"]
SVG_TAGS: Final = [
    "svg", "g", "path", "use", "image", "title", "desc", "foreignObject", "script", "style", "a", "circle",
    "feImage", "animate",
]  # fmt: skip
MATH_TAGS: Final = ["math", "mi", "mtext", "annotation-xml", "mrow", "mglyph"]
SCRAPS: Final = [
    "x", " ", "<", "</", "<!", "<?", "<!-", "<!--", "<!-->", "<!--->", "-->", "--!>", "--", ">", '"', "'",
    "=", "/", "<!doctype html>", "<![CDATA[", "]]>", "track(1)", "<!x>", "</ >", "</>", "\n", "&amp;", "\0",
    "<script", "</script", "<!-- <!-- -->", "<!---!>", "--!", "\x80\xa0\xff", "&lt;img src=//t.test/x&gt;",
    "\r\n", "\f", "<a b=", "<!DOCTYPE x '>'>", "<?php echo '>'?>", "import '//t.test/m.js';",
]  # fmt: skip
# Whole phrases that random pieces would seldom make.
PHRASES: Final = [
    "<script><!--<script></script>track(1)</script>",
    "<script><!-- <script> --></script>",
    "<script><!--<script></script>",
    "<script>var a='<!--';",
    "<script>track(1)</script>",
    "<script>subtract(1)</script>",
    '<script type=application/ld+json>{"u":"//t.test/x"}</script>',
    "<script type=text/html><img src=//t.test/x></script>",
    "<textarea><img src=//t.test/x></textarea>",
    "<title></titlex><img src=//t.test/x></title>",
    "<style>a{b:c}</style>",
    "<xmp></xmp ><img src=//t.test/x>",
    "<noembed><!--</noembed>",
    "<a title='<img src=//t.test/x>'>",
    "<img src=//t.test/x alt='",
    "<img\nsrc\n=\n//t.test/x\n>",
    "<img src=//t.test/x/>",
    "<img src='//t.test/x'src=/own>",
    "<body>",
    "</body>",
    "<html a=b>",
    "<head>",
    "</head>",
]
RARE: Final = [
    "<plaintext>",
    "<template>",
    "<select>",
    "</select>",
    "<select><option>",
    "<frameset>",
    "<isindex>",
]


def page(seed: str, family: Family, *, ways: bool = True, most: int = 20) -> bytes:
    """Return the soup of a seed, of at most `most` pieces; `ways` adds what needs no element of its own."""
    rng = Random(seed)  # noqa: S311 - a reproducible sample
    names = HTML_TAGS + PLAIN_TAGS + RAW_TAGS
    if family == "foreign":
        names = names + SVG_TAGS * 2 + MATH_TAGS
    elif family == "noscript":
        names = [*names, *["noscript"] * 4]
    if rng.random() < 0.25:
        names = names + TABLE_TAGS * 3
    tidy, odd = rng.random() < 0.5, rng.random() < 0.3
    pieces = [_piece(rng, names, tidy=tidy, odd=odd, ways=ways) for _ in range(rng.randint(1, most))]
    if family == "foreign" and rng.random() < 0.5:
        pieces.insert(0, rng.choice(["<svg>", "<svg><g>", "<math>", "<svg><desc>", "<div><svg>"]))
    return "".join(pieces).encode("latin-1")


def _piece(rng: Random, names: list[str], *, tidy: bool, odd: bool, ways: bool) -> str:
    kind = rng.random()
    if tidy and kind < 0.8:
        name, link = rng.choice(names), rng.choice(LINKS)
        return f'<{name} {link}="{_url(rng, odd=odd)}">' + (f"</{name}>" if kind < 0.3 else "")
    if ways and kind > 0.97:
        return _loading(rng, WAYS, odd=odd)
    if kind < 0.5:
        return _tag(rng, names, odd=odd)
    if kind < 0.72:
        return f"</{rng.choice(names)}{rng.choice(['>', '>', '>', ' a>', '/>', ''])}"
    if kind < 0.85:
        return rng.choice(PHRASES) if rng.random() < 0.95 else rng.choice(RARE)
    return rng.choice(SCRAPS)


def _url(rng: Random, *, odd: bool) -> str:
    return rng.choice(ODD_URLS) if odd and rng.random() < 0.5 else rng.choice(URLS)


def _loading(rng: Random, table: dict[str, list[str]], *, odd: bool) -> str:
    name = rng.choice(list(table))
    return f"<{name} {rng.choice(table[name]).replace('*', _url(rng, odd=odd))}>"


def _attribute(rng: Random) -> str:
    name, value = rng.choice(ATTRIBUTES), rng.choice(VALUES)
    forms = [f'{name}="{value}"', f"{name}='{value}'", f"{name}={value}", name, f'{name} = "{value}"']
    return rng.choice([" ", " ", " ", "\n", "/", ""]) + rng.choice(forms)


def _tag(rng: Random, names: list[str], *, odd: bool) -> str:
    name = rng.choice(names)
    known = LOADING.get(name)
    shown = name.upper() if rng.random() < 0.1 else name
    parts = "".join(_attribute(rng) for _ in range(rng.choice([0, 0, 1, 1, 2, 3])))
    if known and rng.random() < 0.6:
        parts += " " + rng.choice(known).replace("*", _url(rng, odd=odd))
    end = f"</{name}>" if name in RAW_TAGS and rng.random() < 0.6 else ""
    return f"<{shown}{parts}{rng.choice(['>', '>', '>', '>', '/>', ' >', ''])}{end}"
