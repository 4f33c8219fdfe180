"""The Fake's subscriptions and events as Stripe would write them: plain JSON from plain values, nothing kept."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from domain.billing.processors import Purchase
from domain.billing.processors.shapes import API_VERSION

PERIOD_SECONDS = 30 * 86400

Document = dict[str, Any]


def id_of(prefix: str, *origin: object) -> str:
    """Make the id of whatever came from `origin`: the same origin has the same id for ever."""
    return f"{prefix}_fake_{sha256('|'.join(map(str, origin)).encode()).hexdigest()[:24]}"


def subscription(id: str, customer: str, items: Sequence[Purchase], now: datetime) -> Document:
    """Write a subscription that is bought at this moment, active and paid for 30 days."""
    start = int(now.timestamp())
    return {
        "id": id,
        "object": "subscription",
        "customer": customer,
        "status": "active",
        "items": listed(id, items, start),
        "billing_cycle_anchor": start,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": start,
        "currency": "usd",
        "ended_at": None,
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "pause_collection": None,
        "start_date": start,
        "trial_end": None,
        "trial_start": None,
    }


def listed(subscription_id: str, items: Sequence[Purchase], start: int) -> Document:
    """Write the items of a subscription, each with the period that begins at `start`."""
    data = [
        {
            "id": id_of("si", subscription_id, item.price_id),
            "object": "subscription_item",
            "subscription": subscription_id,
            "quantity": item.quantity,
            "created": start,
            "metadata": {},
            "current_period_start": start,
            "current_period_end": start + PERIOD_SECONDS,
            "price": {"id": item.price_id, "object": "price", "livemode": False, "type": "recurring"},
        }
        for item in items
    ]
    return {"object": "list", "has_more": False, "url": "/v1/subscription_items", "data": data}


def period(document: Document) -> tuple[int, int]:
    """Read the period that is paid for; all items share it."""
    first = document["items"]["data"][0]
    return first["current_period_start"], first["current_period_end"]


def ended(document: Document, second: int) -> Document:
    """Write the subscription as it is once it has ended at `second`."""
    return document | {"status": "canceled", "ended_at": second, "canceled_at": document["canceled_at"] or second}


def ending(document: Document, at: datetime | None, now: datetime) -> Document:
    """Write the subscription as it is once it is to end at `at`, or else with its period."""
    end = period(document)[1] if at is None else int(at.timestamp())
    return document | {
        "cancel_at": end,
        "cancel_at_period_end": at is None,
        "canceled_at": int(now.timestamp()),
    }


def resumed(document: Document) -> Document:
    """Write the subscription as it is once its coming end has been taken back."""
    return document | {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}


def renewed(document: Document) -> Document:
    """Write the subscription with its next period."""
    start = period(document)[1]
    following = {"current_period_start": start, "current_period_end": start + PERIOD_SECONDS}
    items = document["items"]
    return document | {"items": items | {"data": [item | following for item in items["data"]]}}


def due(document: Document) -> datetime | None:
    """Find when time alone changes the subscription next: its end or its renewal; None when it has ended."""
    if document["ended_at"] is not None:
        return None
    end = period(document)[1]
    return datetime.fromtimestamp(min(end, document["cancel_at"] or end), UTC)


def come_due(document: Document) -> Document:
    """Write the subscription as it is after the instant that `due` found: ended, or renewed."""
    end = period(document)[1]
    cancel_at = document["cancel_at"]
    return ended(document, cancel_at) if cancel_at is not None and cancel_at <= end else renewed(document)


def event(kind: str, document: Document, *, number: int, before: Document | None, now: datetime) -> Document:
    """Write the event for the `number`th change of a subscription; `before` is what an update has replaced."""
    data: Document = {"object": document}
    if before is not None:
        data["previous_attributes"] = {name: was for name, was in before.items() if was != document[name]}
    return {
        "id": id_of("evt", document["id"], number),
        "object": "event",
        "type": f"customer.subscription.{kind}",
        "api_version": API_VERSION,
        "created": int(now.timestamp()),
        "livemode": False,
        "pending_webhooks": 1,
        "account": None,
        "context": None,
        "request": {"id": None, "idempotency_key": None},
        "data": data,
    }
