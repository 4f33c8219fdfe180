"""Many take the last ones at the same time, in one process and from several; nobody is let in over the limit."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest

from domain.db import Session, open_database
from domain.entitlements import Counting, Entitlements, InForce, catalog
from domain.errors import LimitReached
from domain.organizations import Organization
from domain.wiring import Services
from tests.domain.entitlements.test_counting import adds_up, write
from tests.support.clock import FixedClock
from tests.support.tables import execute, scalar

SEVEN = """
[default]
limits = { seats = 1, projects = 7 }
"""
TAKEN, FULL = "taken", "full"


def counting_on(url: str) -> Counting:
    in_force = InForce(catalog.parse({"catalog.toml": SEVEN}))
    entitlements = Entitlements(database=open_database(url), clock=FixedClock(), in_force=in_force)
    return Counting(entitlements=entitlements, keys=frozenset({"projects"}))


async def take(counting: Counting, organization: Organization, holder: str) -> str:
    async def work(session: Session) -> None:
        async with counting.limited(session, organization, "projects", holder=holder):
            await write(session, holder)

    try:
        await counting.entitlements.database.run(work)
    except LimitReached:
        return FULL
    return TAKEN


async def give_back(counting: Counting, organization: Organization, holder: str) -> None:
    await counting.entitlements.database.run(lambda s: counting.release(s, organization, "projects", holder=holder))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
async def racing(services: Services, acme: Organization) -> Organization:
    await execute(services.database, "CREATE TABLE projects (id VARCHAR(40) PRIMARY KEY)")
    return acme


async def stands(services: Services) -> tuple[int, int]:
    """Count what was written and what the pool says; both must be what the holders are."""
    assert await adds_up(services)
    written = await scalar(services.database, "SELECT count(*) FROM projects")
    return written, await scalar(services.database, "SELECT used FROM counted_pools")


async def test_many_tasks_take_the_last_ones_exactly(
    services: Services, database_url: str, racing: Organization
) -> None:
    counting = counting_on(database_url)

    told = await asyncio.gather(*(take(counting, racing, f"prj_{number}") for number in range(30)))
    await counting.entitlements.database.aclose()

    assert Counter(told) == {TAKEN: 7, FULL: 23}
    assert await stands(services) == (7, 7)


async def test_several_loops_on_one_database_take_the_last_ones_exactly(
    services: Services, database_url: str, racing: Organization, threads: ThreadPoolExecutor
) -> None:
    async def crowd(number: int) -> list[str]:
        counting = counting_on(database_url)
        told = await asyncio.gather(*(take(counting, racing, f"prj_{number}_{each}") for each in range(5)))
        await counting.entitlements.database.aclose()
        return told

    told = await gathered(threads, [crowd(number) for number in range(4)])

    assert Counter(told) == {TAKEN: 7, FULL: 13}
    assert await stands(services) == (7, 7)


async def test_the_same_holder_that_comes_and_goes_from_everywhere_is_counted_once_or_not_at_all(
    services: Services, database_url: str, racing: Organization
) -> None:
    counting = counting_on(database_url)

    async def claim() -> None:
        database = counting.entitlements.database
        await database.run(lambda s: counting.claim(s, racing, "projects", holder="prj_1"))

    await asyncio.gather(*(claim() if number % 2 else give_back(counting, racing, "prj_1") for number in range(20)))
    await counting.entitlements.database.aclose()

    assert await adds_up(services)
    assert await scalar(services.database, "SELECT used FROM counted_pools") in (0, 1)


async def gathered(threads: ThreadPoolExecutor, crowds: Sequence[Coroutine[Any, Any, list[str]]]) -> list[str]:
    """Run each crowd in a loop and a thread of its own, all at the same time."""
    loop = asyncio.get_running_loop()
    told = await asyncio.gather(*(loop.run_in_executor(threads, asyncio.run, crowd) for crowd in crowds))
    return list(chain.from_iterable(told))
