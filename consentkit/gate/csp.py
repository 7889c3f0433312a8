"""How a page's Content-Security-Policy lets consentkit's script in (CSP Level 3, 6.8.3 and 6.7.2)."""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass

from consentkit.gate.headers import Headers

NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_=-]+)'", re.IGNORECASE)
SCRIPT_DIRECTIVES = ("script-src-elem", "script-src", "default-src")
"""Which directive governs script elements: the first of these that a policy has."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What a page's policies, taken together, let in: an inline script, a nonce, a file of the site's own."""

    inline: bool
    nonce: str | None
    file: bool

    @property
    def refused(self) -> bool:
        """True if the policies leave no way in."""
        return not (self.inline or self.file)


UNRESTRICTED = Admission(inline=True, nonce=None, file=True)


def admission(headers: Headers, hashes: Container[str] = frozenset()) -> Admission:
    """Return how a page with these answer headers lets a script in.

    `hashes` are the sources that name the script itself, such as `'sha256-…'`, if it stands inline. Each of
    the policies has to agree; one that says nothing of scripts does.
    """
    fields = [value.decode("latin-1") for name, value in headers if name == b"content-security-policy"]
    if not fields:
        return UNRESTRICTED
    governing = [found for field in fields for policy in field.split(",") if (found := _sources(policy))]
    nonces = [_nonces(sources) for sources in governing]
    offered = [nonce for each in nonces for nonce in each]
    # The one that most of the policies know; any will do where none is in all of them.
    nonce = max(offered, key=lambda one: sum(one in each for each in nonces), default=None)
    inline = all(nonce in _nonces(sources) or _inline(sources, hashes) for sources in governing)
    file = all(nonce in _nonces(sources) or _own_file(sources) for sources in governing)
    return Admission(inline=inline, nonce=nonce, file=file)


def _sources(policy: str) -> list[str]:
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        directives.setdefault(name.lower(), sources or ["'none'"])
    return next((directives[name] for name in SCRIPT_DIRECTIVES if name in directives), [])


def _nonces(sources: Iterable[str]) -> list[str]:
    return [found[1] for source in sources if (found := NONCE.fullmatch(source))]


def _inline(sources: Iterable[str], hashes: Container[str]) -> bool:
    if any(_hash(source) in hashes for source in sources):
        return True
    # A nonce, a hash or 'strict-dynamic' takes the effect from 'unsafe-inline' (CSP Level 3, 6.7.3.2).
    keywords = [source.lower() for source in sources]
    strict = any(word.startswith(("'nonce-", "'sha", "'strict-dynamic'")) for word in keywords)
    return "'unsafe-inline'" in keywords and not strict


def _hash(source: str) -> str:
    """A hash source with its algorithm in lower case, and in the plain alphabet of base64."""
    name, dash, digest = source.partition("-")
    return name.lower() + dash + digest.replace("-", "+").replace("_", "/")


def _own_file(sources: list[str]) -> bool:
    lower = [source.lower() for source in sources]
    if "'strict-dynamic'" in lower:
        return False
    # A host or scheme may well be this site's.
    return "'self'" in lower or any(not source.startswith("'") for source in lower)
