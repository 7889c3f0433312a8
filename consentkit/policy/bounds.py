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
    "consent_months": Limit(1, 6, 6, "a choice counts for six months: A1, L3"),
    # A cookie lives for 400 days at most (L30), and no authority asks for more than a year.
    "refusal_months": Limit(1, 12, 6, "no authority asks to keep a refusal for more than a year: L3, L24"),
    "preferences_months": Limit(1, 12, 12, "what serves comfort lasts a year: B3"),
    "analytics_months": Limit(1, 13, 13, "no tracker outlives thirteen months: B6, L4"),
    "marketing_months": Limit(1, 13, 13, "no tracker outlives thirteen months: B7"),
}

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

    id: str
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
        *("L3", "FR", "consent_months", "guidance", 1, 6, date(2020, 9, 17)),
        "CNIL, recommandation 2020-092, §38-39: keeping the choice for six months is good practice",
    ),
    Rule(
        *("L3", "FR", "refusal_months", "guidance", 6, None, date(2020, 9, 17)),
        "CNIL, recommandation 2020-092, §38-39: a refusal is kept as long as a consent, six months",
    ),
    Rule(
        *("RE-IT", "IT", "refusal_months", "guidance", 6, None, date(2021, 6, 10)),
        "Garante, Linee guida cookie, 10 June 2021, §6.2: no new banner for six months",
    ),
    Rule(
        *("RE-ES", "ES", "consent_months", "guidance", 1, 24, date(2023, 7, 11)),
        "AEPD, Guía sobre el uso de las cookies, §3.2.8: a consent lasts 24 months at most",
    ),
    Rule(
        *("RE-IE", "IE", "consent_months", "guidance", 1, 6, date(2020, 4, 6)),
        "DPC, Guidance note on cookies: a consent lasts six months at most",
    ),
    Rule(
        *("RE-IE", "IE", "refusal_months", "guidance", 6, None, date(2020, 4, 6)),
        "DPC, Guidance note on cookies: a refusal is kept as long as a consent",
    ),
    Rule(
        *("RE-CZ", "CZ", "consent_months", "guidance", 1, 12, date(2022, 1, 1)),
        "ÚOOÚ on cookie bars: twelve months are reasonable for a consent",
    ),
    Rule(
        *("RE-CZ", "CZ", "refusal_months", "guidance", 6, None, date(2022, 1, 1)),
        "ÚOOÚ on cookie bars: no new question within six months of a refusal",
    ),
    Rule(
        *("L21", "EU", "refusal_months", "proposal", 6, None, date(2025, 11, 19)),
        "COM(2025) 837, art. 88a GDPR as proposed: no new request for six months after a refusal",
    ),
)
"""The table of requirements §2.3, but for laws of another kind: California's year before a site may ask again
is about opting back in, where it needs no consent in the first place.
"""
