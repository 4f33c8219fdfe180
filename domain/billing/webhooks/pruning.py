"""Pruning: what was applied or ignored long ago goes, and what is dead goes later. The facts stay.

What waits or is tried again never goes. An event that comes again after it has gone changes nothing: the facts know it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, delete, func, or_, select

from domain.billing.webhooks.models import WebhookEvent, WebhookStatus
from domain.clock import Clock
from domain.db import Database, Session

APPLIED_DAYS, DEAD_DAYS = 14, 90
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """Forgets events by the age of their arrival, in days."""

    database: Database
    clock: Clock
    applied_days: int = APPLIED_DAYS
    dead_days: int = DEAD_DAYS

    async def count(self) -> int:
        """Count what is old enough to go."""
        query = select(func.count()).select_from(WebhookEvent).where(self._old())
        async with self.database.snapshot() as session:
            return (await session.execute(query)).scalar_one()

    async def prune(self) -> int:
        """Forget one batch; say how many events have gone. 0: nothing is left to go."""
        query = select(WebhookEvent.id).where(self._old()).order_by(WebhookEvent.received_at).limit(BATCH)
        async with self.database.snapshot() as session:
            ids = (await session.execute(query)).scalars().all()
        return await self.database.run(partial(self._forget, ids)) if ids else 0

    async def _forget(self, ids: Sequence[str], session: Session) -> int:
        # What has been replayed meanwhile may be wanted again.
        gone = await session.execute(
            delete(WebhookEvent).where(WebhookEvent.id.in_(ids), self._old()).returning(WebhookEvent.id)
        )
        return len(gone.all())

    def _old(self) -> ColumnElement[bool]:
        now = self.clock.now()
        done = WebhookEvent.status.in_([WebhookStatus.APPLIED, WebhookStatus.IGNORED])
        return or_(
            done & (WebhookEvent.received_at < now - timedelta(days=self.applied_days)),
            (WebhookEvent.status == WebhookStatus.DEAD)
            & (WebhookEvent.received_at < now - timedelta(days=self.dead_days)),
        )
