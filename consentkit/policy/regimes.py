"""Regimes: what the law of a place asks, as dated data with its sources; how long an answer counts there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple

from consentkit.policy.bounds import OPT_OUT_RULES, RULES, Rule

Kind = Literal["opt-in", "opt-out", "exempt-with-objection"]
RegimeId = Literal["fr", "it", "es", "cz", "ie", "de", "eu", "gb", "ch", "ca-qc", "br", "us", "world"]
STRICTNESS: Final[tuple[Kind, ...]] = ("opt-out", "exempt-with-objection", "opt-in")
"""From what asks visitors least to what asks them first: only the last waits for a yes."""
UNKNOWN: Final = "unknown"
"""The regime of a visitor whom nobody places: the strictest."""

_REVIEWED: Final = date(2026, 11, 22)
_OPT_IN: Final[Mapping[str, Kind]] = dict.fromkeys(("preferences", "analytics", "marketing"), "opt-in")
_OPT_OUT: Final[Mapping[str, Kind]] = dict.fromkeys(_OPT_IN, "opt-out")
EXEMPT: Final[Kind] = "exempt-with-objection"


class Months(NamedTuple):
    """For how many calendar months an answer counts: a yes, and a no."""

    granted: int
    refused: int


@dataclass(frozen=True, slots=True)
class Regime:
    """What one law asks: of each category, how long answers count, which text says so, when that was read.

    Of the kinds, opt-in waits for a yes; under both others a category is on until its visitor says no, which
    the banner tells: as what the site does unless they refuse, or as what the law exempts (§2.4).
    """

    source: str
    kinds: Mapping[str, Kind]
    rules: tuple[Rule, ...] = ()
    measuring: bool = False
    """Whether a measurement of the site's own audience alone may run until its visitor objects (L6, L22)."""
    reviewed: date = _REVIEWED

    def months(self, site: Months) -> Months:
        """Return the months of a site's own, or what this law asks for where that is stricter."""
        binding = [rule for rule in self.rules if rule.kind != "proposal"]
        most = [rule.most for rule in binding if rule.field == "consent_months" and rule.most]
        least = [rule.least for rule in binding if rule.field == "refusal_months"]
        return Months(min([site.granted, *most]), max([site.refused, *least]))


def _of(*places: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.where in places)


# By rows: L1-L3, §2.3, §2.3, §2.3, §2.3, L23, L15 with L3, L22, L28, L26, L27, L24 and L25.
REGIMES: Final[Mapping[str, Regime]] = {
    UNKNOWN: Regime("consentkit's own rule: who can't be placed has the strictest", _OPT_IN, RULES),
    "fr": Regime(
        "Loi 78-17, art. 82; CNIL, recommandation 2020-092", _OPT_IN, _of("FR", "EU"), measuring=True
    ),
    "it": Regime(
        "Codice privacy, art. 122; Garante, Linee guida cookie, 10 June 2021", _OPT_IN, _of("IT", "EU")
    ),
    "es": Regime("LSSI, art. 22.2; AEPD, Guía sobre el uso de las cookies", _OPT_IN, _of("ES", "EU")),
    "cz": Regime("Act 127/2005, § 89; ÚOOÚ on cookie bars, 6 March 2023", _OPT_IN, _of("CZ", "EU")),
    "ie": Regime(
        "S.I. 336/2011, reg. 5; DPC, Guidance note on cookies, 6 April 2020", _OPT_IN, _of("IE", "EU")
    ),
    "de": Regime("TDDDG, § 25", _OPT_IN, _of("DE", "EU")),
    # Who is in a member state that the site has no table for: so all of their rules bind it.
    "eu": Regime(
        "Directive 2002/58/EC, art. 5(3), with the strictest that its authorities say", _OPT_IN, RULES
    ),
    "gb": Regime(
        "PECR, reg. 6, with the exceptions of the Data (Use and Access) Act 2025",
        {"preferences": EXEMPT, "analytics": EXEMPT, "marketing": "opt-in"},
        measuring=True,
    ),
    # Opt-out is mostly enough there, but what advertising platforms demand is a consent.
    "ch": Regime("TCA, art. 45c(b); FDPIC, guide on cookies, 22 January 2025", _OPT_IN),
    "ca-qc": Regime("Law 25, s. 8.1; CAI, guidelines on consent, 31 October 2023", _OPT_IN),
    "br": Regime("LGPD; ANPD, guide on cookies, 18 October 2022", _OPT_IN),
    "us": Regime(
        "California Civil Code, 1798.120 and 1798.135, the strictest of the states with an opt-out",
        _OPT_OUT,
        OPT_OUT_RULES,
    ),
    "world": Regime(
        "consentkit's own rule: where the law isn't known here, visitors are asked first", _OPT_IN
    ),
}
"""What is known, by id: ISO 3166 in lower case, as the tables of requirements §2.3 and §2.4 have it; `eu` is
any other state of the EU or the EEA, `world` any place that is in none of the others.
"""


def kinds_in(regime: str, own: Mapping[str, Kind | None]) -> dict[str, Kind]:
    """Return the kind of each category under `regime` that doesn't wait for a yes; `own` is the site's."""
    stated = {category: kind for category, kind in own.items() if kind is not None}
    kinds = {**REGIMES[regime].kinds, **stated}
    return {category: kind for category, kind in kinds.items() if kind != "opt-in"}


def months_in(regime: str, site: Months, consent: int | None = None, refusal: int | None = None) -> Months:
    """Return for how long answers count under `regime`: as its own table says, else the site or the law.

    Who refuses isn't asked again sooner than who accepts, unless the table itself says so, which is a
    mistake in it.
    """
    law = REGIMES[regime].months(site)
    granted = consent or law.granted
    return Months(granted, refusal or max(law.refused, granted))
