"""One command to see consentkit work, one to see it proved; needs only Python 3.11 or newer.

python3 dev.py demo            run the demonstration shop
python3 dev.py test            run every check, with seeded samples
python3 dev.py test --full     run every check, with every case, in three browsers, and measure coverage
python3 dev.py screenshots DIR take pictures of the dialog, for people to look at
python3 dev.py bench           measure it beside others; benchmarks/README.md says how to read that
"""

import ctypes.util
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
# What the tests of other browsers look for, and the packages of Debian's that have it.
OTHER_BROWSERS = {"firefox-esr": "firefox-esr", "WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}
BENCHMARKS = ["overhead", "markup", "prooflog", "million", "banner", "where_and_who"]
# A file's tests stay together: they share a browser, a server, a log. The files come in the order of
# tests/conftest.py, the longest first, which isn't that of the number of their tests.
WORKERS = ["--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]
STAMP = VENV / ".consentkit-installed"


def main(argv: list[str]) -> int:
    """Run one of the commands above; returns its exit code."""
    if argv[:1] == ["demo"]:
        install("demo", ["-e", ".[demo]"])
        return run(BIN / "consentkit", "demo", *argv[1:])
    if argv[:1] == ["test"]:
        install("test", ["-e", ".", "--group", "dev"])
        provide_browser()
        provide_other_browsers(argv[1:])
        provide_node_modules()
        # Tests start Python often, which would else compile all that it imports each time.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return run(BIN / "python", "-m", "pytest", *WORKERS, *coverage(argv[1:]), *argv[1:])
    if argv[:1] == ["screenshots"]:
        install("test", ["-e", ".", "--group", "dev"])
        provide_browser()
        return run(BIN / "python", ROOT / "benchmarks" / "screenshots.py", *argv[1:])
    if argv[:1] == ["bench"]:
        install("bench", ["-e", ".", "--group", "bench"])
        provide_browser()
        provide_node_modules()
        chosen = argv[1:2] if argv[1:2] and argv[1] in BENCHMARKS else BENCHMARKS
        options = argv[2:] if chosen is not BENCHMARKS else argv[1:]
        return max(run(BIN / "python", ROOT / "benchmarks" / f"{each}.py", *options) for each in chosen)
    print(__doc__)
    return 2


def coverage(wanted: list[str]) -> list[str]:
    """Measure coverage with every case: it makes Python half as fast."""
    return ["--cov", "--cov-report=term:skip-covered"] if wanted == ["--full"] else []


def run(*command: str | Path) -> int:
    """Run a command in the checkout; returns its exit code, 130 after Ctrl-C."""
    try:
        return subprocess.call([str(part) for part in command], cwd=ROOT)
    except KeyboardInterrupt:
        return 130


def install(purpose: str, packages: list[str]) -> None:
    """Install into .venv what `purpose` needs, unless pyproject.toml is unchanged since it was.

    What a test run needs is all that the demonstration needs, too.
    """
    project = sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = f"{purpose} {project} {sys.version_info[:2]}"
    enough = {stamp, stamp.replace("demo", "test", 1)}
    if STAMP.exists() and enough & set(STAMP.read_text().splitlines()):
        return
    print(f"Installing what {purpose} needs into {VENV.name} …", flush=True)
    if not (BIN / "pip").exists():
        provide_pip()
        venv.create(VENV, with_pip=True)
    if not (BIN / "uv").exists():
        must(BIN / "python", "-m", "pip", "install", "--quiet", "uv")
    must(BIN / "uv", "pip", "install", "--quiet", "--python", BIN / "python", *packages)
    with STAMP.open("a") as done:
        done.write(stamp + "\n")


def provide_pip() -> None:
    """Make sure environments get their pip: Debian keeps that part of Python in a package of its own."""
    if importlib.util.find_spec("ensurepip"):
        return
    if not apt("python3-venv"):
        sys.exit("This Python can't make environments. As root, run: apt-get install python3-venv")


def apt(package: str) -> bool:
    """Install a Debian package; returns False where that isn't possible."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    print(f"Installing {package} …", flush=True)
    must("apt-get", "update", "-qq")
    must("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
    return True


def must(*command: str | Path) -> None:
    """Run a command and stop here if it fails."""
    if code := run(*command):
        sys.exit(code)


def provide_browser() -> None:
    """Make sure a Chromium is there, the system's, Debian's or Playwright's, and what drives it."""
    if sys.platform == "linux" and not ctypes.util.find_library("atomic"):
        apt("libatomic1")  # the driver's own Node.js needs it
    if os.environ.get("CONSENTKIT_CHROMIUM") or any(map(shutil.which, BROWSERS)):
        return
    if not apt("chromium"):
        must(BIN / "playwright", "install", "chromium")


def provide_other_browsers(wanted: list[str]) -> None:
    """Fetch Firefox and WebKitGTK with every case, where that is one command; their tests skip elsewhere."""
    for program, package in OTHER_BROWSERS.items() if "--full" in wanted else ():
        if not shutil.which(program):
            apt(package)


def provide_node_modules() -> None:
    """Fetch what type-checks, rebuilds and judges the browser files, and real pages, where Node.js is.

    Their tests skip elsewhere.
    """
    wanted = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    if shutil.which("npm") and not all((ROOT / "node_modules" / name).exists() for name in wanted):
        must("npm", "install", "--silent", "--no-package-lock")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
