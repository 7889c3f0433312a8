"""The parts of the shop's pages that belong to vendors: their documented markup, and where each part goes."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "templates" / "parts"
TRACKER = "(tracker)"


@dataclass(frozen=True, slots=True)
class Part:
    """One vendor's snippet or hint, as `templates/parts/<name>.<place>.html` holds it.

    `hosts` are contacted with JavaScript on, `quiet_hosts` with it off; `TRACKER` stands for the stand-in.
    """

    name: str
    category: str
    hosts: tuple[str, ...]
    quiet_hosts: tuple[str, ...] = ()

    def markup(self, place: str, tracker: str) -> str:
        """The HTML for a place (`head`, `top`, `content`, `end`), or nothing if the part has none there."""
        return _read(f"{self.name}.{place}").replace("{{ tracker }}", tracker)


@cache
def _read(stem: str) -> str:
    path = FOLDER / f"{stem}.html"
    return path.read_text("utf-8") if path.exists() else ""


PARTS = (
    Part("preconnect", "marketing", ("connect.facebook.net",), ("connect.facebook.net",)),
    Part("dns-prefetch", "marketing", ("snap.licdn.com",), ("snap.licdn.com",)),
    Part("google-tag-manager", "marketing", ("www.googletagmanager.com",), ("www.googletagmanager.com",)),
    Part("google-tag", "analytics", ("www.googletagmanager.com",)),
    Part("meta-pixel", "marketing", ("connect.facebook.net",), ("www.facebook.com",)),
    Part("microsoft-clarity", "analytics", ("www.clarity.ms",)),
    Part("posthog", "analytics", (TRACKER,)),
    Part("snowplow", "analytics", (TRACKER,)),
    Part("youtube", "marketing", ("www.youtube.com",), ("www.youtube.com",)),
    Part("openstreetmap", "preferences", ("www.openstreetmap.org",), ("www.openstreetmap.org",)),
    Part("linkedin-insight", "marketing", ("snap.licdn.com",), ("px.ads.linkedin.com",)),
)
PART_NAMES = tuple(part.name for part in PARTS)
EMBEDS = ("youtube", "openstreetmap")
"""They belong to one page; every other part is on all of them."""
EVERYWHERE = tuple(part for part in PARTS if part.name not in EMBEDS)


def place(parts: tuple[Part, ...], where: str, tracker: str) -> str:
    """All the markup that `parts` have for a place, in order."""
    return "".join(part.markup(where, tracker) for part in parts)
