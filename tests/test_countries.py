"""Countries by the names that their readers know, as browsers write them."""

import pytest
from babel import Locale

from consentkit.policy.countries import country_name
from consentkit.policy.registry import known_services
from consentkit.policy.words import locales


@pytest.mark.parametrize("locale", locales())
def test_a_country_is_called_what_cldr_calls_it(locale: str) -> None:
    """Releases of CLDR differ in a few; of each hundred at least ninety-five are the same in any."""
    theirs = Locale.parse(locale, sep="-").territories
    codes = [code for code in Locale("en").territories if len(code) == 2 and code not in ("EU", "UN", "EZ")]
    named = {code: country_name(code, locale) for code in codes if country_name(code, locale) != code}
    same = [code for code, name in named.items() if theirs[code] == name]
    assert len(same) >= 0.95 * len(named) > 230


@pytest.mark.parametrize("locale", locales())
def test_every_country_that_a_known_service_is_in_has_a_name(locale: str) -> None:
    found = {service.country for service in known_services().values()} - {""}
    assert [code for code in found if country_name(code, locale) == code] == []


def test_a_country_that_nobody_knows_goes_by_its_code() -> None:
    assert [country_name(code, "en") for code in ("QQ", "", "FR")] == ["QQ", "", "France"]
    assert country_name("FR", "tlh") == "FR"
