"""A visitor's answer, and what may be wrong with it."""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from consentkit.errors import ChoiceError, Problem
from consentkit.policy.version import Policy
from consentkit.proof.statement import Occasion
from consentkit.publication import Publications

MECHANISMS = ("banner", "preferences", "reopened", "page", "form", "api", "placeholder")
"""The banner's first layer, its second; the second as the visitor opened it again; a button of the site's
own; the page that works without JavaScript; a program; what stands where an embed is blocked."""
ACCEPT_ALL, OPT_OUT = "accept-all", "opt-out"
CONTROLS = (ACCEPT_ALL, OPT_OUT, "reject-all", "save", "always")
SIZES = ("narrow", "wide")
"""How the banner lays itself out on a small screen, and on any other."""
MOST_CLIENT = 253_402_300_799_999
"""The last millisecond of the year 9999."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A visitor's answer as received: yes or no per category, on which notice, by which control (A9).

    `notice`, `control`, `client`, the visitor's own clock (UTC ms), and `size`, the layout that the notice
    had, are None where nobody tells them. `gpc`: the page says that the browser objects, as by its header.
    """

    choices: Mapping[str, bool]
    version: str
    mechanism: str
    locale: str
    control: str | None = None
    notice: str | None = None
    client: int | None = None
    size: str | None = None
    gpc: bool | None = None

    @property
    def is_opt_out(self) -> bool:
        """Whether this only says that nothing is to be sold or shared."""
        return self.control == OPT_OUT and not any(self.choices.values())

    def heeding(self, off: Collection[str], said: Container[str]) -> "Answer":
        """Return this as it was understood by somebody whose browser objects to the categories `off`.

        To accept all doesn't reach those, as the visitor was told beforehand: what they have `said` of one
        stays, of any other it is no yes (11 CCR 7025(c)(5)).
        """
        if self.control != ACCEPT_ALL:
            return self
        left = {c: yes and c not in off for c, yes in self.choices.items() if not (c in off and c in said)}
        return replace(self, choices=left)

    def occasion(
        self, published: Publications, regime: str, signals: Iterable[str], *, account: bool
    ) -> Occasion:
        """Return how this came about: under which regime, beside which signals, for whom it counts."""
        edition, notice = published.shown(self.version, self.locale, self.notice) or (None, None)
        return Occasion(
            policy=self.version,
            mechanism=self.mechanism,
            regime=regime,
            edition=edition,
            notice=notice,
            locale=self.locale,
            control=self.control,
            client=self.client,
            size=self.size,
            signals=tuple(signals),
            scope="account" if account else None,
        )


class StaleGrant(ChoiceError):
    """Nothing that was granted can be: each category has materially changed since it was shown."""


def problems_of(answer: Answer, shown: Policy, published: Publications) -> Iterator[Problem]:
    """Yield all for which an answer can't be recorded under the policy version that it names, `shown`."""
    for category in answer.choices.keys() - set(shown.categories):
        yield Problem(f"choices.{category}", "is not a category this site asks about", shown.categories)
    for category in shown.categories:
        # A placeholder asks about what it needs alone, who opts out of a sale says no more than that: no
        # other answer is made up, or given again.
        alone = answer.choices and (answer.mechanism == "placeholder" or answer.is_opt_out)
        if category not in answer.choices and not alone:
            yield Problem(f"choices.{category}", "is missing; every category needs a yes or a no")
    if answer.locale not in (locales := published.locales(answer.version)):
        yield Problem("locale", f"{answer.locale!r} has no published notice", tuple(locales))
    elif not published.shown(answer.version, answer.locale, answer.notice):
        yield Problem("notice", f"{answer.notice!r} was never published with this version in {answer.locale}")
    if answer.mechanism not in MECHANISMS:
        yield Problem("mechanism", f"{answer.mechanism!r} is unknown", MECHANISMS)
    if answer.control not in (None, *CONTROLS):
        yield Problem("control", f"{answer.control!r} is unknown", CONTROLS)
    if answer.size not in (None, *SIZES):
        yield Problem("size", f"{answer.size!r} is unknown", SIZES)
    if answer.client is not None and not 0 <= answer.client <= MOST_CLIENT:
        yield Problem("client", "must be the milliseconds since 1970 by the visitor's clock")
