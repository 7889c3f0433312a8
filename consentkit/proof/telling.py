"""An entry as lines for people: who said what, when, and the words that stood on the screen."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from consentkit.proof.entry import Kind

_COUNTRY = re.compile(r"\{([A-Z]{2})\}")
_INLINE = frozenset({"a", "b", "code", "em", "i", "label", "legend", "span", "strong", "summary"})
_HEADINGS = {"h1": "# ", "h2": "# ", "h3": "## ", "legend": "## "}
_SHOWN = "layer_shown"
_PUBLIC = {kind.label for kind in Kind if kind.public}
_YEAR_10000 = 253_402_300_800_000
_INSTANTS = frozenset({"t", "client", "clock", "until", "decided", "expired"})


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines that tell an entry, from what `told.record` and `told.texts` say of it."""
    yield f"entry {told['index']}: {told['kind']}, {told['time']}" + ("" if told["intact"] else ", ALTERED")
    for part in ("statement",) if told["kind"] in _PUBLIC else ("statement", "subject"):
        yield ""
        yield f"{part}:" if told[part] is not None else f"{part}: erased"
        for name, value in (told[part] or {}).items():
            yield f"  {name}: {_plain(value, instants=name in _INSTANTS)}"
    if _SHOWN in told:
        yield ""
        yield "on the screen:"
        yield from (f"  {line}" for line in drawn(told[_SHOWN]))
        return
    regime = (told["statement"] or {}).get("regime")
    for name, words in told.items():
        if name.endswith("_text"):
            words = _under(words, regime)
            yield ""
            yield f"{name.removesuffix('_text')}:"
            text = words if isinstance(words, str) else json.dumps(words, indent=2, ensure_ascii=False)
            yield from (f"  {line}" for line in text.splitlines())


def _under(words: Any, regime: Any) -> Any:
    """A notice as the answer's regime read it, where that is told: the others' words were on no screen."""
    if not isinstance(words, Mapping) or regime is None or "regimes" not in words:
        return words
    own = {name: each for name, each in words.items() if name != "regimes"}
    return own | words["regimes"].get(regime, {})


def drawn(layer: Sequence[Any]) -> Iterator[str]:
    """Yield the lines of a layer: buttons in brackets, boxes as they stood, dashes for lists."""
    for part in layer:
        yield from _block(part, "")


def _plain(value: Any, *, instants: bool) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each, instants=instants)}" for name, each in value.items())
    if instants and isinstance(value, int) and 0 <= value < _YEAR_10000:
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _block(part: Any, indent: str) -> Iterator[str]:
    """Everything that stands in a line by itself is one; what holds such things is told part by part."""
    if isinstance(part, str) or not any(map(_stands_alone, part["parts"])):
        text = _line(part).rstrip()
        if text:
            yield indent + text
        return
    first, inner = True, indent
    if part["element"] == "li":
        inner = indent + "  "
    run: list[Any] = []
    for each in [*part["parts"], None]:
        if each is not None and not _stands_alone(each):
            run.append(each)
            continue
        text = "".join(map(_line, run)).strip()
        run = []
        if text:
            yield (indent + "- " if first and inner != indent else inner) + text
            first = False
        if each is not None:
            yield from _block(each, inner)


def _stands_alone(part: Any) -> bool:
    return not isinstance(part, str) and part["element"] not in _INLINE | {"input", "button"}


def _line(part: Any) -> str:
    if isinstance(part, str):
        return _COUNTRY.sub(r"\1", part)
    if part["element"] == "input":
        return f"[{'x' if part.get('checked') else ' '}] "
    text = "".join(map(_line, part["parts"]))
    if part["element"] == "button":
        return f"[ {text} ] "
    before = "- " if part["element"] == "li" else _HEADINGS.get(part["element"], "")
    return before + text.strip() if before else text
