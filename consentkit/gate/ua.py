"""A browser's family, and whether it is one: a lazy edge to user-agents, and nothing finer (design §3.10)."""

from functools import lru_cache
from typing import NamedTuple

from consentkit.gate.headers import Headers

LONGEST = 512
"""A header beyond this is cut: parsing time grows with its length."""

FAMILIES = frozenset(
    {
        "Android",
        "Brave",
        "Chrome",
        "Chrome Mobile",
        "Chrome Mobile WebView",
        "Chrome Mobile iOS",
        "ChromeOS",
        "Chromium",
        "DuckDuckGo",
        "DuckDuckGo Mobile",
        "Edge",
        "Edge Mobile",
        "Epiphany",
        "Firefox",
        "Firefox Focus",
        "Firefox Mobile",
        "Firefox iOS",
        "Googlebot",
        "HeadlessChrome",
        "IE",
        "Konqueror",
        "Mobile Safari",
        "Mobile Safari UI/WKWebView",
        "Opera",
        "Opera Mini",
        "Opera Mobile",
        "Safari",
        "Samsung Internet",
        "SeaMonkey",
        "UC Browser",
        "Vivaldi",
        "Whale",
        "Yandex Browser",
        "bingbot",
        "curl",
    }
)
"""A closed list: an application may put anything, even a person's name, where others name a browser."""

OTHER = "Other"


class Agent(NamedTuple):
    """What a browser is, coarsely: its family, and whether a program fetches on its own account."""

    family: str
    bot: bool


def family(user_agent: str) -> str:
    """Return a coarse browser family such as "Firefox", or "Other"; never versions or devices."""
    return _agent(user_agent[:LONGEST]).family


def is_bot(headers: Headers) -> bool:
    """Return whether a request says of itself that nobody sits before it, as search engines' do."""
    for name, value in headers:
        if name == b"user-agent":
            return _bot(value[:LONGEST])
    return False


@lru_cache(maxsize=1024)
def _bot(user_agent: bytes) -> bool:
    return _agent(user_agent.decode("latin-1")).bot


@lru_cache(maxsize=1024)
def _agent(user_agent: str) -> Agent:
    from user_agents import parse  # 100 ms of import, so only when first needed

    found = parse(user_agent)
    name = str(found.browser.family)
    return Agent(name if name in FAMILIES else OTHER, bool(found.is_bot))
