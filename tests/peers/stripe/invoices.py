"""Invoices as they go from draft to open to paid, void or uncollectible. Payments are attempted elsewhere."""

from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.blanks import INVOICE, blank
from tests.peers.stripe.operations import whole
from tests.peers.stripe.refusals import Refusal

SELF = {"type": "self"}


def make(
    account: Account, subscription: Document, *, reason: str, lines: list[Document], finalizes_at: int | None = None
) -> Document:
    """Make a draft out of these lines; Stripe finalizes it by itself at `finalizes_at`, if that is given."""
    invoice = drafted(account, subscription, id=account.new_id("in"), reason=reason, lines=lines)
    invoice |= {"automatically_finalizes_at": finalizes_at, "auto_advance": True}
    for line in lines:
        taken = line["parent"]["subscription_item_details"]["invoice_item"]
        if taken is not None:
            account.tables["invoiceitem"][taken]["invoice"] = invoice["id"]
    account.add(invoice)
    with account.changing(subscription):
        subscription["latest_invoice"] = invoice["id"]
    account.emit("invoice.created", invoice)
    return invoice


def drafted(account: Account, subscription: Document, *, id: str, reason: str, lines: list[Document]) -> Document:
    """Give the document of a draft and keep it nowhere, as a preview wants it."""
    customer = account.tables["customer"][subscription["customer"]]
    now, total = account.now(subscription), sum(line["amount"] for line in lines)
    due = max(0, total + customer["balance"]) if total > 0 else 0
    return {
        **blank(INVOICE),
        "id": id,
        "object": "invoice",
        "amount_due": due,
        "amount_remaining": due,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": now,
        "currency": subscription["currency"],
        "issuer": SELF,
        "lines": whole([line | {"invoice": id} for line in lines], url=f"/v1/invoices/{id}/lines"),
        "livemode": False,
        "parent": _parent(subscription),
        **_period(lines, now),
        **_customer(customer),
        "starting_balance": customer["balance"],
        "status": "draft",
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": subscription["test_clock"],
        "total": total,
        "total_excluding_tax": total,
        "webhooks_delivered_at": now,
    }


def _parent(subscription: Document) -> Document:
    return {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
            "subscription_proration_date": None,
        },
        "type": "subscription_details",
    }


def _period(lines: list[Document], now: int) -> Document:
    # What an invoice calls its period is the one that has just ended, which is why nobody should read it.
    whole_periods = [line["period"]["start"] for line in lines if line["discountable"]]
    return {"period_start": min(whole_periods, default=now), "period_end": min(whole_periods, default=now)}


def _customer(customer: Document) -> Document:
    return {
        "customer": customer["id"],
        "customer_address": None,
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": None,
        "customer_tax_exempt": "none",
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
    }


def finalize(account: Account, invoice: Document) -> None:
    """Fix the amounts, use up the customer's balance, and open the invoice; one that asks for nothing is paid."""
    now, customer = account.now(invoice), account.tables["customer"][invoice["customer"]]
    total, balance = invoice["total"], customer["balance"]
    ending = balance + total if total < 0 else min(0, balance + total)
    due = max(0, balance + total) if total > 0 else 0
    with account.changing(customer):
        customer |= {
            "balance": ending,
            "currency": invoice["currency"],
            "next_invoice_sequence": customer["next_invoice_sequence"] + 1,
        }
    with account.changing(invoice, "invoice.finalized"):
        invoice |= {
            "amount_due": due,
            "amount_remaining": due,
            "automatically_finalizes_at": None,
            "effective_at": now,
            "ending_balance": ending,
            "hosted_invoice_url": f"{account.url}/i/{invoice['id']}",
            "invoice_pdf": f"{account.url}/i/{invoice['id']}/pdf",
            "number": f"{customer['invoice_prefix']}-{customer['next_invoice_sequence'] - 1:04d}",
            "starting_balance": balance,
            "status": "open",
        }
        invoice["status_transitions"]["finalized_at"] = now
        if due:
            _open_payment(account, invoice)
    if not due:
        mark_paid(account, invoice)


def _open_payment(account: Account, invoice: Document) -> None:
    intent = account.add(_intent(account, invoice))
    account.emit("payment_intent.created", intent)
    account.add(
        {
            "id": account.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": account.now(invoice),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def _intent(account: Account, invoice: Document) -> Document:
    id = account.new_id("pi")
    return {
        "id": id,
        "object": "payment_intent",
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_peer",
        "confirmation_method": "automatic",
        "created": account.now(invoice),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "description": "Subscription creation" if invoice["billing_reason"] == "subscription_create" else None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "payment_record": None,
        "review": None,
        "setup_future_usage": "off_session",
        "source": None,
        "status": "requires_payment_method",
    }


def payment_of(account: Account, invoice: Document) -> tuple[Document, Document] | None:
    """Give the invoice's payment and its intent; None while it is a draft or when it asks for nothing."""
    for payment in account.all("invoice_payment"):
        if payment["invoice"] == invoice["id"]:
            return payment, account.tables["payment_intent"][payment["payment"]["payment_intent"]]
    return None


def of_intent(account: Account, intent: Document) -> Document:
    """Give the invoice that an intent pays."""
    [invoice] = [
        account.tables["invoice"][payment["invoice"]]
        for payment in account.all("invoice_payment")
        if payment["payment"]["payment_intent"] == intent["id"]
    ]
    return invoice


def mark_paid(account: Account, invoice: Document) -> None:
    """Close an invoice that is paid, or that asks for nothing."""
    now = account.now(invoice)
    invoice |= {
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "auto_advance": False,
        "next_payment_attempt": None,
        "status": "paid",
    }
    invoice["status_transitions"]["paid_at"] = now
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def close(account: Account, invoice: Document, status: str) -> None:
    """Void an invoice or give it up as uncollectible; its payment is cancelled when it is void."""
    _require(invoice, "open", *(["uncollectible"] if status == "void" else ["draft"]))
    stamp = {"void": "voided_at", "uncollectible": "marked_uncollectible_at"}[status]
    with account.changing(invoice, {"void": "invoice.voided"}.get(status, "invoice.marked_uncollectible")):
        invoice |= {
            "auto_advance": False,
            "automatically_finalizes_at": None,
            "next_payment_attempt": None,
            "status": status,
        }
        invoice["status_transitions"][stamp] = account.now(invoice)
    paid_with = payment_of(account, invoice)
    if paid_with is not None and status == "void":
        payment, intent = paid_with
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = account.now(invoice)
        with account.changing(intent, "payment_intent.canceled"):
            intent |= {
                "canceled_at": account.now(invoice),
                "cancellation_reason": "void_invoice",
                "status": "canceled",
            }


def _require(invoice: Document, *statuses: str) -> None:
    if invoice["status"] not in statuses:
        wanted = " or ".join(statuses)
        raise Refusal(f"You can only do this with an invoice that is {wanted}; this one is {invoice['status']}.")


def stop(account: Account, subscription: Document) -> None:
    """Stop collecting by itself what a subscription still owes."""
    for invoice in of_subscription(account, subscription):
        if invoice["status"] in {"draft", "open"}:
            with account.changing(invoice):
                invoice |= {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}


def of_subscription(account: Account, subscription: Document) -> list[Document]:
    """List a subscription's invoices, oldest first."""
    return [
        invoice
        for invoice in account.all("invoice")
        if invoice["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]
