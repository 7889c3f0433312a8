"""What a policy still has from the template of `consentkit init`: nobody's name and address (E14)."""

import re
from collections.abc import Iterator
from typing import Final

from consentkit.policy.registry import shown
from consentkit.policy.version import Policy

SOURCE: Final = "GDPR, art. 13(1)(a): visitors are told who is responsible, and how to reach them"
NAMES: Final = frozenset(("My site", "My Company Ltd"))
# RFC 2606, section 3: nobody has these.
_NOBODY: Final = re.compile(r"@(?:[\w-]+\.)*example\.(?:com|net|org)\b", re.IGNORECASE)


def unfilled(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield (place, message, source) for each name and address that is still the template's."""
    site = policy.site
    said = {"site.name": site.name, "site.controller": site.controller, "site.contact": site.contact}
    said |= {f"services.{service.id}.vendor": service.vendor for service in policy.services.values()}
    for place, text in said.items():
        if text.strip() in NAMES or _NOBODY.search(text):
            yield place, f"is {shown(text)}, as in the template; visitors read it: say your own", SOURCE
