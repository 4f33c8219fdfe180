"""Sockets of several real processes on one database: races for seats, what one process learns of another, the end."""

import asyncio
import contextlib
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from domain.wiring import Services
from tests.races.test_last_seats import ADD_MEMBER, FULL, MEMBER
from tests.support import callers, servers, tables
from tests.support.arenas import CATALOG, Arena, arrive, look_at, open_arena
from tests.support.callers import token
from tests.support.databases import Sqlite
from tests.support.servers import Server
from tests.support.talking import Talk, talking

FREE_SEATS = 5
EACH = 20
WATCH = "subscription($house: ID!) { seatsChanged(organizationId: $house) { used } }"
LOST = (
    {"id": "1", "type": "next", "payload": {"data": {"seatsChanged": None}}},
    {"id": "1", "type": "complete"},
)
LONGEST_SECONDS = 10
"""How long a server may take to end at most."""


async def opened(stack: AsyncExitStack, server: Server, who: str, **claims: object) -> Talk:
    talk = await stack.enter_async_context(talking(urlsplit(server.url).netloc))
    assert await talk.introduce(authorization=f"Bearer {token(who, **claims)}") == {"type": "connection_ack"}
    return talk


async def add_all(talk: Talk, arena: Arena, addresses: list[str]) -> list[str]:
    """Begin all adds on one socket before any is answered, and name each outcome."""
    for number, email in enumerate(addresses):
        await talk.subscribe(str(number), ADD_MEMBER, organizationId=arena.organization_id, email=email)
    said = [await talk.hear() for _ in range(2 * len(addresses))]
    payloads = [one["payload"]["data"]["addMember"] for one in said if one["type"] == "next"]
    return [MEMBER if payload["membership"] else payload["errors"][0]["__typename"] for payload in payloads]


async def test_forty_adds_over_two_sockets_of_two_processes_fill_five_seats_exactly(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    arena = await open_arena(services, seats=FREE_SEATS + 1)
    emails = [f"{(await arrive(services, f'candidate-{number}')).subject}@example.test" for number in range(2 * EACH)]

    with servers.running(2, environ=environ, folder=tmp_path) as (first, second):
        async with AsyncExitStack() as stack:
            talks = [await opened(stack, server, arena.founder, scope="seatgate:admin") for server in (first, second)]
            before = await tables.dump(services.database)
            halves = await asyncio.gather(
                add_all(talks[0], arena, emails[:EACH]), add_all(talks[1], arena, emails[EACH:])
            )
            after = await tables.dump(services.database)

    assert Counter(halves[0] + halves[1]) == {MEMBER: FREE_SEATS, FULL: 2 * EACH - FREE_SEATS}
    assert tables.changes(before, after)["memberships"] == (0, FREE_SEATS)
    house = await look_at(services.database)
    assert house.used == FREE_SEATS + 1
    assert house.adds_up(founder=arena.founder_id)


async def test_whoever_is_deleted_in_one_process_hears_nothing_more_in_another(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    arena = await open_arena(services, seats=3)
    bob = await arrive(services, "bob")
    delete = (
        "mutation($user: ID!) { deleteUser(input: { userId: $user }) { deletion { status } errors { __typename } } }"
    )

    with servers.running(2, environ=environ, folder=tmp_path) as (first, second):
        async with AsyncExitStack() as stack:
            admin = await opened(stack, first, arena.founder, scope="seatgate:admin")
            assert await add_all(admin, arena, ["bob@example.test"]) == [MEMBER]
            watcher = await opened(stack, second, "bob")
            await watcher.subscribe("1", WATCH, house=arena.organization_id)
            now = await watcher.hear()
            deleted = await admin.ask(delete, user=bob.id)
            # The stream may have ended by itself, because its watcher is no member any more.
            with contextlib.suppress(ConnectionClosed):
                await watcher.subscribe("2", WATCH, house=arena.organization_id)
            said, ended = await watcher.rest()

    assert now["payload"] == {"data": {"seatsChanged": {"used": 2}}}
    assert deleted[0]["payload"] == {"data": {"deleteUser": {"deletion": {"status": "DONE"}, "errors": []}}}
    assert ended == (4403, "Forbidden")
    assert [one for one in said if one not in LOST] == []


async def test_a_server_that_is_told_to_end_closes_its_sockets_and_ends(sqlite: Sqlite, tmp_path: Path) -> None:
    environ = callers.environ(sqlite.fresh(tmp_path), catalog=CATALOG, folder=tmp_path)
    found = 'mutation { createOrganization(input: { name: "Acme" }) { organization { id } } }'

    with servers.running(1, environ=environ, folder=tmp_path) as (server,):
        async with AsyncExitStack() as stack:
            talks = [await opened(stack, server, "ann") for _ in range(5)]
            made = (await talks[0].ask(found))[0]["payload"]["data"]["createOrganization"]["organization"]
            first = []
            for talk in talks:
                await talk.subscribe("1", WATCH, house=made["id"])
                first.append((await talk.hear())["payload"])
            began = time.monotonic()
            server.process.terminate()
            ends = [await talk.ended() for talk in talks]
            await asyncio.to_thread(server.stop)

    assert first == [{"data": {"seatsChanged": {"used": 1}}}] * 5
    assert ends == [(1001, "Going away")] * 5
    assert time.monotonic() - began < LONGEST_SECONDS
