"""The browser's side at rest: sizes, texts, the committed build."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import brotli
import pytest
from sample import policy
from shop_stub import ROOT, STATIC, notice

from consentkit.edition import compile_edition
from consentkit.policy.version import resolve

BUILT = ("starter.js", "kernel.js", "guard.js", "banner.js", "banner.css", "sync.js", "ways.js", "saved.js")
needs_node = pytest.mark.skipif(
    not (shutil.which("node") and (ROOT / "node_modules").is_dir()),
    reason="node or node_modules missing: npm install",
)


def size(*parts: bytes) -> int:
    return sum(len(brotli.compress(part)) for part in parts)


def test_starter_guard_reports_and_banner_keep_their_byte_budgets() -> None:
    for name, most in (("kernel.js", 2048), ("guard.js", 2048), ("sync.js", 1600)):
        assert size((STATIC / name).read_bytes()) <= most
    shown = [(STATIC / name).read_bytes() for name in ("banner.js", "banner.css")]
    assert size(*shown, json.dumps(notice("en"), ensure_ascii=False).encode()) <= 6144


def test_what_stands_in_every_page_is_700_bytes_with_all_that_a_policy_adds() -> None:
    """Google's consent defaults are to join it: there is room for them."""
    assert size(compile_edition(resolve(policy()), "/consent").starter.body) <= 600


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
    # The guard reads markup that it has taken apart, and puts the rest in through the page's own call.
    markup = r"innerHTML *=" if name in ("guard.js", "ways.js") else "innerHTML|outerHTML|insertAdjacentHTML"
    assert not re.search(markup + r"|\beval\(|new Function|style=|cookie-banner", text)
    assert "</script" not in text.lower()
    assert text.count("__STARTER__") == (name == "starter.js")
    assert text.count("__CONFIG__") == (name == "kernel.js")
    assert text.count("__GUARD__") == text.count("__WAYS__") == (name == "guard.js")
