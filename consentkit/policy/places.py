"""Which regime holds in a place: countries and the two states of the world's that differ, as data (D6, E12).

Codes are those of ISO 3166-1 (alpha-2) and, for a country's parts, of ISO 3166-2 without the country's. What
isn't one of them tells no place.
"""

from collections.abc import Mapping
from typing import Final

from consentkit.policy.countries import codes, country_name
from consentkit.policy.regimes import REGIMES, UNKNOWN

ALIASES: Final[Mapping[str, str]] = {"UK": "GB", "EL": "GR"}
"""What the EU's own lists call two countries."""

_OVERSEAS: Final = "GP MQ GF RE YT MF BL PM NC PF WF"
_MEMBERS: Final = "AT AX BE BG CY DK EE FI GR HR HU IS LI LT LU LV MT NL NO PL PT RO SE SI SK"
_OWN: Final = {regime.upper(): regime for regime in REGIMES if len(regime) == 2 and regime != "eu"}

REGIME_OF: Final[Mapping[str, str]] = {
    **_OWN,
    **dict.fromkeys(_MEMBERS.split(), "eu"),
    **dict.fromkeys(_OVERSEAS.split(), "fr"),
}
"""The regime of each country that isn't the rest of the world's: `eu` is that of the EU's other members, of
Åland and the EEA; `fr` holds also in the parts of France that have codes of their own."""

WIDER: Final[Mapping[str, str]] = dict.fromkeys(("fr", "it", "es", "cz", "ie", "de"), "eu")
"""The regime that holds for one that a policy has no table for, if it has one for this."""


def regime_of(country: str | None, region: str | None = None) -> str:
    """Return the regime of a country, or of a part of it; UNKNOWN for what can't be told.

    A Canadian whose province isn't known may be in Quebec, so that is unknown too (L26).
    """
    code = ALIASES.get(country or "", country or "")
    if code == "CA" and region in (None, "QC"):
        return "ca-qc" if region else UNKNOWN
    if code in REGIME_OF:
        return REGIME_OF[code]
    return "world" if code in codes() else UNKNOWN


def place_name(regime: str, locale: str) -> str:
    """Return what readers of `locale` call the place that a regime is of, where it is a country.

    Quebec is a part of Canada by its code; the EU and the rest of the world are called by their ids.
    """
    country, _, part = regime.partition("-")
    name = country_name(country.upper(), locale) if len(country) == 2 else country.capitalize()
    return f"{name} ({part.upper()})" if part else name
