"""Server processes: one, or several that share a socket."""

import contextlib
import gc
import os
import signal
import sys
from typing import Any, TypeVar

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from domain.settings import Settings
from graphql_api.cli import watching
from graphql_api.cli.protocol import Connection
from graphql_api.transport.sockets import wire

T = TypeVar("T")


class Workers(Multiprocess):
    """Hands SIGHUP on, so that every process reads its catalog again; uvicorn itself would start them all anew."""

    def handle_hup(self) -> None:
        """Tell every process; one that has just died is started anew and reads the files anyway."""
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)


def settled(app: T) -> T:
    """Give the application of this process back, and let Python's collector look through what is there no more.

    A quarter of a million objects, the schema for most of them, live as long as the process. Looking through them again
    and again took half of all computing, and held every request up for a tenth of a second each time.
    """
    gc.collect()
    gc.freeze()
    return app


def serve(settings: Settings, factory: str) -> None:
    """Serve what the factory makes, named as `module:function`, until asked to end; then leave with code 0."""
    config = uvicorn.Config(factory, log_config=watching.logging_of(settings), **options(settings))
    if settings.workers > 1:
        with watching.shared_metrics(settings):
            Workers(config, sockets=[config.bind_socket()]).run()
        return
    # At its end uvicorn raises the signal once more, as if nobody had heard it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def options(settings: Settings) -> dict[str, Any]:
    """Give what uvicorn is told, but for the log."""
    return {
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        "http": Connection,
        **wire.OPTIONS,
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        # By itself uvicorn believes whatever comes from this machine; SEATGATE_TRUSTED_PROXIES says whom to believe.
        "proxy_headers": False,
        "timeout_keep_alive": 5,
        # What runs has been waited for by then; this is for answers that are still under way.
        "timeout_graceful_shutdown": 2,
    }
