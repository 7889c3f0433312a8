"""Reads Chromium's NetLog: every host that was looked up, connected to or requested."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ALIAS = ".localhost"
"""Chromium logs a look-up under the name a resolver rule maps to, so each host is mapped to its own alias."""
UNNAMED = "loopback"
"""What every host without an alias of its own is mapped to, and so is called in `hosts()`."""

URL = re.compile(r"(?:https?|wss?)://[^\s/<>\"?#\\]+")
ENDPOINT = re.compile(r"^(?:\[[0-9a-f:]+\]|[0-9.]+):\d+$")
# Text of pages and certificates, not addresses that the network stack acted on.
SPOKEN = {"bytes", "certificates", "headers", "verified_cert", "encoded_data"}


@dataclass(frozen=True, slots=True)
class Event:
    """One NetLog event: the name of its type and its parameters."""

    name: str
    params: Any

    def text(self) -> str:
        return json.dumps(self.params, ensure_ascii=False)


class NetLog:
    """The events of one browser run, read after it has closed."""

    def __init__(self, path: Path) -> None:
        log = _read(path.read_text("utf-8"))
        names = {number: name for name, number in log["constants"]["logEventTypes"].items()}
        self.events = [Event(names[raw["type"]], raw.get("params")) for raw in log["events"]]

    def hosts(self) -> set[str]:
        """Every `host`, and `host:port` where a port was written, in any event's addresses."""
        return {host for event in self.events for text in _strings(event.params) for host in _hosts(text)}

    def mentions(self, text: str) -> list[str]:
        """The names of the events that hold a text anywhere, headers included."""
        return [event.name for event in self.events if text in event.text()]


def _read(text: str) -> Any:
    """The log; one that a stopped browser left without its end is closed first."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(text.rstrip().rstrip(",") + "]}")


def _strings(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in SPOKEN:
                yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _hosts(text: str) -> Iterator[str]:
    for url in URL.findall(text):
        yield from _named(url)
    if ENDPOINT.match(text):
        yield text


def _named(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return
    if host is None:
        return
    if host.endswith(ALIAS):
        yield host.removesuffix(ALIAS)
        return
    yield host
    if port is not None:
        yield f"{host}:{port}"
