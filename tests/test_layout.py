"""Where the headers are that mean anything to us."""

from itertools import compress

import pytest

from consentkit.gate.layout import ANSWERED, ASKED, names_of


@pytest.mark.parametrize("times", [1, 2, 30])
def test_headers_stay_behind_by_name_however_often_they_come(times: int) -> None:
    headers = [(b"host", b"x"), *[(b"range", b"a"), (b"accept", b"b"), (b"cookie", b"c")] * times]
    asked = ASKED[names_of(headers)]
    host, ranges, accepts, cookies = (headers[0:1], *([headers[place]] * times for place in (1, 2, 3)))
    assert [headers[place] for place in asked.cookies] == cookies
    assert sorted(compress(headers, asked.bare)) == sorted(host + ranges + accepts)
    assert sorted(compress(headers, asked.unconditional or ())) == sorted(host + accepts + cookies)
    assert sorted(compress(headers, asked.both)) == sorted(host + accepts)


def test_of_several_the_last_says_what_is_asked_for() -> None:
    headers = [(b"sec-fetch-dest", b"image"), (b"sec-fetch-dest", b"document"), (b"accept", b"image/png")]
    asked = ASKED[names_of(headers)]
    assert asked.may_be_page(headers)
    assert not asked.may_be_page(
        [(b"sec-fetch-dest", b"document"), (b"sec-fetch-dest", b"image"), headers[2]]
    )
    assert asked.unconditional is None


def test_an_answer_is_known_by_the_names_of_its_headers() -> None:
    answered = ANSWERED[b"set-cookie", b"content-type", b"link", b"set-cookie", b"cdn-cache-control"]
    assert (answered.cookies, answered.announcing) == ((0, 3), (2,))
    assert answered.types == (1,)
    assert answered.lower
    assert answered.caches
    assert not (answered.saved)
    assert not (answered.unusual)
    assert not ANSWERED[(b"Set-Cookie",)].lower
    assert ANSWERED[(b"content-disposition",)].saved
    assert all(ANSWERED[(name,)].unusual for name in (b"content-encoding", b"content-security-policy"))
    assert not ANSWERED[(b"vary",)].caches
