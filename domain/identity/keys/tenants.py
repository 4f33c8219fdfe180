"""What keys need to know of organizations, which stand a floor above: handed in by wiring."""

from typing import Protocol

from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import InstrumentedAttribute

from domain.db import Session
from domain.ids import OrganizationId, UserId
from domain.scope import Role, Scope


class Tenants(Protocol):
    """Tells of organizations in SQL, so that a key and its organization are read at once."""

    def lives(self, organization_id: InstrumentedAttribute[OrganizationId | None]) -> ColumnElement[bool]:
        """Say in SQL whether an organization is there and not deleted, at a cost that does not grow with them."""

    def owned_by(self, user_id: UserId | None) -> Select[OrganizationId]:
        """Select the ids of the living organizations whose OWNER a user is."""

    async def rank(self, session: Session, scope: Scope, organization_id: str) -> Role | None:
        """Hold a living organization still, and say as what the caller acts in it; None: it is not there for them."""
