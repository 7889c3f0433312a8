"""Firefox and WebKitGTK, driven by what they are made with: WebDriver over Marionette, and over HTTP."""

import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

PATIENCE = 30
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver 2, 12.1
NOWHERE = "127.0.0.1:9"
# A proxy that nobody is behind: whatever isn't on this machine stays out of reach.
HERE = ["localhost", "127.0.0.1"]
CAPABILITIES = {"proxy": {"proxyType": "manual", "httpProxy": NOWHERE, "sslProxy": NOWHERE, "noProxy": HERE}}
FIREFOX = ("firefox-esr", "firefox")
MINI_BROWSERS = ("usr/lib/*/webkit2gtk-4.*/MiniBrowser", "usr/libexec/webkit2gtk-4.*/MiniBrowser")


class Window(ABC):
    """One window of a browser with a fresh profile."""

    @abstractmethod
    def open(self, url: str) -> None:
        """Load a page, and wait until it has."""

    @abstractmethod
    def script(self, code: str) -> Any:
        """Return what the body of a function returns in the page; it is no activity of the visitor's."""

    @abstractmethod
    def _find(self, xpath: str) -> str: ...

    @abstractmethod
    def _click(self, element: str) -> None: ...

    def click(self, xpath: str) -> None:
        """Click on an element as a visitor does, once it is there."""
        self.until(lambda: self.count(xpath), xpath)
        self._click(self._find(xpath))

    def count(self, xpath: str) -> int:
        """How many such elements are drawn, once a page says so: one that is being replaced says nothing."""
        code = (
            f"const all = document.evaluate({json.dumps(xpath)}, document, null, 7), found = [];"
            "for (let at = 0; at < all.snapshotLength; at++) found.push(all.snapshotItem(at));"
            "return found.filter((each) => each.getClientRects().length).length"
        )
        said: list[Any] = []
        self.until(lambda: said.append(self.script(code)) or said[-1] is not None, "a page to look at")
        return int(said[-1])

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for something to become true; fails with `what` if it doesn't."""
        for _ in range(PATIENCE * 50):
            if holds():
                return
            time.sleep(0.02)  # waiting for another process, not for time to pass
        pytest.fail(f"waited {PATIENCE} s in vain: {what}")


class Marionette(Window):
    """Firefox. A message is its length, a colon and JSON: [0, number, command, parameters]."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._numbers = connection, itertools.count()
        self._read()
        self._call("NewSession", capabilities={"alwaysMatch": CAPABILITIES})

    def _read(self) -> Any:
        size = b""
        while (one := self._socket.recv(1)) not in (b":", b""):
            size += one
        answer = b""
        while len(answer) < int(size):
            answer += self._socket.recv(int(size) - len(answer))
        return json.loads(answer)

    def _call(self, command: str, **parameters: Any) -> Any:
        message = json.dumps([0, next(self._numbers), f"WebDriver:{command}", parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def open(self, url: str) -> None:
        self._call("Navigate", url=url)

    def script(self, code: str) -> Any:
        return self._call("ExecuteScript", script=code, args=[])["value"]

    def _find(self, xpath: str) -> str:
        return str(self._call("FindElement", using="xpath", value=xpath)["value"][ELEMENT])

    def _click(self, element: str) -> None:
        self._call("ElementClick", id=element)


class Remote(Window):
    """What speaks the W3C's WebDriver over HTTP."""

    def __init__(self, address: str, **options: Any) -> None:
        self._at = address
        wanted = {"capabilities": {"alwaysMatch": CAPABILITIES | options}}
        self._at = f"{address}/session/{self._call('session', **wanted)['sessionId']}"

    def _call(self, command: str, **parameters: Any) -> Any:
        body = json.dumps(parameters).encode()
        request = urllib.request.Request(f"{self._at}/{command}", body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refused:
            with refused:
                raise AssertionError(refused.read().decode()) from None

    def open(self, url: str) -> None:
        self._call("url", url=url)

    def script(self, code: str) -> Any:
        return self._call("execute/sync", script=code, args=[])

    def _find(self, xpath: str) -> str:
        return str(self._call("element", using="xpath", value=xpath)[ELEMENT])

    def _click(self, element: str) -> None:
        self._call(f"element/{element}/click")

    def close(self) -> None:
        request = urllib.request.Request(self._at, method="DELETE")
        urllib.request.urlopen(request, timeout=PATIENCE).close()


@contextmanager
def _running(*command: str | Path, **more: Any) -> Iterator["subprocess.Popen[bytes]"]:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | more
    with subprocess.Popen(list(map(str, command)), **quiet) as process:
        try:
            yield process
        finally:
            process.terminate()


def _soon(there: Callable[[], Any], process: "subprocess.Popen[bytes]") -> Any:
    """Return what another process makes, once it has."""
    for _ in range(PATIENCE * 50):
        if found := there():
            return found
        assert process.poll() is None, "the browser stopped"
        time.sleep(0.02)  # waiting for another process, not for time to pass
    pytest.fail(f"the browser took more than {PATIENCE} s to start")


@contextmanager
def firefox() -> Iterator[Window]:
    """A window of Firefox ($CONSENTKIT_FIREFOX, then the usual names); skips the test if there is none."""
    found = os.environ.get("CONSENTKIT_FIREFOX") or next(filter(None, map(shutil.which, FIREFOX)), None)
    if not found:
        pytest.skip("no Firefox here: set CONSENTKIT_FIREFOX or install firefox-esr")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "user.js").write_text('user_pref("marionette.port", 0);\n')
        told = Path(folder) / "MarionetteActivePort"
        with _running(found, "--headless", "--marionette", "--no-remote", "--profile", folder) as process:
            port = int(_soon(lambda: told.exists() and told.read_text(), process))
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                yield Marionette(connection)


@contextmanager
def webkit() -> Iterator[Window]:
    """A window of WebKitGTK's small browser, on a screen of its own; skips the test where there is none."""
    driver = shutil.which("WebKitWebDriver")
    browser = next((path for place in MINI_BROWSERS for path in Path("/").glob(place)), None)
    screen = shutil.which("Xvfb")
    if not (driver and browser and screen):
        pytest.skip("no WebKitGTK here, or no screen for it: install webkit2gtk-driver and xvfb")
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
        display = stack.enter_context(
            _running(screen, "-displayfd", "1", "-nolisten", "tcp", stdout=subprocess.PIPE)
        )
        assert display.stdout is not None
        number = display.stdout.readline().decode().strip()
        homes = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), folder)
        told = homes | {"DISPLAY": f":{number}", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = stack.enter_context(_running(driver, f"--port={port}", env=dict(os.environ) | told))

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        _soon(answers, process)
        options = {"binary": str(browser), "args": ["--automation"]}
        window = Remote(f"http://127.0.0.1:{port}", **{"webkitgtk:browserOptions": options})
        stack.callback(window.close)
        yield window
