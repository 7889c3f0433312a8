"""The shipped words, language by language, and a site's own words laid over them."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, reduce
from importlib.resources import files
from typing import Any

from consentkit.errors import Problem
from consentkit.policy.registry import LINE_MAX, shown

DIRECTIONS = ("ltr", "rtl")
MONTHS_A_YEAR = 12
COMMAS = {"ar": "، ", "ja": "、", "zh": "、"}
"""What stands between the parts of a list where it isn't a comma and a space."""
MOST_MEANT = 3
"""A message on a name that isn't there proposes so many."""
TEXT = r"(?=\s*\S)[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*"


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


def completed(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return a stored policy's texts by language, with ours where the release that stored it had none."""
    return {locale: texts(locale, own) if locale in locales() else own for locale, own in stored.items()}


def text_problems(raw: object, offered: Sequence[str] | None = None) -> Iterator[Problem]:
    """Yield what is wrong with a document's `texts` table: unknown languages, keys, shapes, empty words.

    `offered` are the languages the site lists; without them, texts may be in any language.
    """
    if not isinstance(raw, Mapping):
        return
    for locale, own in raw.items():
        if locale in locales() and (offered is None or locale in offered):
            shipped = _shipped(locale)
            closed = {"locale": (locale,), "dir": DIRECTIONS, "plural": (shipped["plural"],)}
            yield from _problems(f"texts.{locale}", shipped, own, closed)
        elif locale in locales():
            yield Problem(f"texts.{locale}", "is not among site.languages", tuple(offered or ()))
        elif locale not in (offered or ()):  # else the list of languages is what is wrong
            yield Problem(f"texts.{locale}", "is not a language consentkit has texts for", locales())


def _problems(
    path: str, shipped: Any, own: object, closed: Mapping[str, tuple[str, ...]]
) -> Iterator[Problem]:
    if isinstance(shipped, Mapping) and isinstance(own, Mapping):
        for key, value in own.items():
            if key not in shipped:
                offered = tuple(name for name in shipped if name not in closed)
                yield Problem(f"{path}.{key}", f"is not a text{_meant(path, str(key), shipped)}", offered)
            elif key in closed and value not in closed[key]:
                yield Problem(f"{path}.{key}", f"is {shown(value)}", closed[key])
            else:
                yield from _problems(f"{path}.{key}", shipped[key], value, {})
    elif isinstance(shipped, list) and isinstance(own, list) and _is_long_enough(own, path):
        for place, item in enumerate(own):
            yield from _problems(f"{path}.{place}", "", item, {})
    elif not (isinstance(shipped, str) and isinstance(own, str) and re.fullmatch(TEXT, own)):
        yield Problem(path, f"must be {_shape(shipped, path)}, not {shown(own)}")


def _meant(path: str, key: str, shipped: Mapping[str, Any]) -> str:
    """What may have been meant by a name that isn't there: those like it, in this table and below."""
    named = list(_named(path, shipped))
    close = [key] if key in dict(named) else get_close_matches(key.strip().lower()[:LINE_MAX], dict(named))
    places = [place for near in close for name, place in named if name == near][:MOST_MEANT]
    return f": did you mean {' or '.join(places)}?" if places else ""


def _named(path: str, shipped: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, each in shipped.items():
        yield name, f"{path}.{name}"
        yield from _named(f"{path}.{name}", each) if isinstance(each, Mapping) else ()


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a document's `texts`: by language, each with what it may replace.

    Of a counted thing it lists the forms of all languages; `text_problems` knows those of each.
    """
    return {
        "type": "object",
        "propertyNames": {"enum": list(locales())},
        "additionalProperties": _described(_shipped("en"), ""),
    }


def _described(shipped: Any, path: str) -> dict[str, Any]:
    if isinstance(shipped, str):
        if path in ("locale", "dir", "plural"):
            return {"type": "string", "enum": sorted({_shipped(each)[path] for each in locales()})}
        return {"type": "string", "pattern": r"\S"}
    if isinstance(shipped, list):
        most = {"maxItems": MONTHS_A_YEAR} if _are_months(path) else {}
        least = MONTHS_A_YEAR if most else 1
        return {"type": "array", "items": _described("", ""), "minItems": least, **most}
    if "other" in shipped:  # how a thing is counted: a language has its own forms (CLDR)
        forms = sorted({form for locale in locales() for form in _at(_shipped(locale), path)})
        shipped = dict.fromkeys(forms, "")
    fields = {key: _described(each, f"{path}.{key}".lstrip(".")) for key, each in shipped.items()}
    return {"type": "object", "additionalProperties": False, "properties": fields}


def _at(texts: Mapping[str, Any], path: str) -> Any:
    return reduce(lambda found, key: found[key], path.split("."), texts)


def _are_months(path: str) -> bool:
    return path.endswith("dates.months")


def _is_long_enough(own: list[object], path: str) -> bool:
    return len(own) == MONTHS_A_YEAR if _are_months(path) else bool(own)


def _shape(value: object, path: str) -> str:
    if isinstance(value, str):
        return "a string with words in it"
    count = "twelve strings" if _are_months(path) else "one string or more"
    return f"a list of {count}" if isinstance(value, list) else "a table"


def _overlaid(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(shipped)
    for key, value in own.items():
        merged[key] = _overlaid(shipped.get(key, {}), value) if isinstance(value, Mapping) else value
    return merged


def filled(text: str, values: Mapping[str, object]) -> str:
    """Return `text` with each of `values` in the place of its name in braces, and all else as it is."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), text)


def isolated(name: str, direction: str) -> str:
    """Return a name to be put into a sentence that is written in `direction` ("ltr" or "rtl").

    Where either of them runs from right to left, it stands between U+2068 and U+2069 (UAX #9, 6.3): the
    letters of the one don't move the marks and numbers of the other.
    """
    mixed = direction != "ltr" or any(unicodedata.bidirectional(each) in ("R", "AL") for each in name)
    return f"\u2068{name}\u2069" if mixed else name


def listed(parts: Iterable[str], locale: str) -> str:
    """Return `parts` one after the other, as `locale` writes a list in the middle of a sentence."""
    return COMMAS.get(locale, ", ").join(parts)
