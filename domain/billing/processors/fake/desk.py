"""What the Fake does when it is told to: one function for each command, inside the transaction of the books."""

from collections.abc import Sequence
from datetime import datetime

from domain.billing.processors import CheckoutOrder, ItemChange, ProcessorRefused, Purchase
from domain.billing.processors.fake import checkouts, documents
from domain.billing.processors.fake.books import Books
from domain.billing.processors.fake.changes import require_one_currency
from domain.billing.processors.fake.documents import Document, Prices, id_of
from domain.billing.processors.fake.life import Life
from domain.billing.processors.fake.models import Card, FakeCheckout, FakeSubscription
from domain.billing.states import PauseBehavior, Proration, Status


async def subscribe(books: Books, id: str, customer_id: str, items: Sequence[Purchase]) -> Document:
    """Begin a subscription: in trial, active, or incomplete for want of the first payment.

    Raises:
        ProcessorRefused: nothing is bought, or in several currencies.
    """
    require_something(items)
    known = await books.prices(item.price_id for item in items)
    at, payer = await books.second(), await books.customer(customer_id)
    days = max((known[item.price_id]["recurring"]["trial_period_days"] or 0 for item in items), default=0)
    trial_end = at + days * 86400 if days else None
    listed = documents.listed(id, items, known, number=0, at=at, end=trial_end)
    document = documents.subscription(id, customer_id, listed, at=at, trial_end=trial_end)
    require_one_currency(listed["data"], document["currency"])
    row = FakeSubscription(
        id=id, customer_id=customer_id, document=document, pending=[], trial_told=False, changes=0, due_at=None
    )
    books.session.add(row)
    life = Life(row, payer, books.terms)
    life.begin(at)
    await books.keep([life])
    return life.document


async def cancel(books: Books, id: str, *, at_period_end: bool, at: datetime | None) -> Document:
    """End a subscription, or let it end; what has ended stays as it is.

    Raises:
        ProcessorRefused: there is none, or the instant has passed.
    """
    life, now = await books.life(id), await books.now()
    if life.ended:
        return life.document
    if at is not None and at <= now:
        raise ProcessorRefused("This instant has passed.", code="parameter_invalid")
    second = int(now.timestamp())
    if at is not None or at_period_end:
        life.change(documents.ending(life.document, None if at is None else int(at.timestamp()), second), second)
    else:
        life.cancel(second)
    await books.keep([life])
    return life.document


async def resume(books: Books, id: str) -> Document:
    """Take back an end that has not come yet."""
    life = await books.life(id)
    if not life.ended:
        life.change(documents.resumed(life.document), await books.second())
        await books.keep([life])
    return life.document


async def pause(books: Books, id: str, behavior: PauseBehavior, resumes_at: datetime | None) -> Document:
    """Stop collecting.

    Raises:
        ProcessorRefused: there is no such subscription, or it has ended, or the instant has passed.
    """
    life, now = await _living(books, id), await books.now()
    if resumes_at is not None and resumes_at <= now:
        raise ProcessorRefused("This instant has passed.", code="parameter_invalid")
    paused = {"behavior": behavior.value, "resumes_at": resumes_at and int(resumes_at.timestamp())}
    life.change(life.document | {"pause_collection": paused}, int(now.timestamp()))
    await books.keep([life])
    return life.document


async def unpause(books: Books, id: str) -> Document:
    """Go on with what is paused; what is not stays as it is.

    Raises:
        ProcessorRefused: there is no such subscription, it has ended, or its next period cannot be paid.
    """
    life = await _living(books, id)
    life.unpause(await books.second())
    await books.keep([life])
    return life.document


async def change_item(books: Books, id: str, change: ItemChange, proration: Proration) -> Document:
    """Give one item another price or quantity.

    Raises:
        ProcessorRefused: there is no such subscription or item, it has ended, or the change cannot be billed.
    """
    life, known, at = await changeable(books, id, change)
    life.change_item(change, known, proration=proration, at=at)
    await books.keep([life])
    return life.document


async def changeable(books: Books, id: str, change: ItemChange) -> tuple[Life, Prices, int]:
    """Find a subscription with what a change of an item needs to know: prices, and in which second it is made.

    Raises:
        ProcessorRefused: there is no such subscription, or it has ended.
    """
    return await _living(books, id), await books.prices([change.price_id]), await books.second()


async def collect(books: Books, id: str) -> Document:
    """Try to collect what is owed.

    Raises:
        ProcessorRefused: there is no such subscription.
    """
    life = await books.life(id)
    life.collect(await books.second())
    await books.keep([life])
    return life.document


async def set_status(books: Books, id: str, status: Status) -> None:
    """Say something else of a subscription.

    Raises:
        ProcessorRefused: there is no such subscription, or it has ended.
    """
    life = await _living(books, id)
    life.declare(status.value, await books.second())
    await books.keep([life])


async def set_card(books: Books, id: str, card: Card) -> None:
    """Give a customer another card, and tell of the customer."""
    payer, at = await books.customer(id), await books.second()
    if payer.card is card:
        return
    method = None if card is Card.MISSING else id_of("pm", id, payer.changes)
    before = payer.document
    payer.card, payer.document = card, before | {"invoice_settings": {"default_payment_method": method}}
    await books.tell([books.about(payer, "customer.updated", at=at, before=before)])


async def create_checkout(books: Books, id: str, order: CheckoutOrder) -> Document:
    """Make a page on which the customer pays.

    Raises:
        ProcessorRefused: nothing is bought.
    """
    require_something(order.items)
    document = checkouts.document(id, order, at=await books.second())
    items = [{"price_id": item.price_id, "quantity": item.quantity} for item in order.items]
    due_at = documents.instant(document["expires_at"])
    books.session.add(FakeCheckout(id=id, document=document, items=items, due_at=due_at))
    return document


async def expire_checkout(books: Books, id: str) -> Document:
    """Close a checkout session that is open; one that is not stays as it is."""
    row = await books.checkout(id)
    if row.document["status"] == "open":
        await close_checkout(books, row, await books.second())
    return row.document


async def close_checkout(books: Books, row: FakeCheckout, at: int) -> None:
    """Let a checkout session expire, and tell of it."""
    row.document, row.due_at = row.document | {"status": "expired", "url": None}, None
    await _tell(books, row, "checkout.session.expired", at)


async def complete_checkout(books: Books, id: str) -> Document:
    """Pay on the page, as the customer would: the customer is made where none was named, and the purchase begins.

    Raises:
        ProcessorRefused: there is no such session, it has expired, or the card is declined.
    """
    row, at = await books.checkout(id), await books.second()
    if row.document["status"] == "complete":
        return row.document
    if row.document["status"] != "open" or row.document["expires_at"] <= at:
        raise ProcessorRefused("This checkout session has expired.", code="checkout_session_expired")
    named = row.document["customer"]
    payer = await (books.customer(named) if named else books.new_customer(id_of("cus", id), metadata={}))
    if payer.card is not Card.GOOD:
        raise ProcessorRefused("The card was declined.", code="card_declined")
    items = [Purchase(price_id=item["price_id"], quantity=item["quantity"]) for item in row.items]
    bought = await subscribe(books, id_of("sub", id), payer.id, items)
    row.document, row.due_at = checkouts.completed(row.document, payer.id, bought), None
    await _tell(books, row, "checkout.session.completed", at)
    return row.document


async def _tell(books: Books, row: FakeCheckout, type: str, at: int) -> None:
    await books.tell([documents.event(type, row.document, origin=row.id, number=1, before=None, at=at)])


async def replace_items(books: Books, id: str, items: Sequence[Purchase]) -> bytes:
    """Replace what is bought as if in the dashboard, nothing billed, and give the event for it, unsent.

    Raises:
        ProcessorRefused: there is no such subscription, it has ended, or `items` is empty.
    """
    life = await _living(books, id)
    require_something(items)
    known = await books.prices(item.price_id for item in items)
    first = documents.items_of(life.document)[0]
    start, end = first["current_period_start"], first["current_period_end"]
    listed = documents.listed(id, items, known, number=life.changes, at=start, end=end)
    life.change(life.document | {"items": listed}, await books.second())
    _, body = (await books.write(life.events))[-1]
    return body.encode()


async def _living(books: Books, id: str) -> Life:
    life = await books.life(id)
    if life.ended:
        raise ProcessorRefused("The subscription has ended.", code="resource_missing")
    return life


def require_something(items: Sequence[Purchase]) -> None:
    """Let pass a purchase of something.

    Raises:
        ProcessorRefused: nothing is bought, or less than nothing.
    """
    if not items or any(item.quantity < 0 for item in items):
        raise ProcessorRefused("Nothing is bought.", code="parameter_missing")
