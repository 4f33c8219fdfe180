"""Counted tries: so many in a window, whatever became of them, and all processes count together."""

import asyncio
from datetime import timedelta

from domain.db import Database
from domain.errors import RateLimited
from domain.rates import give_back, prune, spend
from tests.support.clock import FixedClock
from tests.support.tables import scalar

MINUTE = timedelta(minutes=1)


async def spent(database: Database, clock: FixedClock, bucket: str = "a", most: int = 3) -> int | None:
    """Try once and say after how many seconds the next try may be made; None when this one was let through."""
    try:
        await spend(database, clock, bucket=bucket, most=most, window=MINUTE)
    except RateLimited as limited:
        return limited.retry_after_seconds
    return None


async def test_so_many_tries_are_let_through_and_the_next_is_told_when(database: Database, clock: FixedClock) -> None:
    outcomes = [await spent(database, clock) for _ in range(4)]
    clock.forward(seconds=59.5)
    late = await spent(database, clock)

    assert outcomes == [None, None, None, 60]
    assert late == 1


async def test_a_new_window_begins_when_the_old_one_is_over(database: Database, clock: FixedClock) -> None:
    for _ in range(4):
        await spent(database, clock)
    clock.forward(minutes=1)

    outcomes = [await spent(database, clock) for _ in range(4)]

    assert outcomes == [None, None, None, 60]


async def test_each_bucket_has_its_own_tries(database: Database, clock: FixedClock) -> None:
    for _ in range(4):
        await spent(database, clock)

    assert await spent(database, clock, "b") is None


async def test_many_at_once_are_all_counted(database: Database, clock: FixedClock) -> None:
    outcomes = await asyncio.gather(*(spent(database, clock) for _ in range(12)))

    assert outcomes.count(None) == 3
    assert await scalar(database, "SELECT tries FROM rate_counts") == 12


async def test_a_try_that_is_given_back_can_be_made_again(database: Database, clock: FixedClock) -> None:
    for _ in range(3):
        await spent(database, clock)

    await give_back(database, bucket="a")

    assert [await spent(database, clock) for _ in range(2)] == [None, 60]


async def test_no_bucket_has_less_than_no_tries(database: Database, clock: FixedClock) -> None:
    await give_back(database, bucket="a")
    await spent(database, clock)
    for _ in range(3):
        await give_back(database, bucket="a")

    assert await scalar(database, "SELECT tries FROM rate_counts") == 0


async def test_pruning_deletes_windows_that_are_over(database: Database, clock: FixedClock) -> None:
    await spent(database, clock)
    clock.forward(seconds=30)
    await spent(database, clock, "b")
    clock.forward(seconds=30)

    assert [await prune(database, clock) for _ in range(2)] == [1, 0]
    assert await scalar(database, "SELECT bucket FROM rate_counts") == "b"
