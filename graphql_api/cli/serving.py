"""Server processes: one, or several that share a socket."""

import os
import signal
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from domain.settings import Settings
from graphql_api.cli import watching
from graphql_api.transport.sockets import wire


class Workers(Multiprocess):
    """Hands SIGHUP on, so that every process reads its catalog again; uvicorn itself would start them all anew."""

    def handle_hup(self) -> None:
        """Tell every process; one that has just died is started anew and reads the files anyway."""
        for process in self.processes:
            if process.pid is not None and process.exitcode is None:
                os.kill(process.pid, signal.SIGHUP)


def serve(settings: Settings, factory: str) -> None:
    """Serve what the factory makes, named as `module:function`, until asked to end."""
    options: dict[str, Any] = {
        "factory": True,
        "host": settings.host,
        "port": settings.port,
        "workers": settings.workers,
        **wire.OPTIONS,
        "access_log": False,
        "log_config": watching.logging_of(settings),
        "log_level": "warning",
        "server_header": False,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": 10,
    }
    if settings.workers == 1:
        uvicorn.run(factory, **options)
        return
    config = uvicorn.Config(factory, **options)
    with watching.shared_metrics(settings):
        Workers(config, sockets=[config.bind_socket()]).run()
