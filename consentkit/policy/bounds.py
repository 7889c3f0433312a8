"""How long what may last, in calendar months: dated data with its sources, for the document and for lint.

`LIMITS` is what a policy document may say at all. `RULES` is what one country's authority says: a policy may
differ from it, and `lint` says so. Counted from the instant of the choice, or from a tracker's first day;
months are the calendar's, never 30 days (L29).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Field = Literal[
    "consent_months", "refusal_months", "preferences_months", "analytics_months", "marketing_months"
]


@dataclass(frozen=True, slots=True)
class Limit:
    """The fewest and the most months a policy may set, what it gets if it sets none, and why no more."""

    least: int
    most: int
    default: int
    why: str


LIMITS: Final[Mapping[Field, Limit]] = {
    "consent_months": Limit(1, 6, 6, "a choice counts for six months"),
    # A cookie lives for 400 days at most (L30), and no authority asks for more than a year.
    "refusal_months": Limit(1, 12, 6, "no authority asks to keep a refusal for more than a year"),
    "preferences_months": Limit(1, 12, 12, "what serves comfort lasts a year"),
    "analytics_months": Limit(1, 13, 13, "no tracker outlives thirteen months"),
    "marketing_months": Limit(1, 13, 13, "no tracker outlives thirteen months"),
}
"""By rows: A1 and L3, L3 and L24, B3, B6 and L4, B7."""

REGIME_LIMITS: Final[Mapping[Field, Limit]] = {
    # Spain's 24 months are more than any cookie of ours can hold (L30).
    "consent_months": Limit(1, 12, 6, "a browser keeps no cookie for longer than 400 days"),
    "refusal_months": LIMITS["refusal_months"],
}
"""What a policy may say of one regime alone: `lint` knows what its law says, and this is what can be done."""

RETENTION_MOST: Final = 1200
"""The most months a policy may keep its log's payloads: a slip of the pen, not a law."""

NECESSARY_MONTHS: Final = 12
"""The most for a cookie that needs no consent and outlives the session for a reason (B1, B2)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one authority says about one number of months.

    `where` is ISO 3166-1 alpha-2, or EU. `kind` says how hard it is: "law" and "guidance" of an authority, or
    "proposal", which is no law yet. `dated` is the text's own day or the one it counts from, `read` says
    whether the text itself was read or one that reports it.
    """

    where: str
    field: Field
    kind: Literal["law", "guidance", "proposal"]
    least: int
    most: int | None
    dated: date
    source: str
    read: Literal["primary", "secondary"] = "secondary"


RULES: Final = (
    Rule(
        *("FR", "consent_months", "guidance", 1, 6, date(2020, 9, 17)),
        "CNIL, recommandation 2020-092, §38-39: keeping the choice for six months is good practice",
    ),
    Rule(
        *("FR", "refusal_months", "guidance", 6, None, date(2020, 9, 17)),
        "CNIL, recommandation 2020-092, §38-39: a refusal is kept as long as a consent, six months",
    ),
    Rule(
        *("IT", "refusal_months", "guidance", 6, None, date(2021, 6, 10)),
        "Garante, Linee guida cookie, 10 June 2021, §6.2: no new banner for six months",
    ),
    Rule(
        *("ES", "consent_months", "guidance", 1, 24, date(2023, 7, 11)),
        "AEPD, Guía sobre el uso de las cookies, §3.2.8: 24 months at most are good practice",
    ),
    Rule(
        *("IE", "consent_months", "guidance", 1, 6, date(2020, 4, 6)),
        "DPC, Guidance note on cookies, 6 April 2020: a consent is to be reaffirmed within six months",
    ),
    Rule(
        *("CZ", "consent_months", "guidance", 1, 12, date(2023, 3, 6)),
        "ÚOOÚ, questions and answers on cookie bars, 6 March 2023: twelve months as a rule for a consent",
    ),
    Rule(
        *("CZ", "refusal_months", "guidance", 6, None, date(2023, 3, 6)),
        "ÚOOÚ, questions and answers on cookie bars, 6 March 2023: no new question for six months",
    ),
    Rule(
        *("EU", "refusal_months", "proposal", 6, None, date(2025, 11, 19)),
        "COM(2025) 837, art. 88a GDPR as proposed: no new request for six months after a refusal",
    ),
)
"""The table of requirements §2.3 (rows L3, L21), but for laws of another kind. What Ireland's DPC says is
reported of a consent, by nobody of a refusal. The UK's ICO names no number.
"""

OPT_OUT_RULES: Final = (
    Rule(
        *("US-CA", "refusal_months", "law", 12, None, date(2023, 1, 1)),
        "California Civil Code, 1798.135(c): twelve months before who opted out is asked to opt back in",
    ),
)
"""What laws say of opting back in, where a site needs no consent in the first place (§2.3)."""
