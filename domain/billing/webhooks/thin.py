"""Events that only name what they are about: that is fetched, and the event applied as if it had carried it."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import select

from domain.billing.processors import Event, ProcessorRefused, ProcessorUnavailable
from domain.billing.webhooks.inbox import Inbox
from domain.billing.webhooks.models import TOPIC, WebhookEvent, WebhookStatus
from domain.db import Session

log = logging.getLogger(__name__)


async def keep_waiting(session: Session, webhook_event_id: str, account: str) -> None:
    """Let an event wait whose subscription turned out to be of an account that is linked to nobody."""
    row = await session.get(WebhookEvent, webhook_event_id, with_for_update=True)
    if row is not None and row.status is WebhookStatus.APPLIED:
        row.status, row.waiting_for, row.applied_at = WebhookStatus.RECEIVED, account, None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinEvents:
    """Fetches what events only name, holding no transaction while it asks."""

    TOPIC: ClassVar[str] = TOPIC

    inbox: Inbox

    async def deliver(self, payload: dict[str, Any]) -> None:
        """Fetch what one event names and apply it: the outbox's handler for TOPIC.

        Where nobody answers the event is kept as failed, and tried again like every other.
        """
        async with self.inbox.database.snapshot() as session:
            row = await session.get(WebhookEvent, payload["webhook_event_id"])
        if row is None:
            return
        processor = self.inbox.processors[row.processor]
        try:
            whole = await processor.whole(processor.stored(row.body))
        except (ProcessorUnavailable, ProcessorRefused) as error:
            log.info("what event %s names is not there yet: %s", row.id, type(error).__name__)
            await self.inbox.database.run(partial(self._fail, row.id, error))
            return
        await self.inbox.database.run(partial(self._apply, row.id, whole))

    async def _apply(self, id: str, whole: Event, session: Session) -> None:
        await self.inbox.apply(session, await _locked(session, id), whole)

    async def _fail(self, id: str, error: Exception, session: Session) -> None:
        await self.inbox.postpone(session, await _locked(session, id), error)


async def _locked(session: Session, id: str) -> WebhookEvent:
    """Hold an event still; nothing forgets one that has come just now."""
    return (await session.execute(select(WebhookEvent).where(WebhookEvent.id == id).with_for_update())).scalar_one()
