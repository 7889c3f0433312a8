"""What each field of a policy document has to be, in words: what a mistake in it is answered with."""

from collections.abc import Mapping
from typing import Final

from consentkit.policy import banner, exempt, hooks, tables
from consentkit.policy.bounds import LIMITS, REGIME_LIMITS, Limit
from consentkit.policy.registry import LINE_MAX

_LANGUAGES = "a list of one language or more"


def _months(limit: Limit) -> str:
    return f"a whole number from {limit.least} to {limit.most} ({limit.why})"


WANTED: Final[Mapping[str, str]] = {
    "site": "a table",
    "site.name": f"a line of text of 1 to {LINE_MAX} characters",
    "site.controller": "a line of text",
    "site.contact": "a line of text of 3 characters or more",
    "site.policy_url": "an http or https URL, or a path on this site, from /",
    "site.languages": _LANGUAGES,
    "site.languages.*": "a language",
    "site.default_language": "a language",
    "pages": "a table",
    "pages.third_parties": "one of two words",
    "pages.allow": "a list of hosts",
    "pages.allow.*": "a host such as cdn.example.com or *.example.com",
    "pages.aliases": "a list of tools",
    "pages.aliases.*": "a tool whose marks are read",
    "pages.unreadable": "one of two words",
    "pages.guard": "true or false",
    **banner.WANTED,
    "lifetimes": "a table",
    **{f"lifetimes.{field}": _months(limit) for field, limit in LIMITS.items()},
    "regime": "a regime that is known",
    "regimes": "a table of regimes",
    "regimes.*": "a table",
    "regimes.*.[key]": "a regime that is known",
    **{f"regimes.*.{field}": _months(limit) for field, limit in REGIME_LIMITS.items()},
    **tables.WANTED,
    **hooks.WANTED,
    **exempt.WANTED,
    "categories": "a list of one category or more",
    "categories.*": "a category a visitor can be asked about",
    "services": "a list of services",
    "texts": "a table of languages",
    "texts.*": "a table of texts",
}
"""By the field's path, `*` for any number in a list."""
