"""What may be asked about invoices and done to them."""

import copy

from tests.peers.stripe import cancelling, cards, invoices, lines, payments, subscriptions, updating
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Paged, Params
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.refusals import Refusal


class ListInvoices(Paged):
    customer: str | None = None
    status: str | None = None
    subscription: str | None = None


class Pay(Asked):
    off_session: bool = True
    payment_method: str | None = None


class Finalize(Asked):
    auto_advance: bool = True


class PreviewDetails(Params):
    items: list[updating.ItemParams] | None = None
    proration_behavior: subscriptions.Proration = "create_prorations"
    proration_date: int | None = None


class Preview(Asked):
    customer: str | None = None
    subscription: str
    subscription_details: PreviewDetails = PreviewDetails()


class ListPayments(Paged):
    invoice: str | None = None


def listed(account: Account, params: ListInvoices) -> Document:
    found = [
        invoice
        for invoice in account.all("invoice")
        if params.customer in {None, invoice["customer"]}
        and params.status in {None, invoice["status"]}
        and params.subscription in {None, invoice["parent"]["subscription_details"]["subscription"]}
    ]
    return page(found, params, url="/v1/invoices")


def list_lines(account: Account, params: Paged, id: str) -> Document:
    held = account.get("invoice", id)["lines"]["data"]
    return page(held, params, url=f"/v1/invoices/{id}/lines", newest_first=False)


def list_payments(account: Account, params: ListPayments) -> Document:
    found = [payment for payment in account.all("invoice_payment") if params.invoice in {None, payment["invoice"]}]
    return page(found, params, url="/v1/invoice_payments")


def pay(account: Account, params: Pay, id: str) -> Document:
    """Pay an open invoice now; a bank that says no leaves a failed attempt behind."""
    invoice = account.get("invoice", id)
    if invoice["status"] == "paid":
        raise Refusal("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        invoices.finalize(account, invoice)
    if invoice["status"] not in {"open", "paid", "uncollectible"}:
        raise Refusal(f"You cannot pay an invoice that is {invoice['status']}.")
    method = None
    if params.payment_method is not None:
        customer = account.customer(invoice["customer"])
        cards.of_customer(account, params.payment_method, customer, param="payment_method")
        method = account.get("payment_method", params.payment_method)
    refusal = payments.collect(account, invoice, method=method, automatic=False)
    if refusal is not None:
        raise refusal
    return invoice


def finalize(account: Account, params: Finalize, id: str) -> Document:
    """Finalize a draft; the charge follows when the schedule says so, or with `pay`."""
    invoice = account.get("invoice", id)
    if invoice["status"] != "draft":
        raise Refusal("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    invoices.finalize(account, invoice)
    if params.auto_advance and invoice["status"] == "open":
        invoice["next_payment_attempt"] = account.now(invoice)
    return invoice


def void(account: Account, _: Asked, id: str) -> Document:
    invoice = account.get("invoice", id)
    invoices.close(account, invoice, "void")
    return invoice


def mark_uncollectible(account: Account, _: Asked, id: str) -> Document:
    invoice = account.get("invoice", id)
    invoices.close(account, invoice, "uncollectible")
    return invoice


def preview(account: Account, params: Preview) -> Document:
    """Compute the invoice that a change would lead to, in a copy of everything."""
    before = account.get("subscription", params.subscription, param="subscription")
    if params.customer not in {None, before["customer"]}:
        raise Refusal("The subscription does not belong to the customer.", param="customer")
    if cancelling.ended(before):
        raise Refusal("No upcoming invoices for customer", code="invoice_upcoming_none")
    copied = copy.deepcopy(account.tables)
    imagined = Account(account.clock, tables=copied, time=account.time)
    subscription = copied["subscription"][params.subscription]
    details = params.subscription_details
    change = updating.ItemsParams(
        items=details.items,
        proration_behavior=details.proration_behavior,
        proration_date=details.proration_date,
    )
    at_once = updating.change_items(imagined, change, subscription)
    billed = lines.taken(imagined, subscription)
    if not at_once:
        billed += [_coming(imagined, subscription, item) for item in subscription["items"]["data"]]
    id = f"upcoming_in_{subscription['id'].removeprefix('sub_')}"
    reason = "subscription_update" if at_once else "upcoming"
    return invoices.drafted(imagined, subscription, id=id, reason=reason, lines=billed)


def _coming(account: Account, subscription: Document, item: Document) -> Document:
    start = item["current_period_end"]
    end = subscriptions.period_after(subscription, item["price"], start)
    return lines.period(account, item, start=start, end=end)


OPERATIONS = (
    Operation("invoices.list", "GET", "/v1/invoices", listed, ListInvoices),
    Operation("invoices.create_preview", "POST", "/v1/invoices/create_preview", preview, Preview),
    Operation("invoices.retrieve", "GET", "/v1/invoices/{id}", retrieving("invoice")),
    Operation("invoices.line_items.list", "GET", "/v1/invoices/{id}/lines", list_lines, Paged),
    Operation("invoices.finalize_invoice", "POST", "/v1/invoices/{id}/finalize", finalize, Finalize),
    Operation("invoices.pay", "POST", "/v1/invoices/{id}/pay", pay, Pay),
    Operation("invoices.void_invoice", "POST", "/v1/invoices/{id}/void", void),
    Operation("invoices.mark_uncollectible", "POST", "/v1/invoices/{id}/mark_uncollectible", mark_uncollectible),
    Operation("invoice_payments.list", "GET", "/v1/invoice_payments", list_payments, ListPayments),
    Operation("invoice_payments.retrieve", "GET", "/v1/invoice_payments/{id}", retrieving("invoice_payment")),
)
