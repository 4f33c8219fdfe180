"""The Fake's books within one transaction: what it holds true, read, locked and written, and the events of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, insert, select

from domain import outbox
from domain.billing.processors import ProcessorRefused
from domain.billing.processors.fake import documents, prices
from domain.billing.processors.fake.documents import Document, Prices
from domain.billing.processors.fake.life import Life
from domain.billing.processors.fake.models import (
    Card,
    FakeAdvance,
    FakeCheckout,
    FakeCustomer,
    FakeEvent,
    FakeInvoice,
    FakePrice,
    FakeSubscription,
)
from domain.billing.processors.fake.terms import Terms
from domain.clock import Clock
from domain.db import Base, Session, insert_into

TOPIC = "fake.webhook"

ROOM = 1000

Row = TypeVar("Row", bound=Base)
Told = tuple[str, str]
"""An event by its id, and its body."""


class Books:
    """What the Fake holds true, for one transaction. What a read finds is not locked, and what it makes is not kept."""

    def __init__(self, session: Session, clock: Clock, terms: Terms, *, writes: bool) -> None:
        self._writes = writes
        self.session = session
        self.clock = clock
        self.terms = terms
        self.sent = 0
        self._ahead: int | None = None

    async def now(self) -> datetime:
        """Say what time it is on the Fake's own clock: ours, and every advance on top."""
        if self._ahead is None:
            query = select(func.coalesce(func.sum(FakeAdvance.seconds), 0))
            self._ahead = int((await self.session.execute(query)).scalar_one())
        return self.clock.now() + timedelta(seconds=self._ahead)

    def move(self, seconds: int) -> None:
        """Move that clock forward."""
        self.session.add(FakeAdvance(seconds=seconds))
        self._ahead = None

    async def second(self) -> int:
        """Say in which second of Stripe's that is."""
        return int((await self.now()).timestamp())

    async def subscription(self, id: str) -> FakeSubscription:
        """Find and lock a subscription.

        Raises:
            ProcessorRefused: there is none.
        """
        return found(await self.session.get(FakeSubscription, id, with_for_update=self._writes), "subscription")

    async def checkout(self, id: str) -> FakeCheckout:
        """Find and lock a checkout session.

        Raises:
            ProcessorRefused: there is none.
        """
        return found(await self.session.get(FakeCheckout, id, with_for_update=self._writes), "checkout session")

    async def customer(self, id: str) -> FakeCustomer:
        """Find and lock a customer; the Fake sells to any name, and a good card comes with it."""
        known = await self.session.get(FakeCustomer, id, with_for_update=self._writes)
        return known or await self.new_customer(id, metadata={}, told=False)

    async def customers(self, ids: Iterable[str]) -> Mapping[str, FakeCustomer]:
        """Find and lock customers by id, as `customer` does."""
        wanted, known = sorted(set(ids)), dict[str, FakeCustomer]()
        for start in range(0, len(wanted), ROOM):
            query = select(FakeCustomer).where(FakeCustomer.id.in_(wanted[start : start + ROOM]))
            query = query.order_by(FakeCustomer.id)
            rows = await self.session.execute(query.with_for_update() if self._writes else query)
            known |= {row.id: row for row in rows.scalars()}
        return {id: known.get(id) or await self.new_customer(id, metadata={}, told=False) for id in wanted}

    async def new_customer(self, id: str, *, metadata: Document, told: bool = True) -> FakeCustomer:
        """Make a customer, and tell of it."""
        at = await self.second()
        made = FakeCustomer(id=id, document=documents.customer(id, metadata=metadata, at=at), card=Card.GOOD, changes=0)
        if self._writes:
            self.session.add(made)
        if told:
            await self.tell([self.about(made, "customer.created", at=at)])
        return made

    def about(self, customer: FakeCustomer, type: str, *, at: int, before: Document | None = None) -> Document:
        """Write the event that tells of a customer."""
        customer.changes += 1
        return documents.event(
            type, customer.document, origin=customer.id, number=customer.changes, before=before, at=at
        )

    async def prices(self, ids: Iterable[str]) -> Prices:
        """Read prices: those that somebody has set, and the others made up."""
        wanted = set(ids)
        rows = (await self.session.execute(select(FakePrice).where(FakePrice.id.in_(wanted)))).scalars()
        return {id: prices.made_up(id) for id in wanted} | {row.id: row.document for row in rows}

    async def life(self, id: str) -> Life:
        """Find and lock a subscription with who pays for it.

        Raises:
            ProcessorRefused: there is no such subscription.
        """
        [life] = await self.present([await self.subscription(id)])
        return life

    async def present(self, rows: Sequence[FakeSubscription]) -> list[Life]:
        """Take subscriptions as they are now, whatever has fallen due since somebody last looked."""
        payers, now = await self.customers(row.customer_id for row in rows), await self.now()
        lives = [Life(row, payers[row.customer_id], self.terms) for row in rows]
        for life in lives:
            life.catch_up(now)
        return lives

    async def keep(self, lives: Sequence[Life]) -> None:
        """Write down what has come of subscriptions, and send the events of it."""
        await self._invoice(
            {"id": id, "subscription_id": life.document["id"], "document": document}
            for life in lives
            for id, document in life.invoices.items()
        )
        await self.tell([event for life in lives for event in life.events])

    async def _invoice(self, rows: Iterable[Document]) -> None:
        """Write invoices down, in place of what was known of them."""
        written = list(rows)
        if written:
            upsert = insert_into(self.session, FakeInvoice)
            known = {"document": upsert.excluded.document}
            await self.session.execute(
                upsert.on_conflict_do_update(index_elements=[FakeInvoice.id], set_=known), written
            )

    async def tell(self, events: Sequence[Document]) -> None:
        """Enter events into the list of events and send their webhooks, in this order."""
        await self.send(await self.write(events))

    async def write(self, events: Sequence[Document]) -> list[Told]:
        """Enter events into the list of events without sending them."""
        told = [(event["id"], json.dumps(event)) for event in events]
        rows = [
            {
                "id": id,
                "type": event["type"],
                "occurred_at": documents.instant(event["created"]),
                "body": body.encode(),
                "held_at": None,
            }
            for event, (id, body) in zip(events, told, strict=True)
        ]
        if rows:
            await self.session.execute(insert(FakeEvent), rows)
        return told

    async def send(self, events: Sequence[Told]) -> None:
        """Send webhooks for events that are in the list, in this order."""
        self.sent += len(events)
        messages = [(id, {"body": body}) for id, body in events]
        await outbox.put_all(self.session, topic=TOPIC, messages=messages, at=self.clock.now())


def found(row: Row | None, what: str) -> Row:
    """Let pass what is there.

    Raises:
        ProcessorRefused: nothing is.
    """
    if row is None:
        raise ProcessorRefused(f"There is no such {what}.", code="resource_missing")
    return row
