"""HTML in svg and math: whether it is over where an integration point ends decides how the rest is read."""

import random

import oracle
import pytest
import soups

from consentkit.gate.markup import Rewriter
from consentkit.policy.whose import Whose

RULES = Whose((), [soups.TRACKER])
JUDGE = oracle.Judge([soups.TRACKER])
IMAGE = b"<img src=//t.test/x>"

# What a browser makes nothing of, or closes with what follows: the integration point ends behind it.
OVER = {
    b"<td>": b"foreignObject", b"<tr>": b"foreignObject", b"<tbody>": b"desc", b"<caption>": b"title",
    b"<col>": b"desc", b"<colgroup>": b"desc", b"<body>": b"desc", b"<html>": b"desc", b"<head>": b"desc",
    b"<p>a<hr>": b"foreignObject", b"<h1><h2></h2>": b"desc", b"<dt><dd></dd>": b"desc",
    b"<li><b><li></li></b>": b"desc", b"<a><a></a>": b"desc", b"<nobr><nobr></nobr>": b"desc",
    b"<button><button></button>": b"desc", b"<option><optgroup></optgroup>": b"desc",
    b"<select><select>": b"desc", b"<table><table></table>": b"desc", b"<td><svg>": b"foreignObject",
    b"<b><p></b></p>": b"desc", b"<h1></h2>": b"desc",
}  # fmt: skip


def blocked(page: bytes) -> int:
    return oracle.rewrite(page, RULES).count(b' data-consentkit="')


@pytest.mark.parametrize(("body", "point"), OVER.items())
@pytest.mark.parametrize("raw", [b"iframe", b"style"])
def test_behind_html_that_may_be_over_what_loads_in_svg_is_blocked(
    body: bytes, point: bytes, raw: bytes
) -> None:
    assert blocked(b"<svg><%b>%b</%b><%b>%b</%b></svg>" % (point, body, point, raw, IMAGE, raw)) == 1


@pytest.mark.parametrize(
    "page",
    [
        b"<math><mi><tr></mi><iframe>" + IMAGE,
        b"<form><svg><foreignObject><form></foreignObject><iframe>" + IMAGE,
        b"<svg><foreignObject><td><![CDATA[ > <style> ]]>" + IMAGE,
        b"<math><mi><p><b></p>text</mi><script>track(1)</script>",
        b"<svg><desc><td></desc></svg>" * 2 + b"<svg><desc><td></desc><iframe>" + IMAGE,
        b"<svg><tbody><title><tbody></tbody><style/><script>track(1)</script>",
        b"<svg><desc><td></desc></svg>" * 70 + b"<svg><iframe>" + IMAGE,
    ],
)
def test_what_one_of_both_readings_loads_is_blocked(page: bytes) -> None:
    assert blocked(page) == 1
    for size in (1, 3, 7):
        assert oracle.rewrite(page, RULES, [size] * (len(page) // size)) == oracle.rewrite(page, RULES)


@pytest.mark.parametrize(
    "body",
    [
        b"<div><span>a<br>b</span><p>c<p>d</div>",
        b"<ul><li>a<li>b<ul><li>c</ul></ul>",
        b"<table><tr><td>a<td><b>b</b><tr><td><table><td>c</table></table>",
        b"<select><option>a<option>b</select><h1>a</h1><h2>b</h2><dl><dt>a<dd>b</dl>",
        b"<a>b</a><i><b>c</b></i><hr><button>d</button><ruby>e<rt>f</ruby>",
    ],
)
def test_html_as_it_is_written_is_over_when_it_ends_and_read_once(body: bytes) -> None:
    rewriter = Rewriter(RULES, b"")
    rewriter.feed(b"<svg><foreignObject>" + body + b"</foreignObject><g>")
    assert len(rewriter._scanners) == 1
    assert blocked(b"<svg><foreignObject>%b<style>%b</style></foreignObject></svg>" % (body, IMAGE)) == 0


# No template: html5lib does not know that its content is another document.
NAMES = [
    "a", "b", "nobr", "button", "form", "p", "li", "dd", "dt", "option", "optgroup", "select", "h1", "h2",
    "ruby", "rb", "rt", "rp", "rtc", "caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead",
    "tr", "table", "head", "body", "html", "frameset", "frame", "div", "span", "font", "object", "applet",
    "marquee", "image", "input", "hr", "pre", "address", "i", "em", "x-a",
]  # fmt: skip


def systematic(rng: random.Random) -> bytes:
    """Two tags of HTML in an integration point that ends behind them, and what is armed only in svg."""
    first, second = rng.choice(NAMES), rng.choice(NAMES)
    tail = rng.choice(["", f"</{second}>", f"</{first}>", f"</{first}></{second}>"])
    before, after = rng.choice(
        [("<svg><foreignObject>", "</foreignObject>"), ("<math><mi>", "</mi>"), ("<svg><desc>", "</desc>")]
    )
    end = rng.choice([after, after, after + "</svg>"])
    form = rng.choice(["", "", "<form>"])
    raw = rng.choice(["<iframe>", "<style>", "<textarea>", "<title>"])
    return f"{form}{before}<{first}><{second}>{tail}{end}{raw}<img src=//t.test/x>".encode()


def test_whatever_html_stands_in_an_integration_point_nothing_behind_it_is_left_armed(full: bool) -> None:
    rng = random.Random("nesting")  # noqa: S311 - a reproducible sample
    pages = [systematic(rng) for _ in range(20_000 if full else 400)]
    armed = [page for page in pages if JUDGE.reached(oracle.elements(oracle.rewrite(page, RULES)))]
    assert armed == []
