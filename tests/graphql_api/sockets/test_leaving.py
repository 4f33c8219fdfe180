"""How sockets end with their server: what streams at once, what is about to answer after its answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from domain.organizations import OrganizationCallbacks
from graphql_api.transport.sockets import Terms
from tests.graphql_api.sockets import toys
from tests.graphql_api.sockets.toys import Diary
from tests.support.api import Api
from tests.support.api import serving as served_api
from tests.support.clock import FixedClock
from tests.support.talking import Talk, serving, talking

FOUND = 'mutation { createOrganization(input: { name: "Acme" }) { organization { name } } }'
GOING_AWAY = (1001, "Going away")


class Slow(OrganizationCallbacks):
    """Lets an organization be founded when it may."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may = asyncio.Event()

    async def before_create_organization(self, **_: Any) -> None:
        self.begun.set()
        await self.may.wait()


async def left(talk: Talk) -> tuple[list[str], tuple[int, str]]:
    """Hear the kinds of what is said until the server closes."""
    said, end = await talk.rest()
    return [one["type"] for one in said], end


async def test_what_streams_is_closed_at_once_when_the_server_ends() -> None:
    diary = Diary()
    async with serving(toys.app(diary)) as (address, server), talking(address) as talk, talking(address) as idle:
        await toys.introduce(talk)
        await talk.subscribe("1", "subscription { forever }")
        await talk.hear()
        began = asyncio.get_running_loop().time()
        server.should_exit = True

        assert await talk.ended() == await idle.ended() == GOING_AWAY
        # Well before it would be given up to wait for something.
        assert asyncio.get_running_loop().time() - began < Terms().leave_seconds
        await diary.until(begun=1, ended=1, closed=2)


async def ending(server: uvicorn.Server, idle: Talk) -> None:
    """Let the server end, and wait until every socket knows: one for which nothing runs is closed at once."""
    server.should_exit = True
    assert await idle.ended() == GOING_AWAY


async def test_nothing_is_begun_any_more_while_the_server_ends_and_nothing_waits_for_ever() -> None:
    diary = Diary()
    application = toys.app(diary, terms=Terms(leave_seconds=0.5))
    async with serving(application) as (address, server), talking(address) as talk, talking(address) as idle:
        await toys.introduce(talk)
        await talk.subscribe("1", "subscription { silence }")
        await diary.until(begun=1)
        await ending(server, idle)
        await talk.subscribe("2", "{ name }")

        assert await left(talk) == ([], GOING_AWAY)
        await diary.until(begun=1, ended=1)


@pytest.fixture
async def founding(database_url: str, tmp_path: Path, clock: FixedClock) -> AsyncIterator[tuple[Api, Slow]]:
    slow = Slow()
    patient = {"CALLBACK_SECONDS": "60"}
    async with served_api(database_url, tmp_path, clock, variables=patient, callbacks=[slow]) as api:
        yield api, slow


async def test_a_mutation_that_is_under_way_is_answered_before_its_socket_is_closed(
    founding: tuple[Api, Slow],
) -> None:
    api, slow = founding
    async with serving(api.app) as (address, server), talking(address) as talk, talking(address) as idle:
        await talk.introduce(authorization=f"Bearer {api.token('ann')}")
        await talk.subscribe("1", FOUND)
        await slow.begun.wait()
        await ending(server, idle)
        slow.may.set()

        assert await left(talk) == (["next", "complete"], GOING_AWAY)
    assert [row.name for row in await api.rows("organizations")] == ["Acme"]


@pytest.mark.parametrize("vanishing", [True, False])
async def test_a_mutation_that_nobody_waits_for_any_more_is_done_all_the_same(
    founding: tuple[Api, Slow], *, vanishing: bool
) -> None:
    api, slow = founding
    async with serving(api.app) as (address, _), talking(address) as talk:
        await talk.introduce(authorization=f"Bearer {api.token('ann')}")
        await talk.subscribe("1", FOUND)
        await slow.begun.wait()
        if vanishing:
            talk.connection.transport.abort()
        else:
            await talk.say({"id": "1", "type": "complete"})
            assert (await talk.ask("{ __typename }"))[0]["payload"] == {"data": {"__typename": "Query"}}
        # The server ends with this block, and waits for what it has begun.
        slow.may.set()

    assert [row.name for row in await api.rows("organizations")] == ["Acme"]


async def test_a_hosts_own_socket_is_closed_at_once() -> None:
    ended = asyncio.Event()

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        try:
            await socket.send_text(await socket.receive_text())
            await socket.receive_text()
        except WebSocketDisconnect:
            ended.set()

    application = toys.app(Diary())
    application.router.routes.append(WebSocketRoute("/echo", echo))
    async with serving(application) as (address, server), talking(address, "/echo", subprotocols=None) as talk:
        await talk.say("hello")
        assert await talk.connection.recv() == "hello"
        server.should_exit = True

        assert (await talk.ended())[0] == 1001
        await ended.wait()
