"""The Fake's customers, subscriptions and events as Stripe would write them: plain JSON from plain values."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from domain.billing.processors import Purchase
from domain.billing.processors.fake import prices
from domain.billing.processors.fake.calendar import end_of_period
from domain.billing.processors.shapes import API_VERSION

Document = dict[str, Any]
Prices = Mapping[str, Document]


def id_of(prefix: str, *origin: object) -> str:
    """Make the id of whatever came from `origin`: the same origin has the same id for ever."""
    return f"{prefix}_fake_{sha256('|'.join(map(str, origin)).encode()).hexdigest()[:24]}"


def customer(id: str, *, metadata: Document, at: int) -> Document:
    """Write a customer; a negative balance is what is credited to the next invoice."""
    return {
        "id": id,
        "object": "customer",
        "balance": 0,
        "created": at,
        "currency": None,
        "deleted": False,
        "email": None,
        "invoice_settings": {"default_payment_method": id_of("pm", id)},
        "livemode": False,
        "metadata": metadata,
    }


def subscription(id: str, customer_id: str, items: Document, *, at: int, trial_end: int | None) -> Document:
    """Write a subscription that begins at this second; whether it is paid for is for its first invoice to say."""
    return {
        "id": id,
        "object": "subscription",
        "customer": customer_id,
        "status": "incomplete" if trial_end is None else "trialing",
        "items": items,
        "billing_cycle_anchor": trial_end or at,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": items["data"][0]["price"]["currency"],
        "ended_at": None,
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "pause_collection": None,
        "start_date": at,
        "trial_end": trial_end,
        "trial_start": None if trial_end is None else at,
    }


def listed(
    subscription_id: str, items: Sequence[Purchase], known: Prices, *, number: int, at: int, end: int | None = None
) -> Document:
    """Write items that begin at this second, each with its first period, or all with one that ends at `end`."""
    data = [
        {
            "id": id_of("si", subscription_id, item.price_id, number),
            "object": "subscription_item",
            "subscription": subscription_id,
            "quantity": item.quantity,
            "created": at,
            "metadata": {},
            "current_period_start": at,
            "current_period_end": end or period_end(known[item.price_id], at, anchor=at),
            "price": known[item.price_id],
        }
        for item in items
    ]
    return {"object": "list", "has_more": False, "url": "/v1/subscription_items", "data": data}


def period_end(price: Document, start: int, *, anchor: int) -> int:
    """Find when a period of this price ends that runs at `start`."""
    interval, count = prices.rhythm(price)
    return end_of_period(start, anchor=anchor, interval=interval, count=count)


def items_of(document: Document) -> list[Document]:
    """Read the items."""
    data: list[Document] = document["items"]["data"]
    return data


def with_items(document: Document, data: Sequence[Document]) -> Document:
    """Write the subscription with other items."""
    return document | {"items": document["items"] | {"data": list(data)}}


def paid_until(document: Document) -> int:
    """Read when the last of its periods ends."""
    return max(int(item["current_period_end"]) for item in items_of(document))


def ended(document: Document, second: int, status: str = "canceled") -> Document:
    """Write the subscription as it is once it has ended at `second`."""
    return document | {"status": status, "ended_at": second, "canceled_at": document["canceled_at"] or second}


def ending(document: Document, at: int | None, now: int) -> Document:
    """Write the subscription as it is once it is to end at `at`, or else with what is paid for."""
    return document | {
        "cancel_at": paid_until(document) if at is None else at,
        "cancel_at_period_end": at is None,
        "canceled_at": now,
    }


def resumed(document: Document) -> Document:
    """Write the subscription as it is once its coming end has been taken back."""
    return document | {"cancel_at": None, "cancel_at_period_end": False, "canceled_at": None}


def renewed(document: Document, at: int) -> Document:
    """Write the subscription with the next period of every item whose period is over at `at`."""
    return with_items(document, [_renewed(item, at, document["billing_cycle_anchor"]) for item in items_of(document)])


def begun_anew(document: Document, at: int) -> Document:
    """Write the subscription with periods that begin at `at`, which all later ones are in step with."""
    items = [item | {"current_period_start": at, "current_period_end": at} for item in items_of(document)]
    return renewed(with_items(document, items) | {"billing_cycle_anchor": at}, at)


def _renewed(item: Document, at: int, anchor: int) -> Document:
    start = item["current_period_end"]
    if start > at:
        return item
    return item | {"current_period_start": start, "current_period_end": period_end(item["price"], start, anchor=anchor)}


def event(type: str, document: Document, *, origin: str, number: int, before: Document | None, at: int) -> Document:
    """Write the event for the `number`th thing told of `origin`; `before` is what an update has replaced."""
    data: Document = {"object": document}
    if before is not None:
        data["previous_attributes"] = {name: was for name, was in before.items() if was != document[name]}
    return {
        "id": id_of("evt", origin, number),
        "object": "event",
        "type": type,
        "api_version": API_VERSION,
        "created": at,
        "livemode": False,
        "pending_webhooks": 1,
        "account": None,
        "context": None,
        "request": {"id": None, "idempotency_key": None},
        "data": data,
    }


def instant(second: int) -> datetime:
    """Read a second of Stripe's as an instant."""
    return datetime.fromtimestamp(second, UTC)
