"""Audit rows. Only appended: triggers in the database refuse to update or delete them on both engines."""

from datetime import datetime
from typing import Any

from domain import ids
from domain.audit.models import AuditEvent, UnsealedEvent
from domain.db import Session
from domain.ids import AuditEventId, OrganizationId, Prefix
from domain.scope import Scope


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
    event_id = AuditEventId(ids.new(Prefix.AUDIT_EVENT, at=at))
    session.add(UnsealedEvent(audit_event_id=event_id))
    session.add(
        AuditEvent(
            id=event_id,
            occurred_at=at,
            action=action,
            actor_kind=scope.actor.kind,
            actor_id=scope.actor.id,
            organization_id=organization_id,
            subject_id=subject_id,
            request_id=scope.request_id,
            idempotency_key=session.idempotency_key,
            before=before,
            after=after,
        )
    )
