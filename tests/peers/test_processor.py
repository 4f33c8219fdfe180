"""Seatgate's own Stripe adapter, end to end against the peer."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from domain.billing.processors import (
    CheckoutOrder,
    CheckoutStatus,
    Event,
    ItemChange,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
    Subscribed,
)
from domain.billing.processors.news import (
    InvoiceOutcome,
    InvoiceTold,
    ObjectNamed,
    SubscriptionTold,
    SubscriptionTouched,
)
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import PauseBehavior, Proration, Snapshot, Status
from domain.ids import CustomerId
from tests.peers.conftest import QUIET, Shop
from tests.peers.stripe import SECRET_KEY, Fault

pytestmark = pytest.mark.filterwarnings(QUIET)

HOOK = "http://127.0.0.1:9/"


@pytest.fixture
async def stripe(shop: Shop, url: str) -> AsyncIterator[StripeProcessor]:
    secret = shop.peer.listen(HOOK)
    processor = StripeProcessor(api_key=SECRET_KEY, webhook_secrets=[secret], clock=shop.clock, api_base=url)
    yield processor
    await processor.aclose()


async def bought(shop: Shop, stripe: StripeProcessor, quantity: int = 3) -> Snapshot:
    made = await ordered(shop, stripe, quantity)
    assert made.client_secret is not None
    shop.peer.confirm(made.client_secret)
    found = await stripe.fetch(made.snapshot.processor_id)
    assert found is not None
    return found


async def ordered(shop: Shop, stripe: StripeProcessor, quantity: int = 3) -> Subscribed:
    customer = await stripe.create_customer(CustomerId("cst_1"), key="customer:cst_1")
    return await stripe.subscribe(customer, [Purchase(price_id=shop.team, quantity=quantity)], key="buy:1")


async def test_a_purchase_is_confirmed_by_the_browser_renews_and_ends(shop: Shop, stripe: StripeProcessor) -> None:
    made = await ordered(shop, stripe)
    live = await bought(shop, stripe)
    shop.passes(days=31)
    renewed = await stripe.fetch(live.processor_id)
    ended = await stripe.cancel(live.processor_id, at_period_end=False, at=None, key="end:1")
    again = await stripe.cancel(live.processor_id, at_period_end=False, at=None, key="end:2")

    assert renewed is not None
    assert (made.snapshot.state.status, live.state.status) == (Status.INCOMPLETE, Status.ACTIVE)
    assert [item.quantity for item in live.state.items] == [3]
    assert renewed.state.items[0].current_period_start == live.state.items[0].current_period_end
    assert ended == again
    assert ended.state.ended_at == shop.clock.now()
    assert [customer["metadata"] for customer in shop.peer.all("customer")] == [{"customer_id": "cst_1"}]


async def test_an_end_is_asked_for_and_taken_back(shop: Shop, stripe: StripeProcessor) -> None:
    live = await bought(shop, stripe)
    at = shop.clock.now() + timedelta(days=10)

    with_period = await stripe.cancel(live.processor_id, at_period_end=True, at=None, key="end:1")
    back = await stripe.resume(live.processor_id, key="back:1")
    dated = await stripe.cancel(live.processor_id, at_period_end=False, at=at, key="end:2")
    back_again = await stripe.resume(live.processor_id, key="back:2")

    assert (with_period.state.cancel_at_period_end, dated.state.cancel_at) == (True, at)
    assert back == back_again == live


async def test_a_change_costs_what_its_preview_said(shop: Shop, stripe: StripeProcessor) -> None:
    live = await bought(shop, stripe)
    shop.passes(days=15)
    change = ItemChange(item_id=live.state.items[0].processor_id, price_id=shop.big, quantity=5)

    told = await stripe.preview(live.processor_id, change, proration=Proration.ALWAYS_INVOICE)
    changed = await stripe.change_item(live.processor_id, change, proration=Proration.ALWAYS_INVOICE, key="more:1")

    paid = await shop.latest_invoice(live.processor_id)
    assert (told.total, told.amount_due, [line.proration for line in told.lines]) == (6000, 6000, [True, True])
    assert (paid.total, paid.status) == (6000, "paid")
    assert [(item.price_id, item.quantity) for item in changed.state.items] == [(shop.big, 5)]


async def test_a_change_that_is_not_paid_takes_no_effect(shop: Shop, stripe: StripeProcessor) -> None:
    live = await bought(shop, stripe)
    bad = await shop.pays_with(live.customer_processor_id, "pm_card_chargeCustomerFail")
    await shop.v1.subscriptions.update_async(live.processor_id, {"default_payment_method": bad})
    change = ItemChange(item_id=live.state.items[0].processor_id, price_id=shop.team, quantity=50)

    changed = await stripe.change_item(live.processor_id, change, proration=Proration.ALWAYS_INVOICE, key="more:1")

    assert changed == live


async def test_both_kinds_of_pause_are_taken_back(shop: Shop, stripe: StripeProcessor) -> None:
    live = await bought(shop, stripe)
    until = shop.clock.now() + timedelta(days=60)

    held = await stripe.pause(live.processor_id, behavior=PauseBehavior.VOID, resumes_at=until, key="pause:1")
    await shop.v1.subscriptions.pause_async(live.processor_id)
    paused = await stripe.fetch(live.processor_id)
    back = await stripe.unpause(live.processor_id, key="unpause:1")

    assert paused is not None
    assert held.state.pause_collection is not None
    assert (held.state.status, held.state.pause_collection.resumes_at) == (Status.ACTIVE, until)
    assert paused.state.status == Status.PAUSED
    assert (back.state.status, back.state.pause_collection) == (Status.ACTIVE, None)


async def test_a_checkout_is_paid_or_closed_and_the_portal_has_an_address(shop: Shop, stripe: StripeProcessor) -> None:
    order = CheckoutOrder(
        customer_id=CustomerId("cst_1"),
        customer_processor_id=None,
        items=[Purchase(price_id=shop.team, quantity=2)],
        success_url="https://host.example.com/thanks",
        cancel_url="https://host.example.com/",
    )

    made, left = await stripe.create_checkout(order, key="page:1"), await stripe.create_checkout(order, key="page:2")
    paid = shop.peer.complete_checkout(made.processor_id)
    closed = await stripe.expire_checkout(left.processor_id, key="close:2")
    not_closed = await stripe.expire_checkout(made.processor_id, key="close:1")

    assert made.url is not None
    assert made.status == CheckoutStatus.OPEN
    assert (closed.status, not_closed.status) == (CheckoutStatus.EXPIRED, CheckoutStatus.COMPLETE)
    assert not_closed.subscription_processor_id == paid["subscription"]
    portal = await stripe.create_portal(paid["customer"], return_url="https://host.example.com/", key="portal:1")
    assert httpx.URL(portal).path.startswith("/portal/")


async def test_it_lists_subscriptions_and_events_and_reads_every_one(shop: Shop, stripe: StripeProcessor) -> None:
    since = shop.clock.now()
    live = await bought(shop, stripe)
    shop.passes(days=3)
    await stripe.cancel(live.processor_id, at_period_end=False, at=None, key="end:1")

    held = [each async for each in stripe.list_subscriptions()]
    events = [stripe.stored(body) async for body in stripe.list_events(since=since)]

    assert held == [await stripe.fetch(live.processor_id)]
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    news = [stripe.news(event) for event in events]
    assert None not in news
    told = [each.snapshot.state.status for each in news if isinstance(each, SubscriptionTold)]
    assert (told[0], told[1], told[-1]) == (Status.INCOMPLETE, Status.ACTIVE, Status.CANCELED)
    paid = [each.outcome for each in news if isinstance(each, InvoiceTold)]
    assert set(paid) == {InvoiceOutcome.PAID}


@pytest.mark.parametrize("thin", [False, True])
async def test_it_verifies_and_reads_every_webhook(shop: Shop, stripe: StripeProcessor, url: str, thin: bool) -> None:
    secret = shop.peer.listen(HOOK, thin=True) if thin else ""
    listening = StripeProcessor(api_key=SECRET_KEY, webhook_secrets=[secret], clock=shop.clock, api_base=url)
    hearing, got = listening if thin else stripe, []

    def answer(request: httpx.Request) -> httpx.Response:
        got.append((request.content, request.headers["stripe-signature"]))
        return httpx.Response(200)

    made = await ordered(shop, stripe)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await shop.peer.deliveries.deliver(client)
    read = [
        hearing.news(hearing.event(body, signature, now=shop.clock.now()))
        for body, signature in got
        if (b'"v2.core.event"' in body) is thin
    ]
    await listening.aclose()

    touched = [each for each in read if isinstance(each, SubscriptionTouched)]
    told = [each for each in read if isinstance(each, SubscriptionTold)]
    if thin:
        assert {each.processor_id for each in touched} == {made.snapshot.processor_id}
    else:
        assert [each.snapshot for each in told] == [made.snapshot]


async def test_what_thin_events_only_name_is_fetched(shop: Shop, stripe: StripeProcessor, url: str) -> None:
    listening = StripeProcessor(
        api_key=SECRET_KEY, webhook_secrets=[shop.peer.listen(HOOK, thin=True)], clock=shop.clock, api_base=url
    )
    told: list[Event] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(listening.stored(request.content))
        return httpx.Response(200)

    made = await ordered(shop, stripe)
    assert made.client_secret is not None
    shop.peer.confirm(made.client_secret)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await shop.peer.deliveries.deliver(client)

    [named] = [event for event in told if isinstance(listening.news(event), ObjectNamed)]
    whole = await listening.whole(named)
    unknown = replace(named, payload=named.payload | {"related_object": {"id": "in_none", "type": "invoice"}})
    for nothing in (unknown, next(event for event in told if event is not named)):
        with pytest.raises(ProcessorRefused):
            await listening.whole(nothing)
    await listening.aclose()

    paid = listening.news(whole)
    assert isinstance(paid, InvoiceTold)
    assert (paid.outcome, paid.subscription_processor_id) == (InvoiceOutcome.PAID, made.snapshot.processor_id)
    assert (whole.event_id, whole.occurred_at) == (named.event_id, named.occurred_at)


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.LOST_ANSWER, Fault.ERROR_BEFORE])
async def test_whatever_happens_to_the_answer_one_purchase_is_made(
    shop: Shop, stripe: StripeProcessor, fault: Fault
) -> None:
    shop.peer.faults.next("subscriptions.create", fault)

    made = await ordered(shop, stripe)

    assert [subscription["id"] for subscription in shop.peer.all("subscription")] == [made.snapshot.processor_id]
    assert len(shop.peer.called("subscriptions.create")) == 2


async def test_a_no_and_an_error_that_stays_are_told_apart(shop: Shop, stripe: StripeProcessor) -> None:
    customer = await stripe.create_customer(CustomerId("cst_1"), key="customer:cst_1")
    shop.peer.faults.next("subscriptions.create", Fault.ERROR_KEPT)
    wanted = [Purchase(price_id=shop.team, quantity=1)]

    with pytest.raises(ProcessorUnavailable):
        await stripe.subscribe(customer, wanted, key="buy:1")
    with pytest.raises(ProcessorRefused):
        await stripe.subscribe(customer, [Purchase(price_id="price_none", quantity=1)], key="buy:2")

    assert len(shop.peer.all("subscription")) == 1
    assert await stripe.fetch("sub_none") is None
