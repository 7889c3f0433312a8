"""Canonical JSON: the one encoding of a value (RFC 8785 on the subset we allow: ASCII keys, no floats)."""

from collections.abc import Mapping
from types import NoneType

import orjson

_MAX_INT = 2**53 - 1  # RFC 8785 numbers are doubles; beyond this they stop being exact
MAX_DEPTH = 64
"""How deep values may lie in each other: what reads them again may have little room."""
_SCALARS = frozenset({str, int, bool, NoneType})


def _plain(value: object, where: str, depth: int = 0) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        if abs(value) > _MAX_INT:
            raise ValueError(f"{where}: {value} isn't exact in JSON; write it as a string")
        return int(value)
    if depth == MAX_DEPTH:
        raise ValueError(f"{where[:60]}…: more than {MAX_DEPTH} values lie in each other")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isascii() for key in value):
            raise ValueError(f"{where}: keys must be ASCII strings")
        return {str(key): _plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    raise ValueError(f"{where}: {type(value).__name__} has no canonical form here")


def _is_plain(value: object) -> bool:
    """True for a dict of nothing but strings, whole numbers, true, false, null and such dicts."""
    if type(value) is not dict:
        return False
    dicts = [value]
    for each in dicts:
        for item in each.values():
            kind = type(item)
            if kind is dict:
                dicts.append(item)
            elif kind not in _SCALARS:
                return False
    return True


def canonical(value: object) -> bytes:
    """The one JSON encoding of `value`.

    Raises ValueError for anything outside the subset, naming where it stands.
    """
    try:
        # Nearly always orjson's own encoding is that, several times as fast, and only has to be recognised.
        encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER)
        if encoded.isascii() and encoded.count(b"{") <= MAX_DEPTH and _is_plain(value):
            return encoded
    except orjson.JSONEncodeError:
        pass  # told below, with its place
    try:
        return orjson.dumps(_plain(value, "$"), option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"no canonical form: {error}") from error
