"""The tables of a policy document that say how long, and where on the site: lifetimes and cookies."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from consentkit.errors import Problem
from consentkit.policy.bounds import LIMITS, NECESSARY_MONTHS, REGIME_LIMITS, RETENTION_MOST, Limit
from consentkit.policy.bounds import Field as Months
from consentkit.policy.domains import is_shareable
from consentkit.policy.regimes import REGIMES, STRICTNESS, UNKNOWN, Kind, months_in
from consentkit.policy.regimes import Months as Counted
from consentkit.policy.registry import LINE, shown

SCOPES = ("site", "host")

WANTED = {
    "cookies": "a table",
    "cookies.undeclared": "one of two words",
    **{
        f"regimes.*.{each}": f"one of {', '.join(STRICTNESS)}"
        for each in ("preferences", "analytics", "marketing")
    },
    "cookies.domain": '"site", "host", or a list of one domain or more',
    "signals": "a table",
    "signals.dnt": "true or false",
    "signals.sale_or_share": "a list of categories",
    "signals.sale_or_share.*": "a category that isn't marketing, which a signal always denies",
    "signals.gpp": "a list of sections",
    "signals.gpp.*": "the name of a section",
    "retention": "a table",
    "retention.months": f"a whole number from 1 to {RETENTION_MOST}",
    "retention.reason": "a line of text of 3 characters or more",
}
"""What the places in these tables are, for who wrote something else."""


STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)
"""Every table of the document: known fields only, of the very types they have."""


def _months(field: Months) -> Any:
    limit = LIMITS[field]
    return Field(default=limit.default, ge=limit.least, le=limit.most)


# These descriptions are in the JSON Schema, for users: the rows of our books stay in comments.


# A1, B3, B6, B7, L3
class Lifetimes(BaseModel):
    """How long things last, in calendar months.

    A yes counts for `consent_months`, a no for `refusal_months`, which are never fewer. The others are the
    most that a category's trackers live, from the day each was first seen.
    """

    model_config = STRICT

    consent_months: int = _months("consent_months")
    refusal_months: int = _months("refusal_months")
    preferences_months: int = _months("preferences_months")
    analytics_months: int = _months("analytics_months")
    marketing_months: int = _months("marketing_months")

    def cap(self, category: str) -> int:
        """Return the months that a tracker of `category` lives at most; the fewest if it has no category."""
        caps = {
            "necessary": NECESSARY_MONTHS,
            "preferences": self.preferences_months,
            "analytics": self.analytics_months,
            "marketing": self.marketing_months,
        }
        return caps.get(category) or min(caps.values())

    @property
    def answers(self) -> Counted:
        """The months for which an answer counts under the unknown regime."""
        return Counted(self.consent_months, self.refusal_months)


def _own_months(field: Months) -> Any:
    limit = REGIME_LIMITS[field]
    return Field(default=None, ge=limit.least, le=limit.most)


# L3, §2.3, §2.4
class Answers(BaseModel):
    """What holds where one regime does: how many calendar months an answer counts, and what waits for one.

    Months that aren't said are as in `lifetimes`, or as the regime's law asks where that is stricter. A
    category's kind is as in the law: `opt-in` waits for a yes; `opt-out` and `exempt-with-objection` are on
    until the visitor says no, and the banner says so.
    """

    model_config = STRICT

    consent_months: int | None = _own_months("consent_months")
    refusal_months: int | None = _own_months("refusal_months")
    preferences: Kind | None = None
    analytics: Kind | None = None
    marketing: Kind | None = None


# A16
class Retention(BaseModel):
    """How long the log keeps what it holds about visitors, and why so long; there is no default.

    From `months` after it was made, a record's payload may be erased: `consentkit retain`.
    """

    model_config = STRICT

    months: int = Field(ge=1, le=RETENTION_MOST)
    reason: str = Field(pattern=f"^{LINE}$", min_length=3)


# By number from 7 on: IAB Tech Lab, GPP section information.
Section = Literal[
    "usnat", "usca", "usva", "usco", "usut", "usct", "usfl", "usmt", "usor", "ustx", "usde",
    "usia", "usne", "usnh", "usnj", "ustn", "usmn", "usmd", "usin", "usky", "usri",
]  # fmt: skip


# D1, L24, L31
class Signals(BaseModel):
    """Which signals of a browser count as an objection, and to what.

    Global Privacy Control always denies marketing, and the categories listed in `sale_or_share`. `dnt`: Do
    Not Track denies everything optional; say so where the site's own notice promises it. `gpp`: the sections
    of the Global Privacy Platform that scripts are told of visitors under the regime of the United States.
    """

    model_config = STRICT

    dnt: bool = False
    sale_or_share: list[Literal["preferences", "analytics"]] = []
    gpp: list[Section] = ["usnat"]


def _scope(value: object) -> object:
    listed = isinstance(value, list) and value and all(isinstance(each, str) for each in value)
    if not listed and value not in SCOPES:
        raise ValueError("no scope")
    return value


_SCOPE_SCHEMA = {
    "anyOf": [
        {"enum": list(SCOPES)},
        {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
    ],
    "default": "site",
}


# E13
class Cookies(BaseModel):
    """What happens to cookies that the policy doesn't name, and where a choice holds.

    `undeclared`: a cookie that no service names passes and is counted (`report`), or is cut in both
    directions (`strict`). `domain`: a choice holds on the whole registrable domain (`site`), on the very host
    (`host`), or on each of the listed domains.
    """

    model_config = STRICT

    undeclared: Literal["report", "strict"] = "report"
    domain: Annotated[Any, PlainValidator(_scope), WithJsonSchema(_SCOPE_SCHEMA)] = "site"


def lifetime_problems(table: object) -> Iterator[Problem]:
    """Yield what is wrong between the numbers of a `lifetimes` table, each of which may be right."""
    if not isinstance(table, dict):
        return
    consent, refusal = (_set(table, field) for field in ("consent_months", "refusal_months"))
    if consent and refusal and refusal < consent:
        message = (
            f"must be at least consent_months ({consent}), not {refusal}:"
            " who refuses isn't asked again sooner than who accepts"
        )
        yield Problem("lifetimes.refusal_months", message)


def retention_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between how long a record is kept and how long the answer in it counts."""
    retention, lifetimes = raw.get("retention"), raw.get("lifetimes", {})
    months = retention.get("months") if isinstance(retention, dict) else None
    if type(months) is not int or not isinstance(lifetimes, dict):
        return
    counted = [_set(lifetimes, field) or 0 for field in ("consent_months", "refusal_months")]
    most = max(*counted, *(max(each) for _, each in _regimes(raw)))
    if months < most:
        message = f"must be at least {most}, not {months}: answers are proved while they count"
        yield Problem("retention.months", f"{message} (GDPR 7(1))")


def regime_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong between a document's regimes, each of which may be right."""
    for regime, months in _regimes(raw):
        if months.refused < months.granted:
            message = (
                f"must be at least consent_months ({months.granted}), not {months.refused}:"
                " who refuses isn't asked again sooner than who accepts"
            )
            yield Problem(f"regimes.{regime}.refusal_months", message)
    fixed, tables = raw.get("regime", UNKNOWN), raw.get("regimes")
    if isinstance(fixed, str) and fixed in REGIMES and fixed != UNKNOWN and isinstance(tables, dict):
        for regime in tables:
            if regime in REGIMES and regime != fixed:
                message = f"would hold for nobody: this site's `regime` is {shown(fixed)} for every visitor"
                yield Problem(f"regimes.{regime}", message, (fixed,))


def _regimes(raw: Mapping[str, Any]) -> Iterator[tuple[str, Counted]]:
    """The months of each regime that a document states, as far as they can be told."""
    lifetimes, tables, fixed = raw.get("lifetimes", {}), raw.get("regimes", {}), raw.get("regime", UNKNOWN)
    if not isinstance(lifetimes, dict) or not isinstance(tables, dict) or not isinstance(fixed, str):
        return
    consent, refusal = (_set(lifetimes, field) for field in REGIME_LIMITS)
    stated: Mapping[str, object] = {**({fixed: {}} if fixed != UNKNOWN else {}), **tables}
    for regime, table in stated.items():
        if consent and refusal and regime in REGIMES and isinstance(table, dict):
            own = (_within(table, field, limit) for field, limit in REGIME_LIMITS.items())
            yield regime, months_in(regime, Counted(consent, refusal), *own)


def _set(table: dict[Any, Any], field: Months) -> int | None:
    return _within({field: LIMITS[field].default, **table}, field, LIMITS[field])


def _within(table: Mapping[Any, Any], field: Months, limit: Limit) -> int | None:
    value = table.get(field)
    return value if type(value) is int and limit.least <= value <= limit.most else None


def domain_problems(domains: object, where: str) -> Iterator[Problem]:
    """Yield what is wrong with a list of domains that share a choice."""
    for place, domain in enumerate(domains if isinstance(domains, list) else []):
        if isinstance(domain, str) and not is_shareable(domain):
            wanted = "a domain of this site's own such as example.com, in lower-case ASCII, without https://"
            yield Problem(f"{where}.{place}", f"must be {wanted}, not {shown(domain)}")
