"""Another way: what visitors can use without a service that they haven't allowed (B14)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from consentkit.errors import Problem
from consentkit.policy.registry import LINE, LINE_MAX, PATH, WEB, shown

FIELD: Final = "instead"
_FIELDS: Final = ("href", "text")
_HREF: Final = re.compile(rf"{WEB}|{PATH}|#\S+|(?:tel|mailto):\S+")
_TEXT: Final = re.compile(rf"(?!.{{{LINE_MAX + 1}}}){LINE}")


def without_ways(services: object) -> object:
    """Return a document's list of services as far as it states facts about them."""
    if not isinstance(services, list):
        return services
    return [_rest(item) if isinstance(item, Mapping) else item for item in services]


def ways_of(services: Sequence[object]) -> dict[str, Any]:
    """Return the other way that a sound document has for each service, by id; nothing where there is none."""
    return {item["id"]: item[FIELD] for item in services if isinstance(item, Mapping) and FIELD in item}


def way_problems(services: object, languages: Sequence[str] | None) -> Iterator[Problem]:
    """Yield what is wrong with the other ways of a document's services.

    `languages` are those the site lists: a text is one for all, or a table that has each of them.
    """
    for item in services if isinstance(services, list) else []:
        if isinstance(item, Mapping) and FIELD in item:
            yield from _problems(item[FIELD], f"services.{item.get('id')}.{FIELD}", languages or ())


def way_in(way: Mapping[str, Any] | None, locale: str) -> dict[str, str] | None:
    """Return a stored way as its link (`href`, `text`) in one language."""
    if way is None:
        return None
    text = way["text"]
    return {"href": way["href"], "text": text if isinstance(text, str) else text[locale]}


def _rest(item: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: value for key, value in item.items() if key != FIELD}


def _problems(way: object, where: str, languages: Sequence[str]) -> Iterator[Problem]:
    if not isinstance(way, Mapping):
        yield Problem(where, f"must be a table, not {shown(way)}", _FIELDS)
        return
    yield from (Problem(f"{where}.{key}", "is not known here", _FIELDS) for key in way if key not in _FIELDS)
    if not _matches(_HREF, way.get("href")):
        wanted = ("an http or https URL", "a path on this site, from /", "#, tel: or mailto:")
        yield Problem(f"{where}.href", f"is {shown(way.get('href'))}", wanted)
    text = way.get("text")
    table = text if isinstance(text, Mapping) else dict.fromkeys(languages, text)
    for locale in dict.fromkeys((*languages, *table)):
        if locale not in languages:
            yield Problem(f"{where}.text.{locale}", "is not among site.languages", tuple(languages))
        elif not _matches(_TEXT, table.get(locale)):
            place = f"{where}.text.{locale}" if table is text else f"{where}.text"
            yield Problem(place, f"must be a line of text, not {shown(table.get(locale))}")


def _matches(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
