"""Talking `graphql-transport-ws` to an application that a real server serves, on a port of this machine."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from graphql_api.transport.sockets import wire

PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE = 60


@contextlib.asynccontextmanager
async def served(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """Serve an application for as long as the block lasts, and give its address without a scheme."""
    async with serving(app, **options) as (address, _):
        yield address


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """Serve an application whose lifespan is the caller's business; the server ends with the block or when told to."""
    config = uvicorn.Config(app, lifespan="off", log_level="critical", **wire.OPTIONS | options)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server._serve([listening]))
        try:
            # Who connects before the server is up waits in the kernel's queue.
            yield f"127.0.0.1:{listening.getsockname()[1]}", server
        finally:
            server.should_exit = True
            await task


def _unpaid(text: str | bytes) -> dict[str, Any]:
    """Read a message, and leave out what was paid for it."""
    said: dict[str, Any] = json.loads(text)
    if said["type"] == "next":
        said["payload"].pop("extensions", None)
    return said


@dataclass(frozen=True, slots=True)
class Talk:
    """A socket, from the client's end."""

    connection: ClientConnection

    async def say(self, message: Mapping[str, Any] | str | bytes) -> None:
        await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """Hear one message, without what was paid for it."""
        try:
            async with asyncio.timeout(PATIENCE):
                return _unpaid(await self.connection.recv())
        except ConnectionClosed:
            raise AssertionError(f"closed: {self.connection.close_code} {self.connection.close_reason}") from None

    async def ended(self) -> tuple[int, str]:
        """Wait until the server closes, whatever it says before, and give its code and words."""
        return (await self.rest())[1]

    async def rest(self) -> tuple[list[dict[str, Any]], tuple[int, str]]:
        """Hear all that is said until the server closes, and its code and words."""
        said: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    said.append(_unpaid(await self.connection.recv()))
        return said, (self.connection.close_code or 0, self.connection.close_reason or "")

    async def introduce(self, **payload: Any) -> dict[str, Any]:
        await self.say({"type": "connection_init", "payload": payload})
        return await self.hear()

    async def subscribe(self, id: str, query: str, **variables: Any) -> None:
        await self.say({"id": id, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    async def ask(self, query: str, id: str = "asked", **variables: Any) -> list[dict[str, Any]]:
        """Run one operation and give all that is said of it; what is said of others meanwhile is lost."""
        await self.subscribe(id, query, **variables)
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["type"] not in {"complete", "error"}:
            said = await self.hear()
            heard += [said] if said.get("id") == id else []
        return heard


@contextlib.asynccontextmanager
async def talking(address: str, path: str = "/graphql", **options: Any) -> AsyncIterator[Talk]:
    """Open a socket that has said nothing yet."""
    async with connect(f"ws://{address}{path}", **{"subprotocols": [PROTOCOL], "proxy": None, **options}) as connection:
        yield Talk(connection)
