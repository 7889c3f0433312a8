"""A witness of others' making (PyPI's aics-witness) in an environment of its own, where that can be had."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

PACKAGE = "aics-witness==0.1.0"
NAME = "witness.example/real"


@dataclass(frozen=True)
class RealWitness:
    """Where it listens, and its key."""

    url: str
    vkey: str


def newer_python() -> str:
    """Return a Python that the witness runs on (3.12 or newer); skips where none is."""
    places = [path for version in (12, 13, 14, 15) if (path := shutil.which(f"python3.{version}"))]
    places += map(str, Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python"))
    for place in [sys.executable, *places]:
        code = "import sys, venv; sys.exit(sys.version_info < (3, 12))"
        if not subprocess.run([place, "-c", code], capture_output=True, check=False).returncode:
            return place
    pytest.skip("no Python 3.12 or newer is here, which the witness needs")


def installed(folder: Path) -> Path:
    """Install the witness below `folder`; skips where the registry can't be reached."""
    subprocess.run([newer_python(), "-m", "venv", folder / "venv"], check=True, capture_output=True)
    pip = [folder / "venv/bin/pip", "install", "--quiet", PACKAGE]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the witness can't be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder / "venv/bin/aics-witness"


@contextmanager
def real_witness(folder: Path, origin: str, vkey: str) -> Iterator[RealWitness]:
    """Yield a running witness of the log `origin`, whose key it knows."""
    program, config = installed(folder), ["--config", str(folder / "witness.json")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = run("init", *config, "--name", NAME, "--listen", "127.0.0.1:0")
    run("add-log", *config, "--origin", origin, "--vkey", vkey)
    own = re.search(rf"{NAME}\+[0-9a-f]{{8}}\+\S+", told)
    assert own, told
    with (folder / "witness.log").open("w") as log:
        server = subprocess.Popen([program, "serve", *config], stderr=log, stdout=log, env=environment)
    try:
        yield RealWitness(_listening(folder / "witness.log"), own[0])
    finally:
        server.terminate()
        server.wait()


def _listening(log: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
        if found and found[1] != "0":
            url = f"http://127.0.0.1:{found[1]}"
            try:
                with urlopen(f"{url}/healthz"):
                    return url
            except URLError:
                pass
        time.sleep(0.05)
    raise AssertionError(log.read_text())
