import re

import pytest
from sample import service

from consentkit.gate.markup import LIMIT, Rewriter
from consentkit.policy.whose import Whose

INSERTED = (
    rb'(?i:(<script) data-consentkit="[^"]*" type="text/plain")| data-consentkit="[^"]*"|data-consentkit-'
)


RULES = Whose([service("t", "t.test", inline=("track(",))])


def rewrite(page: bytes, size: int = 0) -> bytes:
    rewriter = Rewriter(RULES, b"")
    step = size or len(page)
    pieces = [rewriter.feed(page[at : at + step]) for at in range(0, len(page), step)]
    return b"".join([*pieces, rewriter.close()])


def undo(page: bytes) -> bytes:
    return re.sub(INSERTED, rb"\1", page)


OVERSIZE = {
    "an inline script": (b"<script>" + b"x" * LIMIT + b"</script><p>", b'data-consentkit=""'),
    "a script whose src is not over": (
        b"<script src='" + b"x" * LIMIT + b"'></script>",
        b'data-consentkit=""',
    ),
    "an own image in a data URL": (b"<img alt=a src='data:," + b"x" * LIMIT + b"'>", None),
    "an image with an unfinished URL": (b"<img src='" + b"x" * LIMIT + b"'>", b'data-consentkit=""'),
    "an image with a long text": (b"<img src=/own alt='" + b"x" * LIMIT + b"'>", None),
    "a tracker's image with a long text": (
        b"<img src=//t.test/x alt='" + b"x" * LIMIT + b"'>",
        b'data-consentkit="t"',
    ),
    "a late source": (b"<img alt='" + b"x" * LIMIT + b"' src=//t.test/x>", b"data-consentkit-src=//t.test/x"),
    "a necessary element": (
        b"<img data-category=necessary alt='" + b"x" * LIMIT + b"' src=//t.test/x>",
        None,
    ),
    "a dull tag": (b"<p a='" + b"x" * LIMIT + b"'><img src=/own>", None),
    "a tag's name": (b"<" + b"x" * LIMIT + b"><img src=/own>", None),
    "an svg script": (b"<svg><script>" + b"x" * LIMIT + b"</script></svg>", b'data-consentkit=""'),
    "an end tag": (b"<svg></svg a='" + b"x" * LIMIT + b"'><style><img src=//t.test/x></style>", None),
}


@pytest.mark.parametrize("name", OVERSIZE)
def test_what_is_too_long_to_decide_is_blocked_for_good(name: str) -> None:
    page, expected = OVERSIZE[name]
    after = rewrite(page)
    assert undo(after) == page
    assert (after == page) if expected is None else (expected in after)
    for size in (4096, 65_537, LIMIT - 1, LIMIT + 1):
        assert rewrite(page, size) == after
    rewriter = Rewriter(RULES, b"")
    for at in range(0, len(page), 65_536):
        rewriter.feed(page[at : at + 65_536])
        assert len(rewriter._buffer) <= LIMIT + 65_536


def test_just_under_the_limit_scripts_are_still_decided() -> None:
    fill = LIMIT - len(b"<script>track(</script")
    for size in (0, 4096):
        after = rewrite(b"<script>track(" + b"x" * (fill - 1) + b"</script>", size)
        assert after.startswith(b'<script data-consentkit="t"')
        after = rewrite(b"<script>track(" + b"x" * fill + b"</script>", size)
        assert after.startswith(b'<script data-consentkit=""')


def test_the_end_of_a_tag_too_long_to_hold_is_read_byte_by_byte() -> None:
    page = (
        b"<img alt='"
        + b"x" * LIMIT
        + b"' =a b = c SRC = '//t.test/x'srcset=//t.test/x a"
        + b"y" * 99
        + b"src=1 /><p>"
    )
    expected = page.replace(b"SRC =", b"data-consentkit-SRC =").replace(b"srcset", b"data-consentkit-srcset")
    rewriter = Rewriter(RULES, b"")
    out = rewriter.feed(page[:LIMIT]) + b"".join(
        rewriter.feed(page[at : at + 1]) for at in range(LIMIT, len(page))
    )
    assert out + rewriter.close() == rewrite(page) == expected
