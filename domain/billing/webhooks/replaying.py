"""Replay: a stored event is applied again in the ordinary way. Whatever it said before, it says nothing twice."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from sqlalchemy import select

from domain import audit
from domain.billing.webhooks.inbox import Inbox
from domain.billing.webhooks.listing import EventFilter, count_events
from domain.billing.webhooks.models import WebhookEvent, WebhookStatus
from domain.db import Session
from domain.errors import InvalidInput, NotFound
from domain.ids import WebhookEventId
from domain.scope import Scope

MOST_AT_ONCE = 10_000
PATH = ["input", "webhookEventId"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """Applies stored events again, one or many; their attempts begin anew. Who may is asked elsewhere."""

    MOST_AT_ONCE: ClassVar[int] = MOST_AT_ONCE

    inbox: Inbox

    async def replay(self, session: Session, *, scope: Scope, webhook_event_id: str) -> WebhookEvent:
        """Apply one event again and hand it back as it is after that.

        Raises:
            NotFound: there is no such event.
            InvalidInput: it is of the other mode, or of a processor that is not configured here.
        """
        query = select(WebhookEvent).where(WebhookEvent.id == webhook_event_id).with_for_update()
        row = (await session.execute(query)).scalar_one_or_none()
        if row is None:
            raise NotFound("webhook event", path=PATH)
        processor = self.inbox.processors.get(row.processor)
        if processor is None:
            raise InvalidInput("The event's processor is not configured here.", path=PATH)
        if processor.livemode != row.livemode:
            raise InvalidInput("The event is of the other mode, live or test.", path=PATH)
        before = {"status": row.status, "attempts": row.attempts, "last_error": row.last_error}
        row.status, row.attempts, row.last_error, row.applied_at = WebhookStatus.RECEIVED, 0, None, None
        row.next_attempt_at, row.waiting_for = None, None
        await self.inbox.apply(session, row)
        await audit.record(
            session,
            "webhook.replayed",
            scope=scope,
            at=self.inbox.clock.now(),
            subject_id=row.id,
            before=before,
            after={"status": row.status, "last_error": row.last_error},
        )
        return row

    async def count(self, narrowed: EventFilter) -> int:
        """Count the events that a replay of many would take, those of the other mode included."""
        async with self.inbox.database.snapshot() as session:
            return await count_events(session, narrowed)

    async def replay_many(
        self, narrowed: EventFilter, *, scope: Scope, most: int = MOST_AT_ONCE
    ) -> AsyncIterator[WebhookEvent | None]:
        """Apply at most `most` events again, in the order of the processor's time, each in a transaction of its own.

        Gives None for one that cannot be replayed here, or has gone meanwhile.
        """
        for id in await self._chosen(narrowed, most):
            try:
                yield await self.inbox.database.run(partial(self._one, scope, id))
            except (NotFound, InvalidInput):
                yield None

    async def _one(self, scope: Scope, id: WebhookEventId, session: Session) -> WebhookEvent:
        return await self.replay(session, scope=scope, webhook_event_id=id)

    async def _chosen(self, narrowed: EventFilter, most: int) -> list[WebhookEventId]:
        query = narrowed.narrow(select(WebhookEvent.id)).order_by(WebhookEvent.occurred_at, WebhookEvent.id)
        async with self.inbox.database.snapshot() as session:
            return list((await session.execute(query.limit(most))).scalars())
