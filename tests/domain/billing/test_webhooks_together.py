"""Several events received at once: what holds for one holds for each of them."""

import pytest
from sqlalchemy import text

from domain.billing.processors import SignatureRefused, UnreadableEvent
from domain.billing.webhooks import WebhookStatus
from domain.db import Database
from tests.domain.billing.processors import stripe_json
from tests.support.billing import FAKE, Mirror, customer, events, linked, mirror_of, row_counts, subscription
from tests.support.clock import FixedClock


def told(number: int, quantity: int) -> bytes:
    item = stripe_json.item(quantity=quantity)
    return stripe_json.body(
        id=f"evt_{number}",
        created=1795262400 + number,
        data={"object": stripe_json.subscription(items=stripe_json.items(item))},
    )


@pytest.fixture
async def mirror(database: Database, clock: FixedClock) -> Mirror:
    payer = await customer(database, clock)
    await linked(database, clock, payer.id)
    return mirror_of(database, clock)


async def receive(mirror: Mirror, *bodies: bytes) -> None:
    await mirror.inbox.receive_all(FAKE, [(body, mirror.fake.sign(body)) for body in bodies])


async def test_each_is_stored_and_applied_once_however_often_it_comes(mirror: Mirror) -> None:
    await mirror.post_body(told(1, 2))

    await receive(mirror, told(2, 3), told(1, 2), told(3, 4), told(2, 3))

    assert [event.status for event in await events(mirror.database)] == [WebhookStatus.APPLIED] * 3
    assert (await subscription(mirror.database)).current.items[0].quantity == 4


async def test_one_that_is_not_signed_or_no_event_leaves_none(mirror: Mirror) -> None:
    before = await row_counts(mirror.database)

    with pytest.raises(SignatureRefused):
        await mirror.inbox.receive_all(FAKE, [(told(1, 2), mirror.fake.sign(told(1, 2))), (told(2, 3), "t=1,v1=0")])
    with pytest.raises(UnreadableEvent):
        await receive(mirror, told(1, 2), b"{}")

    assert await row_counts(mirror.database) == before


async def test_one_that_cannot_be_applied_fails_alone(mirror: Mirror) -> None:
    foreign = stripe_json.body(id="evt_9", data={"object": stripe_json.subscription() | {"items": "nonsense"}})

    await receive(mirror, told(1, 2), foreign, told(2, 3))

    assert [(event.event_id, event.status) for event in await events(mirror.database)] == [
        ("evt_1", WebhookStatus.APPLIED),
        ("evt_2", WebhookStatus.APPLIED),
        ("evt_9", WebhookStatus.FAILED),
    ]
    assert (await subscription(mirror.database)).current.items[0].quantity == 3


async def test_nothing_at_once_is_nothing(mirror: Mirror) -> None:
    await mirror.inbox.receive_all(FAKE, [])

    async with mirror.database.snapshot() as session:
        assert (await session.execute(text("SELECT count(*) FROM webhook_events"))).scalar_one() == 0
