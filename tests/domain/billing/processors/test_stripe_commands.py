"""What is asked of Stripe beyond buying and ending, as its library sends it, and how the answers are read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.billing.processors import (
    CheckoutOrder,
    CheckoutStatus,
    ItemChange,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
)
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import PauseBehavior, Proration, Status
from domain.ids import CustomerId
from tests.domain.billing.processors import stripe_json
from tests.domain.billing.processors.stripe_json import items, subscription
from tests.support.stripe_stub import Stub

# Stripe's library hands its forms to httpx in a way that httpx is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

CHANGE = ItemChange(item_id="si_1", price_id="price_pro_monthly", quantity=3)
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
NO = {"error": {"type": "invalid_request_error", "message": "Only open sessions can be expired."}}


def listed(*data: object, has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "url": "/v1/things", "has_more": has_more, "data": list(data)}


def session(**changes: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "livemode": False,
        "mode": "subscription",
        "status": "open",
        "url": "https://checkout.example/cs_1",
        "expires_at": 1_798_761_600,
        "customer": None,
        "subscription": None,
    } | changes


@pytest.mark.parametrize(
    ("proration", "behavior"),
    [(Proration.CREATE_PRORATIONS, {}), (Proration.ALWAYS_INVOICE, {"payment_behavior": "pending_if_incomplete"})],
)
async def test_one_item_is_changed_and_what_is_invoiced_at_once_waits_for_its_payment(
    stub: Stub, stripe: StripeProcessor, proration: Proration, behavior: dict[str, str]
) -> None:
    stub.will_say((200, subscription()))

    await stripe.change_item("sub_1", CHANGE, proration=proration, key="swap:1")

    [heard] = stub.heard
    assert (heard.path, heard.headers["idempotency-key"]) == ("/v1/subscriptions/sub_1", "swap:1")
    assert (
        heard.form
        == {
            "items[0][id]": "si_1",
            "items[0][price]": "price_pro_monthly",
            "items[0][quantity]": "3",
            "proration_behavior": proration.value,
        }
        | behavior
    )


@pytest.mark.parametrize(
    ("resumes_at", "until"), [(None, {}), (NEW_YEAR, {"pause_collection[resumes_at]": "1798761600"})]
)
async def test_collection_is_paused_for_good_or_until_an_instant(
    stub: Stub, stripe: StripeProcessor, resumes_at: datetime | None, until: dict[str, str]
) -> None:
    stub.will_say((200, subscription(pause_collection={"behavior": "void", "resumes_at": None})))

    paused = await stripe.pause("sub_1", behavior=PauseBehavior.VOID, resumes_at=resumes_at, key="pause:1")

    assert stub.heard[0].form == {"pause_collection[behavior]": "void"} | until
    assert paused.state.pause_collection is not None


async def test_stopped_collection_goes_on(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, subscription()))

    assert (await stripe.unpause("sub_1", key="on:1")).state.pause_collection is None
    assert [heard.form for heard in stub.heard] == [{"pause_collection": ""}]


async def test_a_subscription_that_is_paused_as_a_whole_goes_on_too(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, subscription(status="paused")), (200, subscription()))

    assert (await stripe.unpause("sub_1", key="on:1")).state.status == Status.ACTIVE
    assert [heard.path for heard in stub.heard] == ["/v1/subscriptions/sub_1", "/v1/subscriptions/sub_1/resume"]
    assert [heard.headers["idempotency-key"] for heard in stub.heard] == ["on:1", "on:1-status"]


async def test_a_preview_shows_every_line_and_changes_nothing(stub: Stub, stripe: StripeProcessor) -> None:
    proration = {
        "id": "il_1",
        "object": "line_item",
        "amount": -500,
        "description": "Unused time",
        "quantity": 1,
        "period": {"start": 1_795_000_000, "end": 1_797_592_000},
        "parent": {"type": "subscription_item_details", "subscription_item_details": {"proration": True}},
        "pricing": {"type": "price_details", "price_details": {"price": "price_team_monthly"}},
    }
    bare = {"id": "il_2", "object": "line_item", "amount": 2000, "description": None}
    invoice = {"id": "upcoming_in_1", "object": "invoice", "currency": "usd", "total": 1500, "amount_due": 1400}
    stub.will_say((200, invoice | {"lines": listed(proration, has_more=True)}), (200, listed(bare)))

    preview = await stripe.preview("sub_1", CHANGE, proration=Proration.NONE)

    assert (preview.currency, preview.total, preview.amount_due) == ("usd", 1500, 1400)
    assert [(line.amount, line.proration, line.price_id) for line in preview.lines] == [
        (-500, True, "price_team_monthly"),
        (2000, False, None),
    ]
    assert stub.heard[0].path == "/v1/invoices/create_preview"
    assert stub.heard[0].form["subscription_details[items][0][id]"] == "si_1"
    assert stub.heard[0].form["subscription_details[proration_behavior]"] == "none"


@pytest.mark.parametrize("customer", [None, "cus_1"])
async def test_a_checkout_session_is_made_for_a_customer_there_or_for_one_to_come(
    stub: Stub, stripe: StripeProcessor, customer: str | None
) -> None:
    stub.will_say((200, session()))
    order = CheckoutOrder(
        customer_id=CustomerId("cst_1"),
        customer_processor_id=customer,
        items=[Purchase(price_id="price_pro_monthly", quantity=1)],
        success_url="https://app.example/thanks",
        cancel_url="https://app.example/pricing",
    )

    made = await stripe.create_checkout(order, key="checkout:1")

    [heard] = stub.heard
    assert (made.processor_id, made.status, made.url) == ("cs_1", CheckoutStatus.OPEN, "https://checkout.example/cs_1")
    assert made.expires_at == NEW_YEAR
    assert (heard.path, heard.form.get("customer")) == ("/v1/checkout/sessions", customer)
    assert heard.form["line_items[0][price]"] == "price_pro_monthly"


async def test_an_open_checkout_session_is_closed(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, session(status="expired", url=None)))

    assert (await stripe.expire_checkout("cs_1", key="close:1")).status == CheckoutStatus.EXPIRED
    assert stub.heard[0].path == "/v1/checkout/sessions/cs_1/expire"


async def test_a_checkout_session_that_was_paid_is_handed_back(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((400, NO), (200, session(status="complete", customer="cus_9", subscription="sub_9")))

    paid = await stripe.expire_checkout("cs_1", key="close:1")

    assert (paid.status, paid.customer_processor_id, paid.subscription_processor_id) == (
        CheckoutStatus.COMPLETE,
        "cus_9",
        "sub_9",
    )


async def test_an_unknown_checkout_session_is_refused(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((404, NO), (404, NO))

    with pytest.raises(ProcessorRefused):
        await stripe.expire_checkout("cs_1", key="close:1")


async def test_a_portal_session_is_an_address(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, {"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.example/1"}))

    url = await stripe.create_portal("cus_1", return_url="https://app.example/", key="portal:1")

    assert url == "https://billing.example/1"
    assert stub.heard[0].form == {"customer": "cus_1", "return_url": "https://app.example/"}


async def test_subscriptions_are_listed_to_the_last_page_ended_ones_included(
    stub: Stub, stripe: StripeProcessor
) -> None:
    cut_off = subscription(id="sub_2", items=items(stripe_json.item(), has_more=True))
    stub.will_say(
        (200, listed(subscription(status="canceled"), has_more=True)),
        (200, listed(cut_off)),
        (200, items(stripe_json.item(), stripe_json.item(id="si_2"))),
    )

    found = [snapshot async for snapshot in stripe.list_subscriptions("cus_1")]

    assert [(one.processor_id, len(one.state.items)) for one in found] == [("sub_1", 1), ("sub_2", 2)]
    assert stub.heard[0].query == {"customer": "cus_1", "status": "all", "limit": "100"}
    assert stub.heard[1].query["starting_after"] == "sub_1"


async def test_all_subscriptions_are_listed_without_a_customer(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, listed()))

    assert [snapshot async for snapshot in stripe.list_subscriptions()] == []
    assert "customer" not in stub.heard[0].query


async def test_events_come_oldest_first_and_as_the_inbox_reads_them(stub: Stub, stripe: StripeProcessor) -> None:
    older = stripe_json.event(id="evt_1")
    newer = stripe_json.event(id="evt_2", created=stripe_json.CREATED + 1)
    stub.will_say((200, listed(newer, older)), (200, listed()))

    bodies = [body async for body in stripe.list_events(since=datetime.fromtimestamp(stripe_json.CREATED, UTC))]

    assert [json.loads(body) for body in bodies] == [older, newer]
    assert [stripe.stored(body).event_id for body in bodies] == ["evt_1", "evt_2"]
    asked = [value for heard in stub.heard for name, value in heard.query.items() if name.startswith("types")]
    assert "customer.subscription.updated" in asked
    assert "invoice.paid" in asked
    assert stub.heard[0].query["created[gte]"] == str(stripe_json.CREATED)


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("999999999999", 3600), ("soon", None), ("-1", None), (None, None)]
)
async def test_how_long_to_leave_it_alone_is_handed_on(
    stub: Stub, stripe: StripeProcessor, header: str | None, seconds: int | None
) -> None:
    stub.headers = {} if header is None else {"retry-after": header}
    stub.will_say((429, {"error": {"message": "slower"}}))

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await stripe.fetch("sub_1")

    assert unavailable.value.retry_after == seconds
