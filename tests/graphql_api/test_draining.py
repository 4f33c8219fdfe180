"""How a process ends: unready at once, what runs is finished within ten seconds, and then it leaves with code 0."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from domain.db import open_database
from domain.organizations import OrganizationCallbacks
from graphql_api.draining import Drain, leaving
from tests.graphql_api.conftest import Serve
from tests.support.databases import Engine, Sqlite
from tests.support.slow_host import CREATE, SlowHost
from tests.support.tables import dump
from tests.support.talking import serving, talking

Heard = list[int]


@pytest.fixture
def heard() -> Iterator[Heard]:
    """A server's own answer to signals."""
    numbers: Heard = []

    def hear(number: int, _frame: FrameType | None) -> None:
        numbers.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGTERM, signal.SIGINT)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


async def turns() -> None:
    """Let everything happen that can happen at once."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_signal_reaches_the_server_only_after_what_runs_is_finished(heard: Heard) -> None:
    drain = Drain()
    async with leaving(drain):
        with drain.working():
            os.kill(os.getpid(), signal.SIGTERM)
            await drain.wait()
            await turns()
            assert heard == []
        await turns()

        assert heard == [signal.SIGTERM]


async def test_a_signal_reaches_a_server_that_is_idle_at_once(heard: Heard) -> None:
    drain = Drain()
    async with leaving(drain):
        os.kill(os.getpid(), signal.SIGINT)
        await drain.wait()
        await turns()

        assert heard == [signal.SIGINT]


async def test_what_runs_too_long_holds_nobody_for_ever(heard: Heard) -> None:
    drain = Drain(seconds=0.05)
    async with leaving(drain):
        with drain.working():
            os.kill(os.getpid(), signal.SIGTERM)
            await drain.wait()
            await drain.finished()
            await turns()

            assert heard == [signal.SIGTERM]
            assert drain.remaining() == 0


async def test_a_second_signal_is_not_held_back_and_is_heard_once(heard: Heard) -> None:
    drain = Drain()
    async with leaving(drain):
        with drain.working():
            os.kill(os.getpid(), signal.SIGTERM)
            await drain.wait()
            os.kill(os.getpid(), signal.SIGINT)
            await turns()
            assert heard == [signal.SIGINT]
        await turns()

        assert heard == [signal.SIGINT]


async def test_at_the_end_of_the_application_everybody_knows_and_signals_are_as_they_were(heard: Heard) -> None:
    drain = Drain()
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    async with leaving(drain):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] != before

    assert drain.begun
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_an_application_that_is_started_again_works_again(heard: Heard) -> None:
    drain = Drain()

    async def lived() -> bool:
        async with leaving(drain):
            begun = drain.begun
            with drain.working():
                drain.begin()
                ending = asyncio.create_task(drain.finished())
                await turns()
            await ending
            return begun

    assert [asyncio.run(lived()) for _ in range(2)] == [False, False]


async def test_without_a_server_signals_are_left_alone(heard: Heard) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    async with leaving(Drain()):
        found = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    assert found == [signal.SIG_DFL, signal.default_int_handler]


async def test_in_another_thread_signals_are_left_alone(heard: Heard) -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def entered() -> Any:
        async with leaving(Drain()):
            return signal.getsignal(signal.SIGTERM)

    assert await asyncio.to_thread(lambda: asyncio.run(entered())) == before


async def test_the_end_waits_for_all_of_what_runs() -> None:
    drain = Drain()
    with drain.working(), drain.working():
        drain.begin()
        ending = asyncio.create_task(drain.finished())
        await turns()
    await ending

    assert 0 < drain.remaining() <= 10


async def test_sockets_are_told_at_once_and_waited_for_until_they_have_answered(serve: Serve) -> None:
    begun, may = asyncio.Event(), asyncio.Event()

    class Slow(OrganizationCallbacks):
        async def before_create_organization(self, **_: Any) -> None:
            begun.set()
            await may.wait()

    async with (
        serve(callbacks=[Slow()]) as api,
        serving(api.app) as (address, _),
        talking(address) as idle,
        talking(address) as talk,
    ):
        drain: Drain = api.app.state.drain
        await talk.introduce(authorization=f"Bearer {api.token('ann')}")
        await talk.subscribe("1", CREATE)
        await begun.wait()
        drain.begin()
        assert (await idle.ended())[0] == 1001
        ending = asyncio.create_task(drain.finished())
        await turns()
        assert not ending.done()
        with pytest.raises(InvalidStatus) as refused:
            async with talking(address):
                pass
        may.set()
        said, end = await talk.rest()
        await ending

    assert ([one["type"] for one in said], end[0]) == (["next", "complete"], 1001)
    assert refused.value.response.status_code == httpx.codes.SERVICE_UNAVAILABLE


async def organizations(url: str) -> list[str]:
    database = open_database(url)
    try:
        return (await dump(database))["organizations"]
    finally:
        await database.aclose()


async def test_a_mutation_that_is_under_way_is_finished_and_answered(engine: Engine, tmp_path: Path) -> None:
    url = engine.fresh(tmp_path)
    async with SlowHost(url, tmp_path) as host:
        creating = asyncio.create_task(host.create_organization())
        await host.entered()
        host.terminate()
        await host.unready()
        refused = await host.create_organization()
        alive = await host.get("/livez")
        host.go_on()
        answer, code = await creating, await host.ended()

    assert (refused.status_code, refused.json()) == (503, {"error": "shutting_down"})
    assert alive.status_code == httpx.codes.OK
    assert answer.json()["data"]["createOrganization"]["organization"]["name"] == "Acme"
    assert (code, "Traceback" in host.log) == (0, False), host.log
    assert len(await organizations(url)) == 1


async def test_a_mutation_that_takes_too_long_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    url = engine.fresh(tmp_path)
    async with SlowHost(url, tmp_path, drain_seconds=1) as host:
        creating = asyncio.create_task(host.create_organization())
        await host.entered()
        host.terminate()
        answer, code = await creating, await host.ended()

    assert (answer.status_code, answer.json()) == (503, {"error": "shutting_down"})
    assert (code, "Traceback" in host.log) == (0, False), host.log
    assert await organizations(url) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_process_ends_at_once(sqlite: Sqlite, tmp_path: Path, number: signal.Signals) -> None:
    async with SlowHost(sqlite.fresh(tmp_path), tmp_path) as host:
        host.terminate(number)

        assert await host.ended() == 0
