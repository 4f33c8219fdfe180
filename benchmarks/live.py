"""Measure how long after its commit a change reaches a client: `python -m benchmarks.live`.

A client hears `entitlementsChanged` over real sockets. The change is made by the server's own process, or by another
one. What counts is from the end of the commit to the message at the client, on one clock. PostgreSQL's server is the
tests' own.
"""

import asyncio
import contextlib
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from benchmarks.__main__ import serving, wait_for
from benchmarks.ours import LAST_SECOND, SECRET, configured, migrate
from domain.billing import Owner, OwnerKind, find_customer
from domain.db import Session
from domain.entitlements import Wish
from domain.identity import Arrival
from domain.organizations import Organization
from domain.scope import Actor, ActorKind, Scope, system
from domain.wiring import Services, build
from graphql_api.app import create_app
from tests.support.postgres import server as postgresql

SOCKETS, STREAMS, ROUNDS, ROUND_SECONDS = 6, 4, 2, 1.3
WATCH = "subscription($id: ID!) { entitlementsChanged(customerId: $id) { features } }"
PROTOCOL = Subprotocol("graphql-transport-ws")
BY = system("benchmark")
MILLISECONDS = 1000


@dataclass(slots=True)
class Changes:
    """When each customer's last change was committed, and how long each took to be heard of."""

    committed: dict[str, float] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)

    def hinted(self, ids: Collection[str] | None) -> None:
        """Note the end of a commit: hints are told right after it."""
        for id in ids or ():
            self.committed[id] = time.perf_counter()

    def told(self, customer_id: str) -> None:
        """Note that a client has heard of it."""
        if (at := self.committed.pop(customer_id, None)) is not None:
            self.took.append(time.perf_counter() - at)

    def __str__(self) -> str:
        cuts = statistics.quantiles(self.took, n=20)
        return f"{cuts[9] * MILLISECONDS:.0f} | {cuts[18] * MILLISECONDS:.0f} | {len(self.took)}"


async def fill(services: Services) -> list[str]:
    """Make customers to be watched."""
    user = await services.users.arrive(Arrival(issuer="", subject="ann", email=None, name=None, issued_at=None))
    scope, customers = Scope(actor=Actor(kind=ActorKind.USER, id=user.id)), []
    for number in range(SOCKETS * STREAMS):

        async def made(session: Session, name: str = f"Watched {number}") -> Organization:
            return await services.organizations.create(session, scope=scope, name=name)

        organization = await services.database.run(made)
        async with services.database.snapshot() as session:
            found = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization.id))
        assert found is not None
        customers.append(found.id)
    return customers


async def change(services: Services, customer_id: str) -> None:
    """Give one customer a feature, take it back in the next round, and so on, each at a moment of chance."""
    given: list[str] = []
    for _ in range(ROUNDS):
        moment = random.uniform(0, ROUND_SECONDS - 0.2)
        await asyncio.sleep(moment)
        async with services.database.transaction() as session:
            if given:
                await services.overriding.revoke(session, scope=BY, override_id=given.pop(), reason="a benchmark")
            else:
                wish, grant = Wish(feature="sso"), services.overriding.grant
                made = await grant(session, scope=BY, customer_id=customer_id, wish=wish, reason="a benchmark")
                given.append(made.id)
        await asyncio.sleep(ROUND_SECONDS - moment)


@contextlib.asynccontextmanager
async def listening(port: int, customers: list[str], changes: Changes) -> AsyncIterator[None]:
    """Let clients watch customers; the block begins when each has heard the state."""
    claims = {"sub": "ann", "exp": LAST_SECOND, "scope": "seatgate:admin"}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    waiting, ready = set(customers), asyncio.Event()

    async def listen(some: list[str]) -> None:
        async with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL], proxy=None) as opened:
            await opened.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
            await opened.recv()
            for id in some:
                payload = {"query": WATCH, "variables": {"id": id}}
                await opened.send(json.dumps({"id": id, "type": "subscribe", "payload": payload}))
            async for text in opened:
                said = json.loads(text)
                if said["type"] == "next":
                    changes.told(said["id"])
                    waiting.discard(said["id"])
                    if not waiting:
                        ready.set()

    clients = [asyncio.create_task(listen(customers[first::SOCKETS])) for first in range(SOCKETS)]
    await ready.wait()
    yield
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def measure(port: int, services: Services, customers: list[str]) -> Changes:
    """Change each customer, and note how long each change takes to whoever watches it."""
    changes = Changes()
    async with listening(port, customers, changes):
        with services.database.hints.listening(changes.hinted):
            await asyncio.gather(*(change(services, customer_id) for customer_id in customers))
            await asyncio.sleep(ROUND_SECONDS)
    return changes


async def within(folder: Path) -> Changes:
    """Measure changes that the server's own process makes."""
    app = create_app(configured(folder), worker=False)
    services: Services = app.state.services
    customers = await fill(services)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", lifespan="on"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        changes = await measure(listener.getsockname()[1], services, customers)
        server.should_exit = True
        await running
    return changes


async def between(folder: Path) -> Changes:
    """Measure changes that another process makes."""
    services = build(configured(folder))
    customers = await fill(services)
    with serving("ours", folder) as server:
        await wait_for(server)
        changes = await measure(server.port, services, customers)
    await services.aclose()
    return changes


@contextlib.contextmanager
def databases() -> Iterator[dict[str, str | None]]:
    """Give the address of a database by the name of its engine; SQLite's is in whichever folder is used."""
    with postgresql() as running, running.administrator() as sql:
        sql("CREATE DATABASE live")
        yield {"SQLite": None, "PostgreSQL": running.url("live")}


def main() -> None:
    """Measure and print."""
    lines = ["| database | the change is made by | p50 ms | p95 ms | changes |", "|---|---|---|---|---|"]
    with databases() as addresses:
        for engine, address in addresses.items():
            if address is not None:
                os.environ["BENCH_DATABASE_URL"] = address
            with tempfile.TemporaryDirectory() as name:
                migrate(Path(name))
                for who, work in (("the same process", within), ("another process", between)):
                    lines.append(f"| {engine} | {who} | {asyncio.run(work(Path(name)))} |")
                    print(lines[-1], file=sys.stderr)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
