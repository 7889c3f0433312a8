"""What an answer's entry says (requirements §3.7), and a visitor's state read back from it.

What is the same for most answers isn't written again for each category, as every record is kept for years:
`decided` names only what was decided before this entry, `versions` only what was answered under another
policy than the entry's `policy`, `regimes` only whose months are not the strictest's, and `until` has one end
for everything granted and one for everything refused; a category of its own name there ends at another
instant. `basis` says it once, of the `others` that were answered, if there are any.
"""

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consentkit.policy.decision import Choice
from consentkit.policy.months import milliseconds
from consentkit.policy.regimes import UNKNOWN
from consentkit.proof.entry import Kind, Stored

NECESSARY = "necessary"
ANSWERS = (Kind.CHOICE, Kind.WITHDRAWAL, Kind.OPERATOR)
"""The kinds that say yes or no about every category: what a visitor answered, or an operator for them."""
GRANTED, REFUSED, OTHERS = "granted", "refused", "others"
SIGNAL = "signal"
"""What a category's being off rests on that has no answer: it ends with the signal."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """How an answer came about: under which policy version, on which notice, by which control (A9, Q2, Q3).

    edition: the index of the entry that published the notice, with the code that showed it, by its hash, and
        the versions of the software; None for an operator's, who was shown none. control: what was pressed,
    if that is told. client: the visitor's own clock (UTC ms), if that is told: never the time of the entry.
    size: in which layout the notice was shown, `narrow` or `wide`, if that is told.
    signals: what the browser sent beside the answer. scope: `account` for an answer that counts wherever the
    visitor's account is signed in (L11); else it is the browser's own.
    """

    policy: str
    mechanism: str
    regime: str
    edition: int | None = None
    notice: str | None = None
    locale: str | None = None
    control: str | None = None
    client: int | None = None
    size: str | None = None
    signals: tuple[str, ...] = ()
    scope: str | None = None

    def stated(self) -> dict[str, Any]:
        """Return what there is to say."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in members.items() if value not in (None, ())}


def answered(
    occasion: Occasion,
    choices: Mapping[str, Choice],
    ends: Mapping[str, datetime],
    given: Container[str],
    now: datetime,
    previous: int | None,
    bases: Mapping[str, str],
    denied: Collection[str] = (),
) -> dict[str, Any]:
    """Return the statement of an answer given at `now`: a visitor's whole state, and how it came about.

    `ends` are the instants from which each choice no longer counts, `given` the categories answered here and
    now, `previous` the visitor's entry before, `bases` what those answers rest on that are no consent or its
    refusal; `denied` the categories without an answer that a signal kept off: said to be off, on the
    basis `signal`, for this one millisecond, as whoever verifies wants an end: it is no choice.
    """
    here = _second(milliseconds(now))
    instants = {category: milliseconds(choice.decided) for category, choice in choices.items()}
    decided = {c: instant for c, instant in instants.items() if c not in given or instant != here}
    versions = {c: choice.version for c, choice in choices.items() if choice.version != occasion.policy}
    regimes = {c: choice.regime for c, choice in choices.items() if choice.regime != UNKNOWN}
    denied = [category for category in denied if category not in choices]
    others = {OTHERS: "consent"} if choices.keys() - bases.keys() else {}
    return {
        **occasion.stated(),
        "categories": {
            NECESSARY: True,
            **{c: choice.granted for c, choice in choices.items()},
            **dict.fromkeys(denied, False),
        },
        "basis": {NECESSARY: "exempt", **bases, **dict.fromkeys(denied, SIGNAL), **others},
        "until": _ends(choices, ends, decided) | dict.fromkeys(denied, milliseconds(now) + 1),
        **({"decided": decided} if decided else {}),
        **({"versions": versions} if versions else {}),
        **({"regimes": regimes} if regimes else {}),
        "previous": previous,
    }


def _second(t: int) -> int:
    """A choice is made in a whole second: that is what a cookie has room for."""
    return t // 1000 * 1000


def _ends(
    choices: Mapping[str, Choice], ends: Mapping[str, datetime], kept: Container[str]
) -> dict[str, int]:
    until: dict[str, int] = {}
    own = {}
    for category in sorted(choices, key=lambda each: each in kept):  # what is answered here comes first
        end, name = milliseconds(ends[category]), GRANTED if choices[category].granted else REFUSED
        if until.setdefault(name, end) != end:
            own[category] = end
    return until | own


def choices_of(stmt: Mapping[str, Any]) -> dict[str, Choice]:
    """Return the choices in the statement of an answer, by category."""
    decided, versions, regimes = (stmt.get(name, {}) for name in ("decided", "versions", "regimes"))
    # Where the log's clock was ahead, it says what the answer's own clock said.
    here = _second(stmt.get("clock", stmt["t"]))
    return {
        category: Choice(
            granted,
            datetime.fromtimestamp(decided.get(category, here) // 1000, UTC),
            versions.get(category, stmt["policy"]),
            regimes.get(category, UNKNOWN),
        )
        for category, granted in stmt["categories"].items()
        if category != NECESSARY and stmt.get("basis", {}).get(category) != SIGNAL
    }


def end_of(stmt: Mapping[str, Any], category: str) -> int | None:
    """Return from when (UTC ms) a statement's answer about a category no longer counts, if that is told."""
    ends, granted = stmt.get("until", {}), stmt["categories"].get(category)
    end: int | None = ends.get(category, ends.get(GRANTED if granted else REFUSED))
    return end


def newest_answer(records: Iterable[Stored]) -> Stored | None:
    """Return the last answer among a visitor's entries, oldest first; None if all are erased."""
    answers = [each for each in records if each.kind in ANSWERS and each.stmt is not None]
    return answers[-1] if answers else None
