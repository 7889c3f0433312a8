"""The browser's family, and nothing finer: a lazy edge to user-agents (design §3.10)."""

from functools import lru_cache

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


def family(user_agent: str) -> str:
    """Return a coarse browser family such as "Firefox", or "Other"; never versions or devices."""
    return _family(user_agent[:LONGEST])


@lru_cache(maxsize=1024)
def _family(user_agent: str) -> str:
    from user_agents import parse  # 100 ms of import, so only when first needed

    found = str(parse(user_agent).browser.family)
    return found if found in FAMILIES else OTHER
