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

from domain import ids, outbox
from domain.billing.customers import ProcessorAccount
from domain.billing.facts import FactSource
from domain.billing.fetches import Fetches
from domain.billing.processors import Event, IncompleteEvent, Processor
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import Statement, absorb
from domain.clock import Clock
from domain.db import Base, Database, Key, Session, UtcDateTime, closed, passing
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
        await self._apply(session, row)
        return True

    async def _apply(self, session: Session, row: WebhookEvent, event: Event | None = None) -> None:
        handler = HANDLERS.get(row.type)
        if handler is None or row.livemode != self.processors[row.processor].livemode:
            row.status = WebhookStatus.IGNORED
            return
        outcome = await contained(self._in_savepoint(handler, session, row, event), log=log, where="webhook")
        if outcome.error is not None:
            if passing(outcome.error):
                # The event is not at fault: the whole transaction runs again, and is 503 when it never succeeds.
                raise outcome.error
            # The savepoint took with it what the session knew of the row.
            await session.refresh(row)
            _postpone(row, outcome.error, self.clock.now())
            return
        row.waiting_for, row.next_attempt_at = outcome.value, None
        if outcome.value is not None:
            row.status = WebhookStatus.RECEIVED
        else:
            row.status, row.applied_at = WebhookStatus.APPLIED, self.clock.now()

    async def _in_savepoint(
        self, handler: Handler, session: Session, row: WebhookEvent, event: Event | None
    ) -> str | None:
        """Apply, all or nothing; give what the event has to wait for when it has to. Reads the body without `event`."""
        try:
            async with session.begin_nested():
                await handler(self, session, row, event or self.processors[row.processor].stored(row.body))
        except Waiting as waiting:
            return waiting.processor_id
        return None


async def _subscription(inbox: Inbox, session: Session, row: WebhookEvent, event: Event) -> None:
    """Fold a `customer.subscription.*` event into the mirror; one that does not show every item owes a fetch."""
    now = inbox.clock.now()
    try:
        snapshot = inbox.processors[event.processor].snapshot(event)
    except IncompleteEvent as incomplete:
        await _account(session, row, incomplete.customer_processor_id)
        payload = {"processor": row.processor, "processor_id": incomplete.processor_id}
        await outbox.put(session, topic=Fetches.TOPIC, key=incomplete.processor_id, payload=payload, at=now)
        return
    account = await _account(session, row, snapshot.customer_processor_id)
    statement = Statement(
        source=FactSource.EVENT,
        type=event.type,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        snapshot=snapshot,
    )
    await absorb(session, statement, account=account, scope=system("webhook"), now=now)


async def _account(session: Session, row: WebhookEvent, customer_processor_id: str) -> ProcessorAccount:
    """Find whose event it is and note that on the event.

    Raises:
        Waiting: nobody has been linked to this account yet.
    """
    account = await session.get(ProcessorAccount, (row.processor, row.livemode, customer_processor_id))
    if account is None:
        raise Waiting(customer_processor_id)
    row.customer_id = account.customer_id
    return account


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
