"""Changes of a subscription: its items and what the difference costs, its end, its trial, its pause, its notes."""

import copy
from typing import Literal

from tests.peers.stripe import cancelling, cards, catalog, invoices, lines, payments, pending, renewing, subscriptions
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Cleared, Noted, Params, noted
from tests.peers.stripe.operations import Operation
from tests.peers.stripe.refusals import Refusal, missing


class ItemParams(Params):
    id: str | None = None
    price: str | None = None
    quantity: int | None = None
    deleted: bool = False
    metadata: dict[str, str] | Cleared | None = None


class Pause(Params):
    behavior: Literal["keep_as_draft", "mark_uncollectible", "void"]
    resumes_at: int | None = None


class ItemsParams(Noted):
    """What may change items: a request that changes them and one that asks what it would cost take the same."""

    items: list[ItemParams] | None = None
    proration_behavior: subscriptions.Proration = "create_prorations"
    proration_date: int | None = None


class UpdateSubscription(ItemsParams):
    billing_cycle_anchor: Literal["unchanged"] | None = None
    cancel_at: int | Literal["", "min_period_end", "max_period_end"] | None = None
    cancel_at_period_end: bool | None = None
    cancellation_details: cancelling.Details | None = None
    default_payment_method: str | Cleared | None = None
    description: str | Cleared | None = None
    off_session: bool | None = None
    pause_collection: Pause | Cleared | None = None
    payment_behavior: Literal["allow_incomplete", "error_if_incomplete", "pending_if_incomplete"] = "allow_incomplete"
    payment_settings: subscriptions.PaymentSettings | None = None
    trial_end: int | Literal["now"] | None = None
    trial_settings: subscriptions.TrialSettings | None = None


HARMLESS = {"metadata", "cancellation_details", "expand"}
PENDING = {"expand", "items", "payment_behavior", "proration_behavior", "proration_date"}


def update(account: Account, params: UpdateSubscription, id: str) -> Document:
    """Change a subscription, all of it or nothing."""
    subscription = account.get("subscription", id)
    asked = params.model_fields_set
    if cancelling.ended(subscription) and asked - HARMLESS:
        raise Refusal("A canceled subscription can only update its cancellation_details and metadata.")
    if subscription["status"] == "incomplete" and asked & {"items", "trial_end", "pause_collection"}:
        raise Refusal("You cannot change an incomplete subscription before its first payment.", param="items")
    if {"cancel_at", "cancel_at_period_end"} <= asked:
        raise Refusal("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    if params.payment_behavior == "pending_if_incomplete" and asked - PENDING:
        unfit = min(asked - PENDING)
        raise Refusal(f"You cannot set `{unfit}` when `payment_behavior` is `pending_if_incomplete`.", param=unfit)
    with account.undone_when_refused():
        # What is put back when the change is refused are copies, so nothing outside may be held on to.
        _apply(account, params, account.get("subscription", id))
    return account.get("subscription", id)


def _apply(account: Account, params: UpdateSubscription, subscription: Document) -> None:
    before = copy.deepcopy(subscription)
    with account.changing(subscription):
        subscription["metadata"] = noted(subscription["metadata"], params.metadata)
        cancelling.note(subscription, params.cancellation_details)
        _settings(account, params, subscription)
        _trial(account, params, subscription)
        at_once = change_items(account, params, subscription)
        _ending(account, params, subscription)
        _pausing(account, params, subscription)
        if at_once and (owed := lines.taken(account, subscription)):
            _charge(account, params, subscription, owed, before=before)


def _charge(
    account: Account, params: UpdateSubscription, subscription: Document, owed: list[Document], *, before: Document
) -> None:
    """Invoice a change at once; when that is not paid the change stands, is held back or is refused, as asked."""
    holds = params.payment_behavior == "pending_if_incomplete"
    invoice = invoices.make(account, subscription, reason="subscription_update", lines=owed)
    invoices.finalize(account, invoice)
    refusal = payments.collect(account, invoice, automatic=not holds)
    if refusal is None:
        return
    if not holds:
        if params.payment_behavior == "error_if_incomplete":
            raise refusal
        return
    wanted = subscription["items"]["data"]
    subscription |= {name: before[name] for name in ("billing_cycle_anchor", "items", "status")}
    pending.hold(account, subscription, wanted)


def _settings(account: Account, params: UpdateSubscription, subscription: Document) -> None:
    customer = account.customer(subscription["customer"])
    if params.default_payment_method is not None:
        subscription["default_payment_method"] = cards.of_customer(
            account, params.default_payment_method, customer, param="default_payment_method"
        )
    if params.description is not None:
        subscription["description"] = params.description or None
    if params.payment_settings is not None:
        subscription["payment_settings"] |= params.payment_settings.model_dump(exclude_unset=True)
    if params.trial_settings is not None:
        subscription["trial_settings"]["end_behavior"] |= params.trial_settings.end_behavior.model_dump()


def _trial(account: Account, params: UpdateSubscription, subscription: Document) -> None:
    if params.trial_end is None:
        return
    now = account.now(subscription)
    if params.trial_end == "now":
        if subscription["status"] == "trialing":
            renewing.end_trial(account, subscription, finalize=True)
        return
    if params.trial_end <= now:
        raise Refusal("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    subscription |= {
        "billing_cycle_anchor": params.trial_end,
        "status": "trialing",
        "trial_end": params.trial_end,
        "trial_start": subscription["trial_start"] or now,
    }
    for item in subscription["items"]["data"]:
        item["current_period_end"] = params.trial_end


def change_items(account: Account, params: ItemsParams, subscription: Document) -> bool:
    """Give the items what was asked for and prorate it; say whether an invoice is due at once.

    Another interval begins a new period of every item, which is always invoiced at once.
    """
    if not params.items:
        return False
    pending.drop(account, subscription)
    now, running = account.now(subscription), subscription["status"] in {"active", "past_due"}
    credits = running and params.proration_behavior != "none"
    restarts = running and any(_another_interval(account, subscription, asked) for asked in params.items)
    at = now if restarts else params.proration_date or now
    if restarts and credits:
        for item in subscription["items"]["data"]:
            lines.unused(account, item, at=at)
    one_by_one = credits and not restarts
    changed = [_change(account, subscription, asked, at=at, credits=one_by_one) for asked in params.items]
    _refuse_impossible(subscription)
    if restarts:
        _restart(subscription, now)
    for item in subscription["items"]["data"] if restarts else filter(None, changed):
        if credits or restarts:
            lines.remaining(account, item, at=at)
    return restarts or params.proration_behavior == "always_invoice"


def _another_interval(account: Account, subscription: Document, asked: ItemParams) -> bool:
    held = {item["id"]: item["price"]["recurring"]["interval"] for item in subscription["items"]["data"]}
    price = account.find("price", asked.price or "")
    return bool(price and price["recurring"] and asked.id in held and price["recurring"]["interval"] != held[asked.id])


def _refuse_impossible(subscription: Document) -> None:
    prices = [item["price"]["id"] for item in subscription["items"]["data"]]
    if not prices:
        raise Refusal("A subscription must have at least one active plan.", param="items")
    if len(set(prices)) < len(prices):
        raise Refusal("An existing Subscription Item is already using that Price.", param="items")


def _restart(subscription: Document, now: int) -> None:
    subscription["billing_cycle_anchor"] = now
    for item in subscription["items"]["data"]:
        item["current_period_start"] = now
        item["current_period_end"] = subscriptions.period_after(subscription, item["price"], now)


def _change(account: Account, subscription: Document, asked: ItemParams, *, at: int, credits: bool) -> Document | None:
    """Change, add or remove one item; give it back when what is left of its period has to be charged."""
    held = subscription["items"]["data"]
    price = subscriptions.price_of(account, asked.price, param="items[price]") if asked.price else None
    if price is not None and price["currency"] != subscription["currency"]:
        raise Refusal("The currency of the price does not match the subscription's.", param="items[price]")
    if asked.id is None:
        if price is None:
            raise Refusal("Missing required param: items[price].", code="parameter_missing", param="items[price]")
        item = subscriptions.new_item(account, subscription, price, 1 if asked.quantity is None else asked.quantity)
        item["metadata"] = noted({}, asked.metadata)
        held.append(item)
        return item
    found = next((item for item in held if item["id"] == asked.id), None)
    if found is None:
        raise missing("subscription item", asked.id, param="items[id]", status=400)
    quantity = found["quantity"] if asked.quantity is None else asked.quantity
    if quantity < 0:
        raise Refusal("Invalid non-negative integer", code="parameter_invalid_integer", param="items[quantity]")
    same = (price is None or price["id"] == found["price"]["id"]) and quantity == found["quantity"]
    if credits and (asked.deleted or not same):
        lines.unused(account, found, at=at)
    if asked.deleted:
        held.remove(found)
        return None
    found["metadata"] = noted(found["metadata"], asked.metadata)
    found["quantity"] = quantity
    if price is not None:
        found |= {"price": price, "plan": catalog.plan(price)}
    return None if same else found


def _ending(account: Account, params: UpdateSubscription, subscription: Document) -> None:
    now, asked = account.now(subscription), params.model_fields_set
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    at: int | None
    if "cancel_at" in asked:
        chosen = {"min_period_end": min(ends), "max_period_end": max(ends), "": None}
        at = params.cancel_at if isinstance(params.cancel_at, int) else chosen[params.cancel_at or ""]
        if at is not None and at <= now:
            raise Refusal("`cancel_at` must be in the future.", param="cancel_at")
        _end(subscription, at=at, with_period=False, now=now)
    elif params.cancel_at_period_end:
        _end(subscription, at=min(ends), with_period=True, now=now)
    elif params.cancel_at_period_end is False and subscription["cancel_at_period_end"]:
        _end(subscription, at=None, with_period=False, now=now)
    elif subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = min(ends)


def _end(subscription: Document, *, at: int | None, with_period: bool, now: int) -> None:
    leaving = at is not None
    subscription |= {
        "cancel_at": at,
        "cancel_at_period_end": with_period,
        "canceled_at": (subscription["canceled_at"] or now) if leaving else None,
    }
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if leaving else None


def _pausing(account: Account, params: UpdateSubscription, subscription: Document) -> None:
    if "pause_collection" not in params.model_fields_set:
        return
    pause = params.pause_collection or None
    if pause and pause.resumes_at is not None and pause.resumes_at <= account.now(subscription):
        raise Refusal("`resumes_at` must be in the future.", param="pause_collection[resumes_at]")
    subscription["pause_collection"] = pause and pause.model_dump()


OPERATIONS = (Operation("subscriptions.update", "POST", "/v1/subscriptions/{id}", update, UpdateSubscription),)
