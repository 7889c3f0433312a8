"""A proxy that speaks enough of PostgreSQL's protocol to stand where poolers and broken networks do.

With `pool` it hands each transaction to the next of so many server connections and cleans up nothing between
them, as pgbouncer does in transaction pooling. With `cut` it drops a client's connection at COMMIT.
"""

import asyncio
import struct
import threading
from pathlib import Path
from typing import Literal, Self

Frame = tuple[bytes, bytes]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
BEGINNING = struct.pack(">i", 196608) + b"user\0tests\0database\0postgres\0\0"


async def frame(reader: asyncio.StreamReader) -> Frame:
    """Return the kind of the next message and all of its bytes."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack(">i", head[1:])[0] - 4)


class Proxy:
    """Listens beside the server's own socket, on `port`, until the `with` ends."""

    def __init__(self, folder: Path, port: int, pool: int = 0) -> None:
        self.port = port
        self.cut: Literal["before", "after"] | None = None
        self.cuts = 0
        self._folder = folder
        self._size = pool
        self._free: asyncio.Queue[Streams] = asyncio.Queue()
        self._greeting = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        path = self._folder / f".s.PGSQL.{self.port}"
        self._server = await asyncio.start_unix_server(self._serve, path)
        for _ in range(self._size):
            self._free.put_nowait(await self._connected())

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while not self._free.empty():
            self._free.get_nowait()[1].close()

    async def _connected(self) -> Streams:
        reader, writer = await asyncio.open_unix_connection(self._folder / ".s.PGSQL.5432")
        writer.write(struct.pack(">i", len(BEGINNING) + 4) + BEGINNING)
        greeting = b""
        while not greeting.endswith(b"Z\0\0\0\x05I"):
            greeting += (await frame(reader))[1]
        self._greeting = greeting
        return reader, writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(self, writer)
        try:
            length = struct.unpack(">i", await reader.readexactly(4))[0]
            await reader.readexactly(length - 4)
            server = None if self._size else await self._connected()
            writer.write(self._greeting)
            while True:
                kind, data = await frame(reader)
                if kind == b"X":
                    break
                if server is None or not client.attached:
                    server = server if server and not self._size else await self._free.get()
                    client.attach(server)
                if not await client.send(kind, data, server):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            await client.leave()
            writer.close()


class Client:
    """One client's connection and the server it talks to at the moment."""

    def __init__(self, proxy: Proxy, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._writer = writer
        self._pending = 0
        self._swallow = False
        self._pump: asyncio.Task[None] | None = None
        self._server: Streams | None = None

    @property
    def attached(self) -> bool:
        return self._pump is not None

    def attach(self, server: Streams) -> None:
        self._server = server
        self._pump = asyncio.create_task(self._answers(server))

    async def send(self, kind: bytes, data: bytes, server: Streams) -> bool:
        if kind == b"Q" and data.endswith(b";COMMIT\0") and self._proxy.cut:
            self._proxy.cuts += 1
            if self._proxy.cut == "before":
                return False
            self._swallow = True
        self._pending += kind in b"QS"
        server[1].write(data)
        return True

    async def _answers(self, server: Streams) -> None:
        while True:
            try:
                kind, data = await frame(server[0])
            except (asyncio.IncompleteReadError, ConnectionError):
                self._writer.close()
                return
            if self._swallow:
                if kind == b"Z":
                    self._writer.transport.abort()
                    return
                continue
            self._writer.write(data)
            self._pending -= kind == b"Z"
            if self._proxy._size and data == b"Z\0\0\0\x05I" and not self._pending:
                self._proxy._free.put_nowait(server)
                self._server = self._pump = None
                return

    async def leave(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
        if self._server is not None:
            self._server[1].close()
            if self._proxy._size:
                self._proxy._free.put_nowait(await self._proxy._connected())
