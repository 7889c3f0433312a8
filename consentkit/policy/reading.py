"""A policy document as a file holds it: TOML or JSON into tables, or in words why that can't be."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from consentkit.errors import PolicyError, Problem
from consentkit.policy.registry import shown

DEEPEST = 10
"""Tables and lists in each other; a policy needs six."""

LONGEST_NUMBER = 64
"""Bits: what JSON readers everywhere can hold."""

_LONE = re.compile("[\ud800-\udfff]")


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Return the tables of a TOML policy; raises PolicyError naming `where` and the line."""
    tables: dict[str, Any] = _read(tomllib.loads, text, where, "TOML")
    return tables


def read_json(text: str, where: str) -> dict[str, Any]:
    """Return the members of a JSON policy; raises PolicyError naming `where` and the line."""
    value = _read(json.loads, text, where, "JSON")
    if not isinstance(value, dict):
        raise PolicyError([Problem(where, "must be a JSON object")])
    return value


def _read(reader: Callable[[str], Any], text: str, where: str, language: str) -> Any:
    try:
        return reader(text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise PolicyError([Problem(where, "has tables or lists nested too deeply")]) from error
    except ValueError as error:
        raise PolicyError([Problem(where, f"is not valid {language}: {_why(error)}")]) from error


def _why(error: ValueError) -> str:
    # A syntax error is a leaf of ValueError; the bare one is Python's limit on digits, about its settings.
    return "a number has too many digits" if type(error) is ValueError else str(error)


def unstorable(value: object, path: str = "", depth: int = 0) -> Iterator[Problem]:
    """Yield what no reader of the stored policy could hold; nothing else looks at such a document."""
    if depth > DEEPEST:
        yield Problem(path, f"is nested too deeply; {DEEPEST} tables and lists in each other are the most")
    elif isinstance(value, str) and not value.isascii() and _LONE.search(value):
        yield Problem(path, f"holds half a character (a lone surrogate): {shown(value)}")
    elif isinstance(value, int) and value.bit_length() > LONGEST_NUMBER:
        yield Problem(path, "is a number with too many digits")
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if not isinstance(key, str) or _LONE.search(key):
                name = shown(key) if isinstance(key, str) else f"a {type(key).__name__}"
                yield Problem(path or "policy", f"has a key that isn't text: {name}")
                continue
            yield from unstorable(member, f"{path}.{key}".lstrip("."), depth + 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from unstorable(item, f"{path}.{place}", depth + 1)
