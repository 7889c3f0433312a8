"""How a page's Content-Security-Policy lets consentkit's script in (CSP Level 3, 6.8.3 and 6.7.2)."""

import re
from collections.abc import Iterable
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


def admission(headers: Headers) -> Admission:
    """Return how a page with these answer headers lets a script in."""
    fields = [value.decode("latin-1") for name, value in headers if name == b"content-security-policy"]
    governing = [found for field in fields for policy in field.split(",") if (found := _sources(policy))]
    nonces = [_nonces(sources) for sources in governing]
    shared = [nonce for nonce in nonces[0] if all(nonce in each for each in nonces)] if nonces else []
    nonce = next(iter(shared), None) or next((each[0] for each in nonces if each), None)
    file = all(nonce in _nonces(sources) or _own_file(sources) for sources in governing)
    return Admission(inline=bool(shared) or not fields, nonce=nonce, file=file)


def _sources(policy: str) -> list[str]:
    directives: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        directives.setdefault(name.lower(), sources or ["'none'"])
    return next((directives[name] for name in SCRIPT_DIRECTIVES if name in directives), [])


def _nonces(sources: Iterable[str]) -> list[str]:
    return [found[1] for source in sources if (found := NONCE.fullmatch(source))]


def _own_file(sources: list[str]) -> bool:
    lower = [source.lower() for source in sources]
    if "'strict-dynamic'" in lower:
        return False
    # A host or scheme may well be this site's.
    return "'self'" in lower or any(not source.startswith("'") for source in lower)
