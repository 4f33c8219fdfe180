"""The lines of invoices: whole periods, and the prorations that wait as invoice items until an invoice takes them."""

from decimal import ROUND_HALF_UP, Decimal

from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.blanks import LINE, blank


def period(account: Account, item: Document, *, start: int, end: int, trial: bool = False) -> Document:
    """Make the line for one whole period of an item; a trial costs nothing."""
    name = account.tables["product"][item["price"]["product"]]["name"]
    told = f"Trial period for {name}" if trial else f"{item['quantity']} x {name}"
    amount = 0 if trial else amount_of(item)
    return _line(account, item, amount=amount, start=start, end=end, description=told, invoice_item=None)


def amount_of(item: Document) -> int:
    """Give what a whole period of an item costs."""
    return int(item["price"]["unit_amount"]) * int(item["quantity"])


def _line(
    account: Account,
    item: Document,
    *,
    amount: int,
    start: int,
    end: int,
    description: str,
    invoice_item: str | None,
) -> Document:
    details = {
        "invoice_item": invoice_item,
        "proration": invoice_item is not None,
        "proration_details": {"credited_items": None} if invoice_item else None,
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return {
        **blank(LINE),
        "id": account.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": item["price"]["currency"],
        "description": description,
        "discountable": invoice_item is None,
        "livemode": False,
        "metadata": item["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": details,
            "type": "subscription_item_details",
        },
        "period": {"start": start, "end": end},
        "pricing": _pricing(item),
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "subscription": item["subscription"],
        "subtotal": amount,
    }


def _pricing(item: Document) -> Document:
    price = item["price"]
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def unused(account: Account, item: Document, *, at: int) -> None:
    """Credit what is left of the item's period."""
    _prorate(account, item, at=at, sign=-1, told="Unused time on")


def remaining(account: Account, item: Document, *, at: int) -> None:
    """Charge what is left of the item's period."""
    _prorate(account, item, at=at, sign=1, told="Remaining time on")


def _prorate(account: Account, item: Document, *, at: int, sign: int, told: str) -> None:
    start, end = item["current_period_start"], item["current_period_end"]
    share = Decimal(max(0, end - max(at, start))) / Decimal(max(1, end - start))
    amount = sign * int((share * amount_of(item)).quantize(Decimal(1), ROUND_HALF_UP))
    subscription = account.tables["subscription"][item["subscription"]]
    name = account.tables["product"][item["price"]["product"]]["name"]
    prorated: Document = {
        "id": account.new_id("ii"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": item["price"]["currency"],
        "customer": subscription["customer"],
        "date": account.now(subscription),
        "description": f"{told} {item['quantity']} x {name}",
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": {
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        "period": {"start": at, "end": end},
        "pricing": _pricing(item),
        "proration": True,
        "proration_details": {"credited_items": None, "discount_amounts": []},
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "tax_rates": [],
        "test_clock": subscription["test_clock"],
    }
    account.add(prorated)
    account.emit("invoiceitem.created", prorated)


def pending(account: Account, subscription: Document) -> list[Document]:
    """List the prorations of a subscription that no invoice has taken yet."""
    return [
        item
        for item in account.all("invoiceitem")
        if item["invoice"] is None and item["parent"]["subscription_details"]["subscription"] == subscription["id"]
    ]


def drop_pending(account: Account, subscription: Document) -> None:
    """Forget prorations that will never be invoiced."""
    for item in pending(account, subscription):
        del account.tables["invoiceitem"][item["id"]]


def taken(account: Account, subscription: Document) -> list[Document]:
    """Make lines of the prorations that wait; an invoice that takes them marks them as its own."""
    return [_of_invoice_item(account, item) for item in pending(account, subscription)]


def _of_invoice_item(account: Account, prorated: Document) -> Document:
    price = account.tables["price"][prorated["pricing"]["price_details"]["price"]]
    parent = prorated["parent"]["subscription_details"]
    item = {
        "id": parent["subscription_item"],
        "subscription": parent["subscription"],
        "price": price,
        "quantity": prorated["quantity"],
        "metadata": {},
    }
    return _line(
        account,
        item,
        amount=prorated["amount"],
        start=prorated["period"]["start"],
        end=prorated["period"]["end"],
        description=prorated["description"],
        invoice_item=prorated["id"],
    )
