"""The worker: a job that fails stops nobody, and being woken ends the rest."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from domain.worker import PAUSE_SECONDS, Seldom, Worker
from tests.support.clock import FixedClock


@contextlib.asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Rounds:
    """A job that tells each round, and finds as much work as it was given."""

    def __init__(self, *, work: int = 0) -> None:
        self.work = work
        self.told = asyncio.Queue[None]()

    async def __call__(self) -> int:
        self.told.put_nowait(None)
        self.work -= 1
        return 1 if self.work >= 0 else 0

    async def seen(self, times: int = 1) -> None:
        """Wait for rounds that follow at once; a rest would last too long."""
        async with asyncio.timeout(PAUSE_SECONDS / 2):
            for _ in range(times):
                await self.told.get()


async def test_a_job_that_fails_stops_no_other_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def broken() -> int:
        raise ZeroDivisionError

    async def working() -> int:
        return 2

    with caplog.at_level(logging.WARNING):
        done = await Worker(jobs={"first": working, "broken": broken, "last": working}).round()

    assert done == 4
    assert [record.getMessage() for record in caplog.records] == ["broken failed: ZeroDivisionError"]


async def test_it_goes_round_at_once_while_there_is_work_and_then_rests() -> None:
    rounds = Rounds(work=5)

    async with running(Worker(jobs={"job": rounds})):
        await rounds.seen(6)
        await asyncio.sleep(0.02)

        assert rounds.told.empty()


async def test_being_woken_ends_the_rest() -> None:
    rounds = Rounds()
    worker = Worker(jobs={"job": rounds})

    async with running(worker):
        await rounds.seen()
        await asyncio.sleep(0.01)
        worker.wake()
        await rounds.seen()


async def test_what_becomes_due_during_a_round_is_not_slept_over() -> None:
    rounds = Rounds()
    wakes = iter([True])

    async def wake_once() -> int:
        if next(wakes, False):
            worker.wake()
        return 0

    worker = Worker(jobs={"first": wake_once, "second": rounds})
    async with running(worker):
        await rounds.seen(2)


async def test_without_work_it_goes_round_again_by_itself() -> None:
    rounds = Rounds()

    async with running(Worker(jobs={"job": rounds})):
        await rounds.seen()
        async with asyncio.timeout(PAUSE_SECONDS * 3):
            await rounds.told.get()


async def test_cancelling_it_is_not_mistaken_for_a_failure_of_the_job() -> None:
    begun = asyncio.Event()

    async def job() -> int:
        begun.set()
        await asyncio.sleep(60)
        return 0

    async with running(Worker(jobs={"job": job})):
        await begun.wait()


@pytest.mark.parametrize("ticks", range(5))
async def test_it_stops_even_when_it_is_woken_in_the_same_moment(ticks: int) -> None:
    rounds = Rounds()
    worker = Worker(jobs={"job": rounds})
    async with asyncio.timeout(PAUSE_SECONDS / 2) as limit, running(worker):
        await rounds.seen()
        await asyncio.sleep(0.01)
        worker.wake()
        for _ in range(ticks):
            await asyncio.sleep(0)

    assert not limit.expired()


async def test_a_seldom_job_runs_once_a_minute_however_often_it_is_called(clock: FixedClock) -> None:
    job = Rounds(work=9)
    seldom = Seldom(job, clock=clock)

    done = [await seldom(), await seldom()]
    clock.forward(seconds=59)
    done.append(await seldom())
    clock.forward(seconds=1)
    done.append(await seldom())

    assert done == [1, 0, 0, 1]


async def test_a_seldom_job_that_fails_is_not_tried_again_at_once(clock: FixedClock) -> None:
    async def broken() -> int:
        raise ZeroDivisionError

    seldom = Seldom(broken, clock=clock)
    with pytest.raises(ZeroDivisionError):
        await seldom()

    assert await seldom() == 0
