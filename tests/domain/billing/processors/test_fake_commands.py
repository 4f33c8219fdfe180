"""The Fake's commands on what is bought: other prices and quantities, pauses, previews, checkouts, lists."""

import json
from datetime import timedelta
from typing import Any

import pytest

from domain.billing.processors import (
    CheckoutOrder,
    CheckoutStatus,
    ItemChange,
    ProcessorRefused,
    Purchase,
)
from domain.billing.processors.fake import Card, FakeProcessor
from domain.billing.states import PauseBehavior, Proration, Snapshot, Status
from domain.db import Database
from domain.ids import CustomerId
from tests.support.clock import FixedClock

DAY = 86400
TEAM = [Purchase(price_id="price_team_monthly", quantity=2)]
VOID = PauseBehavior.VOID


@pytest.fixture
async def fake(database: Database, clock: FixedClock) -> FakeProcessor:
    fake = FakeProcessor(database=database, clock=clock, webhook_secrets=["whsec_1"])
    await fake.set_price("price_team_monthly", unit_amount=1000)
    await fake.set_price("price_pro_monthly", unit_amount=3000)
    await fake.set_price("price_team_yearly", unit_amount=10000, interval="year")
    return fake


@pytest.fixture
async def bought(fake: FakeProcessor) -> Snapshot:
    return (await fake.subscribe("cus_1", TEAM, key="buy:1")).snapshot


async def told(fake: FakeProcessor, clock: FixedClock) -> list[tuple[str, dict[str, Any]]]:
    since = clock.now() - timedelta(days=4000)
    events = [json.loads(body) async for body in fake.list_events(since=since)]
    return [(event["type"], event["data"]["object"]) for event in events]


async def types(fake: FakeProcessor, clock: FixedClock) -> list[str]:
    return [type for type, _ in await told(fake, clock)]


def to(bought: Snapshot, price_id: str = "price_team_monthly", quantity: int = 2) -> ItemChange:
    [item] = bought.state.items
    return ItemChange(item_id=item.processor_id, price_id=price_id, quantity=quantity)


def order(customer: str | None = None) -> CheckoutOrder:
    return CheckoutOrder(
        customer_id=CustomerId("cst_1"),
        customer_processor_id=customer,
        items=TEAM,
        success_url="https://a.example/yes",
        cancel_url="https://a.example/no",
    )


class TestChangingAnItem:
    async def test_another_quantity_is_true_at_once_told_once_and_billed_with_the_next_period(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        await fake.advance(15 * DAY)

        changed = await fake.change_item(
            bought.processor_id, to(bought, quantity=4), proration=Proration.CREATE_PRORATIONS, key="change:1"
        )
        await fake.advance(15 * DAY)

        assert [item.quantity for item in changed.state.items] == [4]
        assert changed.state.items[0].processor_id == bought.state.items[0].processor_id
        events = await told(fake, clock)
        assert [type for type, _ in events] == [
            "customer.subscription.created",
            "invoice.paid",
            "customer.subscription.updated",
            "customer.subscription.updated",
            "invoice.paid",
        ]
        # Half of the month: 1000 of the old two given back, 2000 of the new four asked, and four for the next month.
        lines = events[-1][1]["lines"]["data"]
        assert [line["amount"] for line in lines] == [-1000, 2000, 4000]
        assert [line["parent"]["subscription_item_details"]["proration"] for line in lines] == [True, True, False]

    async def test_the_difference_can_be_invoiced_at_once_or_never(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        await fake.advance(15 * DAY)
        change = to(bought, "price_pro_monthly", 1)

        await fake.change_item(bought.processor_id, change, proration=Proration.NONE, key="change:1")
        after_none = len(await types(fake, clock))
        await fake.advance(1)
        await fake.change_item(
            bought.processor_id,
            to(bought, "price_pro_monthly", 3),
            proration=Proration.ALWAYS_INVOICE,
            key="change:2",
        )

        assert after_none == 3
        last = (await told(fake, clock))[-1]
        assert last[0] == "invoice.paid"
        assert last[1]["total"] == pytest.approx(3000, abs=1)

    async def test_what_is_given_back_is_credited_to_the_next_invoice(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        await fake.advance(15 * DAY)

        await fake.change_item(
            bought.processor_id, to(bought, quantity=1), proration=Proration.ALWAYS_INVOICE, key="change:1"
        )
        await fake.advance(15 * DAY)

        invoices = [object for type, object in await told(fake, clock) if type == "invoice.paid"]
        assert [(one["total"], one["amount_paid"]) for one in invoices] == [(2000, 2000), (-500, 0), (1000, 500)]

    async def test_another_interval_begins_a_new_period_and_is_billed_at_once(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        await fake.advance(15 * DAY)
        now = await fake.now()

        changed = await fake.change_item(
            bought.processor_id,
            to(bought, "price_team_yearly", 1),
            proration=Proration.CREATE_PRORATIONS,
            key="change:1",
        )

        [item] = changed.state.items
        assert (item.current_period_start, item.current_period_end) == (now, now.replace(year=now.year + 1))
        assert (await told(fake, clock))[-1][1]["total"] == 10000 - 1000

    async def test_the_same_again_changes_nothing_and_tells_nothing(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        before = await told(fake, clock)

        for key in ("change:1", "change:1", "change:2"):
            same = await fake.change_item(
                bought.processor_id, to(bought), proration=Proration.CREATE_PRORATIONS, key=key
            )
            assert same == bought

        assert await told(fake, clock) == before

    async def test_items_that_are_not_there_and_what_has_ended_are_refused(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        unknown = ItemChange(item_id="si_1", price_id="price_team_monthly", quantity=1)
        with pytest.raises(ProcessorRefused):
            await fake.change_item(bought.processor_id, unknown, proration=Proration.NONE, key="change:1")
        with pytest.raises(ProcessorRefused):
            await fake.change_item(
                bought.processor_id, to(bought, "price_eur_monthly"), proration=Proration.NONE, key="change:2"
            )
        await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")
        before = await told(fake, clock)

        with pytest.raises(ProcessorRefused):
            await fake.change_item(bought.processor_id, to(bought), proration=Proration.NONE, key="change:3")

        assert await told(fake, clock) == before


class TestPreview:
    @pytest.mark.parametrize("proration", list(Proration))
    @pytest.mark.parametrize(("price_id", "quantity"), [("price_pro_monthly", 5), ("price_team_yearly", 1)])
    async def test_it_is_what_the_change_comes_to_and_changes_nothing(
        self,
        fake: FakeProcessor,
        bought: Snapshot,
        clock: FixedClock,
        proration: Proration,
        price_id: str,
        quantity: int,
    ) -> None:
        await fake.advance(10 * DAY)
        change = to(bought, price_id, quantity)

        preview = await fake.preview(bought.processor_id, change, proration=proration)
        unchanged = await fake.fetch(bought.processor_id)
        await fake.change_item(bought.processor_id, change, proration=proration, key="change:1")
        if (await types(fake, clock))[-1] != "invoice.paid":
            await fake.advance(20 * DAY)

        assert unchanged == bought
        invoice = (await told(fake, clock))[-1][1]
        assert [line.amount for line in preview.lines] == [line["amount"] for line in invoice["lines"]["data"]]
        assert (preview.total, preview.amount_due) == (invoice["total"], invoice["amount_due"])
        assert preview.currency == "usd"


class TestPausing:
    async def test_collection_stops_until_it_is_unpaused_and_periods_go_on(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        paused = await fake.pause(bought.processor_id, behavior=VOID, resumes_at=None, key="pause:1")
        await fake.advance(31 * DAY)
        back = await fake.unpause(bought.processor_id, key="unpause:1")

        assert paused.state.pause_collection is not None
        assert paused.state.pause_collection.behavior is VOID
        assert back.state.pause_collection is None
        assert back.state.items[0].current_period_start == bought.state.items[0].current_period_end
        assert (await types(fake, clock)).count("invoice.paid") == 1

    async def test_it_comes_back_by_itself_at_its_instant(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        resumes_at = clock.now() + timedelta(days=3)

        await fake.pause(bought.processor_id, behavior=VOID, resumes_at=resumes_at, key="pause:1")
        await fake.advance(4 * DAY)

        found = await fake.fetch(bought.processor_id)
        assert found == bought

    async def test_what_is_not_paused_stays_as_it_is_and_the_past_is_refused(
        self, fake: FakeProcessor, bought: Snapshot, clock: FixedClock
    ) -> None:
        before = await told(fake, clock)

        assert await fake.unpause(bought.processor_id, key="unpause:1") == bought
        with pytest.raises(ProcessorRefused):
            await fake.pause(bought.processor_id, behavior=VOID, resumes_at=clock.now(), key="pause:1")

        assert await told(fake, clock) == before


class TestCheckout:
    @pytest.mark.parametrize("customer", [None, "cus_1"])
    async def test_whoever_pays_has_a_subscription_and_the_session_tells_which(
        self, fake: FakeProcessor, clock: FixedClock, customer: str | None
    ) -> None:
        opened = await fake.create_checkout(order(customer), key="checkout:1")
        done = await fake.complete_checkout(opened.processor_id)
        again = await fake.complete_checkout(opened.processor_id)

        assert (opened.status, opened.subscription_processor_id) == (CheckoutStatus.OPEN, None)
        assert opened.url is not None
        assert opened.expires_at == clock.now() + timedelta(days=1)
        assert done == again
        assert done.status is CheckoutStatus.COMPLETE
        [found] = [one async for one in fake.list_subscriptions(done.customer_processor_id)]
        assert found.processor_id == done.subscription_processor_id
        assert customer in {None, done.customer_processor_id}
        made = [] if customer else ["customer.created"]
        assert await types(fake, clock) == [
            *made,
            "customer.subscription.created",
            "invoice.paid",
            "checkout.session.completed",
        ]

    async def test_the_same_key_makes_one_session(self, fake: FakeProcessor) -> None:
        one, same, other = [await fake.create_checkout(order(), key=key) for key in ("c:1", "c:1", "c:2")]

        assert one == same
        assert other.processor_id != one.processor_id

    async def test_what_is_closed_or_too_old_cannot_be_paid(self, fake: FakeProcessor, clock: FixedClock) -> None:
        closed = await fake.create_checkout(order(), key="checkout:1")
        old = await fake.create_checkout(order(), key="checkout:2")
        expired = await fake.expire_checkout(closed.processor_id, key="expire:1")
        await fake.advance(DAY)

        for session in (closed, old):
            with pytest.raises(ProcessorRefused):
                await fake.complete_checkout(session.processor_id)

        assert expired.status is CheckoutStatus.EXPIRED
        assert expired.url is None
        assert await types(fake, clock) == ["checkout.session.expired"] * 2
        assert [one async for one in fake.list_subscriptions()] == []

    async def test_what_is_complete_is_handed_back_when_it_shall_expire(self, fake: FakeProcessor) -> None:
        opened = await fake.create_checkout(order(), key="checkout:1")
        done = await fake.complete_checkout(opened.processor_id)

        assert await fake.expire_checkout(opened.processor_id, key="expire:1") == done

    async def test_a_declined_card_buys_nothing(self, fake: FakeProcessor) -> None:
        await fake.set_card("cus_1", Card.DECLINED)
        opened = await fake.create_checkout(order("cus_1"), key="checkout:1")

        with pytest.raises(ProcessorRefused):
            await fake.complete_checkout(opened.processor_id)

        assert [one async for one in fake.list_subscriptions()] == []

    async def test_a_portal_has_an_address_of_its_own(self, fake: FakeProcessor) -> None:
        one, same, other = [
            await fake.create_portal("cus_1", return_url="https://a.example", key=key) for key in ("p:1", "p:1", "p:2")
        ]

        assert one == same != other


class TestLists:
    async def test_every_subscription_of_a_customer_or_of_all_is_listed_over_any_number_of_pages(
        self, fake: FakeProcessor
    ) -> None:
        mine = {(await fake.subscribe("cus_1", TEAM, key=f"buy:{number}")).snapshot.processor_id for number in range(3)}
        theirs = {
            (await fake.subscribe("cus_2", TEAM, key=f"other:{number}")).snapshot.processor_id for number in range(101)
        }
        await fake.cancel(min(theirs), at_period_end=False, at=None, key="end:1")

        assert {one.processor_id async for one in fake.list_subscriptions("cus_1")} == mine
        everything = [one.processor_id async for one in fake.list_subscriptions()]
        assert everything == sorted(mine | theirs)

    async def test_events_are_listed_from_an_instant_on_oldest_first_as_they_are_sent(
        self, fake: FakeProcessor, bought: Snapshot
    ) -> None:
        await fake.advance(60)
        since = await fake.now()
        body = await fake.replace_items(bought.processor_id, [Purchase(price_id="price_team_monthly", quantity=9)])
        await fake.cancel(bought.processor_id, at_period_end=False, at=None, key="end:1")

        listed = [one async for one in fake.list_events(since=since)]

        assert listed[0] == body
        assert [fake.stored(one).type for one in listed] == [
            "customer.subscription.updated",
            "customer.subscription.deleted",
        ]

    async def test_an_incomplete_purchase_has_a_payment_to_confirm(self, fake: FakeProcessor) -> None:
        await fake.set_card("cus_1", Card.DECLINED)

        bought = await fake.subscribe("cus_1", TEAM, key="buy:1")

        assert bought.snapshot.state.status is Status.INCOMPLETE
        assert bought.client_secret is not None
