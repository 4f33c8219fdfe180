"""What is owed is fetched: once, outside any transaction, and never in a hot loop."""

import pytest

from domain.billing.processors import shapes
from domain.billing.processors.fake import FakeProcessor
from domain.billing.states import Snapshot, Status
from domain.db import Database
from tests.domain.billing.processors import stripe_json
from tests.support.billing import SECRET, Mirror, customer, linked, mirror_of, row_counts, subscription, subscriptions
from tests.support.clock import FixedClock
from tests.support.scripted import Scene, ScriptedProcessor


def truth(quantity: int = 42, id: str = "sub_1") -> Snapshot:
    items = stripe_json.items(stripe_json.item(quantity=quantity))
    return shapes.snapshot(stripe_json.subscription(id=id, items=items))


@pytest.fixture
def processor(database: Database, clock: FixedClock) -> ScriptedProcessor:
    """A processor that knows `sub_1` as `truth()` describes it."""
    scripted = ScriptedProcessor(FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET]))
    scripted.fetched = lambda _: truth()
    return scripted


@pytest.fixture
async def mirror(database: Database, clock: FixedClock, processor: ScriptedProcessor) -> Mirror:
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock, processor)


async def burst(mirror: Mirror, copies: int, *, id: str = "sub_1", name: str = "evt", now: bool = False) -> None:
    """Post events that all claim something else of the same second."""
    second = int(mirror.clock.now().timestamp()) if now else stripe_json.CREATED
    for number in range(copies):
        items = stripe_json.items(stripe_json.item(quantity=number + 1))
        await mirror.post(
            id=f"{name}_{number}", created=second, data={"object": stripe_json.subscription(id=id, items=items)}
        )


async def test_afterwards_the_row_is_what_the_processor_says(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    await burst(mirror, 2)

    fetched = await mirror.fetches.settle_owed()

    row = await subscription(database)
    assert fetched == 1
    assert processor.calls == [("fetch", "sub_1")]
    assert row.current == truth().state
    assert (row.fetch_owed, row.fetch_due_at, row.fetch_attempts) == (False, None, 0)


async def test_fifty_ambiguous_events_cost_one_fetch(mirror: Mirror, processor: ScriptedProcessor) -> None:
    await burst(mirror, 50)

    await mirror.fetches.settle_owed()

    assert len(processor.calls) == 1
    assert await mirror.fetches.settle_owed() == 0


async def test_an_old_event_that_comes_late_owes_nothing(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    await burst(mirror, 2)
    await mirror.fetches.settle_owed()
    mirror.clock.forward(seconds=1)

    await burst(mirror, 3)

    row = await subscription(database)
    assert (row.fetch_owed, row.current) == (False, truth().state)
    assert len(processor.calls) == 1


async def test_no_transaction_is_open_while_the_processor_is_asked_and_an_event_meanwhile_owes_one_more(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    async def meanwhile() -> None:
        processor.on_fetch = None
        mirror.clock.forward(milliseconds=1)
        await burst(mirror, 1, name="meanwhile", now=True)
        processor.fetched = lambda _: truth(quantity=43)

    await burst(mirror, 2)
    processor.on_fetch = meanwhile
    processor.fetched = lambda _: truth(quantity=42)

    fetched = await mirror.fetches.settle_owed()

    row = await subscription(database)
    assert fetched == 2
    assert (row.fetch_owed, row.current) == (False, truth(quantity=43).state)


async def test_events_during_every_fetch_slow_the_fetches_down(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    async def meanwhile() -> None:
        mirror.clock.forward(seconds=1)
        await burst(mirror, 1, name=f"meanwhile_{len(processor.calls)}", now=True)

    await burst(mirror, 2)
    processor.on_fetch = meanwhile

    fetched = await mirror.fetches.settle_owed()

    row = await subscription(database)
    assert fetched <= 3
    assert row.fetch_due_at is not None
    assert row.fetch_due_at > mirror.clock.now()


@pytest.mark.parametrize("scene", [Scene.AWAY, Scene.LOSES, Scene.REFUSES, None])
async def test_without_an_answer_the_fetches_wait_longer_and_longer_up_to_an_hour(
    mirror: Mirror, processor: ScriptedProcessor, database: Database, scene: Scene | None
) -> None:
    await burst(mirror, 2)
    processor.script = [scene] * 60 if scene else []
    processor.fetched = lambda _: None

    waits = []
    for _ in range(60):
        assert await mirror.fetches.settle_owed() == 1
        row = await subscription(database)
        assert row.fetch_due_at is not None
        waits.append((row.fetch_due_at - mirror.clock.now()).total_seconds())
        mirror.clock.forward(seconds=waits[-1])

    assert waits == [min(60 * 2**n, 3600) for n in range(60)]
    assert (row.status, row.fetch_owed) == (Status.ACTIVE, True)


async def test_a_processor_that_comes_back_settles_everything(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    await burst(mirror, 2)
    processor.script = [Scene.AWAY, Scene.AWAY]
    for _ in range(3):
        await mirror.fetches.settle_owed()
        mirror.clock.forward(minutes=2)

    row = await subscription(database)

    assert len(processor.calls) == 3
    assert (row.fetch_owed, row.fetch_attempts, row.current) == (False, 0, truth().state)


async def test_one_fetch_that_breaks_does_not_keep_the_others_waiting(
    mirror: Mirror, processor: ScriptedProcessor, database: Database
) -> None:
    await burst(mirror, 2)
    mirror.clock.forward(seconds=1)
    await burst(mirror, 2, id="sub_2", name="other")
    processor.script = [Scene.BREAKS]
    processor.fetched = lambda _: truth(id=processor.calls[-1][1])

    with pytest.raises(RuntimeError):
        await mirror.fetches.settle_owed()
    await mirror.fetches.settle_owed()

    assert {row.processor_id: row.fetch_owed for row in await subscriptions(database)} == {
        "sub_1": True,
        "sub_2": False,
    }


async def test_a_fetch_is_a_fact_like_any_other(mirror: Mirror, database: Database) -> None:
    await burst(mirror, 2)

    await mirror.fetches.settle_owed()

    assert (await row_counts(database))["subscription_facts"] == 3


async def test_what_belongs_to_nobody_here_is_left_alone(
    database: Database, clock: FixedClock, processor: ScriptedProcessor
) -> None:
    mirror = mirror_of(database, clock, processor)

    await mirror.fetches.deliver({"processor": "fake", "processor_id": "sub_1"})

    assert processor.calls == [("fetch", "sub_1")]
    assert await row_counts(database) == {}
