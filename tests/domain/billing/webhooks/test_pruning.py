"""What is pruned by age, what never is, and that nothing of the mirror goes with it."""

from datetime import timedelta

import pytest

from domain.billing import Pruning
from domain.db import Database
from tests.support.billing import Mirror, customer, event, events, linked, mirror_of
from tests.support.clock import FixedClock
from tests.support.tables import dump, execute


@pytest.fixture
async def mirror(database: Database, clock: FixedClock) -> Mirror:
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock)


@pytest.mark.parametrize(
    ("status", "days"), [("applied", 14), ("ignored", 14), ("dead", 90), ("failed", None), ("received", None)]
)
async def test_an_event_goes_by_its_age_or_never(
    mirror: Mirror, database: Database, clock: FixedClock, status: str, days: int | None
) -> None:
    await mirror.post()
    await execute(database, f"UPDATE webhook_events SET status = '{status}'")
    pruning = Pruning(database=database, clock=clock)

    clock.forward(days=days or 4000)
    assert (await pruning.count(), await pruning.prune()) == (0, 0)
    clock.forward(microseconds=1)
    assert await pruning.count() == (days is not None)
    await pruning.prune()

    assert len(await events(database)) == (days is None)


async def test_a_batch_at_a_time_until_nothing_is_left(mirror: Mirror, database: Database, clock: FixedClock) -> None:
    for number in range(3):
        await mirror.post(id=f"evt_{number}", type="charge.refunded")
    clock.forward(days=15)
    pruning = Pruning(database=database, clock=clock)

    assert [await pruning.prune(), await pruning.prune()] == [3, 0]


async def test_the_facts_stay_and_an_event_that_comes_again_changes_nothing(
    mirror: Mirror, database: Database, clock: FixedClock
) -> None:
    await mirror.post()
    before = await dump(database)
    clock.forward(days=15)
    await Pruning(database=database, clock=clock).prune()

    await mirror.post()

    after = await dump(database)
    assert (await event(database)).status == "applied"
    assert {table for table in after if after[table] != before[table]} == {"webhook_events"}


async def test_other_ages_can_be_asked_for(mirror: Mirror, database: Database, clock: FixedClock) -> None:
    await mirror.post()
    clock.forward(days=2)

    assert await Pruning(database=database, clock=clock, applied_days=3).prune() == 0
    assert await Pruning(database=database, clock=clock, applied_days=1, dead_days=1).prune() == 1
    assert timedelta(days=Pruning(database=database, clock=clock).applied_days) == timedelta(days=14)
