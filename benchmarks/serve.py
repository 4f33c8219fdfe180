"""One server of a benchmark, on the first core and on a socket that its parent has bound: NAME FOLDER DESCRIPTOR."""

import os
import socket
import sys
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp


def application(name: str, folder: Path) -> ASGIApp:
    """Make the application of that name; each imports only what it needs."""
    if name == "ours":
        from benchmarks import ours  # noqa: PLC0415 - the peers' processes stay free of Seatgate

        return ours.app(folder)
    from benchmarks import peers  # noqa: PLC0415 - and Seatgate's of the peers

    return peers.naive(folder / "naive.db") if name == "naive" else peers.hello


def main() -> None:
    """Serve until asked to stop."""
    name, folder, descriptor = sys.argv[1:]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    config = uvicorn.Config(application(name, Path(folder)), access_log=False, log_level="warning", lifespan="auto")
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
