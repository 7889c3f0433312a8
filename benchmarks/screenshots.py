"""Pictures of the dialog for people to look at: each layer, width and scheme, in each language asked for.

    python benchmarks/screenshots.py FOLDER [--policy consent.toml] [--language fr …]

Beside the pictures `manifest.json` says of each its SHA-256, when it was taken, and under which policy
version and notice (L9 (ii), Q9): the operator's evidence of what stood on a phone's screen and on a desk's.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from banner import page  # noqa: E402
from browser import launched, serving  # noqa: E402 - the browser is the tests' own
from playwright.sync_api import Browser  # noqa: E402

from consentkit import ConsentMiddleware  # noqa: E402
from consentkit.demo.run import POLICY  # noqa: E402

WIDTHS = (320, 390, 1280)
SCHEMES = ("light", "dark")


def pictures(browser: Browser, origin: str, language: str) -> Iterator[tuple[str, bytes]]:
    """Yield a name and a PNG of the first layer, the second, and the visitor's page without JavaScript."""
    for width, scheme in product(WIDTHS, SCHEMES):
        size: Any = {"width": width, "height": 800}
        tab = browser.new_page(locale=language, viewport=size, color_scheme=scheme)
        name = f"{language}-{width}-{scheme}"
        tab.goto(origin)
        dialog = tab.locator(".consentkit-banner")
        dialog.locator("[data-consent=reject-all]").wait_for()
        yield f"{name}-1-first.png", tab.screenshot()
        dialog.locator("button:not([data-consent$=-all])").click()
        dialog.locator("[data-consent=save]").wait_for()
        yield f"{name}-2-second.png", tab.screenshot()
        tab.goto(f"{origin}/consent/")
        yield f"{name}-3-page.png", tab.screenshot(full_page=True)
        tab.close()


def taken(site: ConsentMiddleware, folder: Path, languages: list[str]) -> Iterator[dict[str, str]]:
    """Take all pictures into `folder`; yields the manifest's row of each."""
    edition = site.kit.edition
    with serving(site, "localhost") as origin, launched() as browser:
        for language in languages or edition.policy.site.languages:
            for name, body in pictures(browser, origin, language):
                (folder / name).write_bytes(body)
                yield {
                    "file": name,
                    "sha256": sha256(body).hexdigest(),
                    "taken": datetime.now(UTC).isoformat(timespec="seconds"),
                    "policy": edition.policy.version,
                    "notice": edition.notices[language].sha256,
                }


def main() -> None:
    """Take the pictures, and say where they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--policy", type=Path, default=POLICY)
    parser.add_argument("--language", action="append", default=[], help="one of the policy's; all by default")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        store, keys = f"sqlite:///{kept}/log.db", Path(kept) / "keys"
        secret = "of no use beyond these pictures"  # noqa: S105
        site = ConsentMiddleware(page(), policy=options.policy, secret_key=secret, store=store, keys=keys)
        rows = list(taken(site, options.folder, options.language))
        site.kit.close()
    (options.folder / "manifest.json").write_text(json.dumps(rows, indent=2) + "\n")
    click.echo(f"{len(rows)} pictures and manifest.json are in {options.folder}")


if __name__ == "__main__":
    main()
