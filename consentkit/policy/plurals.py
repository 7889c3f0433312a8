"""Which form of a counted noun a whole number takes: CLDR's cardinal rules, by family (UTS 35 part 3, §5).

The forms that only whole millions take are left out: no life is counted in them.
"""

from collections.abc import Container
from typing import Final, NamedTuple

_TEENS: Final = range(11, 20)


class Form(NamedTuple):
    """A form's CLDR name, and whose it is: of these numbers, and of all that end in these two digits."""

    name: str
    numbers: Container[int] = ()
    endings: Container[int] = ()


def _ending_in(*digits: int) -> frozenset[int]:
    """The last two digits of numbers that end in one of `digits`, but for the teens."""
    return frozenset(each for each in range(100) if each % 10 in digits and each not in _TEENS)


_ONE: Final = Form("one", numbers=(1,))
_TWO: Final = Form("two", numbers=(2,))
_ENDS_IN_ONE: Final = Form("one", endings=_ending_in(1))
_ENDS_IN_FEW: Final = Form("few", endings=_ending_in(2, 3, 4))
_MANY: Final = Form("many", endings=range(100))
_OTHER: Final = Form("other", endings=range(100))

FAMILIES: Final[dict[str, tuple[Form, ...]]] = {
    "other": (_OTHER,),
    "one": (_ONE, _OTHER),
    "one-zero": (Form("one", numbers=(0, 1)), _OTHER),
    "icelandic": (_ENDS_IN_ONE, _OTHER),
    "balkan": (_ENDS_IN_ONE, _ENDS_IN_FEW, _OTHER),
    "slavic": (_ENDS_IN_ONE, _ENDS_IN_FEW, _MANY, _OTHER),
    "polish": (_ONE, _ENDS_IN_FEW, _MANY, _OTHER),
    "czech": (_ONE, Form("few", numbers=(2, 3, 4)), _OTHER),
    "slovene": (Form("one", endings=(1,)), Form("two", endings=(2,)), Form("few", endings=(3, 4)), _OTHER),
    "lithuanian": (_ENDS_IN_ONE, Form("few", endings=_ending_in(*range(2, 10))), _OTHER),
    "latvian": (Form("zero", endings=_ending_in(0).union(_TEENS)), _ENDS_IN_ONE, _OTHER),
    "romanian": (_ONE, Form("few", numbers=(0,), endings=range(1, 20)), _OTHER),
    "maltese": (_ONE, _TWO, Form("few", (0,), range(3, 11)), Form("many", endings=_TEENS), _OTHER),
    "irish": (_ONE, _TWO, Form("few", numbers=range(3, 7)), Form("many", numbers=range(7, 11)), _OTHER),
    "welsh": (Form("zero", (0,)), _ONE, _TWO, Form("few", (3,)), Form("many", (6,)), _OTHER),
    "hebrew": (_ONE, _TWO, _OTHER),
    "arabic": (
        *(Form("zero", (0,)), _ONE, _TWO, Form("few", endings=range(3, 11))),
        *(Form("many", endings=range(11, 100)), _OTHER),
    ),
}
"""Each family's forms: the first that is a number's decides. Every language has an "other": where no whole
number comes that far, it is for fractions."""


def forms_of(family: str) -> tuple[str, ...]:
    """Return the names of the forms that a family's languages have."""
    return tuple(form.name for form in FAMILIES[family])


def form_of(family: str, n: int) -> str:
    """Return the name of the form that `n`, 0 or more, takes in a family: "one", "few", "other" …"""
    return next(form.name for form in FAMILIES[family] if n in form.numbers or n % 100 in form.endings)
