"""The shipped words, language by language, and a site's own words laid over them."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from consentkit.errors import Problem


@cache
def locales() -> tuple[str, ...]:
    """Return the languages consentkit ships texts for, sorted."""
    folder = files("consentkit.policy") / "texts"
    return tuple(sorted(f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")))


@cache
def _shipped(locale: str) -> Mapping[str, Any]:
    text = (files("consentkit.policy") / "texts" / f"{locale}.json").read_text("utf-8")
    shipped: Mapping[str, Any] = json.loads(text)
    return shipped


def texts(locale: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the texts of `locale` with a site's `own` words laid over them."""
    return _overlaid(_shipped(locale), own)


def text_problems(raw: object) -> Iterator[Problem]:
    """Yield what is wrong with a document's `texts` table: unknown languages, keys or shapes."""
    if not isinstance(raw, Mapping):
        return
    for locale, own in raw.items():
        if locale not in locales():
            yield Problem(f"texts.{locale}", "is not a language consentkit has texts for", locales())
        else:
            yield from _shape_problems(f"texts.{locale}", _shipped(locale), own)


def _shape_problems(path: str, shipped: Any, own: object) -> Iterator[Problem]:
    if isinstance(shipped, Mapping) and isinstance(own, Mapping):
        for key, value in own.items():
            if key not in shipped:
                yield Problem(f"{path}.{key}", "is not a text", tuple(shipped))
            else:
                yield from _shape_problems(f"{path}.{key}", shipped[key], value)
    elif type(shipped) is not type(own):
        yield Problem(path, f"must be a {_shape_name(shipped)}, not {own!r}")


def _shape_name(value: object) -> str:
    if isinstance(value, str):
        return "string"
    return "list of strings" if isinstance(value, list) else "table"


def _overlaid(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(shipped)
    for key, value in own.items():
        merged[key] = _overlaid(shipped[key], value) if isinstance(value, Mapping) else value
    return merged
