"""What every processor promises of its commands, asked of each, against what stands in for it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from domain.billing import lifecycle
from domain.billing.processors import (
    Capability,
    CheckoutStatus,
    Label,
    Processor,
    ProcessorRefused,
)
from domain.billing.processors.news import SubscriptionTold
from domain.billing.states import PauseBehavior, Proration, Snapshot
from domain.ids import CustomerId
from tests.domain.billing.processors.benches import Bench, able_to, change, held_by, order

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=10)


def commands(bench: Bench, held: Snapshot) -> dict[Capability, Callable[[], Awaitable[object]]]:
    """Every command that a processor may be unable to do, as one would send it."""
    processor, id = bench.processor, held.processor_id
    at_once, void = Proration.ALWAYS_INVOICE, PauseBehavior.VOID
    swap, quantity = change(held, bench.other), change(held, bench.team, 3)

    async def events() -> list[bytes]:
        return [body async for body in processor.list_events(since=NOW)]

    return {
        Capability.SWAP_PLAN: lambda: processor.change_item(id, swap, proration=at_once, key="k"),
        Capability.UPDATE_QUANTITY: lambda: processor.change_item(id, quantity, proration=at_once, key="k"),
        Capability.CANCEL_AT: lambda: processor.cancel(id, at_period_end=False, at=LATER, key="k"),
        Capability.RESUME: lambda: processor.resume(id, key="k"),
        Capability.PAUSE: lambda: processor.pause(id, behavior=void, resumes_at=None, key="k"),
        Capability.UNPAUSE: lambda: processor.unpause(id, key="k"),
        Capability.PREVIEW: lambda: processor.preview(id, swap, proration=at_once),
        Capability.CHECKOUT: lambda: processor.create_checkout(order(held.customer_processor_id, bench.team), key="k"),
        Capability.PORTAL: lambda: processor.create_portal(
            held.customer_processor_id, return_url="https://app.example.com", key="k"
        ),
        Capability.LIST_EVENTS: events,
    }


class TestCommands:
    async def test_what_it_cannot_do_is_refused_before_any_call(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")
        before, unable = await bench.trace(), commands(bench, held)

        for capability in set(unable):
            if bench.processor.capabilities[capability] is Label.UNSUPPORTED:
                with pytest.raises(ProcessorRefused) as refused:
                    await unable[capability]()
                assert refused.value.code == "unsupported"

        assert await bench.trace() == before

    async def test_a_customer_is_made_once_for_a_key(self, bench: Bench) -> None:
        first, again, other = [await bench.customer(number) for number in (1, 1, 2)]

        assert first == again != other

    async def test_a_purchase_happens_once_for_a_key(self, bench: Bench) -> None:
        customer = await bench.customer()

        first, again, other = [await bench.buy(customer, key) for key in ("buy:1", "buy:1", "buy:2")]

        assert lifecycle.entitling(first.state)
        assert (again.processor_id, again.customer_processor_id) == (first.processor_id, customer)
        assert {each.processor_id for each in await held_by(bench)} == {first.processor_id, other.processor_id}

    async def test_what_was_made_is_found_without_making_it(self, bench: Bench) -> None:
        processor, since = bench.processor, NOW - timedelta(days=1)
        nobody = await processor.find_customer(CustomerId("cst_1"), since=since)
        ann, bob = [await bench.customer(number) for number in (1, 2)]
        held = await bench.buy(ann, "buy:1")
        ended = await processor.cancel(held.processor_id, at_period_end=False, at=None, key="end:1")

        assert nobody is None
        assert await processor.find_customer(CustomerId("cst_1"), since=since) == ann
        assert await processor.find_customer(CustomerId("cst_3"), since=since) is None
        assert await processor.find_purchase(ann, key="buy:1") == ended
        assert await processor.find_purchase(ann, key="buy:2") is None
        assert await processor.find_purchase(bob, key="buy:1") is None
        assert await held_by(bench) == [ended]

    async def test_what_was_bought_is_fetched_as_it_was_answered(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        assert await bench.processor.fetch(held.processor_id) == held
        assert [(item.price_id, item.quantity) for item in held.state.items] == [(bench.team, 1)]

    async def test_an_unknown_subscription_is_none(self, processor: Processor) -> None:
        assert await processor.fetch("sub_of_nobody") is None

    async def test_a_list_has_a_customers_own_or_all_and_what_has_ended(self, bench: Bench) -> None:
        ann, bob = [await bench.customer(number) for number in (1, 2)]
        first, second = await bench.buy(ann, "buy:1"), await bench.buy(bob, "buy:2")
        ended = await bench.processor.cancel(first.processor_id, at_period_end=False, at=None, key="end:1")

        assert await held_by(bench, ann) == [ended]
        assert await held_by(bench, bob) == [second]
        assert {each.processor_id for each in await held_by(bench)} == {first.processor_id, second.processor_id}

    async def test_an_end_now_is_an_end_and_again_hands_it_back(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        ends = [
            await bench.processor.cancel(held.processor_id, at_period_end=False, at=None, key=key)
            for key in ("end:1", "end:1", "end:2")
        ]

        assert [lifecycle.ended(end.state) for end in ends] == [True, True, True]
        assert await bench.processor.fetch(held.processor_id) == ends[0] == ends[2]

    async def test_an_end_with_the_period_grants_until_then_and_twice_is_once(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        ends = [
            await bench.processor.cancel(held.processor_id, at_period_end=True, at=None, key=key)
            for key in ("end:1", "end:2")
        ]

        assert [(end.state.cancel_at_period_end, lifecycle.entitling(end.state)) for end in ends] == [(True, True)] * 2

    @able_to(Capability.RESUME)
    async def test_an_end_that_is_to_come_is_taken_back(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")
        await bench.processor.cancel(held.processor_id, at_period_end=True, at=None, key="end:1")

        back = await bench.processor.resume(held.processor_id, key="back:1")

        assert not lifecycle.ending(back.state)
        assert await bench.processor.fetch(held.processor_id) == back

    @able_to(Capability.CANCEL_AT, Capability.RESUME)
    async def test_an_end_at_an_instant_is_set_and_taken_back(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        ending = await bench.processor.cancel(held.processor_id, at_period_end=False, at=LATER, key="end:1")
        back = await bench.processor.resume(held.processor_id, key="back:1")

        assert (ending.state.cancel_at, back.state.cancel_at) == (LATER, None)

    @able_to(Capability.SWAP_PLAN)
    @pytest.mark.parametrize("proration", [Proration.NONE, Proration.ALWAYS_INVOICE])
    async def test_another_plan_takes_the_place_of_the_old_one(self, bench: Bench, proration: Proration) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        for key in ("swap:1", "swap:1"):
            changed = await bench.processor.change_item(
                held.processor_id, change(held, bench.other), proration=proration, key=key
            )

        assert [(item.price_id, item.quantity) for item in changed.state.items] == [(bench.other, 1)]
        assert await bench.processor.fetch(held.processor_id) == changed

    @able_to(Capability.UPDATE_QUANTITY)
    async def test_a_quantity_is_what_it_is_told_to_be(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        for quantity in (5, 3):
            changed = await bench.processor.change_item(
                held.processor_id,
                change(held, bench.team, quantity),
                proration=Proration.CREATE_PRORATIONS,
                key=f"quantity:{quantity}",
            )

        assert [(item.price_id, item.quantity) for item in changed.state.items] == [(bench.team, 3)]

    @able_to(Capability.PAUSE, Capability.UNPAUSE)
    async def test_what_is_paused_grants_nothing_until_it_is_unpaused(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        paused = await bench.processor.pause(
            held.processor_id, behavior=PauseBehavior.VOID, resumes_at=None, key="pause:1"
        )
        back = await bench.processor.unpause(held.processor_id, key="unpause:1")

        assert lifecycle.paused(paused.state)
        assert lifecycle.entitling(back.state)

    @able_to(Capability.PREVIEW)
    async def test_a_preview_adds_up_and_changes_nothing(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        seen = await bench.processor.preview(
            held.processor_id, change(held, bench.other), proration=Proration.CREATE_PRORATIONS
        )

        assert (seen.currency, sum(line.amount for line in seen.lines)) == ("usd", seen.total)
        assert any(line.proration for line in seen.lines)
        assert await bench.processor.fetch(held.processor_id) == held

    @able_to(Capability.CHECKOUT)
    async def test_a_page_is_made_once_for_a_key_and_closed(self, bench: Bench) -> None:
        wanted = order(await bench.customer(), bench.team)

        made, again = [await bench.processor.create_checkout(wanted, key="page:1") for _ in range(2)]
        closed, twice = [await bench.processor.expire_checkout(made.processor_id, key=key) for key in ("1", "2")]

        assert made == again
        assert (made.status, made.url is not None) == (CheckoutStatus.OPEN, True)
        assert closed.status == twice.status == CheckoutStatus.EXPIRED

    @able_to(Capability.PORTAL)
    async def test_the_portal_is_an_address(self, bench: Bench) -> None:
        address = await bench.processor.create_portal(
            await bench.customer(), return_url="https://app.example.com", key="portal:1"
        )

        assert address.startswith("http")

    @able_to(Capability.LIST_EVENTS)
    async def test_the_events_tell_of_a_purchase_and_are_read_as_webhooks_are(self, bench: Bench) -> None:
        held = await bench.buy(await bench.customer(), "buy:1")

        bodies = [body async for body in bench.processor.list_events(since=NOW)]

        told = [bench.processor.news(bench.processor.stored(body)) for body in bodies]
        assert held in [each.snapshot for each in told if isinstance(each, SubscriptionTold)]
        assert [body async for body in bench.processor.list_events(since=LATER)] == []
