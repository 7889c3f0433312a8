"""The house keeps its own rules: rooms, types, style, and what must never be in the repository."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "consentkit"
LONGEST_FILE = 300
LONGEST_FUNCTION = 60
MEDIAN_FUNCTION = 15


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--quiet", "."),
        ("ruff", "format", "--check", "--quiet", "."),
        ("mypy",),
        ("importlinter.cli", "lint"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_the_tools_find_nothing(command: tuple[str, ...]) -> None:
    if command[0] == "importlinter.cli":
        code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
    else:
        done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    """Every module with what it parses to, read once for all the rules."""
    return [(path, ast.parse(path.read_text("utf-8"))) for path in PACKAGE.rglob("*.py")]


def functions() -> Iterator[tuple[str, int]]:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_functions_are_short() -> None:
    lengths = dict(functions())
    assert statistics.median(lengths.values()) < MEDIAN_FUNCTION
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


def test_files_are_short() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "static" / "src").glob("*.js")]
    lines = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files}
    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_every_module_and_public_name_says_what_it_is() -> None:
    silent = []
    for path, tree in trees():
        if not ast.get_docstring(tree):
            silent.append(str(path))
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and not ast.get_docstring(node):
                silent.append(f"{path}:{node.name}")
    assert silent == []


def test_no_row_of_our_own_books_reaches_a_user() -> None:
    """Docstrings name the rows that decide; what is printed, logged or answered names its source in words."""
    row = re.compile(r"(?<!Schedule )\b[A-HLQ]\d{1,2}\b|\bRE-[A-Z]{2}\b|(?:design|requirements|measures) §")
    told = []
    for path, tree in trees():
        silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        told += [
            f"{path.name}:{node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent
            if row.search(node.value)
        ]
    assert told == []


def tracked() -> list[Path]:
    """Return what git keeps; a plain copy of the sources, or a machine without git, has nothing to say."""
    if shutil.which("git") is None:
        pytest.skip("there is no git here")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_local_is_in_the_repository() -> None:
    names = {path.name for path in tracked()}
    assert not names & {"uv.lock", "package-lock.json", "consentkit.db"}
    pattern = re.compile(rb"/(?:home|root|work)/[a-z]")
    texts = [
        path for path in tracked() if path.suffix in {".py", ".md", ".toml", ".js", ".json", ".html", ".css"}
    ]
    assert [
        str(path) for path in texts if "vendor" not in path.parts and pattern.search(path.read_bytes())
    ] == []


def test_the_category_functional_is_nowhere_an_id() -> None:
    """requirements §5.1: it means opposite things to different tools."""
    pattern = re.compile(r"""["']functional["']""")
    sources = [path for path in PACKAGE.rglob("*.*") if path.suffix in {".py", ".json", ".toml"}]
    found = [str(path) for path in sources if pattern.search(path.read_text("utf-8"))]
    assert found == []


def test_the_version_is_told_once() -> None:
    import consentkit

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == consentkit.__version__
    assert f"## {consentkit.__version__}" in (ROOT / "CHANGES.md").read_text("utf-8")
