"""What the scanner looks for on a page, compiled once. Source: HTML Living Standard 13.2.5 (tokenization)."""

import re
from typing import Final

from consentkit.gate.markup.elements import LOADING
from consentkit.gate.markup.tags import ATTRIBUTES, NAME, either, grammar, many

_RAW: Final = ("style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript")
_OPENERS: Final = (*_RAW, "script", "plaintext", "template", "svg", "math")
_STOPS: Final = either(sorted({*_OPENERS, *(name.decode() for name in LOADING)}))
_TEXT: Final = rb"[^<]*+" + many(rb"<(?=[^a-zA-Z/!?])[^<]*+")

# Text and tags that mean nothing to us, in one go; stops at whatever does, or isn't complete.
DULL: Final = grammar(
    many(
        rb"[^<]*+<(?:/(?!%ENDS%[W/>])%NAME%(?:>|%ATTRIBUTES%[W/]*+>)"
        rb"|(?!%STOPS%[W/>])%NAME%(?:>|%ATTRIBUTES%[W/]*+>)|(?=[^a-zA-Z/!?]))"
    )
    + rb"[^<]*+",
    ENDS=either(["template", "noscript"]),
    STOPS=_STOPS,
    NAME=NAME,
    ATTRIBUTES=ATTRIBUTES,
)
PLAIN_TEXT: Final = grammar(_TEXT)
# The rest of an svg that holds nothing but shapes: most svgs are icons, and need no stack.
_SHAPES: Final = (
    "path g circle rect line polygon polyline ellipse defs stop lineargradient radialgradient clippath mask"
)
ICON: Final = grammar(
    many(rb"%TEXT%</?+%SHAPE%(?=[W/>])%ATTRIBUTES%[W/]*+>")
    + rb"%TEXT%</[sS][vV][gG](?=[W/>])%ATTRIBUTES%[W/]*+>",
    TEXT=_TEXT,
    ATTRIBUTES=ATTRIBUTES,
    SHAPE=either(_SHAPES.split()),
)
AWAITED: Final = {
    "name": grammar(rb"[W/>]"), "tag": re.compile(rb">"), b'"': re.compile(rb'"'), b"'": re.compile(rb"'")
}  # fmt: skip
"""Without which byte an unfinished tag can't get on: the end of its name, of itself, of a quoted value."""
COMMENT_END: Final = re.compile(rb"--!?>")
RAW_END: Final = {name.encode(): grammar(rb"</%NAME%(?=[W/>])", NAME=either([name])) for name in _RAW}
_SCRIPT: Final = either(["script"])
# An svg script is cut at a script inside it too, or hostile nesting would make the look-ahead quadratic.
SCRIPT_END: Final = grammar(rb"</?+%SCRIPT%(?=[W/>])", SCRIPT=_SCRIPT)
SCRIPT_TURN: Final = {
    "": grammar(rb"<(?:!--|(/)%SCRIPT%(?=[W/>]))", SCRIPT=_SCRIPT),
    "escaped": grammar(rb"-->|<(/?)%SCRIPT%(?=[W/>])", SCRIPT=_SCRIPT),
    "double": grammar(rb"-->|<(/)%SCRIPT%(?=[W/>])", SCRIPT=_SCRIPT),
}
