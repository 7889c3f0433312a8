"""What a country is called in each language, for pages that no script has to finish.

The names in `countries.json` are those of Unicode CLDR (© Unicode, Inc.; Unicode License v3, in
`countries.LICENSE`), for every code of ISO 3166-1; browsers write the same ones.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads((files("consentkit.policy") / "countries.json").read_text("utf-8"))
    return table


@cache
def _names(locale: str) -> Mapping[str, str]:
    table = _table()
    return dict(zip(table["codes"].split(), table.get(locale, ()), strict=False))


@cache
def codes() -> frozenset[str]:
    """Return the codes of ISO 3166-1 (alpha-2)."""
    return frozenset(_table()["codes"].split())


def country_name(code: str, locale: str) -> str:
    """Return what readers of `locale` call a country (ISO 3166-1 alpha-2); the code where nobody knows it."""
    return _names(locale).get(code, code)
