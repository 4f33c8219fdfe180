"""Customers, their accounts and signed events, made directly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, func, select

from domain import outbox
from domain.billing import Customer, Fetches, Inbox, Owner, OwnerKind, ProcessorName, create_customer, link_account
from domain.billing.processors import Processor
from domain.billing.processors.fake import FakeProcessor
from domain.billing.subscriptions import BillingSubscription
from domain.billing.webhooks import ThinEvents, WebhookEvent, keep_waiting
from domain.db import Base, Database
from domain.ids import CustomerId
from tests.domain.billing.processors import stripe_json
from tests.support.clock import FixedClock
from tests.support.tables import SEALING

FAKE = ProcessorName.FAKE
SECRET = "whsec_of_the_tests"
# The rows that a linked customer and one event leave, when it is applied and when it is only kept.
APPLIED = {
    "audit_events": 1,
    "billing_subscriptions": 1,
    "customers": 1,
    "processor_accounts": 1,
    "subscription_facts": 1,
    "webhook_events": 1,
}
KEPT = {"customers": 1, "processor_accounts": 1, "webhook_events": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """The inbox and the fetches of one processor, and the bodies that it signs."""

    database: Database
    clock: FixedClock
    fake: FakeProcessor
    processor: Processor
    inbox: Inbox = field(init=False)
    fetches: Fetches = field(init=False)

    def __post_init__(self) -> None:
        processors: Mapping[ProcessorName, Processor] = {FAKE: self.processor}
        inbox = Inbox(database=self.database, clock=self.clock, processors=processors)
        object.__setattr__(self, "inbox", inbox)
        fetches = Fetches(database=self.database, clock=self.clock, processors=processors, unlinked=keep_waiting)
        object.__setattr__(self, "fetches", fetches)

    async def post(self, **changes: Any) -> None:
        """Receive an event that is signed at this moment."""
        await self.post_body(stripe_json.body(**changes))

    async def post_body(self, body: bytes) -> None:
        await self.inbox.receive(FAKE, body, self.fake.sign(body))

    async def deliver(self) -> int:
        """Carry out the fetches that wait in the outbox."""
        rooms = (self.fetches, ThinEvents(inbox=self.inbox))
        return await outbox.deliver_due(self.database, self.clock, {each.TOPIC: each.deliver for each in rooms})


def mirror_of(database: Database, clock: FixedClock, processor: Processor | None = None) -> Mirror:
    fake = FakeProcessor(database=database, clock=clock, webhook_secrets=[SECRET])
    return Mirror(database=database, clock=clock, fake=fake, processor=processor or fake)


async def customer(database: Database, clock: FixedClock, owner_id: str = "org_1") -> Customer:
    kind = OwnerKind.ORGANIZATION if owner_id.startswith("org_") else OwnerKind.USER
    async with database.transaction() as session:
        return await create_customer(session, owner=Owner(kind=kind, id=owner_id), at=clock.now())


async def linked(database: Database, clock: FixedClock, customer_id: CustomerId, processor_id: str = "cus_1") -> None:
    async with database.transaction() as session:
        await link_account(
            session,
            customer_id=customer_id,
            processor=FAKE,
            livemode=False,
            processor_id=processor_id,
            at=clock.now(),
        )


async def events(database: Database) -> list[WebhookEvent]:
    async with database.snapshot() as session:
        return list((await session.execute(select(WebhookEvent).order_by(WebhookEvent.event_id))).scalars())


async def event(database: Database) -> WebhookEvent:
    [found] = await events(database)
    return found


async def subscriptions(database: Database) -> list[BillingSubscription]:
    async with database.snapshot() as session:
        query = select(BillingSubscription).order_by(BillingSubscription.processor_id)
        return list((await session.execute(query)).scalars())


async def subscription(database: Database) -> BillingSubscription:
    [found] = await subscriptions(database)
    return found


async def row_counts(database: Database, tables: Sequence[str] = ()) -> dict[str, int]:
    """Count the rows of these tables, or of all that have any, the sealer's left out."""
    counted: dict[str, int] = {}
    async with database.snapshot() as session:
        for table in Base.metadata.sorted_tables:
            assert isinstance(table, Table)
            rows = (await session.execute(select(func.count()).select_from(table))).scalar_one()
            if table.name in tables or (rows and not tables and table.name not in SEALING):
                counted[table.name] = rows
    return counted
