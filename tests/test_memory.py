"""What is remembered of texts that strangers send has a bound in number and in length."""

import pytest

from consentkit.gate.anchors import key_of
from consentkit.policy.births import _forms
from consentkit.policy.domains import cookie_domains, registrable
from consentkit.policy.memory import remembered
from consentkit.policy.names import Names
from consentkit.tally import plain_name


def test_a_long_text_is_worked_out_each_time_a_short_one_once() -> None:
    asked: list[str] = []

    @remembered(2, longest=3)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    assert [length(text) for text in ("abc", "abcd", "abc", "abcd")] == [3, 4, 3, 4]
    assert asked == ["abc", "abcd", "abcd"]
    for text in ("a", "b", "abc"):
        length(text)
    assert asked[3:] == ["a", "b", "abc"]


@pytest.mark.parametrize(
    "find", [key_of, _forms, registrable, cookie_domains, plain_name, Names([("*", 1)])._first]
)
def test_nothing_long_is_remembered_of_names_and_hosts(find: object) -> None:
    (known,) = (each.cell_contents for each in find.__closure__ if hasattr(each.cell_contents, "cache_info"))  # type: ignore[attr-defined]
    before = known.cache_info().currsize
    for length in (300, 4000):
        find("_ga_" + "x" * length)  # type: ignore[operator]
    assert known.cache_info().currsize == before
