import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domain import outbox
from domain.billing import facts
from domain.billing.facts import Fact, FactSource
from domain.billing.lifecycle import terminal
from domain.billing.processors import Event, ProcessorRefused, Purchase, SignatureRefused
from domain.billing.processors.fake import FakeProcessor
from domain.billing.processors.news import SubscriptionTold
from domain.billing.states import ProcessorName, Snapshot, Status
from domain.clock import SystemClock
from domain.db import Database
from domain.errors import InvalidInput
from domain.ids import CustomerId
from domain.outbox import OutboxMessage
from tests.domain.billing.processors import stripe_json
from tests.support.clock import FixedClock

DAY = 86400
PRO = [Purchase(price_id="price_pro_monthly", quantity=1)]
TEAM = [Purchase(price_id="price_team_monthly", quantity=7)]


@pytest.fixture
async def fake(database: Database, clock: FixedClock) -> AsyncIterator[FakeProcessor]:
    fake = another(database, clock)
    yield fake
    await fake.aclose()


def another(database: Database, clock: FixedClock) -> FakeProcessor:
    return FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_new", "whsec_old"])


async def events(database: Database) -> list[dict[str, Any]]:
    """Read what is told of subscriptions; their invoices and customers have tests of their own."""
    async with database.snapshot() as session:
        bodies = (await session.execute(select(OutboxMessage.payload).order_by(OutboxMessage.id))).scalars()
        sent = [json.loads(body["body"]) for body in bodies]
    return [event for event in sent if event["type"].startswith("customer.subscription.")]


async def told(database: Database) -> list[tuple[str, int]]:
    return [(event["type"].rpartition(".")[2], event["created"]) for event in await events(database)]


async def buy(fake: FakeProcessor, key: str = "buy:1") -> Snapshot:
    return (await fake.subscribe("cus_fake_1", TEAM, key=key)).snapshot


class TestBuying:
    async def test_what_is_bought_is_active_for_a_month_of_the_calendar(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        bought = await buy(fake)

        [item] = bought.state.items
        assert bought.processor_id.startswith("sub_fake_")
        assert bought.customer_processor_id == "cus_fake_1"
        assert (bought.state.status, item.price_id, item.quantity) == (Status.ACTIVE, "price_team_monthly", 7)
        assert item.current_period_end == clock.now().replace(month=12)

    async def test_it_is_found_by_every_process_and_told_once(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        bought = await buy(fake)

        assert await another(database, clock).fetch(bought.processor_id) == bought
        assert await told(database) == [("created", int(clock.now().timestamp()))]

    async def test_the_same_key_buys_once_and_gets_the_same_answer(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        first = await buy(fake)
        clock.forward(days=1)
        await fake.cancel(first.processor_id, at_period_end=False, at=None, key="end:1")

        assert await buy(another(database, clock)) == first
        assert [kind for kind, _ in await told(database)] == ["created", "deleted"]

    async def test_twins_with_one_key_at_one_moment_buy_once(self, fake: FakeProcessor, database: Database) -> None:
        bought = await asyncio.gather(*(buy(fake) for _ in range(5)))

        assert all(one == bought[0] for one in bought)
        assert len(await events(database)) == 1

    async def test_the_same_key_for_something_else_is_refused(self, fake: FakeProcessor, database: Database) -> None:
        await buy(fake)

        with pytest.raises(ProcessorRefused) as refusal:
            await fake.subscribe("cus_fake_1", PRO, key="buy:1")

        assert refusal.value.code == "idempotency_error"
        assert len(await events(database)) == 1

    async def test_other_keys_buy_other_subscriptions(self, fake: FakeProcessor) -> None:
        assert (await buy(fake, "buy:1")).processor_id != (await buy(fake, "buy:2")).processor_id

    async def test_nothing_cannot_be_bought(self, fake: FakeProcessor, database: Database) -> None:
        with pytest.raises(ProcessorRefused):
            await fake.subscribe("cus_fake_1", [], key="buy:1")

        assert await events(database) == []

    async def test_a_customers_name_comes_from_the_key(self, fake: FakeProcessor) -> None:
        one, same = [await fake.create_customer(CustomerId("cst_1"), key="customer:1") for _ in range(2)]

        assert one == same
        assert one.startswith("cus_fake_")
        assert await fake.create_customer(CustomerId("cst_1"), key="customer:2") != one

    async def test_what_the_fake_did_not_make_is_none(self, fake: FakeProcessor) -> None:
        assert await fake.fetch("sub_1") is None


class TestCancelling:
    async def test_now_ends_it_at_once(self, fake: FakeProcessor, database: Database, clock: FixedClock) -> None:
        bought = await buy(fake)

        ended = await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")

        assert (ended.state.status, ended.state.ended_at) == (Status.CANCELED, clock.now())
        assert await fake.fetch(bought.processor_id) == ended
        assert [kind for kind, _ in await told(database)] == ["created", "deleted"]

    async def test_at_the_periods_end_it_stays_active_until_then(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        bought = await buy(fake)
        end = clock.now() + timedelta(days=30)

        ending = await fake.cancel(bought.processor_id, at_period_end=True, at=None, key="end:1")
        await fake.advance(60 * DAY)

        ended = await fake.fetch(bought.processor_id)
        assert (ending.state.status, ending.state.cancel_at_period_end) == (Status.ACTIVE, True)
        assert ended is not None
        assert (ended.state.status, ended.state.ended_at) == (Status.CANCELED, end)
        assert (await told(database))[-1] == ("deleted", int(end.timestamp()))

    async def test_at_an_instant_it_renews_until_then(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        bought = await buy(fake)
        at = clock.now() + timedelta(days=45)

        await fake.cancel(bought.processor_id, at_period_end=False, at=at, key="end:1")
        await fake.advance(60 * DAY)

        start = clock.now()
        assert (await told(database))[-2:] == [
            ("updated", int((start + timedelta(days=30)).timestamp())),
            ("deleted", int(at.timestamp())),
        ]

    async def test_an_end_to_come_can_be_taken_back(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        bought = await buy(fake)
        clock.forward(seconds=2)
        await fake.cancel(bought.processor_id, at_period_end=True, at=None, key="end:1")

        back = await fake.resume(bought.processor_id, key="back:1")
        await fake.advance(31 * DAY)

        renewed = await fake.fetch(bought.processor_id)
        assert back == bought
        assert renewed is not None
        assert renewed.state.status == Status.ACTIVE
        assert [kind for kind, _ in await told(database)] == ["created", "updated", "updated", "updated"]

    async def test_what_has_ended_cannot_be_taken_back(self, fake: FakeProcessor, database: Database) -> None:
        bought = await buy(fake)
        ended = await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")

        assert await fake.resume(bought.processor_id, key="back:1") == ended
        assert len(await events(database)) == 2

    async def test_what_has_ended_is_handed_back_and_not_told_again(
        self, fake: FakeProcessor, database: Database
    ) -> None:
        bought = await buy(fake)
        ended = await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")

        assert await fake.cancel(bought.processor_id, at_period_end=True, at=None, key="end:2") == ended
        assert len(await events(database)) == 2

    async def test_a_past_instant_and_an_unknown_subscription_are_refused(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        bought = await buy(fake)

        for processor_id in (bought.processor_id, "sub_1"):
            with pytest.raises(ProcessorRefused):
                await fake.cancel(processor_id, at_period_end=False, at=clock.now(), key=f"end:{processor_id}")


class TestTheClock:
    async def test_its_own_clock_is_ours_and_every_advance(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        await fake.advance(10)
        await another(database, clock).advance(5)
        clock.forward(seconds=1)

        assert await fake.now() == clock.now() + timedelta(seconds=15)

    @pytest.mark.parametrize("seconds", [-1, 10 * 366 * DAY + 1])
    async def test_it_never_goes_back_or_farther_than_ten_years(self, fake: FakeProcessor, seconds: int) -> None:
        with pytest.raises(InvalidInput):
            await fake.advance(seconds)

    async def test_what_falls_due_on_the_way_happens_in_order(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        start = int(clock.now().timestamp())
        await buy(fake, "buy:1")
        clock.forward(days=1)
        await buy(fake, "buy:2")

        happened = await fake.advance(65 * DAY)

        assert happened == 4
        assert [(kind, (second - start) // DAY) for kind, second in (await told(database))[2:]] == [
            ("updated", 30),
            ("updated", 31),
            ("updated", 61),
            ("updated", 62),
        ]
        assert await fake.advance(0) == 0

    async def test_a_renewal_says_what_it_replaced(self, fake: FakeProcessor, database: Database) -> None:
        await buy(fake)
        await fake.advance(30 * DAY)

        created, renewed = await events(database)
        assert "previous_attributes" not in created["data"]
        assert list(renewed["data"]["previous_attributes"]) == ["items", "latest_invoice"]


class TestEvents:
    async def test_delivery_signs_when_it_happens_and_goes_the_way_of_any_webhook(
        self, fake: FakeProcessor, database: Database, clock: FixedClock
    ) -> None:
        bought = await buy(fake)
        clock.forward(days=3)
        inbox = Receiving(fake, clock)

        await outbox.deliver_due(database, clock, {FakeProcessor.TOPIC: fake.deliverer(inbox)})

        assert inbox.received == [(ProcessorName.FAKE, bought)]

    async def test_signatures_are_judged_by_our_clock_and_not_by_its_own(
        self, fake: FakeProcessor, clock: FixedClock
    ) -> None:
        await fake.advance(30 * DAY)
        body = stripe_json.body()

        assert fake.event(body, fake.sign(body), now=clock.now()).event_id == "evt_1"
        with pytest.raises(SignatureRefused):
            fake.event(body, fake.sign(body), now=await fake.now())

    async def test_items_replaced_by_hand_are_the_truth_and_their_event_is_for_the_caller_to_post(
        self, fake: FakeProcessor, database: Database
    ) -> None:
        bought = await buy(fake)

        body = await fake.replace_items(bought.processor_id, [Purchase(price_id="price_team_monthly", quantity=9)])

        said = carried(fake, fake.stored(body))
        assert said.state.items[0].quantity == 9
        assert said.state.items[0].current_period_end == bought.state.items[0].current_period_end
        assert await fake.fetch(bought.processor_id) == said
        assert len(await events(database)) == 1

    async def test_items_of_what_has_ended_or_never_was_stay(self, fake: FakeProcessor) -> None:
        bought = await buy(fake)
        await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")

        for processor_id in (bought.processor_id, "sub_1"):
            with pytest.raises(ProcessorRefused):
                await fake.replace_items(processor_id, PRO)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None)
    @given(
        steps=st.lists(
            st.one_of(
                st.integers(1, 50).map(lambda days: ("advance", days)),
                st.integers(1, 9).map(lambda quantity: ("replace", quantity)),
                st.sampled_from([("end", 0), ("end", 1), ("end", 40)]),
            ),
            max_size=5,
        ),
        data=st.data(),
    )
    async def test_its_events_in_any_order_fold_to_what_it_holds_true(
        self, fake: FakeProcessor, database: Database, steps: list[tuple[str, int]], data: st.DataObject
    ) -> None:
        key = f"buy:{len(await events(database))}:{data.draw(st.uuids())}"
        sub = (await buy(fake, key)).processor_id
        posted = []
        for number, (step, amount) in enumerate(steps):
            # A second between two steps keeps them apart; what shares a second is ambiguous and owes a fetch.
            await fake.advance(amount * DAY if step == "advance" else 1)
            held = await fake.fetch(sub)
            assert held is not None
            if step == "replace" and not terminal(held.state):
                posted.append(await fake.replace_items(sub, [Purchase(price_id="price_pro_monthly", quantity=amount)]))
            if step == "end":
                at = await fake.now() + timedelta(days=amount) if amount > 1 else None
                await fake.cancel(sub, at_period_end=amount == 1, at=at, key=f"{key}:{number}")
        sent = [json.dumps(event).encode() for event in await events(database)]
        mine = [event for event in map(fake.stored, [*sent, *posted]) if event.payload["data"]["object"]["id"] == sub]

        folded = facts.fold(
            Fact(
                source=FactSource.EVENT,
                type=event.type,
                event_id=event.event_id,
                rank=facts.rank_of(event.type),
                occurred_at=event.occurred_at,
                sequence=number,
                state=carried(fake, event).state,
            )
            for number, event in enumerate(data.draw(st.permutations(mine)))
        )

        held = await fake.fetch(sub)
        assert held is not None
        assert folded.fetch_owed or folded.state == held.state


class Receiving:
    """Verifies what is delivered, as the inbox does."""

    def __init__(self, fake: FakeProcessor, clock: FixedClock | SystemClock) -> None:
        self.fake = fake
        self.clock = clock
        self.received: list[tuple[ProcessorName, Snapshot]] = []

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        event = self.fake.event(body, signature, now=self.clock.now())
        if event.type.startswith("customer.subscription."):
            self.received.append((name, carried(self.fake, event)))

    async def receive_all(self, name: ProcessorName, sent: Sequence[tuple[bytes, str | None]]) -> None:
        for body, signature in sent:
            await self.receive(name, body, signature)


def carried(fake: FakeProcessor, event: Event) -> Snapshot:
    news = fake.news(event)
    assert isinstance(news, SubscriptionTold)
    return news.snapshot
