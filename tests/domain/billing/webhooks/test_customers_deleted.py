"""Who is deleted at the processor keeps nothing that the processor does not confirm."""

import pytest

from domain import outbox
from domain.billing import Fetches
from domain.billing.lifecycle import ended
from domain.billing.processors import shapes
from domain.billing.processors.fake import FakeProcessor
from domain.db import Database
from tests.domain.billing.processors import stripe_json
from tests.support.billing import (
    SECRET,
    Mirror,
    customer,
    event,
    events,
    linked,
    mirror_of,
    subscription,
    subscriptions,
)
from tests.support.clock import FixedClock
from tests.support.scripted import Scene, ScriptedProcessor

DELETED = {"type": "customer.deleted", "data": {"object": {"id": "cus_1", "object": "customer"}}}


@pytest.fixture
def processor(database: Database, clock: FixedClock) -> ScriptedProcessor:
    scripted = ScriptedProcessor(FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET]))
    scripted.fetched = lambda _: None
    return scripted


@pytest.fixture
async def mirror(database: Database, clock: FixedClock, processor: ScriptedProcessor) -> Mirror:
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock, processor)


async def settle(mirror: Mirror) -> None:
    await outbox.deliver_due(mirror.database, mirror.clock, {Fetches.TOPIC: mirror.fetches.deliver})


async def test_what_the_processor_no_longer_knows_has_ended(mirror: Mirror, database: Database) -> None:
    await mirror.post()

    await mirror.post(id="evt_2", **DELETED)
    await settle(mirror)

    row = await subscription(database)
    assert ended(row.current)
    assert not row.fetch_owed
    assert {row.status for row in await events(database)} == {"applied"}


async def test_what_the_processor_still_holds_is_as_it_says(
    mirror: Mirror, database: Database, processor: ScriptedProcessor
) -> None:
    processor.fetched = lambda _: shapes.snapshot(stripe_json.subscription(status="canceled", ended_at=1_795_000_001))
    await mirror.post()

    await mirror.post(id="evt_2", **DELETED)
    await settle(mirror)

    assert (await subscription(database)).status == "canceled"


async def test_a_silent_processor_is_asked_again_until_it_answers(
    mirror: Mirror, database: Database, clock: FixedClock, processor: ScriptedProcessor
) -> None:
    await mirror.post()
    await mirror.post(id="evt_2", **DELETED)
    processor.script = [Scene.AWAY]
    await settle(mirror)
    assert not ended((await subscription(database)).current)

    clock.forward(seconds=1)
    await settle(mirror)

    assert ended((await subscription(database)).current)


@pytest.mark.parametrize("happened", ["created", "updated"])
async def test_other_changes_of_a_customer_are_recorded_and_ask_for_nothing(
    mirror: Mirror, database: Database, processor: ScriptedProcessor, happened: str
) -> None:
    await mirror.post(type=f"customer.{happened}", data={"object": {"id": "cus_1", "object": "customer"}})
    await settle(mirror)

    assert (await event(database)).status == "applied"
    assert processor.calls == []
    assert await subscriptions(database) == []


async def test_a_burst_of_events_that_only_name_a_subscription_costs_one_fetch(
    mirror: Mirror, processor: ScriptedProcessor
) -> None:
    more = stripe_json.subscription(items=stripe_json.items(stripe_json.item(), has_more=True))
    for number in range(50):
        await mirror.post(id=f"evt_{number}", data={"object": more})

    await settle(mirror)

    assert processor.calls == [("fetch", "sub_1")]
