"""What API keys ask of organizations: whether theirs lives, whose it is, and as what somebody acts in it."""

from sqlalchemy import ColumnElement, Select, false, func, select
from sqlalchemy.orm import InstrumentedAttribute

from domain.db import Session
from domain.ids import OrganizationId, UserId
from domain.organizations.models import Organization
from domain.organizations.places import locked, rank
from domain.organizations.reading import organizations_owned_by
from domain.scope import Role, Scope


class KeyTenants:
    """Tells of organizations as `identity.Tenants` asks."""

    def lives(self, organization_id: InstrumentedAttribute[OrganizationId | None]) -> ColumnElement[bool]:
        """Say in SQL whether an organization is there and not deleted.

        As the one value of a row: for EXISTS, PostgreSQL may choose to read all living organizations first.
        """
        living = select(Organization.deleted_at.is_(None)).where(Organization.id == organization_id)
        return func.coalesce(living.scalar_subquery(), false())

    def owned_by(self, user_id: UserId | None) -> Select[OrganizationId]:
        """Select the ids of the living organizations whose OWNER a user is."""
        return organizations_owned_by(user_id)

    async def rank(self, session: Session, scope: Scope, organization_id: str) -> Role | None:
        """Hold a living organization still, and say as what the caller acts in it."""
        if await locked(session, organization_id) is None:
            return None
        return await rank(session, scope, organization_id)
