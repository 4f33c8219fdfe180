"""The inbox: a signed event is stored once, then applied in a savepoint of the same transaction.

If applying fails, the savepoint goes, the event stays `failed` and the worker tries again. No network in here.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from sqlalchemy import ForeignKey, Index, UniqueConstraint, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from domain import ids
from domain.billing.customers import ProcessorAccount
from domain.billing.facts import FactSource
from domain.billing.processors import Event, Processor
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import Statement, absorb
from domain.clock import Clock
from domain.db import Base, Database, Key, Session, UtcDateTime, closed
from domain.errors import contained
from domain.ids import CustomerId, Prefix, WebhookEventId
from domain.scope import system

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 25
LONGEST_WAIT = timedelta(hours=1)


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
    )


class Waiting(Exception):
    """The customer is not linked yet; the event is kept until it is."""

    def __init__(self, processor_id: str) -> None:
        super().__init__(processor_id)
        self.processor_id = processor_id


Handler = Callable[["Inbox", Session, WebhookEvent, Event], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Receives events of the configured processors and applies them."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        """Store a signed event durably and apply it; a duplicate changes nothing.

        Raises:
            SignatureRefused: nobody we trust has signed these bytes in the last five minutes.
            UnreadableEvent: signed, but no event.
            Unavailable: the event could not be stored; the sender must try again.
        """
        event = self.processors[name].event(body, signature, now=self.clock.now())
        await self.database.run(partial(self._take_in, event=event, body=body))

    async def retry_due(self) -> int:
        """Try again whatever is due or has got what it waited for, one event a transaction; say how many."""
        tried = 0
        while await self.database.run(self._retry_one):
            tried += 1
        return tried

    async def _take_in(self, session: Session, *, event: Event, body: bytes) -> None:
        row = WebhookEvent(
            id=WebhookEventId(ids.new(Prefix.WEBHOOK_EVENT, at=self.clock.now())),
            processor=event.processor,
            livemode=event.livemode,
            event_id=event.event_id,
            type=event.type,
            status=WebhookStatus.RECEIVED,
            occurred_at=event.occurred_at,
            received_at=self.clock.now(),
            attempts=0,
            body=body,
        )
        try:
            async with session.begin_nested():
                session.add(row)
        except IntegrityError:
            # The event is here already, or arrives twice in this moment: the unique key has let one of them in.
            return
        await self._apply(session, row, event)

    async def _retry_one(self, session: Session) -> bool:
        linked = exists().where(
            ProcessorAccount.processor == WebhookEvent.processor,
            ProcessorAccount.livemode == WebhookEvent.livemode,
            ProcessorAccount.processor_id == WebhookEvent.waiting_for,
        )
        due = (WebhookEvent.status == WebhookStatus.FAILED) & (WebhookEvent.next_attempt_at <= self.clock.now())
        found = (WebhookEvent.status == WebhookStatus.RECEIVED) & linked
        query = (
            select(WebhookEvent)
            .where(or_(due, found), WebhookEvent.processor.in_(list(self.processors)))
            .order_by(WebhookEvent.occurred_at, WebhookEvent.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        row = (await session.execute(query)).scalar_one_or_none()
        if row is None:
            return False
        await self._apply(session, row, self.processors[row.processor].stored(row.body))
        return True

    async def _apply(self, session: Session, row: WebhookEvent, event: Event) -> None:
        handler = HANDLERS.get(event.type)
        if handler is None or event.livemode != self.processors[event.processor].livemode:
            row.status = WebhookStatus.IGNORED
            return
        outcome = await contained(self._in_savepoint(handler, session, row, event), log=log, where="webhook")
        now = self.clock.now()
        if outcome.error is not None:
            _postpone(row, outcome.error, now)
        elif outcome.value is not None:
            row.waiting_for = outcome.value
        else:
            row.status, row.applied_at, row.waiting_for = WebhookStatus.APPLIED, now, None

    async def _in_savepoint(self, handler: Handler, session: Session, row: WebhookEvent, event: Event) -> str | None:
        """Apply, all or nothing; give what the event has to wait for when it has to."""
        try:
            async with session.begin_nested():
                await handler(self, session, row, event)
        except Waiting as waiting:
            return waiting.processor_id
        return None


async def _subscription(inbox: Inbox, session: Session, row: WebhookEvent, event: Event) -> None:
    """Fold a `customer.subscription.*` event into the mirror."""
    snapshot = inbox.processors[event.processor].snapshot(event)
    key = (event.processor, event.livemode, snapshot.customer_processor_id)
    account = await session.get(ProcessorAccount, key)
    if account is None:
        raise Waiting(snapshot.customer_processor_id)
    row.customer_id = account.customer_id
    statement = Statement(
        source=FactSource.EVENT,
        type=event.type,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        snapshot=snapshot,
    )
    await absorb(session, statement, account=account, scope=system("webhook"), now=inbox.clock.now())


HANDLERS: Mapping[str, Handler] = {
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
    "customer.subscription.paused": _subscription,
    "customer.subscription.resumed": _subscription,
}


def _postpone(row: WebhookEvent, error: Exception, now: datetime) -> None:
    row.attempts += 1
    row.last_error = type(error).__name__
    if row.attempts >= MAX_ATTEMPTS:
        row.status, row.next_attempt_at = WebhookStatus.DEAD, None
        return
    row.status = WebhookStatus.FAILED
    row.next_attempt_at = now + min(timedelta(seconds=2 ** (row.attempts - 1)), LONGEST_WAIT)
