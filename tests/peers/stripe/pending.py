"""Changes that are held back until their invoice is paid, and given up after 23 hours."""

from tests.peers.stripe import invoices
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.periods import HOUR

LASTS = 23 * HOUR


def hold(account: Account, subscription: Document, items: list[Document]) -> None:
    """Hold a change of the items back; the items themselves stay as they are."""
    subscription["pending_update"] = {
        "billing_cycle_anchor": None,
        "expires_at": account.now(subscription) + LASTS,
        "subscription_items": items,
        "trial_end": None,
        "trial_from_plan": None,
    }


def apply(account: Account, subscription: Document) -> None:
    """Let the change take effect."""
    subscription["items"]["data"] = subscription["pending_update"]["subscription_items"]
    subscription["pending_update"] = None
    account.emit("customer.subscription.pending_update_applied", subscription)


def drop(account: Account, subscription: Document) -> None:
    """Give up the change that is held back, if there is one, and void its invoice."""
    if subscription["pending_update"] is None:
        return
    subscription["pending_update"] = None
    latest = account.tables["invoice"][subscription["latest_invoice"]]
    if latest["status"] == "open":
        invoices.close(account, latest, "void")


def expire(account: Account, subscription: Document) -> None:
    """Give up a change that nobody paid for."""
    with account.changing(subscription, "customer.subscription.pending_update_expired"):
        drop(account, subscription)
