"""What becomes of an event that cannot be applied yet: kept, tried again, given up in the end, and never lost."""

from datetime import timedelta
from pathlib import Path

import pytest

from domain.billing import UnreadableEvent, WebhookStatus
from domain.billing.processors import Event, News, shapes
from domain.billing.processors.fake import FakeProcessor
from domain.billing.states import Status
from domain.db import Database
from domain.errors import Unavailable
from tests.domain.billing.processors import stripe_json
from tests.support.billing import (
    APPLIED,
    KEPT,
    SECRET,
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
from tests.support.databases import PostgreSQL
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.triggers import LOSE_A_RACE, LOSE_THE_CONNECTION, accept_inserts, fail_once, refuse_inserts

CUT_OFF = {"object": stripe_json.subscription(items=stripe_json.items(stripe_json.item(), has_more=True))}
MALFORMED = {"object": stripe_json.subscription(items="none")}


class TestFailing:
    async def test_a_malformed_subscription_is_kept_as_failed(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(data=MALFORMED)

        row = await event(database)
        assert (row.status, row.attempts, row.last_error) == (WebhookStatus.FAILED, 1, "UnreadableEvent")
        assert row.next_attempt_at == mirror.clock.now() + timedelta(seconds=1)
        assert await row_counts(database) == KEPT

    async def test_another_customers_subscription_is_kept_as_failed_and_stays_where_it_was(
        self, mirror: Mirror, database: Database
    ) -> None:
        await mirror.post()
        await linked(database, mirror.clock, (await customer(database, mirror.clock, "org_2")).id, "cus_2")
        before = await subscription(database)

        stolen = stripe_json.subscription(customer="cus_2", status="canceled")
        await mirror.post(id="evt_2", created=stripe_json.CREATED + 1, data={"object": stolen})

        [_, row] = await events(database)
        assert (row.status, row.last_error) == (WebhookStatus.FAILED, "ForeignSubscription")
        assert (row.customer_id, row.attempts) == (None, 1)
        after = await subscription(database)
        assert (after.customer_id, after.status, after.version) == (before.customer_id, Status.ACTIVE, 1)

    async def test_a_database_that_refuses_leaves_the_event_failed_and_nothing_half_written(
        self, mirror: Mirror, database: Database
    ) -> None:
        await refuse_inserts(database, "audit_events")

        await mirror.post()

        assert (await event(database)).status == WebhookStatus.FAILED
        assert await row_counts(database) == KEPT

    async def test_what_failed_is_applied_once_it_can_be(self, mirror: Mirror, database: Database) -> None:
        await refuse_inserts(database, "audit_events")
        await mirror.post()
        await accept_inserts(database, "audit_events")

        too_early = await mirror.inbox.retry_due()
        mirror.clock.forward(seconds=1)
        in_time = await mirror.inbox.retry_due()

        assert (too_early, in_time) == (0, 1)
        row = await event(database)
        assert (row.status, row.attempts, row.next_attempt_at) == (WebhookStatus.APPLIED, 1, None)
        assert await row_counts(database) == APPLIED

    async def test_waits_double_from_a_second_to_an_hour_and_the_25th_failure_is_the_last(
        self, mirror: Mirror, database: Database
    ) -> None:
        await mirror.post(data=MALFORMED)

        waits = []
        while (row := await event(database)).next_attempt_at is not None:
            waits.append((row.next_attempt_at - mirror.clock.now()).total_seconds())
            mirror.clock.forward(seconds=waits[-1])
            assert await mirror.inbox.retry_due() == 1

        assert waits == [min(2**n, 3600) for n in range(24)]
        assert (row.status, row.attempts) == (WebhookStatus.DEAD, 25)
        mirror.clock.forward(days=365)
        assert await mirror.inbox.retry_due() == 0

    async def test_one_that_fails_does_not_hold_up_the_others(self, mirror: Mirror, database: Database) -> None:
        await mirror.post(data=MALFORMED)

        await mirror.post(id="evt_2")
        mirror.clock.forward(seconds=1)
        await mirror.inbox.retry_due()

        assert [row.status for row in await events(database)] == [WebhookStatus.FAILED, WebhookStatus.APPLIED]


class Learning(ScriptedProcessor):
    """Cannot read anything until it is told to."""

    learned = False

    def stored(self, body: bytes) -> Event:
        self._check()
        return super().stored(body)

    def news(self, event: Event) -> News | None:
        self._check()
        return super().news(event)

    def _check(self) -> None:
        if not self.learned:
            raise UnreadableEvent("not learned yet")


class TestRepairing:
    """A newer version of the program reads what an older one could not, or the other way round."""

    @pytest.fixture
    def learning(self, database: Database, clock: FixedClock) -> Learning:
        return Learning(FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET]))

    @pytest.fixture
    def repaired(self, database: Database, clock: FixedClock, learning: Learning) -> Mirror:
        return mirror_of(database, clock, learning)

    async def test_an_event_that_can_no_longer_be_read_uses_its_attempts_like_any_other(
        self, repaired: Mirror, database: Database
    ) -> None:
        await linked(database, repaired.clock, (await customer(database, repaired.clock)).id)
        await repaired.post()
        repaired.clock.forward(seconds=1)

        tried = await repaired.inbox.retry_due()

        assert tried == 1
        assert (await event(database)).attempts == 2

    async def test_a_failed_event_that_can_now_be_read_may_still_have_to_wait_for_its_customer(
        self, repaired: Mirror, learning: Learning, database: Database
    ) -> None:
        await repaired.post()
        learning.learned = True
        repaired.clock.forward(seconds=1)

        tried = await repaired.inbox.retry_due()

        row = await event(database)
        assert tried == 1
        assert (row.status, row.waiting_for, row.next_attempt_at) == (WebhookStatus.RECEIVED, "cus_1", None)

    async def test_events_of_a_processor_that_is_no_longer_configured_wait(
        self, mirror: Mirror, database: Database
    ) -> None:
        await mirror.post(data=MALFORMED)
        mirror.clock.forward(days=1)

        mirror.inbox.processors.clear()  # type: ignore[attr-defined]  # the test's own mapping is a dict

        assert await mirror.inbox.retry_due() == 0
        assert (await event(database)).attempts == 1


class TestLostRaces:
    @pytest.fixture
    def database_url(self, postgresql: PostgreSQL, tmp_path: Path) -> str:
        """SQLite has one writer at a time, so only PostgreSQL knows lost races."""
        return postgresql.fresh(tmp_path)

    async def test_a_lost_race_is_run_again_at_once_and_is_no_failure_of_the_event(
        self, mirror: Mirror, database: Database
    ) -> None:
        await fail_once(database, "subscription_facts", LOSE_A_RACE)

        await mirror.post()

        row = await event(database)
        assert (row.status, row.attempts) == (WebhookStatus.APPLIED, 0)
        assert await row_counts(database) == APPLIED

    async def test_a_lost_connection_stores_nothing_and_the_sender_must_try_again(
        self, mirror: Mirror, database: Database
    ) -> None:
        await fail_once(database, "subscription_facts", LOSE_THE_CONNECTION)

        with pytest.raises(Unavailable):
            await mirror.post()
        nothing = await events(database)
        await mirror.post()

        assert nothing == []
        assert await row_counts(database) == APPLIED


class TestCutOffItems:
    """Events show ten items at most; the rest has to be asked for."""

    @pytest.fixture
    def processor(self, database: Database, clock: FixedClock) -> ScriptedProcessor:
        scripted = ScriptedProcessor(FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET]))
        scripted.fetched = lambda _: shapes.snapshot(stripe_json.subscription())
        return scripted

    @pytest.fixture
    def cut_off(self, database: Database, clock: FixedClock, processor: ScriptedProcessor) -> Mirror:
        return mirror_of(database, clock, processor)

    async def test_they_are_fetched_by_the_worker_and_nothing_is_mirrored_until_then(
        self, cut_off: Mirror, processor: ScriptedProcessor, database: Database
    ) -> None:
        await linked(database, cut_off.clock, (await customer(database, cut_off.clock)).id)

        await cut_off.post(data=CUT_OFF)
        before = await subscriptions(database)
        await cut_off.deliver()

        assert before == []
        assert (await event(database)).status == WebhookStatus.APPLIED
        assert (await subscription(database)).current.items == shapes.snapshot(stripe_json.subscription()).state.items
        assert processor.calls == [("fetch", "sub_1")]

    async def test_a_processor_that_is_away_is_asked_again_later(
        self, cut_off: Mirror, processor: ScriptedProcessor, database: Database
    ) -> None:
        await linked(database, cut_off.clock, (await customer(database, cut_off.clock)).id)
        processor.script = [Scene.AWAY]

        await cut_off.post(data=CUT_OFF)
        await cut_off.deliver()
        missing = await subscriptions(database)
        cut_off.clock.forward(seconds=1)
        await cut_off.deliver()

        assert missing == []
        assert (await subscription(database)).status == Status.ACTIVE

    async def test_they_wait_for_their_customer_like_any_event(self, cut_off: Mirror, database: Database) -> None:
        await cut_off.post(data=CUT_OFF)

        assert (await event(database)).waiting_for == "cus_1"
        assert await cut_off.deliver() == 0
