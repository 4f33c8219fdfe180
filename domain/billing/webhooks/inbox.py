"""The inbox: a signed event is stored once, then applied in a savepoint of the same transaction.

If applying fails, the savepoint goes, the event stays `failed` and the worker tries again. No network in here.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import exists, or_, select

from domain import ids
from domain.billing.customers import ProcessorAccount
from domain.billing.processors import Event, Processor
from domain.billing.states import ProcessorName
from domain.billing.webhooks.handlers import HANDLERS
from domain.billing.webhooks.models import GaveUp, Handler, Received, Waiting, WebhookEvent, WebhookStatus
from domain.clock import Clock
from domain.db import Database, Session, insert_into, passing
from domain.errors import contained
from domain.ids import CustomerId, Prefix
from domain.telemetry import Attribute, Signal, Told

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 25
LONGEST_WAIT = timedelta(hours=1)
UNIQUE = [WebhookEvent.processor, WebhookEvent.livemode, WebhookEvent.event_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What has come of applying an event: its status, what it has to wait for, and whose it is."""

    status: WebhookStatus
    waiting_for: str | None = None
    customer_id: CustomerId | None = None


async def tell_nobody(_session: Session, _row: WebhookEvent) -> None:
    """Let an event be given up without anybody's being told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Receives events of the configured processors and applies them. `gave_up` is told of each that it gives up."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]
    handlers: Mapping[type, Handler] = field(default_factory=lambda: HANDLERS)
    gave_up: GaveUp = tell_nobody

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        """Store a signed event durably and apply it; a duplicate changes nothing.

        Raises:
            SignatureRefused: nobody we trust has signed these bytes in the last five minutes.
            UnreadableEvent: signed, but no event.
            Unavailable: the event could not be stored; the sender must try again.
        """
        event = self.processors[name].event(body, signature, now=self.clock.now())
        await self.database.run(partial(self._take_in, [(event, body)]))

    async def receive_all(self, name: ProcessorName, sent: Sequence[tuple[bytes, str | None]]) -> None:
        """Receive several at once, bodies with their signatures: one transaction for all, one savepoint for each.

        Raises:
            SignatureRefused: of one of them; none is stored.
            UnreadableEvent: the same.
            Unavailable: they could not be stored; the sender must try again.
        """
        read: dict[tuple[bool, str], tuple[Event, bytes]] = {}
        for body, signed in sent:
            event = self.processors[name].event(body, signed, now=self.clock.now())
            read.setdefault((event.livemode, event.event_id), (event, body))
        await self.database.run(partial(self._take_in, list(read.values())))

    async def take(self, name: ProcessorName, body: bytes) -> None:
        """Store and apply an event that the processor itself has listed, so that nobody needs to have signed it.

        Raises:
            UnreadableEvent: no event.
            Unavailable: the event could not be stored.
        """
        event = self.processors[name].stored(body)
        await self.database.run(partial(self._take_in, [(event, body)]))

    async def retry_due(self) -> int:
        """Try again whatever is due or has got what it waited for, one event a transaction; say how many."""
        tried = 0
        while await self.database.run(self._retry_one):
            tried += 1
        return tried

    async def _take_in(self, read: Sequence[tuple[Event, bytes]], session: Session) -> None:
        if not read:
            return
        # The unique key lets in what is not here yet, and of an event that arrives twice in this moment only one.
        fresh = insert_into(session, WebhookEvent).on_conflict_do_nothing(index_elements=UNIQUE).returning(WebhookEvent)
        stored = await session.scalars(fresh, [self._row(event, body) for event, body in read])
        rows = {(row.livemode, row.event_id): row for row in stored}
        tried = [
            (row, await self._tried(session, row, event))
            for event, _ in read
            if (row := rows.get((event.livemode, event.event_id))) is not None
        ]
        for row, outcome in tried:
            await self._note(session, row, outcome)

    def _row(self, event: Event, body: bytes) -> dict[str, Any]:
        return {
            "id": ids.new(Prefix.WEBHOOK_EVENT, at=self.clock.now()),
            "processor": event.processor,
            "livemode": event.livemode,
            "event_id": event.event_id,
            "type": event.type,
            "status": WebhookStatus.RECEIVED,
            "occurred_at": event.occurred_at,
            "received_at": self.clock.now(),
            "attempts": 0,
            "body": body,
        }

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
        await self.apply(session, row)
        return True

    async def apply(self, session: Session, row: WebhookEvent, event: Event | None = None) -> None:
        """Apply a stored event in a savepoint and note on it what came of that; reads the body without `event`."""
        await self._note(session, row, await self._tried(session, row, event))

    async def postpone(self, session: Session, row: WebhookEvent, error: Exception) -> None:
        """Note on an event that it could not be applied, and when it is tried again, if ever."""
        before = row.status
        _postpone(row, error, self.clock.now())
        if row.status is WebhookStatus.DEAD and before is not WebhookStatus.DEAD:
            told: Told = {Attribute.BOX: "inbox", Attribute.SOURCE: row.processor.value, Attribute.MESSAGE_ID: row.id}
            session.signal(Signal.DEAD_LETTER, told)
        if row.status is WebhookStatus.DEAD:
            await self.gave_up(session, row)

    async def _tried(self, session: Session, row: WebhookEvent, event: Event | None) -> Outcome | Exception:
        applied = await contained(self._applied(session, row, event), log=log, where="webhook")
        if applied.value is not None:
            return applied.value
        assert applied.error is not None, "there is a value or an error"
        if passing(applied.error):
            # The event is not at fault: the whole transaction runs again, and is 503 when it never succeeds.
            raise applied.error
        return applied.error

    async def _applied(self, session: Session, row: WebhookEvent, event: Event | None) -> Outcome:
        """Apply, all or nothing. Reads the body without `event`.

        Events of the other mode than our key's are never even read.
        """
        processor = self.processors[row.processor]
        if row.livemode != processor.livemode:
            return Outcome(status=WebhookStatus.IGNORED)
        read = event or processor.stored(row.body)
        news = processor.news(read)
        handler = self.handlers.get(type(news))
        if handler is None:
            return Outcome(status=WebhookStatus.IGNORED)
        received = Received(session=session, row=row, event=read, now=self.clock.now())
        try:
            async with session.begin_nested():
                await handler(received, news)
        except Waiting as waiting:
            return Outcome(status=WebhookStatus.RECEIVED, waiting_for=waiting.processor_id)
        return Outcome(status=WebhookStatus.APPLIED, customer_id=received.customer_id)

    async def _note(self, session: Session, row: WebhookEvent, outcome: Outcome | Exception) -> None:
        if isinstance(outcome, Exception):
            await self.postpone(session, row, outcome)
            return
        row.status, row.waiting_for, row.next_attempt_at = outcome.status, outcome.waiting_for, None
        row.customer_id = outcome.customer_id or row.customer_id
        if outcome.status is WebhookStatus.APPLIED:
            row.applied_at = self.clock.now()


def _postpone(row: WebhookEvent, error: Exception, now: datetime) -> None:
    row.attempts += 1
    row.last_error = type(error).__name__
    if row.attempts >= MAX_ATTEMPTS:
        row.status, row.next_attempt_at = WebhookStatus.DEAD, None
        return
    row.status = WebhookStatus.FAILED
    row.next_attempt_at = now + min(timedelta(seconds=2 ** (row.attempts - 1)), LONGEST_WAIT)
