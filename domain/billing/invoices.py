"""What is known of invoices: the newest word on each, whatever the order in which words come.

An invoice may tell what the subscription's own event, lost or late, did not: then the subscription is fetched.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import ForeignKey, Index, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from domain import outbox
from domain.billing import lifecycle
from domain.billing.customers import ProcessorAccount, locked_customer
from domain.billing.facts import SKEW
from domain.billing.fetches import Fetches
from domain.billing.processors.news import InvoiceOutcome, InvoiceTold
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription, find_subscription
from domain.clock import Clock
from domain.db import Base, Database, Key, Session, UtcDateTime, closed
from domain.ids import CustomerId

TOPIC = "billing.invoice"
PATIENCE = timedelta(seconds=10)
"""So long the subscription's own event may take before an invoice that contradicts the mirror has it fetched."""

KEPT = timedelta(days=180)


class Invoice(Base):
    """The newest word on one invoice of a subscription. That it was paid is the last word.

    The subscription is named as the processor does: its own first event may still be under way.
    """

    __tablename__ = "billing_invoices"

    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"), primary_key=True)
    livemode: Mapped[bool] = mapped_column(primary_key=True)
    processor_id: Mapped[str] = mapped_column(Key, primary_key=True)
    subscription_processor_id: Mapped[str] = mapped_column(Key)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    outcome: Mapped[InvoiceOutcome] = mapped_column(closed(InvoiceOutcome, name="outcome"))
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_id: Mapped[str] = mapped_column(Key)

    __table_args__ = (
        Index("ix_billing_invoices_subscription", "processor", "livemode", "subscription_processor_id"),
        Index(None, "outcome", "occurred_at"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A word on an invoice: when and by which event, by the processor's clock and its id."""

    told: InvoiceTold
    occurred_at: datetime
    event_id: str


async def hear(session: Session, heard: Heard, *, account: ProcessorAccount, now: datetime) -> None:
    """Keep a word on an invoice if it is the newest, and owe a look if the mirror contradicts it.

    An invoice that is no subscription's leaves nothing. A subscription that the mirror does not know yet is no fault:
    the word waits for it, and it is fetched should its own event not come.
    """
    told = heard.told
    if told.subscription_processor_id is None:
        return
    # Two words on one invoice may come in at the same time.
    await locked_customer(session, account.customer_id)
    key = (account.processor, account.livemode, told.processor_id)
    known = await session.get(Invoice, key, populate_existing=True)
    if known is not None and _rank(known) >= _rank(_row(heard, account)):
        return
    row = _row(heard, account)
    if known is None:
        session.add(row)
    else:
        row = await session.merge(row)
    await session.flush()
    if _contradicted(row, await _mirrored(session, row)):
        payload = {
            "processor": account.processor,
            "livemode": account.livemode,
            "processor_id": told.processor_id,
        }
        await outbox.put_once(session, topic=TOPIC, key=told.processor_id, payload=payload, at=now + PATIENCE)


async def next_attempt_at(session: Session, row: BillingSubscription) -> datetime | None:
    """Find the last attempt that is announced for any unpaid invoice of a subscription; it may have passed."""
    query = select(func.max(Invoice.next_attempt_at)).where(
        Invoice.processor == row.processor,
        Invoice.livemode == row.livemode,
        Invoice.subscription_processor_id == row.processor_id,
        Invoice.outcome == InvoiceOutcome.FAILED,
    )
    return (await session.execute(query)).scalar_one()


async def prune(database: Database, clock: Clock) -> int:
    """Forget invoices that were paid half a year ago; say how many. No processor speaks of them so late."""

    async def work(session: Session) -> int:
        old = (Invoice.outcome == InvoiceOutcome.PAID) & (Invoice.occurred_at < clock.now() - KEPT)
        return len((await session.execute(delete(Invoice).where(old).returning(Invoice.processor_id))).all())

    return await database.run(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceChecks:
    """Looks again, a little later, at the subscriptions that invoices contradict."""

    TOPIC: ClassVar[str] = TOPIC

    fetches: Fetches

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Fetch the subscription unless its own events have come meanwhile: the outbox's handler for TOPIC.

        Raises:
            ProcessorUnavailable: the processor did not answer; the outbox tries again.
            ProcessorRefused: the processor said no; the outbox tries again.
        """
        key = (ProcessorName(payload["processor"]), payload["livemode"], payload["processor_id"])
        async with self.fetches.database.snapshot() as session:
            invoice = await session.get(Invoice, key)
            contradicted = invoice is not None and _contradicted(invoice, await _mirrored(session, invoice))
        if invoice is not None and contradicted:
            known_as = invoice.subscription_processor_id
            await self.fetches.deliver({"processor": invoice.processor, "processor_id": known_as})


def _contradicted(invoice: Invoice, row: BillingSubscription | None) -> bool:
    """Say whether the mirror shows another outcome and nothing has been heard of the subscription since."""
    if row is None:
        return True
    if row.fetch_owed or row.last_fact_at > invoice.occurred_at + SKEW:
        return False
    state = row.current
    return lifecycle.owing(state) if invoice.outcome is InvoiceOutcome.PAID else lifecycle.entitling(state)


def _row(heard: Heard, account: ProcessorAccount) -> Invoice:
    told = heard.told
    assert told.subscription_processor_id is not None, "others are not kept"
    return Invoice(
        processor=account.processor,
        livemode=account.livemode,
        processor_id=told.processor_id,
        subscription_processor_id=told.subscription_processor_id,
        customer_id=account.customer_id,
        outcome=told.outcome,
        attempts=told.attempt_count,
        next_attempt_at=told.next_attempt_at,
        occurred_at=heard.occurred_at,
        event_id=heard.event_id,
    )


def _rank(invoice: Invoice) -> tuple[bool, datetime, bytes]:
    return invoice.outcome is InvoiceOutcome.PAID, invoice.occurred_at, invoice.event_id.encode()


async def _mirrored(session: Session, invoice: Invoice) -> BillingSubscription | None:
    return await find_subscription(
        session,
        processor=invoice.processor,
        livemode=invoice.livemode,
        processor_id=invoice.subscription_processor_id,
    )
