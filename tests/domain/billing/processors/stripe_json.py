"""A subscription and an event as Stripe sends them, to be changed by the tests."""

import json
from typing import Any

CREATED = 1_795_000_000
PERIOD_END = 1_797_592_000


def item(**changes: Any) -> dict[str, Any]:
    return {
        "id": "si_1",
        "object": "subscription_item",
        "subscription": "sub_1",
        "quantity": 7,
        "created": CREATED,
        "metadata": {},
        "current_period_start": CREATED,
        "current_period_end": PERIOD_END,
        "price": {"id": "price_team_monthly", "object": "price", "unit_amount_decimal": "1000"},
    } | changes


def items(*data: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "has_more": has_more, "url": "/v1/subscription_items", "data": list(data)}


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": "active",
        "items": items(item()),
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "ended_at": None,
        "pause_collection": None,
        "latest_invoice": "in_1",
        "created": CREATED,
        "trial_end": None,
        "livemode": False,
        "metadata": {},
    } | changes


def event(**changes: Any) -> dict[str, Any]:
    return {
        "id": "evt_1",
        "object": "event",
        "type": "customer.subscription.updated",
        "api_version": "2026-10-28.endive",
        "created": CREATED,
        "livemode": False,
        "data": {"object": subscription(), "previous_attributes": {"status": "trialing"}},
    } | changes


def body(**changes: Any) -> bytes:
    return json.dumps(event(**changes)).encode()
