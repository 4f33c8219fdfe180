"""Attempts to pay an invoice, and what they make of its subscription."""

from tests.peers.stripe import cancelling, cards, invoices, pending, periods
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked
from tests.peers.stripe.operations import Operation, retrieving
from tests.peers.stripe.refusals import Refusal, card_error

AUTHENTICATION = "This payment requires authentication."
NO_CARD = "This customer has no attached payment source or default payment method."
ERROR = ("code", "decline_code", "message", "type")  # what an intent repeats of the error


class Confirm(Asked):
    """What the browser's library sends, with the publishable key and the client secret."""

    payment_method: str | None = None
    client_secret: str | None = None
    return_url: str | None = None
    use_stripe_sdk: bool = False


def subscription_of(account: Account, invoice: Document) -> Document:
    """Give the subscription that an invoice is for."""
    id = invoice["parent"]["subscription_details"]["subscription"]
    return account.tables["subscription"][id]


def collect(
    account: Account, invoice: Document, *, method: Document | None = None, automatic: bool = True
) -> Refusal | None:
    """Try to pay an open invoice with this card or the default one; give back the bank's no, or None when it is paid.

    An automatic attempt that fails is followed by the next one of the schedule.
    """
    if invoice["status"] != "open":
        return None
    paid_with = invoices.payment_of(account, invoice)
    assert paid_with is not None
    _, intent = paid_with
    customer = account.tables["customer"][invoice["customer"]]
    card = method or cards.default(account, customer, subscription_of(account, invoice))
    invoice["attempt_count"] += int(automatic or not invoice["attempted"])
    invoice["attempted"] = True
    refusal = _charge(account, intent, card)
    if refusal is None:
        assert card is not None
        settle(account, invoice, card)
        return None
    _failed(account, invoice, intent, automatic=automatic)
    return refusal


def _charge(
    account: Account, intent: Document, card: Document | None, *, authenticated: bool = False
) -> Refusal | None:
    """Ask the bank, write into the intent what it says, and give back its no."""
    if card is None:
        return Refusal(NO_CARD, code="resource_missing")
    behaviour = cards.behind(card)
    if behaviour.charged is not None:
        refusal = cards.declined(behaviour.charged, intent=intent["id"])
        told = {name: refusal.error[name] for name in ERROR if refusal.error.get(name) is not None}
        intent |= {"last_payment_error": told | {"payment_method": card}, "status": "requires_payment_method"}
        account.emit("payment_intent.payment_failed", intent)
        return refusal
    if behaviour.confirm and not authenticated:
        url = f"{account.url}/authenticate/{intent['id']}"
        action = {"type": "redirect_to_url", "redirect_to_url": {"return_url": None, "url": url}}
        intent |= {"next_action": action, "payment_method": card["id"], "status": "requires_action"}
        account.emit("payment_intent.requires_action", intent)
        return card_error("subscription_payment_intent_requires_action", AUTHENTICATION, intent=intent["id"])
    intent |= {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "next_action": None,
        "payment_method": card["id"],
        "status": "succeeded",
    }
    account.emit("payment_intent.succeeded", intent)
    return None


def settle(account: Account, invoice: Document, card: Document) -> None:
    """Close a paid invoice, and let its subscription be what its latest invoice makes it."""
    paid_with = invoices.payment_of(account, invoice)
    assert paid_with is not None
    payment, intent = paid_with
    payment |= {"status": "paid", "amount_paid": intent["amount"]}
    payment["status_transitions"]["paid_at"] = account.now(invoice)
    invoices.mark_paid(account, invoice)
    subscription = subscription_of(account, invoice)
    customer = account.tables["customer"][invoice["customer"]]
    with account.changing(customer):
        customer["delinquent"] = False
    with account.changing(subscription):
        saves = (subscription["payment_settings"] or {}).get("save_default_payment_method") == "on_subscription"
        if saves:
            subscription["default_payment_method"] = card["id"]
        latest = subscription["latest_invoice"] == invoice["id"]
        if latest and subscription["pending_update"] is not None:
            pending.apply(account, subscription)
        if latest and subscription["status"] in {"incomplete", "past_due", "unpaid"}:
            subscription["status"] = "active"


def _failed(account: Account, invoice: Document, intent: Document, *, automatic: bool) -> None:
    subscription = subscription_of(account, invoice)
    first = invoice["billing_reason"] == "subscription_create"
    if automatic and not first:
        wait = dict(enumerate(account.dunning.retry_days, start=1)).get(invoice["attempt_count"])
        after = None if wait is None else account.now(invoice) + wait * periods.DAY
        invoice |= {"next_payment_attempt": after, "auto_advance": after is not None}
    account.emit("invoice.payment_failed", invoice)
    if intent["status"] == "requires_action":
        account.emit("invoice.payment_action_required", invoice)
    if first:
        return
    customer = account.tables["customer"][invoice["customer"]]
    with account.changing(customer):
        customer["delinquent"] = True
    with account.changing(subscription):
        if subscription["status"] in {"active", "trialing"}:
            subscription["status"] = "past_due"
    if automatic and invoice["next_payment_attempt"] is None:
        _exhausted(account, subscription)


def _exhausted(account: Account, subscription: Document) -> None:
    if cancelling.ended(subscription):
        return
    match account.dunning.end:
        case "cancel":
            cancelling.end(account, subscription, reason="payment_failed")
        case "mark_unpaid":
            with account.changing(subscription):
                subscription["status"] = "unpaid"
        case _:
            pass


def confirm(account: Account, params: Confirm, id: str) -> Document:
    """Pay as the browser does, with a card that its owner has just typed in."""
    intent = account.get("payment_intent", id)
    if params.client_secret not in {None, intent["client_secret"]}:
        raise Refusal(
            "The client_secret provided does not match.", code="payment_intent_invalid", param="client_secret"
        )
    invoice, customer = _awaited(account, intent)
    chosen = params.payment_method or intent["payment_method"]
    if chosen is None:
        raise Refusal("You cannot confirm this PaymentIntent without a payment method.", param="payment_method")
    if chosen in cards.CARDS:
        card = cards.make(account, chosen, customer)
        account.emit("payment_method.attached", card)
    else:
        card = account.get("payment_method", chosen, param="payment_method")
    refusal = collect(account, invoice, method=card, automatic=False)
    if refusal is not None and intent["status"] != "requires_action":
        raise refusal
    return intent


def authenticate(account: Account, id: str) -> Document:
    """Let the owner of the card confirm a payment that waits for it, as they do on their bank's page."""
    intent = account.get("payment_intent", id)
    invoice, _ = _awaited(account, intent)
    card = account.tables["payment_method"][intent["payment_method"]]
    refusal = _charge(account, intent, card, authenticated=True)
    if refusal is not None:
        raise refusal
    settle(account, invoice, card)
    return intent


def _awaited(account: Account, intent: Document) -> tuple[Document, Document]:
    if intent["status"] not in {"requires_payment_method", "requires_confirmation", "requires_action"}:
        told = f"This PaymentIntent has a status of {intent['status']} and cannot be confirmed."
        raise Refusal(told, code="payment_intent_unexpected_state")
    invoice = invoices.of_intent(account, intent)
    return invoice, account.customer(invoice["customer"])


OPERATIONS = (
    Operation("payment_intents.retrieve", "GET", "/v1/payment_intents/{id}", retrieving("payment_intent")),
    Operation("payment_intents.confirm", "POST", "/v1/payment_intents/{id}/confirm", confirm, Confirm),
)
