"""The Fake's invoices: what a period costs, what a change within it costs or gives back, and the whole document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.billing.processors import InvoicePreview, PreviewLine
from domain.billing.processors.fake import prices
from domain.billing.processors.fake.documents import Document, id_of, instant, items_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be billed, in minor units."""

    description: str
    price_id: str
    item_id: str
    quantity: int
    amount: int
    start: int
    end: int
    proration: bool = False


def period_lines(document: Document, *, start: int) -> list[Line]:
    """Bill the periods that begin at `start`; nothing while in trial."""
    return [
        Line(
            description=f"{item['quantity']} x {item['price']['id']}",
            price_id=item["price"]["id"],
            item_id=item["id"],
            quantity=item["quantity"],
            amount=0 if document["status"] == "trialing" else _cost(item),
            start=start,
            end=item["current_period_end"],
        )
        for item in items_of(document)
        if item["current_period_start"] == start
    ]


def unused(item: Document, *, at: int) -> Line:
    """Give back what the rest of the item's period has cost."""
    return _proration("Unused time on", item, -_rest(item, at), at=at)


def remaining(item: Document, *, at: int) -> Line:
    """Bill the rest of the item's period."""
    return _proration("Remaining time on", item, _rest(item, at), at=at)


def _rest(item: Document, at: int) -> int:
    """Compute what the rest of the item's period costs, rounded half up."""
    start, end = item["current_period_start"], item["current_period_end"]
    length = max(end - start, 1)
    return int((2 * _cost(item) * (end - min(max(at, start), end)) + length) // (2 * length))


def _cost(item: Document) -> int:
    return int(prices.whole(item["price"])["unit_amount"]) * int(item["quantity"])


def _proration(what: str, item: Document, amount: int, *, at: int) -> Line:
    return Line(
        description=f"{what} {item['quantity']} x {item['price']['id']}",
        price_id=item["price"]["id"],
        item_id=item["id"],
        quantity=item["quantity"],
        amount=amount,
        start=at,
        end=item["current_period_end"],
        proration=True,
    )


def invoice(
    subscription: Document, lines: Sequence[Line], *, number: int, reason: str, credit: int, at: int
) -> Document:
    """Write an open invoice for a subscription; `credit` is what the customer has in advance."""
    id = id_of("in", subscription["id"], number)
    total = sum(line.amount for line in lines)
    due = max(total - credit, 0)
    return {
        "id": id,
        "object": "invoice",
        "amount_due": due,
        "amount_paid": 0,
        "amount_remaining": due,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": at,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "lines": {
            "object": "list",
            "has_more": False,
            "url": f"/v1/invoices/{id}/lines",
            "data": [_written(subscription, id, place, line) for place, line in enumerate(lines)],
        },
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {"metadata": {}, "subscription": subscription["id"]},
        },
        "status": "open",
        "total": total,
    }


def _written(subscription: Document, invoice_id: str, place: int, line: Line) -> Document:
    details = {"proration": line.proration, "subscription": subscription["id"], "subscription_item": line.item_id}
    return {
        "id": id_of("il", invoice_id, place),
        "object": "line_item",
        "amount": line.amount,
        "currency": subscription["currency"],
        "description": line.description,
        "livemode": False,
        "parent": {"type": "subscription_item_details", "subscription_item_details": details},
        "period": {"start": line.start, "end": line.end},
        "pricing": {"type": "price_details", "price_details": {"price": line.price_id}},
        "quantity": line.quantity,
    }


def preview(currency: str, lines: Iterable[Line], *, credit: int) -> InvoicePreview:
    """Say what an invoice with these lines would come to."""
    read = tuple(
        PreviewLine(
            description=line.description,
            price_id=line.price_id,
            quantity=line.quantity,
            amount=line.amount,
            proration=line.proration,
            period_start=instant(line.start),
            period_end=instant(line.end),
        )
        for line in lines
    )
    total = sum(line.amount for line in read)
    return InvoicePreview(currency=currency, lines=read, total=total, amount_due=max(total - credit, 0))
