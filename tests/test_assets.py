"""Browser files: the same in a wheel and in a checkout, named by their content."""

import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from consentkit.assets import SERVED, asset, served_name, static_asset, static_folder

ROOT = Path(__file__).parent.parent


def test_a_served_name_carries_the_hash() -> None:
    item = asset("banner.js", b"x")
    assert item.served_name == f"banner.{sha256(b'x').hexdigest()[:16]}.js"
    assert served_name("notice-en.json", "ab" * 32) == "notice-en.abababababababab.json"


@pytest.mark.parametrize("name", [*SERVED, "starter.js", "kernel.js", "guard.js"])
def test_every_file_that_pages_need_is_built(name: str) -> None:
    assert static_asset(name).body
    assert static_asset(name).media_type


def test_the_wheel_holds_what_a_checkout_serves(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "uv", "build", "--wheel", "--quiet", "--out-dir", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    wheel = zipfile.ZipFile(next(tmp_path.glob("*.whl")))
    for name in (*SERVED, "starter.js", "kernel.js", "guard.js"):
        assert wheel.read(f"consentkit/static/{name}") == (static_folder() / name).read_bytes()
    names = wheel.namelist()
    assert "consentkit/gate/templates/page.html" in names
    assert "consentkit/policy/texts/fr.json" in names
    assert "consentkit/demo/consent.toml" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)
