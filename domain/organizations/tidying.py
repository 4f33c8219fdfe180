"""Writing down which invitations have expired. Nothing waits for it: reads and claims look at the clock themselves."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, select

from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import contained
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.endings import Endings, record
from domain.organizations.models import Invitation, InvitationStatus
from domain.organizations.places import locked
from domain.scope import system

log = logging.getLogger(__name__)

POSTPONED = timedelta(hours=1)

_DUE = (
    select(Invitation)
    .where(Invitation.tidy_at <= bindparam("now"))
    .order_by(Invitation.tidy_at, Invitation.id)
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidying:
    """Ends invitations whose time is over, in the worker's name."""

    database: Database
    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float

    async def tidy_due(self) -> int:
        """End what has expired, one invitation in each transaction, and say how many were looked at.

        Where a callback refuses, the invitation is looked at again in an hour, and the others go on.
        """
        looked_at = 0
        while due := await self.database.run(partial(_next, now=self.clock.now())):
            ended = await contained(self.database.run(partial(self._end, due=due)), log=log, where="invitation expiry")
            if ended.error is not None:
                await self.database.run(partial(_postpone, id=due.id, until=self.clock.now() + POSTPONED))
            looked_at += 1
        return looked_at

    async def _end(self, session: Session, *, due: Invitation) -> None:
        await locked(session, due.organization_id)
        # A deleted organization cannot be locked, so that two workers meet here.
        invitation = await session.get(Invitation, due.id, populate_existing=True, with_for_update={"key_share": True})
        now = self.clock.now()
        if invitation is None or invitation.tidy_at is None:
            # Another worker has ended it, or somebody else meanwhile.
            return
        scope = system("worker")
        run = CallbackRun(self.callbacks, operation="expireInvitation", seconds=self.callback_seconds)
        await Endings(run=run, scope=scope, now=now).end(session, invitation, InvitationStatus.EXPIRED)
        await record(session, "invitation.expired", invitation, scope=scope, at=now)


async def _next(session: Session, *, now: datetime) -> Invitation | None:
    return (await session.execute(_DUE, {"now": now})).scalar_one_or_none()


async def _postpone(session: Session, *, id: str, until: datetime) -> None:
    invitation = await session.get(Invitation, id, with_for_update={"key_share": True})
    if invitation is not None and invitation.tidy_at is not None:
        invitation.tidy_at = until
