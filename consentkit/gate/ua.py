"""The browser's family, and nothing finer: a lazy edge to user-agents (design §3.10)."""

from functools import lru_cache

LONGEST = 512
"""A header beyond this is cut: parsing time grows with its length."""


@lru_cache(maxsize=1024)
def family(user_agent: str) -> str:
    """Return a coarse browser family such as "Firefox", or "Other"; never versions or devices."""
    from user_agents import parse  # 100 ms of import, so only when first needed

    return str(parse(user_agent[:LONGEST]).browser.family)
