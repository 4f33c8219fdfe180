"""What a subscription does by itself: a trial ends, a period ends and the next is billed, a pause is over."""

from tests.peers.stripe import cancelling, cards, invoices, lines, payments, subscriptions
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.periods import HOUR


def warn_of_trial_end(account: Account, subscription: Document) -> None:
    """Tell three days before that a trial is going to end."""
    account.marks.add(f"{subscription['id']} {subscription['trial_end']}")
    account.emit("customer.subscription.trial_will_end", subscription)


def end_trial(account: Account, subscription: Document, *, finalize: bool = False) -> None:
    """End a trial; without a card it goes as `trial_settings` say. `finalize`: bill at once and not in an hour."""
    now = account.now(subscription)
    customer = account.tables["customer"][subscription["customer"]]
    if cards.default(account, customer, subscription) is None:
        match subscription["trial_settings"]["end_behavior"]["missing_payment_method"]:
            case "cancel":
                cancelling.end(account, subscription, reason=None)
                return
            case "pause":
                pause(account, subscription, why="trial_end_without_payment_method")
                return
            case _:
                pass
    with account.changing(subscription):
        subscription |= {"billing_cycle_anchor": now, "status": "active", "trial_end": now}
        _bill(account, subscription, subscription["items"]["data"], now=now, finalize=finalize)


def renew(account: Account, subscription: Document) -> None:
    """Begin the next period of the items whose period is over, and bill it with the prorations that wait."""
    now = account.now(subscription)
    due = [item for item in subscription["items"]["data"] if item["current_period_end"] <= now]
    with account.changing(subscription):
        _bill(account, subscription, due, now=now, finalize=False)


def _bill(account: Account, subscription: Document, items: list[Document], *, now: int, finalize: bool) -> None:
    for item in items:
        item["current_period_start"] = now
        item["current_period_end"] = subscriptions.period_after(subscription, item["price"], now)
    billed = [*lines.taken(account, subscription), *(_line(account, item) for item in items)]
    # A subscription that is given up as unpaid is still invoiced, and nobody collects it.
    collects = subscription["status"] != "unpaid"
    at = now + HOUR if collects and not finalize else None
    invoice = invoices.make(account, subscription, reason="subscription_cycle", lines=billed, finalizes_at=at)
    if not collects:
        invoice["auto_advance"] = False
    if finalize:
        invoices.finalize(account, invoice)
        payments.collect(account, invoice)


def _line(account: Account, item: Document) -> Document:
    return lines.period(account, item, start=item["current_period_start"], end=item["current_period_end"])


def advance_invoice(account: Account, invoice: Document) -> None:
    """Finalize a draft whose hour is over and charge it, unless collection is paused."""
    pause = payments.subscription_of(account, invoice)["pause_collection"]
    behavior = pause["behavior"] if pause else None
    if behavior == "keep_as_draft":
        with account.changing(invoice):
            invoice |= {"auto_advance": False, "automatically_finalizes_at": None}
        return
    invoices.finalize(account, invoice)
    if invoice["status"] == "open" and behavior is not None:
        invoices.close(account, invoice, {"mark_uncollectible": "uncollectible"}.get(behavior, behavior))
    payments.collect(account, invoice)


def pause(account: Account, subscription: Document, *, why: str) -> None:
    """Pause a subscription as a whole: it is not renewed and grants nothing."""
    with account.changing(subscription, "customer.subscription.paused"):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "subscription": {"type": why},
                "transitioned_at": account.now(subscription),
                "type": "subscription",
            }
        }
    invoices.stop(account, subscription)


def collect_again(account: Account, subscription: Document) -> None:
    """End a pause of collection whose instant has come."""
    with account.changing(subscription):
        subscription["pause_collection"] = None
