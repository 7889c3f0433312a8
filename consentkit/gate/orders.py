"""The gate's standing orders: what it looks up at every request, worked out once for an edition."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import sha256, sha384, sha512
from html import escape

from consentkit.edition import UNDECLARED, Edition
from consentkit.gate.brought import Brought, ByCookies, ByName, Ends
from consentkit.gate.cookies import cookie_name
from consentkit.gate.csp import UNRESTRICTED, Admission, admission
from consentkit.gate.grants import Grants
from consentkit.gate.headers import Headers
from consentkit.gate.markup import Rules
from consentkit.gate.state import CONSENT_COOKIE, OURS, SEEN_COOKIE, Seal
from consentkit.gate.told import Tell
from consentkit.policy.births import end_told, tells_birth
from consentkit.policy.bounds import NECESSARY_MONTHS
from consentkit.policy.contested import Owners
from consentkit.policy.decision import decide
from consentkit.policy.names import storage_names
from consentkit.policy.periods import end_of
from consentkit.policy.registry import Cookie
from consentkit.policy.version import Policy
from consentkit.recalls import Recalls
from consentkit.tally import Kind

CONSENT, ANCHORS = CONSENT_COOKIE.encode(), SEEN_COOKIE.encode()
CUT = (
    "the site sets a cookie %r that nobody declared, so it is cut (cookies.undeclared is strict): declare it"
    " with @sets_cookie or in a service if the site needs it"
)

Seen = tuple[Kind, str]
Count = Callable[..., None]
"""Takes a policy version, what was seen under it as (kind, name), the instant if known."""
Changed = Callable[[str, Policy], datetime | None]
"""As `Publications.changed`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the policy says of a cookie, by its name.

    need: the category it waits for, None for one that needs no consent. cookie: what a service states about
    it, if one does. months: the most it lives as a tracker, 0 for none. seen: what to count when it is set,
    of one that needs nothing when it passes, of others when they don't.
    """

    need: str | None
    service: str = ""
    cookie: Cookie | None = None
    months: int = 0
    seen: Seen | None = None

    def declared_end(self, now: datetime) -> datetime | None:
        """Return when a cookie set at `now` is over by what is stated of it; None for the session's end."""
        lifetime = self.cookie.lifetime if self.cookie is not None else "session"
        return end_of(lifetime, now, self.months or NECESSARY_MONTHS)


class Orders:
    """One edition as the gate needs it: its entity tags' mark, whose a cookie is, what pages start with."""

    def __init__(
        self, edition: Edition, seal: Seal, tell: Tell, count: Count, recalls: Recalls, changed: Changed
    ) -> None:
        self.edition = edition
        self.seal = seal
        self.tell = tell
        self.version = edition.policy.version
        self.changed = changed
        self.count = partial(count, self.version)
        self.tag = b"-ck" + self.version[:8].encode()
        self.terms = ByName(self._terms)
        self.brought = ByCookies(self._brought)
        self._ends = Ends(self._end_told)
        self.unreadable_passes = edition.policy.pages.unreadable == "pass"
        self.known = edition.policy.known.keys()
        self._owners = Owners(edition.policy)
        self.storage = storage_names(edition.policy.services.values())
        self._strict = edition.policy.cookies.undeclared == "strict"
        self.allowed_to_nobody = decide(edition.policy, {}, None, datetime.min.replace(tzinfo=UTC)).allowed
        self.eager = edition.policy.kinds.keys()
        """The regimes under which something is on before an answer."""
        self.grants = Grants(seal, edition.policy, recalls)
        self._hashes = _csp_hashes(edition.starter.body)
        strict = edition.policy.pages.third_parties == "strict"
        self.everywhere: Rules | None = None if strict else edition.rules("")
        self._starter = lru_cache(maxsize=4)(self._written)
        self.usual_starter = self.starter(UNRESTRICTED, xhtml=False)

    def rules(self, host: str) -> Rules:
        """Return what decides on the pages of a host."""
        return self.edition.rules(host)

    def announces(self, address: str, host: str) -> bool:
        """Return whether contacting an address needs consent, for an answer of a host."""
        rules = self.rules(host)
        return rules.url(address) is not None or rules.host(address) is not None

    def tell_cut(self, terms: Terms) -> None:
        """Tell the operator of a cookie that an answer may not set if that is for being undeclared."""
        if terms.seen is not None and terms.seen[0] == "cut":
            self.tell(CUT, terms.seen[1], of=terms.seen[1])

    def _terms(self, cookie: str) -> Terms:
        policy = self.edition.policy
        stated = self._owners(cookie)
        if stated is not None:
            category = self.edition.category_of(stated.service)
            if category == "necessary":
                return Terms(None, stated.service, stated.cookie)
            blocked: Seen = ("blocked", stated.service)
            return Terms(category, stated.service, stated.cookie, policy.lifetimes.cap(category), blocked)
        if cookie in OURS:
            return Terms(None)
        if self._strict:
            return Terms(UNDECLARED, seen=("cut", cookie))
        return Terms(None, seen=("undeclared", cookie))

    def _brought(self, names: tuple[bytes, ...]) -> Brought[Seen]:
        found = [self.terms[name] for name in names]
        # Those that nobody declared.
        drift = frozenset(each.seen for each in found if each.seen is not None and not each.service)
        births = [
            bool(terms.months) and tells_birth(cookie_name(name))
            for name, terms in zip(names, found, strict=True)
        ]
        needs = [each.need for each in found]
        return Brought(needs, drift, _only(names, CONSENT), _only(names, ANCHORS), births, self._ends)

    def _end_told(self, name: str, value: str) -> float:
        return end_told(name, value, self.terms[name.encode("latin-1")].months)

    def admission(self, headers: Headers) -> Admission:
        """Return how a page with these answer headers lets the starter in."""
        return admission(headers, self._hashes)

    def guards(self, headers: Headers) -> bool:
        """Return whether the guard is on a page with these answer headers."""
        return self.edition.guard is not None and self.admission(headers).file

    def starter(self, way: Admission, *, xhtml: bool) -> bytes:
        """Return the script elements that start consentkit on a page: the guard's, then the starter's.

        Inline where the page's policies let that in, but never in XHTML, where a script's text would be read
        as markup: there, and everywhere else, as a file of our own. The guard is always a file; where a
        page's policies don't let that in, the gate's own blocking is what is left.
        """
        if way.nonce is None:
            return self._starter(inline=way.inline and not xhtml, file=way.file, nonce="")
        return self._written(inline=way.inline and not xhtml, file=way.file, nonce=way.nonce)

    def _written(self, *, inline: bool, file: bool, nonce: str) -> bytes:
        mark = f' nonce="{escape(nonce)}"' if nonce else ""
        guard = self.edition.guard_address
        before = f'<script{mark} src="{escape(guard)}"></script>' if guard is not None and file else ""
        if inline:
            opening = f"{before}<script data-consentkit-starter{mark}>"
            return opening.encode() + self.edition.starter.body + b"</script>"
        address = escape(self.edition.starter_address)
        return f'{before}<script data-consentkit-starter=""{mark} src="{address}"></script>'.encode()


def _only(names: Sequence[bytes], wanted: bytes) -> int | None:
    places = [place for place, name in enumerate(names) if name.strip() == wanted]
    return places[0] if len(places) == 1 else None


def _csp_hashes(script: bytes) -> frozenset[str]:
    """The sources under which a policy may list an inline script (CSP Level 3, 6.7.3.3)."""
    digests = {"sha256": sha256(script), "sha384": sha384(script), "sha512": sha512(script)}
    return frozenset(f"'{name}-{b64encode(digest.digest()).decode()}'" for name, digest in digests.items())
