"""How other consent tools mark what must wait, for sites that come from one: read as our own marks are.

A policy lists the tools whose marks its pages hold (`pages.aliases`). Each tool names its categories in its
own words; where it names a service instead, the service is looked up among those that the policy declares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


def _words(**names: str) -> Mapping[str, str]:
    return {name: category for category, text in names.items() for name in text.split()}


_COMMON: Final = _words(
    necessary="necessary essential required strictly-necessary strictly_necessary",
    preferences="preferences functional functionality personalization",
    analytics="analytics statistics statistics-anonymous performance measurement",
    marketing="marketing targeting advertising advertisement ads social",
)


@dataclass(frozen=True, slots=True)
class Alias:
    """One tool's marks.

    `attribute` holds the names, between blanks or commas, each behind `prefix` and, if `joint` is set,
    several of them put together by it. `categories` says which of ours each means; with `services` they
    name services. `sources` are the tool's names for our `data-src`, `script_type` its own for `text/plain`.
    """

    attribute: str
    categories: Mapping[str, str] = field(default_factory=lambda: _COMMON)
    prefix: str = ""
    joint: str = ""
    sources: tuple[str, ...] = ()
    script_type: str = ""
    services: bool = False


ALIASES: Final[Mapping[str, Alias]] = {
    "biscuitman": Alias("data-consent"),
    # What it calls functional it never blocks.
    "complianz": Alias(
        "data-category",
        {**_COMMON, **_words(necessary="functional required")},
        sources=("data-src-cmplz", "data-cmplz-src"),
    ),
    "cookie-consent-bundle": Alias("data-consent-category", sources=("data-consent-src",)),
    "cookiebot": Alias(
        "data-cookieconsent",
        {**_COMMON, **_words(necessary="ignore")},
        sources=("data-cookieblock-src",),
    ),
    # vanilla-cookieconsent up to its version 2.
    "cookieconsent": Alias("data-cookiecategory"),
    "cookieyes": Alias("data-cookieyes", prefix="cookieyes-"),
    "didomi": Alias("data-vendor", services=True, script_type="didomi/javascript"),
    "iubenda": Alias(
        "data-iub-purposes",
        _words(necessary="1", preferences="2 3", analytics="4", marketing="5"),
        sources=("data-suppressedsrc", "suppressedsrc"),
    ),
    "klaro": Alias("data-name", services=True, script_type="opt-in"),
    "onetrust": Alias(
        "class",
        # The numbers are those of its older pages.
        _words(necessary="c0001 1", analytics="c0002 2", preferences="c0003 3", marketing="c0004 c0005 4 5"),
        prefix="optanon-category-",
        joint="-",
    ),
    "probo": Alias("data-cookie-consent"),
    "usercentrics": Alias("data-usercentrics", sources=("data-uc-src", "uc-src"), services=True),
    "vanilla-cookieconsent": Alias("data-category"),
}
"""The tools whose marks can be read, by the names that `pages.aliases` may list."""
