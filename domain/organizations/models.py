"""The tables of organizations, memberships and invitations."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from domain.db import Base, Key, UtcDateTime, closed
from domain.ids import InvitationId, MembershipId, OrganizationId, UserId
from domain.scope import ActorKind, Role


class Organization(Base):
    """A tenant: who belongs together and pays together. Deleted, it is hidden until it is restored or goes for good.

    `purge_at` is when the worker takes it away, or tries again to; null while it lives.
    """

    __tablename__ = "organizations"

    id: Mapped[OrganizationId] = mapped_column(Key, primary_key=True)
    slug: Mapped[str] = mapped_column(Key)
    name: Mapped[str] = mapped_column(Key)
    external_id: Mapped[str | None] = mapped_column(Key, unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    restorable_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    purge_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_organizations_living_slug",
            "slug",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(None, "purge_at"),
    )


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


class InvitationStatus(StrEnum):
    """How an invitation stands. A pending one has expired from its `expires_at` on, written down or not."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


class Invitation(Base):
    """A place offered to an e-mail address (lower case). The token is made of the id, the nonce and a secret key.

    `ended_at` stays null when it expires. `tidy_at` is when the worker writes its expiry down; null once it has ended.
    """

    __tablename__ = "invitations"

    id: Mapped[InvitationId] = mapped_column(Key, primary_key=True)
    organization_id: Mapped[OrganizationId] = mapped_column(Key, ForeignKey("organizations.id"))
    email: Mapped[str] = mapped_column(Key)
    role: Mapped[Role] = mapped_column(closed(Role, name="role"))
    status: Mapped[InvitationStatus] = mapped_column(closed(InvitationStatus, name="status"))
    invited_by_kind: Mapped[ActorKind] = mapped_column(closed(ActorKind, name="invited_by_kind"))
    invited_by_id: Mapped[str] = mapped_column(Key)
    nonce: Mapped[str] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tidy_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_invitations_pending_email",
            "organization_id",
            "email",
            unique=True,
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(None, "organization_id", "created_at", "id"),
        Index(None, "organization_id", "status", "expires_at"),
        Index(None, "tidy_at"),
    )

    def status_at(self, now: datetime) -> InvitationStatus:
        """Say how it stands at an instant, whether its expiry has been written down or not."""
        over = self.status is InvitationStatus.PENDING and self.expires_at <= now
        return InvitationStatus.EXPIRED if over else self.status
