"""What happens on the peer by itself: renewals, dunning to its end, and test clocks."""

from datetime import timedelta

import pytest
import stripe

from tests.peers.conftest import QUIET, Shop, client_of, item, price
from tests.peers.stripe import Dunning, Peer, serving
from tests.support.clock import FixedClock

pytestmark = pytest.mark.filterwarnings(QUIET)


async def test_a_period_ends_and_the_next_is_billed_an_hour_later(shop: Shop) -> None:
    made = await shop.subscribe(await shop.customer())
    end = item(made).current_period_end

    shop.passes(days=30)
    draft, renewed = await shop.latest_invoice(made.id), await shop.read(made.id)
    shop.passes(hours=1)

    paid = await shop.latest_invoice(made.id)
    assert (draft.status, draft.automatically_finalizes_at, draft.created) == ("draft", end + 3600, end)
    assert (item(renewed).current_period_start, renewed.status) == (end, "active")
    assert (paid.id, paid.status, paid.status_transitions.paid_at) == (draft.id, "paid", end + 3600)
    assert [event["created"] for event in shop.peer.events if event["type"] == "invoice.paid"][1:] == [end + 3600]


async def test_a_month_that_is_too_short_ends_on_its_last_day_and_the_next_is_counted_from_the_anchor(
    shop: Shop,
) -> None:
    shop.clock.forward(days=71)  # to the 31st of January
    made = await shop.subscribe(await shop.customer())

    ends = []
    for _ in range(3):
        ends.append(item(await shop.read(made.id)).current_period_end - made.created)
        shop.passes(days=31)

    assert [end // 86_400 for end in ends] == [28, 59, 89]


@pytest.mark.parametrize(
    ("end", "then"), [("cancel", "canceled"), ("mark_unpaid", "unpaid"), ("leave_past_due", "past_due")]
)
async def test_a_failed_renewal_is_tried_again_on_schedule_until_the_agreed_end(end: str, then: str) -> None:
    clock = FixedClock()
    peer = Peer(clock, dunning=Dunning(retry_days=(3, 5), end=end))  # type: ignore[arg-type]
    async with serving(peer) as url, client_of(url) as client:
        shop = await small(peer, clock, client)
        customer = await shop.customer()
        made = await shop.subscribe(customer)
        await shop.pays_with(customer, "pm_card_chargeCustomerFail")

        seen = []
        for days in (30, 3, 5):
            shop.passes(days=days, hours=2)
            invoice = await shop.latest_invoice(made.id)
            seen.append(
                (invoice.attempt_count, invoice.next_payment_attempt is None, (await shop.read(made.id)).status)
            )

    assert seen == [(1, False, "past_due"), (2, False, "past_due"), (3, True, then)]


async def small(peer: Peer, clock: FixedClock, client: stripe.StripeClient) -> Shop:
    await client.v1.products.create_async({"id": "prod_team", "name": "Team"})
    team = await price(client, "prod_team", 1000, "month")
    return Shop(peer=peer, clock=clock, client=client, browser=client, team=team, big=team, yearly=team)


@pytest.mark.parametrize("by_hand", [True, False])
async def test_a_good_card_in_time_makes_it_active_again(shop: Shop, by_hand: bool) -> None:
    customer = await shop.customer()
    made = await shop.subscribe(customer)
    await shop.pays_with(customer, "pm_card_chargeCustomerFail")
    shop.passes(days=30, hours=2)
    late = await shop.read(made.id)
    await shop.pays_with(customer, "pm_card_visa")

    if by_hand:
        await shop.v1.invoices.pay_async((await shop.latest_invoice(made.id)).id)
    else:
        shop.passes(days=3)

    assert (late.status, (await shop.read(made.id)).status) == ("past_due", "active")
    assert (await shop.latest_invoice(made.id)).status == "paid"


async def test_paying_by_hand_with_a_bad_card_is_refused_and_stays_owed(shop: Shop) -> None:
    customer = await shop.customer()
    made = await shop.subscribe(customer)
    await shop.pays_with(customer, "pm_card_chargeCustomerFail")
    shop.passes(days=30, hours=2)
    owed = await shop.latest_invoice(made.id)

    with pytest.raises(stripe.CardError):
        await shop.v1.invoices.pay_async(owed.id)

    still = await shop.latest_invoice(made.id)
    assert (still.status, still.next_payment_attempt) == ("open", owed.next_payment_attempt)


async def test_a_test_clock_runs_a_year_in_order_and_touches_nobody_else(shop: Shop) -> None:
    clocks, now = shop.v1.test_helpers.test_clocks, int(shop.clock.now().timestamp())
    clock = await clocks.create_async({"frozen_time": now})
    on_it = await shop.subscribe(await shop.customer(test_clock=clock.id))
    other = await shop.subscribe(await shop.customer())

    for month in range(1, 13):
        moved = await clocks.advance_async(clock.id, {"frozen_time": now + month * 31 * 86_400})
        assert moved.status == "ready"

    invoices = (await shop.v1.invoices.list_async({"subscription": on_it.id, "limit": 100})).data
    assert [invoice.status for invoice in invoices] == ["paid"] * 13
    assert [invoice.created for invoice in invoices] == sorted((each.created for each in invoices), reverse=True)
    assert item(await shop.read(on_it.id)).current_period_start > now + 364 * 86_400
    assert await shop.read(other.id) == other
    assert {event["created"] for event in shop.peer.events} == {now}


async def test_a_test_clock_goes_neither_back_nor_further_than_two_periods(shop: Shop) -> None:
    clocks, now = shop.v1.test_helpers.test_clocks, shop.clock.now()
    clock = await clocks.create_async({"frozen_time": int(now.timestamp())})
    await shop.subscribe(await shop.customer(test_clock=clock.id))

    for to in (now, now + timedelta(days=62)):
        with pytest.raises(stripe.InvalidRequestError):
            await clocks.advance_async(clock.id, {"frozen_time": int(to.timestamp())})

    assert (await clocks.retrieve_async(clock.id)).frozen_time == int(now.timestamp())


async def test_deleting_a_test_clock_deletes_what_lives_by_it(shop: Shop) -> None:
    clocks = shop.v1.test_helpers.test_clocks
    clock = await clocks.create_async({"frozen_time": int(shop.clock.now().timestamp())})
    gone = await shop.subscribe(await shop.customer(test_clock=clock.id))
    other = await shop.subscribe(await shop.customer())

    await clocks.delete_async(clock.id)

    assert [subscription["id"] for subscription in shop.peer.all("subscription")] == [other.id]
    with pytest.raises(stripe.InvalidRequestError):
        await shop.read(gone.id)


async def test_the_same_story_makes_the_same_events() -> None:
    assert await story() == await story()


async def story() -> list[dict[str, object]]:
    clock = FixedClock()
    peer = Peer(clock)
    async with serving(peer) as url, client_of(url) as client:
        shop = await small(peer, clock, client)
        customer = await shop.customer()
        await shop.subscribe(customer)
        shop.passes(days=31)
        await shop.v1.customers.delete_async(customer)
        for event in peer.events:
            # A request without a key of its own is sent with one that the client makes up.
            event["request"].pop("idempotency_key")
        told = str(peer.events).replace(url, "")
    return [{"events": told}]
