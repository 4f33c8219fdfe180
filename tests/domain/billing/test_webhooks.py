"""What becomes of an event once it is signed: stored once, applied once, or kept until it can be."""

import asyncio
import json
from pathlib import Path

import pytest

from domain.billing import SignatureRefused, UnreadableEvent, WebhookStatus
from domain.billing.states import Status
from domain.db import Database, open_database
from domain.errors import Unavailable
from tests.domain.billing.processors import stripe_json
from tests.support.billing import (
    APPLIED,
    FAKE,
    KEPT,
    Mirror,
    customer,
    event,
    events,
    linked,
    mirror_of,
    row_counts,
    subscription,
    subscriptions,
)
from tests.support.clock import FixedClock


class TestReceiving:
    async def test_an_event_is_stored_and_applied_in_one_step(self, mirror: Mirror, database: Database) -> None:
        await mirror.post()

        row = await event(database)
        assert (row.status, row.applied_at, row.attempts) == (WebhookStatus.APPLIED, mirror.clock.now(), 0)
        assert row.customer_id == (await subscription(database)).customer_id
        assert row.body == stripe_json.body()
        assert await row_counts(database) == APPLIED

    async def test_twenty_copies_at_one_moment_are_one(self, mirror: Mirror, database: Database) -> None:
        await asyncio.gather(*(mirror.post() for _ in range(20)))

        assert await row_counts(database) == APPLIED
        assert (await subscription(database)).version == 1

    async def test_a_copy_that_comes_later_changes_nothing(self, mirror: Mirror, database: Database) -> None:
        await mirror.post()
        before = await subscription(database)
        mirror.clock.forward(days=1)

        await mirror.post()

        assert await row_counts(database) == APPLIED
        assert (await subscription(database)).version == before.version

    async def test_a_type_that_nobody_knows_is_ignored(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(type="charge.refunded")

        assert (await event(database)).status == WebhookStatus.IGNORED
        assert await row_counts(database) == KEPT

    async def test_the_other_mode_is_ignored_and_leaves_no_fact(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(livemode=True, data={"object": stripe_json.subscription(livemode=True)})

        assert (await event(database)).status == WebhookStatus.IGNORED
        assert await row_counts(database) == KEPT

    @pytest.mark.parametrize("header", [None, "", "t=1,v1=" + "0" * 64])
    async def test_what_is_not_signed_is_not_stored(
        self, mirror: Mirror, database: Database, header: str | None
    ) -> None:
        with pytest.raises(SignatureRefused):
            await mirror.inbox.receive(FAKE, stripe_json.body(), header)

        assert await events(database) == []

    @pytest.mark.parametrize("body", [b"", b"[]", json.dumps({"id": "evt_1"}).encode()])
    async def test_what_is_no_event_is_not_stored(self, mirror: Mirror, database: Database, body: bytes) -> None:
        with pytest.raises(UnreadableEvent):
            await mirror.post_body(body)

        assert await events(database) == []

    async def test_without_a_database_the_sender_must_try_again(self, tmp_path: Path, clock: FixedClock) -> None:
        away = open_database(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}")

        with pytest.raises(Unavailable):
            await mirror_of(away, clock).post()

        await away.aclose()


class TestWaiting:
    async def test_an_unknown_customer_is_waited_for_without_using_attempts(
        self, database: Database, clock: FixedClock
    ) -> None:
        mirror = mirror_of(database, clock)

        await mirror.post()
        clock.forward(days=30)
        tried = await mirror.inbox.retry_due()

        row = await event(database)
        assert (row.status, row.waiting_for, row.attempts) == (WebhookStatus.RECEIVED, "cus_1", 0)
        assert tried == 0
        assert await row_counts(database) == {"webhook_events": 1}

    async def test_it_is_applied_once_the_account_is_linked(self, database: Database, clock: FixedClock) -> None:
        mirror = mirror_of(database, clock)
        for number in range(3):
            await mirror.post(id=f"evt_{number}", created=stripe_json.CREATED + number)

        await linked(database, clock, (await customer(database, clock)).id)
        tried = await mirror.inbox.retry_due()

        assert tried == 3
        assert {(row.status, row.waiting_for, row.attempts) for row in await events(database)} == {
            (WebhookStatus.APPLIED, None, 0)
        }
        assert (await subscription(database)).status == Status.ACTIVE
        assert await mirror.inbox.retry_due() == 0

    async def test_the_account_of_somebody_else_is_no_reason_to_go_on(
        self, database: Database, clock: FixedClock
    ) -> None:
        mirror = mirror_of(database, clock)
        await mirror.post()

        await linked(database, clock, (await customer(database, clock)).id, "cus_2")

        assert await mirror.inbox.retry_due() == 0
        assert (await event(database)).status == WebhookStatus.RECEIVED

    async def test_an_event_never_links_by_what_it_claims(self, mirror: Mirror, database: Database) -> None:
        owner = (await customer(database, mirror.clock, "org_2")).id
        claims = {"customer_id": owner, "seatgate": owner}

        await mirror.post(data={"object": stripe_json.subscription(customer="cus_2", metadata=claims)})

        assert (await event(database)).waiting_for == "cus_2"
        assert await subscriptions(database) == []
