"""Pausing a subscription as a whole and resuming it; a pause of collection alone is an update."""

from typing import Literal

from tests.peers.stripe import invoices, lines, payments, renewing, subscriptions
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Params
from tests.peers.stripe.operations import Operation
from tests.peers.stripe.refusals import Refusal


class UnusedTime(Params):
    type: Literal["none", "now"]


class BillFor(Params):
    unused_time_from: UnusedTime | None = None


class PauseSubscription(Asked):
    type: Literal["subscription"] = "subscription"
    bill_for: BillFor | None = None
    invoicing_behavior: Literal["pending_invoice_item"] = "pending_invoice_item"


class Anchor(Params):
    type: Literal["now", "unchanged"]


class Resume(Asked):
    billing_cycle_anchor: Anchor | None = None
    payment_behavior: Literal["resume_on_payment_attempt"] = "resume_on_payment_attempt"
    proration_behavior: Literal["create_prorations", "none"] = "create_prorations"


def pause(account: Account, params: PauseSubscription, id: str) -> Document:
    """Pause; what is left of the period is credited unless the request says not to."""
    subscription = account.get("subscription", id)
    if subscription["status"] not in {"active", "trialing", "past_due"}:
        raise Refusal(f"You cannot pause a subscription that is {subscription['status']}.")
    unused = params.bill_for.unused_time_from if params.bill_for else None
    if subscription["status"] == "active" and (unused is None or unused.type == "now"):
        for item in subscription["items"]["data"]:
            lines.unused(account, item, at=account.now(subscription))
    renewing.pause(account, subscription, why="pause_requested")
    return subscription


def resume(account: Account, params: Resume, id: str) -> Document:
    """Resume what is paused: a new period is billed at once, or the old cycle goes on for what is left of it."""
    subscription = account.get("subscription", id)
    if subscription["status"] != "paused":
        raise Refusal("You can only resume a subscription that is paused.")
    now = account.now(subscription)
    restarts = params.billing_cycle_anchor is None or params.billing_cycle_anchor.type == "now"
    with account.changing(subscription, "customer.subscription.resumed"):
        subscription |= {"status": "active", "status_details": None}
        if restarts:
            subscription["billing_cycle_anchor"] = now
        for item in subscription["items"]["data"]:
            item["current_period_end"] = subscriptions.period_after(subscription, item["price"], now)
            if restarts:
                item["current_period_start"] = now
            elif params.proration_behavior != "none":
                lines.remaining(account, item, at=now)
    if restarts:
        _bill(account, subscription)
    return subscription


def _bill(account: Account, subscription: Document) -> None:
    billed = [
        *lines.taken(account, subscription),
        *(
            lines.period(account, item, start=item["current_period_start"], end=item["current_period_end"])
            for item in subscription["items"]["data"]
        ),
    ]
    invoice = invoices.make(account, subscription, reason="subscription_update", lines=billed)
    invoices.finalize(account, invoice)
    payments.collect(account, invoice)


OPERATIONS = (
    Operation("subscriptions.pause", "POST", "/v1/subscriptions/{id}/pause", pause, PauseSubscription),
    Operation("subscriptions.resume", "POST", "/v1/subscriptions/{id}/resume", resume, Resume),
)
