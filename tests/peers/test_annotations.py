"""Every object that the peer emits, against the official library's own classes."""

import json

import httpx
import pytest
import stripe

from tests.peers import annotations
from tests.peers.conftest import Shop
from tests.peers.stripe import Document
from tests.support.clock import FixedClock

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")


async def live(shop: Shop) -> None:
    """Make the peer emit everything that it knows."""
    v1 = shop.client.v1
    for key in ("reports", "sso"):
        feature = await v1.entitlements.features.create_async({"lookup_key": key, "name": key})
        await v1.products.features.create_async("prod_team", {"entitlement_feature": feature.id})
    ann = await shop.customer()
    bought = await shop.subscription(ann, quantity=3)
    item = bought["items"].data[0].id
    change: stripe.params.SubscriptionUpdateParamsItem = {"id": item, "price": shop.big, "quantity": 2}
    shop.clock.forward(days=10)
    await v1.subscriptions.update_async(bought.id, {"items": [change], "metadata": {"a": "b"}})
    await v1.subscriptions.update_async(bought.id, {"pause_collection": {"behavior": "void"}})
    shop.clock.forward(days=25)
    await v1.subscriptions.update_async(bought.id, {"pause_collection": ""})
    await v1.subscriptions.pause_async(bought.id)
    await v1.subscriptions.resume_async(bought.id)
    await shop.pays_with(ann, "pm_card_chargeCustomerFail")
    back: stripe.params.SubscriptionUpdateParamsItem = {"id": item, "quantity": 20}
    await v1.subscriptions.update_async(
        bought.id,
        {"items": [back], "proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"},
    )
    shop.clock.forward(days=70)
    shop.peer.settle()
    await shop.client.v1.customers.delete_async(ann)


async def emitted(shop: Shop) -> list[Document]:
    await live(shop)
    held = [
        document for kind in shop.peer.account.tables.values() for document in kind.values() if "object" in document
    ]
    return [*held, *shop.peer.events, *(event["data"]["object"] for event in shop.peer.events)]


async def test_no_object_has_a_field_that_the_library_does_not_know_or_lacks_one_that_it_promises(shop: Shop) -> None:
    found = {fault for document in await emitted(shop) for fault in annotations.faults(document)}

    assert sorted(found) == []
