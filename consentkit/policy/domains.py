"""The domains a cookie may be set on: which part of a host's name is one registrant's (E13, RFC 6265bis 5.7).

Read from the Public Suffix List as the package `publicsuffixlist` ships it, its private section included, as
browsers do: `github.io` and an S3 endpoint are nobody's own. The list is read when it is first asked.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from consentkit.policy.memory import remembered
from consentkit.policy.urls import split_url

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

LONGEST_HOST: Final = 253
"""Characters of a name in the DNS, without the dot that may end it (RFC 1035, 2.3.4)."""

_DOMAIN: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_PARTS_OF_A_URL: Final = frozenset("/\\?#@:%\t\n\r ")


@remembered(1024)
def registrable(host: str) -> str | None:
    """Return the registrable domain of `host`, in ASCII and lower case, without a dot at its end.

    `host` without port, in Unicode or Punycode. None where there is none: an IP address, a single label, a
    public suffix, and whatever is no host name. A name below a top-level domain that the list doesn't know
    has two labels.
    """
    name = _canonical(host)
    return _suffixes().privatesuffix(name) if name is not None else None


@remembered(256)
def cookie_domains(host: str) -> tuple[str, ...]:
    """Return every domain that a cookie which comes with requests to `host` may have been set on.

    First "", which stands for the host alone; then the host and each parent up to the registrable domain.
    Browsers take no cookie for a wider one. A host written with a dot at its end only gets cookies of domains
    that end so too (RFC 6265bis 5.1.3), so these do.
    """
    widest = registrable(host)
    name = _canonical(host)
    if widest is None or name is None:
        return ("",)
    dot = "." if host.endswith(".") else ""
    labels = name.split(".")
    depth = len(labels) - widest.count(".")
    return ("", *(".".join(labels[start:]) + dot for start in range(depth)))


def choice_domain(host: str, wanted: str | Sequence[str]) -> str:
    """Return the Domain that the cookies of a choice made on `host` get; "" for the host alone (E13).

    `wanted` is a policy's `cookies.domain`: "site" for the registrable domain, "host", or a list of domains,
    of which the narrowest counts that the host lies in.
    """
    # Browsers would refuse a domain without the final dot, and with it visitors would share nothing.
    if wanted == "host" or host.endswith("."):
        return ""
    if wanted == "site":
        return registrable(host) or ""
    return next((domain for domain in cookie_domains(host) if domain and domain in wanted), "")


def is_shareable(domain: str) -> bool:
    """Return whether `domain`, as it is written, can be a cookie's Domain: lower-case ASCII, a registrable
    domain or below one.
    """
    return (
        bool(_DOMAIN.fullmatch(domain)) and _canonical(domain) == domain and registrable(domain) is not None
    )


def _canonical(host: str) -> str | None:
    """A host's name as browsers compare it (WHATWG URL, 3.5); None for an address or what is no name."""
    if not _PARTS_OF_A_URL.isdisjoint(host):
        return None
    address = split_url(f"//{host}")
    if address is None or address.is_ip or not 0 < len(address.host) <= LONGEST_HOST:
        return None
    return None if "" in address.host.split(".") else address.host


@cache
def _suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
