"""One server process on a socket that its parent has bound: `python -m tests.support.served DESCRIPTOR`."""

import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from domain import settings
from graphql_api.app import create_app
from graphql_api.transport.sockets import wire


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    app = create_app(settings.read(os.environ, folder=Path.cwd()))
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", **wire.OPTIONS))
    server.run(sockets=[socket.socket(fileno=int(sys.argv[1]))])


if __name__ == "__main__":
    main()
