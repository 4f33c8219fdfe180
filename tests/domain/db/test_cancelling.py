"""What becomes of work that is cancelled, on both engines: all of it or nothing, and nobody is locked out."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domain.db import Database, Session, open_database
from domain.errors import Unavailable
from tests.support.counters import raise_by_one
from tests.support.tables import execute, scalar

# Long enough to be cancelled in the middle on any machine.
SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1e8) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(4)",
}


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Keep the garbage, so that a lock which only a collection would free stays visible."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def written_by_others(database: Database) -> None:
    """Write on a connection of another pool, as another process would; a lock left behind keeps it out."""
    other = open_database(database.engine.url.render_as_string(hide_password=False))
    try:
        async with asyncio.timeout(3), other.transaction() as session:
            await raise_by_one(session, "b")
    finally:
        await other.aclose()


async def test_a_caller_that_leaves_does_not_tear_the_work(counter: Database) -> None:
    begun = asyncio.Event()

    async def body(session: Session) -> None:
        await raise_by_one(session, "a")
        begun.set()
        await asyncio.sleep(0.05)
        await raise_by_one(session, "b")

    caller = asyncio.create_task(counter.run(body))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await counter.aclose()

    assert await scalar(counter, "SELECT min(n) FROM counters") == 1
    await counter.aclose()


async def test_work_cancelled_in_the_middle_of_a_statement_leaves_nothing_and_no_lock(
    counter: Database, uncollected: None
) -> None:
    async def body() -> None:
        async with counter.transaction() as session:
            await raise_by_one(session)
            await session.execute(text(SLOW[counter.dialect]))

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(body(), 0.1)

    assert time.monotonic() - began < 3
    await written_by_others(counter)
    await counter.run(lambda session: raise_by_one(session, "b"))
    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 0
    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'b'") == 2


async def test_work_that_runs_out_of_time_inside_its_transaction_leaves_nothing_and_no_lock(
    counter: Database, uncollected: None
) -> None:
    async def body(session: Session) -> None:
        await raise_by_one(session)
        try:
            async with asyncio.timeout(0.1):
                await session.execute(text(SLOW[counter.dialect]))
        except TimeoutError as error:
            raise ValueError("too slow") from error

    with pytest.raises(ValueError, match="too slow"):
        await counter.run(body)

    await written_by_others(counter)
    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 0


async def test_a_storm_of_cancellations_at_any_moment_leaves_no_half_and_no_lock(counter: Database) -> None:
    async def both() -> None:
        async with counter.transaction() as session:
            await raise_by_one(session, "a")
            await raise_by_one(session, "b")

    for round_ in range(30):
        work = [asyncio.create_task(both()) for _ in range(4)]
        await asyncio.sleep(round_ / 2000)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    assert await scalar(counter, "SELECT count(DISTINCT n) FROM counters") == 1
    await written_by_others(counter)


async def test_a_connection_that_has_died_is_replaced(counter: Database) -> None:
    if counter.dialect == "sqlite":
        async with counter.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.close()
    else:
        with contextlib.suppress(DBAPIError):
            await execute(counter, "SELECT pg_terminate_backend(pg_backend_pid())")

    with contextlib.suppress(Unavailable):
        await counter.run(raise_by_one)
    await counter.run(lambda session: raise_by_one(session, "b"))

    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'b'") == 1


async def test_closing_lets_running_work_finish(counter: Database) -> None:
    async def body(session: Session) -> None:
        await raise_by_one(session)
        await asyncio.sleep(0.05)

    work = asyncio.create_task(counter.run(body))
    await asyncio.sleep(0.01)
    await counter.aclose()

    assert work.done()
    assert await scalar(counter, "SELECT n FROM counters WHERE name = 'a'") == 1
    await counter.aclose()


async def test_who_leaves_while_a_read_is_ended_costs_no_connection(
    counter: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ending = asyncio.Event()

    async def read() -> None:
        async with counter.snapshot() as session:
            await session.execute(text("SELECT 1"))
            ending.set()

    for turns in range(40):
        ending.clear()
        reading = asyncio.create_task(read())
        await ending.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    await counter.aclose()

    assert caplog.records == []
