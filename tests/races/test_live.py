"""Whoever watches hears of what other processes do: the truth at some moment, never anything else, and its end."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from domain.scope import system
from domain.wiring import Services
from tests.support import callers, changing, servers
from tests.support.arenas import Arena, arrive, open_arena
from tests.support.callers import Caller, token
from tests.support.commands import START_SECONDS
from tests.support.hearing import PATIENCE
from tests.support.talking import talking

WRITERS, CHANGES = 3, 67
READER = system("test")
SEATS = "subscription($of: ID!) { seatsChanged(organizationId: $of) { used } }"
ENTITLEMENTS = "subscription($of: ID!) { entitlementsChanged(customerId: $of) { catalogVersion features } }"
ADD = """mutation($input: AddMemberInput!) { addMember(input: $input) { seats { used } errors { __typename } } }"""
GRANT = """mutation($input: GrantOverrideInput!) { grantOverride(input: $input) { errors { __typename } } }"""


@pytest.fixture
def environ(database_url: str, tmp_path: Path) -> dict[str, str]:
    return callers.environ(database_url, catalog=changing.CATALOG, folder=tmp_path)


async def customer_of(services: Services, arena: Arena) -> str:
    async with services.database.snapshot() as session:
        [found] = (await services.customers(READER).by_owner(session, [arena.organization_id])).values()
    return found.id


class Notes:
    """Keeps all that a stream tells."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self._more = asyncio.Event()

    async def keep(self, stream: AsyncGenerator[Any]) -> None:
        async for state in stream:
            self.told.append(state)
            self._more.set()

    async def until(self, holds: Callable[[Any], bool]) -> None:
        """Wait until the last that was told is so."""
        async with asyncio.timeout(PATIENCE):
            while not self.told or not holds(self.told[-1]):
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def noting(stream: AsyncGenerator[Any]) -> AsyncIterator[Notes]:
    notes = Notes()
    task = asyncio.create_task(notes.keep(stream))
    yield notes
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@contextmanager
def writer(environ: dict[str, str], folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.support.changing", *map(str, arguments)]
    surroundings = {**servers._surroundings(), **environ, "PYTHONPATH": str(servers.REPOSITORY)}
    process = subprocess.Popen(command, env=surroundings, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


async def said(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    output, _ = await asyncio.to_thread(process.communicate, None, START_SECONDS)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


async def test_two_hundred_changes_by_other_processes_are_told_truly_and_to_the_end(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    arena = await open_arena(services, seats=9)
    payer, here = await customer_of(services, arena), arena.organization_id
    live, reading = services.live, services.reading(READER)
    async with (
        noting(live.seats(reading, here)) as seats,
        noting(live.entitlements(services.customers(READER), payer)) as features,
    ):
        await seats.until(bool)
        await features.until(bool)
        with writer(environ, tmp_path, here, payer, 0, 0) as torn:
            assert torn.stdout is not None
            assert await asyncio.to_thread(torn.stdout.readline) == "held\n"
            torn.kill()
        done = [dict[str, Any]()]
        with (
            writer(environ, tmp_path, here, payer, 1, CHANGES) as first,
            writer(environ, tmp_path, here, payer, 2, CHANGES) as second,
            writer(environ, tmp_path, here, payer, 3, CHANGES) as third,
        ):
            for each in await asyncio.gather(said(first), said(second), said(third)):
                done += each
        async with services.database.snapshot() as session:
            last = (await services.entitlements.seat_usages(session, [here]))[here]
        await seats.until(lambda state: state == last)
        read = (await services.entitlements.visible(services.customers(READER), [payer]))[payer]
        await features.until(lambda state: state.revision == read.revision)

    true_seats = [one["seats"] for one in done if "seats" in one] + [[1, 0]]
    true_features = [one["features"] for one in done if "features" in one] + [[]]
    assert len(done) == WRITERS * CHANGES + 1
    assert [state for state in seats.told if [state.used, state.reserved] not in true_seats] == []
    assert [state for state in features.told if sorted(state.resolved.features) not in true_features] == []
    assert differing(seats.told)
    assert differing([state.revision for state in features.told])
    assert len(seats.told) > 2
    assert len(features.told) > 2
    assert not any(changing.TORN in state.resolved.features for state in features.told)


def differing(told: list[Any]) -> bool:
    return all(before != after for before, after in pairwise(told))


async def test_a_client_of_one_server_hears_what_is_done_through_another_and_what_comes_into_force(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    arena = await open_arena(services, seats=5)
    payer, bob = await customer_of(services, arena), await arrive(services, "bob")
    signed = token(arena.founder, scope="seatgate:admin")
    next_catalog = tmp_path / "next.toml"
    next_catalog.write_text(changing.CATALOG.replace('features = ["a", ', 'features = ["z", "a", '))
    with servers.running(2, environ=environ, folder=tmp_path) as (near, far):
        async with talking(near.url.removeprefix("http://")) as talk, callers.crowd() as client:
            elsewhere = Caller(client=client, url=far.url, token=signed)
            await talk.introduce(authorization=f"Bearer {signed}")
            await talk.subscribe("seats", SEATS, of=arena.organization_id)
            first = await talk.hear()
            await elsewhere.ask(ADD, input={"organizationId": arena.organization_id, "userId": bob.id})
            second = await talk.hear()
            await talk.say({"id": "seats", "type": "complete"})
            await talk.subscribe("plans", ENTITLEMENTS, of=payer)
            before = await talk.hear()
            await elsewhere.ask(GRANT, input={"customerId": payer, "feature": "a", "reason": "a present"})
            given = await talk.hear()
            applied = await asyncio.to_thread(apply, next_catalog, environ, tmp_path)
            after = await talk.hear()

    assert applied == 0
    assert [one["payload"]["data"]["seatsChanged"]["used"] for one in (first, second)] == [1, 2]
    told = [one["payload"]["data"]["entitlementsChanged"] for one in (before, given, after)]
    assert [one["features"] for one in told] == [[], ["a"], ["a"]]
    assert told[1]["catalogVersion"] != told[2]["catalogVersion"]


def apply(file: Path, environ: dict[str, str], folder: Path) -> int:
    """Put a catalog in force from a process of its own."""
    command = [sys.executable, "-m", "graphql_api.cli", "catalog", "apply", str(file)]
    surroundings = {**servers._surroundings(), **environ, "PYTHONPATH": str(servers.REPOSITORY)}
    return subprocess.run(command, env=surroundings, cwd=folder, check=False, capture_output=True).returncode
