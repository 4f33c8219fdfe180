"""Reads of invitations of living organizations: for their ADMIN and OWNER, for keys that may change members.

Administrators read those of deleted ones too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, or_, select

from domain.clock import Clock
from domain.db import Listing, Session
from domain.errors import Forbidden
from domain.ids import OrganizationId
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.rights import CHANGE_MEMBERS
from domain.scope import Role, Scope

_INVITING = tuple(role for role in Role if role.rank >= CHANGE_MEMBERS.role.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationReading:
    """Every read of invitations that one caller may make. Expiry is told by the clock at the time of reading."""

    scope: Scope
    clock: Clock

    async def invitation(self, session: Session, id: str) -> Invitation | None:
        """Find an invitation that the caller may see."""
        return (await self.by_id(session, [id])).get(id)

    async def by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Invitation]:
        """Find many invitations at once; those that the caller may not see are left out.

        Raises:
            Forbidden: the key lacks the scope.
        """
        self.scope.require(CHANGE_MEMBERS.scope)
        query = select(Invitation).where(Invitation.id.in_(ids))
        if not self.scope.administrator:
            query = query.where(Invitation.organization_id.in_(self._own()))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    def of(
        self, organization: Organization, *, rank: Role | None, status: InvitationStatus | None
    ) -> Listing[Invitation]:
        """List an organization's invitations, newest first, of this status when given.

        `rank` is as what the caller acts in it.

        Raises:
            Forbidden: the role is too low, the key lacks the scope, or the organization is deleted.
        """
        if not self.scope.administrator and organization.deleted_at is not None:
            raise Forbidden
        CHANGE_MEMBERS.require(self.scope, rank)
        query = select(Invitation).where(Invitation.organization_id == organization.id)
        chosen = query if status is None else query.where(self._stands(status))
        return Listing(entity=Invitation, queries=[chosen], by=Invitation.created_at, id=Invitation.id, descending=True)

    def _own(self) -> Select[OrganizationId]:
        """Select the living organizations of whose invitations the caller may hear."""
        living = select(Organization.id).where(Organization.deleted_at.is_(None))
        if self.scope.everywhere:
            return living
        if self.scope.confined_to is not None:
            return living.where(Organization.id == self.scope.confined_to)
        own = select(Membership.organization_id).where(
            Membership.user_id == self.scope.user_id, Membership.role.in_(_INVITING)
        )
        return living.where(Organization.id.in_(own))

    def _stands(self, status: InvitationStatus) -> ColumnElement[bool]:
        """Say in SQL what `Invitation.status_at` says of a row."""
        now = self.clock.now()
        pending = Invitation.status == InvitationStatus.PENDING
        if status is InvitationStatus.PENDING:
            return and_(pending, Invitation.expires_at > now)
        if status is InvitationStatus.EXPIRED:
            return or_(Invitation.status == status, and_(pending, Invitation.expires_at <= now))
        return Invitation.status == status
