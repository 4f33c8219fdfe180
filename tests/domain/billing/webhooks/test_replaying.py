"""Replay goes the ordinary way: once more, and never twice."""

from datetime import timedelta

import pytest

from domain.billing import EventFilter, Replaying, WebhookStatus
from domain.billing.states import ProcessorName
from domain.db import Database
from domain.errors import InvalidInput, NotFound
from domain.scope import Actor, ActorKind, Scope
from tests.domain.billing.processors import stripe_json
from tests.support.billing import Mirror, customer, event, events, linked, mirror_of, row_counts, subscription
from tests.support.clock import FixedClock
from tests.support.tables import dump, execute, unchanged

OPERATOR = Scope(actor=Actor(kind=ActorKind.USER, id="usr_ada"), administrator=True)
BAD = {"data": {"object": {"object": "subscription", "id": "sub_1"}}}


@pytest.fixture
async def mirror(database: Database, clock: FixedClock) -> Mirror:
    await linked(database, clock, (await customer(database, clock)).id)
    return mirror_of(database, clock)


async def replay(mirror: Mirror, id: str) -> WebhookStatus:
    async with mirror.database.transaction() as session:
        row = await Replaying(inbox=mirror.inbox).replay(session, scope=OPERATOR, webhook_event_id=id)
        return row.status


async def test_an_applied_event_says_nothing_twice(mirror: Mirror, database: Database) -> None:
    await mirror.post()
    before = await dump(database)

    assert await replay(mirror, (await event(database)).id) == WebhookStatus.APPLIED

    after = await dump(database)
    assert {table for table in after if after[table] != before[table]} == {"audit_events"}
    [remembered] = set(after["audit_events"]) - set(before["audit_events"])
    assert "webhook.replayed" in remembered
    assert "usr_ada" in remembered


async def test_a_dead_event_is_applied_when_its_fault_is_mended(mirror: Mirror, database: Database) -> None:
    await mirror.post()
    await execute(database, "DELETE FROM webhook_events WHERE 1 = 1")
    await mirror.post(id="evt_2", created=stripe_json.CREATED + 1)
    await execute(database, "UPDATE webhook_events SET status = 'dead', attempts = 25, last_error = 'ValueError'")

    assert await replay(mirror, (await event(database)).id) == WebhookStatus.APPLIED
    row = await event(database)
    assert (row.attempts, row.last_error, row.next_attempt_at) == (0, None, None)


async def test_an_event_that_fails_again_begins_its_attempts_anew(
    mirror: Mirror, database: Database, clock: FixedClock
) -> None:
    await mirror.post(**BAD)
    await execute(database, "UPDATE webhook_events SET status = 'dead', attempts = 25, next_attempt_at = NULL")

    assert await replay(mirror, (await event(database)).id) == WebhookStatus.FAILED
    row = await event(database)
    assert (row.attempts, row.last_error) == (1, "UnreadableEvent")
    assert row.next_attempt_at == clock.now() + timedelta(seconds=1)


async def test_an_unknown_event_is_not_found(mirror: Mirror, database: Database) -> None:
    async with unchanged(database):
        with pytest.raises(NotFound):
            await replay(mirror, "whe_nobody")


async def test_an_event_of_the_other_mode_stays_as_it_is(mirror: Mirror, database: Database) -> None:
    await mirror.post(livemode=True, data={"object": stripe_json.subscription(livemode=True)})
    id = (await event(database)).id

    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await replay(mirror, id)


async def test_an_event_of_a_processor_that_is_not_here_stays_as_it_is(mirror: Mirror, database: Database) -> None:
    await mirror.post()
    await execute(database, "UPDATE webhook_events SET processor = 'stripe'")
    id = (await event(database)).id

    async with unchanged(database):
        with pytest.raises(InvalidInput):
            await replay(mirror, id)


class TestMany:
    async def test_those_that_the_filter_lets_through_are_applied_in_the_processors_order(
        self, mirror: Mirror, database: Database
    ) -> None:
        for number in (3, 1, 2):
            await mirror.post(id=f"evt_{number}", created=stripe_json.CREATED + number)
        await mirror.post(id="evt_other", type="charge.refunded")
        many, applied = Replaying(inbox=mirror.inbox), EventFilter(statuses=(WebhookStatus.APPLIED,))

        replayed = [row.event_id async for row in many.replay_many(applied, scope=OPERATOR) if row]

        assert replayed == ["evt_1", "evt_2", "evt_3"]
        assert await many.count(applied) == 3

    async def test_no_more_than_the_most(self, mirror: Mirror) -> None:
        for number in range(3):
            await mirror.post(id=f"evt_{number}", created=stripe_json.CREATED + number)

        replayed = [
            row async for row in Replaying(inbox=mirror.inbox).replay_many(EventFilter(), scope=OPERATOR, most=2)
        ]

        assert len(replayed) == 2

    async def test_what_cannot_be_replayed_here_is_passed_over(self, mirror: Mirror, database: Database) -> None:
        await mirror.post()
        await mirror.post(id="evt_2", livemode=True, data={"object": stripe_json.subscription(livemode=True)})

        replayed = [row async for row in Replaying(inbox=mirror.inbox).replay_many(EventFilter(), scope=OPERATOR)]

        assert sorted(row.event_id if row else "" for row in replayed) == ["", "evt_1"]
        assert {row.event_id: row.status for row in await events(database)}["evt_2"] == WebhookStatus.IGNORED

    @pytest.mark.parametrize(
        ("narrowed", "found"),
        [
            (EventFilter(), 2),
            (EventFilter(processor=ProcessorName.FAKE), 2),
            (EventFilter(processor=ProcessorName.STRIPE), 0),
            (EventFilter(statuses=(WebhookStatus.IGNORED, WebhookStatus.DEAD)), 1),
            (EventFilter(statuses=()), 0),
            (EventFilter(types=("charge.refunded",)), 1),
            (EventFilter(types=("charge.refunded",), statuses=(WebhookStatus.APPLIED,)), 0),
            (EventFilter(customer_id="cst_nobody"), 0),
        ],
    )
    async def test_everything_that_a_filter_holds_must_hold(
        self, mirror: Mirror, narrowed: EventFilter, found: int
    ) -> None:
        await mirror.post()
        await mirror.post(id="evt_2", type="charge.refunded")

        assert await Replaying(inbox=mirror.inbox).count(narrowed) == found

    async def test_both_ends_of_a_time_are_inside(self, mirror: Mirror, database: Database) -> None:
        await mirror.post()
        at = (await event(database)).occurred_at
        many, tick = Replaying(inbox=mirror.inbox), timedelta(microseconds=1)

        assert await many.count(EventFilter(since=at, until=at)) == 1
        assert await many.count(EventFilter(since=at + tick)) == 0
        assert await many.count(EventFilter(until=at - tick)) == 0


async def test_a_replayed_waiting_event_still_waits_for_its_customer(database: Database, clock: FixedClock) -> None:
    mirror = mirror_of(database, clock)
    await mirror.post()

    assert await replay(mirror, (await event(database)).id) == WebhookStatus.RECEIVED

    assert (await event(database)).waiting_for == "cus_1"
    await linked(database, clock, (await customer(database, clock)).id)
    assert await mirror.inbox.retry_due() == 1
    assert (await subscription(database)).processor_id == "sub_1"
    assert await row_counts(database, ["subscription_facts"]) == {"subscription_facts": 1}
