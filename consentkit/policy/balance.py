"""Buttons whose words invite to a yes and put off a no (L2, L17, L18): same component, same plain words."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from consentkit.policy.registry import shown
from consentkit.policy.version import Policy
from consentkit.policy.words import locales, texts

SOURCE: Final = (
    "CNIL, recommandation 2020-092, §34: refusing has the same ease and emphasis as accepting;"
    " EDPB Guidelines 03/2022: emotional steering"
)
LONGER, SPARED = 1.5, 3
"""How many times as long as the other one either of the two may be, as shipped texts are; so few characters
more are no matter, such as in Ja and Nein."""

_EXCLAIMS: Final = re.compile(r"[!¡！՜]")
_WARM: Final = re.compile(
    r"\b(?:super|great|awesome|cool|perfect|lovely?|yay|happily|gladly|with pleasure|recommended"
    r"|génial|parfait|volontiers|avec plaisir|recommandé|toll|gerne|klasse|perfekt|empfohlen"
    r"|genial|perfecto|encantado|con gusto|recomendado|perfetto|ottimo|volentieri|consigliato"
    r"|graag|prima|aanbevolen|chętnie|polecane|отлично|супер|рекомендуем|чудово|рекомендуємо)\b",
    re.IGNORECASE,
)
_COLD: Final = re.compile(
    r"\b(?:worse|limited|degraded|poor|boring|risk|miss out|don['’]t (?:care|like)|unfortunately|sadly"
    r"|dégradée?|limitée?|moins bien|tant pis|dommage|m['’]en (?:fiche|moque)|schlechter|eingeschränkt|leider"
    r"|peor|limitad[oa]|lástima|peggio(?:re)?|limitat[oa]|peccato|slechter|beperkt|helaas|niestety|ограничен\w*)\b",
    re.IGNORECASE,
)


def one_sided(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Yield (place, message, source) for each language in which yes and no aren't put alike."""
    for locale, words in policy.texts.items():
        yes, no = str(words["buttons"]["accept"]), str(words["buttons"]["reject"])
        found = "; ".join((*_differences(yes, no), *_only_one(locale, yes, no)))
        if found:
            message = f"offer {shown(yes)} beside {shown(no)}: {found}. Say both as plainly as each other"
            yield f"texts.{locale}.buttons", message, SOURCE


def _differences(yes: str, no: str) -> Iterator[str]:
    if yes.strip().casefold() == no.strip().casefold():
        yield "they are the same"
    for name, found in (("an exclamation mark", _exclaims), ("an emoji", _pictures), ("all capitals", _loud)):
        if found(yes) != found(no):
            yield f"only one has {name}"
    short, long = sorted((yes, no), key=len)
    if len(long) > max(LONGER * len(short), len(short) + SPARED):
        yield f"{shown(long)} is more than {LONGER} times as long"
    for pattern, text, how in ((_WARM, yes, "cheers the yes on"), (_COLD, no, "makes the no look bad")):
        word = pattern.search(text)
        if word is not None:
            yield f"{shown(word[0])} {how}"


def _only_one(locale: str, yes: str, no: str) -> Iterator[str]:
    """A site's own word beside one of ours, which was chosen for the one that it stood with."""
    shipped = texts(locale, {})["buttons"] if locale in locales() else {"accept": yes, "reject": no}
    own = [name for name, word in (("accept", yes), ("reject", no)) if word != shipped[name]]
    if len(own) == 1:
        yield f"only {own[0]} is your own"


def _exclaims(text: str) -> bool:
    return _EXCLAIMS.search(text) is not None


def _pictures(text: str) -> bool:
    """Whether a text holds an emoji, an arrow, a tick: what Unicode calls a symbol, money left aside."""
    return any(unicodedata.category(each) in ("So", "Sk", "Sm") for each in text)


def _loud(text: str) -> bool:
    return text.isupper()
