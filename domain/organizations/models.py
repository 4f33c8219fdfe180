"""The tables of organizations and memberships."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, UtcDateTime, closed
from domain.ids import MembershipId, OrganizationId, UserId
from domain.scope import Role


class Organization(Base):
    """A tenant: who belongs together and pays together."""

    __tablename__ = "organizations"

    id: Mapped[OrganizationId] = mapped_column(Key, primary_key=True)
    slug: Mapped[str] = mapped_column(Key, unique=True)
    name: Mapped[str] = mapped_column(Key)
    external_id: Mapped[str | None] = mapped_column(Key, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Membership(Base):
    """A user's place in an organization. Removed means gone."""

    __tablename__ = "memberships"

    id: Mapped[MembershipId] = mapped_column(Key, primary_key=True)
    organization_id: Mapped[OrganizationId] = mapped_column(Key, ForeignKey("organizations.id"))
    user_id: Mapped[UserId] = mapped_column(Key, ForeignKey("users.id"))
    role: Mapped[Role] = mapped_column(closed(Role, name="role"))
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("organization_id", "user_id"),
        Index(None, "organization_id", "joined_at", "id"),
        Index(None, "user_id", "joined_at", "id"),
    )
