"""The end of a subscription: at once, when an end that was asked for comes, or because nobody pays."""

from tests.peers.stripe import invoices, lines
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Params
from tests.peers.stripe.operations import Operation
from tests.peers.stripe.refusals import missing

ENDED = {"canceled", "incomplete_expired"}


class Details(Params):
    comment: str | None = None
    feedback: str | None = None


class Cancel(Asked):
    cancellation_details: Details | None = None
    invoice_now: bool = False
    prorate: bool = False


def ended(subscription: Document) -> bool:
    """Say whether it is over for good."""
    return subscription["status"] in ENDED


def period_end(subscription: Document) -> int:
    """Give the instant at which the first of its items is renewed."""
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def cancel(account: Account, params: Cancel, id: str) -> Document:
    subscription = account.get("subscription", id)
    if ended(subscription):
        raise missing("subscription", id)
    now = account.now(subscription)
    if params.prorate and subscription["status"] in {"active", "past_due"}:
        for item in subscription["items"]["data"]:
            lines.unused(account, item, at=now)
    final = lines.taken(account, subscription) if params.invoice_now else []
    if final:
        invoice = invoices.make(account, subscription, reason="manual", lines=final)
        invoices.finalize(account, invoice)
    note(subscription, params.cancellation_details)
    end(account, subscription, reason="cancellation_requested")
    return subscription


def note(subscription: Document, details: Details | None) -> None:
    """Write down what the customer said about leaving."""
    if details is not None:
        subscription["cancellation_details"] |= details.model_dump(exclude_unset=True)


def end(account: Account, subscription: Document, *, reason: str | None, keep_prorations: bool = False) -> None:
    """End a subscription now; what it owes is not collected any more, and a first payment is called off."""
    now = account.now(subscription)
    never_paid = subscription["status"] == "incomplete"
    with account.changing(subscription, "customer.subscription.deleted"):
        subscription |= {
            "canceled_at": subscription["canceled_at"] or now,
            "ended_at": now,
            "pause_collection": None,
            "pending_update": None,
            "status": "canceled",
            "status_details": None,
        }
        subscription["cancellation_details"]["reason"] = subscription["cancellation_details"]["reason"] or reason
    if keep_prorations and (left := lines.taken(account, subscription)):
        at = now + 3_600
        invoices.make(account, subscription, reason="subscription_cycle", lines=left, finalizes_at=at)
        return
    lines.drop_pending(account, subscription)
    if never_paid:
        void_first(account, subscription)
    invoices.stop(account, subscription)


def expire(account: Account, subscription: Document) -> None:
    """Give up a subscription whose first payment never came."""
    with account.changing(subscription):
        subscription |= {"ended_at": account.now(subscription), "status": "incomplete_expired"}
    void_first(account, subscription)


def void_first(account: Account, subscription: Document) -> None:
    """Call off the first payment, if it still waits."""
    for invoice in invoices.of_subscription(account, subscription):
        if invoice["status"] == "open":
            invoices.close(account, invoice, "void")


OPERATIONS = (Operation("subscriptions.cancel", "DELETE", "/v1/subscriptions/{id}", cancel, Cancel),)
