"""Subscriptions: how they are made, and their items."""

from typing import Literal

from tests.peers.stripe import cards, catalog, invoices, lines, payments, periods
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.blanks import SUBSCRIPTION, blank
from tests.peers.stripe.forms import Cleared, Noted, Paged, Params, noted
from tests.peers.stripe.operations import Operation, page, retrieving, whole
from tests.peers.stripe.refusals import Refusal

Proration = Literal["create_prorations", "always_invoice", "none"]


class NewItem(Params):
    price: str
    quantity: int = 1
    metadata: dict[str, str] | Cleared | None = None


class EndBehavior(Params):
    missing_payment_method: Literal["cancel", "create_invoice", "pause"]


class TrialSettings(Params):
    end_behavior: EndBehavior


class PaymentSettings(Params):
    save_default_payment_method: Literal["off", "on_subscription"] | None = None
    payment_method_types: list[str] | None = None


class BillingMode(Params):
    type: Literal["flexible"]


class CreateSubscription(Noted):
    customer: str
    items: list[NewItem]
    billing_mode: BillingMode | None = None
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    collection_method: Literal["charge_automatically"] = "charge_automatically"
    currency: str | None = None
    default_payment_method: str | Cleared = ""
    description: str | None = None
    off_session: bool = False
    payment_behavior: Literal["allow_incomplete", "default_incomplete", "error_if_incomplete"] = "allow_incomplete"
    payment_settings: PaymentSettings | None = None
    proration_behavior: Proration = "create_prorations"
    trial_end: int | Literal["now"] | None = None
    trial_period_days: int | None = None
    trial_settings: TrialSettings | None = None


class ListSubscriptions(Paged):
    customer: str | None = None
    price: str | None = None
    status: str | None = None
    test_clock: str | None = None


class ListItems(Paged):
    subscription: str


def create(account: Account, params: CreateSubscription) -> Document:
    """Subscribe a customer; without a payment it stays incomplete, or is not made at all."""
    customer = account.customer(params.customer, param="customer")
    method = cards.of_customer(account, params.default_payment_method, customer, param="default_payment_method")
    prices = [price_of(account, item.price, param=f"items[{place}][price]") for place, item in enumerate(params.items)]
    if not prices:
        raise Refusal("Missing required param: items.", code="parameter_missing", param="items")
    if len({price["id"] for price in prices}) < len(prices):
        raise Refusal("Duplicate items with the same price are not allowed.", param="items")
    if len({price["currency"] for price in prices}) > 1:
        raise Refusal("All prices of a subscription must have one currency.", param="items")
    subscription = _document(account, params, customer, prices[0]["currency"])
    subscription["default_payment_method"] = method
    _trial(params, subscription)
    _end(params, subscription)
    items = [
        new_item(account, subscription, price, item.quantity) for price, item in zip(prices, params.items, strict=True)
    ]
    for item, asked in zip(items, params.items, strict=True):
        item["metadata"] = noted({}, asked.metadata)
    subscription["items"]["data"] = items
    costs = subscription["status"] != "trialing" and any(lines.amount_of(item) for item in items)
    if costs and params.payment_behavior != "default_incomplete" and not cards.default(account, customer, subscription):
        raise Refusal(payments.NO_CARD, code="resource_missing")
    if params.payment_behavior == "error_if_incomplete":
        with account.undone_when_refused():
            return _made(account, params, subscription)
    return _made(account, params, subscription)


def price_of(account: Account, id: str, *, param: str) -> Document:
    """Give a price that can be subscribed to, or refuse."""
    price = account.get("price", id, param=param)
    if not price["active"]:
        raise Refusal("The price specified is inactive. This field only accepts active prices.", param=param)
    if price["type"] != "recurring":
        raise Refusal("The price specified is set to `type=one_time` but this field only accepts recurring prices.")
    return price


def _trial(params: CreateSubscription, subscription: Document) -> None:
    now = subscription["created"]
    end = params.trial_end if isinstance(params.trial_end, int) else None
    if params.trial_period_days:
        if params.trial_end is not None:
            raise Refusal("You cannot set both `trial_period_days` and `trial_end`.", param="trial_end")
        end = now + params.trial_period_days * periods.DAY
    if end is None:
        return
    if end <= now:
        raise Refusal("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    subscription |= {"billing_cycle_anchor": end, "status": "trialing", "trial_end": end, "trial_start": now}


def _end(params: CreateSubscription, subscription: Document) -> None:
    if params.cancel_at is not None and params.cancel_at_period_end:
        raise Refusal("You cannot set both `cancel_at` and `cancel_at_period_end`.", param="cancel_at")
    if params.cancel_at is not None:
        if params.cancel_at <= subscription["created"]:
            raise Refusal("`cancel_at` must be in the future.", param="cancel_at")
        subscription |= {"cancel_at": params.cancel_at, "canceled_at": subscription["created"]}


def new_item(account: Account, subscription: Document, price: Document, quantity: int) -> Document:
    """Make an item whose period begins now and ends with the trial or where the billing cycle says."""
    now = account.now(subscription)
    if quantity < 0:
        raise Refusal("Invalid non-negative integer", code="parameter_invalid_integer", param="quantity")
    end = subscription["trial_end"] if subscription["status"] == "trialing" else period_after(subscription, price, now)
    return {
        "id": account.new_id("si"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": now,
        "current_period_end": end,
        "current_period_start": now,
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": catalog.plan(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def period_after(subscription: Document, price: Document, beyond: int) -> int:
    """Give the end of the period that contains `beyond`, by the subscription's billing cycle."""
    recurring = price["recurring"]
    return periods.after(
        subscription["billing_cycle_anchor"],
        interval=recurring["interval"],
        count=recurring["interval_count"],
        beyond=beyond,
    )


def _made(account: Account, params: CreateSubscription, subscription: Document) -> Document:
    trial = subscription["status"] == "trialing"
    with account.born(subscription, "customer.subscription.created"):
        if params.cancel_at_period_end:
            ends = min(item["current_period_end"] for item in subscription["items"]["data"])
            subscription |= {"cancel_at": ends, "cancel_at_period_end": True, "canceled_at": subscription["created"]}
        billed = [
            lines.period(account, item, start=item["current_period_start"], end=item["current_period_end"], trial=trial)
            for item in subscription["items"]["data"]
        ]
        invoice = invoices.make(account, subscription, reason="subscription_create", lines=billed)
        invoices.finalize(account, invoice)
        if invoice["status"] == "paid":
            subscription["status"] = "trialing" if trial else "active"
        elif params.payment_behavior != "default_incomplete":
            refusal = payments.collect(account, invoice)
            if refusal is not None and params.payment_behavior == "error_if_incomplete":
                raise refusal
    return subscription


def _document(account: Account, params: CreateSubscription, customer: Document, currency: str) -> Document:
    now, id = account.now(customer), account.new_id("sub")
    settings = params.payment_settings or PaymentSettings()
    missing = params.trial_settings.end_behavior.missing_payment_method if params.trial_settings else "create_invoice"
    return {
        **blank(SUBSCRIPTION),
        "id": id,
        "object": "subscription",
        "billing_cycle_anchor": now,
        "collection_method": params.collection_method,
        "created": now,
        "currency": currency,
        "customer": customer["id"],
        "description": params.description,
        "invoice_settings": {"account_tax_ids": None, "issuer": invoices.SELF},
        "items": whole([], url=f"/v1/subscription_items?subscription={id}"),
        "livemode": False,
        "metadata": noted({}, params.metadata),
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": settings.payment_method_types,
            "save_default_payment_method": settings.save_default_payment_method or "off",
        },
        "start_date": now,
        "status": "incomplete",
        "test_clock": customer["test_clock"],
        "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": missing}},
    }


def listed(account: Account, params: ListSubscriptions) -> Document:
    """List subscriptions; without a status all but the canceled, with `all` every one."""

    def wanted(subscription: Document) -> bool:
        status: str = subscription["status"]
        match params.status:
            case None:
                return status != "canceled"
            case "all":
                return True
            case "ended":
                return subscription["ended_at"] is not None
            case asked:
                return status == asked

    found = [
        subscription
        for subscription in account.all("subscription")
        if wanted(subscription)
        and params.customer in {None, subscription["customer"]}
        and params.test_clock in {None, subscription["test_clock"]}
        and (params.price is None or params.price in {item["price"]["id"] for item in subscription["items"]["data"]})
    ]
    return page(found, params, url="/v1/subscriptions")


def list_items(account: Account, params: ListItems) -> Document:
    items = account.get("subscription", params.subscription, param="subscription")["items"]["data"]
    return page(items, params, url="/v1/subscription_items", newest_first=False)


OPERATIONS = (
    Operation("subscriptions.create", "POST", "/v1/subscriptions", create, CreateSubscription),
    Operation("subscriptions.list", "GET", "/v1/subscriptions", listed, ListSubscriptions),
    Operation("subscriptions.retrieve", "GET", "/v1/subscriptions/{id}", retrieving("subscription")),
    Operation("subscription_items.list", "GET", "/v1/subscription_items", list_items, ListItems),
)
