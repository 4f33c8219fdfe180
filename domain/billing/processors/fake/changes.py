"""What a change of an item makes of a subscription, and the lines that it adds to an invoice."""

from collections.abc import Sequence

from domain.billing.processors import ItemChange, ProcessorRefused
from domain.billing.processors.fake import documents, invoices, prices
from domain.billing.processors.fake.documents import Document, Prices, items_of
from domain.billing.processors.fake.invoices import Line
from domain.billing.states import Proration


def changed(
    document: Document, change: ItemChange, known: Prices, *, proration: Proration, at: int
) -> tuple[Document, list[Line]]:
    """Write the subscription as it is after a change at this second, with the lines that bill the difference.

    Raises:
        ProcessorRefused: there is no such item, another has that price, or the price is in another currency.
    """
    before = next((item for item in items_of(document) if item["id"] == change.item_id), None)
    others = {item["price"]["id"] for item in items_of(document) if item is not before}
    if before is None or change.price_id in others or change.quantity < 0:
        raise ProcessorRefused("There is no such item, or the price is bought already.", code="resource_missing")
    item = before | {"price": known[change.price_id], "quantity": change.quantity}
    if change.price_id == before["price"]["id"]:
        item["price"] = before["price"]
    require_one_currency([item], document["currency"])
    after = documents.with_items(document, [item if one is before else one for one in items_of(document)])
    in_trial = document["status"] == "trialing"
    if prices.rhythm(item["price"]) != prices.rhythm(before["price"]) and not in_trial:
        after = documents.begun_anew(after, at)
    settled = proration is not Proration.NONE and not in_trial
    if begins_anew(document, after):
        # Every period is cut short, and every one is billed in full from now.
        unused = [invoices.unused(each, at=at) for each in items_of(document) if settled]
        return after, [*unused, *invoices.period_lines(after, start=at)]
    return after, [invoices.unused(before, at=at), invoices.remaining(item, at=at)] if settled else []


def begins_anew(before: Document, after: Document) -> bool:
    """Say whether a change has begun new periods, out of step with the old ones."""
    return bool(before["billing_cycle_anchor"] != after["billing_cycle_anchor"])


def next_period(document: Document) -> list[Line]:
    """Bill the periods that begin next."""
    start = min(item["current_period_end"] for item in items_of(document))
    return invoices.period_lines(documents.renewed(document, start) | {"status": "active"}, start=start)


def require_one_currency(items: Sequence[Document], currency: str) -> None:
    """Let pass items that are priced in this currency.

    Raises:
        ProcessorRefused: one is priced in another.
    """
    if {prices.whole(item["price"])["currency"] for item in items} != {currency}:
        raise ProcessorRefused("The prices are in different currencies.", code="parameter_invalid")
