"""Real server processes on one database: started together, stopped whatever happens, their logs read at the end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 30
STOP_SECONDS = 15
# What a server that was asked to stop may answer to its parent: done, or gone by the signal itself.
STOPPED = {0, -signal.SIGTERM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One process and where it listens."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """End the process as a power cut would end it."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == httpx.codes.OK:
                    return
            time.sleep(0.05)
        raise AssertionError(f"no server came up:\n{self.log.read_text()}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(STOP_SECONDS) in STOPPED


@contextlib.contextmanager
def running(count: int, *, environ: Mapping[str, str], folder: Path, faultless: bool = True) -> Iterator[list[Server]]:
    """Run servers that share all settings; at the end each must have stopped when asked, without a traceback.

    Servers that are sent what cannot be applied log why and are not `faultless`.
    """
    servers = [_start(folder / f"server-{number}.log", environ=environ, folder=folder) for number in range(count)]
    try:
        for server in servers:
            server.wait_until_ready()
        yield servers
        for server in servers:
            server.stop()
    finally:
        for server in servers:
            server.kill()
    for server in servers:
        assert not faultless or "Traceback" not in server.log.read_text(), server.log.read_text()


def _start(log: Path, *, environ: Mapping[str, str], folder: Path) -> Server:
    # The parent binds, so that the port is known and nobody else can take it before the process listens.
    with socket.create_server(("127.0.0.1", 0)) as listening, log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.served", str(listening.fileno())],
            pass_fds=[listening.fileno()],
            env={**_surroundings(), **environ, "PYTHONPATH": str(REPOSITORY)},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        return Server(url=f"http://127.0.0.1:{listening.getsockname()[1]}", process=process, log=log)


def _surroundings() -> dict[str, str]:
    # Four processes that may not keep their bytecode compile every library four times, at three seconds each.
    left_out = "PYTHONDONTWRITEBYTECODE"
    return {name: value for name, value in os.environ.items() if not name.startswith("SEATGATE_") and name != left_out}
