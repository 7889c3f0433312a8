"""What is said to vendors of a visitor's choice, in their own words: in addition to blocking, never instead.

The rows are in `hooks.json`, each with the page of its vendor that says so. A policy keeps those of the
services that it declares, in the modes that its table `consent_mode` asks for; the browser says them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, Field, TypeAdapter, model_validator

from consentkit.errors import Problem
from consentkit.policy.registry import Category, shown
from consentkit.policy.tables import STRICT

FIELD: Final = "hooks"
PHASES: Final = ("default", "update", "granted", "denied")
# fmt: off
EUROPE: Final = frozenset((
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT",
    "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK", "IS", "LI", "NO", "GB", "CH",
))
# fmt: on
"""Where Google itself wants to be told: the European Economic Area, the United Kingdom and Switzerland."""

_WHEN: Final = {
    "default": "before anything else:",
    "update": "with each choice:",
    "granted": "allowed:",
    "denied": "no longer allowed:",
}
WANTED: Final = {
    "consent_mode": "a table",
    "consent_mode.google": "one of two words",
    "consent_mode.regions": "a list of codes",
    "consent_mode.regions.*": "a code of ISO 3166 such as FR or US-CA",
    "consent_mode.matomo": "one of three words",
}
_ELSEWHERE: Final = frozenset({"us", "br", "ca-qc"})
_WITHOUT_COOKIES: Final = "EDPB Guidelines 2/2023, v2.0: what is read without cookies is within ePrivacy 5(3)"
_REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_NAMED: Final = re.compile(r'(?<=[{,])"(\w+)":')
_ANSWER: Final = re.compile(r'"([@?])(\w+)"')
_STATES: Final = {"@": '?"granted":"denied"'}
_NAME = r"[A-Za-z_$][\w$]*"
Path = Annotated[str, Field(pattern=rf"^{_NAME}(\.{_NAME})*$")]


class Word(BaseModel):
    """One call of a function of the page's, or one value that it is given, by its path from the window.

    In `given`, the text `@marketing` stands for "granted" or "denied", `?marketing` for true or false.
    """

    model_config = STRICT

    call: Path | None = None
    set: Path | None = None
    given: list[Any] = []

    @model_validator(mode="after")
    def _does_one_thing(self) -> "Word":
        if (self.call is None) == (self.set is None) or (self.set and len(self.given) != 1):
            raise ValueError("either calls something, or sets something to one value")
        return self

    @property
    def text(self) -> str:
        """The word as JavaScript, in which a category's id stands for whether it is allowed."""
        given = orjson.dumps(self.given)[1:-1].decode("ascii")
        given = _NAMED.sub(r"\1:", given)
        given = _ANSWER.sub(lambda said: said[2] + _STATES.get(said[1], ""), given)
        return f"{self.call}({given})" if self.call else f"{self.set}={given}"


class Hook(BaseModel):
    """What one tool of a vendor understands.

    `made`: who makes what the words go to: pages' starter, before anything else; ourselves, as a list
    (`array`) or as a function that keeps its calls (`function`), either of which the vendor's own snippet
    takes over; the vendor's `snippet` alone, which does nothing where somebody else did; or whatever the
    `page` does, and then nothing is said where it isn't there (`ready`: nor before this event). `default` is
    said once and first, `update` after each choice, `granted` or `denied` as `category` is, a service's own
    unless stated. `mode` is one of several, which a policy's table says under `tool`. Services in `early`
    aren't blocked in it. `none` says why there is nothing to say.
    """

    model_config = STRICT

    name: str
    source: str = Field(pattern="^https://")
    services: list[str] = Field(min_length=1)
    tool: Literal["", "google", "matomo"] = ""
    mode: str = ""
    made: Literal["starter", "array", "function", "snippet", "page"] = "page"
    ready: str = ""
    category: Category | None = None
    early: list[str] = []
    default: list[Word] = []
    update: list[Word] = []
    granted: list[Word] = []
    denied: list[Word] = []
    none: str = ""

    @model_validator(mode="after")
    def _says_something_or_why_not(self) -> "Hook":
        if any(self.words(phase) for phase in PHASES) == bool(self.none):
            raise ValueError("has words, or says why there are none")
        if not set(self.early) <= set(self.services):
            raise ValueError("early names services that the words aren't for")
        return self

    def words(self, phase: str) -> list[Word]:
        """The words of one phase (PHASES)."""
        words: list[Word] = getattr(self, phase)
        return words

    def lines(self) -> Iterator[str]:
        """Yield the exact words, phase by phase, as they are told to people."""
        yield f"{self.name} ({self.source})"
        if self.tool:
            yield f'  where the policy says so: [consent_mode] {self.tool} = "{self.mode}"'
        if self.none:
            yield f"  {self.none}"
        for phase in PHASES:
            for word in self.words(phase):
                yield f"  {_WHEN[phase]:<22} {word.text}"

    def plain(self) -> dict[str, Any]:
        """Return the row as lists and dicts, without what isn't stated."""
        return self.model_dump(exclude_defaults=True)


# §3.1, L15
class ConsentMode(BaseModel):
    """What vendors are told beside being blocked, where they know several ways.

    `google`: tags wait for a yes (`basic`), or load before it and send what takes no cookie (`advanced`).
    `regions`, with `advanced` alone: the places where Google's tags begin with a no; elsewhere they begin
    with a yes. `matomo`: nothing is sent without a yes (`consent`), no cookie is used (`cookieless`), or
    Matomo isn't told anything (`none`).
    """

    model_config = STRICT

    google: Literal["basic", "advanced"] = "basic"
    regions: list[str] = []
    matomo: Literal["consent", "cookieless", "none"] = "consent"


def consent_mode_problems(table: object) -> Iterator[Problem]:
    """Yield what is wrong between the fields of a `consent_mode` table, each of which may be right."""
    regions = table.get("regions") if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(regions, list):
        return
    if regions and table.get("google") != "advanced":
        yield Problem("consent_mode.regions", "says nothing in basic mode: there the tags wait for a yes")
    for place, region in enumerate(regions):
        if isinstance(region, str) and (region == "EU" or not _REGION.fullmatch(region)):
            wanted = "a code of ISO 3166-1 or 3166-2; EU is none, list its countries"
            yield Problem(f"consent_mode.regions.{place}", f"is {shown(region)}", (wanted,))


@cache
def known_hooks() -> tuple[Hook, ...]:
    """Return what this package knows of vendors' words, in the order in which they are said."""
    text = (files("consentkit.policy") / "hooks.json").read_bytes()
    return tuple(TypeAdapter(list[Hook]).validate_json(text))


def hooks_of(services: Iterable[str], mode: ConsentMode) -> list[Hook]:
    """Return the rows that hold for declared services in the modes asked for, each of its own ones only."""
    declared = set(services)
    chosen = {"google": mode.google, "matomo": mode.matomo, "": ""}
    hooks = []
    for hook in known_hooks():
        ours, early = ([each for each in ids if each in declared] for ids in (hook.services, hook.early))
        if ours and hook.mode == chosen[hook.tool]:
            regional = _regional(hook, mode.regions) if hook.early and mode.regions else hook
            hooks.append(regional.model_copy(update={"services": ours, "early": early}))
    return hooks


def _regional(hook: Hook, regions: list[str]) -> Hook:
    """The row with its first default for some regions, and one for everywhere else behind it."""
    default, *flags = hook.default
    verb, phase, states = default.given
    everywhere = {key: "granted" if state == "denied" else state for key, state in states.items()}
    here, there = ([verb, phase, given] for given in ({**states, "region": sorted(regions)}, everywhere))
    words = [default.model_copy(update={"given": given}) for given in (here, there)]
    return hook.model_copy(update={"default": [*words, *flags]})


def hooks_from(rows: Iterable[Mapping[str, Any]]) -> tuple[Hook, ...]:
    """Return the rows that a policy was stored with; raises ValueError for any other."""
    return tuple(Hook(**row) for row in rows)


def findings_on(hooks: Iterable[Hook], regimes: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what an authority or the vendor says of a policy's words: the place, a message, who says so.

    `regimes` are those that the policy tells apart; where none is European, nothing is said.
    """
    if _ELSEWHERE.issuperset(regimes):
        return
    for hook in hooks:
        if hook.early:
            tags = f"the tags of {', '.join(hook.early)} load before any choice"
            sent = "send each visitor's address, browser and page to Google"
            message = f"is advanced: {tags} and {sent}; in the EEA and the UK that takes a consent as well"
            yield "consent_mode.google", message, _WITHOUT_COOKIES
            left = _left_out(hook)
            if left:
                message = f"leaves out {', '.join(left)}: there Google's tags begin with a yes nobody gave"
                yield "consent_mode.regions", message, "Google, EU user consent policy"


def _left_out(hook: Hook) -> list[str]:
    regions = hook.default[0].given[2].get("region", EUROPE)
    return sorted(EUROPE.difference(regions))
