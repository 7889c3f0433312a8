"""What conftest.py does for a run, seen in a small run of its own."""

import subprocess
import sys
from pathlib import Path

RUN = [sys.executable, "-m", "pytest", "-q", "-n1", "-pconftest", "-pno:cacheprovider"]


def test_a_failure_is_told_with_its_reason_before_the_run_is_over(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2\n"
        "@pytest.fixture\n"
        "def broken(): raise OSError('no disk')\n"
        "def test_without(broken): pass\n"
    )
    run = [*RUN, "-pno:hypothesispytest", f"--rootdir={tmp_path}", tmp_path]
    done = subprocess.run(
        run, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False
    )
    early = done.stdout.partition("= ERRORS =")[0]
    assert "\nFAILED test_it.py::test_bad in call: assert 1 == 2\n" in early, done.stdout + done.stderr
    assert "\nFAILED test_it.py::test_without in setup: OSError: no disk\n" in early
    assert "test_good" not in early
