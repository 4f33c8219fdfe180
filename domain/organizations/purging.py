"""Taking deleted organizations away for good once nobody may restore them any more. The worker alone comes here."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, delete, select

from domain import audit, identity
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import contained
from domain.ids import OrganizationId
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.models import Invitation, Membership, Organization
from domain.organizations.places import Places
from domain.scope import system

log = logging.getLogger(__name__)

AT_ONCE = 20
MEMBERS_AT_ONCE = 50
# As long as a transaction may keep others waiting for its locks.
SECONDS_AT_ONCE = 1.0
PAUSE_AFTER_A_FAILURE = timedelta(hours=1)
SCOPE = system("worker")

_DUE = select(Organization.id).where(Organization.purge_at < bindparam("now")).order_by(Organization.purge_at)
_LOCK = (
    select(Organization)
    .where(Organization.id == bindparam("organization"), Organization.purge_at < bindparam("now"))
    .with_for_update(key_share=True)
)
_SOME_MEMBERS = (
    select(Membership)
    .where(Membership.organization_id == bindparam("organization"))
    .order_by(Membership.joined_at, Membership.id)
    .limit(MEMBERS_AT_ONCE)
)
_INVITATIONS = delete(Invitation).where(Invitation.organization_id == bindparam("organization"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Purging:
    """Lets the members of long deleted organizations out and takes the organizations away."""

    database: Database
    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    callback_seconds: float

    async def purge_due(self) -> int:
        """Take away what nobody may restore any more, and say how many organizations that were.

        One that a host does not let go is logged and left for an hour; the others do not wait for it.
        """
        async with self.database.snapshot() as session:
            due = (await session.execute(_DUE.limit(AT_ONCE), {"now": self.clock.now()})).scalars().all()
        outcomes = [await self._try(organization_id) for organization_id in due]
        return outcomes.count(True)

    async def _try(self, organization_id: OrganizationId) -> bool:
        outcome = await contained(self._purge(organization_id), log=log, where=f"purge of {organization_id}")
        if outcome.error is not None:
            await self.database.run(
                partial(_postpone, organization_id=organization_id, until=self.clock.now() + PAUSE_AFTER_A_FAILURE)
            )
        return outcome.error is None

    async def _purge(self, organization_id: OrganizationId) -> None:
        """Empty the organization in several short transactions, however many members it has, and end it in the last."""
        step = partial(self._step, organization_id=organization_id)
        while await self.database.run(step):
            """Some have gone, and more may be left."""

    async def _step(self, session: Session, *, organization_id: OrganizationId) -> bool:
        """Let some members out, and say whether there may be more; otherwise nothing is left."""
        now = self.clock.now()
        organization = await _held(session, organization_id, now=now)
        if organization is None:
            return False
        if not await self._empty(session, organization, at=now):
            return True
        await session.execute(_INVITATIONS, {"organization": organization.id})
        await identity.drop_keys(session, organization.id)
        await session.delete(organization)
        await audit.record(
            session,
            "organization.purged",
            scope=SCOPE,
            at=now,
            subject_id=organization.id,
            organization_id=organization.id,
            before={"slug": organization.slug},
        )
        return False

    async def _empty(self, session: Session, organization: Organization, *, at: datetime) -> bool:
        """Let members out for as long as one transaction may last, and say whether all are out."""
        members = (await session.execute(_SOME_MEMBERS, {"organization": organization.id})).scalars().all()
        time = asyncio.get_running_loop().time
        end = time() + SECONDS_AT_ONCE
        for membership in members:
            if time() > end:
                return False
            await self._let_out(session, membership, at=at)
        return len(members) < MEMBERS_AT_ONCE

    async def _let_out(self, session: Session, membership: Membership, *, at: datetime) -> None:
        # Each has the whole time of a command: a slow host delays the others, but keeps nobody in.
        run = CallbackRun(self.callbacks, operation="purgeOrganization", seconds=self.callback_seconds)
        await Places(clock=self.clock, run=run).leave(session, membership=membership, scope=SCOPE)
        await audit.record(
            session,
            "membership.removed",
            scope=SCOPE,
            at=at,
            subject_id=membership.id,
            organization_id=membership.organization_id,
            before={"user_id": membership.user_id, "role": membership.role},
        )


async def _held(session: Session, organization_id: OrganizationId, *, now: datetime) -> Organization | None:
    """Hold an organization that is due; None when another worker was faster."""
    return (await session.execute(_LOCK, {"organization": organization_id, "now": now})).scalar_one_or_none()


async def _postpone(session: Session, *, organization_id: OrganizationId, until: datetime) -> None:
    organization = await session.get(Organization, organization_id, with_for_update={"key_share": True})
    if organization is not None and organization.purge_at is not None:
        organization.purge_at = until
