"""How invitations end, and what is remembered of them.

Whoever ends one has locked its organization and has a run of callbacks.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from domain import audit, rights
from domain.db import Session
from domain.organizations import policy
from domain.organizations.callbacks import CallbackRun, OrganizationCallbacks
from domain.organizations.models import Invitation, InvitationStatus, Organization
from domain.organizations.reading import rank
from domain.scope import Scope

_BY_ID = select(Invitation).where(Invitation.id == bindparam("invitation")).execution_options(populate_existing=True)
_PENDING = (
    select(Invitation)
    .where(Invitation.organization_id == bindparam("organization"), Invitation.status == InvitationStatus.PENDING)
    .execution_options(populate_existing=True)
)
_PENDING_FOR = _PENDING.where(Invitation.email == bindparam("email"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """Ends invitations within one command's run of callbacks, at one instant."""

    run: CallbackRun
    scope: Scope
    now: datetime

    async def end(self, session: Session, invitation: Invitation, outcome: InvitationStatus) -> None:
        """Write down how a pending invitation has ended, and tell it. Expiring has no `ended_at`: `expires_at` says it.

        Raises:
            CallbackRefused: a host refused.
        """
        invitation.status = outcome
        invitation.ended_at = None if outcome is InvitationStatus.EXPIRED else self.now
        invitation.tidy_at = None
        await session.flush()
        await self.run(
            OrganizationCallbacks.after_invitation_end,
            session=session,
            invitation=invitation,
            outcome=outcome,
            scope=self.scope,
        )

    async def supersede(self, session: Session, *, organization: Organization, email: str | None) -> Invitation | None:
        """End the pending invitation of an address, if there is one, because something takes its place.

        Raises:
            Forbidden: it is living, and offers a role that the caller may not take back.
            CallbackRefused: a host refused.
        """
        if email is None:
            return None
        values = {"organization": organization.id, "email": email}
        invitation = (await session.execute(_PENDING_FOR, values)).scalar_one_or_none()
        if invitation is None:
            return None
        outcome = self._unless_expired(invitation, InvitationStatus.SUPERSEDED)
        if outcome is InvitationStatus.SUPERSEDED:
            # Otherwise an ADMIN could take an OWNER's offer back by making a lesser one.
            own = await rank(session, self.scope, organization.id)
            policy.require(self.scope, own, rights.change_of(invitation.role))
        await self.end(session, invitation, outcome)
        return invitation

    async def revoke_all(self, session: Session, *, organization: Organization) -> None:
        """End every pending invitation of an organization, because it is going.

        Raises:
            CallbackRefused: a host refused.
        """
        found = await session.execute(_PENDING.order_by(Invitation.id), {"organization": organization.id})
        for invitation in found.scalars().all():
            await self.end(session, invitation, self._unless_expired(invitation, InvitationStatus.REVOKED))

    def _unless_expired(self, invitation: Invitation, outcome: InvitationStatus) -> InvitationStatus:
        expired = invitation.status_at(self.now) is InvitationStatus.EXPIRED
        return InvitationStatus.EXPIRED if expired else outcome


async def find_invitation(session: Session, id: str) -> Invitation | None:
    """Find an invitation as it stands now; whether the caller may know of it is the caller's business."""
    return (await session.execute(_BY_ID, {"invitation": id})).scalar_one_or_none()


async def record(
    session: Session,
    action: str,
    invitation: Invitation,
    *,
    scope: Scope,
    at: datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write the ledger's row of a command on an invitation. The address is no part of it."""
    await audit.record(
        session,
        action,
        scope=scope,
        at=at,
        subject_id=invitation.id,
        organization_id=invitation.organization_id,
        before=before,
        after={"role": invitation.role, "status": invitation.status} | (after or {}),
    )
