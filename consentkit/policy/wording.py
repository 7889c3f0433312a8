"""Words in a site's own texts that leave no choice: take it or leave it, going on as a yes (A18, L2)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from consentkit.policy.registry import shown
from consentkit.policy.version import Policy


@dataclass(frozen=True, slots=True)
class _Wording:
    source: str
    pattern: re.Pattern[str]
    message: str


# A18
_WALL: Final = _Wording(
    "EDPB Guidelines 05/2020, §39: no consent where the only other way is to leave",
    re.compile(
        r"refrain from using|(?:stop using|do not use|leave) (?:the|this|our) (?:web)?site"
        r"|(?:cesser|arrêter) d['’]utiliser|quitter (?:le|ce|notre) site|ne pas utiliser (?:le|ce|notre) site"
        r"|verlassen sie (?:bitte )?(?:die|diese|unsere) (?:web)?s(?:ei|i)te"
        r"|nutzen sie (?:die|diese|unsere) (?:web)?s(?:ei|i)te (?:bitte )?nicht",
        re.IGNORECASE,
    ),
    "reads as take it or leave it; the site works after a refusal, so say that instead",
)
# L2
_CONTINUING: Final = _Wording(
    "CNIL, lignes directrices 2020-091; EDPB Guidelines 05/2020, §86: going on is no consent",
    re.compile(
        r"by (?:continuing|using this|using our)|if you continue (?:to )?(?:us|brows)"
        r"|en (?:poursuivant|continuant)|(?:durch|mit) (?:die|der) weitere[nr]? nutzung|wenn sie fortfahren",
        re.IGNORECASE,
    ),
    "reads as if going on were a consent; nothing is allowed before a click on a button",
)


def misleading(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield the texts that read so: the place, what to say instead, and which text says so."""
    for locale, words in policy.texts.items():
        for place, text in _leaves(words, f"texts.{locale}"):
            for wording in (_WALL, _CONTINUING):
                found = wording.pattern.search(text)
                if found is not None:
                    message = f"{shown(found[0])} {wording.message}"
                    yield place, message, wording.source


def _leaves(words: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(words, str):
        yield place, words
    else:
        members = words.items() if isinstance(words, Mapping) else enumerate(words)
        for key, member in members:
            yield from _leaves(member, f"{place}.{key}")
