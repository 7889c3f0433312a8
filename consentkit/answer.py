"""A visitor's answer, and what may be wrong with it."""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from consentkit.errors import ChoiceError, Problem
from consentkit.policy.decision import ON, Decision, Reason
from consentkit.policy.signals import objections
from consentkit.policy.version import Policy
from consentkit.proof.statement import Occasion
from consentkit.publication import Publications

MECHANISMS = ("banner", "preferences", "reopened", "page", "form", "api", "placeholder")
"""The banner's first layer, its second; the second as the visitor opened it again; a button of the site's
own; the page that works without JavaScript; a program; what stands where an embed is blocked."""
ACCEPT_ALL, OPT_OUT, SAVE, ALWAYS = "accept-all", "opt-out", "save", "always"
CONTROLS = (ACCEPT_ALL, OPT_OUT, "reject-all", SAVE, ALWAYS)
DRAWN_OFF = ("preferences", "reopened")
"""Where a box is drawn as what is allowed now: not ticked, whatever was said, while the browser objects."""
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

    def heeding(self, off: Collection[str], said: Container[str], granted: Container[str] = ()) -> "Answer":
        """Return this as it was understood by somebody whose browser objects to the categories `off`.

        To accept all doesn't reach those, nor does an embed's yes, as the visitor was told beforehand: what
        they have `said` of one stays, of any other it is no yes (11 CCR 7025(c)(5)). A box that the signal
        alone keeps from being ticked takes back nothing that they have `granted`.
        """
        if self.control == SAVE and self.mechanism in DRAWN_OFF:
            kept = {c for c, yes in self.choices.items() if c in off and c in granted and not yes}
            return replace(self, choices={c: yes for c, yes in self.choices.items() if c not in kept})
        if self.control not in (ACCEPT_ALL, ALWAYS):
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


def understood(
    answer: Answer, policy: Policy, shown: Policy, before: Decision, signals: Iterable[str]
) -> tuple[Answer, Collection[str]]:
    """Return an answer under `shown` as its visitor meant it, and what it leaves open as `signals` deny it.

    A signal is no answer: it makes no refusal that outlasts it. But where a category is on without an answer,
    or nothing else would be answered, that is how the visitor's own press stands (11 CCR 7025(c)(5)).
    """
    granted = {c for c, why in before.reasons.items() if why is Reason.GRANTED}
    heard = answer.heeding(objections(policy, signals), before.until, granted)
    denied = {c for c, yes in heard.choices.items() if answer.choices[c] and not yes}
    denied = {c for c in denied if shown.kind_of(before.regime, c) not in ON}
    left = {c: yes for c, yes in heard.choices.items() if c not in denied}
    return (replace(heard, choices=left), denied) if left or before.until else (heard, ())


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
