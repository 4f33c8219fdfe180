"""The inbox's table, and what its handlers are given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.customers import ProcessorAccount
from domain.billing.processors import Event
from domain.billing.states import ProcessorName
from domain.db import Base, Key, Session, UtcDateTime, closed
from domain.ids import CustomerId, WebhookEventId

TOPIC = "billing.thin_event"
"""The outbox topic under which what an event only names is fetched."""


class WebhookStatus(StrEnum):
    """How far an event is: received waits, failed is tried again, dead is not."""

    RECEIVED = "received"
    APPLIED = "applied"
    IGNORED = "ignored"
    FAILED = "failed"
    DEAD = "dead"


class WebhookEvent(Base):
    """A signed event, kept as it came. `occurred_at` is the processor's clock; `last_error` names an exception only."""

    __tablename__ = "webhook_events"

    id: Mapped[WebhookEventId] = mapped_column(Key, primary_key=True)
    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"))
    livemode: Mapped[bool]
    event_id: Mapped[str] = mapped_column(Key)
    type: Mapped[str] = mapped_column(Key)
    status: Mapped[WebhookStatus] = mapped_column(closed(WebhookStatus, name="status"))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    waiting_for: Mapped[str | None] = mapped_column(Key)
    last_error: Mapped[str | None] = mapped_column(Key)
    customer_id: Mapped[CustomerId | None] = mapped_column(Key, ForeignKey("customers.id"))
    body: Mapped[bytes]

    __table_args__ = (
        UniqueConstraint("processor", "livemode", "event_id"),
        Index(None, "status", "next_attempt_at"),
        Index(None, "waiting_for"),
        Index(None, "received_at", "id"),
        Index(None, "status", "received_at", "id"),
        Index(None, "type", "received_at", "id"),
        Index(None, "customer_id", "received_at", "id"),
        Index(None, "event_id"),
    )


class Waiting(Exception):
    """The customer is not linked yet; the event is kept until it is."""

    def __init__(self, processor_id: str) -> None:
        super().__init__(processor_id)
        self.processor_id = processor_id


@dataclass(slots=True, kw_only=True)
class Received:
    """An event that is being applied, in its savepoint. `now` is our clock.

    `customer_id`: whose event it is, as the handler finds out; it is noted on the event when the handler is done.
    """

    session: Session
    row: WebhookEvent
    event: Event
    now: datetime
    customer_id: CustomerId | None = None

    async def account(self, customer_processor_id: str) -> ProcessorAccount:
        """Find whose event it is.

        Raises:
            Waiting: nobody has been linked to this account yet.
        """
        key = (self.row.processor, self.row.livemode, customer_processor_id)
        account = await self.session.get(ProcessorAccount, key)
        if account is None:
            raise Waiting(customer_processor_id)
        self.customer_id = account.customer_id
        return account


Handler = Callable[[Received, Any], Awaitable[None]]
"""Acts on one kind of news, all or nothing; raises Waiting when the customer is not linked yet."""

GaveUp = Callable[[Session, WebhookEvent], Awaitable[None]]
"""Is told of an event that is never tried again, in the transaction that notes it."""
