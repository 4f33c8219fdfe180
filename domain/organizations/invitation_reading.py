"""Reads of invitations: those of the caller's own living organizations, for ADMIN, OWNER and administrators."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from domain.clock import Clock
from domain.db import Listing, Session
from domain.errors import Forbidden
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.scope import Role, Scope

_HOSTS = (Role.OWNER, Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationReading:
    """Every read of invitations that one caller may make. Expiry is told by the clock at the time of reading."""

    scope: Scope
    clock: Clock

    async def invitation(self, session: Session, id: str) -> Invitation | None:
        """Find an invitation that the caller may see."""
        return (await self.by_id(session, [id])).get(id)

    async def by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Invitation]:
        """Find many invitations at once; those that the caller may not see are left out."""
        query = select(Invitation).where(Invitation.id.in_(ids))
        if not self.scope.administrator:
            own = (
                select(Membership.organization_id)
                .join(Organization, Organization.id == Membership.organization_id)
                .where(
                    Membership.user_id == self.scope.user_id,
                    Membership.role.in_(_HOSTS),
                    Organization.deleted_at.is_(None),
                )
            )
            query = query.where(Invitation.organization_id.in_(own))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    def of(
        self, organization: Organization, *, role: Role | None, status: InvitationStatus | None
    ) -> Listing[Invitation]:
        """List an organization's invitations, newest first, of this status when given. `role` is the caller's in it.

        Raises:
            Forbidden: the role is too low, or the organization is deleted.
        """
        if not self.scope.administrator and (organization.deleted_at is not None or role not in _HOSTS):
            raise Forbidden
        query = select(Invitation).where(Invitation.organization_id == organization.id)
        chosen = query if status is None else query.where(self._stands(status))
        return Listing(entity=Invitation, queries=[chosen], by=Invitation.created_at, id=Invitation.id, descending=True)

    def _stands(self, status: InvitationStatus) -> ColumnElement[bool]:
        """Say in SQL what `Invitation.status_at` says of a row."""
        now = self.clock.now()
        pending = Invitation.status == InvitationStatus.PENDING
        if status is InvitationStatus.PENDING:
            return and_(pending, Invitation.expires_at > now)
        if status is InvitationStatus.EXPIRED:
            return or_(Invitation.status == status, and_(pending, Invitation.expires_at <= now))
        return Invitation.status == status
