import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.gate.markup.elements import candidates
from consentkit.gate.markup.tags import TAG, attributes, decode, either, grammar

DECODED = {
    b"a&amp;b": "a&b",
    b"?id=GTM-X&gtm_auth=1": "?id=GTM-X&gtm_auth=1",
    b"?a=1&region=2&currency=3": "?a=1&region=2&currency=3",
    b"?a&lt=1": "?a&lt=1",
    b"?a&lt;=1": "?a<=1",
    b"&ltx": "&ltx",
    b"&lt/": "</",
    b"&amp": "&",
    b"https&colon;//x": "https://x",
    b"&#x68;&#104&#X68g": "hhhg",
    b"&#0;&#xD800;&#x110000;&#99999999999;": "\ufffd" * 4,
    b"&#x80;": "€",
    b"&#x81;": "\x81",
    b"&#1;": "\x01",
    b"&;&#;&#x;&x": "&;&#;&#x;&x",
    b"&notit;": "&notit;",
    b"&notin;": "∉",
    b"a\0b": "a\ufffdb",
    b"\xff": "\ufffd",
}


@pytest.mark.parametrize(("raw", "value"), DECODED.items())
def test_character_references_are_read_by_the_attribute_rules(raw: bytes, value: str) -> None:
    assert decode(raw) == value


@given(st.text(alphabet="&;#x1aglt= mp", max_size=12))
def test_references_that_end_in_a_semicolon_are_read_as_in_text(text: str) -> None:
    closed = text.replace("&", "&amp;")
    assert decode(closed.encode()) == html.unescape(closed)


def test_a_reference_of_many_digits_is_refused_and_not_computed() -> None:
    assert decode(b"&#" + b"9" * 100_000 + b";") == "\ufffd"


GRAMMAR = {
    b"<a b=c d='e' f=\"g\" h>": [(b"b", b"c"), (b"d", b"e"), (b"f", b"g"), (b"h", b"")],
    b"<a B = c>": [(b"b", b"c")],
    b"<a/b/c=d/>": [(b"b", b""), (b"c", b"d/")],
    b"<a =b=c>": [(b"=b", b"c")],
    b"<a ==>": [(b"=", b"")],
    b"<a b=>": [(b"b", b"")],
    b"<a b='>'c>": [(b"b", b">"), (b"c", b"")],
    b'<a "b">': [(b'"b"', b"")],
    b"<a b=c\"d'e>": [(b"b", b"c\"d'e")],
    b"<a b\n=\n c>": [(b"b", b"c")],
    b"<a b c\x0bd>": [(b"b", b""), (b"c\x0bd", b"")],
    b"<a b=1 b=2>": [(b"b", b"1"), (b"b", b"2")],
}


@pytest.mark.parametrize(("tag", "expected"), GRAMMAR.items())
def test_attributes_are_read_as_browsers_do(tag: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    found = TAG.fullmatch(tag)
    assert found is not None
    assert [(attribute.name, attribute.raw) for attribute in attributes(tag, found.end(1))] == expected


@pytest.mark.parametrize("tag", GRAMMAR)
def test_no_beginning_of_a_tag_is_taken_for_the_whole(tag: bytes) -> None:
    assert not any(TAG.match(tag[:end]) for end in range(len(tag)))


def test_the_trie_matches_its_names_in_any_case_and_nothing_else() -> None:
    pattern = grammar(either(["svg", "style", "s", "w"]))
    assert all(pattern.fullmatch(name) for name in (b"svg", b"STYLE", b"s", b"W"))
    assert not any(pattern.fullmatch(name) for name in (b"sv", b"styl", b"", b"x", b"\t"))


SRCSETS = {
    "a.png 1x, b.png 2x": ["a.png", "b.png"],
    "a.png,b.png": ["a.png,b.png"],
    "a.png, b.png": ["a.png", "b.png"],
    " ,a.png,,": ["a.png"],
    "data:,x 1x, b": ["data:,x", "b"],
    "a (x,y) 1x, b": ["a", "b"],
    "a (x": ["a"],
    "": [],
}


@pytest.mark.parametrize(("srcset", "urls"), SRCSETS.items())
def test_srcset_is_split_as_browsers_do(srcset: str, urls: list[str]) -> None:
    assert list(candidates(srcset)) == urls
