"""What the scanner looks for on a page, compiled once. Source: HTML Living Standard 13.2.5 (tokenization)."""

import re
from typing import Final

from consentkit.gate.markup.elements import LOADING, OF_THE_VISITOR
from consentkit.gate.markup.glance import MERE_TAGS
from consentkit.gate.markup.tags import ATTRIBUTES, NAME, VALUE, besides, either, grammar, many, maybe

_RAW: Final = ("style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript")
_STRUCTURE: Final = (*_RAW, "script", "plaintext", "template", "svg", "math", "base", "frameset", "col")
STRUCTURE: Final = frozenset(name.encode() for name in _STRUCTURE)
"""Elements that change how what follows them is read."""

_LOADING: Final = sorted(name.decode() for name in LOADING)
_STOPS: Final = sorted({*_STRUCTURE, *_LOADING})
# A name that is none of those: shorter than all of them, or known by how it begins.
_SHORT: Final = rb"[a-zA-Z][a-zA-Z0-9]{0,%d}+(?=[W/>])" % (min(map(len, _STOPS)) - 2)
_DULL_NAME: Final = rb"(?>%b|(?=[a-zA-Z])%b[^W/>]*+|(?!%%STOPS%%[W/>])%%NAME%%)" % (_SHORT, besides(_STOPS))
BREAKOUT: Final = (
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing"
    " menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul var"
)
"""Start tags that end svg and math content (13.2.6.5)."""
_POINTS: Final = "font script style title desc foreignobject mi mo mn ms mtext annotation-xml template"
_OUTSIDERS: Final = (*BREAKOUT.split(), *_POINTS.split())
_TEXT: Final = rb"[^<]*+" + many(rb"<(?=[^a-zA-Z/!?])[^<]*+")
_TAG: Final = rb"(<(/?+)(%NAME%)(?=[W/>])%ATTRIBUTES%([W/]*+)>)"
# A comment that ends as it should, or one that isn't one (a doctype).
_COMMENT: Final = rb"!(?:--(?:-?>|" + many(rb"[^-]++|-(?!-!?>)") + rb"--!?>)|(?!--)[^>]*+>)"

# Attributes that can load something on any element: by name, or by a name's beginning.
_STYLED: Final = ("style", "fill", "stroke", "filter", "mask", "clip-path", "cursor", "marker")
_HANDLERS: Final = rb"[oO][nN](?!%b[W/>=])" % either(sorted(name.decode()[2:] for name in OF_THE_VISITOR))
_GLOBAL: Final = (*_STYLED, "background", "ping", "attributionsrc", "data-bg", "data-background")
SUSPECT: Final = grammar(rb"[W/\"'](?:" + either(sorted(_GLOBAL)) + rb"|" + _HANDLERS + rb")")
"""What a start tag holds that may load something although its element doesn't."""

# A value of CSS that names nothing elsewhere: functions only of numbers, or of a place on the page itself.
_TAME: Final = rb"[^Q(\\&]*+" + many(rb"\((?=[#0-9.+-])[^Q(\\&]*+")
_DULL_ATTRIBUTES: Final = many(
    rb" %BESIDES%[^W/>=]*+=\"[^\"]*+\"|[W/]*+(?:(?!%GLOBAL%)[^W/>][^W/>=]*+%VALUE%"
    rb"|%STYLED%=(?:\"%DOUBLE%\"|'%SINGLE%'))"
)
_NAMES: Final = {
    "MERE": MERE_TAGS,
    "DULL_NAME": _DULL_NAME,
    "NAME": NAME,
    "ATTRIBUTES": ATTRIBUTES,
    "DULL": _DULL_ATTRIBUTES,
    "BESIDES": besides(sorted((*_GLOBAL, "on"))),
    "GLOBAL": either(sorted(_GLOBAL)) + rb"|" + _HANDLERS,
    "VALUE": VALUE,
    "STYLED": either(sorted(_STYLED)),
    "DOUBLE": _TAME.replace(b"Q", b'"'),
    "SINGLE": _TAME.replace(b"Q", b"'"),
    "STOPS": either(_STOPS),
    "COMMENT": _COMMENT,
    "TEXT": _TEXT,
}
_ROUNDS: Final = 24

_MEANINGLESS: Final = (
    rb"<(?:/%NAME%(?:>|%ATTRIBUTES%[W/]*+>)|%DULL_NAME%(?:>|%DULL%[W/]*+>)FURTHER"
    rb"|%COMMENT%|(?=[^a-zA-Z/!?]))[^<]*+"
)
STEP: Final = grammar(
    rb"[^<]*+" + many(_MEANINGLESS.replace(b"FURTHER", rb"|(?:%MERE%)[W/]*+>"), _ROUNDS) + maybe(_TAG),
    **_NAMES,
)
"""Text and tags that mean nothing to us, a few dozen in one go, and the tag behind them that may."""
DULL: Final = grammar(rb"[^<]*+" + many(_MEANINGLESS.replace(b"FURTHER", b"")), **_NAMES)
"""The same without that tag, however many."""
TOKEN: Final = grammar(rb"%TEXT%" + maybe(_TAG), **_NAMES)
"""Text and the one tag behind it."""

# What most svgs hold: shapes, which load nothing and whose content is svg like themselves.
_SHAPES: Final = (
    "path g circle rect line polygon polyline ellipse defs stop lineargradient radialgradient clippath mask"
    " symbol text tspan pattern marker"
)
_SHAPE: Final = either(_SHAPES.split())
_CAPTION: Final = (
    rb"|[tT][iI][tT][lL][eE]>[^<]*+</[tT][iI][tT][lL][eE]>|[dD][eE][sS][cC]>[^<]*+</[dD][eE][sS][cC]>"
)
ICON: Final = grammar(
    many(rb"%TEXT%<(?:/?+%SHAPE%(?=[W/>])%DULL%[W/]*+>" + _CAPTION + rb")")
    + rb"%TEXT%</[sS][vV][gG](?=[W/>])%DULL%[W/]*+>",
    SHAPE=_SHAPE,
    **_NAMES,
)
"""The rest of an svg that needs no stack."""
_PLAIN: Final = rb"%TEXT%<(/?+)((?!%SPECIAL%[W/>])%NAME%)(?=[W/>])%DULL%([W/]*+)>"
PLAIN_HTML: Final = grammar(_PLAIN, SPECIAL=either(_STOPS), **_NAMES)
"""Text, and a tag in HTML that means nothing to us but for what it opens or closes."""
PLAIN_FOREIGN: Final = grammar(_PLAIN, SPECIAL=either(sorted({*_OUTSIDERS, *_LOADING})), **_NAMES)
"""The same in svg and math, where their own elements mean nothing else, and HTML's lead out of them."""
LEADING_OUT: Final = grammar(
    rb"%TEXT%<%BREAKOUT%(?=[W/>])%ATTRIBUTES%[W/]*+>", BREAKOUT=either(BREAKOUT.split()), **_NAMES
)
"""Text, and a start tag that ends svg and math content."""
PLAIN_TEMPLATE: Final = grammar(
    many(rb"%TEXT%</?+(?!%SPECIAL%[W/>])%NAME%%ATTRIBUTES%[W/]*+>"),
    SPECIAL=either(sorted(_STRUCTURE)),
    **_NAMES,
)
"""In a template nothing loads: everything but what changes how the rest is read."""
PLAIN_NOSCRIPT: Final = grammar(
    many(
        rb"%TEXT%<(?:/(?!%NOSCRIPT%[W/>])%NAME%%ATTRIBUTES%[W/]*+>|(?!%DEEP%[W/>])%NAME%%ATTRIBUTES%[W/]*+>"
        rb"|(?:%IFRAME%(?=[W/>])%ATTRIBUTES%[W/]*+>[^<]*+</%IFRAME%>)"
        rb"|(?:%STYLE%(?=[W/>])%ATTRIBUTES%[W/]*+>[^<]*+</%STYLE%>))"
    )
    + rb"%TEXT%(?=</%NOSCRIPT%[W/>])",
    DEEP=either(sorted(_STRUCTURE)),
    IFRAME=either(["iframe"]),
    STYLE=either(["style"]),
    NOSCRIPT=either(["noscript"]),
    **_NAMES,
)
"""The content of a noscript that ends where it ends, whether it is read as text or as markup."""

SHEET: Final = re.compile(rb"<\?xml-stylesheet\s(?:[^>]*?\s)?href\s*=\s*(\"[^\"]*\"|'[^']*')")
"""The stylesheet that an XML page names before it begins."""
COMMENT_END: Final = re.compile(rb"--!?>")
RAW_END: Final = {name.encode(): grammar(rb"</%NAME%(?=[W/>])", NAME=either([name])) for name in _RAW}
_SCRIPT: Final = either(["script"])
UNBROKEN: Final = {
    name.encode(): grammar(rb"[^<]*+</%NAME%(?=[W/>])", NAME=either([name])) for name in (*_RAW, "script")
}
"""The content of such an element that is text in svg as it is in HTML: nothing is tagged in it."""
BREAKS: Final = {
    "comment": COMMENT_END,
    "xml": re.compile(rb"-->"),
    "cdata": re.compile(rb"]]>"),
    "bogus": re.compile(rb">"),
}
"""Where what isn't text ends, in a script or a stylesheet of an svg."""
SCRIPT_TURN: Final = {
    "": grammar(rb"<(?:!--|(/)%SCRIPT%(?=[W/>]))", SCRIPT=_SCRIPT),
    "escaped": grammar(rb"-->|<(/?)%SCRIPT%(?=[W/>])", SCRIPT=_SCRIPT),
    "double": grammar(rb"-->|<(/)%SCRIPT%(?=[W/>])", SCRIPT=_SCRIPT),
}
