"""What strangers may make up is worked out each time; what comes back is remembered."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

Fact = TypeVar("Fact")


def remembered(most: int, longest: int = 256) -> Callable[[Callable[[str], Fact]], Callable[[str], Fact]]:
    """Return a decorator for functions of one text: `most` answers are kept, none of a text above `longest`.

    A site's names and hosts are few and short. Anybody may send others, of kilobytes each.
    """

    def decorated(find: Callable[[str], Fact]) -> Callable[[str], Fact]:
        known = lru_cache(maxsize=most)(find)

        @wraps(find)
        def found(text: str) -> Fact:
            return known(text) if len(text) <= longest else find(text)

        return found

    return decorated
