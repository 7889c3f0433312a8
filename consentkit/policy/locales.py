"""Which of a site's languages a visitor gets, and what each language is called by those who read it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

ALIASES: Final = {"cmn": "zh", "iw": "he", "mo": "ro", "nn": "nb", "no": "nb", "sh": "sr"}
"""Languages by another name, or whose readers read the one that has texts (CLDR aliases and parents)."""

ENDONYMS: Final = {
    "ar": "العربية",
    "bg": "Български",
    "ca": "Català",
    "cs": "Čeština",
    "cy": "Cymraeg",
    "da": "Dansk",
    "de": "Deutsch",
    "el": "Ελληνικά",
    "en": "English",
    "es": "Español",
    "et": "Eesti",
    "eu": "Euskara",
    "fi": "Suomi",
    "fr": "Français",
    "ga": "Gaeilge",
    "gl": "Galego",
    "he": "עברית",
    "hi": "हिन्दी",
    "hr": "Hrvatski",
    "hu": "Magyar",
    "is": "Íslenska",
    "it": "Italiano",
    "ja": "日本語",
    "ko": "한국어",
    "lt": "Lietuvių",
    "lv": "Latviešu",
    "mt": "Malti",
    "nb": "Norsk bokmål",
    "nl": "Nederlands",
    "pl": "Polski",
    "pt": "Português",
    "pt-BR": "Português (Brasil)",
    "ro": "Română",
    "ru": "Русский",
    "sk": "Slovenčina",
    "sl": "Slovenščina",
    "sq": "Shqip",
    "sr": "Српски",
    "sv": "Svenska",
    "tr": "Türkçe",
    "uk": "Українська",
    "zh": "中文",
}
"""Every language consentkit has texts for, in its own words."""


def chosen(wishes: Iterable[str], offered: Sequence[str]) -> str | None:
    """Return the language of `offered` that suits `wishes`, language tags, best first; None if none does.

    A wish is met by its own tag, else by the nearest one it is a variety of (RFC 4647 §3.4), else by a
    variety of that: `pt-AO` by `pt`, and both by `pt-BR` where that is all there is. The banner's code
    chooses alike, in notice.js.
    """
    for wish in wishes:
        for tag in _lookup(wish.lower()):
            fitting = [each for each in offered if f"{each.lower()}-".startswith(f"{tag}-")]
            if fitting:
                return min(fitting, key=len)
    return None


def _lookup(tag: str) -> Iterator[str]:
    """Yield a tag and those it is a variety of: `zh-hant-tw`, `zh-hant`, `zh`."""
    language, *rest = tag.split("-")
    parts = [ALIASES.get(language, language), *rest]
    for end in range(len(parts), 0, -1):
        yield "-".join(parts[:end])
