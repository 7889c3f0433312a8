"""The browser's side at rest: sizes, texts, the committed build."""

import re
import shutil
import subprocess
from pathlib import Path

import brotli
import pytest
from sample import policy
from shop_stub import ROOT, STATIC, TEXTS, stored

from consentkit.assets import ON_DEMAND, WORDS
from consentkit.edition import compile_edition
from consentkit.policy.banner import Banner
from consentkit.policy.version import resolve

FORMS = [
    Banner(),
    Banner(position="top"),
    Banner(form="dialog"),
    Banner(form="inline"),
    Banner(headless=True),
]
DRAWN = {name for form in FORMS for name in form.files}
BUILT = (
    "starter.js",
    "kernel.js",
    "guard.js",
    "ways.js",
    "gpp.js",
    "saved.js",
    "preferences.css",
    "placeholders.css",
    "corner.js",
    "corner.css",
    "message.css",
    WORDS,
    *ON_DEMAND,
    *sorted(DRAWN),
)
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (ROOT / "node_modules").is_dir()),
    reason="node or node_modules missing: npm install",
)


def size(*parts: bytes) -> int:
    return sum(len(brotli.compress(part)) for part in parts)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("kernel.js", 2112),
        ("guard.js", 2048),
        ("ways.js", 2752),
        # With the choice of who is told of the Global Privacy Platform.
        ("sync.js", 1640),
        # Only where a law of the United States counts: 21 sections of it.
        ("gpp.js", 1900),
        ("revive.js", 1536),
        ("choice.js", 1264),
        ("preferences.js", 1344),
        # Words of their own in whichever language, three ways out, and the way back after a no.
        ("placeholders.js", 2160),
        ("placeholders.css", 512),
        ("corner.js", 800),
        ("message.js", 1088),
        ("message.css", 448),
        ("words.js", 704),
    ],
)
def test_each_file_keeps_its_byte_budget(name: str, most: int) -> None:
    """Without what a policy writes into it, in brotli; each but the guard is only loaded for a reason."""
    found = size((STATIC / name).read_bytes())
    assert found <= most, f"{name}: {found} bytes"


def test_what_asks_a_visitor_is_4096_bytes_with_styles_and_words() -> None:
    """Of the forms the heaviest, in each language."""
    words = {locale: size(stored(locale)[0]) for locale in TEXTS}
    for form in FORMS:
        shown = size(*((STATIC / name).read_bytes() for name in form.files))
        too_heavy = {locale: shown + more for locale, more in words.items() if shown + more > 4096}
        assert not too_heavy, " ".join(form.files)


def test_what_stands_in_every_page_is_700_bytes_with_all_that_a_policy_adds() -> None:
    """Google's consent defaults among it, where the site declares a service of Google's, as this one does."""
    starter = compile_edition(resolve(policy()), "/consent").starter.body
    assert b"ad_user_data" in starter
    assert size(starter) <= 700
    without = compile_edition(resolve(policy(services=["youtube"])), "/consent").starter.body
    assert b"gtag" not in without
    assert size(starter) - size(without) <= 110


@needs_node
def test_committed_files_are_what_the_sources_build(tmp_path: Path) -> None:
    subprocess.run(["node", "static/build.mjs", str(tmp_path)], cwd=ROOT, check=True)
    assert {p.name for p in tmp_path.iterdir()} == set(BUILT)
    for name in BUILT:
        assert (tmp_path / name).read_bytes() == (STATIC / name).read_bytes(), f"{name}: npm run build"


@needs_node
def test_sources_pass_the_strict_type_check() -> None:
    done = subprocess.run(
        ["npm", "run", "-s", "check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", BUILT)
def test_built_files_hold_nothing_that_a_strict_csp_refuses(name: str) -> None:
    text = (STATIC / name).read_text("utf-8")
    # These read markup that they have taken apart, and put the rest in through the page's own call.
    markup = r"innerHTML *=" if name in ("guard.js", "ways.js") else "innerHTML|outerHTML|insertAdjacentHTML"
    assert not re.search(markup + r"|\beval\(|new Function|style=|cookie-banner", text)
    assert "</script" not in text.lower()
    assert text.count("__STARTER__") == text.count("__FIRST__") == (name == "starter.js")
    assert text.count("__WORDS__") == (name == "words.js")
    assert text.count("__CONFIG__") == (name == "kernel.js")
    assert text.count("__GUARD__") == text.count("__WAYS__") == (name == "guard.js")
    assert text.count("__KNOWN__") == text.count("__LIVES__") == (name == "ways.js")
