"""Reads of invitations: those of the caller's own living organizations, for ADMIN, OWNER and administrators."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from domain.clock import Clock
from domain.db import Page, Session, Slice, keyset
from domain.errors import Forbidden
from domain.organizations.models import Invitation, InvitationStatus, Membership, Organization
from domain.organizations.places import rank
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

    async def require(self, session: Session, organization_id: str) -> None:
        """Let pass whoever may list the invitations of an organization that they can see.

        Raises:
            Forbidden: the caller's role is too low.
        """
        own = await rank(session, self.scope, organization_id)
        if own not in _HOSTS:
            raise Forbidden

    async def page(
        self, session: Session, organization_id: str, *, status: InvitationStatus | None, page: Page
    ) -> Slice[Invitation]:
        """Read one page of an organization's invitations, newest first, of this status when given."""
        query = self._of(organization_id, status)
        return await keyset(session, query, page=page, by=Invitation.created_at, id=Invitation.id, descending=True)

    async def count(self, session: Session, organization_id: str, *, status: InvitationStatus | None) -> int:
        """Count what `page` lists."""
        query = self._of(organization_id, status).with_only_columns(func.count(), maintain_column_froms=True)
        return (await session.execute(query)).scalar_one()

    def _of(self, organization_id: str, status: InvitationStatus | None) -> Select[Invitation]:
        query = select(Invitation).where(Invitation.organization_id == organization_id)
        return query if status is None else query.where(self._stands(status))

    def _stands(self, status: InvitationStatus) -> ColumnElement[bool]:
        """Say in SQL what `Invitation.status_at` says of a row."""
        now = self.clock.now()
        pending = Invitation.status == InvitationStatus.PENDING
        if status is InvitationStatus.PENDING:
            return and_(pending, Invitation.expires_at > now)
        if status is InvitationStatus.EXPIRED:
            return or_(Invitation.status == status, and_(pending, Invitation.expires_at <= now))
        return Invitation.status == status
