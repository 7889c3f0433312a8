"""Everything the README says to type or to write is done here, as a newcomer would."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brotli
import pytest
from browser import serving, visiting
from playwright.sync_api import sync_playwright
from sample import app, mounted, policy
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from consentkit.edition import compile_edition
from consentkit.policy.lint import lint
from consentkit.policy.reading import read_toml
from consentkit.policy.version import resolve

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
SHELL = [body for language, body in BLOCKS if language == "sh"]
SHOW, INSTALL, PREPARE, SERVE, CLOSE, AUDIT = SHELL
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "consentkit", "static")
STARLETTE, FASTAPI = (body for language, body in BLOCKS if language == "python")
TABLES = [body for language, body in BLOCKS if language == "toml"]
MARKUP = next(body for language, body in BLOCKS if language == "html")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(address: str, **headers: str) -> str:
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read().decode())


def fetch_soon(address: str, process: subprocess.Popen[str]) -> str:
    """Fetch an address that a process just started will serve; it has 30 seconds to do so."""
    for _ in range(300):
        try:
            return fetch(address)
        except OSError:
            assert process.poll() is None, "the server stopped"
            time.sleep(0.1)  # waiting for another process, not for time to pass
    raise AssertionError(f"{address} was never served")


@contextmanager
def running(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen(command, cwd=folder, env=env, start_new_session=True, **streams)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Path:
    """The folder of a site's programs: with `full`, one made as the README says from a copy of this checkout.

    Else the checkout's own, which has all that one would; that the wheel is whole is for test_assets to see.
    """
    if not full:
        return Path(sys.executable).parent
    checkout = tmp_path_factory.mktemp("newcomer") / "checkout"
    checkout.mkdir()
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, checkout / name)
    shell(INSTALL.replace("python3", sys.executable), checkout, clean())
    return checkout.parent / "site" / "bin"


def clean() -> dict[str, str]:
    """The environment without what this machine's own consentkit is told."""
    return {key: value for key, value in os.environ.items() if not key.startswith("CONSENTKIT_")}


def activated(programs: Path) -> dict[str, str]:
    return clean() | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def shell(script: str, folder: Path, env: dict[str, str]) -> str:
    command = ["bash", "-eu", "-c", script]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "code", [STARLETTE, pytest.param(FASTAPI, marks=pytest.mark.variant)], ids=["starlette", "fastapi"]
)
def test_the_site_of_the_readme_asks_for_consent(programs: Path, tmp_path: Path, code: str) -> None:
    env = activated(programs)
    secret = shell(PREPARE + "printf '%s' \"$CONSENTKIT_SECRET_KEY\"", tmp_path, env).splitlines()[-1]
    (tmp_path / "app.py").write_text(code)
    port, command = free_port(), SERVE.split()
    assert command == ["uvicorn", "app:app"]
    serving = [str(programs / command[0]), *command[1:], "--port", str(port)]
    with running(serving, tmp_path, env | {"CONSENTKIT_SECRET_KEY": secret}) as process:
        page = fetch_soon(f"http://127.0.0.1:{port}/", process)
        assert "You are not counted." in page
        assert "data-consentkit-starter" in page
        assert 'data-consent="open"' in page
        assert "<form" in fetch(f"http://127.0.0.1:{port}/consent/")
    assert "GOOD" in shell(AUDIT, tmp_path, env)
    assert "shop.example/2027 goes on" in shell(CLOSE, tmp_path, env)
    assert (tmp_path / "bundle" / "checkpoint").exists()


def test_a_server_without_its_secret_stops_and_says_so(programs: Path, tmp_path: Path) -> None:
    env = activated(programs)
    shell("consentkit init", tmp_path, env)
    (tmp_path / "app.py").write_text(STARLETTE)
    command = [str(programs / "uvicorn"), "app:app", "--port", str(free_port())]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "CONSENTKIT_SECRET_KEY" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "consentkit-keys").exists()


def test_the_examples_are_the_readme_s() -> None:
    assert (ROOT / "examples" / "starlette_app.py").read_text() == STARLETTE
    assert (ROOT / "examples" / "fastapi_app.py").read_text() == FASTAPI
    for code in (STARLETTE, FASTAPI):
        assert len([line for line in code.splitlines() if line.strip()]) <= 12


WEIGHED = [
    ["starter.js"],
    ["guard.js"],
    ["ways.js"],
    ["kernel.js"],
    ["banner.js", "banner.css", "notice-en.json"],
    ["preferences.js", "preferences.css"],
    ["placeholders.js", "placeholders.css"],
    ["revive.js", "sync.js"],
]


def test_what_a_page_weighs_is_what_the_readme_says() -> None:
    """Nothing is heavier, and hardly anything lighter: some languages take more than English."""
    said = [int(number.replace(",", "")) for number in re.findall(r"(?m)^\| ([\d,]+) \|", README)]
    parts = {part.name: part.body for part in compile_edition(resolve(policy()), "/consent").served.values()}
    for most, names in zip(said, WEIGHED, strict=True):
        found = sum(len(brotli.compress(parts[name])) for name in names)
        assert 0.8 * most <= found <= most, f"{names}: {found} bytes"


def test_every_table_of_the_readme_is_one_that_check_finds_good() -> None:
    services, pages = (read_toml(body, "README.md") for body in TABLES)
    resolved = resolve(policy(**services, **pages, categories=["analytics"]))
    visits = resolved.services["visits"]
    assert all((visits.urls, visits.cookies, visits.storage))
    assert resolved.pages.third_parties == "strict"
    assert lint(resolved) == []


def test_the_commands_of_the_readme_are_the_ones_ci_runs() -> None:
    assert SHOW.splitlines() == ["python3 dev.py demo", "python3 dev.py test"]
    assert "python3 dev.py test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.variant
def test_the_demo_command_serves_what_it_prints() -> None:
    command = [
        sys.executable,
        "dev.py",
        "demo",
        "--port",
        str(free_port()),
        "--tracker-port",
        str(free_port()),
    ]
    env = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
    with running(command, ROOT, env) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while len([line for line in lines if "http://" in line]) < 3:
            line = process.stdout.readline()
            assert line, "".join(lines)
            lines.append(line)
        shop, page, audit = [match for line in lines for match in re.findall(r"http://\S+", line)][:3]
        assert "<form" in fetch_soon(page, process)
        assert "data-consent=" in fetch(shop)
        assert (
            "consent log"
            in urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(audit).read().decode()
        )


@pytest.mark.browser
def test_the_readme_s_own_mark_runs_after_a_yes_and_not_before(tmp_path: Path) -> None:
    async def home(request: Request) -> Response:
        return HTMLResponse(f"<!doctype html><html lang=en><title>Shop</title><p>Shop</p>{MARKUP}</html>")

    async def visits(request: Request) -> Response:
        return Response("window.counted = true", media_type="text/javascript")

    site = mounted(app(Route("/", home), Route("/js/visits.js", visits)), tmp_path)
    with serving(site, "localhost") as origin, sync_playwright() as driver, visiting(driver) as visit:
        page = visit.context.new_page()
        page.goto(origin)
        page.get_by_role("button", name="Accept all").wait_for()
        assert page.evaluate("window.counted") is None
        page.get_by_role("button", name="Accept all").click()
        page.wait_for_function("window.counted")
    site.kit.close()
