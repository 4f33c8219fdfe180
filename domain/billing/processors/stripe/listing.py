"""Lists of Stripe's, read page by page to their ends."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from domain.billing.processors import ProcessorRefused, shapes
from domain.billing.processors.news import EntitlementsTold
from domain.billing.processors.stripe.hearing import heard

if TYPE_CHECKING:
    import stripe

PAGE = 100
MOST_TYPES = 20
PURCHASE = "seatgate_purchase"
"""The note on a subscription that says under which key it was bought."""


async def subscriptions(client: "stripe.StripeClient", customer: str | None) -> "AsyncIterator[stripe.Subscription]":
    """Read every subscription of a customer, or all there are, ended ones included."""
    asked: stripe.params.SubscriptionListParams = {"status": "all", "limit": PAGE}
    if customer is not None:
        asked["customer"] = customer
    with heard():
        page = await client.v1.subscriptions.list_async(asked)
        async for subscription in page.auto_paging_iter():
            yield subscription


async def entitlements(client: "stripe.StripeClient", customer: str) -> EntitlementsTold | None:
    """Read every active entitlement of a customer; None when there is no such customer.

    What changes while the pages are read may be half in the answer: Stripe tells of it in an event of its own.
    """
    try:
        with heard():
            page = await client.v1.entitlements.active_entitlements.list_async({"customer": customer, "limit": PAGE})
            found = [shapes.entitlement(one.to_dict()) async for one in page.auto_paging_iter()]
    except ProcessorRefused as refusal:
        if refusal.code == "resource_missing":
            return None
        raise
    return EntitlementsTold(customer_processor_id=customer, features=tuple(found), complete=True)


async def customer_noted(client: "stripe.StripeClient", customer_id: str, since: datetime) -> str | None:
    """Find the customer that was made since with this id of ours as its note."""
    with heard():
        page = await client.v1.customers.list_async({"created": {"gte": int(since.timestamp())}, "limit": PAGE})
        async for customer in page.auto_paging_iter():
            if _noted(customer, "customer_id") == customer_id:
                return customer.id
    return None


async def purchase_noted(client: "stripe.StripeClient", customer: str, key: str) -> "stripe.Subscription | None":
    """Find what the customer has bought under a key, ended or not."""
    async for subscription in subscriptions(client, customer):
        if _noted(subscription, PURCHASE) == key:
            return subscription
    return None


def _noted(found: "stripe.StripeObject", name: str) -> object:
    """Read a note on one of Stripe's objects; what has been deleted has none."""
    return (found.to_dict().get("metadata") or {}).get(name)


async def events(client: "stripe.StripeClient", since: datetime) -> list[dict[str, Any]]:
    """Read the events that mean something here and happened at `since` or later, oldest first."""
    types, found = sorted(shapes.READERS), []
    for first in range(0, len(types), MOST_TYPES):
        found += await _events(client, since, types[first : first + MOST_TYPES])
    return sorted(found, key=lambda event: (event["created"], event["id"]))


async def _events(client: "stripe.StripeClient", since: datetime, types: Sequence[str]) -> list[dict[str, Any]]:
    """Read events of a few types; Stripe takes no more at once."""
    with heard():
        page = await client.v1.events.list_async(
            {"created": {"gte": int(since.timestamp())}, "types": list(types), "limit": PAGE}
        )
        return [event.to_dict(for_json=True) async for event in page.auto_paging_iter()]
