"""The command line in processes of its own, as somebody starts it: given its settings, ended when asked."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.api import WEBHOOK_SECRET
from tests.support.servers import REPOSITORY, STOP_SECONDS, STOPPED

# A command boots in a few seconds, a server of several processes once more for each; a busy machine is no failure.
START_SECONDS = 120


def environ_of(database_url: str, **variables: str) -> dict[str, str]:
    """Give a process the settings that it needs, a port that is free among them, and none of this one's."""
    given = {
        "DATABASE_URL": database_url,
        "FAKE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "SECRET_KEYS": "a-secret-for-tests-that-signs-every-cursor",
        "JWT_SECRETS": "a-secret-for-tests-that-signs-every-token",
        "PORT": str(free_port()),
    } | variables
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_")}
    return kept | {f"SEATGATE_{name}": value for name, value in given.items()} | {"PYTHONPATH": str(REPOSITORY)}


@contextmanager
def process(*command: str, environ: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command line until the block ends, and insist that it ends well when asked to."""
    with (folder / f"{command[0]}.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "graphql_api.cli", *command], env=environ, cwd=folder, stdout=log, stderr=log
        )
        try:
            yield running
            running.terminate()
            code = running.wait(STOP_SECONDS)
        finally:
            running.kill()
            running.wait()
    told = (folder / f"{command[0]}.log").read_text()
    assert (code in STOPPED, "Traceback" in told) == (True, False), told


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def await_ready(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK:
                return
        time.sleep(0.05)
    raise AssertionError("no server came up")
