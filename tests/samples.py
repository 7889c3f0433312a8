"""How much of what is generated, or tried in many variants, a run looks at."""

from typing import Any

import pytest
from hypothesis import settings


def samples(most: int, **more: Any) -> settings:
    """A property test's settings: `most` examples with `--full`, or where that sets nothing a quarter."""
    few = settings.default is not None and settings.default.derandomize
    return settings(max_examples=most // 4 if few else most, deadline=None, **more)


def first(*cases: Any) -> list[Any]:
    """The cases of a parametrized test, of which all but the first come with `--full` alone."""
    return [cases[0], *(pytest.param(*_values(case), marks=pytest.mark.variant) for case in cases[1:])]


def _values(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)
