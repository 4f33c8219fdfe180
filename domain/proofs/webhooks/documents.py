"""Subscriptions and events as Stripe writes them, in the present shape and in the one before. Plain JSON, pure."""

import json
from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]

DAY = 86_400
PERIOD = 30 * DAY
PRESENT_VERSION = "2026-10-28.endive"
OLDER_VERSION = "2024-06-20"  # the last one with the period on the subscription


def item(id: str, price: str, quantity: int | None, *, start: int) -> Document:
    """Write an item whose period begins at `start`; a price that is metered has no quantity."""
    written: Document = {
        "id": id,
        "object": "subscription_item",
        "created": start,
        "current_period_start": start,
        "current_period_end": start + PERIOD,
        "metadata": {},
        "price": {"id": price, "object": "price", "active": True, "type": "recurring"},
        "quantity": quantity,
    }
    if quantity is None:
        del written["quantity"]
    return written


def subscription(id: str, customer: str, items: Sequence[Document], *, status: str, at: int) -> Document:
    """Write a subscription that is made at `at`."""
    trial_end = at + 14 * DAY if status == "trialing" else None
    return {
        "id": id,
        "object": "subscription",
        "billing_cycle_anchor": at,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": "usd",
        "customer": customer,
        "ended_at": None,
        "items": listed(id, items),
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "pause_collection": None,
        "start_date": at,
        "status": status,
        "trial_end": trial_end,
        "trial_start": None if trial_end is None else at,
    }


def listed(id: str, items: Sequence[Document]) -> Document:
    """Write the list of a subscription's items."""
    return {
        "object": "list",
        "data": [written | {"subscription": id} for written in items],
        "has_more": False,
        "total_count": len(items),
        "url": f"/v1/subscription_items?subscription={id}",
    }


def older(document: Document) -> Document:
    """Write a subscription as endpoints of the older version get it: the period is the subscription's."""
    moved = ("current_period_start", "current_period_end")
    items = document["items"]["data"]
    data = [
        {name: value for name, value in written.items() if name not in moved} | {"plan": {"id": written["price"]["id"]}}
        for written in items
    ]
    single = {"quantity": items[0].get("quantity")} if len(items) == 1 else {}
    period = {name: items[0][name] for name in moved}
    return document | period | single | {"items": document["items"] | {"data": data}}


def event(id: str, type: str, document: Document, *, created: int, before: Document | None, old: bool) -> Document:
    """Write the event that tells of a change; `before` is what an update has replaced."""
    data: Document = {"object": older(document) if old else document}
    if before is not None and type.endswith(".updated"):
        data["previous_attributes"] = {name: was for name, was in before.items() if was != document[name]}
    return {
        "id": id,
        "object": "event",
        "api_version": OLDER_VERSION if old else PRESENT_VERSION,
        "created": created,
        "data": data,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
    }


def body(document: Document) -> bytes:
    """Write a document down as it is sent."""
    return json.dumps(document, separators=(",", ":")).encode()
