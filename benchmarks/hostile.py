"""Pages made to be slow: a megabyte of one thing that a careless scanner reads again and again."""

from collections.abc import Callable
from typing import Final

MEGABYTE: Final = 1 << 20


def _filled(piece: bytes, head: bytes = b"", tail: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: head + (piece * (size // len(piece) + 1))[: size - len(head) - len(tail)] + tail


# What the page is -> the page of a size in bytes.
HOSTILE: Final[dict[str, Callable[[int], bytes]]] = {
    "<": _filled(b"<"),
    "</": _filled(b"</"),
    "<a": _filled(b"<a"),
    "<!": _filled(b"<!"),
    "<?": _filled(b"<?"),
    "<!--": _filled(b"<!--"),
    "<!-->": _filled(b"<!-->"),
    "--!": _filled(b"--!", b"<!--"),
    "&": _filled(b"&"),
    "& in a URL": _filled(b"&gt", b'<img src="//t.test/?', b'">'),
    '="<img src=a>': _filled(b'="<img src=a>'),
    "<img src=//t.test/x>": _filled(b"<img src=//t.test/x>"),
    "<img src=//h…/x>, all different": lambda size: b"".join(
        b"<img src=//h%07d.test/x>" % number for number in range(size // 26)
    ),
    "<a b=": _filled(b"<a b="),
    "<img src=": _filled(b"<img src="),
    "attributes without values": _filled(b"a ", b"<p ", b">"),
    "attributes without values, of an img": _filled(b"a ", b"<img ", b">"),
    "src=//t.test/x, of one img": _filled(b" src=//t.test/x", b"<img", b">"),
    "spaces in an open tag": _filled(b" ", b"<img "),
    "slashes in an open tag": _filled(b"/", b"<img "),
    "= in an open tag": _filled(b" =", b"<img "),
    "open double quote": _filled(b"x", b'<img alt="'),
    "open single quote with >": _filled(b">", b"<img alt='"),
    "open comment": _filled(b"x", b"<!-- "),
    "open script": _filled(b"var x = 1;", b"<script>"),
    "open script of <!--": _filled(b"<!--", b"<script>"),
    "open script of <!--<script>": _filled(b"<!--<script></script>", b"<script>"),
    "open script of one word": _filled(b"x", b"<script>"),
    "scripts, all different": lambda size: b"".join(
        b"<script>let a%07d=1</script>" % number for number in range(size // 30)
    ),
    "open style of url(": _filled(b"url(", b"<style>"),
    "style of url(": _filled(b"url(", b"<style>", b"</style>"),
    "style of url(//t.test)": _filled(b"url(//t.test)", b"<style>", b"</style>"),
    "style of /*": _filled(b"/*", b"<style>", b"</style>"),
    "style of backslashes": _filled(b"\\", b"<style>", b"</style>"),
    "style of @import": _filled(b"@import ", b"<style>", b"</style>"),
    "<p style=url()>": _filled(b"<p style='background:url(//t.test/x)'>"),
    "style attribute of (": _filled(b"(", b"<p style='url(", b"'>"),
    "open textarea": _filled(b"</textare", b"<textarea>"),
    "open title of </": _filled(b"</", b"<title>"),
    "<svg><g>": _filled(b"<svg><g>"),
    "<svg>, then <g>": _filled(b"<g>", b"<svg>"),
    "<svg>, then <path>": _filled(b"<path d='M1 1'/>", b"<svg>"),
    "<svg>, then </g>": _filled(b"</g>", b"<svg>" + b"<path>" * 500),
    "<svg><script>": _filled(b"<svg><script>"),
    "<svg><script>, then <b>": _filled(b"<b>", b"<svg><script>"),
    "<svg><script></script>": _filled(b"<svg><script></script>"),
    "<svg><foreignObject>": _filled(b"<svg><foreignObject>"),
    "<svg><foreignObject><div>": _filled(b"<svg><foreignObject><div>"),
    "<svg><style>": _filled(b"<svg><style>"),
    "<svg><style><a></style></svg>": _filled(b"<svg><style><a></style></svg>"),
    "<svg><title><b></b></title></svg>": _filled(b"<svg><title><b></b></title></svg>"),
    "<svg><foreignObject>, then <p></p>": _filled(b"<p></p>", b"<svg><foreignObject>"),
    "<svg><![CDATA[": _filled(b"<![CDATA[", b"<svg>"),
    "<svg><![CDATA[a>b]]></svg>": _filled(b"<svg><![CDATA[a>b]]></svg>"),
    "<div><svg></div>": _filled(b"<div><svg></div>"),
    "<svg><g></div>": _filled(b"<svg><g></div>"),
    "120 svgs, then </g>": _filled(b"</g>", b"<svg><foreignObject>" * 120),
    "60 svgs, <g>, then </div>": _filled(b"</div>", b"<svg><foreignObject>" * 60 + b"<svg>" + b"<g>" * 500),
    "<math><mi>": _filled(b"<math><mi>"),
    "<math><annotation-xml encoding=text/html>": _filled(b"<math><annotation-xml encoding=text/html>"),
    "<math><mi>, then <svg>": _filled(b"<svg>", b"<math><mi>"),
    "<noscript>": _filled(b"<noscript>"),
    "<noscript><p>": _filled(b"<p>", b"<noscript>"),
    "<noscript><!--": _filled(b"<noscript><!--</noscript>"),
    "<noscript><title></noscript>": _filled(b"<noscript><title></noscript>"),
    "<noscript><svg><g></noscript>": _filled(b"<g></g>", b"<noscript><svg></noscript>"),
    "<template>": _filled(b"<template>"),
    "<template></template>": _filled(b"<template></template>"),
    "<table><td>": _filled(b"<table><td>"),
    "<select>": _filled(b"<select>"),
    "<frameset>": _filled(b"<frameset>"),
    "<template><col></template>": _filled(b"<template><col></template>"),
    "<base href=//t.test>": _filled(b"<base href=//t.test>"),
    "<base href=…>, all different": lambda size: b"".join(
        b"<base href=//h%07d.test><img src=x>" % number for number in range(size // 37)
    ),
    "base of half a page, then <img src=x>": lambda size: (
        b"<base href='//t.test/" + b"x" * (size // 2) + b"'>" + b"<img src=x>" * (size // 22)
    ),
    "<iframe srcdoc>": _filled(b"<iframe srcdoc='<img src=//t.test/x>'></iframe>"),
    "srcdoc of <": _filled(b"<", b"<iframe srcdoc='", b"'>"),
    "srcdoc of srcdoc": _filled(b"&lt;iframe srcdoc=&quot;", b"<iframe srcdoc='", b"'>"),
    "srcset of commas": _filled(b",", b"<img srcset='", b"'>"),
    "srcset of (": _filled(b"a (", b"<img srcset='", b"'>"),
    "srcset of candidates": _filled(b"//t.test 1x,", b"<img srcset='", b"'>"),
    "one URL": _filled(b"a.", b"<img src='//", b"'>"),
    "one URL of dot segments": _filled(b"/..", b"<img src='//t.test", b"'>"),
    "one URL of %": _filled(b"%41", b"<img src='//", b"'>"),
    "one URL of @": _filled(b"@", b"<img src='//", b"'>"),
    "one onload": _filled(b"track(", b"<p onload='", b"'>"),
    "meta refresh": _filled(b"0;url=", b"<meta http-equiv=refresh content='", b"'>"),
    "one tag name": _filled(b"a", b"<"),
    "NULs": _filled(b"\0"),
}
CHUNKS: Final = (0, 1 << 16, 4096, 64, 1)
