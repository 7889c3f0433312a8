"""Which URLs a piece of CSS fetches.

Read in tokens, as CSS Syntax Module Level 3, 4.3 does it (escapes, comments, strings, bad strings, bad
URLs): a `url(` in a comment or a string is none, and one written with escapes is one.
"""

import re
from collections.abc import Iterator
from typing import Final

from consentkit.gate.markup.tags import many


def _rounds(pattern: str) -> str:
    return many(pattern.encode()).decode()


_L: Final = r"-a-zA-Z0-9_\x80-\U0010ffff"  # the letters of names
_N: Final = r"\n\r\f"
_W: Final = r"\n\r\f\t "
_ESCAPE: Final = rf"\\(?:[0-9a-fA-F]{{1,6}}+(?:\r\n|[{_W}])?+|[^0-9a-fA-F{_N}]|\Z)"
_COMMENT: Final = r"/\*" + _rounds(r"[^*]++|\*(?!/)") + r"(?:\*/|\Z)"
# What is in a string; at the end of its line it is a bad one, and the reading goes on there.
_DOUBLE: Final = _rounds(rf"[^\"{_N}\\]++|{_ESCAPE}|\\(?:\r\n|[{_N}])")
_SINGLE: Final = _DOUBLE.replace('"', "'")
_STRING: Final = rf"\"{_DOUBLE}\"?+|'{_SINGLE}'?+"
_FETCHING: Final = r"(?:url|src|(?:-webkit-)?image-set)\("
_STATEMENT: Final = rf"(?:import|namespace)(?![{_L}\\])"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


_MAY_FETCH: Final = _compiled(r"\\|@import|\((?:(?<=url\()|(?<=src\()|(?<=image-set\())")
_DULL: Final = _compiled(
    _rounds(
        rf"[^{_L}\"'/\\@]++|(?!{_FETCHING})[{_L}]++(?!\\)|@(?!{_STATEMENT})[{_L}]++(?!\\)|@(?![{_L}\\])"
        rf"|/(?!\*)|{_COMMENT}|{_STRING}"
    )
)
# The same without escapes, by the bracket behind a name: most of a sheet is passed over in long runs.
_SKIPPED: Final = _compiled(
    _rounds(
        rf"[^\"'/@(]++|(?<!url)(?<!src)(?<!image-set)\(|@(?!{_STATEMENT})[{_L}]*+\(?+|/(?!\*)|{_COMMENT}|{_STRING}"
    )
)
_BEFORE: Final = _compiled(rf"[{_L}]++\Z")
_LONGEST: Final = 32  # no function that fetches has a longer name
_IDENT: Final = rf"(?:[{_L}]|{_ESCAPE})" + _rounds(rf"[{_L}]++|{_ESCAPE}")
_NAME: Final = _compiled(rf"(@?+{_IDENT}\(?+)")
_GAP: Final = _rounds(rf"[{_W}]++|{_COMMENT}")
_QUOTED: Final = _compiled(rf"{_GAP}(?:\"({_DOUBLE})(?:\"|\Z)|'({_SINGLE})(?:'|\Z))")
_IS_QUOTED: Final = _compiled(rf"[{_W}]*+[\"']")
# An unquoted URL to its end; whatever can't stand in one makes it a bad one, which fetches nothing.
_UNQUOTED: Final = _rounds(rf"[^\"'()\\{_W}\x00-\x08\x0b\x0e-\x1f\x7f]++|{_ESCAPE}")
_BARE: Final = _compiled(rf"[{_W}]*+({_UNQUOTED})[{_W}]*+(?:\)|\Z)")
_BAD: Final = _compiled(_rounds(r"[^)\\]++|\\.?+") + r"\)?+")
_PRELUDE: Final = _compiled(_rounds(rf"[^;{{\"'/]++|/(?!\*)|{_COMMENT}|{_STRING}"))
_IN_SET: Final = _compiled(
    rf"{_COMMENT}|\"({_DOUBLE})\"?+|'({_SINGLE})'?+"
    rf"|({_IDENT}\(?+)|([()])"
)
_ESCAPED: Final = _compiled(rf"\\(?:([0-9a-f]{{1,6}}+)(?:\r\n|[{_W}])?+|(\r\n|[{_N}])|(.?+))")


def urls(css: str) -> Iterator[str]:
    """The URLs that a stylesheet, or a `style` attribute's declarations, may fetch, in order.

    Those of `url()`, `src()`, `image-set()` and `@import`, wherever they stand: a rule that applies to
    nothing now may apply later. Only `@namespace` names one that is never fetched.
    """
    if _MAY_FETCH.search(css) is None:
        return
    following = _next if "\\" in css else _next_plain
    at, name = following(css, 0)
    while name:
        if name == "@namespace":
            prelude = _PRELUDE.match(css, at)
            at = prelude.end() if prelude is not None else at
        elif name in ("@import", "src(") or (name == "url(" and _IS_QUOTED.match(css, at)):
            at, url = _quoted(css, at)
            yield from url
        elif name == "url(":
            at, url = _bare(css, at)
            yield from url
        elif name in ("image-set(", "-webkit-image-set("):
            at, url = _image_set(css, at)
            yield from url
        at, name = following(css, at)


def _next(css: str, at: int) -> tuple[int, str]:
    """Where the next name that may matter ends, and the name, lower-case, with its bracket or `@`; "" if none
    comes.
    """
    while at < len(css):
        dull = _DULL.match(css, at)
        at = dull.end() if dull is not None else at
        found = _NAME.match(css, at)
        if found is not None:
            return found.end(), _unescaped(found[1]).lower()
        at += 1
    return at, ""


def _next_plain(css: str, at: int) -> tuple[int, str]:
    """The same in CSS without escapes."""
    while at < len(css):
        skipped = _SKIPPED.match(css, at)
        at = skipped.end() if skipped is not None else at
        if css.startswith("@", at):
            found = _NAME.match(css, at)
            return (at + 1, "@") if found is None else (found.end(), found[1].lower())
        name = _BEFORE.search(css[max(0, at - _LONGEST) : at])
        at += 1
        if name is not None and at <= len(css):
            return at, name[0].lower() + "("
    return at, ""


def _quoted(css: str, at: int) -> tuple[int, list[str]]:
    """The string that comes next, if one does."""
    found = _QUOTED.match(css, at)
    return (at, []) if found is None else (found.end(), [_unescaped(found[1] or found[2] or "")])


def _bare(css: str, at: int) -> tuple[int, list[str]]:
    """An unquoted URL and where it ends; none if it is a bad one."""
    found = _BARE.match(css, at)
    if found is not None:
        return found.end(), [_unescaped(found[1])]
    rest = _BAD.match(css, at)
    return (rest.end() if rest is not None else len(css)), []


def _image_set(css: str, at: int) -> tuple[int, list[str]]:
    """The URLs of an image-set and where it ends; a string within `type()` is none."""
    depth, found = 1, list[str]()
    while depth and (token := _IN_SET.search(css, at)) is not None:
        at = token.end()
        double, single, name, sign = token.groups()
        if name is not None and _unescaped(name).lower() == "url(":
            function = _IS_QUOTED.match(css, at) is not None
            at, url = (_quoted if function else _bare)(css, at)
            found += url
            depth += function
        elif (name is not None and name.endswith("(")) or sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        elif depth == 1 and (double is not None or single is not None):
            found.append(_unescaped(double or single or ""))
    return at, found


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    digits, newline, other = found.groups()
    if digits is None:
        return "" if newline is not None else (other or "\ufffd")
    code = int(digits, 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
