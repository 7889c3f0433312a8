"""The files a browser gets from us, named by their content so that they can be kept for ever."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
}
ON_DEMAND = ("sync.js", "revive.js", "choice.js", "preferences.js", "placeholders.js", "message.js")
"""What the kernel loads for a reason, each module under its own name in the kernel's configuration."""
WORDS = "words.js"
"""What says vendors' words; a site has it whose services have any."""
SERVED = (
    "preferences.css",
    "placeholders.css",
    "message.css",
    *ON_DEMAND,
    "gpp.js",
    "saved.js",
    "page.css",
)
"""What every site serves, beside the files that draw its banner's form."""
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: a plain name (`banner.js`), its bytes, and both hashes built from them."""

    name: str
    body: bytes
    sha256: str

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[PurePosixPath(self.name).suffix]

    @property
    def served_name(self) -> str:
        """`banner.js` as it stands in a URL: `banner.0123456789abcdef.js`."""
        return served_name(self.name, self.sha256)


def asset(name: str, body: bytes) -> Asset:
    """Return the asset `name` holding `body`."""
    return Asset(name, body, sha256(body).hexdigest())


def served_name(name: str, digest: str) -> str:
    """Return the URL file name of an asset by its plain name and SHA-256 (64 hex)."""
    path = PurePosixPath(name)
    return f"{path.stem}.{digest[:16]}{path.suffix}"


@cache
def static_folder() -> Path:
    """Return the folder of built browser files: inside an installed package, or beside a checkout's."""
    inside = HERE / "static"
    return inside if inside.is_dir() else HERE.parent / "static"


@cache
def static_asset(name: str) -> Asset:
    """Return one shipped browser file by plain name; raises FileNotFoundError if it isn't built."""
    return asset(name, (static_folder() / name).read_bytes())


def served_assets(names: Iterable[str]) -> list[Asset]:
    """Return the shipped files that pages link to."""
    return [static_asset(name) for name in names]
