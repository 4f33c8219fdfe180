"""Every object that the peer emits, against the official library's own classes."""

from datetime import timedelta

import pytest
import stripe

from tests.peers import annotations
from tests.peers.conftest import QUIET, Shop, item
from tests.peers.stripe import Document
from tests.peers.stripe.events import thin

pytestmark = pytest.mark.filterwarnings(QUIET)

KINDS = {
    "billing_portal.session",
    "checkout.session",
    "customer",
    "entitlements.active_entitlement",
    "entitlements.active_entitlement_summary",
    "entitlements.feature",
    "event",
    "invoice",
    "invoice_payment",
    "invoiceitem",
    "item",
    "line_item",
    "payment_intent",
    "payment_method",
    "price",
    "product",
    "product_feature",
    "subscription",
    "subscription_item",
    "test_helpers.test_clock",
    "v2.core.event",
    "webhook_endpoint",
}


async def live(shop: Shop) -> None:
    """Make the peer emit an object of every kind, in most of its states."""
    v1 = shop.v1
    for key in ("reports", "sso"):
        feature = await v1.entitlements.features.create_async({"lookup_key": key, "name": key})
        await v1.products.features.create_async("prod_team", {"entitlement_feature": feature.id})
    await v1.products.features.list_async("prod_team")
    await v1.webhook_endpoints.create_async({"url": "http://127.0.0.1:1/", "enabled_events": ["*"]})
    await v1.webhook_endpoints.update_async("we_000001", {"disabled": True})
    ann = await shop.customer()
    bought = await shop.subscribe(ann, quantity=3)
    await v1.entitlements.active_entitlements.list_async({"customer": ann})
    await change(shop, bought.id)
    await be_declined(shop, ann, bought.id)
    await sell_on_pages(shop)
    await live_by_a_test_clock(shop)
    await v1.customers.delete_async(ann)
    await v1.customers.retrieve_async(ann)
    [*_, last] = (await v1.events.list_async({"limit": 100})).data
    await v1.events.retrieve_async(last.id)


async def change(shop: Shop, id: str) -> None:
    subscriptions, only = shop.v1.subscriptions, item(await shop.read(id))
    shop.passes(days=10)
    await shop.v1.invoices.create_preview_async(
        {"subscription": id, "subscription_details": {"items": [{"id": only.id, "quantity": 5}]}}
    )
    await subscriptions.update_async(id, {"items": [{"id": only.id, "price": shop.big, "quantity": 2}]})
    await subscriptions.update_async(id, {"pause_collection": {"behavior": "void"}})
    await subscriptions.update_async(id, {"cancel_at_period_end": True, "metadata": {"a": "b"}})
    await subscriptions.update_async(id, {"cancel_at_period_end": False, "metadata": {"a": ""}})
    shop.passes(days=25)
    await subscriptions.update_async(id, {"pause_collection": ""})
    await subscriptions.pause_async(id)
    await subscriptions.resume_async(id)
    await shop.v1.subscription_items.list_async({"subscription": id})
    await subscriptions.list_async({"status": "all", "expand": ["data.latest_invoice.payments", "data.customer"]})


async def be_declined(shop: Shop, customer: str, id: str) -> None:
    only = item(await shop.read(id))
    await shop.pays_with(customer, "pm_card_chargeCustomerFail")
    await shop.v1.subscriptions.update_async(
        id,
        {
            "items": [{"id": only.id, "quantity": 20}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
        },
    )
    shop.passes(days=70)
    await shop.v1.payment_methods.list_async({"customer": customer})


async def sell_on_pages(shop: Shop) -> None:
    sessions = shop.v1.checkout.sessions
    wanted: stripe.params.checkout.SessionCreateParams = {
        "mode": "subscription",
        "line_items": [{"price": shop.team, "quantity": 2}],
        "success_url": "https://shop.example.com/",
    }
    paid, left = await sessions.create_async(wanted), await sessions.create_async(wanted)
    shop.peer.complete_checkout(paid.id, email="bob@example.com")
    await sessions.expire_async(left.id)
    await sessions.list_async({"expand": ["data.line_items"]})
    await sessions.line_items.list_async(paid.id)
    [bob, _] = (await shop.v1.customers.list_async()).data
    await shop.v1.billing_portal.sessions.create_async({"customer": bob.id})


async def live_by_a_test_clock(shop: Shop) -> None:
    clocks, now = shop.v1.test_helpers.test_clocks, int(shop.clock.now().timestamp())
    clock = await clocks.create_async({"frozen_time": now, "name": "a"})
    carl = await shop.customer("pm_card_threeDSecure2Required", test_clock=clock.id)
    waiting = await shop.v1.subscriptions.create_async(
        {
            "customer": carl,
            "items": [{"price": shop.team}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret"],
        }
    )
    secret = (await shop.latest_invoice(waiting.id)).id
    invoice = await shop.v1.invoices.retrieve_async(secret, {"expand": ["confirmation_secret"]})
    assert invoice.confirmation_secret is not None
    shop.peer.confirm(invoice.confirmation_secret.client_secret, card="pm_card_threeDSecure2Required")
    await shop.v1.payment_intents.retrieve_async(invoice.confirmation_secret.client_secret.split("_secret")[0])
    await clocks.advance_async(clock.id, {"frozen_time": now + int(timedelta(days=2).total_seconds())})
    await clocks.delete_async(clock.id)


def members(document: object) -> list[Document]:
    """Every object within an answer, itself included."""
    if isinstance(document, list):
        return [found for member in document for found in members(member)]
    if not isinstance(document, dict):
        return []
    below = [found for member in document.values() for found in members(member)]
    return [document, *below] if isinstance(document.get("object"), str) else below


async def test_no_object_has_a_field_that_the_library_does_not_know_or_lacks_one_that_it_promises(shop: Shop) -> None:
    await live(shop)
    told = [*(call.body for call in shop.peer.calls if "object" in call.body), *shop.peer.events]
    carried = [event["data"]["object"] for event in shop.peer.events]
    notices = [thin(event) for event in shop.peer.events]

    found = {fault for document in [*told, *carried, *notices] for fault in annotations.faults(document)}

    assert sorted(found) == []
    assert {call.status for call in shop.peer.calls} == {200}
    emitted = {document["object"] for document in members([*told, *carried, *notices])}
    assert emitted >= KINDS


async def test_the_comparison_finds_what_is_unknown_missing_or_of_another_type(shop: Shop) -> None:
    made = (await shop.subscribe(await shop.customer())).to_dict(for_json=True)

    assert annotations.faults(made) == []
    assert annotations.faults(made | {"current_period_end": 1}) == ["subscription.current_period_end: unknown"]
    assert annotations.faults({name: made[name] for name in made if name != "items"}) == ["subscription.items: missing"]
    assert annotations.faults(made | {"created": "now"}) == ["subscription.created: 'now' is no int"]
    assert annotations.faults(made | {"customer": 1})[0].startswith("subscription.customer: 1 is no")
