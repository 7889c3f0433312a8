"""One policy version made ready to serve: its notices, starter, files, matcher and manifest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from consentkit.assets import SERVED, WORDS, Asset, asset, served_assets
from consentkit.front import kernel_script, starter_script, words_script
from consentkit.guard import guard_script, ways_script
from consentkit.policy.match import Matcher
from consentkit.policy.notice import stored_notice
from consentkit.policy.registry import Service
from consentkit.policy.rendering import stored_rendering
from consentkit.policy.version import REWRITER, Policy
from consentkit.policy.whose import Whose, rules_of
from consentkit.release import __version__

DRAWING = (
    "preferences.js",
    "preferences.css",
    "placeholders.js",
    "placeholders.css",
    "page.html",
    "page.css",
)
"""What draws the layers of every site, beside the files of its banner's form."""
UNDECLARED = ""
"""The browser's category of a service that the site never told its visitors about: never allowed."""


@dataclass(frozen=True)
class Edition:
    """What every visitor of one policy version is served; `manifest` names each part by its SHA-256, and
    the software that made it. `accounts`: signed-in visitors' answers count on all their devices (L11)."""

    policy: Policy
    prefix: str
    matcher: Matcher = field(repr=False)
    whose: Whose = field(repr=False)
    notices: Mapping[str, Asset] = field(repr=False)
    starter: Asset = field(repr=False)
    guard: Asset | None = field(repr=False)
    served: Mapping[str, Asset] = field(repr=False)
    renderings: Mapping[str, Asset] = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)
    accounts: bool = False

    def documents(self) -> Iterable[Asset]:
        """Yield what must be in the log before this edition is served (L9, Q2, Q7)."""
        yield asset("policy.json", self.policy.body)
        yield from self.served.values()
        yield from self.renderings.values()
        yield _form_template()

    @property
    def starter_address(self) -> str:
        """Where the starter is served as a file, for pages whose own policy forbids inline scripts."""
        return f"{self.prefix}/static/{self.starter.served_name}"

    @property
    def guard_address(self) -> str | None:
        """Where the guard is served, always as a file, if the policy asks for it."""
        return f"{self.prefix}/static/{self.guard.served_name}" if self.guard is not None else None

    def rules(self, host: str) -> Whose:
        """Return what is blocked on pages of `host`, a request's `Host` header: always the same object."""
        return self.whose.at(host)

    def category_of(self, service_id: str) -> str:
        """Return the category that governs a service here; UNDECLARED for one the site doesn't list."""
        return self.policy.category_of(service_id) or UNDECLARED


def compile_edition(
    policy: Policy,
    prefix: str,
    environment: str | None = None,
    *,
    accounts: bool = False,
    unsettled: bool = False,
) -> Edition:
    """Return `policy` ready to serve below `prefix` (such as `/consent`).

    `environment`, such as `production`, is stated in the manifest, which each answer names (H12).
    `unsettled`: who a visitor is may change from page to page, as it may where there are `accounts`.
    """
    words = {
        locale: stored_notice(policy, locale, prefix, accounts=accounts) for locale in policy.site.languages
    }
    notices = {locale: asset(f"notice-{locale}.json", notice) for locale, (notice, _) in words.items()}
    details = [asset(f"details-{locale}.json", body) for locale, (_, body) in words.items()]
    spoken = [asset(WORDS, words_script(policy))] if policy.hooks else []
    files_ = [*served_assets((*_form(policy), *SERVED)), *details, *spoken]
    kernel = asset("kernel.js", kernel_script(policy, prefix, (*files_, *notices.values())))
    starter = asset("starter.js", starter_script(policy, prefix, kernel, unsettled=accounts or unsettled))
    ways = asset("ways.js", ways_script(policy, prefix))
    guard = asset("guard.js", guard_script(policy, prefix, ways)) if policy.pages.guard else None
    scripts = (starter, kernel) if guard is None else (starter, kernel, guard, ways)
    served = {item.served_name: item for item in (*files_, *notices.values(), *scripts)}
    matcher = Matcher(held_back(policy))
    renderings = _renderings(policy, prefix, served.values(), accounts=accounts)
    where = {"environment": environment} if environment else {}
    manifest = _manifest(notices, renderings, served) | where
    return Edition(
        *(policy, prefix, matcher, rules_of(policy), notices, starter, guard, served, renderings, manifest),
        accounts=accounts,
    )


def held_back(policy: Policy) -> list[Service]:
    """Return every service that needs consent, declared or merely known."""
    everything = (*policy.services.values(), *policy.known.values())
    return [service for service in everything if service.category != "necessary"]


def _form(policy: Policy) -> tuple[str, ...]:
    return (*policy.banner.files, *(policy.banner.corner or ()))


def _renderings(policy: Policy, prefix: str, served: Iterable[Asset], *, accounts: bool) -> dict[str, Asset]:
    """What each notice looks like, layer by layer, once these files draw it."""
    drawing = (*_form(policy), *DRAWING)
    code = {part.name: part.sha256 for part in (*served, _form_template()) if part.name in drawing}
    return {
        locale: asset(
            f"rendering-{locale}.json", stored_rendering(policy, locale, prefix, code, accounts=accounts)
        )
        for locale in policy.site.languages
    }


def _manifest(
    notices: Mapping[str, Asset], renderings: Mapping[str, Asset], served: Mapping[str, Asset]
) -> dict[str, Any]:
    parts = [*served.values(), _form_template()]
    return {
        "notices": {locale: notice.sha256 for locale, notice in notices.items()},
        "renderings": {locale: rendering.sha256 for locale, rendering in renderings.items()},
        "files": {part.name: part.sha256 for part in parts},
        "software": {"consentkit": __version__, "rewriter": REWRITER},
    }


def _form_template() -> Asset:
    return asset("page.html", (files("consentkit") / "gate" / "templates" / "page.html").read_bytes())
