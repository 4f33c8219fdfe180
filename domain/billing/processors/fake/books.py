"""The Fake's books within one transaction: what it holds true, read, locked and written, and the events of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import func, select

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
from domain.db import Base, Session

TOPIC = "fake.webhook"

ROOM = 1000

Row = TypeVar("Row", bound=Base)
Keyed = TypeVar("Keyed", FakeCustomer, FakeInvoice)


class Books:
    """What the Fake holds true, for one transaction. What a read finds is not locked, and what it makes is not kept."""

    def __init__(self, session: Session, clock: Clock, terms: Terms, *, writes: bool) -> None:
        self._writes = writes
        self.session = session
        self.clock = clock
        self.terms = terms
        self.sent = 0

    async def now(self) -> datetime:
        """Say what time it is on the Fake's own clock: ours, and every advance on top."""
        query = select(func.coalesce(func.sum(FakeAdvance.seconds), 0))
        return self.clock.now() + timedelta(seconds=int((await self.session.execute(query)).scalar_one()))

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
        wanted = sorted(set(ids))
        known = await self._rows(FakeCustomer, wanted)
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
        made = {id: (life, document) for life in lives for id, document in life.invoices.items()}
        known = await self._rows(FakeInvoice, made)
        for id, (life, document) in made.items():
            if id in known:
                known[id].document = document
            else:
                self.session.add(FakeInvoice(id=id, subscription_id=life.document["id"], document=document))
        await self.tell([event for life in lives for event in life.events])

    async def _rows(self, table: type[Keyed], ids: Iterable[str]) -> dict[str, Keyed]:
        """Find and lock rows by id, so many at a time as a statement has room for."""
        found: dict[str, Keyed] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), ROOM):
            query = select(table).where(table.id.in_(wanted[start : start + ROOM])).order_by(table.id)
            rows = await self.session.execute(query.with_for_update() if self._writes else query)
            found |= {row.id: row for row in rows.scalars()}
        return found

    async def tell(self, events: Sequence[Document]) -> None:
        """Enter events into the list of events and send their webhooks, in this order."""
        await self.send(self.write(events))

    def write(self, events: Sequence[Document]) -> list[FakeEvent]:
        """Enter events into the list of events without sending them."""
        rows = [
            FakeEvent(
                id=event["id"],
                type=event["type"],
                occurred_at=documents.instant(event["created"]),
                body=json.dumps(event).encode(),
                held_at=None,
            )
            for event in events
        ]
        self.session.add_all(rows)
        return rows

    async def send(self, events: Sequence[FakeEvent]) -> None:
        """Send webhooks for events that are in the list, in this order."""
        self.sent += len(events)
        messages = [(event.id, {"body": event.body.decode()}) for event in events]
        await outbox.put_all(self.session, topic=TOPIC, messages=messages, at=self.clock.now())


def found(row: Row | None, what: str) -> Row:
    """Let pass what is there.

    Raises:
        ProcessorRefused: nothing is.
    """
    if row is None:
        raise ProcessorRefused(f"There is no such {what}.", code="resource_missing")
    return row
