"""A server that stands in for every host there is: TLS and plain HTTP on one port, every caller noted."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

import trustme

PATIENCE = 20
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
LEAK = "loopback_leak"


@dataclass(frozen=True, slots=True)
class Call:
    """A connection (`method` is `CONNECT`) or a request that arrived. `host` is `?` when none was named."""

    host: str
    method: str
    path: str = ""
    secure: bool = False


class Calls:
    """What has arrived so far; `hosts()` names everyone who was meant."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._changed = threading.Condition()

    def add(self, call: Call) -> None:
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def all(self) -> list[Call]:
        with self._changed:
            return list(self._calls)

    def hosts(self) -> set[str]:
        return {call.host for call in self.all()}

    def requests(self, host: str) -> list[Call]:
        return [call for call in self.all() if call.host == host and call.method != "CONNECT"]

    def clear(self) -> None:
        with self._changed:
            self._calls.clear()

    def wait_for(self, host: str, seconds: float = PATIENCE) -> bool:
        """Wait until a host has been called; returns whether it was."""
        with self._changed:
            return self._changed.wait_for(lambda: any(c.host == host for c in self._calls), seconds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE
    server: "Loopback"

    def setup(self) -> None:
        self.secure = False
        self.request.settimeout(PATIENCE)
        self._begin()
        super().setup()

    def _begin(self) -> None:
        """Peek at the first byte: 0x16 opens a TLS handshake (RFC 8446 §5.1), anything else is plain."""
        if self.request.recv(1, socket.MSG_PEEK) != b"\x16":
            self.server.calls.add(Call("?", "CONNECT"))
            return
        self.request = self.server.secured(self.request)
        self.secure = True

    def finish(self) -> None:
        """Close the wrapped socket too: the server only knows the one below it."""
        super().finish()
        self.request.close()

    def answer(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        self.rfile.read(size)
        host = urlsplit(f"//{self.headers.get('host', '?')}").hostname or "?"
        self.server.calls.add(Call(host, self.command, self.path, self.secure))
        self.respond()

    def respond(self) -> None:
        kind, body = _harmless(self.path, self.headers.get("sec-fetch-dest", ""))
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", f"{LEAK}=1; Path=/; Max-Age=9999; SameSite=None; Secure")
        self.send_header("access-control-allow-origin", self.headers.get("origin", "*"))
        self.send_header("access-control-allow-credentials", "true")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_HEAD = do_OPTIONS = answer  # noqa: N815  (names that http.server asks for)

    def log_message(self, *_: object) -> None:
        """Say nothing; the calls are the log."""


def _harmless(path: str, destination: str) -> tuple[str, bytes]:
    if destination in ("iframe", "document", "frame"):
        return "text/html; charset=utf-8", b"<!doctype html><title>loopback</title><p>loopback"
    if destination == "image":
        return "image/gif", GIF
    if destination == "style":
        return "text/css", b""
    return "text/javascript", b"/* loopback */"


class Loopback(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The logger on a free loopback port; `calls` is what it has seen, `port` where it listens."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self) -> None:
        self.calls = Calls()
        self._context = _context("loopback.invalid")
        self._context.sni_callback = self._meet
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def secured(self, sock: socket.socket) -> ssl.SSLSocket:
        return self._context.wrap_socket(sock, server_side=True)

    def _meet(self, sock: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        self.calls.add(Call(name or "?", "CONNECT", secure=True))
        sock.context = _known(name or "loopback.invalid")

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that hangs up is what browsers do; nothing here is an error."""


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _context(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    _authority().issue_cert(name).configure_cert(context)
    return context


_known = cache(_context)
"""Making one is most of what a handshake costs here."""


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A running logger."""
    with Loopback() as server:
        thread = threading.Thread(
            target=server.serve_forever, name="loopback", kwargs={"poll_interval": 0.05}
        )
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
