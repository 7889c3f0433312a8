"""Other consent tools whose own script a page still loads: two ask twice, and neither knows the other.

Their marks (`aliases`) may stay; it is the script itself that has to go.
"""

import re
from contextlib import suppress
from html.parser import HTMLParser
from typing import Final, NamedTuple


def _loaded(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, parts)), re.IGNORECASE)


LOADED: Final = {
    "Axeptio": _loaded("static.axept.io/"),
    "Borlabs Cookie": _loaded("/borlabs-cookie/"),
    "c15t": _loaded("/@c15t/"),
    "Complianz": _loaded("/complianz-gdpr"),
    "consentmanager": _loaded("consentmanager.net/"),
    "Cookiebot": _loaded("consent.cookiebot.com/", "consent.cookiebot.eu/", "consentcdn.cookiebot."),
    "CookieFirst": _loaded("consent.cookiefirst.com/"),
    "Cookie Information": _loaded("policy.app.cookieinformation.com/"),
    "Cookie Script": _loaded("cdn.cookie-script.com/"),
    "CookieYes": _loaded("cdn-cookieyes.com/", "/cookie-law-info/"),
    "Didomi": _loaded("sdk.privacy-center.org/"),
    "Google Funding Choices": _loaded("fundingchoicesmessages.google.com/"),
    "InMobi Choice": _loaded("cmp.inmobi.com/", "cmp.quantcast.com/", "quantcast.mgr.consensu.org/"),
    "iubenda": _loaded("cdn.iubenda.com/cs/", "cs.iubenda.com/", "iubenda_cs.js"),
    "Klaro": re.compile(r"[/@]klaro(?:-no-[a-z-]+)?(?:\.min)?\.m?js|/klaro@|cdn\.kiprotect\.com/"),
    "OneTrust": _loaded("cdn.cookielaw.org/", "cookie-cdn.cookiepro.com/", "otSDKStub.js", "OtAutoBlock.js"),
    "Osano": re.compile(r"cmp\.osano\.com/|/cookieconsent\.min\.js|(?<!/orestbida)/cookieconsent@3"),
    "Sourcepoint": _loaded("cdn.privacy-mgmt.com/", "/wrapperMessagingWithoutDetection.js"),
    "tarteaucitron": re.compile(r"\btarteaucitron(?:\.min)?\.js|/tarteaucitronjs"),
    "Termly": _loaded("app.termly.io/"),
    "TrustArc": _loaded("consent.trustarc.com/", "consent.truste.com/"),
    "Usercentrics": _loaded("usercentrics.eu/"),
    "vanilla-cookieconsent": re.compile(
        r"/cookieconsent\.(?:umd|esm)\.js|/(?:vanilla-|orestbida/)cookieconsent"
    ),
}
"""What an address on a page holds that is such a tool's."""

LONGEST: Final = 100
"""Characters of an address that are shown."""

_STRING: Final = re.compile(r"[\"'`]([^\"'`\s]+)")


class Leftover(NamedTuple):
    """A tool, and the address that a page has of it."""

    tool: str
    address: str


def leftovers(page: str) -> list[Leftover]:
    """Return the other consent tools whose script an HTML page loads, each once, in the page's order.

    What is read are the attributes of scripts and links, and the strings in scripts that hold an address.
    """
    reader = _Reader()
    with suppress(AssertionError):  # html.parser's, of a declaration that it can't make out
        reader.feed(page)
        reader.close()
    first: dict[str, Leftover] = {}
    for address in reader.addresses:
        for tool, pattern in LOADED.items():
            if pattern.search(address):
                first.setdefault(tool, Leftover(tool, address[:LONGEST]))
    return [*first.values()]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link"):  # any attribute: what waits for an answer has its address elsewhere
            self.addresses += (value for _, value in attrs if value)

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.addresses += _STRING.findall(data)
