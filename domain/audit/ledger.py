"""Audit rows. Only appended: triggers in the database refuse to update or delete them on both engines."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from domain import ids
from domain.db import Base, JsonDocument, Key, Session, UtcDateTime
from domain.ids import AuditEventId, OrganizationId, Prefix
from domain.scope import Scope


class AuditEvent(Base):
    """One command: who did what to which subject, and the subject before and after. Holds ids, never names."""

    __tablename__ = "audit_events"

    id: Mapped[AuditEventId] = mapped_column(Key, primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(Key)
    actor_kind: Mapped[str] = mapped_column(Key)
    actor_id: Mapped[str] = mapped_column(Key)
    organization_id: Mapped[OrganizationId | None] = mapped_column(Key)
    subject_id: Mapped[str] = mapped_column(Key)
    request_id: Mapped[str | None] = mapped_column(Key)
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)

    __table_args__ = (Index(None, "organization_id", "occurred_at", "id"), Index(None, "subject_id", "occurred_at"))


async def record(
    session: Session,
    action: str,
    *,
    scope: Scope,
    at: datetime,
    subject_id: str,
    organization_id: OrganizationId | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write the row of one command beside the command's own writes; either both stay or neither does.

    It is sent with the next statement or the commit, whichever comes first.
    """
    session.add(
        AuditEvent(
            id=ids.new(Prefix.AUDIT_EVENT, at=at),
            occurred_at=at,
            action=action,
            actor_kind=scope.actor.kind,
            actor_id=scope.actor.id,
            organization_id=organization_id,
            subject_id=subject_id,
            request_id=scope.request_id,
            before=before,
            after=after,
        )
    )
