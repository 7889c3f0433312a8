"""Runs the demonstration: the shop on localhost, the tracker on 127.0.0.1, one process, no network."""

import asyncio
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import uvicorn
from starlette.types import ASGIApp

from consentkit.demo.shop import shop
from consentkit.demo.tracker import tracker
from consentkit.desk.auth import link
from consentkit.middleware import ConsentMiddleware

POLICY = Path(__file__).parent / "consent.toml"
SHOP_HOST = "localhost"
TRACKER_HOST = "127.0.0.1"
PORTS_TRIED = 50
GOODBYE_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Demo:
    """Where a running demonstration is: two origins, the log and its keys, the desk, our command."""

    shop: str
    tracker: str
    store: str
    keys: Path
    audit: str
    renewal: str
    command: str

    def told(self) -> str:
        """What a person needs to begin: three addresses, and two commands for another terminal."""
        return f"""
  The shop            {self.shop}/
  A visitor's choices {self.shop}/consent/
  The audit desk      {self.audit}
                      (this link opens it for 15 minutes; for another one:
                      {self.renewal})

  What reached the stand-in tracker: {self.tracker}/

  Next, in another terminal:
    {self.command} audit log --store {self.store} --keys {self.keys}
    {self.command} audit verify --store {self.store} --keys {self.keys}

  Ctrl-C stops the demonstration.
"""


def main(port: int = 8000, tracker_port: int = 8001) -> None:
    """Run the demonstration until Ctrl-C; a port that is taken becomes the next free one."""
    run(port, tracker_port)


def run(host_port: int = 8000, tracker_port: int = 8001, *, folder: Path | None = None) -> None:
    """Serve the shop and the tracker until interrupted, with log and keys in `folder` (a new one if None)."""
    folder = folder or Path(mkdtemp(prefix="consentkit-demo-"))
    with listening(SHOP_HOST, host_port) as front, listening(TRACKER_HOST, tracker_port) as back:
        secret = secrets.token_urlsafe(32)
        origin, other = _origin(SHOP_HOST, front), _origin(TRACKER_HOST, back)
        store, keys = f"sqlite:///{folder / 'consentkit.db'}", folder / "consentkit-keys"
        site = ConsentMiddleware(shop(other), policy=POLICY, secret_key=secret, store=store, keys=keys)
        _ = site.kit
        try:
            command = _command()
            renewal = f"CONSENTKIT_SECRET_KEY={secret} {command} audit link {origin}"
            audit = audit_address(secret, origin)
            print(Demo(origin, other, store, keys, audit, renewal, command).told(), flush=True)
            asyncio.run(_serve([(site, front), (tracker(), back)]))
        finally:
            site.kit.close()
    print("\n  Stopped. The log is still there, and the two commands still work.")


def audit_address(secret: str, origin: str) -> str:
    """The audit desk's address with a link token in it."""
    return link(secret, origin)


def _command() -> str:
    """What to type for `consentkit` here: with its path where the environment isn't activated."""
    installed = Path(sys.prefix) / "bin" / "consentkit"
    return "consentkit" if shutil.which("consentkit") else str(installed)


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets of a loopback name on `port` or the next free one (0: any); localhost has two addresses."""
    sockets = _first_free(host, port)
    try:
        yield sockets
    finally:
        for sock in sockets:
            sock.close()


def _first_free(host: str, port: int) -> list[socket.socket]:
    wanted = range(port, port + PORTS_TRIED) if port else [0] * PORTS_TRIED
    for number in wanted:
        try:
            return _bound(host, number)
        except OSError:
            continue
    raise OSError(f"no free port from {port} to {port + PORTS_TRIED - 1} on {host}")


def _bound(host: str, port: int) -> list[socket.socket]:
    first = socket.create_server(("127.0.0.1", port))
    if host != SHOP_HOST or not _has_ipv6():
        return [first]
    try:
        # A browser tries ::1 first, and must not meet somebody else's server there.
        second = socket.create_server(("::1", first.getsockname()[1]), family=socket.AF_INET6)
    except OSError:
        first.close()
        raise
    return [first, second]


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def _origin(host: str, sockets: list[socket.socket]) -> str:
    return f"http://{host}:{sockets[0].getsockname()[1]}"


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the loop: two servers can't both own them."""
        yield


async def _serve(sites: list[tuple[ASGIApp, list[socket.socket]]]) -> None:
    servers = [
        _Server(
            uvicorn.Config(
                app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GOODBYE_SECONDS
            )
        )
        for app, _ in sites
    ]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(
        *(server.serve(sockets) for server, (_, sockets) in zip(servers, sites, strict=True))
    )
